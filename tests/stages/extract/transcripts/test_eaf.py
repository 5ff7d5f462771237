"""ELAN's files: tiers that stand alone speak, those that hang on them repeat."""

import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pympi import Eaf

from hilbert.stages.extract.transcripts.transcript import parse_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn

SLOTS = {"ts1": 0, "ts2": 1000, "ts3": 2500, "ts4": None}


def aligned(name: str, start: str, end: str, text: str) -> str:
    return (
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}" TIME_SLOT_REF1="{start}" '
        f'TIME_SLOT_REF2="{end}"><ANNOTATION_VALUE>{text}</ANNOTATION_VALUE>'
        f"</ALIGNABLE_ANNOTATION></ANNOTATION>"
    )


def symbolic(name: str, above: str, text: str, previous: str = "") -> str:
    before = f' PREVIOUS_ANNOTATION="{previous}"' if previous else ""
    return (
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{name}" ANNOTATION_REF="{above}"{before}>'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )


def tier(name: str, *annotations: str, participant: str = "", above: str = "") -> str:
    more = f' PARTICIPANT="{participant}"' if participant else ""
    more += f' PARENT_REF="{above}"' if above else ""
    return f'<TIER TIER_ID="{name}" LINGUISTIC_TYPE_REF="x"{more}>\n{"".join(annotations)}</TIER>\n'


def eaf(*tiers: str, slots: dict[str, object] = SLOTS, units: str = "milliseconds") -> str:  # type: ignore[assignment]
    order = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="{name}"' + ("/>" if at is None else f' TIME_VALUE="{at}"/>')
        for name, at in slots.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT VERSION="3.0">\n'
        f'<HEADER TIME_UNITS="{units}"/>\n<TIME_ORDER>{order}</TIME_ORDER>\n{"".join(tiers)}'
        '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="x"/></ANNOTATION_DOCUMENT>'
    )


def turns(text: str, name: str = "") -> tuple[Turn, ...]:
    return parse_transcript(text.encode(), name=name)


HI = aligned("a1", "ts1", "ts2", "Hi &amp; bye.")


def test_speakers() -> None:
    text = eaf(
        tier("A", HI, participant="Ann Lee"),
        tier("Bob", aligned("a2", "ts2", "ts3", "  Yes,\nno. ")),
        tier("default", aligned("a3", "ts2", "ts3", "Who?"), aligned("a4", "ts1", "ts2", " ")),
        tier("empty"),
    )
    assert turns(text) == (
        Turn("Hi & bye.", "Ann Lee", 0.0, 1.0),
        Turn("Yes, no.", "Bob", 1.0, 2.5),
        Turn("Who?", None, 1.0, 2.5),
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding: str) -> None:
    text = eaf(tier("Zoë", aligned("a1", "ts1", "ts2", "Grüße")))
    for declared in ("UTF-8", "UTF-16", "ISO-8859-1"):
        data = text.replace("UTF-8", declared).encode(encoding)
        assert parse_transcript(data) == (Turn("Grüße", "Zoë", 0.0, 1.0),)


class TestTiersThatHangOnOthers:
    def test_repeat_what_is_said(self) -> None:
        below = tier("words", symbolic("a2", "a1", "Hi"), above="A")
        assert turns(eaf(tier("A", HI), below)) == (Turn("Hi & bye.", "A", 0.0, 1.0),)

    def test_tell_what_is_said_where_the_one_above_does_not(self) -> None:
        text = eaf(
            tier("ref", aligned("a1", "ts1", "ts2", "001"), participant="Ann"),
            tier("notes", symbolic("a2", "a1", "7"), above="ref"),
            tier("text", symbolic("a3", "a1", ""), above="ref"),
            tier(
                "words",
                symbolic("a6", "a3", "you?", previous="a5"),
                symbolic("a4", "a3", "How"),
                symbolic("a5", "a3", "are", previous="a4"),
                above="text",
            ),
            tier("gloss", symbolic("a7", "a3", "secret"), above="text"),
        )
        assert turns(text) == (Turn("How are you?", "Ann", 0.0, 1.0),)

    def test_with_times_of_their_own(self) -> None:
        text = eaf(
            tier("A", aligned("a1", "ts1", "ts2", ""), aligned("a2", "ts2", "ts3", "")),
            tier(
                "words",
                aligned("a3", "ts1", "ts4", "One"),
                aligned("a4", "ts4", "ts2", "two."),
                aligned("a5", "ts2", "ts3", "Three."),
                above="A",
            ),
        )
        assert [turn.text for turn in turns(text)] == ["One two.", "Three."]

    @pytest.mark.parametrize(
        ("above", "below"),
        [("ref@SP1", "tx@SP1"), ("A_phrase-segnum-en", "A_phrase-txt-qaa"), ("SP1", "tx@SP1")],
    )
    def test_ids_are_not_said(self, above: str, below: str) -> None:
        ids = aligned("a1", "ts1", "ts2", "text01_001"), aligned("a2", "ts2", "ts3", "text01_002")
        free = symbolic("a5", "a1", "Free words"), symbolic("a6", "a2", "of another language")
        other = [symbolic("a7", "a1", "Freie Worte"), symbolic("a8", "a2", "noch einmal")]
        text = eaf(
            tier(above, *ids),
            tier("ft@SP1", *free, above=above),
            tier("de", *other, above=above),
            tier(below, symbolic("a3", "a1", "How are you?"), symbolic("a4", "a2", "Well."),
                 above=above),
        )  # fmt: skip
        speaker = "A" if above.startswith("A_") else "SP1"
        assert turns(text) == (
            Turn("How are you?", speaker, 0.0, 1.0), Turn("Well.", speaker, 1.0, 2.5),
        )  # fmt: skip

    @pytest.mark.parametrize("stray", ["x", "hm, well", "..."])
    def test_the_tier_with_most_words_tells_what_is_said(self, stray: str) -> None:
        text = eaf(
            tier("Ann", aligned("a1", "ts1", "ts2", stray), aligned("a2", "ts2", "ts3", "")),
            tier("said", symbolic("a3", "a1", "How are you?"), symbolic("a4", "a2", "Well."),
                 above="Ann"),
        )  # fmt: skip
        assert [(turn.text, turn.speaker) for turn in turns(text)] == [
            ("How are you?", "Ann"), ("Well.", "Ann"),
        ]  # fmt: skip

    @pytest.mark.parametrize("name", ["Text", "A", "Interview 3", "default"])
    @pytest.mark.parametrize("participant", ["", "P01"])
    def test_tell_who_speaks(self, name: str, participant: str) -> None:
        said = tier(name, HI, aligned("a2", "ts2", "ts3", "Yes."), participant=participant)
        names = symbolic("a3", "a1", "INT"), symbolic("a4", "a2", "PAR")
        found = turns(eaf(said, tier("Speaker", *names, above=name)))
        assert found == (Turn("Hi & bye.", "INT", 0.0, 1.0), Turn("Yes.", "PAR", 1.0, 2.5))
        found = turns(eaf(said, tier("Sprecher", names[1], above=name)))
        assert [turn.speaker for turn in found] == [None, "PAR"]
        two = tier("who", *names, above=name) + tier("Speaker", above=name)
        assert [turn.speaker for turn in turns(eaf(said, two))] == ["INT", "PAR"]
        two = tier("who", *names, above=name) + tier(
            "Speaker", symbolic("a5", "a1", "A"), symbolic("a6", "a2", "B"), above=name
        )
        assert [turn.speaker for turn in turns(eaf(said, two))] == [None, None]

    def test_several_speakers_of_one_annotation_are_nobody(self) -> None:
        names = symbolic("a3", "a1", "INT"), symbolic("a4", "a1", "PAR", previous="a3")
        found = turns(eaf(tier("A", HI), tier("Speaker", *names, above="A")))
        assert [turn.speaker for turn in found] == [None]

    def test_a_tie_is_the_upper_one_s(self) -> None:
        text = eaf(
            tier("Ann", HI, aligned("a2", "ts2", "ts3", "Yes.")),
            tier("said", symbolic("a3", "a1", "Salut."), symbolic("a4", "a2", "Oui."), above="Ann"),
        )
        assert [turn.text for turn in turns(text)] == ["Hi & bye.", "Yes."]

    def test_many_levels_end(self) -> None:
        chain = [tier("t0", aligned("a0", "ts1", "ts2", ""))]
        chain += [tier(f"t{i}", symbolic(f"a{i}", f"a{i - 1}", ""), above=f"t{i - 1}")
                  for i in range(1, 3000)]  # fmt: skip
        with pytest.raises(DocumentError, match="no words"):
            turns(eaf(*chain))


class TestTiersBesideOneAnother:
    def test_remarks_are_not_said(self) -> None:
        beat = aligned("a2", "ts2", "ts3", "beat")
        text = eaf(tier("A-speech", HI, participant="Ann"), tier("A-gesture", beat))
        assert turns(text) == (Turn("Hi & bye.", "Ann", 0.0, 1.0),)

    @pytest.mark.parametrize("utterances", ["A-utterance", "A-Spch", "Transcript A", "A_speech"])
    def test_other_tiers_of_one_participant_are_gestures(self, utterances: str) -> None:
        for start, end in (("ts1", "ts2"), ("ts2", "ts3")):
            head = tier("A-head", aligned("a2", start, end, "nod"), participant="ann")
            text = eaf(tier(utterances, HI, participant="Ann"), head)
            assert turns(text) == (Turn("Hi & bye.", "Ann", 0.0, 1.0),)

    def test_tiers_of_one_participant_at_the_same_time_are_refused(self) -> None:
        for name in ("Ann-german", "more", "Ann - secret"):
            other = tier(name, aligned("a2", "ts1", "ts2", "secret"), participant="Ann")
            with pytest.raises(DocumentError, match=r"tiers 1 and 2 .* by the same") as error:
                turns(eaf(tier("Ann", HI, participant="Ann"), other))
            assert "secret" not in str(error.value)
        later = tier("Ann2", aligned("a2", "ts2", "ts3", "Yes."), participant="Ann")
        assert len(turns(eaf(tier("Ann", HI, participant="Ann"), later))) == 2

    def test_words_and_sounds_of_an_aligner(self) -> None:
        text = eaf(
            tier(
                "Ann - words", aligned("a1", "ts1", "ts2", "hi"), aligned("a2", "ts2", "ts3", "you")
            ),
            tier("Ann - phones", aligned("a3", "ts1", "ts2", "HH")),
        )
        assert turns(text) == (Turn("hi you", "Ann", 0.0, 2.5),)

    def test_nothing_else_is_refused(self) -> None:
        with pytest.raises(DocumentError, match=r"tiers 1 and 2 .* not what is said"):
            turns(eaf(tier("notes", HI), tier("A", aligned("a2", "ts1", "ts2", "sounding"))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (eaf(tier("A", HI), slots={"ts1": "x", "ts2": 5}), "time slot 1 .* no number"),
        (eaf(tier("A", HI), slots={"ts1": -5, "ts2": 5}), "annotation 1 of tier 1 .* before 0"),
        (
            eaf(tier("A", HI), slots={"ts1": 7, "ts2": 5}),
            "annotation 1 of tier 1 .* ends .* before",
        ),
        (eaf(tier("A", HI), slots={"ts1": 7, "ts2": None}), "annotation 1 of tier 1 .* no time"),
        (eaf(tier("A", HI), slots={"ts1": 7}), "annotation 1 of tier 1 .* no time; align"),
        (eaf(tier("A", HI), slots={"ts1": "1e999", "ts2": 5}), "annotation 1 .* not finite"),
        (eaf(tier("A", symbolic("a1", "a0", "secret"))), "annotation 1 of tier 1 .* no time"),
        (eaf(tier("A", HI), tier("A", aligned("a2", "ts1", "ts2", "x"))), "tier 2 .* another tier"),
        (eaf(tier("A", HI, HI)), "annotation 2 of tier 1 .* id of another"),
        (eaf(tier("A", HI, above="secret")), "tier 1 .* hangs on a tier that is not there"),
        (eaf(tier("A", HI), units="PAL-frames"), "counts time in frames"),
        (
            eaf(
                tier("A", aligned("a1", "ts1", "ts2", "")),
                tier("B", symbolic("a2", "a9", "secret"), above="A"),
            ),
            "annotation 1 of tier 2 .* belongs to no annotation",
        ),
        (eaf(tier("A", HI, participant="my name is secret and long")), "tier 1 .* of 6 words"),
        (eaf(), "no words"),
        (eaf(tier("A", HI))[:-9], "line 7 .* not well-formed XML"),
        (eaf(tier("A", aligned("a1", "ts1", "ts2", "<b>secret"))), r"line 6 .*\(mismatched tag\)"),
        (eaf(tier("A", aligned("a1", "ts1", "ts2", "secret&nbsp;"))), "undefined entity"),
        ("<?xml version='1.0'?><tt><p>secret</p></tt>", "no annotation document of ELAN"),
        ("<?xml version='1.0'?>", "line 1 .* not well-formed"),
    ],
)
def test_bad_files(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as error:
        turns(text)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


class TestHostileXml:
    BOMB = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))

    @pytest.mark.parametrize(
        "doctype",
        [
            f'<!DOCTYPE a [<!ENTITY e0 "ha">{BOMB}]>',
            f'<!DOCTYPE a [<!ENTITY e9 "{"x" * 100_000}">]>',
            '<!DOCTYPE a [<!ENTITY e9 SYSTEM "file:///etc/hostname">]>',
            '<!DOCTYPE a SYSTEM "http://localhost/secret.dtd">',
            '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>',
        ],
    )
    @pytest.mark.parametrize("head", ["<?xml version='1.0'?>", "", "\n "])
    def test_document_types_are_refused(self, doctype: str, head: str) -> None:
        body = f"<ANNOTATION_DOCUMENT>{'&e9;' * 1000}</ANNOTATION_DOCUMENT>"
        start = time.process_time()
        with pytest.raises(DocumentError, match="declares a document type") as error:
            turns(head + doctype + body)
        assert time.process_time() - start < 0.5
        assert "\n" not in str(error.value)

    def test_deep_and_long_files_end(self) -> None:
        start = time.process_time()
        deep = "<?xml version='1.0'?><ANNOTATION_DOCUMENT>" + "<a>" * 100_000
        with pytest.raises(DocumentError, match="not well-formed"):
            turns(deep)
        with pytest.raises(DocumentError, match="no words"):
            turns(deep + "</a>" * 100_000 + "</ANNOTATION_DOCUMENT>")
        assert time.process_time() - start < 2


@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"), st.integers(0, 10**6), st.integers(1, 10**5),
            st.text("ab&;\"' \u00e9", min_size=1).map(lambda text: f"oh {text}"),
        ),
        min_size=1,
    )
)  # fmt: skip
def test_reads_what_pympi_writes(said: list[tuple[str, int, int, str]]) -> None:
    document = Eaf()
    document.remove_tier("default")
    for name in "AB":
        document.add_tier(name, part=f"Person {name}")
    for name, start, length, text in said:
        document.add_annotation(name, start, start + length, text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.eaf"
        document.to_file(str(path))
        found = parse_transcript(path.read_bytes())
        back = Eaf(str(path))
        theirs = [
            (f"Person {name}", start / 1000, end / 1000)
            for name in "AB"
            for start, end, _ in back.get_annotation_data_for_tier(name)
        ]
    assert sorted((t.speaker, t.start_s, t.end_s) for t in found) == sorted(theirs)  # type: ignore[type-var]
    assert sorted(t.text for t in found) == sorted(" ".join(s[3].split()) for s in said)
