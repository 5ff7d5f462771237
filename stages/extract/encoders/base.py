"""What every frozen encoder shares: its options, its jobs, its results."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.extract.encoders.layers import Layers
from hilbert.store.errors import HilbertError
from hilbert.store.types import EncoderInfo, Seconds, Segment

ENCODE_VERSION = 1
"""Raised when encoding gives other features for the same model, options and input."""

STORED_DTYPE = "float16"

Pooling = Literal["mean", "mean+std", "max", "frames", "own"]
Context = Literal["packed", "isolated"]
Precision = Literal["fp32", "bf16", "fp16"]
PrecisionChoice = Literal["auto", "fp32", "bf16", "fp16"]
_GPU_FILES = ("nvidiactl", "kfd", "dxg")
"""What a driver that torch calls CUDA puts below /dev: of NVIDIA, of AMD, of Windows' Linux."""


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """How a frozen model is turned into features.

    Parameters
    ----------
    layer : int or str
        Hidden state to pool: 0 is the embedding's output, -1 the last layer's; a range to
        average (``"4..8"``) or several to store side by side (``"4,8,12"``). See `Layers`.
    pooling : {"mean", "mean+std", "max", "frames", "own"}
        Over the frames or tokens of a segment, never over padding; ``"frames"`` keeps each,
        ``"own"`` is that of a sentence-transformers folder, with what it has after it.
    context : {"packed", "isolated"}
        Audio only: several segments of one speaker share a window, or one segment a window.
    precision : {"fp32", "bf16", "fp16"}
        Audio only: the type of weights and activations. Text is always fp32, because its
        bf16 features would depend on the batch that a text is padded in.
    prefix : str, optional
        Text only: an instruction to put before every text; None is the model's own, if it is
        known to want one, and ``""`` none.
    """

    layer: int | str = -1
    pooling: Pooling = "mean+std"
    context: Context = "packed"
    precision: Precision = "fp32"
    prefix: str | None = None

    def __post_init__(self) -> None:
        Layers.parse(self.layer)
        _require_choice("--pooling", self.pooling, get_args(Pooling))
        _require_choice("--context", self.context, get_args(Context))
        _require_choice("--precision", self.precision, get_args(Precision))
        if not isinstance(self.prefix, str | None):
            raise HilbertError(f"--prefix must be text, not {self.prefix!r}.")


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """An encoder that is asked for; its precision is the store's to say, not the user's."""

    name: str
    """Short name (whisper, whisper-base, minilm), id on the Hugging Face hub, or a folder."""
    layer: int | str = -1
    """Hidden state to pool: 0 is the embedding's output, -1 the last layer's; "4..8" averages a
    range, "4,8,12" stores several side by side."""
    pooling: Pooling = "mean+std"
    """Over the frames or tokens of a segment; frames keeps each of them, which takes much room; own
    is that of a sentence-transformers folder."""
    context: Context = "packed"
    """Audio: segments of one speaker share the encoder's window, or each has its own."""
    prefix: str | None = None
    """Text: instruction put before every text; not set, the one that the model is known to want
    ("query: " for E5), and "" for none."""

    def __post_init__(self) -> None:
        Layers.parse(self.layer)

    def options(self, precision: Precision) -> EncoderOptions:
        return EncoderOptions(self.layer, self.pooling, self.context, precision, self.prefix)


@dataclass(frozen=True, slots=True)
class EncodeJob:
    """One document to encode.

    Attributes
    ----------
    id : str
    segments : tuple of Segment
        Of the encoder's modality, in the order of the rows wanted; audio sorted by start.
    audio : Path, optional
        The recording; audio encoders need it.
    """

    id: str
    segments: tuple[Segment, ...]
    audio: Path | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """Features of one document.

    Attributes
    ----------
    id : str
    x : float16 array of shape (n_rows, dim)
        Finite; the segments in the order of the job, one row each.
    audio_seconds : float
        Total duration of the segments that were decoded and encoded; 0 for text.
    n_rows : tuple of int, optional
        Rows of each segment where the pooling is ``"frames"``; None for one each.
    """

    id: str
    x: NDArray[np.float16]
    audio_seconds: Seconds = 0.0
    n_rows: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A document that could not be encoded, and why; the reason holds no transcript text."""

    id: str
    reason: str


def result_of(
    document: str,
    x: NDArray[np.float16],
    audio_seconds: Seconds = 0.0,
    n_rows: tuple[int, ...] | None = None,
) -> Encoded | Failed:
    """The document's features, or a failure if any of them is no finite number."""
    if np.isfinite(x).all():
        return Encoded(document, x, audio_seconds, n_rows)
    return Failed(document, "the encoder gave features that are not finite numbers")


class Encoder(Protocol):
    """A loaded frozen model.

    `encode` yields one result for every job, in the order of the jobs or nearly so, each as
    soon as it is complete. Jobs are consumed lazily, in the caller's thread, and memory stays
    bounded however long a recording is and however many jobs there are.
    """

    @property
    def info(self) -> EncoderInfo: ...

    def encode(self, jobs: Iterable[EncodeJob]) -> Iterator[Encoded | Failed]: ...


def options_of(info: EncoderInfo) -> EncoderOptions:
    """The options that an encoder was made with, read back from its stored `info`.

    Raises
    ------
    HilbertError
        If `info` was not written by `resolve_encoder`.
    """
    prefix = "" if info.modality == "text" else None  # recorded only where there is one
    found = {"prefix": prefix, **info.options}
    try:
        return EncoderOptions(**{name: found[name] for name in EncoderOptions.__slots__})  # type: ignore[arg-type]
    except KeyError as error:
        raise HilbertError(f"Encoder {info.name} does not record its option {error}.") from None


def pooled_dim(width: int, pooling: Pooling, n_columns: int = 1) -> int:
    """Number of features that pooling makes of hidden states of `width`, `n_columns` abreast."""
    return width * n_columns * (2 if pooling == "mean+std" else 1)


def best_audio_precision(
    device: str = "cpu", cpuinfo: Path = Path("/proc/cpuinfo"), dev: Path = Path("/dev")
) -> Precision:
    """bf16 where the device multiplies it in hardware, else fp32.

    Imports nothing heavy where there is no GPU to ask. Measured on a processor with AMX: Whisper's
    encoder is 2.5 times faster in bf16, and its mean-pooled features keep a cosine of at least
    0.9999 to those in fp32.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "mps"}
    """
    if device in ("auto", "cuda") and any((dev / name).exists() for name in _GPU_FILES):
        import torch

        if torch.cuda.is_available():
            return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if os.name != "posix" or not cpuinfo.exists():
        return "fp32"
    flags = set(cpuinfo.read_text(errors="replace").split())
    return "bf16" if flags & {"amx_bf16", "avx512_bf16"} else "fp32"


def _require_choice(flag: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise HilbertError(f"{flag} must be one of {', '.join(choices)}, not {value!r}.")
