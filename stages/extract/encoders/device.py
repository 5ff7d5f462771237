"""Where a model runs and in what type, and keeping transformers quiet."""

from typing import Any

import torch
import transformers

from hilbert.stages.extract.encoders.base import Precision
from hilbert.store.errors import HilbertError

_DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def choose_device(name: str) -> torch.device:
    """The device called `name`; ``"auto"`` takes CUDA, then Apple's MPS, then the processor.

    Raises
    ------
    HilbertError
        If there is no such device here.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, here in available.items() if here))
    if name not in available:
        raise HilbertError(f"--device must be one of auto, cpu, cuda, mps, not {name!r}.")
    if not available[name]:
        raise HilbertError(
            f"--device {name}: torch {torch.__version__} finds none. Use auto or cpu."
        )
    return torch.device(name)


def torch_dtype(precision: Precision) -> torch.dtype:
    """The type that `precision` names."""
    return _DTYPES[precision]


def quiet_transformers() -> None:
    """No progress bars and no warnings: what matters is checked and said by this package."""
    logging: Any = transformers.logging  # its functions carry no types
    logging.set_verbosity_error()
    logging.disable_progress_bar()
