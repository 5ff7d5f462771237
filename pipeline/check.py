"""The command `hilbert check`: read a corpus once, encode nothing, tell what is wrong with it."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from hilbert.pipeline.check_document import Facts, Understood, check_document
from hilbert.pipeline.check_duplicates import duplicate_problems
from hilbert.pipeline.check_estimate import Estimate, estimate, n_cores
from hilbert.pipeline.check_labels import ColumnCount, count_labels, label_problems
from hilbert.pipeline.corpus import Corpus, column_warnings
from hilbert.pipeline.progress import show_progress
from hilbert.stages.extract.checks.problem import SEVERITIES, Problem
from hilbert.stages.extract.checks.signal import Signal, measure_signal
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.store.errors import DocumentError
from hilbert.store.file_digests import FileDigests
from hilbert.store.types import Document


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What `hilbert check` looks at."""

    segments: SegmentConfig = field(default_factory=SegmentConfig)
    """How recordings and transcripts will be cut."""
    audio: bool = True
    """Recordings will be encoded."""
    text: bool = True
    """Transcripts will be encoded."""
    targets: tuple[str, ...] = ()
    """Label columns to predict; none means any."""
    many: tuple[str, ...] = ()
    """Those whose cells hold any number of labels."""
    quick: bool = False
    """Read headers and transcripts only."""
    threads: int | None = None
    """Recordings that are decoded side by side; by default the processors."""


class Found(NamedTuple):
    """A problem, and whose; None for the corpus as a whole."""

    document: str | None
    problem: Problem


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found in a corpus.

    Attributes
    ----------
    found : tuple of Found
        Errors before warnings before notes, each in the order of the corpus.
    recorded_s, speech_s : float
        Seconds of recordings, and of what of them would be encoded.
    rates : mapping of int to int
        Recordings by sampling rate.
    understood : tuple of Understood
        What transcript files were taken for, one a document that has one.
    """

    n_documents: int
    recorded_s: float
    speech_s: float
    rates: Mapping[int, int]
    labels: tuple[ColumnCount, ...]
    found: tuple[Found, ...]
    estimate: Estimate
    quick: bool
    understood: tuple[Understood, ...] = ()

    @property
    def failing(self) -> tuple[str, ...]:
        """Documents on which an extraction will fail."""
        ids = (f.document for f in self.found if f.problem.severity == "error")
        return tuple(dict.fromkeys(name for name in ids if name is not None))


def check_corpus(corpus: Corpus, options: CheckOptions) -> CheckReport:
    """Read every file of a corpus, encode nothing, write nothing into a store."""
    documents = [_wanted(document, options) for document in corpus.documents]
    done = _check_files(documents, options)
    facts = [done.facts[document.id] for document in documents]
    labels = count_labels(corpus, options.many)
    recorded = _recordings(facts)
    found = [Found(fact.document.id, problem) for fact in facts for problem in fact.problems]
    found += [Found(*pair) for pair in duplicate_problems(facts, _audio_digests(facts, options))]
    rates = Counter(fact.info.sampling_rate for fact in recorded if fact.info)
    found += [Found(None, problem) for problem in _rate_problems(rates)]
    found += [Found(None, problem) for problem in _column_problems(corpus.columns)]
    found += [Found(None, problem) for problem in label_problems(labels, options.targets)]
    recorded_s = sum(fact.info.duration_s for fact in recorded if fact.info)
    decode_s = done.decode_s / (done.decoded_s / 3600) if done.decoded_s else None
    return CheckReport(
        n_documents=len(documents),
        recorded_s=recorded_s,
        speech_s=sum(fact.seconds() for fact in facts),
        rates=dict(rates.most_common()),
        labels=labels,
        found=tuple(sorted(found, key=lambda f: SEVERITIES.index(f.problem.severity))),
        estimate=estimate(facts, decode_s),
        quick=options.quick,
        understood=tuple(fact.understood for fact in facts if fact.understood is not None),
    )


def _wanted(document: Document, options: CheckOptions) -> Document:
    """The document without what will not be encoded, as an extraction would see it."""
    has_text = document.transcript is not None or document.text is not None
    if not options.audio and has_text and not os.path.exists(document.audio or ""):
        return document._replace(audio=None)
    if not options.text and document.audio and not os.path.exists(document.transcript or ""):
        return document._replace(transcript=None)
    return document


@dataclass(slots=True)
class _Done:
    """Facts by document; and what decoding took, in seconds of processor time and of audio."""

    facts: dict[str, Facts] = field(default_factory=dict)
    decode_s: float = 0.0
    decoded_s: float = 0.0


class _Checked(NamedTuple):
    facts: list[Facts]
    decode_s: float
    decoded_s: float


def _check_files(documents: Sequence[Document], options: CheckOptions) -> _Done:
    """Check all documents; a recording that several of them share is decoded once."""
    by_audio: dict[str, list[Document]] = {}
    for document in documents:
        by_audio.setdefault(document.audio or f"\0{document.id}", []).append(document)
    done = _Done()
    n_threads = options.threads or n_cores()
    with (
        show_progress("check", unit="documents", total=len(documents)) as progress,
        ThreadPoolExecutor(n_threads, thread_name_prefix="hilbert-check") as pool,
    ):
        try:
            for checked in pool.map(lambda group: _check(group, options), by_audio.values()):
                done.facts.update((fact.document.id, fact) for fact in checked.facts)
                done.decode_s += checked.decode_s
                done.decoded_s += checked.decoded_s
                for _ in checked.facts:
                    progress.advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)  # what waits is not begun, as nobody will see it
            raise
    return done


def _check(documents: Sequence[Document], options: CheckOptions) -> _Checked:
    """Check the documents of one recording; `documents` share it."""
    signal: Signal | None = None
    started = time.thread_time()
    audio = documents[0].audio
    if audio is not None and not options.quick:
        with suppress(DocumentError, OSError):  # opening it fails again when it is cut
            signal = measure_signal(Path(audio))
    decode_s = time.thread_time() - started
    facts = [check_document(document, options.segments, signal) for document in documents]
    return _Checked(facts, decode_s, signal.duration_s if signal else 0.0)


def _audio_digests(facts: Sequence[Facts], options: CheckOptions) -> Mapping[str, str]:
    """Digests of recordings by document; in a quick check only of files of equal size."""
    if not options.quick:
        return {f.document.id: f.audio_digest for f in facts if f.audio_digest is not None}
    sizes: dict[int, list[Document]] = {}
    for fact in facts:
        if fact.document.audio is not None and fact.info is not None:
            with suppress(OSError):
                size = os.path.getsize(fact.document.audio)
                sizes.setdefault(size, []).append(fact.document)
    digests = {}
    with FileDigests() as known:
        for document in (d for same in sizes.values() if len(same) > 1 for d in same):
            with suppress(OSError):
                digests[document.id] = known.of(document.audio or "")
    return digests


def _recordings(facts: Sequence[Facts]) -> list[Facts]:
    """One document for each recording that could be opened."""
    first: dict[str, Facts] = {}
    for fact in facts:
        if fact.info is not None and fact.document.audio is not None:
            first.setdefault(fact.document.audio, fact)
    return list(first.values())


def _column_problems(columns: Sequence[str]) -> Iterator[Problem]:
    for sentence in column_warnings(columns):
        yield Problem("warning", "column", sentence.rstrip("?"), "rename it, unless it is a label")


def _rate_problems(rates: Mapping[int, int]) -> Iterator[Problem]:
    if len(rates) > 1:
        counts = ", ".join(f"{rate} Hz {n}" for rate, n in Counter(rates).most_common())
        yield Problem(
            "note",
            "sampling rate",
            f"recordings differ in their sampling rate ({counts})",
            "see that a rate does not go with a class: what is predicted could be the device",
        )
