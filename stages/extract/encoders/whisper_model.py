"""Whisper's encoder alone, up to the layer asked for, from a Hugging Face folder.

Of every size, with 80 or 128 mel bins. Every window is padded with silence to 30 s, as Whisper
was trained, so that all windows of all documents have one shape and share batches; what a window
gives does not depend on the others in its batch.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hilbert.stages.extract.encoders.checkpoints import whisper_encoder_tensor
from hilbert.stages.extract.encoders.frozen import load_frozen
from hilbert.stages.extract.encoders.hidden_states import LayerStack
from hilbert.stages.extract.encoders.layers import Layers
from hilbert.stages.extract.encoders.log_mel import LogMel
from hilbert.stages.extract.encoders.windows import FRAME_SAMPLES, WINDOW_SAMPLES


class WhisperTower:
    """The frozen encoder: windows of sound to hidden states; see `tower.Tower`.

    Parameters
    ----------
    folder : Path
        A Hugging Face folder with safetensors; the decoder's weights are not read.
    layers : Layers
        Hidden states wanted, resolved. The model's last is the one after the final layer norm;
        the others are without it, as transformers gives them.
    device : torch.device
    dtype : torch.dtype
        Of weights and activations.

    Raises
    ------
    HilbertError
        If the folder's config.json describes no Whisper, or the weights do not fit it.
    """

    frame_samples = FRAME_SAMPLES

    def __init__(
        self, folder: Path, layers: Layers, device: torch.device, dtype: torch.dtype
    ) -> None:
        model = load_frozen(folder, "Whisper", _build, whisper_encoder_tensor)
        self.device = device
        self._dtype = dtype
        self._log_mel = LogMel(model.config.num_mel_bins)
        if layers.top < model.config.encoder_layers:
            model.layer_norm = nn.Identity()
        model = model.to(device=device, dtype=dtype).eval()
        self._stack = LayerStack(model, model, layers)

    def prepare(self, samples: NDArray[np.float32]) -> Tensor:
        """The log-mel spectrogram of the window padded to 30 s, of shape (n_mels, 3000)."""
        window = np.zeros(WINDOW_SAMPLES, np.float32)
        window[: len(samples)] = samples
        return self._log_mel(torch.from_numpy(window))

    @torch.inference_mode()
    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """Hidden states of shape (n_windows, 1500, n_columns * width)."""
        batch = torch.stack(list(inputs)).to(device=self.device, dtype=self._dtype)
        return self._stack(batch)

    def compile(self) -> None:
        """Compile the layers; they run as before if that fails, which is logged in one line."""
        silence = self.prepare(np.zeros(0, np.float32))
        self._stack.compile(lambda: self([silence]), dynamic=False)


def _build(folder: Path) -> Any:
    config = WhisperConfig.from_pretrained(folder, local_files_only=True)
    config._attn_implementation = "sdpa"
    return WhisperEncoder(config)
