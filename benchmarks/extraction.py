"""Whole `hilbert extract` of a corpus against the bare forward pass of its audio encoder.

Runs the command as a user would, in a process of its own, into a new store; then times the
encoder alone on as many windows, in this process. Prints times real time, peak memory, and the
ratio of the two, which is 1 where decoding, log-mel, text and storage cost nothing.

usage: python benchmarks/extraction.py CORPUS [N_DOCUMENTS]
"""

import csv
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import hilbert
from hilbert.stages.extract.encoders.base import EncoderOptions, best_audio_precision
from hilbert.stages.extract.encoders.weights import resolve_encoder
from hilbert.stages.extract.encoders.windows import WINDOW_S, WINDOW_SAMPLES


def first_documents(corpus: Path, n: int, folder: Path) -> Path:
    """A table of the first `n` rows, its paths made absolute."""
    with corpus.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))[:n]
    for row in rows:
        for column in ("audio", "transcript"):
            row[column] = str((corpus.parent / row[column]).resolve())
    table = folder / "corpus.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table


def extract(corpus: Path, store: Path) -> dict[str, float]:
    """Run the command; its JSON, with the wall time and the peak memory of the process."""
    command = [sys.executable, "-m", "hilbert", "extract", str(corpus), "--store", str(store),
               "--encoder", "whisper", "--json"]  # fmt: skip
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {**found, "wall_s": time.monotonic() - started, "peak_mb": peak}


def bare_forward(n_windows: int, rounds: int = 5) -> float:
    """Seconds that `n_windows` windows take in the encoder alone, from the median round."""
    import torch

    from hilbert.stages.extract.encoders.layers import Layers
    from hilbert.stages.extract.encoders.runtime import torch_dtype
    from hilbert.stages.extract.encoders.whisper_model import WhisperTower
    from hilbert.stages.extract.encoders.workers import workers_for

    resolved = resolve_encoder("whisper", EncoderOptions(precision=best_audio_precision()))
    dtype = torch_dtype(resolved.options.precision)
    layers = Layers.parse(resolved.options.layer)
    tower = WhisperTower(resolved.folder, layers, torch.device("cpu"), dtype)
    noise = np.random.default_rng(0).normal(0, 0.1, (2, WINDOW_SAMPLES))
    mels = [tower.prepare(wave) for wave in noise.astype(np.float32)]
    times = []
    with workers_for(torch.device("cpu")) as workers:
        for _ in range(rounds):
            started = time.monotonic()
            for _ in workers.map(lambda _: tower(mels), range(10)):
                pass
            times.append((time.monotonic() - started) / 20)
    return statistics.median(times) * n_windows


def main() -> None:
    corpus, n = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10**9
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = first_documents(corpus, n, folder)
        report = extract(table, folder / "feats.zarr")
        again = extract(table, folder / "feats.zarr")
        store = hilbert.open_store(folder / "feats.zarr")
        spans = [store.read(d, "whisper").times for d in store.documents()]
    speech_s = float(sum(np.diff(times).sum() for times in spans))
    n_windows = int(sum(np.ceil(np.diff(times).sum() / WINDOW_S) for times in spans))
    forward_s = bare_forward(n_windows)
    print(f"{report['documents']} documents, {speech_s / 3600:.2f} h of speech")
    print(f"extract: {report['wall_s']:.1f} s, {speech_s / report['wall_s']:.0f} times real time")
    print(f"peak memory: {report['peak_mb']:.0f} MB")
    print(f"extract again: {again['wall_s']:.2f} s, encoded {again['encoded']}")
    print(f"bare forward of {n_windows} windows: {forward_s:.1f} s")
    print(f"ratio of bare forward to the whole: {forward_s / report['wall_s']:.2f}")


if __name__ == "__main__":
    main()
