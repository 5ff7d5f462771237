"""What is up to date, stage by stage, and why what is not is not; decided by keys alone.

The stages are a graph: a document is cut (segment), then encoded under each encoder (encode);
all documents are fitted for each target (fit), and the run is drawn (report). Each has a key of
all it depends on. It is *current* if the result of that key is there, *stale* if only the result
of another key is, *missing* if none is, *failed* if it could not be made.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hilbert.pipeline.components import (
    Change,
    changes,
    feature_components,
    inputs_of,
    segment_components_of,
)
from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.outlook import Outlook, look
from hilbert.pipeline.plan import segment_components
from hilbert.pipeline.session import SegmentedWork, Session
from hilbert.store.errors import CorpusError
from hilbert.store.manifest import Manifest, Row, merge
from hilbert.store.segment_table import SegmentSummary
from hilbert.store.types import Document, EncoderInfo

State = Literal["current", "stale", "missing", "failed"]
STATES: tuple[State, ...] = ("current", "stale", "missing", "failed")


@dataclass(frozen=True, slots=True)
class StageStatus:
    """States of one stage: of each document that has it, or of each target."""

    stage: str
    states: Mapping[str, State]

    @property
    def counts(self) -> dict[str, int]:
        """How many are in each state."""
        found = Counter(self.states.values())
        return {state: found[state] for state in STATES}


@dataclass(frozen=True, slots=True)
class Reason:
    """The state of one stage of a document, and the components of its key that changed."""

    stage: str
    state: State
    changes: tuple[Change, ...]
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """States of the stages of the store, and the manifest that an extraction would publish."""

    stages: tuple[StageStatus, ...]
    works: Mapping[str, SegmentedWork]
    prospect: Manifest
    failures: Mapping[str, str]


def survey(session: Session, corpus: Corpus, encoders: Mapping[str, EncoderInfo]) -> Survey:
    """States of segments and features; `session` is one of a dry run."""
    outlook = look(session, corpus, encoders)
    works = {work.document.id: work for work in outlook.works}
    rows = {row.id: row for row in outlook.rows}
    segment = {d.id: _segment_state(session, works.get(d.id), d.id) for d in corpus.documents}
    encode = [
        StageStatus(f"encode {name}", _encode_states(session, info, corpus, rows, works))
        for name, info in encoders.items()
    ]
    made = StageStatus("transcribe", _transcribe_states(session, corpus))
    return Survey(
        stages=(*([made] if made.states else []), StageStatus("segment", segment), *encode),
        works=works,
        prospect=_prospect(session, outlook, encoders),
        failures=dict(session.failures),
    )


def summaries_after(session: Session, found: Survey) -> dict[str, SegmentSummary]:
    """Facts about the segments of each document, as an extraction would leave them."""
    there = session.store.index
    return {
        row.id: session.summary(row.segment_key)
        for row in found.prospect.rows
        if row.segment_key is not None
        and (row.segment_key in session.cut or row.segment_key in there)
    }


def why(
    session: Session, corpus: Corpus, encoders: Mapping[str, EncoderInfo], document: str
) -> tuple[Reason, ...]:
    """States of the stages of one document, with what changed since its last extraction.

    Raises
    ------
    CorpusError
        If the corpus has no such document.
    """
    documents = tuple(d for d in corpus.documents if d.id == document)
    if not documents:
        kept = "; the store keeps what it has of it" if document in session.former else ""
        raise CorpusError(f"{corpus.name} has no document {document!r}{kept}")
    alone = replace(corpus, documents=documents)
    found = survey(session, alone, encoders)
    work = found.works.get(document)
    stages = {status.stage: status for status in found.stages}
    made = stages.pop("transcribe", None)
    reasons = [] if made is None else [_why_transcribe(session, made, document)]
    reasons.append(_why_segment(session, stages.pop("segment"), work, document))
    for status, info in zip(stages.values(), encoders.values(), strict=True):
        if document in status.states:
            reasons.append(_why_encode(session, status, info, work, document))
    return tuple(reasons)


def _transcribe_states(session: Session, corpus: Corpus) -> dict[str, State]:
    """States of the documents whose transcript is made, not given."""
    covered = [d.id for d in corpus.documents if session.options.transcribe.covers(d)]
    return {name: _transcribe_state(session, name) for name in covered}


def _transcribe_state(session: Session, document: str) -> State:
    if document in session.transcribed:
        before = _made_by(session, document)
        return "stale" if before is not None else "missing"
    return "current" if document in session.transcripts else "failed"


def _made_by(session: Session, document: str) -> Mapping[str, object] | None:
    """By what the transcript of a document was made when it was last cut."""
    former = session.former.get(document)
    old = session.store.summary(former.segment_key) if former and former.segment_key else None
    found = segment_components_of(old).get("transcription")
    return found if isinstance(found, Mapping) else None


def _segment_state(session: Session, work: SegmentedWork | None, document: str) -> State:
    if work is None and document not in session.pending:
        return "failed"
    if work is not None and work.stored:
        return "current"
    former = session.former.get(document)
    return "stale" if former is not None and former.segment_key is not None else "missing"


def _encode_states(
    session: Session,
    info: EncoderInfo,
    corpus: Corpus,
    rows: Mapping[str, Row],
    works: Mapping[str, SegmentedWork],
) -> dict[str, State]:
    """States of the documents that have the encoder's modality."""
    states: dict[str, State] = {}
    for document in corpus.documents:
        if document.id in session.pending:
            if _has(document, info) or document.id in session.transcribed:
                states[document.id] = _unknown_state(session, info, document.id)
        elif document.id not in works:
            if _has(document, info):
                states[document.id] = "failed"
        elif key := rows[document.id].feature_keys.get(info.name):
            states[document.id] = _encode_state(session, info, document.id, key)
    return states


def _unknown_state(session: Session, info: EncoderInfo, document: str) -> State:
    former = session.former.get(document)
    return "stale" if former is not None and info.name in former.feature_keys else "missing"


def _encode_state(session: Session, info: EncoderInfo, document: str, key: str) -> State:
    if key in session.store.index:
        return "current"
    former = session.former.get(document)
    if former is not None and info.name in former.feature_keys:
        return "stale"
    return "failed" if former is not None and former.failure else "missing"


def _has(document: Document, info: EncoderInfo) -> bool:
    if info.modality == "audio":
        return document.audio is not None
    return document.transcript is not None or document.text is not None


def _prospect(session: Session, outlook: Outlook, infos: Mapping[str, EncoderInfo]) -> Manifest:
    """The manifest that an extraction would publish if nothing failed."""
    index = session.store.index
    rows = tuple(
        row._replace(
            failure=session.failures.get(row.id),
            feature_keys={n: k for n, k in row.feature_keys.items() if n in infos or k in index},
        )
        for row in outlook.rows
    )
    new = Manifest(0, rows, infos)
    return merge(session.store.manifest(), new, prune=session.options.prune)


def _why_transcribe(session: Session, status: StageStatus, document: str) -> Reason:
    state = status.states.get(document)
    if state is None:
        return Reason("transcribe", "current", (), "the corpus gives its transcript")
    before, now = _made_by(session, document), session.transcripts.get(document, {})
    changed = changes(before, now) if state == "stale" and before is not None else ()
    note = session.failures.get(document) if state == "failed" else None
    if state == "stale" and not changed:
        note = "its recording or what is kept of it changed, or the transcript was deleted"
    return Reason("transcribe", state, changed, note or _note(state, changed, False))


def _why_segment(
    session: Session, status: StageStatus, work: SegmentedWork | None, document: str
) -> Reason:
    state = status.states[document]
    if document in session.pending:
        return Reason("segment", state, (), "not known before its recording is heard")
    if work is None:
        return Reason("segment", state, (), session.failures.get(document))
    former = session.former.get(document)
    old = session.store.summary(former.segment_key) if former and former.segment_key else None
    new = segment_components(work.inputs, work.cut)
    changed = changes(segment_components_of(old), new) if old else ()
    return Reason("segment", state, changed, _note(state, changed, old is not None))


def _why_encode(
    session: Session,
    status: StageStatus,
    info: EncoderInfo,
    work: SegmentedWork | None,
    document: str,
) -> Reason:
    state = status.states[document]
    former = session.former.get(document)
    known = session.store.encoders().get(info.name)
    old = session.store.summary(former.segment_key) if former and former.segment_key else None
    if work is None or former is None or old is None or known is None:
        return Reason(status.stage, state, (), session.failures.get(document))
    before = feature_components(known, inputs_of(old).audio, old)
    after = feature_components(info, work.inputs.audio, session.summary(work.segment_key))
    if known.fingerprint == info.fingerprint:
        before.pop("encoder")
        after.pop("encoder")
    changed = changes(before, after)
    note = former.failure if state == "failed" else _note(state, changed, True)
    return Reason(status.stage, state, changed, note)


def _note(state: State, changed: Sequence[Change], known: bool) -> str | None:
    """What to say where no component tells the reason."""
    if state == "current" or changed:
        return None
    if known and state == "stale":
        return "what was stored is damaged or gone"
    return "never made"
