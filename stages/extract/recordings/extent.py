"""How much audio a file holds, and how much it ought to: what libsndfile does not tell.

libsndfile 1.2 reports a truncated flac and, once decoded, a truncated mp3. But a truncated wav
or Ogg file is simply shorter to it; of mp3 or Ogg files joined end to end it decodes the first;
and of an mp3 without a length header what it guesses from the first frame, and no more.
"""

import math
import mmap
from pathlib import Path
from typing import BinaryIO, NamedTuple

from hilbert.stages.extract.recordings.mp3_frames import count_samples, has_length_header


class Extent(NamedTuple):
    """Samples per channel; infinite where there, or missing, is more than can be told."""

    present: float
    promised: float


STREAMED_BYTES = 0x7FFF_F000
"""Data sizes from here on are placeholders of programs that wrote a wav into a pipe."""

MAX_OGG_PAGE_BYTES = 65_307
OGG_SERIAL = slice(14, 18)
"""Where a page's header (RFC 3533, 6) tells its stream."""


def measure_extent(path: Path, container: str, n_frames: int) -> Extent:
    """Compare what a file holds with what its container promises.

    Parameters
    ----------
    path : Path
        A file that libsndfile opens.
    container : str
        What libsndfile calls the format, such as ``"WAV"``.
    n_frames : int
        Samples per channel that libsndfile tells it has.
    """
    with path.open("rb") as file:
        if container in ("WAV", "WAVEX"):
            return Extent(n_frames, n_frames * _promised_share(file))
        if container == "OGG":
            return _ogg_extent(file, n_frames)
        if container == "MP3":
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _mp3_extent(data, n_frames)
    return Extent(n_frames, n_frames)


def _mp3_extent(data: mmap.mmap, n_frames: int) -> Extent:
    n_samples = count_samples(data) or n_frames
    # without a header, n_frames is a guess from the first frame and promises nothing
    return Extent(n_samples, n_frames if has_length_header(data) else n_samples)


def _promised_share(file: BinaryIO) -> float:
    """Size of a wav file's data chunk as declared, over what is there of it; 1 where unknown."""
    n_bytes = file.seek(0, 2)
    position = 12
    while position + 8 < n_bytes:
        file.seek(position)
        name, size = file.read(4), int.from_bytes(file.read(4), "little")
        position += 8
        if name == b"data":
            return 1.0 if size >= STREAMED_BYTES else max(1.0, size / (n_bytes - position))
        position += size + size % 2  # chunks are padded to even sizes
    return 1.0


def _ogg_extent(file: BinaryIO, n_frames: int) -> Extent:
    """Whether an Ogg file ends where its last page does, and that is of the first's stream.

    The end-of-stream flag is no sign: recorders that were stopped leave it out.
    """
    n_bytes = file.seek(0, 2)
    file.seek(max(0, n_bytes - MAX_OGG_PAGE_BYTES))
    tail = file.read()
    last = tail[tail.rfind(b"OggS") :]
    n_lacing = last[26] if len(last) > 26 else 255
    if len(last) < 27 + n_lacing + sum(last[27 : 27 + n_lacing]):
        return Extent(n_frames, math.inf)
    file.seek(0)
    is_joined = file.read(27)[OGG_SERIAL] != last[OGG_SERIAL]
    return Extent(math.inf if is_joined else n_frames, n_frames)
