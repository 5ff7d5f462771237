"""WhisperX: a segment in which two people speak becomes two turns."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.transcripts.transcript import detect_format, parse_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Turn


def word(text: str, start: float, end: float, speaker: str | None = None) -> dict[str, object]:
    found: dict[str, object] = {"word": text, "start": start, "end": end, "score": 0.9}
    return found if speaker is None else {**found, "speaker": speaker}


def parse(*segments: object) -> tuple[Turn, ...]:
    value = {"segments": segments, "word_segments": [], "language": "en"}
    text = json.dumps(value)
    assert detect_format(text) == "whisperx"
    return parse_transcript(text.encode())


WORDS = [word("Hi", 0, 0.4, "S0"), word("there.", 0.5, 1, "S0"), word("Yes.", 1.5, 2, "S1")]
SEGMENT = {"start": 0, "end": 2, "text": " Hi there.  Yes.", "speaker": "S0", "words": WORDS}


def test_one_speaker() -> None:
    segment = {**SEGMENT, "words": WORDS[:2], "text": " Hi there."}
    assert parse(segment) == (Turn("Hi there.", "S0", 0.0, 2.0),)
    assert parse({**segment, "speaker": None}) == (Turn("Hi there.", "S0", 0.0, 2.0),)
    del segment["words"]
    assert parse(segment) == (Turn("Hi there.", "S0", 0.0, 2.0),)


def test_a_change_of_speaker_cuts() -> None:
    assert parse(SEGMENT) == (Turn("Hi there.", "S0", 0.0, 1.0), Turn("Yes.", "S1", 1.5, 2.0))


def test_text_is_cut_as_it_is_written() -> None:
    words = [word("你", 0, 1, "S0"), word("好", 1, 2, "S0"), word("再", 2, 3, "S1")]
    segment = {"start": 0, "end": 3, "text": "你好，再。", "words": words}
    assert [turn.text for turn in parse(segment)] == ["你好，", "再。"]
    assert [turn.text for turn in parse({**segment, "text": "spelt otherwise"})] == ["你 好", "再"]


def test_words_that_were_not_aligned() -> None:
    words = [{"word": "1984"}, word("was", 1, 2, "S0"), {"word": "7"}, word("no", 3, 4, "S1")]
    segment = {"text": "1984 was 7 no", "words": words}
    assert parse(segment) == (Turn("1984 was 7", "S0", 1.0, 2.0), Turn("no", "S1", 3.0, 4.0))
    words[3] = {"word": "no", "speaker": "S1"}
    assert parse({**segment, "start": 0, "end": 4}) == (
        Turn("1984 was 7", "S0", 0.0, 3.0, is_shared=True),
        Turn("no", "S1", 3.0, 4.0, is_shared=True),
    )


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ({**SEGMENT, "text": None}, "segment 2 .* no text"),
        ({**SEGMENT, "end": -1}, "segment 2 .* before it starts"),
        ({**SEGMENT, "start": "0"}, "segment 2 .* no readable times"),
        ({"text": "secret"}, "segment 2 .* no readable times"),
        ({**SEGMENT, "words": [word("secret", -2, 1, "S0"), WORDS[2]]}, "segment 2 .* before 0"),
        ({**SEGMENT, "words": [{**WORDS[0], "end": "secret"}]}, "segment 2 .* no readable times"),
        ({**SEGMENT, "words": [{**WORDS[0], "speaker": {}}, WORDS[2]]}, "speaker that is not"),
        ({**SEGMENT, "words": [{**WORDS[0], "speaker": "secret " * 5}]}, "speaker of 5 words"),
        ("secret", "segment 2 .* no text"),
    ],
)
def test_bad_segments(segment: object, message: str) -> None:
    with pytest.raises(DocumentError, match=message) as error:
        parse(SEGMENT, segment)
    assert "secret" not in str(error.value)


def test_whisper_without_speakers_is_read_as_before() -> None:
    words = [{"word": " Hi", "start": 0.1, "end": 0.4, "probability": 0.9}]
    text = json.dumps({"segments": [{"start": 0, "end": 1, "text": "Hi", "words": words}]})
    assert detect_format(text) == "whisper"
    forced = parse_transcript(text.encode(), format="whisperx")
    assert parse_transcript(text.encode()) == forced == (Turn("Hi", None, 0.0, 1.0),)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b.", "c,"]), st.sampled_from(["S0", "S1"])), min_size=1
    )
)
def test_no_word_is_lost_or_changes_speaker(said: list[tuple[str, str]]) -> None:
    words = [word(text, i, i + 0.5, speaker) for i, (text, speaker) in enumerate(said)]
    text = " ".join(text for text, _ in said)
    found = parse({"start": 0, "end": len(said), "text": text, "words": words})
    assert [(w, turn.speaker) for turn in found for w in turn.text.split()] == said
    assert all(a.speaker != b.speaker for a, b in pairwise(found))
