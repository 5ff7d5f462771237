"""CTM: single words become turns; a channel is a speaker where there are several."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.transcripts.transcript import detect_format, parse_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn


def turns(text: str, name: str = "") -> tuple[Turn, ...]:
    return parse_transcript(text.encode(), name=name)


def test_channels_and_pauses() -> None:
    text = (
        ";; a comment\nrec A 0.00 0.40 hello 0.99\nrec B 0.30 0.30 yes 1\nrec A 0.5 0.5 there\n\n"
        "rec A 1.51 0.2 well 0.5 lex\nrec B 2.0 0.1 (laughs) 0.5 non-lex\n"
    )
    assert turns(text) == (
        Turn("hello there", "A", 0.0, 1.0),
        Turn("yes", "B", 0.3, 0.6),
        Turn("well", "A", 1.51, 1.71),
    )


def test_speakers() -> None:
    text = (
        "rec 1 0.0 0.5 hello NA lex Ann\nrec 1 0.5 0.5 uh 1 fp Ann\n"
        "rec 1 1.0 0.5 bye 1 lex Bob\nrec 1 1.5 0.5 <eps> 1 lex <NA>\nrec 1 1.7 0.1 so 1 lex <NA>"
    )
    assert turns(text.replace(" NA ", " 0.9 ")) == (
        Turn("hello uh", "Ann", 0.0, 1.0), Turn("bye", "Bob", 1.0, 1.5), Turn("so", None, 1.7, 1.8),
    )  # fmt: skip


def test_two_channels_of_a_mixed_recording_are_two_speakers() -> None:
    text = "rec 1 0.0 0.5 hello\nrec 2 0.4 0.5 yes\nother 3 0.0 0.5 no"
    found = parse_transcript(text.encode(), name="a.ctm", recordings=("rec",))
    assert [(turn.speaker, turn.text) for turn in found] == [("1", "hello"), ("2", "yes")]
    # the channels of other recordings do not count
    (alone,) = parse_transcript(text.encode(), name="a.ctm", recordings=("other",))
    assert alone == Turn("no", None, 0.0, 0.5)


def test_one_channel_tells_nobody() -> None:
    assert turns("rec 1 0.0 0.5 hello") == (Turn("hello", None, 0.0, 0.5),)


def test_events_are_no_words() -> None:
    said = [
        "hello",
        "[noise]",
        "<unk>",
        "!SIL",
        "[LAUGHTER]",
        "<laugh>",
        "(laughs)",
        "{LG}",
        "(um)",
    ]
    text = "".join(f"rec 1 {i / 2:.1f} 0.5 {word} 0.9\n" for i, word in enumerate(said))
    assert turns(text) == (Turn("hello", None, 0.0, 0.5), Turn("(um)", None, 4.0, 4.5))


def test_first_of_alternatives() -> None:
    text = (
        "rec A 0.0 0.5 oh\nrec A * * <ALT_BEGIN>\nrec A 0.5 0.2 um\nrec A * * <ALT>\n"
        "rec A 0.5 0.2 uh\nrec A * * <ALT_END>\nrec A 0.7 0.2 well"
    )
    assert [turn.text for turn in turns(text)] == ["oh um well"]


@pytest.mark.parametrize("text", [
    "Room 4 10 20 people", "We met 4 10 times today", "a b c d e\nf g h i j",
    "At 1 1.5 2 miles\nwe stopped\nfor the night", "1 2 3.0 4 5 6 7 8 9",
])  # fmt: skip
def test_prose_is_no_ctm(text: str) -> None:
    assert detect_format(text) == "plain"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rec A x 0.5 secret", "line 2 .* no number"),
        ("rec A 1.0 NaN secret", "line 2 .* no number"),
        ("rec A 1.0 1e999 secret", "line 2 .* not finite"),
        ("rec A -1.0 0.5 secret", "line 2 .* starts before 0"),
        ("rec A 1.0 -0.5 secret", "line 2 .* before it starts"),
        ("rec A 1.0 secret", "line 2 .* 4 fields, a CTM 5 to 8"),
        ("secret A 1.0 0.5 secret", "holds 2 recordings; .*ctm"),
        ("rec A 1.0 0.5 secret words", "line 2 .* sixth field that is no confidence"),
        ("my rec A 1.0 0.5 secret 0.9", "line 2 .* sixth field that is no confidence"),
        (f"rec A 1.0 0.5 a 1 lex {'s' * 41}", "line 2 .* names a speaker"),
    ],
)
def test_bad_lines(line: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as error:
        turns(f"rec A 0.0 0.5 secret\n{line}\nrec A 3.0 0.5 secret")
    assert "secret" not in str(error.value)


def test_name_of_the_file_is_a_hint() -> None:
    text = "rec A x 0.5 secret\nrec A y 0.5 b\nrec A 1.0 0.5 c"
    assert detect_format(text) == "plain"
    with pytest.raises(DocumentError, match=r"line 1 .* no number"):
        turns(text, "a.ctm")


@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.integers(0, 10**5), st.integers(0, 2000),
                  st.sampled_from(["a", "b", "c's"])),
        min_size=1,
    )
)  # fmt: skip
def test_each_word_once_and_no_pause_within(words: list[tuple[str, int, int, str]]) -> None:
    text = "".join(f"rec {c} {at / 1000:.3f} {n / 1000:.3f} {word}\n" for c, at, n, word in words)
    found = turns(text)
    assert sorted(w for t in found for w in t.text.split()) == sorted(w[3] for w in words)
    for channel in {word[0] for word in words} if len({word[0] for word in words}) > 1 else set():
        mine = sorted((t.start_s, t.end_s) for t in found if t.speaker == channel)  # type: ignore[type-var]
        starts = {round(at / 1000, 3) for c, at, *_ in words if c == channel}
        assert {start for start, _ in mine} <= starts
        gaps = [b[0] - a[1] for a, b in pairwise(mine)]  # type: ignore[operator]
        assert all(gap > 0.5 - 1e-9 for gap in gaps)
