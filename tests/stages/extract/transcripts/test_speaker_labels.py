"""Nobody's words are given to another: what may be a label, and is not known, ends a turn."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.transcripts.speaker_labels import n_doubtful
from hilbert.stages.extract.transcripts.transcript import parse_transcript

Said = tuple[str | None, str]
Layout = Callable[[Sequence[str]], str]


def said(text: str) -> list[Said]:
    return [(turn.speaker, turn.text) for turn in parse_transcript(text.encode())]


def in_cues(lines: Sequence[str]) -> str:
    cues = (f"00:{i:02d}.000 --> 00:{i + 1:02d}.000\n{line}" for i, line in enumerate(lines))
    return "\n\n".join(["WEBVTT", *cues])


def with_stamps(lines: Sequence[str]) -> str:
    return "\n".join(f"[00:{i:02d}] {line}" for i, line in enumerate(lines))


LAYOUTS = pytest.mark.parametrize("layout", [in_cues, with_stamps, "\n\n".join, "\n".join])


@LAYOUTS
@pytest.mark.parametrize(
    "name",
    ["15551234567", "301", "Jane Doe, PhD", "Smith, Anna", "Maria del Carmen Lopez Garcia",
     "Ms. Maria del Carmen Lopez", "🎤 Dr Jane", '"Bob" Smith', "#2", "Anna's iPhone (2)"],
)  # fmt: skip
def test_labels_of_many_kinds_that_repeat(layout: Layout, name: str) -> None:
    lines = ["Participant: One.", f"{name}: Two.", "Participant: Three.", f"{name}: Four."]
    assert said(layout(lines)) == [
        ("Participant", "One."), (name, "Two."), ("Participant", "Three."), (name, "Four."),
    ]  # fmt: skip


@LAYOUTS
@pytest.mark.parametrize(
    "label", ["{}:", "[{}]:", "[{}:]", "({}):", "**{}:**", "*{}:", ">> {}:", "- {}:", "\u200b{}:"]
)
def test_labels_are_written_in_many_ways(layout: Layout, label: str) -> None:
    ann, bob = label.format("Ann"), label.format("Bob")
    lines = [f"{ann} One.", f"{bob} Two.", f"{ann} Three."]
    assert said(layout(lines)) == [("Ann", "One."), ("Bob", "Two."), ("Ann", "Three.")]


@LAYOUTS
def test_no_blank_behind_the_colon(layout: Layout) -> None:
    lines = ["P: Sad.", "I:Why?", "P: Dunno.", "I:At 10:30?"]
    assert said(layout(lines)) == [("P", "Sad."), ("I", "Why?"), ("P", "Dunno."),
                                   ("I", "At 10:30?")]  # fmt: skip


@pytest.mark.parametrize("layout", [in_cues, "\n\n".join])
def test_names_in_brackets_without_a_colon(layout: Layout) -> None:
    for ann, bob in (("[Ann]", "[Bob]"), ("<Interviewer>", "<Participant>")):
        lines = [f"{ann} One.", f"{bob} Two.", f"{ann} Three.", f"{bob} Four."]
        names = ann.strip("[]<>"), bob.strip("[]<>")
        assert said(layout(lines)) == [
            (names[0], "One."), (names[1], "Two."), (names[0], "Three."), (names[1], "Four."),
        ]  # fmt: skip


@pytest.mark.parametrize("layout", [in_cues, "\n\n".join])
@pytest.mark.parametrize(
    "name", ["[SPEAKER_00]: ", "[speaker 0] ", "(speaker 1) ", "[Speaker A]: "]
)
def test_names_of_a_diarisation_need_not_repeat(layout: Layout, name: str) -> None:
    lines = ["One.", "Two.", f"{name}Three.", "Four."]
    found = said(layout(lines))
    assert found[0][0] is None
    assert " ".join(text for who, text in found if who == name.strip(" []():")) == "Three. Four."


@LAYOUTS
@pytest.mark.parametrize(
    "line",
    ["interviewer: Why?", "Jane Doe, PhD: Why?", "Interviewer:Why?", "[interviewer] Why?",
     "Dr. Jane Doe (she/her), Department of Psychology: Why?", "301: Why?", "P?: Why?",
     "(speaker ?) Why?", ">> Why?", "- Why?", "— Why?", "Ann (laughing): Why?", "#2: Why?",
     "Ann [laughing] : Why?", "[laughs] interviewer: Why?", ">> 10:30?", "maria del carmen: Why?"],
)  # fmt: skip
def test_what_may_be_a_label_ends_the_turn_before(layout: Layout, line: str) -> None:
    """Nobody speaks until the next label, and no word is lost."""
    lines = ["Ann: One.", line, "And more.", "Ann: Two.", "Ann: Three.", "Ann: Four."]
    found = said(layout(lines))
    assert [text for who, text in found if who == "Ann"] == ["One.", "Two.", "Three.", "Four."]
    if layout is not with_stamps:
        assert {who for who, _ in found} == {"Ann", None}
    assert " ".join(text for who, text in found if who is None) == f"{line} And more."


@LAYOUTS
@pytest.mark.parametrize(
    "line",
    ["10:30 we met.", "at 10:30 we met.", "[laughs] Well.", "(inaudible) it was.", "https://x.org",
     "see https://x.org: there"],
)  # fmt: skip
def test_what_is_no_label_goes_on(layout: Layout, line: str) -> None:
    found = said(layout(["Ann: One.", line, "Bob: Two.", "Ann: Three."]))
    assert " ".join(text for who, text in found if who == "Ann") == f"One. {line} Three."


def test_a_clock_behind_a_name_that_is_known_is_nobody_s() -> None:
    text = "Speaker 1:Hi.\nSpeaker 2:Yes.\nSpeaker 1:10 came.\nSpeaker 2:No.\nSpeaker 1:Well."
    assert said(text)[2] == (None, "Speaker 1:10 came.")


@LAYOUTS
def test_one_label_alone_holds_for_its_own_line(layout: Layout) -> None:
    """The answers are not by the one who asks."""
    found = said(layout(["Q: Why?", "I was sad.", "It hurt.", "Q: And now?", "Well.", "Q: So?"]))
    assert [text for who, text in found if who == "Q"] == ["Why?", "And now?", "So?"]
    assert {who for who, _ in found} == {"Q", None}
    assert " ".join(text for who, text in found if who is None) == "I was sad. It hurt. Well."


def test_one_label_alone_holds_for_what_is_below_it() -> None:
    assert said("Q:\n\nWhy is\nit?\n\nI was sad.\n\nQ: And?") == [
        ("Q", "Why is it?"), (None, "I was sad."), ("Q", "And?"),
    ]  # fmt: skip
    assert said("Q 0:01\nWhy?\nAnd how?\n\nQ 0:05\nSo?") == [("Q", "Why? And how?"), ("Q", "So?")]
    assert said(in_cues(["[speaker 0]\nWhy?", "And how?"])) == [
        ("speaker 0", "Why?"), ("speaker 0", "And how?"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["??: Why?", "_: Why?", "[?]: Why?", "[?] Why?", "[[Jane]] Why?", "**Jane** Why?", "» Why?",
     "12:30 jane: Why?", "[0:03] jane: Why?", "P12:30 people.", "Jane 0:05: Why?", "jane﹕ Why?",
     "JANE DOE, PHD, UNIVERSITY OF SOMEWHERE VERY FAR AWAY INDEED: Why?"],
)  # fmt: skip
@pytest.mark.parametrize("layout", [in_cues, "\n\n".join])
def test_other_signs_of_a_name_end_a_turn(layout: Layout, line: str) -> None:
    found = said(layout(["Ann: One.", "Bob: Two.", line, "Ann: Three.", "Bob: Four."]))
    assert [pair for pair in found if pair[0] is None] == [(None, line)]
    assert len(found) == 5


def test_a_time_before_a_label_is_no_part_of_it() -> None:
    found = said("Ann: One.\n\n12:30 Bob: Two.\n\n[laughs] Ann: Three.\n\nBob: Four.")
    assert found[1:3] == [("Bob", "12:30 Two."), ("Ann", "[laughs] Three.")]


def test_a_mark_within_a_cue_ends_the_turn() -> None:
    assert said(in_cues(["ANN: One. >> Two.", "ANN: Three. >> BOB: Four."])) == [
        ("ANN", "One."), (None, ">> Two."), ("ANN", "Three."), ("BOB", "Four."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "lines",
    [
        ["1: apples are red.", "2: pears are green.", "3: both are fruit."],
        ["(a) one is here", "(b) two is here", "(a) three is here"],
        ["(1) one", "(2) two", "(1) three", "(2) four"],
        ["[Music] It begins.", "It goes on.", "[Music] It ends.", "[Applause] It is over."],
        ["- How old are you?", "- Forty two.", "- I see."],
        [">> How old are you?", ">> Forty two."],
        ["Well, then I said: no.", "And I said, again: no.", "So it was."],
    ],
)
@pytest.mark.parametrize("layout", [in_cues, "\n\n".join])
def test_without_speakers_nothing_changes(layout: Layout, lines: list[str]) -> None:
    assert said(layout(lines)) == [(None, line) for line in lines]


words = st.text("ab,.?! :>-[]()0", min_size=1, max_size=20)


@given(st.lists(st.tuples(st.sampled_from(["Ann: ", "Bob: ", "", "x: ", "[y] "]), words)))
def test_nobody_is_given_a_line_that_may_begin_with_a_label(lines: list[tuple[str, str]]) -> None:
    known = [("Ann: ", ""), ("Bob: ", "")] * 2
    text = "".join(f"{label}w{said}\n" for label, said in [*known, *lines])
    turns = parse_transcript(text.encode())
    assert n_doubtful(turns) >= sum(turn.text.startswith("x: ") for turn in turns)
    for turn in turns:
        if turn.speaker in ("Ann", "Bob"):
            assert "x: " not in turn.text[:3]
