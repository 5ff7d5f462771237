"""Tiny random models saved as Hugging Face folders, and synthetic recordings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from support import tiny_models

RATE = 16_000


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no Hugging Face cache."""
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "cache"


@pytest.fixture
def tiny_whisper(tmp_path: Path) -> Path:
    """A random Whisper of three layers and width 16, as transformers saves it."""
    return tiny_models.save_whisper(tmp_path / "tiny-whisper")


@pytest.fixture
def tiny_bert(tmp_path: Path) -> Path:
    return tiny_models.save_bert(tmp_path / "tiny-bert")


@pytest.fixture
def save_text_model(tmp_path: Path) -> Callable[..., Path]:
    """Save a model with a tokenizer of whole words beside it."""

    def save(name: str, model: Any, *, pad: int = 0, specials: bool = True, **options: Any) -> Path:
        folder = tmp_path / name
        model.save_pretrained(folder)
        tiny_models.save_tokenizer(folder, pad=pad, specials=specials, **options)
        return folder

    return save


@pytest.fixture
def write_wav(tmp_path: Path) -> Callable[..., Path]:
    """Write samples as a 16 kHz float wav file."""

    def write(name: str, samples: NDArray[np.float32]) -> Path:
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        return path

    return write


@pytest.fixture
def chirp() -> Callable[..., NDArray[np.float32]]:
    """Sound with a changing pitch and some noise, so that no two stretches are alike."""

    def make(duration_s: float, seed: int = 0) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        n = round(duration_s * RATE)
        pitch = 150 + 100 * np.cumsum(rng.normal(0, 0.002, n))
        sound = 0.2 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE) + rng.normal(0, 0.02, n)
        return sound.astype(np.float32)

    return make
