"""The silero voice activity detector as a torch network, from the weights that its package holds.

Its frames are short and its packaged form takes one at a time. Here the convolutions take all
frames of a block at once and the recurrent layer runs over them, which gives the same
probabilities several times faster, and needs no onnxruntime.

References
----------
Silero Team. Silero VAD: pre-trained enterprise-grade voice activity detector, 2024,
https://github.com/snakers4/silero-vad (MIT).
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hilbert.store.errors import HilbertError

FRAME = 512
"""Samples at 16 kHz that one probability stands for: 32 ms."""

_CONTEXT = 64
"""Samples before a frame that are seen with it."""
_PAD = 64
"""Samples mirrored behind a frame."""
_N_BINS = 129
"""Of the spectrum of 256 samples."""
_HOP = 128
_WIDTH = 128


class State(NamedTuple):
    """What is carried from block to block: both states of the recurrent layer, last samples."""

    hidden: Tensor
    cell: Tensor
    context: NDArray[np.float32]


class SileroNetwork(nn.Module):
    """Spectrum, four convolutions, a recurrent layer and a probability, for audio of 16 kHz."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 2 * _N_BINS, 256, stride=_HOP, bias=False)
        self.conv1 = nn.Conv1d(_N_BINS, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, _WIDTH, 3, padding=1)
        self.lstm = nn.LSTM(_WIDTH, _WIDTH)
        self.final_conv = nn.Conv1d(_WIDTH, 1, 1)

    def forward(
        self, frames: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities of speech of consecutive frames, and the states after them.

        Parameters
        ----------
        frames : float32 tensor of shape (n_frames, 576)
            Each with the 64 samples before it.
        state : pair of float32 tensors of shape (1, 128)

        Returns
        -------
        tuple of float32 tensors of shape (n_frames,), (1, 128) and (1, 128)
        """
        x = functional.pad(frames.unsqueeze(1), (0, _PAD), mode="reflect")  # (n, 1, 640)
        real, imaginary = self.stft_conv(x).split(_N_BINS, dim=1)  # (n, 129, 4) each
        x = (real.square() + imaginary.square()).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = layer(x).relu()  # to (n, 128, 1)
        x, (hidden, cell) = self.lstm(x.squeeze(2), state)  # (n, 128)
        x = self.final_conv(x.relu().unsqueeze(2))  # (n, 1, 1)
        return x.sigmoid().flatten(), hidden, cell


class SileroDetector:
    """Tells the probability of speech, frame by frame, of a stream.

    Parameters
    ----------
    weights : Path
        The package's ``silero_vad.jit``; only its tensors are used, none of its code.

    Raises
    ------
    HilbertError
        If the file does not hold the weights of this network.
    """

    def __init__(self, weights: Path) -> None:
        self._network = SileroNetwork().eval().requires_grad_(False)
        try:
            tensors = _packaged(weights)
            ours = {new: tensors[f"_model.{old}"] for new, old in _names().items()}
            self._network.load_state_dict(ours)
        except (OSError, RuntimeError, KeyError) as error:
            raise HilbertError(
                f"{weights.name} does not hold the weights of silero-vad"
                f" ({type(error).__name__}); install the package again:"
                " pip install --force-reinstall --no-deps 'silero-vad>=6.2.3,<7'"
            ) from None

    def start(self) -> State:
        """The state before the first frame of a stream."""
        zeros = torch.zeros(1, _WIDTH)
        return State(zeros, zeros, np.zeros(_CONTEXT, dtype=np.float32))

    @torch.inference_mode()
    def probabilities(
        self, samples: NDArray[np.float32], state: State
    ) -> tuple[NDArray[np.float32], State]:
        """Probability of speech of each frame of a block.

        Parameters
        ----------
        samples : float32 array of shape (n_frames * 512,)
            At 16 kHz, `n_frames` at least 1.
        state : State
            As it was left by the block before.

        Returns
        -------
        float32 array of shape (n_frames,), and State
        """
        frames = samples.reshape(-1, FRAME)
        before = np.concatenate([state.context[None], frames[:-1, -_CONTEXT:]])  # (n, 64)
        seen = torch.from_numpy(np.concatenate([before, frames], axis=1))  # (n, 576)
        with _one_thread():
            found, hidden, cell = self._network(seen, (state.hidden, state.cell))
        return found.numpy(), State(hidden, cell, frames[-1, -_CONTEXT:].copy())


def _packaged(weights: Path) -> dict[str, Tensor]:
    """Tensors of the package's file.

    Its ``silero_vad_16k.safetensors`` holds an earlier training (version 6.2.3: probabilities
    that differ by up to 0.5), so that there is no way around TorchScript.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit
        tensors: dict[str, Tensor] = torch.jit.load(str(weights), "cpu").state_dict()  # type: ignore[no-untyped-call]
    return tensors


def _names() -> dict[str, str]:
    """Names of the network's tensors, and what the package calls each."""
    layers = {f"conv{i + 1}": f"encoder.{i}.reparam_conv" for i in range(4)}
    layers["final_conv"] = "decoder.decoder.2"
    names = {"stft_conv.weight": "stft.forward_basis_buffer"}
    for new, old in layers.items():
        names |= {f"{new}.{part}": f"{old}.{part}" for part in ("weight", "bias")}
    for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        names[f"lstm.{part}_l0"] = f"decoder.rnn.{part}"
    return names


@contextmanager
def _one_thread() -> Iterator[None]:
    """The network is too small for several threads: waiting for each other, they take longer."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
