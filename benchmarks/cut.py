"""Documents with their segments, as `hilbert extract` cuts them, for benchmarks of encoders."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilbert.pipeline.corpus import read_corpus
from hilbert.pipeline.cut import cut_document
from hilbert.stages.extract.encoders.base import EncodeJob
from hilbert.stages.extract.encoders.windows import plan_windows
from hilbert.stages.extract.recordings.audio import read_spans
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.store.types import Document, Modality, Segment, Span


@dataclass(frozen=True)
class Cut:
    """Documents with their segments, as `hilbert extract` cuts them."""

    documents: tuple[Document, ...]
    segments: tuple[tuple[Segment, ...], ...]

    def jobs(self, modality: Modality) -> list[EncodeJob]:
        return [
            EncodeJob(
                document.id,
                tuple(s for s in segments if s.modality == modality),
                Path(document.audio) if document.audio else None,
            )
            for document, segments in zip(self.documents, self.segments, strict=True)
        ]


def cut_documents(table: Path) -> Cut:
    documents = read_corpus(table).documents
    return Cut(documents, tuple(cut_document(d, SegmentConfig()).segments for d in documents))


def first_documents(corpus: Path, n: int, folder: Path) -> Path:
    """A table of the first `n` rows, its paths made absolute."""
    with corpus.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))[:n]
    for row in rows:
        for column in ("audio", "transcript"):
            row[column] = str((corpus.parent / row[column]).resolve())
    return write_table(folder / "corpus.csv", rows)


def write_table(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def decode(job: EncodeJob) -> list[NDArray[np.float32]]:
    """Waveforms of a document's segments, as the encoder reads them."""
    assert job.audio is not None
    return list(read_spans(job.audio, plan_windows(job.segments, "packed").spans))


def span_of(segment: Segment) -> Span:
    assert segment.start_s is not None  # as of every audio segment
    assert segment.end_s is not None
    return Span(segment.start_s, segment.end_s)
