"""What the steps of one extraction share: options, store, and which documents failed."""

import math
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from hilbert.pipeline.plan import Inputs, Work
from hilbert.stages.extract.encoders.base import EncoderChoice, PrecisionChoice
from hilbert.stages.extract.encoders.weights import ResolvedEncoder
from hilbert.stages.extract.recogniser_files import RecogniserFiles
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.transcribe_config import TranscribeConfig
from hilbert.store.commits import Kind
from hilbert.store.errors import HilbertError, StoreError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.file_digests import FileDigests
from hilbert.store.manifest import Row
from hilbert.store.pack_writer import PackLimits, PackWriter
from hilbert.store.segment_table import SegmentSummary
from hilbert.store.types import Document, EncoderInfo

LOCAL = "local"
"""In place of a Dask scheduler's address: a cluster of processes of this machine."""


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """What `hilbert extract` does; flags of the command line fill it."""

    encoders: tuple[EncoderChoice, ...] = ()
    """Encoders to run; a modality without one uses its default."""
    audio: bool = True
    """Encode recordings."""
    text: bool = True
    """Encode transcripts."""
    device: str = "auto"
    """Where the encoders run: auto, cpu, cuda or mps."""
    precision: PrecisionChoice = "auto"
    """Arithmetic of audio encoders in a new store; auto: the best of the device."""
    compile: bool = False
    """Compile audio encoders with torch.compile; their features agree within rounding."""
    segments: SegmentConfig = field(default_factory=SegmentConfig)
    """How recordings and transcripts are cut."""
    transcribe: TranscribeConfig = field(default_factory=TranscribeConfig)
    """How recordings get a transcript where there is none."""
    rehash: bool = False
    """Read every file again instead of trusting size and times."""
    prune: bool = False
    """Drop documents that the corpus no longer has."""
    commit_every_s: float = 20.0
    """Seconds of work a kill can cost at most."""
    dry_run: bool = False
    """Only tell what would be done; nothing is written."""
    workers: int = 0
    """Processes that transcribe, cut and encode; 0: all is done in the one that was called."""
    dask: str = ""
    """Address of a Dask scheduler whose workers do the same, or local: a cluster made here."""

    def __post_init__(self) -> None:
        if not 0 <= self.commit_every_s < math.inf:
            raise HilbertError(
                f"--commit-every-s must be a number of seconds, not {self.commit_every_s}"
            )
        if self.workers < 0:
            raise HilbertError(f"--workers must be a number of processes, not {self.workers}")
        if self.workers and self.dask not in ("", LOCAL):
            raise HilbertError(
                f"--workers {self.workers} does not go with a cluster that has workers of its own;"
                " drop --workers, or use --dask local"
            )


class SegmentedWork(NamedTuple):
    """A document whose segments are known; a `Work` with

    Attributes
    ----------
    stored : bool
        Whether they were in the store before this extraction.
    feature_keys : mapping of str to str
        Keys of its features by the encoder's name, whether they are stored or not.
    """

    document: Document
    inputs: Inputs
    cut: Mapping[str, object]
    segment_key: str
    stored: bool
    feature_keys: Mapping[str, str]

    @property
    def work(self) -> Work:
        return Work(self.document, self.inputs, self.cut, self.segment_key)


@dataclass(slots=True)
class Encoding:
    """What one encoder did in an extraction."""

    documents: list[str] = field(default_factory=list)
    audio_seconds: float = 0.0


class Result(NamedTuple):
    """What became of one key that the store lacked.

    Attributes
    ----------
    key : str
    failure : str, optional
        Why its document cannot be done.
    is_new : bool
        Whether what the store lacked was made; False if another extraction was first, or a
        worker that died before it could tell.
    audio_seconds : float
        Of speech that was encoded, or transcribed.
    summary : SegmentSummary, optional
        Facts about the segments that were cut.
    """

    key: str
    failure: str | None = None
    is_new: bool = False
    audio_seconds: float = 0.0
    summary: SegmentSummary | None = None


Model = ResolvedEncoder | RecogniserFiles
"""What does the work of a step: one that encodes, or one that transcribes."""


class Executor(Protocol):
    """Where documents are transcribed, cut and encoded: in this process, or by workers.

    Results come in any order, one a key, and by the time they are exhausted all that they
    tell of is committed. Wherever it is done, the store is the same.
    """

    def run(
        self, session: "Session", model: Model | None, todo: Mapping[str, Work]
    ) -> Generator[Result, None, None]:
        """Make what the store, or the folder of transcripts, lacks.

        Parameters
        ----------
        model : ResolvedEncoder or RecogniserFiles, optional
            What encodes or transcribes; without one, documents are cut.
        todo : mapping of str to Work
            By the key of a transcript, of segments or of features that is lacking, the document
            to make it of.
        """


class _Discard:
    """Stands for a `PackWriter` where nothing is to be written."""

    def add(self, key: str, rows: object, about: object = None) -> bool:
        return False


def _ignore(_: float) -> None:
    pass


@dataclass(slots=True)
class Session:
    """One extraction.

    Attributes
    ----------
    executor : Executor
        Where documents are cut and encoded.
    place : Path
        The store's folder.
    table : Path, optional
        The corpus table, for workers that must read texts in it.
    former : mapping of str to Row
        What the store's manifest said of each document before.
    known : mapping of str to EncoderInfo
        Encoders of that manifest.
    cut : dict of str to SegmentSummary
        Facts about the segments that were cut, by their key, so far.
    failures : dict of str to str
        Why documents failed, so far.
    done : dict of str to Encoding
        What each encoder did, so far.
    transcripts : dict of str to mapping
        By what the transcripts of documents were made or would be, for those that have none.
    transcribed : dict of str to float
        Documents that were transcribed, or in a dry run would be, and seconds of their audio.
    languages : dict of str to str
        Languages that were detected in recordings that were transcribed, by document.
    wordless : set of str
        Documents in whose recording no words were found.
    advance : callable
        Told how many seconds of a recording were transcribed, piece by piece, where this is done
        in this process.
    pending : dict of str to float
        Of a dry run: documents that would be cut anew, nobody knows where before their recording
        is heard, and at most how many seconds of audio that is.
    """

    store: FeatureStore
    options: ExtractOptions
    digests: FileDigests
    executor: Executor
    place: Path
    table: Path | None = None
    former: Mapping[str, Row] = field(default_factory=dict)
    known: Mapping[str, EncoderInfo] = field(default_factory=dict)
    cut: dict[str, SegmentSummary] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    done: dict[str, Encoding] = field(default_factory=dict)
    transcripts: dict[str, Mapping[str, object]] = field(default_factory=dict)
    transcribed: dict[str, float] = field(default_factory=dict)
    languages: dict[str, str] = field(default_factory=dict)
    wordless: set[str] = field(default_factory=set)
    advance: Callable[[float], None] = _ignore
    pending: dict[str, float] = field(default_factory=dict)

    def writer(
        self, kind: Kind, provenance: Mapping[str, object]
    ) -> AbstractContextManager[PackWriter | _Discard]:
        """Where rows go: into the store, or nowhere in a dry run."""
        if self.options.dry_run:
            return nullcontext(_Discard())
        limits = PackLimits(seconds=self.options.commit_every_s)
        return self.store.writer(kind, provenance=provenance, limits=limits)

    def summary(self, segment_key: str) -> SegmentSummary:
        """Facts about segments that were cut or are stored; ``StoreError`` if they are neither."""
        summary = self.cut.get(segment_key) or self.store.summary(segment_key)
        if summary is None:
            raise StoreError("its segments were deleted meanwhile; run the command again")
        return summary

    def fail(self, works: Iterable[Work | SegmentedWork], reason: str) -> None:
        """Record why documents failed; the first reason of a document stays."""
        for work in works:
            self.failures.setdefault(work.document.id, reason)
