"""Which encoders an extraction runs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.session import ExtractOptions
from hilbert.stages.extract.encoders.base import (
    EncoderOptions,
    Precision,
    best_audio_precision,
)
from hilbert.stages.extract.encoders.weights import ResolvedEncoder, resolve_encoder
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import read_root
from hilbert.store.formats import format_at
from hilbert.store.types import Modality

DEFAULT_ENCODERS: dict[Modality, str] = {"audio": "whisper", "text": "minilm"}


def choose_encoders(
    corpus: Corpus, options: ExtractOptions, precision: Precision
) -> tuple[ResolvedEncoder, ...]:
    """Encoders to run: those named, and the default for a modality without one.

    Raises
    ------
    HilbertError
        If one is not to be had, two have one name, or none is left to run.
    """
    if options.encoding != EncoderOptions() and not options.encoders:
        raise HilbertError(
            "--layer, --pooling and --context apply to the encoders named; add --encoder whisper"
        )
    named = [
        resolve_encoder(name, replace(options.encoding, precision=precision))
        for name in options.encoders
    ]
    covered = {encoder.info.modality for encoder in named}
    wanted: dict[Modality, bool] = {
        "audio": options.audio and any(d.audio for d in corpus.documents),
        "text": options.text and any(d.transcript or d.text for d in corpus.documents),
    }
    if unwanted := [
        e for e in named if not {"audio": options.audio, "text": options.text}[e.info.modality]
    ]:
        info = unwanted[0].info
        raise HilbertError(
            f"--encoder {info.name} is an encoder of {info.modality}, which"
            f" --no-{info.modality} leaves out; drop one of the two"
        )
    defaults = [
        resolve_encoder(DEFAULT_ENCODERS[modality], EncoderOptions(precision=precision))
        for modality, want in wanted.items()
        if want and modality not in covered
    ]
    names = [encoder.info.name for encoder in (*named, *defaults)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise HilbertError(f"two encoders have the name {min(twice)}; rename one's folder")
    if not names:
        raise HilbertError("nothing to encode: the corpus has no audio and no text left to do")
    return (*named, *defaults)


def store_precision(store_path: Path) -> Precision:
    """Arithmetic of audio encoders: the store's own, or for a new one this machine's best."""
    if format_at(store_path) is not None:
        return cast(Precision, read_root(store_path).precision)
    return best_audio_precision()


def precision_of(encoders: Sequence[ResolvedEncoder]) -> Precision:
    """Arithmetic of the audio encoders among `encoders`; without one, this machine's best."""
    audio = [e.options.precision for e in encoders if e.info.modality == "audio"]
    return audio[0] if audio else best_audio_precision()
