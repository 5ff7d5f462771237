"""Build a frozen audio model from its folder, with every tensor from the file or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hilbert.stages.extract.encoders.checkpoints import (
    NameFilter,
    shown,
    weight_files,
    without_paths,
)
from hilbert.store.errors import HilbertError


def load_frozen(folder: Path, kind: str, build: Callable[[Path], Any], rename: NameFilter) -> Any:
    """A model with the weights of `folder`, in float32 on the processor.

    Parameters
    ----------
    folder : Path
        A Hugging Face folder with safetensors.
    kind : str
        What it is expected to be, for messages.
    build : callable
        Makes the model that the folder's config.json describes; its weights take no memory.
    rename : callable
        From a tensor's name in the file to its name in the model, None if it has no part in it.

    Raises
    ------
    HilbertError
        If config.json describes no such model, or the weights do not fit it: one too few, one
        too many, or one of another shape.
    """
    model = _empty(folder, kind, build)
    try:
        model.load_state_dict(_state(folder, rename), strict=True, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1]
        raise HilbertError(
            f"The weights in {shown(folder)} do not fit its config.json: {reason}"
        ) from None
    return model


def _empty(folder: Path, kind: str, build: Callable[[Path], Any]) -> Any:
    try:
        with torch.device("meta"):  # no memory and no random numbers for weights read later
            return build(folder)
    except Exception as error:  # transformers raises whatever its parts raise
        first = str(error).strip().partition("\n")[0].rstrip(".")
        reason = f"{type(error).__name__}: {without_paths(first, folder)}"
        raise HilbertError(
            f"{shown(folder / 'config.json')} describes no {kind} that transformers can build:"
            f" {reason}. Copy or save the model again."
        ) from error


def _state(folder: Path, rename: NameFilter) -> dict[str, Tensor]:
    """The model's tensors by the names they have inside it; numbers that count stay whole."""
    from safetensors import safe_open

    state: dict[str, Tensor] = {}
    for file in weight_files(folder):
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a mapping
                if (own := rename(name)) is not None:
                    found = tensors.get_tensor(name)
                    state[own] = found.float() if found.is_floating_point() else found
    return state
