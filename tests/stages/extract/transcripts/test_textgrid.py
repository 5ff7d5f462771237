"""TextGrids of both forms: one speaker a tier, every interval once, faults named by number."""

import tempfile
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from praatio import textgrid
from praatio.data_classes.interval_tier import IntervalTier
from praatio.data_classes.textgrid import Textgrid

from hilbert.stages.extract.transcripts.transcript import parse_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn

Interval = tuple[object, object, str]
HEADER = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'


def long_form(**tiers: list[Interval]) -> str:
    lines = ["xmin = 0", "xmax = 9", "tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for i, (name, intervals) in enumerate(tiers.items(), start=1):
        lines += [f"    item [{i}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        lines += ["        xmin = 0", "        xmax = 9"]
        lines += [f"        intervals: size = {len(intervals)}"]
        for j, (start, end, label) in enumerate(intervals, start=1):
            lines += [f"        intervals [{j}]:", f"            xmin = {start}"]
            lines += [f"            xmax = {end}", f'            text = "{label}"']
    return HEADER + "\n".join(lines) + "\n"


def short_form(**tiers: list[Interval]) -> str:
    lines: list[object] = [0, 9, "<exists>", len(tiers)]
    for name, intervals in tiers.items():
        lines += ['"IntervalTier"', f'"{name}"', 0, 9, len(intervals)]
        lines += [part for start, end, label in intervals for part in (start, end, f'"{label}"')]
    return HEADER + "\n".join(map(str, lines)) + "\n"


FORMS = pytest.mark.parametrize("form", [long_form, short_form])


def turns(text: str) -> tuple[Turn, ...]:
    return parse_transcript(text.encode())


@FORMS
def test_one_speaker_a_tier(form: type) -> None:
    text = form(
        Ann=[(0, 1.5, "Hello  there,"), (1.5, 2, ""), (2, 3.25, "she said go.")],
        Bob=[(0, 2, " "), (2, 2.5, "No ! 1 <exists> intervals [2]: item [3]")],
    )
    assert turns(text.replace("said go", 'said ""go""')) == (
        Turn("Hello there,", "Ann", 0.0, 1.5),
        Turn('she said "go".', "Ann", 2.0, 3.25),
        Turn("No ! 1 <exists> intervals [2]: item [3]", "Bob", 2.0, 2.5),
    )


@FORMS
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings(form: type, encoding: str, newline: str) -> None:
    text = form(Zoë=[(0, 1, "Grüße")]).replace("\n", newline)
    assert parse_transcript(text.encode(encoding)) == (Turn("Grüße", "Zoë", 0.0, 1.0),)


def test_other_ways_to_write_it() -> None:
    text = long_form(Ann=[(0, "1e-1", "Hi.")])
    expected = (Turn("Hi.", "Ann", 0.0, 0.1),)
    assert turns(text.replace(' = "', '="').replace("= 0", "=0")) == expected
    assert turns(text.replace("xmin", "! a comment 5\nxmin", 1)) == expected
    assert turns(short_form(Ann=[(0, "1e-1", "Hi.")]).replace("\n", " ")) == expected
    assert turns(text.replace('"ooTextFile"', '"ooTextFile short"')) == expected


def test_points_are_no_turns() -> None:
    text = short_form(Ann=[(0, 1, "Hi.")]).replace("<exists>\n1", "<exists>\n2")
    text += '"TextTier"\n"Ann"\n0\n9\n2\n0.5\n"clap"\n1.5\n"IntervalTier"\n'
    assert turns(text) == (Turn("Hi.", "Ann", 0.0, 1.0),)


def test_silences_are_no_turns() -> None:
    intervals = [(i, i + 1, label) for i, label in enumerate(["sil", "Hi.", "SP", "<p:>", "#"])]
    assert turns(short_form(Ann=[*intervals])) == (Turn("Hi.", "Ann", 1.0, 2.0),)


WORDS: list[Interval] = [(0, 0.5, "hello"), (0.5, 1, "there"), (1, 2, ""), (2, 2.5, "bye")]
SOUNDS: list[Interval] = [(0, 0.2, "HH"), (0.2, 0.5, "AH")]


class TestForcedAlignment:
    def test_words_become_turns(self) -> None:
        expected = (Turn("hello there", None, 0.0, 1.0), Turn("bye", None, 2.0, 2.5))
        assert turns(long_form(words=WORDS, phones=SOUNDS)) == expected

    @pytest.mark.parametrize(
        "names",
        ["ORT-MAU", "ORT-MAU KAN-MAU MAU", "ORT KAN MAU", "ORT KAN", "MAU ORT KAS MAS",
         "ORT ORT-MAU KAN-MAU MAU", "Word Phone"],
    )  # fmt: skip
    def test_sounds_are_not_said(self, names: str) -> None:
        of_words = {"ORT", "ORT-MAU", "Word"}
        tiers = {name: WORDS if name in of_words else SOUNDS for name in names.split()}
        expected = (Turn("hello there", None, 0.0, 1.0), Turn("bye", None, 2.0, 2.5))
        assert turns(long_form(**tiers)) == expected
        said: list[Interval] = [(0, 2.5, "Hello there, bye.")]
        assert turns(long_form(Ann=said, **tiers)) == (Turn("Hello there, bye.", "Ann", 0.0, 2.5),)

    def test_one_name_alone_may_be_a_speaker_s(self) -> None:
        for name in ("KAN", "ORT", "KAS"):
            assert turns(long_form(**{name: WORDS, "Ann": WORDS}))[0].speaker == name

    def test_names_with_underscores(self) -> None:
        found = turns(long_form(Ann_words=WORDS, Ann_phones=SOUNDS))
        assert [(turn.text, turn.speaker) for turn in found] == [
            ("hello there", "Ann"), ("bye", "Ann"),
        ]  # fmt: skip

    @pytest.mark.parametrize(("of_words", "of_sounds"), [
        ("Ann words", "Ann phones"), ("words Ann", "phones Ann"), ("Ann  word", "Ann Phonemes"),
    ])  # fmt: skip
    def test_names_with_blanks(self, of_words: str, of_sounds: str) -> None:
        tiers = {of_words: WORDS, of_sounds: SOUNDS, of_words.replace("Ann", "Bob B"): WORDS}
        assert [(turn.text, turn.speaker) for turn in turns(long_form(**tiers))] == [
            ("hello there", "Ann"), ("hello there", "Bob B"), ("bye", "Ann"), ("bye", "Bob B"),
        ]  # fmt: skip

    def test_of_several_speakers(self) -> None:
        tiers = {"Ann - words": WORDS, "Ann - phones": SOUNDS, "Bob - words": WORDS}
        found = turns(long_form(**tiers))
        assert [(turn.text, turn.speaker) for turn in found] == [
            ("hello there", "Ann"), ("hello there", "Bob"), ("bye", "Ann"), ("bye", "Bob"),
        ]  # fmt: skip

    def test_words_do_not_repeat_a_tier_of_turns(self) -> None:
        tiers = {"Ann": [(0, 2.5, "Hello there, bye.")], "Ann - words": WORDS}
        assert turns(long_form(**tiers, words=WORDS)) == (
            Turn("Hello there, bye.", "Ann", 0.0, 2.5),
        )


class TestWhichTiersAreSaid:
    """What is said survives every tier that may stand beside it."""

    SAID = (Turn("hello there", None, 0.0, 1.0), Turn("bye", None, 2.0, 2.5))
    UTTERANCE: ClassVar[list[Interval]] = [(0, 2.5, "Hello there, bye.")]

    @pytest.mark.parametrize(
        ("name", "label"),
        [("notes", "cough"), ("stress", "1"), ("comments", "she laughs at him"), ("pos", "UH"),
         ("creak", "1"), ("Ann - events", "cough"), ("English translation", "salut a tous"),
         ("utterance_id", "utt001"), ("voice", "sounding"), ("F0", "high"), ("B", "x"),
         ("trl", "salut"), ("\u00dcbersetzung", "salut"), ("U\u0308bersetzung", "salut"),
         ("Kommentar", "hustet"), ("Ann Notizen", "hustet"), ("Ann-Blick", "zu Bob")],
    )  # fmt: skip
    def test_remarks_and_activity_beside_words(self, name: str, label: str) -> None:
        tiers = {"words": WORDS, "phones": SOUNDS, name: [(0, 2.2, label)]}
        assert turns(long_form(**tiers)) == self.SAID

    @pytest.mark.parametrize(
        "names",
        ["Word Segment", "Word Seg", "TokensAlign PhonAlign", "tokens Syllables", "Word Klang"],
    )
    def test_sounds_of_other_names(self, names: str) -> None:
        sounds = [(i / 10, (i + 1) / 10, label) for i, label in enumerate(["HH", "AH", "L", "OW"])]
        first, second = names.split()
        assert turns(long_form(**{first: WORDS, second: sounds})) == self.SAID

    def test_the_tiers_of_sppas(self) -> None:
        ipus = [(0, 1, "ipu_1"), (1, 2, "#"), (2, 2.5, "ipu_2")]
        tiers = {"TokensAlign": WORDS, "PhonAlign": SOUNDS, "IPUs": ipus, "SyllAlign": SOUNDS}
        assert turns(long_form(**tiers)) == self.SAID
        assert turns(long_form(Transcription=self.UTTERANCE, **tiers)) == (
            Turn("Hello there, bye.", None, 0.0, 2.5),
        )

    def test_events_among_words(self) -> None:
        words = [*WORDS, (3, 4, "<unk>"), (4, 5, "[noise]"), (5, 6, "{LG}")]
        assert turns(long_form(words=words)) == self.SAID

    @pytest.mark.parametrize("name", ["silences", "Ann"])
    def test_activity_alone_is_refused(self, name: str) -> None:
        cells = [(0, 0.5, "silent"), (0.5, 4, "sounding"), (4, 6, "silent")]
        with pytest.raises(
            DocumentError, match=r"tier 1 .* tells sounds, remarks or when"
        ) as error:
            turns(long_form(**{name: cells}))
        assert name not in str(error.value)
        assert turns(long_form(**{name: cells, "Bob": [(0, 1, "Hi.")]}))[0].text == "Hi."

    def test_what_may_be_anything_is_refused(self) -> None:
        with pytest.raises(DocumentError, match=r"tier 2 .* beside tier 1 of words") as error:
            turns(long_form(words=WORDS, secret=[(5, 6, "secret")]))
        assert "secret" not in str(error.value)
        tiers = {"Ann - words": WORDS, "secret": self.UTTERANCE}  # the same by two names
        with pytest.raises(DocumentError, match=r"tier 2 .* those of its speaker"):
            turns(long_form(**tiers))
        with pytest.raises(DocumentError, match=r"tiers 1 and 2 .* may each be what is said"):
            turns(long_form(text=self.UTTERANCE, sentence=[(0, 1, "secret")]))

    def test_tiers_that_repeat_one_another(self) -> None:
        tokens = [(0, 1, "hello there"), (2, 2.5, "bye")]
        assert turns(long_form(Tokens=tokens, TokensAlign=WORDS, words=WORDS)) == self.SAID
        with pytest.raises(DocumentError, match=r"tiers 1 and 2 .* of different times"):
            turns(long_form(words=WORDS, word=[(4, 5, "secret"), (5, 6, "secret")]))
        tiers = {"Ann - text": self.UTTERANCE, "Ann - sentence": self.UTTERANCE}
        with pytest.raises(DocumentError, match=r"tiers 1 and 2 .* by the same"):
            turns(long_form(**tiers))
        later = {"text": self.UTTERANCE, "sentence": [(3, 4, "Yes.")]}
        assert [turn.text for turn in turns(long_form(**later))] == ["Hello there, bye.", "Yes."]

    def test_utterances_of_half_the_words_are_refused(self) -> None:
        with pytest.raises(DocumentError, match=r"tier 2 .* 3 words, of which tier 1 covers 2"):
            turns(long_form(Ann=[(0, 1, "Hello there")], words=WORDS))

    def test_whose_tiers_of_utterances_are(self) -> None:
        text = long_form(**{"Ann - utterance": self.UTTERANCE, "text@Bob": [(3, 4, "Yes.")],
                            "Ann - word": WORDS, "Ann - phone": SOUNDS})  # fmt: skip
        assert [(turn.speaker, turn.text) for turn in turns(text.replace("text@Bob", "notes"))] == [
            ("Ann", "Hello there, bye."),
        ]  # fmt: skip
        text = long_form(**{"Ann - utterance": self.UTTERANCE, "text@Bob": [(3, 4, "Yes.")]})
        assert [turn.speaker for turn in turns(text)] == ["Ann", "Bob"]

    @pytest.mark.parametrize("name", [
        "Ann_orth", "Ann Transcript", "transcript Ann", "Ann-Transkription", "Ann trs", "Ann-Spch",
    ])  # fmt: skip
    def test_names_of_utterances(self, name: str) -> None:
        tiers = {name: self.UTTERANCE, name.replace("Ann", "Bob"): [(3, 4, "Yes.")]}
        assert [turn.speaker for turn in turns(long_form(**tiers))] == ["Ann", "Bob"]

    @pytest.mark.parametrize("name", ["transcript", "words"])
    def test_a_tier_of_speakers_tells_whose_they_are(self, name: str) -> None:
        cells = [(0, 1, "hello"), (2, 3, "bye")]
        text = long_form(**{name: cells, "speaker": [(0, 1.5, "A"), (1.5, 3, "B")]})
        assert [turn.speaker for turn in turns(text)] == ["A", "B"]
        text = long_form(**{name: cells, "speaker": [(0, 1.5, "INT"), (1.5, 3, "PAR")]})
        assert [(turn.speaker, turn.text) for turn in turns(text)] == [
            ("INT", "hello"), ("PAR", "bye"),
        ]  # fmt: skip

    @pytest.mark.parametrize("name", ["Ann", "Interview 3", "Ann - words", "Ann text", "rede"])
    def test_one_tier_beside_that_of_speakers_is_said(self, name: str) -> None:
        cells = [(0, 1, "hello"), (2, 3, "bye")]
        for of_speakers in ("Sprecher", "speaker", "Speaker Role"):
            names = [(0, 1.5, "INT"), (1.5, 3, "PAR")]
            found = turns(long_form(**{name: cells, of_speakers: names}))
            assert [(turn.speaker, turn.text) for turn in found] == [
                ("INT", "hello"), ("PAR", "bye"),
            ]  # fmt: skip

    def test_a_speaker_that_is_called_so_may_speak(self) -> None:
        cells = [(0, 1, "I see."), (1, 2, "How are you?"), (2, 3, "Go on then.")]
        found = turns(long_form(Interviewer=[(3, 4, "Yes.")], Speaker=cells))
        assert [turn.speaker for turn in found] == ["Speaker"] * 3 + ["Interviewer"]

    def test_one_speaker_says_one_thing_at_a_time(self) -> None:
        tiers = {"Ann": [(0, 2.5, "Salut.")], "Ann - utterance": self.UTTERANCE}
        assert [turn.text for turn in turns(long_form(**tiers))] == ["Hello there, bye."]
        tiers = {"Ann": [(3, 4, "Yes.")], "Ann - utterance": self.UTTERANCE}
        assert [turn.text for turn in turns(long_form(**tiers))] == ["Hello there, bye.", "Yes."]

    def test_names_of_speakers_are_no_kinds(self) -> None:
        for name in ("SPEAKER_00", "Speaker 1", "Noel", "Line", "Tone", "Mary Tone", "Line 2",
                     "Text 1", "TRL", "TRS", "Sprecher 1"):  # fmt: skip
            found = turns(long_form(**{name: self.UTTERANCE, "Ann": [(3, 4, "Yes.")]}))
            assert [turn.speaker for turn in found] == [name, "Ann"]
        assert turns(long_form(speaker=self.UTTERANCE))[0].text == "Hello there, bye."
        with pytest.raises(DocumentError, match="tier 1"):
            turns(long_form(speaker=[(0, 1, "INT"), (1, 2, "PAR")]))


@FORMS
@pytest.mark.parametrize(
    ("interval", "message"),
    [
        (("x", 3, "secret"), "interval 2 of tier 1 .* lacks a number"),
        ((2, "", "secret"), r"interval 2 of tier 1 .* lacks a number \(line"),
        (("1,5", 3, "secret"), "interval 2 of tier 1 .* lacks a number"),
        ((-2, 3, "secret"), r"interval 2 of tier 1 .* starts before 0 \(-2 s\)"),
        ((-2, 3, ""), "interval 2 of tier 1 .* starts before 0"),
        ((3, 2, "secret"), "interval 2 of tier 1 .* ends .* before it starts"),
        ((2, "1e999", "secret"), "interval 2 of tier 1 .* not finite"),
        ((2, 3, 'sec"ret'), "quotes that does not end"),
    ],
)
def test_bad_intervals(form: type, interval: Interval, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as error:
        turns(form(Ann=[(0, 1, "secret"), interval]))
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


@FORMS
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("TextGrid", "Pitch", "a file of Praat, but no TextGrid"),
        ("IntervalTier", "KlattTier", "tier 1 .* neither of intervals nor of points"),
        ("<exists>", "0", "the header .* lacks the flag"),
        ("Ann", "my name is secret and long", "tier 1 .* names a speaker of 6 words"),
    ],
)
def test_bad_structure(form: type, old: str, new: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as error:
        turns(form(Ann=[(0, 1, "secret")]).replace(old, new))
    assert "secret" not in str(error.value)


@FORMS
@pytest.mark.parametrize(("size", "message"), [
    ("3", "ends amid interval 3 of tier 1"), ("1", "goes on after the last interval"),
    ("1.5", "tier 1 .* no count"), ("-1", "tier 1 .* no count"), ("1e99", "ends amid interval 3"),
])  # fmt: skip
def test_sizes_must_be_right(form: type, size: str, message: str) -> None:
    text = form(Ann=[(0, 1, "secret"), (1, 2, "secret")])
    old, new = ("size = 2", f"size = {size}") if form is long_form else ("\n2\n", f"\n{size}\n")
    assert old in text
    with pytest.raises(DocumentError, match=message):
        turns(text.replace(old, new, 1))


@FORMS
def test_no_truncation_goes_unnoticed(form: type) -> None:
    text = form(Ann=[(0, 1, "secret words"), (1, 2, "secret words")]).rstrip()
    for length in range(len(HEADER), len(text)):
        with pytest.raises(DocumentError):
            turns(text[:length])


def test_a_binary_file() -> None:
    with pytest.raises(DocumentError, match="binary file of Praat"):
        parse_transcript(b"ooBinaryFile\x08TextGrid\x00\x00")


labels = st.text("ab \"'!0.[]=:\u00e9", max_size=12).map(str.strip)
tiers = st.lists(
    st.lists(st.tuples(st.integers(1, 5000), labels), min_size=1, max_size=6), max_size=3
)


@given(tiers, st.sampled_from(["short_textgrid", "long_textgrid"]))
def test_reads_what_praatio_writes(tiers: list[list[tuple[int, str]]], form: str) -> None:
    grid, expected = Textgrid(0, 100), [Turn("Hi", "S", 0.0, 100.0)]
    grid.addTier(IntervalTier("S", [(0, 100, "Hi")], 0, 100))
    for i, intervals in enumerate(tiers):
        entries, at = [], 0
        for length, label in intervals:
            if label:
                entries.append((at / 1000, (at + length) / 1000, label))
            at += length
        entries.append((90, 91, "said"))  # a tier without letters says nothing
        grid.addTier(IntervalTier(f"S{i}", entries, 0, 100))
        expected += [Turn(" ".join(label.split()), f"S{i}", a, b) for a, b, label in entries]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.TextGrid"
        grid.save(str(path), form, includeBlankSpaces=True)
        found = parse_transcript(path.read_bytes())
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_praatio_agrees_on_a_sample(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(long_form(Ann=[(0, 1, "One"), (1, 2, ""), (2, 3, "two 2.")]))
    entries = textgrid.openTextgrid(str(path), includeEmptyIntervals=False).getTier("Ann").entries
    assert [Turn(e.label, "Ann", e.start, e.end) for e in entries] == list(turns(path.read_text()))
