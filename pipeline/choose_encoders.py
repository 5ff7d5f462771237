"""Which encoders an extraction runs."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import cast

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.session import ExtractOptions
from hilbert.stages.extract.encoders.base import (
    EncoderChoice,
    Precision,
    PrecisionChoice,
    best_audio_precision,
    options_of,
)
from hilbert.stages.extract.encoders.weights import ResolvedEncoder, resolve_encoder
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import root_at
from hilbert.store.formats import format_at
from hilbert.store.types import EncoderInfo, Modality

DEFAULT_ENCODERS: dict[Modality, str] = {"audio": "whisper", "text": "minilm"}


def choose_encoders(
    modalities: Collection[Modality],
    options: ExtractOptions,
    precision: Precision,
    *,
    known: Mapping[str, EncoderInfo] | None = None,
    drop_unwanted: bool = False,
) -> tuple[ResolvedEncoder, ...]:
    """Encoders to run: those named, and for another modality the store's own, or its default.

    Parameters
    ----------
    modalities : collection of str
        That any document of the corpus has.
    known : mapping of str to EncoderInfo, optional
        Encoders that the store has features of.
    drop_unwanted : bool
        Leave out, rather than refuse, a named one of a modality that is not to be encoded.

    Raises
    ------
    HilbertError
        If one is not to be had, two have one name, or none is left to run.
    """
    named = [_resolve(choice, precision) for choice in options.encoders]
    _check_used(options.encoders, {encoder.info.modality for encoder in named})
    if drop_unwanted:
        named = [e for e in named if _is_wanted(e, options)]
    elif unwanted := [e for e in named if not _is_wanted(e, options)]:
        info = unwanted[0].info
        raise HilbertError(
            f"--encoder {info.name} is an encoder of {info.modality}, which"
            f" --no-{info.modality} leaves out; drop one of the two"
        )
    covered = {encoder.info.modality for encoder in named}
    wanted: dict[Modality, bool] = {"audio": options.audio, "text": options.text}
    defaults = [
        encoder
        for modality, want in wanted.items()
        if want and modality in modalities and modality not in covered
        for encoder in _defaults(modality, known or {}, precision)
    ]
    names = [encoder.info.name for encoder in (*named, *defaults)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise HilbertError(
            f"two encoders have the name {min(twice)}; drop one of the two, or, if they are"
            " folders, rename one"
        )
    if not names:
        hint = "; --transcribe makes texts of its recordings" if "audio" in modalities else ""
        raise HilbertError(
            f"nothing to encode: the corpus has no audio and no text left to do{hint}"
        )
    return (*named, *defaults)


def modalities_of(corpus: Corpus, options: ExtractOptions) -> frozenset[Modality]:
    """Those that any document has, or will have once it is transcribed."""
    found = set(corpus.modalities)
    if any(map(options.transcribe.covers, corpus.documents)):
        found.add("text")
    return frozenset(found)


def _defaults(
    modality: Modality, known: Mapping[str, EncoderInfo], precision: Precision
) -> list[ResolvedEncoder]:
    """The encoders that a store has of a modality; if none, the one that new stores begin with."""
    own = [info for info in known.values() if info.modality == modality]
    if not own:
        return [_resolve(EncoderChoice(DEFAULT_ENCODERS[modality]), precision)]
    return [_again(info) for info in own]


def _again(info: EncoderInfo) -> ResolvedEncoder:
    """An encoder of the store, found here by what the store says of it."""
    try:
        return resolve_encoder(str(info.options["model"]), options_of(info))
    except (HilbertError, KeyError) as error:
        raise HilbertError(
            f"the store has {info.modality} features of {info.name}, which is not found here;"
            f" give its folder with --encoder, or name another encoder for {info.modality}"
        ) from error


def _check_used(choices: Sequence[EncoderChoice], modalities: Collection[Modality]) -> None:
    """Refuse what no encoder named would use: the default of the other modality does not get it."""
    if "text" not in modalities and any(choice.prefix is not None for choice in choices):
        raise HilbertError("--prefix is for text encoders, and none is named; add --encoder minilm")
    if "audio" not in modalities and any(choice.context == "isolated" for choice in choices):
        raise HilbertError(
            "--context isolated is for audio encoders, and none is named; add --encoder whisper"
        )


def _is_wanted(encoder: ResolvedEncoder, options: ExtractOptions) -> bool:
    return options.audio if encoder.info.modality == "audio" else options.text


def _resolve(choice: EncoderChoice, precision: Precision) -> ResolvedEncoder:
    return resolve_encoder(choice.name, choice.options(precision))


def store_precision(
    store_path: Path, wanted: PrecisionChoice = "auto", device: str = "cpu"
) -> Precision:
    """Arithmetic of audio encoders: the store's own; for a new one that wanted, or the best here.

    Raises
    ------
    HilbertError
        If the store has another than is wanted.
    """
    if format_at(store_path) is None:
        return best_audio_precision(device) if wanted == "auto" else wanted
    own = cast(Precision, root_at(store_path).precision)
    if wanted not in ("auto", own):
        raise HilbertError(
            f"{store_path.name} holds recordings that were encoded in {own}; --precision {wanted}"
            " needs another --store"
        )
    return own


def precision_of(encoders: Sequence[ResolvedEncoder]) -> Precision:
    """Arithmetic of the audio encoders among `encoders`; without one, this machine's best."""
    audio = [e.options.precision for e in encoders if e.info.modality == "audio"]
    return audio[0] if audio else best_audio_precision()
