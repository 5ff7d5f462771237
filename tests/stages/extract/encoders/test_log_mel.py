import numpy as np
import pytest
import torch

from hilbert.stages.extract.encoders.log_mel import LogMel
from hilbert.stages.extract.encoders.windows import SAMPLING_RATE, WINDOW_SAMPLES


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("duration_s", [0.0, 3.7, 30.0])
def test_equals_whisper_s_own_extractor(n_mels: int, duration_s: float) -> None:
    from transformers import WhisperFeatureExtractor

    wave = np.zeros(WINDOW_SAMPLES, np.float32)
    n = int(duration_s * SAMPLING_RATE)
    wave[:n] = np.random.default_rng(0).normal(0, 0.1, n).cumsum() * 0.01
    extractor = WhisperFeatureExtractor(feature_size=n_mels)
    expected = extractor(wave[: max(n, 1)], sampling_rate=SAMPLING_RATE)["input_features"][0]
    found = LogMel(n_mels)(torch.from_numpy(wave))
    assert found.shape == (n_mels, 3000)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
