"""A small store made up for a test."""

import numpy as np

from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import Manifest, Row
from hilbert.store.segment_table import to_rows
from hilbert.store.types import EncoderInfo, Segment

WHISPER = EncoderInfo("whisper", "audio", 8, "fp-whisper")
MINILM = EncoderInfo("minilm", "text", 4, "fp-minilm")
SEGMENTS = (
    Segment("audio", "A", 0.0, 1.5),
    Segment("audio", "B", 1.5, 4.0),
    Segment("text", "A", None, None, "never stored", 2),
)
ABOUT = {
    "boundaries": "b",
    "texts": "t",
    "n_audio": 2,
    "n_text": 1,
    "audio_s": 4.0,
    "content": "c",
    "speakers": ["A", "B"],
    "components": {"options": {}},
}


def fill(
    store: FeatureStore, ids: tuple[str, ...] = ("d1",), *, varied: bool = False
) -> dict[str, np.ndarray]:
    """Two segments of audio and one of text for each id, published; returns the audio.

    All are of one group and label, unless `varied`.
    """
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=(2, 8)).astype(np.float16) for name in ids}
    with store.writer("segments") as writer:
        for name in ids:
            writer.add(f"s-{name}", to_rows(SEGMENTS, ("A", "B")), ABOUT)
    with store.writer("features") as writer:
        for name in ids:
            writer.add(f"a-{name}", x[name])
    with store.writer("features") as writer:
        for name in ids:
            writer.add(f"t-{name}", np.ones((1, 4), np.float16))
    rows = tuple(
        Row(
            id=name,
            group=name if varied else "g",
            columns={"y": str(i % 2) if varied else "1"},
            segment_key=f"s-{name}",
            feature_keys={"whisper": f"a-{name}", "minilm": f"t-{name}"},
        )
        for i, name in enumerate(ids)
    )
    store.publish(Manifest(0, rows, {"whisper": WHISPER, "minilm": MINILM}))
    return x


def flip(store: FeatureStore, name: str, position: int) -> None:
    """Change one bit of a file of the store."""
    path = store.files.root / name
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
