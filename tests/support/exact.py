"""Encoders that are bitwise deterministic, a corpus for them, and all that a store says of it.

The encoders stand for the models alone; everything else of an extraction is the real path.
A feature vector is a digest of what it stands for, the decoded samples of a span or the text
of a segment, so that two stores of one corpus must be equal to the last bit.
"""

import hashlib
import os
import signal
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soundfile
from numpy.typing import NDArray

from hilbert.pipeline import encode
from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.extract import extract
from hilbert.pipeline.extract_report import ExtractReport
from hilbert.pipeline.session import ExtractOptions
from hilbert.stages.extract.encoders.base import Encoded, EncodeJob, EncoderOptions
from hilbert.stages.extract.encoders.weights import ResolvedEncoder
from hilbert.store.feature_store import FeatureStore, open_store
from hilbert.store.types import Document, EncoderInfo, Modality, Segment
from support.project import write_transcript

DIM = 8
AUDIO = EncoderInfo("exact-audio", "audio", DIM, "fp-exact-audio")
TEXT = EncoderInfo("exact-text", "text", DIM, "fp-exact-text")


@dataclass(frozen=True)
class Trap:
    """What encoding does to the process it runs in.

    Attributes
    ----------
    deadly : frozenset of str
        Documents that kill it every time.
    once : Path, optional
        The process that first makes this file is killed.
    slow_s : float
        How long each document takes.
    """

    deadly: frozenset[str] = frozenset()
    once: Path | None = None
    slow_s: float = 0.0

    def spring(self, document: str) -> None:
        if document in self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.once is not None:
            try:
                self.once.touch(exist_ok=False)
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.slow_s)


@dataclass(frozen=True)
class ExactEncoder:
    """Writes the document and modality of each job into `log`, a line each."""

    info: EncoderInfo
    log: Path
    trap: Trap = Trap()

    def encode(self, jobs: Iterable[EncodeJob]) -> Iterator[Encoded]:
        for job in jobs:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"{job.id} {self.info.modality}\n")
            self.trap.spring(job.id)
            yield Encoded(job.id, _features(job, self.info.modality))


@dataclass(frozen=True)
class ExactResolved(ResolvedEncoder):
    """Loads as an exact encoder, also in a process that it travels to."""

    log: Path = Path()
    trap: Trap = Trap()

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return _arrive, (self.info, self.log, self.trap)


def exact(info: EncoderInfo, log: Path, trap: Trap = Trap()) -> ExactResolved:
    return ExactResolved(info, Path("none"), EncoderOptions(), log=log, trap=trap)


def _arrive(info: EncoderInfo, log: Path, trap: Trap) -> ExactResolved:
    """Unpickle one in a worker, in which no test could have put `load_exact` into its place."""
    encode.load_encoder = load_exact
    return exact(info, log, trap)


def load_exact(resolved: ResolvedEncoder, **_: object) -> ExactEncoder:
    assert isinstance(resolved, ExactResolved)
    return ExactEncoder(resolved.info, resolved.log, resolved.trap)


def _features(job: EncodeJob, modality: Modality) -> NDArray[np.float16]:
    """Float16 of shape (n_segments, 8), whole numbers below 256."""
    if modality == "text":
        parts = [str(segment.text).encode() for segment in job.segments]
    else:
        assert job.audio is not None
        wave, rate = soundfile.read(job.audio, dtype="float32")
        parts = [_samples(wave, rate, segment) for segment in job.segments]
    digests = [hashlib.blake2b(part, digest_size=DIM).digest() for part in parts]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIM).astype(np.float16)


def _samples(wave: NDArray[np.float32], rate: int, segment: Segment) -> bytes:
    assert segment.start_s is not None
    assert segment.end_s is not None
    return wave[round(segment.start_s * rate) : round(segment.end_s * rate)].tobytes()


@dataclass(frozen=True)
class Bench:
    """A folder with a corpus of documents ``d00``, ``d01``, … of audio and transcript."""

    folder: Path
    trap: Trap = Trap()

    @property
    def log(self) -> Path:
        return self.folder / "encoded.log"

    def write(self, numbers: Iterable[int], version: int = 0) -> None:
        """Write recordings and transcripts; another version has other content."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for i in numbers:
            rng = np.random.default_rng([i, version])
            wave = rng.uniform(-0.5, 0.5, size=48_000).astype(np.float32)
            soundfile.write(self.folder / f"d{i:02d}.wav", wave, 8_000)
            texts = [f"Document {i} in version {version:02d}.", f"It ends with sentence {i}."]
            write_transcript(self.folder / f"d{i:02d}.vtt", texts)

    def corpus(self, numbers: Iterable[int], **columns: str) -> Corpus:
        documents = tuple(
            Document(
                id=f"d{i:02d}",
                audio=f"{self.folder}/d{i:02d}.wav",
                transcript=f"{self.folder}/d{i:02d}.vtt",
                group=f"g{i // 2}",
                columns={"mood": ("low", "high")[i % 2], **columns},
            )
            for i in numbers
        )
        return Corpus(Path("corpus.csv"), documents, ("mood", *columns))

    def extract(
        self,
        store: Path,
        numbers: Iterable[int],
        encoders: Iterable[EncoderInfo] = (AUDIO, TEXT),
        **options: Any,
    ) -> ExtractReport:
        """The real `extract` with the exact encoders, a pack a document unless told."""
        return self.extract_corpus(store, self.corpus(numbers), encoders, **options)

    def extract_corpus(
        self,
        store: Path,
        corpus: Corpus,
        encoders: Iterable[EncoderInfo] = (AUDIO, TEXT),
        **options: Any,
    ) -> ExtractReport:
        given = replace(ExtractOptions(commit_every_s=0, device="cpu"), **options)
        resolved = [exact(info, self.log, self.trap) for info in encoders]
        with self.exact():
            return extract(corpus, store, resolved, given)

    def taken(self) -> list[str]:
        """What was encoded since this was last asked, in order, sorted."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return sorted(lines)

    @contextmanager
    def exact(self) -> Iterator[None]:
        with (
            mock.patch.object(encode, "load_encoder", load_exact),
            mock.patch.dict(os.environ, {"HILBERT_CACHE": str(self.folder / "cache")}),
        ):
            yield


Contents = Mapping[str, tuple[object, ...]]
"""By document: group, columns, failure, segments, and bytes of features and times."""


def contents(path: Path) -> Contents:
    """All that a store says of its documents; keys apart, which depend on the store's salt."""
    return contents_of(open_store(path))


def contents_of(store: FeatureStore, documents: Collection[str] | None = None) -> Contents:
    """What the latest manifest says of some documents, or of all, read from the packs."""
    found: dict[str, tuple[object, ...]] = {}
    for row in store.manifest().rows:
        if documents is not None and row.id not in documents:
            continue
        features = {
            name: tuple(part.tobytes() for part in store.read(row.id, name))
            for name in row.feature_keys
        }
        segments = None if row.segment_key is None else store.segments(row.id)
        found[row.id] = (row.group, dict(row.columns), row.failure, segments, features)
    return found


def feature_keys(store: FeatureStore) -> set[str]:
    """Feature keys that the latest manifest names."""
    return {key for row in store.manifest().rows for key in row.feature_keys.values()}
