"""Decode with the ffmpeg and ffprobe executables, where they are installed."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.store.types import Seconds

QUIET = ["-v", "error", "-protocol_whitelist", "file,pipe"]
"""A playlist from elsewhere must not make ffmpeg fetch from the network."""


class FfmpegError(Exception):
    """ffmpeg or ffprobe failed; what they print is left out, as it may hold paths."""


class NoSoundError(FfmpegError):
    """A file that ffprobe reads, in which nothing is to be heard: a video without sound."""


class Header(NamedTuple):
    """What ffprobe tells of the first audio stream."""

    sampling_rate: int
    n_channels: int
    duration_s: Seconds | None


def is_installed() -> bool:
    """Whether both executables are on the path."""
    return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None


def read_header(path: Path) -> Header:
    """Rate, channels and length of the first audio stream.

    Raises
    ------
    FfmpegError
        If ffprobe cannot read the file or, as `NoSoundError`, finds no audio in it.
    """
    entries = "stream=sample_rate,channels,duration:format=duration"
    command = ["ffprobe", *QUIET, "-select_streams", "a:0", "-show_entries", entries]
    result = subprocess.run(
        [*command, "-of", "json", _argument(path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    try:
        answer = json.loads(result.stdout)
        if result.returncode == 0 and answer["streams"] == []:
            raise NoSoundError
        stream = answer["streams"][0]
        duration = stream.get("duration") or answer["format"].get("duration")
        return Header(
            sampling_rate=int(stream["sample_rate"]),
            n_channels=int(stream["channels"]),
            duration_s=None if duration is None else float(duration),
        )
    except (ValueError, KeyError, IndexError) as error:
        raise FfmpegError("ffprobe finds no audio") from error


def decode(path: Path, n_channels: int, block_frames: int) -> Iterator[NDArray[np.float32]]:
    """Yield the first audio stream in arrays of shape (up to `block_frames`, n_channels).

    Raises
    ------
    FfmpegError
        If ffmpeg ends with an error.
    """
    output = ["-map", "0:a:0", "-ac", str(n_channels), "-f", "f32le", "-c:a", "pcm_f32le", "-"]
    process = subprocess.Popen(
        ["ffmpeg", "-nostdin", *QUIET, "-i", _argument(path), *output],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None  # because it is a pipe
    frame_bytes = 4 * n_channels
    try:
        while data := process.stdout.read(block_frames * frame_bytes):
            n_frames = len(data) // frame_bytes
            samples = np.frombuffer(data, dtype="<f4", count=n_frames * n_channels)
            yield samples.reshape(n_frames, n_channels)
        if process.wait() != 0:
            raise FfmpegError("ffmpeg cannot decode the audio")
    finally:  # also where the reader needs no more
        process.stdout.close()
        process.kill()
        process.wait()


def _argument(path: Path) -> str:
    """An absolute path, which ffmpeg can mistake neither for an option nor for a protocol."""
    return str(path.absolute())
