"""What a document's segments and features depend on, and which of them are missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hilbert.stages.extract.inputs import check_file
from hilbert.store import keys
from hilbert.store.errors import DocumentError
from hilbert.store.file_digests import FileDigests, digest_file
from hilbert.store.segment_table import SegmentSummary
from hilbert.store.types import Document, EncoderInfo


@dataclass(frozen=True, slots=True)
class Inputs:
    """Salted digests of a document's files; None where it has none."""

    audio: str | None
    transcript: str | None


def read_inputs(document: Document, digests: FileDigests, salt: bytes) -> Inputs:
    """Digests of the files of one document.

    Raises
    ------
    DocumentError
        If a file is missing or cannot be read.
    """
    audio = None
    if document.audio is not None:
        audio = _salted("audio", _digest(document.audio, "audio", digests), salt)
    if document.transcript is not None:
        plain = _digest(document.transcript, "transcript", digests)
        transcript = _salted("transcript", plain, salt)
    elif document.text is not None:
        transcript = keys.digest("text", document.text, salt=salt)
    else:
        transcript = None
    return Inputs(audio, transcript)


def _salted(kind: str, plain: str, salt: bytes) -> str:
    return keys.bytes_digest(f"{kind} {plain}".encode(), salt=salt)


def _digest(path: Path, what: str, digests: FileDigests) -> str:
    def read(path: Path) -> str:
        check_file(path, what)  # before reading: a pipe would never end
        return digest_file(path)

    try:
        return digests.derived(path, "", read)
    except OSError as error:
        check_file(path, what)
        raise DocumentError(
            f"the {what} file {path.name} cannot be read ({error.strerror})"
        ) from error


def segment_components(
    document: Document, inputs: Inputs, options: Mapping[str, object]
) -> dict[str, object]:
    """All that decides the segments of a document, by name.

    `options` are those of the `SegmentConfig`, as a mapping made once for all documents.
    """
    return {
        "audio": inputs.audio,
        "transcript": inputs.transcript,
        "options": options,
        "start": document.start_s,
        "end": document.end_s,
        "exclude": document.exclude,
        "transcript_offset": document.transcript_offset_s,
        "speaker": document.speaker,
        "language": document.language,
    }


def feature_key(info: EncoderInfo, inputs: Inputs, summary: SegmentSummary) -> str | None:
    """Key of a document's features under an encoder; None if it lacks the modality."""
    if info.modality == "audio":
        if inputs.audio is None or summary.n_audio == 0:
            return None
        return keys.audio_feature_key(info.fingerprint, inputs.audio, summary.boundaries)
    if summary.n_text == 0:
        return None
    return keys.text_feature_key(info.fingerprint, summary.texts)


def feature_keys(
    encoders: Mapping[str, EncoderInfo], inputs: Inputs, summary: SegmentSummary
) -> dict[str, str]:
    """Keys of a document's features by the encoder's name, without those it lacks."""
    found = {name: feature_key(info, inputs, summary) for name, info in encoders.items()}
    return {name: key for name, key in found.items() if key is not None}
