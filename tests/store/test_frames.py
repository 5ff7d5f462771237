"""Features with a row for every frame: how many there are of each segment, and their times."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.store.compact import compact
from hilbert.store.export import ExportOptions, plan_export
from hilbert.store.export_files import write_export
from hilbert.store.feature_store import FeatureStore, open_store
from hilbert.store.manifest import Manifest, Row
from hilbert.store.segment_table import times_of_frames, to_rows
from hilbert.store.types import EncoderInfo, Segment
from support.stores import ABOUT

SEGMENTS = (
    Segment("audio", "A", 0.0, 0.05),
    Segment("audio", "B", 1.5, 1.5),
    Segment("audio", "A", 2.0, 2.06),
    Segment("text", "A", 0.0, 2.0, "never stored", 2),
)
ENCODERS = {
    "frames": EncoderInfo("frames", "audio", 4, "f", {"pooling": "frames", "frame_s": 0.02}),
    "pooled": EncoderInfo("pooled", "audio", 4, "p", {"pooling": "mean"}),
    "tokens": EncoderInfo("tokens", "text", 4, "t", {"pooling": "frames"}),
}
TIMES = [(0, 0.02), (0.02, 0.04), (0.04, 0.05), (1.5, 1.5), (2, 2.02), (2.02, 2.04), (2.04, 2.06)]


@pytest.fixture
def filled(store: FeatureStore) -> FeatureStore:
    rng = np.random.default_rng(0)
    rows = []
    for name in ("d1", "d2"):
        with store.writer("segments") as writer:
            writer.add(f"s-{name}", to_rows(SEGMENTS, ("A", "B")), {**ABOUT, "n_audio": 3})
        with store.writer("features") as writer:
            x = rng.normal(size=(7, 4)).astype(np.float16)
            writer.add(f"f-{name}", x, {"n_rows": [3, 1, 3]})
            writer.add(f"p-{name}", x[:3])
            writer.add(f"t-{name}", x[:5], {"n_rows": [5]})
        keys = {"frames": f"f-{name}", "pooled": f"p-{name}", "tokens": f"t-{name}"}
        rows.append(Row(name, name, {"y": name}, f"s-{name}", keys))
    store.publish(Manifest(0, tuple(rows), ENCODERS))
    return store


def check(store: FeatureStore) -> None:
    for name in ("d1", "d2"):
        x, times = store.read(name, "frames")
        assert x.shape == (7, 4)
        np.testing.assert_allclose(times, TIMES)
        assert store.read(name, "pooled").times.tolist() == [[0, 0.05], [1.5, 1.5], [2, 2.06]]
        tokens = store.read(name, "tokens")
        assert tokens.times.tolist() == [[0, 2]] * 5
        n_rows = store.rows_per_segment(f"f-{name}")
        assert n_rows is not None
        assert n_rows.tolist() == [3, 1, 3]
        assert store.rows_per_segment(f"p-{name}") is None


def test_every_frame_has_its_own_times_inside_its_segment(filled: FeatureStore) -> None:
    check(filled)
    check(open_store(filled.files.root))  # type: ignore[attr-defined]


def test_packs_that_are_merged_keep_them(filled: FeatureStore) -> None:
    assert len(compact(filled, older_than_s=0.0).packs) > 2
    filled.refresh()
    check(filled)


def test_an_export_has_a_row_for_every_frame(filled: FeatureStore, tmp_path: Path) -> None:
    out = tmp_path / "out.h5"
    write_export(plan_export(filled, ExportOptions()), out)
    with h5py.File(out) as file:
        found = file["encoders/frames"]
        assert found["offsets"][:].tolist() == [0, 7, 14]
        np.testing.assert_allclose(found["times"][:7], TIMES)
        assert found["speakers"][:7].tolist() == [0, 0, 0, 1, 0, 0, 0]
        assert file["encoders/tokens/n_words"][:5].tolist() == [2] * 5
        assert file["encoders/pooled/times"][:3].tolist() == [[0, 0.05], [1.5, 1.5], [2, 2.06]]


@given(st.lists(st.tuples(st.floats(0, 9), st.integers(1, 99)), min_size=1, max_size=9))
def test_frames_follow_each_other_and_fill_their_segment(spoken: list[tuple[float, int]]) -> None:
    starts = np.cumsum([gap for gap, _ in spoken])
    n_rows = np.array([n for _, n in spoken])
    segments = np.stack([starts, starts + 0.02 * n_rows], axis=1)
    times = times_of_frames(segments, n_rows, 0.02)
    first = 0
    for (start, end), n in zip(segments, n_rows, strict=True):
        own = times[first : first + n]
        np.testing.assert_allclose(own[0, 0], start)
        np.testing.assert_allclose(own[-1, 1], end)
        np.testing.assert_allclose(own[1:, 0], own[:-1, 1])
        first += n
    assert first == len(times)


def test_unknown_times_stay_unknown() -> None:
    times = times_of_frames(np.full((1, 2), np.nan), np.array([3]), 0.02)
    assert times.shape == (3, 2)
    assert np.isnan(times).all()
