"""Reading features from a store against reading the same bytes raw.

Writes a store of 2,000 documents of 60 to 400 segments, 768 numbers each in float16 (720 MB),
through the real writer, and the same rows into one flat file. Then measures, all of it in turn
within each run and with the files in the page cache:

- an epoch of `FeatureStore.read` (features and times of every document, checksums verified),
  each document let go before the next, or all of them kept, against one `np.fromfile`;
- documents at random against `os.pread` of the same bytes from a file that is open already;
- `open_store`.

usage: python benchmarks/reading.py [FORMAT [RUNS [N_DOCUMENTS]]]      FORMAT is zarr or h5
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hilbert.store.feature_store import FeatureStore, create_store, open_store
from hilbert.store.keys import boundaries_digest
from hilbert.store.manifest import Manifest, Row
from hilbert.store.pack_writer import PackLimits
from hilbert.store.segment_table import SegmentSummary, speakers_of, to_rows
from hilbert.store.types import EncoderInfo, Features, Segment

DIM = 768
ENCODER = EncoderInfo("whisper", "audio", DIM, "fingerprint")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rows of a document lie in the flat file."""

    document: str
    start: int
    n_bytes: int


def main() -> None:
    suffix, runs, n_documents = [*sys.argv[1:], *("zarr", "9", "2000")[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as folder:
        path, flat = Path(folder) / f"feats.{suffix}", Path(folder) / "flat"
        places = build(path, flat, int(n_documents))
        check(path, flat, places)
        runs_ms = [measure(path, flat, places, seed) for seed in range(int(runs))]
    print(f"{n_documents} documents, {sum(p.n_bytes for p in places) / 1e6:.0f} MB, {suffix};")
    print(f"median (lowest to highest) of {runs} runs:")
    for name in runs_ms[0]:
        print(f"  {name}: {spread([run[name] for run in runs_ms])} ms")
    for name in ("epoch", "epoch, all kept"):
        ratios = [run["flat file"] / run[name] for run in runs_ms]
        print(f"{name}: {spread(ratios)} of the speed of the flat file")
    ratios = [run["random document"] / run["pread"] for run in runs_ms]
    print(f"random document: {spread(ratios)} times as long as pread")


def spread(values: list[float]) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def measure(path: Path, flat: Path, places: list[Place], seed: int) -> dict[str, float]:
    """Milliseconds of each step: an epoch, or one document."""
    order = np.random.default_rng(seed).permutation(len(places))
    chosen = [places[i] for i in order]
    open_ms, store = timed(lambda: open_store(path))
    store.read(places[0].document, ENCODER.name)  # the manifest is read when first needed
    found = {"open_store": open_ms}
    found["flat file"], _ = timed(lambda: np.fromfile(flat, np.float16))
    found["epoch"], _ = timed(lambda: epoch(store))
    found["epoch, all kept"], _ = timed(lambda: epoch_kept(store))
    return {**found, **random_documents(store, flat, chosen)}


def random_documents(store: FeatureStore, flat: Path, chosen: list[Place]) -> dict[str, float]:
    """Milliseconds of one document, raw and from the store, the two in turn."""
    descriptor = os.open(flat, os.O_RDONLY)
    raw_ms = store_ms = 0.0
    for place in chosen:
        raw_ms += timed(lambda p=place: os.pread(descriptor, p.n_bytes, p.start))[0]
        store_ms += timed(lambda p=place: store.read(p.document, ENCODER.name))[0]
    os.close(descriptor)
    return {"pread": raw_ms / len(chosen), "random document": store_ms / len(chosen)}


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds a call takes, and what it returns."""
    started = time.perf_counter()
    found = call()
    return 1000 * (time.perf_counter() - started), found


def epoch(store: FeatureStore) -> None:
    """Every document once, each let go before the next."""
    for document in store.documents():
        store.read(document, ENCODER.name)


def epoch_kept(store: FeatureStore) -> list[Features]:
    """Every document once, all of them in memory at the end, as `np.fromfile` has them."""
    return [store.read(document, ENCODER.name) for document in store.documents()]


def build(path: Path, flat: Path, n_documents: int) -> list[Place]:
    """The store, and the flat file beside it."""
    rng = np.random.default_rng(0)
    spans = {f"d{i:05d}": random_spans(rng) for i in range(n_documents)}
    store = create_store(path, precision="fp32")
    with store.writer("segments") as segments:
        for document, cut in spans.items():
            segments.add(f"s-{document}", to_rows(cut, speakers_of(cut)), asdict(summary_of(cut)))
    places, start = [], 0
    with (
        store.writer("features", limits=PackLimits(seconds=1e9)) as features,
        flat.open("wb") as file,
    ):
        for document, cut in spans.items():
            x = rng.standard_normal((len(cut), DIM), np.float32).astype(np.float16)
            features.add(f"a-{document}", x)
            file.write(x.tobytes())
            places.append(Place(document, start, x.nbytes))
            start += x.nbytes
    rows = (Row(d, d, {"y": "1"}, f"s-{d}", {ENCODER.name: f"a-{d}"}) for d in spans)
    store.publish(Manifest(0, tuple(rows), {ENCODER.name: ENCODER}))
    return places


def random_spans(rng: np.random.Generator) -> tuple[Segment, ...]:
    """60 to 400 segments of two speakers."""
    ends = np.cumsum(rng.uniform(0.5, 10, rng.integers(60, 401))).tolist()
    return tuple(
        Segment("audio", "AB"[i % 2], start, end)
        for i, (start, end) in enumerate(zip([0.0, *ends], ends, strict=False))
    )


def summary_of(cut: tuple[Segment, ...]) -> SegmentSummary:
    return SegmentSummary(boundaries_digest(cut), "", len(cut), 0, 0.0, "", speakers_of(cut), {})


def check(path: Path, flat: Path, places: list[Place]) -> None:
    """The store holds what the flat file does; and both are in the page cache now."""
    store = open_store(path)
    raw = np.fromfile(flat, np.float16).reshape(-1, DIM)
    for place in places:
        first = place.start // (2 * DIM)
        x = store.read(place.document, ENCODER.name).x
        np.testing.assert_array_equal(x, raw[first : first + len(x)])


if __name__ == "__main__":
    main()
