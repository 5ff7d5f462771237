"""Make the transcripts that documents lack; from then on they are files like any other.

Each is kept in a folder beside the store, under a key of all that decides it: the recording, what
of it is kept, the recogniser and its options, the language. It may be edited, which changes the
document's text, or deleted, which has it made again.
"""

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.pending import kept_seconds
from hilbert.pipeline.plan import Inputs, Work
from hilbert.pipeline.progress import Progress, show_progress
from hilbert.pipeline.session import Session
from hilbert.pipeline.transcribe import audio_digest, seconds_of
from hilbert.stages.extract.recogniser_files import find_recogniser
from hilbert.stages.extract.transcribe import recogniser_components
from hilbert.stages.extract.transcribe_config import TranscribeConfig, tells_speakers
from hilbert.stages.extract.transcripts.made import clean_up, has_words, likely_language
from hilbert.store import keys
from hilbert.store.errors import DocumentError
from hilbert.store.types import Diarisation, Document


@dataclass(frozen=True, slots=True)
class Planned:
    """A transcript that is made, or was: what decides it by name, and the key of that."""

    document: Document
    audio: str
    language: str | None
    components: Mapping[str, object]
    key: str


def default_folder(store: Path) -> Path:
    """Where transcripts are kept unless told otherwise: ``feats.transcripts`` of ``feats.zarr``."""
    return store.with_suffix(".transcripts")


def placed(config: TranscribeConfig, store: Path) -> TranscribeConfig:
    """The options with the folder that they mean."""
    folder = config.transcripts_dir or default_folder(store)
    return replace(config, transcripts_dir=folder.absolute())


def with_transcripts(session: Session, corpus: Corpus) -> Corpus:
    """The corpus with transcripts that were made; without documents that wait for one or failed.

    The recogniser is loaded only if a transcript is missing. In a dry run none is made.

    Raises
    ------
    HilbertError
        If the recogniser is not to be had, or the transcripts cannot be written.
    """
    config = session.options.transcribe
    covered = [document for document in corpus.documents if config.covers(document)]
    if not covered:
        return corpus
    assert config.transcripts_dir is not None  # `begin` sets it
    planned = _plan(session, covered)
    missing = _missing(planned, config.transcripts_dir)
    if missing and session.options.dry_run:
        _foresee(session, missing)
    elif missing:
        _transcribe(session, missing, config.transcripts_dir)
    by_id = {plan.document.id: plan for plan in planned}
    documents = []
    for document in corpus.documents:
        plan = by_id.get(document.id)
        if plan is not None and document.id not in {**session.failures, **session.pending}:
            documents.append(_transcribed(session, plan, config.transcripts_dir))
        elif plan is None and not config.covers(document):
            documents.append(document)
    return replace(corpus, documents=tuple(documents))


def with_components(session: Session, work: Work) -> Work:
    """The work with what its transcript was made by, which `hilbert why` tells."""
    made = session.transcripts.get(work.document.id)
    if made is None:
        return work
    return work._replace(cut={**work.cut, "transcription": made})


def way_of(session: Session) -> Mapping[str, object] | None:
    """How this extraction transcribed, for a later one that does not say; None if it did not.

    The folder is told from where the store is, so that both can be moved together.
    """
    config, made = session.options.transcribe, next(iter(session.transcripts.values()), None)
    if made is None:
        return None
    assert config.transcripts_dir is not None  # `begin` sets it
    way = {**made, "language": config.language, "when": config.when}
    if config.transcripts_dir != default_folder(session.place).absolute():
        beside = session.place.absolute().parent
        way["folder"] = Path(os.path.relpath(config.transcripts_dir, beside)).as_posix()
    return way


def _plan(session: Session, documents: Sequence[Document]) -> list[Planned]:
    """Keys of the transcripts; documents whose recording cannot be read fail."""
    config = session.options.transcribe
    assert config.model is not None  # else no document is covered
    common = recogniser_components(find_recogniser(config.model), config, session.digests)
    decisive = {name: value for name, value in common.items() if name != "model"}
    planned = []
    for document in documents:
        try:
            audio = audio_digest(document, session.digests)
        except DocumentError as error:
            session.failures[document.id] = str(error)
            continue
        language = document.language or config.language
        own = {
            "language": language,
            "start": document.start_s,
            "end": document.end_s,
            "exclude": [list(span) for span in document.exclude],
        }
        key = keys.digest("transcription", [audio, decisive, own])
        planned.append(Planned(document, audio, language, {**common, "language": language}, key))
    return planned


def _missing(planned: Sequence[Planned], folder: Path) -> dict[str, list[Planned]]:
    """Transcripts that are not there, by key; documents of equal recordings share one."""
    there: set[str] = set()
    with suppress(FileNotFoundError):
        there.update(os.listdir(folder))
    missing: dict[str, list[Planned]] = {}
    for plan in planned:
        if f"{plan.key}.json" not in there:
            missing.setdefault(plan.key, []).append(plan)
    return missing


def _foresee(session: Session, missing: Mapping[str, Sequence[Planned]]) -> None:
    """Note which documents would be transcribed, and how much audio that is."""
    for plans in missing.values():
        try:
            seconds = kept_seconds(plans[0].document)
        except DocumentError as error:
            _fail(session, plans, str(error))
            continue
        for plan in plans:
            session.pending[plan.document.id] = seconds
            session.transcribed[plan.document.id] = seconds
            session.transcripts[plan.document.id] = plan.components


def _transcribe(session: Session, missing: Mapping[str, Sequence[Planned]], folder: Path) -> None:
    """Make what is missing; each transcript is written when it is whole.

    They begin anywhere and go round, so that several extractions share the work.
    """
    config = session.options.transcribe
    assert config.model is not None  # else nothing is missing
    clean_up(folder)
    wanted = list(missing)
    first = random.randrange(len(wanted))
    todo = {key: _work(missing[key][0]) for key in (*wanted[first:], *wanted[:first])}
    lengths = {key: seconds_of(work.document) for key, work in todo.items()}
    total, ended = round(sum(lengths.values())), 0.0
    with (
        show_progress("transcribe", unit="seconds of audio", total=total) as progress,
        _shown(session, progress),
        closing(session.executor.run(session, find_recogniser(config.model), todo)) as results,
    ):
        for result in results:
            plans, seconds = missing[result.key], lengths[result.key]
            if result.failure is not None:
                _fail(session, plans, result.failure)
            elif result.is_new:
                session.transcribed.update({plan.document.id: seconds for plan in plans})
            ended += seconds
            progress.reach(max(progress.done, round(ended)), total)


def _work(plan: Planned) -> Work:
    """What a worker needs to know of a transcript that is to be made."""
    document = plan.document._replace(text=None)
    return Work(document, Inputs(plan.audio, None), plan.components, plan.key)


@contextmanager
def _shown(session: Session, progress: Progress) -> Iterator[None]:
    """Show the pieces of recordings that are transcribed in this process."""
    before = session.advance
    session.advance = lambda s: progress.reach(progress.done + round(s), progress.total)
    try:
        yield
    finally:
        session.advance = before


def _transcribed(session: Session, plan: Planned, folder: Path) -> Document:
    """The document with its transcript; without any where nobody was understood.

    An RTTM that was its transcript tells the speakers of the one that was made, or where there are
    no words, as ever, those of the audio.
    """
    session.transcripts[plan.document.id] = plan.components
    path = folder.absolute() / f"{plan.key}.json"
    try:
        is_spoken = session.digests.derived(path, "words", has_words) == "yes"
    except OSError:  # deleted or forbidden this moment; whoever reads it says so
        is_spoken = True
    if not is_spoken:
        session.wordless.add(plan.document.id)
    elif plan.language is None and (language := _language(session, path)):
        session.languages[plan.document.id] = language
    document, diarisation = plan.document, None
    if document.transcript is not None and tells_speakers(document.transcript):
        if not is_spoken:
            return document
        diarisation = Diarisation(document.transcript, document.transcript_offset_s)
    return document._replace(
        transcript=str(path) if is_spoken else None,
        text=None,
        transcript_offset_s=0.0,  # its times are the recording's own
        diarisation=diarisation,
    )


def _language(session: Session, path: Path) -> str:
    """The language that was detected, where that is likely."""
    with suppress(OSError):
        return session.digests.derived(path, "language", likely_language)
    return ""


def _fail(session: Session, plans: Sequence[Planned], reason: str) -> None:
    for plan in plans:
        session.failures.setdefault(plan.document.id, reason)
