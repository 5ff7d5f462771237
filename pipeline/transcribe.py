"""Transcribe documents, wherever that is done; each transcript is a file of its own."""

from collections.abc import Generator, Mapping
from importlib import metadata
from pathlib import Path

from hilbert.pipeline.plan import Work
from hilbert.pipeline.segment_step import CHANGED
from hilbert.pipeline.session import Result, Session
from hilbert.stages.extract.inputs import check_file
from hilbert.stages.extract.recordings.audio import probe
from hilbert.stages.extract.stretches import kept_of
from hilbert.stages.extract.transcribe import Recogniser, Transcription, transcribe_document
from hilbert.stages.extract.transcripts.made import write_made
from hilbert.store.errors import DocumentError, HilbertError
from hilbert.store.file_digests import FileDigests, digest_file
from hilbert.store.types import Document, Seconds

load_recogniser = Recogniser


def transcribe_documents(
    session: Session, recogniser: Recogniser, todo: Mapping[str, Work]
) -> Generator[Result, None, None]:
    """Transcribe documents and keep each transcript under its key; a result for each.

    What another extraction has made meanwhile is not made again.

    Parameters
    ----------
    todo : mapping of str to Work
        By the key of a transcript, its document; what made it stands in the work's `cut`.
    """
    folder = session.options.transcribe.transcripts_dir
    assert folder is not None  # `begin` sets it
    for key, work in todo.items():
        if (folder / f"{key}.json").exists():
            yield Result(key)
            continue
        document, told = work.document, work.cut["language"]
        language = None if told is None else str(told)
        try:
            found = transcribe_document(recogniser, document, language, session.advance)
            if audio_digest(document, session.digests) != work.inputs.audio:
                raise DocumentError(CHANGED)
        except HilbertError as error:
            yield Result(key, str(error))
        except Exception as error:  # of several libraries, whose messages may hold text or paths
            yield Result(key, f"its transcription failed ({type(error).__name__})")
        else:
            write_made(folder, key, _described(work, found))
            yield Result(key, is_new=True, audio_seconds=seconds_of(document))


def audio_digest(document: Document, digests: FileDigests) -> str:
    """Digest of a document's recording, without the store's salt.

    Raises
    ------
    DocumentError
        If it cannot be read.
    """

    def read(path: Path) -> str:
        check_file(path, "audio")  # before reading: a pipe would never end
        return digest_file(path)

    path = document.audio or ""
    try:
        return digests.derived(path, "", read)
    except OSError as error:
        check_file(Path(path), "audio")
        raise DocumentError(
            f"the audio file {Path(path).name} cannot be read ({error.strerror})"
        ) from error


def seconds_of(document: Document) -> Seconds:
    """How much of its recording a document keeps; none where that cannot be read."""
    try:
        kept = kept_of(document, probe(Path(document.audio or "")).duration_s)
    except DocumentError:  # said when it is transcribed
        return 0.0
    return sum(span.duration_s for span in kept)


def _described(work: Work, found: Transcription) -> dict[str, object]:
    """What is written: whose transcript it is, so that it can be found, and how it was made."""
    versions = {name: metadata.version(name) for name in ("faster-whisper", "ctranslate2")}
    return {
        "document": work.document.id,
        "audio": Path(work.document.audio or "").name,
        "made_by": {**work.cut, "versions": versions},
        **found.as_json(),
    }
