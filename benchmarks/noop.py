"""A second extraction: what it costs to find out that nothing has changed.

Makes a corpus of many documents (a short recording and a transcript each), fills a store
through the real path with an encoder that only pretends to encode, and then times whole calls
of the real command, which must find all of it up to date: untouched; after one label was edited,
so that the table is read, every key made and a generation written; and with one document more.
The raw limit is what it costs to start the program, read the table and look at every file of the
corpus once.

usage: python benchmarks/noop.py [N_DOCUMENTS ...]
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from hilbert.pipeline import encode
from hilbert.pipeline.choose_encoders import choose_encoders, store_precision
from hilbert.pipeline.corpus import read_corpus
from hilbert.pipeline.extract import extract
from hilbert.pipeline.session import ExtractOptions
from hilbert.stages.extract.encoders.base import Encoded, EncodeJob
from hilbert.stages.extract.encoders.weights import ResolvedEncoder

RUNS = 5
CUES = 4
RAW = """
import csv, os, sys
with open(sys.argv[1], newline="") as file:
    for row in csv.DictReader(file):
        os.stat(row["audio"]), os.stat(row["transcript"])
"""


class Pretender:
    """An encoder that gives ones of the right shape, to fill a store quickly."""

    def __init__(self, resolved: ResolvedEncoder) -> None:
        self.info = resolved.info

    def encode(self, jobs: Iterable[EncodeJob]) -> Iterator[Encoded]:
        for job in jobs:
            yield Encoded(job.id, np.ones((len(job.segments), self.info.dim), np.float16))


def write_corpus(folder: Path, n_documents: int) -> Path:
    """A table with one recording and one transcript a document, no two alike."""
    rows = ["id,audio,transcript,group,mood"]
    for i in range(n_documents):
        place = folder / f"{i // 1000:04d}"
        place.mkdir(exist_ok=True)
        write_document(place / f"{i}", i)
        rows.append(f"d{i},{place}/{i}.wav,{place}/{i}.vtt,g{i // 4},{'low' if i % 5 else 'high'}")
    table = folder / "corpus.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    return table


def write_document(stem: Path, number: int) -> None:
    wave = np.full(8 * 100 * CUES, (number % 1000) / 4000, np.float32)
    wave[0] = number / 1e7
    soundfile.write(stem.with_suffix(".wav"), wave, 800)
    cues = (
        f"00:0{k}.000 --> 00:0{k}.900\n<v {'AB'[k % 2]}>Words {number} and {k}."
        for k in range(CUES)
    )
    stem.with_suffix(".vtt").write_text("WEBVTT\n\n" + "\n\n".join(cues), encoding="utf-8")


def fill(table: Path, store: Path) -> None:
    """Extract the corpus with pretended encoders."""
    corpus = read_corpus(table)
    options = ExtractOptions()
    encoders = choose_encoders(corpus.modalities, options, store_precision(store))
    real, encode.load_encoder = encode.load_encoder, lambda resolved, **_: Pretender(resolved)
    try:
        extract(corpus, store, encoders, options)
    finally:
        encode.load_encoder = real


def seconds(command: Sequence[str], runs: int = RUNS) -> float:
    """Median wall time of a whole process."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def relabelled(table: Path, command: Sequence[str]) -> float:
    """Median wall time of calls before each of which one label was edited."""
    times = []
    for i in range(RUNS):
        lines = table.read_text(encoding="utf-8").splitlines()
        lines[1] = f"{lines[1].rpartition(',')[0]},label{i}"
        table.write_text("\n".join(lines), encoding="utf-8")
        times.append(seconds(command, runs=1))
    return statistics.median(times)


def added(table: Path, name: str, number: int, command: Sequence[str]) -> float:
    """Wall time of a call that finds one document more, and encodes it for real."""
    stem = table.parent / name
    write_document(stem, number)
    with table.open("a", encoding="utf-8") as file:
        file.write(f"\n{name},{stem}.wav,{stem}.vtt,gm,low")
    return seconds(command, runs=1)


def alone(folder: Path, name: str, hilbert: Sequence[str]) -> float:
    """Wall time of a call that encodes that document into a store of its own."""
    table = folder / "alone.csv"
    table.write_text(f"id,audio,transcript\n{name},{folder}/{name}.wav,{folder}/{name}.vtt\n")
    command = [*hilbert, "extract", str(table), "--store", str(folder / f"{name}.zarr")]
    return seconds(command, runs=1)


def measure(n_documents: int) -> None:
    folder = Path(tempfile.mkdtemp())
    os.environ["HILBERT_CACHE"] = str(folder / "cache")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled once
    hilbert = [sys.executable, "-m", "hilbert"]
    try:
        table, store = write_corpus(folder, n_documents), folder / "feats.zarr"
        time.sleep(2.1)  # until the files are old enough for their digests to be remembered
        fill(table, store)
        command = [*hilbert, "extract", str(table), "--store", str(store)]
        start = seconds([*hilbert, "--version"])
        raw = seconds([sys.executable, "-c", RAW, str(table)])
        again, edited = seconds(command), relabelled(table, command)
        pairs = [
            (added(table, f"more{i}", n_documents + i, command), alone(folder, f"more{i}", hilbert))
            for i in range(RUNS)
        ]
        beyond = statistics.median(more - own for more, own in pairs)
        print(
            f"{n_documents} documents: up to date in {again:.2f} s, {again - start:.2f} s beyond"
            f" the program's start ({start:.2f} s); reading the table and looking at every file"
            f" alone takes {raw:.2f} s, ratio {raw / again:.2f}; after a label was edited"
            f" {edited:.2f} s; one document more costs"
            f" {beyond:.2f} s beyond what it costs in a store of its own"
            f" (median of {RUNS}; there {statistics.median(own for _, own in pairs):.2f} s)",
            flush=True,
        )
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    for number in map(int, sys.argv[1:] or ["10000"]):
        measure(number)
