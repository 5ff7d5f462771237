"""Hidden states of a stack of layers: which are seen, and how they are put together."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hilbert.stages.extract.encoders.layers import Layers

_LOG = logging.getLogger("hilbert")


class Tap(nn.Module):
    """A layer that shows what goes into it to the thread that runs the forward pass.

    Hidden state i is what goes into layer i, counted from 0. A wrapper rather than a hook, so
    that the layer may be compiled and several threads may run one model.
    """

    def __init__(self, layer: nn.Module, number: int, seen: threading.local) -> None:
        super().__init__()
        self.layer = layer
        self._number = number
        self._seen = seen

    def forward(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Any:
        self._seen.states[self._number] = hidden
        return self.layer(hidden, *args, **kwargs)


class LayerStack:
    """The layers of a frozen model, cut after the last one that is wanted.

    Parameters
    ----------
    model : Module
        Calls its layers one after another, the hidden states being their first argument.
    stack : Module
        The part of it whose attribute ``layers`` they are; the list is changed.
    layers : Layers
        Resolved.
    """

    def __init__(self, model: nn.Module, stack: Any, layers: Layers) -> None:
        self._model = model
        self._layers = layers
        self._seen = threading.local()
        self._blocks: list[nn.Module] = list(stack.layers[: layers.top])
        stack.layers = nn.ModuleList(
            Tap(block, i, self._seen) if i in layers.needed else block
            for i, block in enumerate(self._blocks)
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """The hidden states wanted, of shape (n_windows, n_frames, n_columns * width).

        The topmost is the model's last hidden state.
        """
        states: dict[int, Tensor] = {}
        self._seen.states = states
        try:
            states[self._layers.top] = self._model(*args, **kwargs).last_hidden_state
            return combined(states, self._layers)
        finally:
            self._seen.states = {}  # holds no activations between passes

    def compile(self, trial: Callable[[], object], *, dynamic: bool) -> None:
        """Compile each layer, all layers sharing what is compiled, and run `trial` to see.

        The layers run as they were if that fails, which is logged in one line.

        Parameters
        ----------
        trial : callable
            Runs one forward pass: the first one compiles.
        dynamic : bool
            Whether windows have different lengths.
        """
        try:
            for block in self._blocks:
                block.compile(dynamic=dynamic)
            trial()
        except Exception as error:  # of the compiler, its own compilers and their tools
            for block in self._blocks:
                block._compiled_call_impl = None
            _LOG.warning(
                "Note: --compile has no effect here: torch.compile failed (%s).",
                type(error).__name__,
            )


def combined(states: Mapping[int, Tensor], layers: Layers) -> Tensor:
    """The columns of `layers` side by side along the last axis; averages are in float32.

    Parameters
    ----------
    states : mapping of int to Tensor of shape (..., width)
        The hidden states that are needed, by their number.
    layers : Layers
        Resolved.

    Returns
    -------
    Tensor of shape (..., n_columns * width)
        In the type of `states` where nothing is averaged.
    """
    columns = [_mean([states[i] for i in range(c.first, c.last + 1)]) for c in layers.columns]
    return columns[0] if len(columns) == 1 else torch.cat(columns, dim=-1)


def _mean(states: Iterable[Tensor]) -> Tensor:
    first, *others = states
    if not others:
        return first
    total = first.float()
    for state in others:
        total = total + state
    return total / (1 + len(others))
