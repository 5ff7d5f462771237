"""What an extraction did, or would do."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.last_look import LastLook
from hilbert.pipeline.outlook import Outlook
from hilbert.pipeline.pending import n_to_encode
from hilbert.pipeline.session import Session
from hilbert.store.manifest import Row
from hilbert.store.types import EncoderInfo


@dataclass(frozen=True, slots=True)
class ExtractReport:
    """What an extraction did, or in a dry run would do."""

    documents: int
    segmented: int
    """Documents that were cut."""
    encoded: Mapping[str, int]
    skipped: int
    failed: tuple[tuple[str, str], ...]
    audio_seconds: float
    generation: int
    """The latest generation afterwards."""
    kept: int
    """Documents of the store that are not in the corpus, and stay."""
    dropped: int
    """Documents of the store that are not in the corpus, and go (`prune`)."""
    superseded: int
    """Documents not in the corpus that lose features, because another encoder has their name."""
    outdated: Mapping[str, int]
    """By encoder that was not run: documents whose features of it are not theirs any more."""
    damaged: int
    """Packs of the store that are damaged or gone; what they held was missing."""
    transcribed: int = 0
    """Documents whose transcript was made."""
    wordless: int = 0
    """Documents in whose recording no words were found; they have no text."""
    languages: Mapping[str, str] = field(default_factory=dict)
    """Languages that were detected in recordings that were transcribed, by document."""
    dry_run: bool = False


def nothing_to_do(look: LastLook, *, dry_run: bool) -> ExtractReport:
    """What an extraction reports where nothing was touched since a look."""
    return ExtractReport(
        documents=look.n_documents,
        segmented=0,
        encoded=dict.fromkeys(look.encoders, 0),
        skipped=look.n_documents,
        failed=(),
        audio_seconds=0.0,
        generation=look.generation,
        kept=look.kept,
        dropped=0,
        superseded=0,
        outdated={},
        damaged=0,
        dry_run=dry_run,
    )


def report_of(
    session: Session,
    corpus: Corpus,
    outlook: Outlook,
    encoders: Mapping[str, EncoderInfo],
    damaged: int,
) -> ExtractReport:
    latest = session.store.manifest()
    prune = session.options.prune
    present = outlook.ids
    others = [row for name, row in session.former.items() if name not in present]
    ids = [document.id for document in corpus.documents]
    touched = {name for encoding in session.done.values() for name in encoding.documents}
    failures = session.failures
    return ExtractReport(
        documents=len(ids),
        segmented=sum(not work.stored for work in outlook.works) + len(session.pending),
        encoded={
            name: len(encoding.documents) + n_to_encode(session, corpus, encoders[name])
            for name, encoding in session.done.items()
        },
        skipped=len(set(ids) - touched - set(failures) - set(session.pending)),
        failed=tuple((name, failures[name]) for name in ids if name in failures),
        audio_seconds=sum(encoding.audio_seconds for encoding in session.done.values())
        + (sum(session.pending.values()) if session.options.audio else 0.0),
        generation=latest.generation,
        kept=0 if prune else len(others),
        dropped=len(others) if prune else 0,
        superseded=0 if prune else sum(_loses(row, session, encoders) for row in others),
        outdated=_outdated(session, outlook, encoders),
        damaged=damaged,
        transcribed=len(session.transcribed),
        wordless=len(session.wordless),
        languages=dict(session.languages),
        dry_run=session.options.dry_run,
    )


def _loses(row: Row, session: Session, encoders: Mapping[str, EncoderInfo]) -> bool:
    """Whether a document has features under the name of an encoder that is now another."""
    before = session.known
    return any(
        name in encoders and before[name].fingerprint != encoders[name].fingerprint
        for name in row.feature_keys
    )


def _outdated(
    session: Session, outlook: Outlook, encoders: Mapping[str, EncoderInfo]
) -> dict[str, int]:
    """Documents that lose features of encoders that are not run, as they are cut otherwise now."""
    index, counts = session.store.index, Counter[str]()
    for row in outlook.rows:
        former = session.former.get(row.id)
        if former is None or former.feature_keys == row.feature_keys:
            continue
        for name, before in former.feature_keys.items():
            now = row.feature_keys.get(name)
            if name not in encoders and now not in (None, before) and now not in index:
                counts[name] += 1
    return dict(counts)
