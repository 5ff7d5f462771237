"""A store to fit from, made without an encoder, and the options of a quick fit."""

from pathlib import Path

import numpy as np

from hilbert.store.feature_store import FeatureStore, create_store
from hilbert.store.manifest import Manifest, Row
from hilbert.store.segment_table import to_rows
from hilbert.store.types import EncoderInfo, Segment

QUICK = ("--folds", "3", "--repeats", "2", "--epochs", "2", "--min-steps", "4",
         "--seeds-averaged", "1", "--workers", "1", "--device", "cpu")  # fmt: skip
LABELS = ("low", "high", "mixed")


def make_store(
    folder: Path, n_documents: int = 36, signal: float = 2.0, **columns: list[str | None]
) -> FeatureStore:
    """Documents in three classes; every sixth lacks its text, every seventh its audio.

    Features of classes are `signal` deviations apart.
    """
    rng = np.random.default_rng(0)
    store = create_store(folder / "feats.zarr", precision="fp32")
    encoders = {
        "a": EncoderInfo("a", "audio", 8, "fa", {"model": "a"}),
        "t": EncoderInfo("t", "text", 6, "ft", {"model": "t"}),
    }
    about = {"boundaries": "", "texts": "", "n_audio": 3, "n_text": 2, "audio_s": 3.0,
             "content": "", "speakers": [],
             "components": {"options": {"window_s": 10.0}}}  # fmt: skip
    segments = [Segment("audio", None, i, i + 1) for i in range(3)]
    segments += [Segment("text", None, None, None, "w", 1)] * 2
    rows = []
    with (
        store.writer("segments") as s,
        store.writer("features") as a,
        store.writer("features") as t,
    ):
        for i in range(n_documents):
            centre = signal * (i % 3 - 1)
            s.add(f"s{i}", to_rows(segments, ()), about)
            a.add(f"a{i}", rng.normal(centre, 1, (3, 8)).astype(np.float16))
            t.add(f"t{i}", rng.normal(centre, 1, (2, 6)).astype(np.float16))
            keys = {"a": f"a{i}", "t": f"t{i}"}
            if i % 6 == 5:
                keys.pop("t")
            elif i % 7 == 6:
                keys.pop("a")
            labels = {"mood": LABELS[i % 3], **{name: c[i] for name, c in columns.items()}}
            rows.append(Row(f"d{i:02d}", f"g{i // 2}", labels, f"s{i}", keys))
    store.publish(Manifest(0, tuple(rows), encoders))
    return store
