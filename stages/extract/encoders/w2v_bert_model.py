"""w2v-BERT 2.0: log-mel features by its own feature extractor, two frames stacked to one.

A window is as long as the speech in it: nothing is padded, and only windows of equal length
share a batch, because the extractor scales each mel bin to zero mean and unit variance over the
whole window. A window then gives what a direct call of transformers on its samples gives, within
rounding (tested to 2e-3), whatever else is in its batch. An odd mel frame at the end is dropped,
which transformers masks.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilbert.stages.extract.encoders.audio_config import (
    FBANK_HOP_SAMPLES,
    FBANK_SAMPLES,
    fbank_settings,
)
from hilbert.stages.extract.encoders.checkpoints import w2v_bert_encoder_tensor
from hilbert.stages.extract.encoders.frozen import load_frozen
from hilbert.stages.extract.encoders.hidden_states import LayerStack
from hilbert.stages.extract.encoders.layers import Layers
from hilbert.stages.extract.encoders.windows import SAMPLING_RATE


class W2vBertTower:
    """The frozen encoder: windows of sound to hidden states; see `tower.Tower`.

    Adapters above the encoder are not run; nor is anything that belongs to training.

    Parameters
    ----------
    folder : Path
        A Hugging Face folder with safetensors and preprocessor_config.json.
    layers : Layers
        Hidden states wanted, resolved.
    device : torch.device
    dtype : torch.dtype
        Of weights and activations.

    Raises
    ------
    HilbertError
        If the folder's files describe no w2v-BERT, or the weights do not fit them.
    """

    def __init__(
        self, folder: Path, layers: Layers, device: torch.device, dtype: torch.dtype
    ) -> None:
        from transformers import SeamlessM4TFeatureExtractor

        settings = fbank_settings(folder)
        make: Any = SeamlessM4TFeatureExtractor  # it carries no types
        self._extractor = make(**settings)
        self.device = device
        self.frame_samples = FBANK_HOP_SAMPLES * settings["stride"]
        self._min_samples = FBANK_SAMPLES + FBANK_HOP_SAMPLES * max(1, settings["stride"] - 1)
        self._dtype = dtype
        model = load_frozen(folder, "w2v-BERT", _build, w2v_bert_encoder_tensor)
        _make_positions(model)
        model = model.to(device=device, dtype=dtype).eval()
        self._stack = LayerStack(model, model.encoder, layers)

    def prepare(self, samples: NDArray[np.float32]) -> Tensor:
        """Log-mel features of shape (n_frames, n_mels * stride).

        Padded with silence only where there are too few samples for one frame.
        """
        wave = np.zeros(max(len(samples), self._min_samples), np.float32)
        wave[: len(samples)] = samples
        found = self._extractor(
            wave,
            sampling_rate=SAMPLING_RATE,
            pad_to_multiple_of=None,
            return_attention_mask=False,
            return_tensors="np",
        )
        return torch.from_numpy(np.array(found["input_features"][0], np.float32))

    @torch.inference_mode()
    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """Hidden states of shape (n_windows, n_frames, n_columns * width)."""
        batch = torch.stack(list(inputs)).to(device=self.device, dtype=self._dtype)
        return self._stack(batch)

    def compile(self) -> None:
        """Compile the layers; they run as before if that fails, which is logged in one line."""
        second = self.prepare(np.zeros(SAMPLING_RATE, np.float32))
        self._stack.compile(lambda: self([second]), dynamic=True)


def _build(folder: Path) -> Any:
    from transformers import Wav2Vec2BertConfig, Wav2Vec2BertModel

    config = Wav2Vec2BertConfig.from_pretrained(folder, local_files_only=True)
    config.add_adapter = config.use_intermediate_ffn_before_adapter = False
    config.mask_time_prob = config.mask_feature_prob = 0.0  # else there is a vector for masks
    return Wav2Vec2BertModel(config)


def _make_positions(model: Any) -> None:
    """Compute the tables of positions, which are in no file."""
    if (positions := model.encoder.embed_positions) is not None:
        model.encoder.embed_positions = type(positions)(model.config)
