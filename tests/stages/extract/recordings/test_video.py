"""Videos: their sound is read where ffmpeg is installed; else they are refused, and why is told."""

from pathlib import Path

import numpy as np
import pytest

from hilbert.stages.extract.recordings import ffmpeg
from hilbert.stages.extract.recordings.audio import probe, read_spans
from hilbert.store.errors import DocumentError
from hilbert.store.types import Span

av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'hilbert-speech[asr]'")

RATE = 16_000
needs_ffmpeg = pytest.mark.skipif(not ffmpeg.is_installed(), reason="ffmpeg is not installed")
HEADER = '{"programs": [], "streams": [], "format": {"duration": "2.000000"}}'


def write_video(path: Path, *, seconds: int = 2, sound: bool = True) -> Path:
    """A grey picture, ten a second, and a tone of 440 Hz as AAC."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=RATE) if sound else None
        for _ in range(10 * seconds):
            picture = np.full((48, 64, 3), 128, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        if audio is not None:
            tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(seconds * RATE) / RATE)
            wave = tone.astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            frame.sample_rate = RATE
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return path


@needs_ffmpeg
def test_the_sound_of_a_video_is_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    assert probe(path).duration_s == pytest.approx(2.0, abs=0.15)
    (wave,) = read_spans(path, [Span(0.5, 1.5)])
    spectrum = np.abs(np.fft.rfft(wave))
    assert spectrum.argmax() * RATE / len(wave) == pytest.approx(440, abs=2)


@needs_ffmpeg
def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"a\.mp4 holds no sound"):
        probe(write_video(tmp_path / "a.mp4", sound=False))


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_without_ffmpeg_it_is_said_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, sound: bool
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = write_video(tmp_path / name, sound=sound)
    with pytest.raises(DocumentError, match="whose sound ffmpeg reads; install it"):
        probe(path)


def test_what_ffprobe_says_of_a_video_without_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in ("ffprobe", "ffmpeg"):
        (tmp_path / program).write_text(f"#!/bin/sh\necho '{HEADER}'\n")
        (tmp_path / program).chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(DocumentError, match=r"holds no sound .* name its recording"):
        probe(write_video(tmp_path / "a.mp4", sound=False))
