"""Which encoders an extraction runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.session import ExtractOptions
from hilbert.stages.extract.encoders.base import (
    EncoderChoice,
    Precision,
    best_audio_precision,
)
from hilbert.stages.extract.encoders.weights import ResolvedEncoder, resolve_encoder
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import root_at
from hilbert.store.formats import format_at
from hilbert.store.types import Modality

DEFAULT_ENCODERS: dict[Modality, str] = {"audio": "whisper", "text": "minilm"}


def choose_encoders(
    corpus: Corpus,
    options: ExtractOptions,
    precision: Precision,
    *,
    drop_unwanted: bool = False,
) -> tuple[ResolvedEncoder, ...]:
    """Encoders to run: those named, and the default for a modality without one.

    Parameters
    ----------
    drop_unwanted : bool
        Leave out, rather than refuse, a named one of a modality that is not to be encoded.

    Raises
    ------
    HilbertError
        If one is not to be had, two have one name, or none is left to run.
    """
    named = [_resolve(choice, precision) for choice in options.encoders]
    if drop_unwanted:
        named = [e for e in named if _is_wanted(e, options)]
    elif unwanted := [e for e in named if not _is_wanted(e, options)]:
        info = unwanted[0].info
        raise HilbertError(
            f"--encoder {info.name} is an encoder of {info.modality}, which"
            f" --no-{info.modality} leaves out; drop one of the two"
        )
    covered = {encoder.info.modality for encoder in named}
    wanted: dict[Modality, bool] = {
        "audio": options.audio and any(d.audio for d in corpus.documents),
        "text": options.text
        and any(d.transcript or d.text or options.transcribe.covers(d) for d in corpus.documents),
    }
    defaults = [
        _resolve(EncoderChoice(DEFAULT_ENCODERS[modality]), precision)
        for modality, want in wanted.items()
        if want and modality not in covered
    ]
    names = [encoder.info.name for encoder in (*named, *defaults)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise HilbertError(f"two encoders have the name {min(twice)}; rename one's folder")
    if not names:
        raise HilbertError("nothing to encode: the corpus has no audio and no text left to do")
    return (*named, *defaults)


def _is_wanted(encoder: ResolvedEncoder, options: ExtractOptions) -> bool:
    return options.audio if encoder.info.modality == "audio" else options.text


def _resolve(choice: EncoderChoice, precision: Precision) -> ResolvedEncoder:
    return resolve_encoder(choice.name, choice.options(precision))


def store_precision(store_path: Path) -> Precision:
    """Arithmetic of audio encoders: the store's own, or for a new one this machine's best."""
    if format_at(store_path) is not None:
        return cast(Precision, root_at(store_path).precision)
    return best_audio_precision()


def precision_of(encoders: Sequence[ResolvedEncoder]) -> Precision:
    """Arithmetic of the audio encoders among `encoders`; without one, this machine's best."""
    audio = [e.options.precision for e in encoders if e.info.modality == "audio"]
    return audio[0] if audio else best_audio_precision()
