"""What a document's segments and features depend on, and which of them are missing."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hilbert.stages.extract.inputs import check_file
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.speech_activity import SPEECH_VERSION, weights_file
from hilbert.stages.extract.transcripts.diarised import DIARISED_VERSION
from hilbert.stages.extract.transcripts.shared_file import may_be_shared, n_recordings, names_of
from hilbert.stages.extract.transcripts.transcript import telling_extension
from hilbert.store import keys
from hilbert.store.errors import DocumentError
from hilbert.store.file_digests import FileDigests, digest_file
from hilbert.store.segment_table import SegmentSummary
from hilbert.store.types import Document, EncoderInfo


class Inputs(NamedTuple):
    """Salted digests of a document's files; None where it has none."""

    audio: str | None
    transcript: str | None
    diarisation: str | None = None


class Work(NamedTuple):
    """A document whose files were read; `cut` describes how it is cut."""

    document: Document
    inputs: Inputs
    cut: Mapping[str, object]
    segment_key: str


def segment_components(inputs: Inputs, cut: Mapping[str, object]) -> dict[str, object]:
    """What the key of a document's segments is made of."""
    known = inputs._asdict()
    if inputs.diarisation is None:  # most documents have none, nor had any once
        del known["diarisation"]
    return {**known, **cut}


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
    diarisation = None
    if document.diarisation is not None:
        plain = _digest(document.diarisation.path, "transcript", digests)
        diarisation = _salted("diarisation", plain, salt)
    return Inputs(audio, transcript, diarisation)


def _salted(kind: str, plain: str, salt: bytes) -> str:
    return keys.bytes_digest(f"{kind} {plain}".encode(), salt=salt)


def _digest(path: str, what: str, digests: FileDigests) -> str:
    def read(path: Path) -> str:
        check_file(path, what)  # before reading: a pipe would never end
        return digest_file(path)

    try:
        return digests.remembered(path) or digests.derived(path, "", read)
    except OSError as error:
        check_file(Path(path), what)
        raise DocumentError(
            f"the {what} file {Path(path).name} cannot be read ({error.strerror})"
        ) from error


class Cutting:
    """How documents are cut: options for all of them, and settings of each.

    Most documents of a corpus agree in their settings, so that each description is made once.
    """

    def __init__(self, options: SegmentConfig, digests: FileDigests) -> None:
        self._format, self._digests = options.transcript_format, digests
        self._options: dict[str, object] = {"options": options.for_key()}
        if options.may_detect:
            weights = digests.of(weights_file())
            self._options["detector"] = {"weights": weights, "version": SPEECH_VERSION}
        self._known: dict[tuple[object, ...], tuple[Mapping[str, object], str]] = {}

    def work(self, document: Document, inputs: Inputs) -> Work:
        """The document with all that decides its segments, and their key."""
        settings = (
            document.start_s,
            document.end_s,
            document.exclude,
            document.transcript_offset_s,
            document.speaker,
            document.language,
            offset_s := document.diarisation and document.diarisation.offset_s,
            names := self._names(document),
            extension := self._extension(document),
        )
        known = self._known.get(settings)
        if known is None:
            described = self._describe(document)
            if names:
                described["recording"] = names
            if extension is not None:
                described["extension"] = extension
            if offset_s is not None:
                described["diarised"] = {"offset": offset_s, "version": DIARISED_VERSION}
            known = self._known[settings] = (described, keys.digest("cut", described))
        cut, digest = known
        said = inputs.transcript
        if inputs.diarisation is not None:
            said = keys.digest("diarised", [said, inputs.diarisation])
        key = keys.segment_key(inputs.audio, said, digest)
        return Work(document, inputs, cut, key)

    def _names(self, document: Document) -> tuple[str, ...]:
        """What decides which part of its transcript is the document's; nothing if all of it is."""
        path = document.transcript
        if document.diarisation is not None:
            path = document.diarisation.path
        if path is None or not may_be_shared(path, self._format):
            return ()
        with suppress(OSError):  # gone this moment; whoever reads it says so
            if self._digests.derived(path, "recordings", n_recordings) == "several":
                return names_of(document)
        return ()

    def _extension(self, document: Document) -> str | None:
        path = document.transcript
        return None if path is None else telling_extension(path, self._format)

    def _describe(self, document: Document) -> dict[str, object]:
        return {
            **self._options,
            "start": document.start_s,
            "end": document.end_s,
            "exclude": document.exclude,
            "transcript_offset": document.transcript_offset_s,
            "speaker": document.speaker,
            "language": document.language,
            "version": keys.SEGMENT_VERSION,
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
