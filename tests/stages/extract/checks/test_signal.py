"""Measured in blocks or whole: the same numbers, in bounded memory, up to where a file breaks."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hilbert.stages.extract.checks import signal as module
from hilbert.stages.extract.checks.signal import SPECTRUM_EVERY, measure_signal
from hilbert.stages.extract.recordings import audio_files
from hilbert.store.errors import DocumentError
from hilbert.store.types import Span


def noise(seconds: float, rate: int, n_channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(-0.5, 0.5, (round(seconds * rate), n_channels)).astype(np.float32)


def write(path: Path, x: np.ndarray, rate: int = 16_000, subtype: str = "FLOAT") -> Path:
    soundfile.write(path, x, rate, subtype=subtype)
    return path


@pytest.mark.parametrize(("rate", "n_channels"), [(16_000, 1), (44_100, 2), (11_025, 8)])
@pytest.mark.parametrize("block", [65_536, 1_001, 50])
def test_frames_do_not_depend_on_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: int, n_channels: int, block: int
) -> None:
    x = noise(2.13, rate, n_channels)
    x[5_000:5_010] = 1.0
    path = write(tmp_path / "a.wav", x, rate)
    monkeypatch.setattr(audio_files, "BLOCK_FRAMES", block)
    signal = measure_signal(path)
    size = round(0.02 * rate)
    n = len(x) // size
    frames = x[: n * size].reshape(n, size, n_channels)
    mono = frames.mean(axis=2)
    np.testing.assert_allclose(signal.power, mono.var(axis=1), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(signal.mean, mono.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(signal.peak, np.abs(mono).max(axis=1), rtol=1e-6)
    np.testing.assert_allclose(signal.clipped, (np.abs(frames) >= 0.999).mean(axis=(1, 2)))
    np.testing.assert_allclose(signal.channel_power, frames.var(axis=1).mean(axis=1), rtol=1e-4)
    assert signal.bands.shape == (-(-n // SPECTRUM_EVERY), 2)
    monkeypatch.setattr(audio_files, "BLOCK_FRAMES", 65_536)
    whole = measure_signal(path)
    np.testing.assert_allclose(signal.bands, whole.bands, rtol=1e-4)
    assert signal.digest == whole.digest
    assert signal.duration_s == pytest.approx(n * size / rate)


def test_a_tone_is_in_its_band(tmp_path: Path) -> None:
    t = np.arange(16_000) / 16_000
    for hz, band in ((1_000, 0), (6_000, 1)):
        x = 0.5 * np.sin(2 * np.pi * hz * t).astype(np.float32)
        bands = measure_signal(write(tmp_path / f"{hz}.wav", x)).bands
        assert (bands[:, band] > 1e4 * bands[:, 1 - band]).all()


def test_only_what_lies_in_spans(tmp_path: Path) -> None:
    x = np.concatenate([np.full((16_000, 1), 0.1, np.float32), noise(1.0, 16_000)])
    signal = measure_signal(write(tmp_path / "a.wav", x))
    constant = signal.only([Span(-np.inf, 0.5), Span(0.7, 1.0)])
    assert len(constant.power) == 25 + 15
    assert constant.power.max() < 1e-9
    assert constant.mean == pytest.approx(0.1)
    assert len(constant.bands) == len([i for i in range(0, 50, 8) if i < 25 or i >= 35])
    assert len(signal.only([Span(5.0, 9.0)]).power) == 0
    assert len(signal.only([Span(0.0, np.inf)]).power) == 100


def test_equal_recordings_in_other_formats_have_one_digest(tmp_path: Path) -> None:
    x = (30_000 * noise(1.0, 16_000)).astype(np.int16)
    one = measure_signal(write(tmp_path / "a.wav", x, subtype="PCM_16"))
    two = measure_signal(write(tmp_path / "a.flac", x, subtype="PCM_16"))
    x[8_000] += 1
    three = measure_signal(write(tmp_path / "b.flac", x, subtype="PCM_16"))
    assert one.digest == two.digest != three.digest


def test_what_was_read_before_a_fault_is_kept(tmp_path: Path) -> None:
    x = noise(10.0, 16_000)
    x[6 * 16_000] = np.nan
    signal = measure_signal(write(tmp_path / "a.wav", x))
    assert "NaN" in str(signal.fault)
    assert 3.0 < signal.duration_s <= 6.0


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="missing"):
        measure_signal(tmp_path / "a.wav")


def test_shorter_than_a_frame(tmp_path: Path) -> None:
    assert len(measure_signal(write(tmp_path / "a.wav", noise(0.005, 16_000))).power) == 0


def test_memory_is_bounded(tmp_path: Path) -> None:
    path = write(tmp_path / "long.wav", noise(1200.0, 8_000), 8_000, "PCM_16")
    measure_signal(write(tmp_path / "short.wav", noise(1.0, 8_000), 8_000, "PCM_16"))
    tracemalloc.start()
    measure_signal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6  # the recording itself has 38 MB
    assert module.HOP_S == 0.02
