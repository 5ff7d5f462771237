"""Opening a store of many documents: commit records, manifest, index.

Writes a store of N documents through the real writer, with one row of features a document
instead of hundreds, but in as many packs, and with the facts about segments, that real ones
have. Prints the time of `open_store`, of its manifest, and of what a fit looks up of every
document, beside the time to read the same files and parse them as JSON without any check.

usage: python benchmarks/opening.py [N_DOCUMENTS [FORMAT [RUNS]]]
"""

import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.store.feature_store import FeatureStore, create_store, open_store
from hilbert.store.keys import bytes_digest
from hilbert.store.manifest import Manifest, Row
from hilbert.store.pack_writer import PackLimits
from hilbert.store.types import EncoderInfo

ENCODERS = {
    "whisper": EncoderInfo("whisper", "audio", 384, bytes_digest(b"whisper")),
    "minilm": EncoderInfo("minilm", "text", 384, bytes_digest(b"minilm")),
}
DOCUMENTS_A_PACK = {"segments": 3000, "whisper": 380, "minilm": 380}
"""How many documents of 230 segments fill a pack: five numbers a segment, 384 a vector."""


def main() -> None:
    n_documents, suffix, runs = [*sys.argv[1:], *("100000", "zarr", "5")[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"feats.{suffix}"
        build(path, int(n_documents))
        times = [measure(path) for _ in range(int(runs))]
    print(f"{n_documents} documents, {suffix}, median (lowest, highest) of {runs} runs:")
    for name in times[0]:
        seconds = sorted(run[name] for run in times)
        print(f"{name}: {statistics.median(seconds):.2f} s ({seconds[0]:.2f}, {seconds[-1]:.2f})")


def measure(path: Path) -> dict[str, float]:
    """Seconds of each step, of one store opened anew."""
    bare_s = timed(lambda: [json.loads(file.read_bytes()) for file in json_files(path)])[0]
    open_s, store = timed(lambda: open_store(path))
    manifest_s, manifest = timed(store.manifest)
    find_s = timed(lambda: look_up(store, manifest))[0]
    return {
        "reading and parsing the same JSON": bare_s,
        "open_store": open_s,
        "its manifest": manifest_s,
        "both": open_s + manifest_s,
        "places and facts of every document": find_s,
    }


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds a call takes, and what it returns."""
    gc.collect()
    started = time.perf_counter()
    found = call()
    return time.perf_counter() - started, found


def json_files(path: Path) -> Iterator[Path]:
    """Files of the commit records and manifests."""
    for folder in ("commits", "manifests"):
        yield from (file for file in (path / folder).rglob("*.json") if file.is_file())


def look_up(store: FeatureStore, manifest: Manifest) -> None:
    """What a fit asks of every document before it reads its features."""
    for row in manifest.rows:
        assert row.segment_key is not None
        store.summary(row.segment_key)
        for key in row.feature_keys.values():
            assert store.index.find(key) is not None


def build(path: Path, n_documents: int) -> None:
    """A store of `n_documents` with two encoders, published."""
    store = create_store(path, precision="fp32")
    with writer(store, "segments") as segments:
        for i in range(n_documents):
            segments.add(key("segments", i), np.zeros((1, 5)), about(i))
    for name in ENCODERS:
        with writer(store, name) as features:
            for i in range(n_documents):
                features.add(key(name, i), np.zeros((1, 4), np.float16))
    store.publish(Manifest(0, tuple(map(row, range(n_documents))), ENCODERS))


def writer(store: FeatureStore, kind: str) -> Any:
    """A writer whose packs hold as many documents as those of real rows."""
    row_bytes = 40 if kind == "segments" else 8
    limits = PackLimits(n_bytes=DOCUMENTS_A_PACK[kind] * row_bytes, seconds=1e9)
    what = "segments" if kind == "segments" else "features"
    return store.writer(what, provenance={"host": "benchmark"}, limits=limits)  # type: ignore[arg-type]


def key(kind: str, i: int) -> str:
    return bytes_digest(f"{kind} {i}".encode())


def about(i: int) -> dict[str, Any]:
    """Facts about segments as `hilbert extract` writes them."""
    return {
        "boundaries": key("boundaries", i),
        "texts": key("texts", i),
        "n_audio": 100 + i % 100,
        "n_text": 90 + i % 130,
        "speakers": ["interviewer", f"P{i:06d}"],
        "components": {
            "audio": key("audio", i),
            "transcript": key("transcript", i),
            "options": asdict(SegmentConfig()),
            "start": None,
            "end": None,
            "exclude": [],
            "transcript_offset": 0.0,
            "speaker": f"P{i:06d}",
            "language": "en",
        },
    }


def row(i: int) -> Row:
    columns = {"label": "yes" if i % 3 else "no", "age": str(20 + i % 60), "site": f"site-{i % 7}"}
    features = {name: key(name, i) for name in ENCODERS}
    return Row(f"interview-{i:06d}", f"P{i // 2:06d}", columns, key("segments", i), features)


if __name__ == "__main__":
    main()
