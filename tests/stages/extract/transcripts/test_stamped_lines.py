"""Exports of plain text with stamps: who speaks and from when, and no stamp in the text."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.transcripts.plain_text import parse_plain_text
from hilbert.stages.extract.transcripts.timing import SECONDS_PER_WORD
from hilbert.stages.extract.transcripts.transcript import detect_format, parse_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn

LAST_S = 65 + 2 * SECONDS_PER_WORD
EXPECTED = (
    Turn("How are you?", "Interviewer", 1.0, 4.0),
    Turn("Good, thanks.", "Speaker 2", 4.0, 65.0),
    Turn("And now?", "Interviewer", 65.0, LAST_S),
)


def turns(text: str) -> tuple[Turn, ...]:
    assert detect_format(text) == "plain"
    return parse_transcript(text.encode())


def written(layout: str, *, point: str = "") -> str:
    return "".join(
        layout.format(name=turn.speaker, text=turn.text, s=_clock(turn.start_s or 0.0) + point)
        for turn in EXPECTED
    )


def _clock(at_s: float) -> str:
    return f"{int(at_s) // 60:02d}:{int(at_s) % 60:02d}"


@pytest.mark.parametrize(
    "layout",
    [
        "[00:{s}] {name}: {text}\n",
        "[{s}] {name}: {text}\n\n",
        "({s}) {name}: {text}\n",
        "00:{s} {name}: {text}\r\n",
        "{s} - {name}: {text}\n",
        "[{s}]\n{name}: {text}\n",
        "{s} {name}:\n{text}\n\n",
        "{name} {s}\n{text}\n\n",
        "{name}  {s}  \n{text}\n",
        "{name} ({s}):\n{text}\n\n",
        "{name} [00:{s}]: {text}\n",
        "{name}: [{s}] {text}\n",
        "{name}:  {s}\n\n{text}\n\n",
        "[{name}] 00:{s}\n{text}\n\n",
        "[{s}] {name}\n{text}\n\n",
        "[{s}] - {name}\n{text}\n\n",
        "{s}\n\n{name}: {text}\n",
        "{s} - {name}\n{text}\n\n",
        "{s} {name}\n{text}\n",
        "{name}    00:{s}    {text}\n",
        "{name}\t{s}\t{text}\n\n",
        "00:{s}\t{name}\t{text}\n",
        "[{s}] - {name}: {text}\n",
        "{s}\n{name}\n{text}\n\n",
        "[00:{s}]\n{name}\n\n{text}\n\n",
        "{name}\n{s}\n{text}\n\n",
        "{name}\n[{s}]\n{text}\n\n",
    ],
)
def test_layouts(layout: str) -> None:
    assert turns(written(layout)) == EXPECTED
    if not layout.startswith("{s} {name}:\n"):
        assert turns(written(layout, point=".00")) == EXPECTED


def test_stamps_with_an_end_and_within_the_text() -> None:
    text = "[0:01 - 0:02.5] A: One [0:02] two.\n[0:04 - 0:05] B: Three\n(0:06)\nand four."
    assert turns(text) == (
        Turn("One two.", "A", 1.0, 2.5),
        Turn("Three", "B", 4.0, 5.0),
        Turn("and four.", "B", 6.0, 6.0 + 2 * SECONDS_PER_WORD),
    )


def test_bracketed_stamps_alone() -> None:
    assert turns("[00:00] One.\n[00:02] Two.\n") == (
        Turn("One.", None, 0.0, 2.0),
        Turn("Two.", None, 2.0, 2.0 + SECONDS_PER_WORD),
    )


def test_what_has_no_stamp_shares_the_time_around() -> None:
    text = "Interview 3\n[0:10] A: One two three.\nB: Four.\n[0:14] A: Five.\nand six.\n"
    assert turns(text) == (
        Turn("Interview 3", None, 0.0, 10.0),
        Turn("One two three.", "A", 10.0, 13.0, is_shared=True),
        Turn("Four.", "B", 13.0, 14.0, is_shared=True),
        Turn("Five. and six.", "A", 14.0, 14.0 + 3 * SECONDS_PER_WORD),
    )


def test_names_that_are_no_words() -> None:
    """Of Otter and Teams."""
    for name in ("301", "Smith, Anna", "15551234567", "Maria del Carmen Lopez Garcia"):
        text = f"Interviewer  0:01\nOne.\n\n{name}   0:04\nTwo.\n\nInterviewer  0:06\nThree.\n"
        found = [(turn.speaker, turn.text, turn.start_s) for turn in turns(text)]
        assert found == [("Interviewer", "One.", 1.0), (name, "Two.", 4.0),
                         ("Interviewer", "Three.", 6.0)]  # fmt: skip


@pytest.mark.parametrize(
    "line", ["and more of it 0:04", "Jane Doe, psychologist 0:04", "0:04 jane, the doctor: Two."]
)
def test_a_stamp_with_what_may_be_a_name_ends_the_turn(line: str) -> None:
    text = f"Ann 0:01\nOne.\n\n{line}\nAnd more.\n\nAnn 0:06\nThree.\n\nAnn 0:09\nFour.\n"
    found = turns(text)
    assert [turn.text for turn in found if turn.speaker == "Ann"] == ["One.", "Three.", "Four."]
    assert " ".join(turn.text for turn in found if turn.speaker is None) == f"{line} And more."


def test_names_behind_stamps_and_one_that_is_none() -> None:
    """Of Trint and Happy Scribe."""
    said = ["Speaker 1", "Speaker 2", "the man, far off", "Speaker 1"]
    text = "\n\n".join(f"[0:0{i}] {name}\nSo it is {i}." for i, name in enumerate(said))
    assert [(turn.speaker, turn.text) for turn in turns(text)] == [
        ("Speaker 1", "So it is 0."),
        ("Speaker 2", "So it is 1."),
        (None, "the man, far off So it is 2."),
        ("Speaker 1", "So it is 3."),
    ]
    bare = text.replace("[", "").replace("]", " -")
    assert [turn.speaker for turn in turns(bare)] == ["Speaker 1", "Speaker 2", None, "Speaker 1"]
    twice = "[0:01] Interviewer\nHow is it?\n\n[0:04] Participant\nWell.\n"
    assert [turn.speaker for turn in turns(twice)] == ["Interviewer", "Participant"]
    broken = "[0:01] Yes we\nwent there.\n[0:04] We did\nnot stay.\n"
    assert [turn.text for turn in turns(broken)] == ["Yes we went there.", "We did not stay."]


@pytest.mark.parametrize("layout", ["{s}\n{name}\n{text}\n\n", "{name}\n{s}\n{text}\n\n"])
def test_a_stamp_on_its_own_with_what_is_no_name(layout: str) -> None:
    text = written(layout).replace("Speaker 2", "the man, far off")
    assert [turn.speaker for turn in turns(text)][:1] == ["Interviewer"]
    assert all("far off" not in turn.text or turn.speaker is None for turn in turns(text))
    assert "Good, thanks." in " ".join(t.text for t in turns(text) if t.speaker is None)
    captions = "0:00\nYes\n0:02\nNo\n0:04\nYes\n0:06\nNo\n"
    assert [(turn.speaker, turn.text) for turn in turns(captions)] == [
        (None, "Yes"), (None, "No"), (None, "Yes"), (None, "No"),
    ]  # fmt: skip


def test_stamps_alone_as_youtube_shows_them() -> None:
    assert turns("0:00\nhello there\n0:03\nI am well\n1:00:00\nand you\n") == (
        Turn("hello there", None, 0.0, 3.0),
        Turn("I am well", None, 3.0, 3600.0),
        Turn("and you", None, 3600.0, 3600 + 2 * SECONDS_PER_WORD),
    )
    assert {turn.start_s for turn in turns("0:09\nhello there\n0:03\nI am well\n")} == {None}


@pytest.mark.parametrize("stamp", ["[00:{:02d}]", "00:{:02d}:00", "[00:{:02d}] Ann: So."])
def test_stamps_too_far_apart_are_no_words_and_no_times(stamp: str) -> None:
    turn = "Ann: Well.\n\nBob: Yes.\n\n"
    found = turns("".join(f"{stamp.format(i)}\n\n{turn * 12}" for i in range(3)))
    assert {turn.start_s for turn in found} == {None}
    assert {(turn.speaker, turn.text) for turn in found} - {("Ann", "So.")} == {
        ("Ann", "Well."), ("Bob", "Yes."),
    }  # fmt: skip


def test_stamps_behind_a_turn_are_no_words() -> None:
    for stamp in ("#00:00:0{}-5#", "[00:00:0{}]", "(0:0{})"):
        lines = ("I: Why? {}", "B: I was sad {} and cold. {}", "I: So?")
        text = "\n\n".join(lines).replace("{}", stamp).format(3, 6, 8)
        assert [(turn.speaker, turn.text, turn.start_s) for turn in turns(text)] == [
            ("I", "Why?", None), ("B", "I was sad and cold.", None), ("I", "So?", None),
        ]  # fmt: skip


def test_what_otter_writes_above_and_below() -> None:
    above = "Interview 12\nMon, Mar 4, 2024 10:02AM • 12:31\n\nSUMMARY KEYWORDS\nknee, pain\n\n"
    above += "SPEAKERS\nSpeaker 1, Jane Doe\n\n"
    text = "Speaker 1  00:00\nOne.\n\nJane Doe  00:03\nTwo.\n\nSpeaker 1  00:06\nThree.\n\n"
    found = turns(f"{above}{text}Transcribed by https://otter.ai")
    assert found == turns(text)
    assert [turn.text for turn in found] == ["One.", "Two.", "Three."]


def test_out_of_order() -> None:
    found = turns("[0:09] A: Last.\n[0:01] B: First.\n")
    assert [(turn.text, turn.start_s, turn.end_s) for turn in found] == [
        ("First.", 1.0, 9.0),
        ("Last.", 9.0, 9.0 + SECONDS_PER_WORD),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "10:30 we met.\n11:00 we left.",
        "We met at 10:30\nand we left at 11:00\nfor good.",
        "Note: at 10:30.\nThen: at 11:00 or so.",
        "[00:01] A: one line proves nothing",
        "(a) one\n(b) two",
        "[00:01] One.\n[00:02] Two.\n" + "Prose.\n" * 30,
    ],
)
def test_prose_has_no_times(text: str) -> None:
    assert {turn.start_s for turn in turns(text)} == {None}


def test_a_stamp_that_runs_backwards() -> None:
    with pytest.raises(DocumentError, match=r"line 2 .*before it starts") as error:
        turns("[0:01] A: secret\n\n[0:05 - 0:04] B: secret\n")
    assert "secret" not in str(error.value)


sentences = st.from_regex(r"[a-z]{1,6}( [a-z]{1,6}){0,4}[.?]", fullmatch=True)
stamped = st.tuples(st.integers(0, 5000), st.sampled_from(["Ann", "Speaker 2"]), sentences)


@given(
    st.lists(stamped, min_size=2),
    st.sampled_from(["[{s}] {name}: {text}", "{name} {s}\n{text}"]),
)
def test_every_turn_comes_out_as_it_was(said: list[tuple[int, str, str]], layout: str) -> None:
    text = "\n".join(layout.format(s=_clock(at), name=name, text=text) for at, name, text in said)
    found = [(turn.start_s, turn.speaker, turn.text) for turn in parse_plain_text(text)]
    assert found == sorted(said, key=lambda one: one[0])


@pytest.mark.parametrize("part", ["[0:01] ", "0:01 ", "a ", "A: ", "[", "(0:01", "A 0:01 ", "1:"])
def test_hostile_lines_take_linear_time(part: str) -> None:
    start = time.process_time()
    text = "[0:01] A: b\n[0:02] B: c\n" + part * (200_000 // len(part))
    assert re.search("[bc]", " ".join(turn.text for turn in parse_plain_text(text)))
    assert time.process_time() - start < 2
