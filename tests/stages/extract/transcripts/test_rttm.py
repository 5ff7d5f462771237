"""RTTM: who speaks when, and no words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.segment import segment_document
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.transcripts.transcript import detect_format, parse_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Document, Segment, Turn

CONFIG = SegmentConfig()


def line(start: object, duration: object, name: str = "Ann", kind: str = "SPEAKER") -> str:
    return f"{kind} rec 1 {start} {duration} <NA> <NA> {name} <NA> <NA>\n"


def turns(text: str, name: str = "") -> tuple[Turn, ...]:
    return parse_transcript(text.encode(), name=name)


def test_turns() -> None:
    text = (
        ";; a comment\nSPKR-INFO rec 1 <NA> <NA> <NA> unknown Ann <NA>\n"
        + line("3.5", "1", "Bob") + line(0, "2.25") + line(9, 1, "<NA>")
        + line(0, 1, kind="LEXEME").replace("<NA>", "word", 1)
    )  # fmt: skip
    assert turns(text) == (
        Turn("", "Ann", 0.0, 2.25), Turn("", "Bob", 3.5, 4.5), Turn("", None, 9.0, 10.0),
    )  # fmt: skip


@pytest.mark.parametrize("rest", ["", " <NA>", " <NA> <NA>", " 0.9", " 0.9 12.5", " NA 12.5"])
def test_the_last_two_fields_may_be_missing(rest: str) -> None:
    text = f"SPEAKER rec 1 1 2 <NA> <NA> Ann{rest}\n"
    assert turns(text, "a.rttm") == (Turn("", "Ann", 1.0, 3.0),)


@pytest.mark.parametrize("text", ["SPEAKER 1 says a b c d e f", "SPEAKER: one\nSPEAKER: two"])
def test_prose_is_no_rttm(text: str) -> None:
    assert detect_format(text) == "plain"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line("x", 1), "line 2 .* no number"),
        (line(1, "<NA>"), "line 2 .* no number"),
        (line(-1, 1), "line 2 .* starts before 0"),
        (line(1, -1), "line 2 .* ends .* before it starts"),
        (line(1, "1e999"), "line 2 .* not finite"),
        (line(1, 1).replace("rec", "secret"), "holds 2 recordings; .*rttm"),
        (line(1, 1, kind="secret"), "line 2 .* no type of RTTM"),
        ("SPEAKER rec 1 2 3\n", "line 2 .* 5 fields, RTTM at least 8"),
        (line(1, 1, "s" * 41), "line 2 .* names a speaker"),
        (line(1, 1, "secret A"), "line 2 .* must hold no blank"),
        (line(1, 1).replace("rec", "secret name"), "line 2 .* must hold no blank"),
        ("SPEAKER rec 1 1 1 <NA> <NA> secret A <NA>\n", "line 2 .* must hold no blank"),
        ("SPEAKER rec 1 1 1 <NA> <NA> secret A\n", "line 2 .* must hold no blank"),
        ("SPEAKER rec 1 1 1 <NA> <NA> secret 2 <NA>\n", "line 2 .* must hold no blank"),
    ],
)
def test_bad_lines(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as error:
        turns(line(0, 1) + text)
    assert "secret" not in str(error.value)


def test_no_turns() -> None:
    with pytest.raises(DocumentError, match="no turns"):
        turns(line(0, 1, kind="SPKR-INFO"))
    with pytest.raises(DocumentError, match=r"line 1 .* fields"):
        turns("SPEAKER rec 1\n", "a.rttm")


class TestSegments:
    def test_speakers_make_audio_segments_alone(self) -> None:
        found = turns(line(0, 4) + line(4, 3, "Bob") + line(8, 40))
        assert segment_document(found, 30.0, CONFIG, document=Document("a", exclude=())) == (
            Segment("audio", "Ann", 0.0, 4.0),
            Segment("audio", "Bob", 4.0, 7.0),
            Segment("audio", "Ann", 8.0, 30.0),
        )

    def test_nothing_to_make_without_audio(self) -> None:
        with pytest.raises(DocumentError, match="tells who speaks, not what is said"):
            segment_document(turns(line(0, 4)), None, CONFIG, document=Document("a"))

    def test_outside_the_audio(self) -> None:
        with pytest.raises(DocumentError, match="lie outside the audio"):
            segment_document(turns(line(50, 4)), 30.0, CONFIG, document=Document("a"))

    def test_blank_turns_beside_others_are_left_out_as_ever(self) -> None:
        found = [Turn("Hi.", "A", 0.0, 3.0), Turn(" ", "B", 3.0, 6.0)]
        segments = segment_document(found, 10.0, CONFIG, document=Document("a"))
        assert {segment.speaker for segment in segments} == {"A"}


@given(
    st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(1, 10**5), st.sampled_from("AB")), min_size=1
    )
)
def test_each_line_is_a_turn(lines: list[tuple[int, int, str]]) -> None:
    text = "".join(line(f"{at / 1000:.3f}", f"{n / 1000:.3f}", name) for at, n, name in lines)
    found = turns(text)
    assert sorted((t.speaker, t.start_s) for t in found) == sorted(  # type: ignore[type-var]
        (name, at / 1000) for at, _, name in lines
    )
    assert sum((t.end_s or 0) - (t.start_s or 0) for t in found) == pytest.approx(
        sum(n for _, n, _ in lines) / 1000
    )
