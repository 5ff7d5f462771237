"""In what type a model runs, and keeping transformers quiet."""

from typing import Any

import torch
import transformers

from hilbert.stages.extract.encoders.base import Precision

_DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def torch_dtype(precision: Precision) -> torch.dtype:
    """The type that `precision` names."""
    return _DTYPES[precision]


def quiet_transformers() -> None:
    """No progress bars and no warnings: what matters is checked and said by this package."""
    logging: Any = transformers.logging  # its functions carry no types
    logging.set_verbosity_error()
    logging.disable_progress_bar()
