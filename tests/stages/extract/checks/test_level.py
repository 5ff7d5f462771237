"""Each fault of level and bandwidth is planted in sound speech, and it alone is told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from hilbert.stages.extract.checks.bandwidth import bandwidth_problems, is_telephone
from hilbert.stages.extract.checks.level import active_dbfs, level_problems
from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.extract.checks.signal import Signal, measure_signal
from support.speech import babble, regular_turns

TURNS = regular_turns(10)
DURATION_S = TURNS[-1].end_s + 1.0
Wave = NDArray[np.float32]


def measured(folder: Path, wave: Wave, rate: int = 16_000) -> Signal:
    soundfile.write(folder / "a.wav", wave, rate, subtype="FLOAT")
    return measure_signal(folder / "a.wav")


def problems(signal: Signal) -> list[Problem]:
    return [*level_problems(signal), *bandwidth_problems(signal)]


def speech(**options: float) -> Wave:
    return babble(TURNS, DURATION_S, **options)  # type: ignore[arg-type]


def narrow(wave: Wave) -> Wave:
    there = soxr.resample(wave, 16_000, 8_000)
    return np.asarray(soxr.resample(there, 8_000, 16_000), dtype=np.float32)


def opposite(wave: Wave) -> Wave:
    return np.stack([wave, -wave + 0.001 * wave[::-1]], axis=1)


def dropped_out(wave: Wave) -> Wave:
    return np.concatenate([wave, np.zeros(2 * len(wave), np.float32)])


PLANTED: list[tuple[Callable[[Wave], Wave], str, str, str]] = [
    (lambda x: x * 0, "error", "silence", "no sample reaches -80 dBFS"),
    (lambda x: x * 1e-4, "error", "silence", "no sample reaches -80 dBFS"),
    (dropped_out, "warning", "silence", "digital silence"),
    (lambda x: x * 0.01, "warning", "low level", "very quiet (-6"),
    (lambda x: np.clip(20 * x, -1, 1), "warning", "clipping", "% of the samples are at full scale"),
    (lambda x: x + 0.05, "warning", "DC offset", "off centre by +5.0%"),
    (lambda x: x - 0.012, "warning", "DC offset", "off centre by -1.2%"),
    (opposite, "warning", "channels cancel", "20 dB below"),
    (narrow, "note", "narrow band", "likely telephone"),
]


@pytest.mark.parametrize(("plant", "severity", "kind", "said"), PLANTED)
def test_what_is_planted_is_told_and_nothing_else(
    tmp_path: Path, plant: Callable[[Wave], Wave], severity: str, kind: str, said: str
) -> None:
    (found,) = problems(measured(tmp_path, np.asarray(plant(speech()), dtype=np.float32)))
    assert (found.severity, found.kind) == (severity, kind)
    assert said in found.what
    assert found.mend


@pytest.mark.parametrize("options", [{}, {"level": 0.01}, {"level": 0.12}, {"noise_db": -10.0}])
def test_of_sound_speech_nothing_is_told(tmp_path: Path, options: dict[str, float]) -> None:
    assert problems(measured(tmp_path, speech(**options))) == []


def test_a_single_click_at_full_scale_is_no_clipping(tmp_path: Path) -> None:
    wave = speech(level=0.01)
    wave[20_000] = 1.0
    assert problems(measured(tmp_path, wave)) == []


def hum(n: int) -> Wave:
    return 0.1 * np.sin(2 * np.pi * 50 * np.arange(n) / 16_000)


@pytest.mark.parametrize("make", [hum, lambda n: np.random.default_rng(0).normal(size=n) * 0.05])
def test_noise_and_hum_are_no_speech(tmp_path: Path, make: Callable[[int], Wave]) -> None:
    found = list(level_problems(measured(tmp_path, make(160_000).astype(np.float32))))
    assert [problem.kind for problem in found] == ["no speech"]


def test_levels_are_those_of_speech_whatever_the_pauses(tmp_path: Path) -> None:
    dense = active_dbfs(measured(tmp_path, speech()))
    sparse = active_dbfs(measured(tmp_path, np.concatenate([speech(), speech(level=1e-4)])))
    assert dense == pytest.approx(sparse, abs=1.0)
    louder = active_dbfs(measured(tmp_path, speech(level=0.2)))
    assert louder - dense == pytest.approx(6.02, abs=0.1)


@pytest.mark.parametrize(
    ("rate", "kinds"),
    [
        (6_000, ["narrow band", "sampling rate"]),
        (8_000, ["narrow band"]),
        (16_000, []),
        (44_100, []),
        (37_800, ["sampling rate"]),
        (192_000, ["sampling rate"]),
    ],
)
def test_rates(tmp_path: Path, rate: int, kinds: list[str]) -> None:
    wave = babble(TURNS[:3], 10.0, rate=rate)
    found = list(bandwidth_problems(measured(tmp_path, wave, rate)))
    assert [problem.kind for problem in found] == kinds


def test_telephone_speech_of_real_recordings(test_data: Path, tmp_path: Path) -> None:
    for path in sorted((test_data / "speechocean762/audio").glob("*.opus"))[:5]:
        wave, rate = soundfile.read(path, dtype="float32")
        assert rate == 16_000
        assert not is_telephone(measured(tmp_path, wave))
        assert is_telephone(measured(tmp_path, narrow(wave)))
        soundfile.write(tmp_path / "t.ogg", narrow(wave), 16_000, format="OGG", subtype="OPUS")
        assert is_telephone(measure_signal(tmp_path / "t.ogg"))
