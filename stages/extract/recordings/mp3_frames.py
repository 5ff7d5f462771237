"""Count the frames of an mp3 file without decoding them."""

from functools import cache
from mmap import mmap
from typing import NamedTuple

_BITRATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # MPEG-1, kbit/s
_BITRATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # MPEG-2 and 2.5
_RATES = (44_100, 48_000, 32_000)  # of MPEG-1; halved in MPEG-2, quartered in MPEG-2.5

SYNC_SEARCH_BYTES = 1 << 20
"""How far to look for the next frame behind something else, such as a tag with a picture."""


class Frame(NamedTuple):
    """What a frame's header says; `n_bytes` includes the header."""

    n_bytes: int
    n_samples: int
    sampling_rate: int


def count_samples(data: mmap) -> int:
    """Samples per channel in the whole layer III frames of an mp3 file; 0 if there are none.

    A frame is taken for one where another follows it, or the file ends: four bytes that look
    like a header are common in pictures and tags. About 10 million frames a minute.
    """
    n_samples = 0
    position = _next_frame(data, _skip_id3(data))
    while position is not None and (frame := _frame_at(data, position)) is not None:
        if position + frame.n_bytes > len(data):
            break  # cut off
        n_samples += frame.n_samples
        position += frame.n_bytes
        if _frame_at(data, position) is None:
            position = _next_frame(data, position)
    return n_samples


def has_length_header(data: mmap) -> bool:
    """Whether the first frame, in place of sound, tells how many there are."""
    start = _next_frame(data, _skip_id3(data))
    frame = None if start is None else _frame_at(data, start)
    if start is None or frame is None:
        return False
    first = data[start : start + frame.n_bytes]
    return any(tag in first for tag in (b"Xing", b"Info", b"VBRI"))


def _skip_id3(data: mmap) -> int:
    """Where an ID3v2 tag at the start ends; its size has 7 bits a byte."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _next_frame(data: mmap, start: int) -> int | None:
    """The first position from `start` on with a frame and another one, or the end, behind it."""
    position = data.find(b"\xff", start, start + SYNC_SEARCH_BYTES)
    while position >= 0:
        frame = _frame_at(data, position)
        if frame is not None and _is_followed(data, position, frame):
            return position
        position = data.find(b"\xff", position + 1, start + SYNC_SEARCH_BYTES)
    return None


def _is_followed(data: mmap, position: int, frame: Frame) -> bool:
    behind = position + frame.n_bytes
    follower = _frame_at(data, behind)
    if follower is None:
        return behind == len(data)
    return follower.sampling_rate == frame.sampling_rate


def _frame_at(data: mmap, position: int) -> Frame | None:
    if position + 4 > len(data) or data[position] != 0xFF:
        return None
    return _parse_header(data[position + 1], data[position + 2])


@cache
def _parse_header(second: int, third: int) -> Frame | None:
    """Read the two bytes that tell a layer III frame's size (ISO 11172-3, 2.4.1.3)."""
    if second & 0xE0 != 0xE0 or second >> 1 & 0b11 != 0b01:  # 11 bits of sync; layer III
        return None
    version, bitrate, rate = second >> 3 & 0b11, third >> 4, third >> 2 & 0b11
    if version == 0b01 or bitrate in (0, 15) or rate == 3:
        return None  # reserved, or of free format
    is_mpeg_1 = version == 0b11
    kbit_s = (_BITRATES_1 if is_mpeg_1 else _BITRATES_2)[bitrate]
    sampling_rate = _RATES[rate] // {0b11: 1, 0b10: 2, 0b00: 4}[version]
    n_samples = 1152 if is_mpeg_1 else 576
    n_bytes = n_samples // 8 * kbit_s * 1000 // sampling_rate + (third >> 1 & 1)
    return Frame(n_bytes, n_samples, sampling_rate)
