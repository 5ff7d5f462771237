"""Recordings that are not as they should be: what is written, and what is said of each."""

import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from hilbert.stages.extract.recordings import ffmpeg

DONE = None


class Bad(NamedTuple):
    """One input: how its file is written, and a part of the message, or `DONE`."""

    name: str
    write: Callable[[Path], object]
    said: str | None


def tone(seconds: float = 3.0, rate: int = 16_000, n_channels: int = 1) -> NDArray[np.float32]:
    """A sweep with noise, shape (n_samples, n_channels)."""
    t = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).standard_normal((len(t), n_channels))
    return (0.3 * np.sin(2 * np.pi * (200 + 90 * t) * t)[:, None] + 0.01 * noise).astype(np.float32)


def sound(
    x: NDArray[np.float32] | None = None, rate: int = 16_000, **how: str
) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        soundfile.write(path, tone() if x is None else x, rate, **how)

    return write


def cut(share: float, **how: str) -> Callable[[Path], None]:
    """The first share of a file's bytes."""

    def write(path: Path) -> None:
        soundfile.write(path, tone(10.0), 16_000, **how)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return write


def spoilt(path: Path) -> None:
    """Garbage amid a flac."""
    soundfile.write(path, tone(10.0), 16_000)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2_000] = bytes(2_000)
    path.write_bytes(data)


def joined(path: Path) -> None:
    """Two Ogg files end to end."""
    data = b""
    for seed in (1.0, 2.0):
        soundfile.write(path, tone(seed), 16_000, format="OGG", subtype="VORBIS")
        data += path.read_bytes()
    path.write_bytes(data)


def with_value(value: float) -> NDArray[np.float32]:
    x = tone()
    x[20_000] = value
    return x


def data(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def wav_header(n_bytes: int, *, rate: int = 16_000, n_channels: int = 1, tag: int = 1) -> bytes:
    """The 44 bytes before `n_bytes` of 16-bit samples."""
    width = 2 * n_channels
    chunk = struct.pack("<HHIIHH", tag, n_channels, rate, (rate * width) & 0xFFFFFFFF, width, 16)
    head = b"fmt " + struct.pack("<I", 16) + chunk + b"data" + struct.pack("<I", n_bytes)
    return b"RIFF" + struct.pack("<I", min(n_bytes + 36, 0xFFFFFFFF)) + b"WAVE" + head


PCM = (30_000 * tone()).astype("<i2").tobytes()
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(4_000)
WEBM = b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04webm" + bytes(4_000)

NO_AUDIO = (
    "neither libsndfile nor ffmpeg reads it; copy it again"
    if ffmpeg.is_installed()
    else "is damaged or not audio that libsndfile reads"
)
NO_FFMPEG = NO_AUDIO if ffmpeg.is_installed() else "whose sound ffmpeg reads; install it"

AUDIO = [
    Bad("sound.wav", sound(), DONE),
    Bad("truncated.wav", cut(0.5), "the audio ends after 5.0 s of 10.0 s; copy the file again"),
    Bad("truncated.flac", cut(0.5), "the audio cannot be decoded beyond"),
    Bad("truncated.ogg", cut(0.5, subtype="VORBIS"), "the audio ends after"),
    Bad("truncated.opus", cut(0.5, format="OGG", subtype="OPUS"), "the audio ends after"),
    Bad("truncated.mp3", cut(0.5), "the audio ends after"),
    Bad("garbage-amid.flac", spoilt, "the audio cannot be decoded beyond"),
    Bad("joined.ogg", joined, DONE if ffmpeg.is_installed() else "joined.ogg tells no length"),
    Bad("mp3-named.wav", sound(format="MP3"), DONE),
    Bad("wav-named.mp3", sound(format="WAV"), DONE),
    Bad("flac-without-ending", sound(format="FLAC"), DONE),
    Bad("headerless.raw", data(PCM), NO_AUDIO),
    Bad("text-named.wav", data(b"This is no audio at all.\n" * 9), NO_AUDIO),
    Bad("empty.wav", data(b""), "the audio file empty.wav is empty (0 bytes); copy it again"),
    Bad("one-byte.wav", data(b"R"), NO_AUDIO),
    Bad("header-alone.wav", data(wav_header(0)), "the audio holds no samples"),
    Bad("header-promises.wav", data(wav_header(len(PCM))), "the audio holds no samples"),
    Bad("piped.wav", data(wav_header(0xFFFFFFFF) + PCM), DONE),
    Bad("no-channels.wav", data(wav_header(len(PCM), n_channels=0) + PCM), NO_AUDIO),
    Bad("rate-of-zero.wav", data(wav_header(len(PCM), rate=0) + PCM), NO_AUDIO),
    Bad("unknown-codec.wav", data(wav_header(len(PCM), tag=0x1234) + PCM), NO_AUDIO),
    Bad("eight-channels.wav", sound(tone(n_channels=8)), DONE),
    Bad("8-khz.wav", sound(tone(rate=8_000), 8_000), DONE),
    Bad("192-khz.wav", sound(tone(rate=192_000), 192_000), DONE),
    Bad("float64.wav", sound(subtype="DOUBLE"), DONE),
    Bad("unsigned-8-bit.wav", sound(subtype="PCM_U8"), DONE),
    Bad("nan.wav", sound(with_value(np.nan), subtype="FLOAT"), "NaN or infinite samples after"),
    Bad("inf.wav", sound(with_value(np.inf), subtype="FLOAT"), "NaN or infinite samples after"),
    Bad("beyond-one.wav", sound(50 * tone(), subtype="FLOAT"), DONE),
    Bad("dc-alone.wav", sound(np.full((48_000, 1), 0.3, np.float32)), DONE),
    Bad("silent.wav", sound(np.zeros((48_000, 1), np.float32)), "the audio is silent"),
    Bad("0.05-s.wav", sound(tone(0.05)), DONE),
    Bad("0.01-s.wav", sound(tone(0.01)), "the audio lasts 0.010 s, a segment at least 0.02 s"),
    Bad("folder.wav", lambda path: path.mkdir(), "the audio folder.wav is a directory"),
    Bad("absent.wav", lambda path: None, "the audio file absent.wav is missing"),
    Bad("pipe.wav", os.mkfifo, "the audio pipe.wav is not a regular file"),
    Bad("dangling.wav", lambda path: path.symlink_to("nowhere.wav"), "is missing"),
    Bad("itself.wav", lambda path: path.symlink_to("itself.wav"), "is missing"),
    Bad("x" * 300, lambda path: None, "cannot be read (File name too long)"),
    Bad("video.mp4", data(MP4), NO_FFMPEG),
    Bad("video.webm", data(WEBM), NO_FFMPEG),
    Bad("with spaces & ümläute 録音.wav", sound(), DONE),
    Bad("-starts-with-a-dash.wav", sound(), DONE),
]  # fmt: skip


def as_row(bad: Bad, folder: Path) -> Mapping[str, str]:
    """Write the file; the row of the corpus that names it."""
    path = folder / bad.name
    bad.write(path)
    return {"id": f"audio {bad.name}", "audio": bad.name}
