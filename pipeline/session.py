"""What the steps of one extraction share: options, store, and which documents failed."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hilbert.pipeline.plan import Inputs
from hilbert.stages.extract.encoders.base import EncoderChoice
from hilbert.stages.extract.segment import SegmentConfig
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.file_digests import FileDigests
from hilbert.store.manifest import Row
from hilbert.store.pack_writer import PackLimits
from hilbert.store.segment_table import SegmentSummary
from hilbert.store.types import Document


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
    segments: SegmentConfig = field(default_factory=SegmentConfig)
    """How recordings and transcripts are cut."""
    rehash: bool = False
    """Read every file again instead of trusting size and times."""
    prune: bool = False
    """Drop documents that the corpus no longer has."""
    commit_every_s: float = 20.0
    """Seconds of work a kill can cost at most."""

    def __post_init__(self) -> None:
        if not 0 <= self.commit_every_s < math.inf:
            raise HilbertError(
                f"--commit-every-s must be a number of seconds, not {self.commit_every_s}"
            )


@dataclass(frozen=True, slots=True)
class Work:
    """A document whose files were read; `components` are those of its segment key."""

    document: Document
    inputs: Inputs
    components: Mapping[str, object]
    segment_key: str


@dataclass(frozen=True, slots=True)
class SegmentedWork(Work):
    """A document whose segments are stored."""

    summary: SegmentSummary


@dataclass(slots=True)
class Session:
    """One extraction.

    Attributes
    ----------
    former : mapping of str to Row
        What the store's manifest said of each document before.
    failures : dict of str to str
        Why documents failed, so far.
    """

    store: FeatureStore
    options: ExtractOptions
    digests: FileDigests
    former: Mapping[str, Row] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def limits(self) -> PackLimits:
        return PackLimits(seconds=self.options.commit_every_s)

    def fail(self, works: Iterable[Work], reason: str) -> None:
        """Record why documents failed; the first reason of a document stays."""
        for work in works:
            self.failures.setdefault(work.document.id, reason)
