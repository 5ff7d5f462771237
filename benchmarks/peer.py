"""Whisper features by `hilbert extract` against those by nkululeko, seconds a sentence in one run.

Both hear the same sentences from the same WAV files with the same weights (Whisper tiny.en), on the
processor, with as many threads. nkululeko is called by its Whisper feature class, hilbert by its
command with `--no-text`. The sentences come in two ways:

- a sentence a recording: each is a file, and for hilbert a document, of its own;
- a speaker a recording: as the corpus has them, with the times of the sentences in a transcript;
  nkululeko is given the same times, and hilbert packs the sentences into windows of 30 s.

Of each way are measured, for both in turn: extraction alone, in a process that has loaded the
model and done one document; and the whole command, from the start of the process to its end. Each
is the fastest of some rounds. All vectors must be there and finite. Hilbert should be at least
twelve times as fast.

nkululeko lives in an environment of its own, whose Python --peer names. To make one that borrows
torch and transformers from the environment of hilbert (here .venv), and adds mostly pandas:

    python3.11 -m venv PEER
    .venv/bin/python -c "import torch, pathlib; print(pathlib.Path(torch.__file__).parents[1])" \\
        > PEER/lib/python3.11/site-packages/borrowed.pth
    PEER/bin/python -m pip install --no-deps nkululeko==1.14.1
    PEER/bin/python -m pip install audeer==2.7.0 audiofile==1.6.1 audformat==1.4.3 pandas==2.3.3

usage: python benchmarks/peer.py CORPUS --peer PYTHON [--sentences N] [--threads N] [--rounds N]
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from cut import Cut, cut_documents, decode, span_of, write_table
from processes import Took, load, run_python

from hilbert.stages.extract.encoders.base import EncodeJob, EncoderOptions
from hilbert.stages.extract.encoders.weights import resolve_encoder
from hilbert.stages.extract.recordings.audio import read_spans
from hilbert.store.feature_store import open_store
from hilbert.store.types import Span

HERE = Path(__file__).resolve().parent
RATE = 16_000
MODEL = "whisper-tiny.en"
VERSION = "1.14.1"
AIM = 12.0
ALONE, WHOLE = "extraction alone", "whole command"


@dataclass(frozen=True)
class Way:
    """One way in which the sentences lie in recordings.

    Attributes
    ----------
    table, one : Path
        The corpus for hilbert, and its first document alone.
    sentences : Path
        The table for nkululeko: file, start and end of each sentence.
    flags : tuple of str
        Of `hilbert extract`.
    """

    name: str
    table: Path
    one: Path
    sentences: Path
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """What one side took and gave."""

    took: Took
    threads: int
    precision: str
    n_vectors: int
    finite: bool


def main() -> None:
    arguments = parse_arguments()
    check_peer(arguments.peer)
    os.environ |= {"OMP_NUM_THREADS": str(arguments.threads), "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_model(folder)
        cut = first_sentences(arguments.corpus.resolve(), arguments.sentences, folder)
        jobs = cut.jobs("audio")
        spans = [span_of(segment) for job in jobs for segment in job.segments]
        print(f"{len(spans)} sentences of {len(jobs)} speakers,"
              f" {sum(span.duration_s for span in spans) / len(spans):.1f} s each on average,"
              f" {arguments.threads} threads, load {load()}", flush=True)  # fmt: skip
        for way in (apart(jobs, folder / "apart"), together(cut, folder / "together")):
            print(f"\n{way.name}")
            for kind, theirs, ours in (
                (ALONE, lambda way=way: peer(arguments.peer, way, folder, warm=True), warm),
                (WHOLE, lambda way=way: peer(arguments.peer, way, folder, warm=False), whole),
            ):
                pairs = [(theirs(), ours(way, folder)) for _ in range(arguments.rounds)]
                print_pair(kind, [a for a, _ in pairs], [b for _, b in pairs], len(spans))
        print(f"\nload {load()}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--peer", metavar="PYTHON", type=program, default="", help="its Python")
    parser.add_argument("--sentences", type=int, default=60, help="at least; whole speakers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    return parser.parse_args()


def program(name: str) -> str:
    """Its absolute path, not followed further: a link is how a Python knows its environment."""
    return os.path.abspath(shutil.which(name) or name) if name else ""


def check_peer(python: str) -> None:
    """End, and say how to make it, if there is no Python that has nkululeko."""
    asked = "from importlib.metadata import version; print(version('nkululeko'))"
    try:
        found = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        what = f"{python} has none" if python else "none is named"
    else:
        if (version := found.stdout.strip()) == VERSION:
            return
        what = f"{python} has {version}"
    how = str(__doc__).partition("To make one")[2].partition("usage:")[0]
    raise SystemExit(
        f"This needs the Python of an environment with nkululeko {VERSION} (--peer PYTHON);"
        f" {what}. To make one{how.rstrip()}"
    )


def lay_model(folder: Path) -> None:
    """Where nkululeko runs, the weights of hilbert's whisper under the name of the hub."""
    place = folder / "openai" / MODEL
    place.mkdir(parents=True)
    for file in resolve_encoder("whisper", EncoderOptions()).folder.iterdir():
        (place / file.name).symlink_to(file)


def first_sentences(corpus: Path, n_sentences: int, folder: Path) -> Cut:
    """The first documents that have so many sentences together, as WAV files."""
    found: list[dict[str, str]] = []
    n_found = 0
    with corpus.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            transcript = str(corpus.parent / row["transcript"])
            sound = {"id": row["id"], "audio": str(corpus.parent / row["audio"])}
            [job] = cut_documents(
                write_table(folder / "one.csv", [{**sound, "transcript": transcript}])
            ).jobs("audio")
            assert job.audio is not None
            wav = folder / f"{row['id']}.wav"
            [wave] = read_spans(job.audio, [Span(0.0, span_of(job.segments[-1]).end_s)])
            write_wav(wav, wave)
            found.append({"id": row["id"], "audio": str(wav), "transcript": transcript})
            n_found += len(job.segments)
            if n_found >= n_sentences:
                break
    return cut_documents(write_table(folder / "corpus.csv", found))


def write_wav(path: Path, wave: Any) -> None:
    soundfile.write(path, np.clip(wave, -1, 1), RATE, subtype="PCM_16")


def apart(jobs: Sequence[EncodeJob], folder: Path) -> Way:
    """Every sentence a file; longer ones than 10 s stay whole for hilbert too."""
    folder.mkdir()
    rows, index = [], []
    for job in jobs:
        for i, wave in enumerate(decode(job)):
            wav = folder / f"{job.id}-{i}.wav"
            write_wav(wav, wave)
            rows.append({"id": wav.stem, "audio": str(wav)})
            index.append({"file": str(wav), "start": "0.0", "end": str(len(wave) / RATE)})
    flags = ("--no-text", "--device", "cpu", "--window-s", "30")
    return lay("a sentence a recording", rows, index, flags, folder)


def together(cut: Cut, folder: Path) -> Way:
    """A speaker a file, and the times of the sentences."""
    folder.mkdir()
    rows, index = [], []
    for document, job in zip(cut.documents, cut.jobs("audio"), strict=True):
        audio, transcript = str(document.audio), str(document.transcript)
        rows.append({"id": document.id, "audio": audio, "transcript": transcript})
        for start_s, end_s in map(span_of, job.segments):
            index.append({"file": audio, "start": str(start_s), "end": str(end_s)})
    return lay("a speaker a recording", rows, index, ("--no-text", "--device", "cpu"), folder)


def lay(
    name: str,
    rows: Sequence[dict[str, str]],
    index: Sequence[dict[str, str]],
    flags: tuple[str, ...],
    folder: Path,
) -> Way:
    return Way(
        name,
        write_table(folder / "corpus.csv", rows),
        write_table(folder / "one.csv", rows[:1]),
        write_table(folder / "sentences.csv", index),
        flags,
    )


def peer(python: str, way: Way, folder: Path, *, warm: bool) -> Run:
    """nkululeko in a process of its own; what it took alone if `warm`, else the whole of it."""
    took, _, said = run_python(
        str(HERE / "nkululeko_side.py"), str(way.sentences), MODEL, str(int(warm)),
        python=python, folder=folder,
    )  # fmt: skip
    found = json.loads(said.splitlines()[-1])
    return Run(
        Took(*found["took"]) if warm else took,
        found["threads"],
        found["precision"].removeprefix("torch."),
        found["shape"][0],
        found["finite"],
    )


def warm(way: Way, folder: Path) -> Run:
    """`hilbert extract` with the model loaded, into a new store."""
    store = Path(tempfile.mkdtemp(dir=folder)) / "feats.zarr"
    side = (str(HERE / "hilbert_side.py"), str(way.one), str(way.table), str(store), *way.flags)
    found = json.loads(run_python(*side)[2].splitlines()[-1])
    return checked(store, Took(*found["took"]), found["threads"])


def whole(way: Way, folder: Path) -> Run:
    """`hilbert extract` in a process of its own, into a new store."""
    store = Path(tempfile.mkdtemp(dir=folder)) / "feats.zarr"
    command = ("-m", "hilbert", "extract", str(way.table), "--store", str(store), *way.flags)
    return checked(store, run_python(*command)[0], int(os.environ["OMP_NUM_THREADS"]))


def checked(place: Path, took: Took, n_threads: int) -> Run:
    """What `hilbert extract` took, with what its store holds."""
    store = open_store(place)
    features = [store.read(name, "whisper").x for name in store.documents()]
    precision = str(store.encoders()["whisper"].options["precision"])
    finite = all(bool(np.isfinite(x).all()) for x in features)
    return Run(took, n_threads, precision, sum(map(len, features)), finite)


def print_pair(kind: str, theirs: Sequence[Run], ours: Sequence[Run], n_sentences: int) -> None:
    fastest: list[Took] = []
    for name, runs in ((f"nkululeko {VERSION}", theirs), ("hilbert", ours)):
        check_vectors(name, runs, n_sentences)
        fastest.append(Took(min(r.took.wall for r in runs), min(r.took.cpu for r in runs)))
        took, run = fastest[-1], runs[0]
        print(f"  {kind:<18}{name:<18}{run.precision:<9}{run.threads} threads{took.wall:>8.2f} s,"
              f" {took.wall / n_sentences:.4f} a sentence;{took.cpu:>8.2f} s of processors,"
              f" {took.cpu / n_sentences:.4f} a sentence")  # fmt: skip
    wall, cpu = (a / b for a, b in zip(*fastest, strict=True))
    print(f"  {kind:<18}nkululeko / hilbert: {wall:.1f} of wall time, {cpu:.1f} of processor time"
          f" (aim {AIM:.0f}), load {load()}", flush=True)  # fmt: skip


def check_vectors(name: str, runs: Sequence[Run], n_sentences: int) -> None:
    """End if a vector is missing or is not finite; a side that skips work is not faster."""
    for run in runs:
        if run.n_vectors != n_sentences or not run.finite:
            raise SystemExit(
                f"{name} gave {run.n_vectors} vectors of {n_sentences} sentences,"
                f" {'all' if run.finite else 'not all'} of them finite; nothing is compared."
            )


if __name__ == "__main__":
    main()
