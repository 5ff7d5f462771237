"""What every family of audio encoders offers, and how sound becomes frames in all of them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Tower(Protocol):
    """A frozen audio model, from the samples of a window to hidden states.

    A window is at most 30 s at 16 kHz. Frame k stands for the samples from ``k *
    frame_samples`` on; see `windows.Slot.frames`, which gives every segment at least one.
    """

    @property
    def device(self) -> torch.device: ...

    @property
    def frame_samples(self) -> int:
        """Samples from one frame to the next."""

    def prepare(self, samples: NDArray[np.float32]) -> Tensor:
        """The model's input for one window of samples, of shape (n_samples,) with n >= 0.

        Runs in a background thread; the result shares no memory with `samples`.
        """

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """Hidden states of inputs of one shape, (n_windows, n_frames, n_columns * width).

        Several threads may call it at once.
        """

    def compile(self) -> None:
        """Compile the layers; they run as before if that fails, which is logged in one line."""
