from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.stages.extract.encoders.windows import (
    FRAME_SAMPLES,
    GAP_S,
    MAX_OPEN_WINDOWS,
    SAMPLING_RATE,
    WINDOW_FRAMES,
    WINDOW_SAMPLES,
    Slot,
    plan_windows,
)
from hilbert.store.errors import DocumentError
from hilbert.store.types import Segment


def speech(*turns: tuple[str | None, float]) -> list[Segment]:
    """Segments of (speaker, duration), one after another."""
    segments, time_s = [], 0.0
    for speaker, duration_s in turns:
        segments.append(Segment("audio", speaker, time_s, time_s + duration_s))
        time_s += duration_s
    return segments


turns = st.lists(
    st.tuples(st.sampled_from(["A", "B", None]), st.floats(0, 30)), min_size=1, max_size=40
)


@given(turns)
def test_a_packed_window_holds_segments_of_one_speaker_apart_from_each_other(
    spoken: list[tuple[str | None, float]],
) -> None:
    segments = speech(*spoken)
    plan = plan_windows(segments, "packed")
    assert sorted(i for window in plan.windows for i in window) == list(range(len(segments)))
    for number, members in enumerate(plan.windows):
        assert len({segments[i].speaker for i in members}) == 1
        slots = [plan.slots[i] for i in members]
        assert all(slot.window == number for slot in slots)
        assert slots[-1].start + slots[-1].n_samples <= WINDOW_SAMPLES
        for early, late in pairwise(slots):
            assert late.start - (early.start + early.n_samples) >= GAP_S * SAMPLING_RATE
            assert early.frames().stop <= late.frames().start


@given(turns)
def test_every_segment_has_a_frame_inside_the_window(
    spoken: list[tuple[str | None, float]],
) -> None:
    for slot in plan_windows(speech(*spoken), "packed").slots:
        assert 0 <= slot.frames().start < slot.frames().stop <= WINDOW_FRAMES


def test_a_dialogue_fills_one_window_a_speaker() -> None:
    plan = plan_windows(speech(*[("A", 4.0), ("B", 4.0)] * 7), "packed")
    assert plan.windows == [[0, 2, 4, 6, 8, 10, 12], [1, 3, 5, 7, 9, 11, 13]]


def test_isolated_segments_have_a_window_each() -> None:
    plan = plan_windows(speech(("A", 1.0), ("A", 2.0)), "isolated")
    assert plan.slots == [Slot(0, 0, SAMPLING_RATE), Slot(1, 0, 2 * SAMPLING_RATE)]


def test_a_segment_of_exactly_the_window_fits() -> None:
    (slot,) = plan_windows(speech(("A", 30.0)), "packed").slots
    assert slot.frames() == slice(0, WINDOW_FRAMES)


def test_only_so_many_windows_wait_at_once() -> None:
    n = MAX_OPEN_WINDOWS + 1
    plan = plan_windows(speech(*[(f"speaker {i}", 1.0) for i in [*range(n), 0, n - 1]]), "packed")
    assert plan.slots[n].window == n  # speaker 0 waited longest, so that window was closed
    assert plan.slots[n + 1].window == n - 1


def test_a_slot_covers_the_frames_that_begin_in_it() -> None:
    assert Slot(0, 0, 1).frames() == slice(0, 1)
    assert Slot(0, 2 * FRAME_SAMPLES, 3 * FRAME_SAMPLES).frames() == slice(2, 5)
    assert Slot(0, WINDOW_SAMPLES, 0).frames() == slice(WINDOW_FRAMES - 1, WINDOW_FRAMES)


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        (Segment("audio", "A", 0.0, 30.5), "30.5 s"),
        (Segment("audio", "A"), "no times"),
        (Segment("audio", "A", 3.0, 2.0), "segment 1"),
    ],
)
def test_segments_that_cannot_be_placed(segment: Segment, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        plan_windows([segment], "packed")


def test_segments_out_of_order_are_refused() -> None:
    with pytest.raises(DocumentError, match="segment 2"):
        plan_windows([Segment("audio", None, 5, 6), Segment("audio", None, 1, 2)], "packed")
