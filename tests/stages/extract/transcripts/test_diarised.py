"""Words of a transcript that was made, and whose they are."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.transcripts.diarised import Speakers, parse_diarised, read_diarised
from hilbert.store.errors import DocumentError
from hilbert.store.types import Span, Turn

ANN_THEN_BOB = Speakers([Turn("", "Ann", 0.0, 2.0), Turn("", "Bob", 2.0, 9.0)])


def segment(text: str, *words: tuple[str, float, float], **more: Any) -> dict[str, Any]:
    said = [{"word": f" {word}", "start": start, "end": end} for word, start, end in words]
    return {"start": words[0][1], "end": words[-1][2], "text": text, "words": said, **more}


def turns(*segments: dict[str, Any], speakers: Speakers = ANN_THEN_BOB) -> list[Turn]:
    return parse_diarised({"segments": list(segments)}, speakers)


FOUR = (("Are", 0.5, 1.0), ("you?", 1.0, 1.9), ("Yes,", 2.1, 2.5), ("I.", 2.5, 3.0))


def test_a_segment_is_cut_where_the_speaker_changes() -> None:
    assert turns(segment("Are you? Yes, I.", *FOUR)) == [
        Turn("Are you?", "Ann", 0.5, 1.9), Turn("Yes, I.", "Bob", 2.1, 3.0),
    ]  # fmt: skip


def test_a_word_is_whose_turns_overlap_it_most_all_together() -> None:
    speakers = Speakers(
        [Turn("", "A", 0.0, 0.4), Turn("", "B", 0.4, 0.9), Turn("", "A", 0.9, 1.1),
         Turn("", None, 0.0, 9.0)]
    )  # fmt: skip
    assert speakers.of(Span(0.0, 1.1)) == "A"
    assert speakers.of(Span(0.3, 0.9)) == "B"
    assert speakers.of(Span(0.5, 0.5)) == "B"  # a word without duration
    assert speakers.of(Span(5.0, 6.0)) is None


def test_a_word_in_nobody_s_turn_goes_with_the_one_before() -> None:
    speakers = Speakers([Turn("", "A", 1.0, 2.0), Turn("", "B", 4.0, 5.0)])
    words = (("uh", 0.1, 0.4), ("so", 1.1, 1.5), ("well", 2.5, 3.0), ("yes", 4.1, 4.4))
    found = turns(segment("uh so well yes", *words), speakers=speakers)
    assert [(t.speaker, t.text) for t in found] == [("A", "uh so well"), ("B", "yes")]
    (nobody,) = turns(segment("uh", ("uh", 8.0, 8.5)), speakers=speakers)
    assert nobody.speaker is None


def test_what_was_mended_by_hand_is_kept() -> None:
    edited = turns(segment("Art thou? Yea, verily I am he.", *FOUR))
    assert [t.speaker for t in edited] == ["Ann", "Bob"]
    assert " ".join(t.text for t in edited) == "Art thou? Yea, verily I am he."
    (named,) = turns(segment("Are you? Yes, I.", *FOUR, speaker="Eve"))
    assert (named.speaker, named.text) == ("Eve", "Are you? Yes, I.")


def test_a_segment_without_words_is_whose_turns_overlap_it_most() -> None:
    (found,) = turns({"start": 1.5, "end": 4.0, "text": "Yes."})
    assert found == Turn("Yes.", "Bob", 1.5, 4.0)


def test_times_of_the_diarisation_may_be_shifted() -> None:
    late = Speakers([Turn("", "Ann", 0.0, 2.0)], offset_s=10.0)
    assert (late.of(Span(1.0, 2.0)), late.of(Span(11.0, 12.0))) == (None, "Ann")


def test_faults_name_the_segment_and_no_word(tmp_path: Path) -> None:
    bad = segment("secret", ("secret", 0.0, 1.0))
    bad["words"][0]["start"] = "secret"
    with pytest.raises(DocumentError, match=r"segment 1 .* no readable times") as error:
        turns(bad)
    assert "secret" not in str(error.value)
    (tmp_path / "a.json").write_text(json.dumps({"segments": []}))
    with pytest.raises(DocumentError, match="no words"):
        read_diarised(tmp_path / "a.json", ANN_THEN_BOB)


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 500)), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 900), st.sampled_from("AB"))),
)
def test_every_word_once_in_order_whoever_speaks(
    spans: list[tuple[int, int]], speaking: list[tuple[int, int, str]]
) -> None:
    words = [(f"w{i}", at / 1000, (at + n) / 1000) for i, (at, n) in enumerate(sorted(spans))]
    speakers = Speakers([Turn("", who, at / 1000, (at + n) / 1000) for at, n, who in speaking])
    text = " ".join(word for word, _, _ in words)
    last = max(end for _, _, end in words)
    found = turns({**segment(text, *words), "end": last}, speakers=speakers)
    assert " ".join(turn.text for turn in found) == text
    assert all(a.speaker != b.speaker for a, b in pairwise(found))
    assert all(turn.start_s <= turn.end_s for turn in found)  # type: ignore[operator]
