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
    ["interviewer: Why?", "Jane Doe, PhD: Why?", "Interviewer:Why?", "[Ann 2] Why?",
     "Dr. Jane Doe (she/her), Department of Psychology: Why?", "301: Why?", "P?: Why?",
     "(speaker ?) Why?", ">> Why?", "- Why?", "— Why?", "Bob (laughing): Why?", "#2: Why?",
     "Bob [laughing] : Why?", "[laughs] interviewer: Why?", ">> 10:30?", "maria del carmen: Why?"],
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
     "see https://x.org: there", "[NAME] is older.", "(Nods) yes.", "[DOOR SLAMS] what?",
     "[inaudible 00:03:11] and so.", "[phone rings]"],
)  # fmt: skip
def test_what_is_no_label_goes_on(layout: Layout, line: str) -> None:
    found = said(layout(["Ann: One.", line, "Bob: Two.", "Ann: Three.", "Bob: Four."]))
    assert " ".join(text for who, text in found if who == "Ann") == f"One. {line} Three."


@LAYOUTS
@pytest.mark.parametrize("line", ["Und: so.", "Problem: it.", "Date: 1 March.", "老板说：你好"])
def test_a_label_that_does_not_repeat_is_nobody(layout: Layout, line: str) -> None:
    lines = ["Ann: One.", line, "and more.", "Bob: Two.", "Ann: Three.", "Bob: Four."]
    found = said(layout(lines))
    assert {who for who, _ in found} <= {"Ann", "Bob", None}
    assert line in " ".join(text for who, text in found if who is None)


@LAYOUTS
def test_labels_that_need_not_repeat(layout: Layout) -> None:
    """Roles, the second of two that all lines begin with, and in texts where none repeats."""
    found = said(layout(["I: One.", "P: Two.", "Participant 2: Three.", "I: Four.", "P: Five."]))
    assert [who for who, _ in found] == ["I", "P", "Participant 2", "I", "P"]
    assert [who for who, _ in said(layout(["I: One.", "P: Two.", "I: Three."]))] == ["I", "P", "I"]
    assert [who for who, _ in said(layout(["I: One.", "P: Two."]))] == ["I", "P"]
    lines = ["嘉宾：因为工作太多。", "有一天老板跟我说：你可以走了。"]
    assert {who for who, _ in said(layout(lines))} <= {"嘉宾", None}


@pytest.mark.parametrize("line", ["Honestly: bad.", "Well. Question: is it on?", "[NAME] is bad."])
@pytest.mark.parametrize("more", ["", "\nIt went on. Reason: none."])
@pytest.mark.parametrize(
    "layout", ["{}:", "{} 0:0{}", "{} (00:0{}):", "[0:0{1}] {0}", "0:0{1} {0}"]
)
def test_what_is_below_a_label_alone_is_said_by_nobody_else(
    layout: str, line: str, more: str
) -> None:
    said_lines = ["How is it?", f"{line}{more}", "And then?", f"{line}{more}"]
    names = ["Interviewer", "Jane Doe"] * 2
    text = "\n\n".join(
        f"{layout.format(name, i)}\n{below}"
        for i, (name, below) in enumerate(zip(names, said_lines, strict=True))
    )
    expected = [" ".join(below.split()) for below in said_lines]
    assert said(text) == list(zip(names, expected, strict=True))


def test_labels_alone_in_cues() -> None:
    cues = ["Interviewer:\nHow?", "Participant:\nWell: fine.", "Reason: sun.", "Interviewer:\nOh."]
    assert said(in_cues(cues)) == [
        ("Interviewer", "How?"), ("Participant", "Well: fine."), ("Participant", "Reason: sun."),
        ("Interviewer", "Oh."),
    ]  # fmt: skip


def test_another_label_alone_ends_the_turn_above() -> None:
    text = "Ann:\nOne.\n\nBob:\nTwo.\n\nAnne:\nThree.\n\nAnn:\nFour.\n\nBob: Five."
    assert said(text) == [
        ("Ann", "One."), ("Bob", "Two."), (None, "Anne: Three."), ("Ann", "Four."),
        ("Bob", "Five."),
    ]  # fmt: skip


@LAYOUTS
@pytest.mark.parametrize(
    "label",
    ["interviewer:", "INTERVIEWER:", "Interviewer (laughing):", "Interviewer [to wife]:",
     "Interviewer (3:01 pm):", "00:05:09:12 Interviewer:", "[00:05:09:12] Interviewer:",
     "{05:09} Interviewer:", "#00:05:00-3# Interviewer:", "[05:09 min] Interviewer:",
     "10:30 AM Interviewer:", "2020-03-01 10:30 Interviewer:", "12/03/20, 10:30 - Interviewer:",
     "Mar 3, 10:30 Interviewer:", "1. Interviewer:", "Line 12 Interviewer:", "[12] Interviewer:"],
)  # fmt: skip
def test_a_label_that_is_known_in_other_words(layout: Layout, label: str) -> None:
    lines = ["Interviewer: One.", "P: Two.", f"{label} Three.", "P: Four.", "Interviewer: Five."]
    assert said(layout(lines)) == [
        ("Interviewer", "One."), ("P", "Two."), ("Interviewer", "Three."), ("P", "Four."),
        ("Interviewer", "Five."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "before",
    ["1. ", "001 ", "Line 1 ", "00:05:09:12 ", "[05:09 min] ", "10:30 AM ", "#00:05:00-3# "],
)
def test_what_stands_before_all_labels_is_no_part_of_them(before: str) -> None:
    lines = [f"{before}{name}: It is." for name in "IPIP"]
    assert said("\n".join(lines)) == [(name, "It is.") for name in "IPIP"]


@LAYOUTS
def test_a_label_holds_no_end_of_a_sentence(layout: Layout) -> None:
    lines = ["Ann: One.", "Hi Ann. Question: two?", "Prof. Smith: Three."] * 2
    found = said(layout(lines))
    assert [who for who, _ in found] == ["Ann", None, "Prof. Smith"] * 2


def test_numbers_of_all_lines_are_no_words() -> None:
    text = "1 I: How is it?\n2 P: Good. I\n3 think so.\n4 I: Oh.\n5 P: 3 years."
    assert said(text) == [("I", "How is it?"), ("P", "Good. I think so."), ("I", "Oh."),
                          ("P", "3 years.")]  # fmt: skip
    assert said("I: Take 5 of it.\nP: The 3 of us.")[1] == ("P", "The 3 of us.")
    assert said("I: How?\nP: For\n3 years.\nI: Oh.\nP: Yes.")[1] == ("P", "For 3 years.")


def test_roles_amid_labels_alone() -> None:
    text = "Ann:\nOne.\n\nBob:\nTwo.\n\nModerator: Three.\n\nAnn:\nFour.\n\nBob:\nFive."
    assert [who for who, _ in said(text)] == ["Ann", "Bob", "Moderator", "Ann", "Bob"]


def test_numbered_prose_has_no_speakers() -> None:
    text = "1. Problem: it is.\n\n2. Reason: none."
    assert said(text) == [(None, "1. Problem: it is."), (None, "2. Reason: none.")]


@LAYOUTS
def test_turns_that_run_on_in_a_line(layout: Layout) -> None:
    lines = ["I: How was it? P: Hard. I: Why?", "P: The job was P: hard", "I: Oh.", "P: Yes."]
    assert said(layout(lines)) == [
        ("I", "How was it?"), ("P", "Hard."), ("I", "Why?"), ("P", "The job was"),
        (None, "P: hard"), ("I", "Oh."), ("P", "Yes."),
    ]  # fmt: skip


@LAYOUTS
def test_words_of_another_in_brackets(layout: Layout) -> None:
    lines = ["I: How?", "B: It (I: mhm) was [I: ja] so //I: aha// bad.", "I: Oh.", "B: Yes."]
    assert said(layout(lines))[1:7] == [
        ("B", "It"), ("I", "mhm"), ("B", "was"), ("I", "ja"), ("B", "so"), ("I", "aha"),
    ]  # fmt: skip


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
    ["??: Why?", "_: Why?", "[?]: Why?", "[?] Why?", "**Jane** Why?", "» Why?",
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
    assert found[1:3] == [("Bob", "Two."), ("Ann", "[laughs] Three.")]


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
        ["Montag: Arzt.", "Dienstag: Chor.", "Mittwoch: nichts."],
        ["Today I did: all.", "- cooked: rice", "Tomorrow: more.", "Friday: none."],
        ["Well, then I said: no.", "And I said, again: no.", "So it was."],
    ],
)
@pytest.mark.parametrize("layout", [in_cues, "\n\n".join])
def test_without_speakers_nothing_changes(layout: Layout, lines: list[str]) -> None:
    assert said(layout(lines)) == [(None, line) for line in lines]


words = st.text("ab,.?! :>-[]()0", min_size=1, max_size=20)


@given(st.lists(st.tuples(st.sampled_from(["Ann: ", "Bob: ", "", "x: ", "[y] "]), words)))
def test_nobody_is_given_a_line_that_may_begin_with_a_label(lines: list[tuple[str, str]]) -> None:
    """What stands below a label alone is another matter."""
    known = [("Ann: ", ""), ("Bob: ", "")] * 2
    text = "".join(f"{label}w{said} w\n" for label, said in [*known, *lines])
    turns = parse_transcript(text.encode())
    assert n_doubtful(turns) >= sum(turn.text.startswith("x: ") for turn in turns)
    for turn in turns:
        if turn.speaker in ("Ann", "Bob"):
            assert "x: " not in turn.text[:3]


@pytest.mark.parametrize("other", ["?", "??", "Anne", "Ann 2", ">> Unknown", "P1/P2", "the mother"])
@pytest.mark.parametrize("layout", ["{0}:\n{1}", "{0} 0:0{2}\n{1}", "{0} (0:0{2}):\n{1}"])
def test_another_header_than_those_known_is_nobody_s(layout: str, other: str) -> None:
    names = ["Ann", "Bob", "Ann", other, "Bob", "Ann"]
    text = "\n\n".join(layout.format(name, f"It was w{i}.", i) for i, name in enumerate(names))
    found = said(text)
    assert [who for who, text in found if "w3" in text] in ([None], [other.strip("> ")])
    assert [who for who, text in found if "w3" not in text] == ["Ann", "Bob", "Ann", "Bob", "Ann"]


@pytest.mark.parametrize("other", ["[?]", "[Mother]", "[>> Bob]", "[Ann (laughing)]", "[the man]"])
@pytest.mark.parametrize("names", [("Ann", "Bob"), ("speaker 0", "speaker 1")])
def test_other_brackets_where_brackets_are_labels(names: tuple[str, str], other: str) -> None:
    lines = [f"[{name}] One." for name in names * 2]
    found = said("\n\n".join([*lines, f"{other} Two.", *lines]))
    assert [who for who, text in found if "Two." in text] == [None]
    assert [who for who, text in found if text == "One."] == [*names * 4]
