"""Whisper's encoder alone, up to the layer asked for, from a Hugging Face folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from hilbert.stages.extract.encoders.checkpoints import (
    shown,
    weight_files,
    whisper_encoder_tensor,
    without_paths,
)
from hilbert.store.errors import HilbertError


class WhisperTower:
    """The frozen encoder: log-mel windows to hidden states.

    Parameters
    ----------
    folder : Path
        A Hugging Face folder with safetensors; the decoder's weights are not read.
    n_layers : int
        Layers to run, 0 for the embedding only. All layers: the last hidden state after the
        final layer norm; fewer: the hidden state without it, as transformers gives them.
    device : torch.device
    dtype : torch.dtype
        Of weights and activations.

    Raises
    ------
    HilbertError
        If the folder's config.json describes no Whisper, or the weights do not fit it.
    """

    def __init__(
        self, folder: Path, n_layers: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        config, model = _empty(folder)
        _fill(model, folder)
        self.n_mels: int = config.num_mel_bins
        self.device = device
        self._dtype = dtype
        self._model = model.to(device=device, dtype=dtype).eval()
        if n_layers < config.encoder_layers:
            self._model.layers = self._model.layers[:n_layers]
            self._model.layer_norm = nn.Identity()

    @torch.inference_mode()
    def __call__(self, mels: Sequence[Tensor]) -> Tensor:
        """Hidden states of shape (n_windows, 1500, width) for windows of (n_mels, 3000)."""
        batch = torch.stack(list(mels)).to(device=self.device, dtype=self._dtype)
        hidden: Tensor = self._model(batch).last_hidden_state
        return hidden


def _empty(folder: Path) -> tuple[WhisperConfig, Any]:
    """What config.json describes, without weights."""
    try:
        config = WhisperConfig.from_pretrained(folder, local_files_only=True)
        config._attn_implementation = "sdpa"
        with torch.device("meta"):  # no memory and no random numbers for weights read later
            return config, WhisperEncoder(config)
    except Exception as error:  # transformers raises whatever its parts raise
        first = str(error).strip().partition("\n")[0].rstrip(".")
        reason = f"{type(error).__name__}: {without_paths(first, folder)}"
        raise HilbertError(
            f"{shown(folder / 'config.json')} describes no Whisper that transformers can build:"
            f" {reason}. Copy or save the model again."
        ) from error


def _fill(model: Any, folder: Path) -> None:
    try:
        model.load_state_dict(_state(folder), strict=True, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1]
        raise HilbertError(
            f"The weights in {shown(folder)} do not fit its config.json: {reason}"
        ) from None


def _state(folder: Path) -> dict[str, Tensor]:
    """The encoder's tensors by the names they have inside the encoder."""
    from safetensors import safe_open

    state: dict[str, Tensor] = {}
    for file in weight_files(folder):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a mapping
                if (own := whisper_encoder_tensor(name)) is not None:
                    state[own] = tensors.get_tensor(name).float()
    return state
