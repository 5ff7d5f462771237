"""Open an audio file, with libsndfile where it reads it faithfully, else with ffmpeg.

librosa is left out on purpose: `librosa.load` holds the whole recording, and `librosa.stream`
reads blocks through soundfile, as is done here, without resampling them.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.extract.inputs import check_file
from hilbert.stages.extract.recordings import ffmpeg
from hilbert.stages.extract.recordings.extent import Extent, measure_extent
from hilbert.store.errors import DocumentError

BLOCK_FRAMES = 65_536

LENGTH_TOLERANCE_S = 0.25
"""What may be missing at the end: encoders' padding and rounded headers cost up to 0.1 s."""
LENGTH_TOLERANCE_FRAMES = 5 * 576
"""Or so many samples: padding of an MP3 is four of its frames, 0.29 s of telephone speech."""

UNKNOWN_LENGTH = 2**62
"""libsndfile tells 2**63 - 1 frames where it cannot find the length (chained Ogg, piped FLAC)."""


class UndecodableError(Exception):
    """The decoder gave up amid the file."""


class AudioSource(Protocol):
    """An audio file that decodes in blocks, from its start each time."""

    @property
    def sampling_rate(self) -> int: ...

    @property
    def n_channels(self) -> int: ...

    @property
    def n_frames(self) -> int | None:
        """Samples per channel as the header tells, ``None`` where it does not."""

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield arrays of shape (n_frames, n_channels); raises `UndecodableError`."""


@dataclass(frozen=True, slots=True)
class SndfileSource:
    """A file that libsndfile reads: wav, flac, mp3, ogg, opus, aiff and more."""

    path: Path
    container: str
    sampling_rate: int
    n_channels: int
    n_frames: int

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        import soundfile

        try:  # opening, too: the file may have vanished since its header was read
            with soundfile.SoundFile(os.fsencode(self.path)) as file:
                while len(block := file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
                    yield block
        except soundfile.LibsndfileError as error:
            raise UndecodableError from error


@dataclass(frozen=True, slots=True)
class FfmpegSource:
    """A file that only ffmpeg reads: m4a, webm, wma, amr, video and more."""

    path: Path
    sampling_rate: int
    n_channels: int
    n_frames: int | None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        try:
            yield from ffmpeg.decode(self.path, self.n_channels, BLOCK_FRAMES)
        except ffmpeg.FfmpegError as error:
            raise UndecodableError from error


def open_source(path: Path) -> AudioSource:
    """Open an audio file and check, as far as headers tell, that it is whole.

    Raises
    ------
    DocumentError
        If the file is missing, empty, not audio or truncated, or needs ffmpeg, which is absent.
    """
    check_file(path, "audio")
    source = _open_with_libsndfile(path)
    if source is None:
        return _open_with_ffmpeg(path)
    if source.n_frames >= UNKNOWN_LENGTH:
        return _open_with_ffmpeg(path, trust_length=False)
    extent = measure_extent(path, source.container, source.n_frames)
    check_whole(extent, source.sampling_rate)
    if extent.present - source.n_frames > length_tolerance(source.sampling_rate):
        return _open_with_ffmpeg(path, trust_length=False)
    return replace(source, n_frames=round(min(source.n_frames, extent.promised)))


def length_tolerance(sampling_rate: int) -> float:
    """Samples by which what a header promises and what is there may differ."""
    return max(LENGTH_TOLERANCE_S * sampling_rate, LENGTH_TOLERANCE_FRAMES)


def check_whole(extent: Extent, sampling_rate: int) -> None:
    """Raise `DocumentError` where clearly less audio is there than was promised."""
    if extent.promised - extent.present <= length_tolerance(sampling_rate):
        return
    of = "" if extent.promised == float("inf") else f" of {extent.promised / sampling_rate:.1f} s"
    raise DocumentError(
        f"the audio ends after {extent.present / sampling_rate:.1f} s{of}; copy the file again"
    )


def _open_with_libsndfile(path: Path) -> SndfileSource | None:
    """``None`` where libsndfile cannot make anything of the file."""
    import soundfile

    try:
        info = soundfile.info(os.fsencode(path))
    except (soundfile.LibsndfileError, TypeError):  # TypeError: headerless, by its extension
        return None
    return SndfileSource(path, info.format, info.samplerate, info.channels, info.frames)


def _open_with_ffmpeg(path: Path, *, trust_length: bool = True) -> FfmpegSource:
    """Open with ffmpeg; a length that libsndfile got wrong, ffprobe only guesses as well."""
    if not ffmpeg.is_installed():
        raise DocumentError(f"{path.name} {_why_ffmpeg(path, trust_length)}")
    try:
        header = ffmpeg.read_header(path)
    except ffmpeg.NoSoundError:
        raise DocumentError(
            f"{path.name} holds no sound (a video without an audio track); name its recording"
        ) from None
    except ffmpeg.FfmpegError as error:
        raise DocumentError(
            f"{path.name} is damaged or not audio: neither libsndfile nor ffmpeg reads it; "
            f"copy it again"
        ) from error
    n_frames = None
    if trust_length and header.duration_s is not None:
        n_frames = round(header.duration_s * header.sampling_rate)
    return FfmpegSource(path, header.sampling_rate, header.n_channels, n_frames)


def _why_ffmpeg(path: Path, trust_length: bool) -> str:
    """What is to be done about a file where ffmpeg is not installed."""
    if not trust_length:
        return (
            "tells no length that can be relied on (joined or piped files); install ffmpeg, or "
            "convert it with ffmpeg elsewhere"
        )
    if _is_container(path):
        return (
            "is a video or in a container of video (mp4, m4a, mov, webm, mkv), whose sound ffmpeg "
            "reads; install it, or extract the sound to flac elsewhere"
        )
    return (
        "is damaged or not audio that libsndfile reads (wav, flac, mp3, ogg, opus); copy it again, "
        "or install ffmpeg"
    )


def _is_container(path: Path) -> bool:
    """Whether a file begins as MP4 and its kin do, or as Matroska and WebM."""
    with path.open("rb") as file:
        start = file.read(8)
    return start[4:] == b"ftyp" or start.startswith(b"\x1a\x45\xdf\xa3")
