"""Models of the raw waveform: wav2vec 2.0, HuBERT, WavLM and data2vec-audio.

A window is as long as the speech in it: nothing is padded, and only windows of equal length
share a batch. Padding would change what most of these models compute: a group norm in the
convolutions of the base models takes its mean and variance over the whole window, and the
stacked position convolutions of data2vec see past the end of a masked one. So a window gives
what a direct call of transformers on its samples gives, whatever else is in its batch, within
rounding (tested to 2e-3, about what float16 features of unit size resolve); a packed window
differs from its segments encoded alone by what they see of each other, which has no such bound.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilbert.stages.extract.encoders.audio_config import (
    conv_receptive_samples,
    conv_stride_samples,
    is_normalised,
)
from hilbert.stages.extract.encoders.checkpoints import waveform_encoder_tensor
from hilbert.stages.extract.encoders.frozen import load_frozen
from hilbert.stages.extract.encoders.hidden_states import LayerStack
from hilbert.stages.extract.encoders.layers import Layers
from hilbert.stages.extract.encoders.windows import SAMPLING_RATE

_VARIANCE_FLOOR = 1e-7  # as in Wav2Vec2FeatureExtractor


class WaveformTower:
    """The frozen encoder: windows of sound to hidden states; see `tower.Tower`.

    Adapters above the encoder are not run; nor is anything that belongs to training.

    Parameters
    ----------
    folder : Path
        A Hugging Face folder with safetensors and preprocessor_config.json.
    layers : Layers
        Hidden states wanted, resolved. Where the model has a layer norm after its last layer
        (``do_stable_layer_norm``), its last hidden state is the one after it, and the others
        are without it.
    device : torch.device
    dtype : torch.dtype
        Of weights and activations.

    Raises
    ------
    HilbertError
        If the folder's files describe no such model, or the weights do not fit them.
    """

    def __init__(
        self, folder: Path, layers: Layers, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._normalise = is_normalised(folder)
        model = load_frozen(folder, "waveform model", _build, waveform_encoder_tensor)
        config = model.config.to_dict()
        self.device = device
        self.frame_samples = conv_stride_samples(config)
        self._min_samples = conv_receptive_samples(config)
        self._dtype = dtype
        _fold_weight_norm(model)
        if config.get("do_stable_layer_norm") and layers.top < model.config.num_hidden_layers:
            model.encoder.layer_norm = nn.Identity()
        model = model.to(device=device, dtype=dtype).eval()
        if device.type == "cpu" and dtype == torch.bfloat16:
            _spare_small_groups(model)
        self._stack = LayerStack(model, model.encoder, layers)

    def prepare(self, samples: NDArray[np.float32]) -> Tensor:
        """The samples, of zero mean and unit variance if the model wants them so.

        Padded with silence only where there are too few for one frame.
        """
        if self._normalise and len(samples):
            spread = np.sqrt(samples.var() + _VARIANCE_FLOOR)
            samples = np.asarray((samples - samples.mean()) / spread, np.float32)
        wave = np.zeros(max(len(samples), self._min_samples), np.float32)
        wave[: len(samples)] = samples
        return torch.from_numpy(wave)

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
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    config.add_adapter = False
    config.mask_time_prob = config.mask_feature_prob = 0.0  # else there is a vector for masks
    auto: Any = AutoModel  # its methods carry no types
    return auto.from_config(config)


def _spare_small_groups(model: nn.Module) -> None:
    """Convolve in float32 where groups have a number of channels that torch gets wrong in bfloat16.

    torch 2.13 on a processor with AMX: groups of 8 or 12 channels under long kernels give numbers
    that have nothing to do with the right ones (cosine 0.0); of 16, 20, 32, and of the published
    models' 48, 64, 80 and 120 all is well.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv1d) and module.groups > 1:
            if (module.in_channels // module.groups) % 16 == 0:
                continue
            module.float()
            module.register_forward_pre_hook(lambda _, args: (args[0].float(),))
            module.register_forward_hook(lambda _, args, found: found.bfloat16())


def _fold_weight_norm(model: nn.Module) -> None:
    """Compute weights that are stored as length and direction once, in float32."""
    from torch.nn.utils import parametrize

    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
