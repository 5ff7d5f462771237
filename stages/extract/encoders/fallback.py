"""Batches that fit the memory: halved whenever it runs out, and what to do at the last."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

NO_MEMORY = "there is not enough memory to encode it, even alone; use a smaller encoder"
"""Why a document failed of which not even a single piece fits."""

_MESSAGES = ("not enough memory", "can't allocate memory", "out of memory")  # of CPU and MPS
_LOG = logging.getLogger("hilbert")

In = TypeVar("In")
Out = TypeVar("Out")


class BatchSize:
    """How many items a forward pass takes at most; threads may share one.

    Parameters
    ----------
    limit : int
        At first. Falls by half when memory runs out, and stays there.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def run(
        self, forward: Callable[[list[In]], list[Out]], items: Sequence[In]
    ) -> list[Out | None]:
        """Results of `forward` for all of `items`, in as many passes as the memory needs.

        Parameters
        ----------
        forward : callable
            Gives one result an item.
        items : sequence

        Returns
        -------
        list
            One result an item; None for one that does not even fit alone.
        """
        results: list[Out | None] = []
        while len(results) < len(items):
            part = list(items[len(results) : len(results) + self.limit])
            found = _within_memory(forward, part)
            if found is not None:
                results += found
            elif len(part) == 1:
                results.append(None)
            else:
                self._lower(len(part) // 2)
        return results

    def _lower(self, limit: int) -> None:
        if limit < self.limit:
            self.limit = limit
            _LOG.warning("Note: out of memory; going on with batches of %d.", limit)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device, or the processor's allocator, had no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _MESSAGES)


def _within_memory(forward: Callable[[list[In]], list[Out]], part: list[In]) -> list[Out] | None:
    """Results, or None if memory ran out; the error, whose frames hold tensors, is let go."""
    try:
        return forward(part)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    cuda: Any = torch.cuda  # its functions carry no types
    if cuda.is_initialized():
        cuda.empty_cache()
    return None
