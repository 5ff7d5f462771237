"""Cross-validation in parallel: how much faster than one fold after another, and its memory.

Made-up documents, so that their number is free; how long a fit takes does not depend on what the
features say, apart from early stopping. The raw limit of N processes is N times one.

usage: python benchmarks/folds.py [--documents 250] [--segments 40] [--folds 5] [--repeats 5]
                                  [--workers 2] [--no-serial]
"""

import argparse
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hilbert.pipeline.processors import n_processors
from hilbert.stages.fit.baselines import make_baselines
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.crossval import CrossValidated, HilbertModel, cross_validate
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.mapped import mapped
from hilbert.stages.fit.splits import SplitConfig, make_folds
from hilbert.store.types import Features

WIDTHS = {"audio": 768, "text": 384}
"""Those of the default encoders: mean and deviation of Whisper tiny.en's frames, MiniLM."""
LABELS = (0, 0, 0, 0, 1, 1, 2)
"""Classes of the documents, in turn: as uneven as those of a corpus."""


class SharedPeak:
    """The highest memory of this process and its children, pages they share counted once."""

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "SharedPeak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            self.bytes = max(self.bytes, sum(map(proportional_bytes, family())))


def family() -> list[int]:
    """This process and its descendants."""
    found = [int(Path("/proc/self").resolve().name)]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def proportional_bytes(pid: int) -> int:
    """Memory of a process, of shared pages its share."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # ended meanwhile
        return 0
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


def make_documents(n_documents: int, n_segments: int) -> DocumentSet:
    """Noise, with a trace of the label in the first feature of both modalities."""
    rng = np.random.default_rng(0)
    labels = np.array([LABELS[i % len(LABELS)] for i in range(n_documents)])

    def features(i: int, width: int) -> Features:
        n = int(rng.integers(n_segments // 2, n_segments * 3 // 2 + 1))
        x = rng.standard_normal((n, width), np.float32)
        x[:, 0] += 0.3 * labels[i]
        start = 3.0 * np.arange(n)
        return Features(x.astype(np.float16), np.stack([start, start + 2.5], 1))

    return DocumentSet(
        ids=tuple(f"d{i:05d}" for i in range(n_documents)),
        groups=tuple(f"g{i // 2:05d}" for i in range(n_documents)),
        labels=labels,
        classes=("a", "b", "c"),
        **{m: mapped(features(i, w) for i in range(n_documents)) for m, w in WIDTHS.items()},
    )


def timed(run: Callable[[], CrossValidated]) -> tuple[float, CrossValidated]:
    started = time.perf_counter()
    found = run()
    return time.perf_counter() - started, found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=250)
    parser.add_argument("--segments", type=int, default=40, help="of a modality, on average")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, default=n_processors())
    parser.add_argument("--no-serial", action="store_true", help="only in parallel")
    options = parser.parse_args(arguments)
    documents = make_documents(options.documents, options.segments)
    splits = SplitConfig(folds=options.folds, repeats=options.repeats)
    folds = make_folds(documents.labels, documents.groups, splits)
    models = [HilbertModel(TrainConfig()), *make_baselines(documents)]
    features = sum(f.x.nbytes + f.times.nbytes for f in (*documents.audio, *documents.text) if f)
    print(f"{documents.n_documents} documents, {features / 1e6:.0f} MB of features,"
          f" {len(folds)} folds, {len(models)} models")  # fmt: skip

    def run(workers: int) -> tuple[float, CrossValidated]:
        return timed(lambda: cross_validate(documents, folds, models, workers=workers))

    with SharedPeak() as peak:
        seconds, found = run(options.workers)
    print(f"{options.workers} processes: {seconds:.1f} s, peak memory {peak.bytes / 1e6:.0f} MB")
    if options.no_serial:
        return
    alone, same = run(1)
    equal = all(
        np.array_equal(a, b)
        for name, parts in found.probabilities.items()
        for a, b in zip(parts, same.probabilities[name], strict=True)
    )
    print(f"one by one: {alone:.1f} s, {alone / seconds:.2f} times as long;"
          f" the numbers are {'the same' if equal else 'NOT the same'}")  # fmt: skip


if __name__ == "__main__":
    main()
