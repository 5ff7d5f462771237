"""Where a model runs."""

from hilbert.store.errors import HilbertError


def choose_device(name: str) -> str:
    """The torch device called `name`; ``"auto"`` takes CUDA, then Apple's MPS, then the processor.

    Raises
    ------
    HilbertError
        If there is no such device here.
    """
    import torch

    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(device for device, here in available.items() if here)
    if name not in available:
        raise HilbertError(f"--device must be one of auto, cpu, cuda, mps, not {name!r}.")
    if not available[name]:
        raise HilbertError(
            f"--device {name}: torch {torch.__version__} finds none. Use auto or cpu."
        )
    return name


def use_threads(n: int) -> None:
    """Let this thread, and those it starts, compute with `n` threads."""
    import torch

    torch.set_num_threads(n)
