"""How long a search of options goes on."""

import math
from dataclasses import dataclass

from hilbert.store.errors import FitError


@dataclass(frozen=True)
class Budget:
    """When a search ends: whichever comes first."""

    trials: int = 20
    """Options that are tried, the given ones among them."""
    minutes: float | None = None
    """Minutes spent on trials, about."""

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise FitError(f"--trials must be at least 1, not {self.trials}.")
        if self.minutes is not None and not self.minutes > 0:
            raise FitError(f"--minutes must be above 0, not {self.minutes}.")


def minutes_of_search(minutes: float, n_folds: int, workers: int) -> float:
    """Minutes of each search, so that all together take `minutes`.

    One is made in each fold, as many side by side as there are workers, and then one in all
    documents, alone.

    Parameters
    ----------
    minutes : float
        Of all of them by the clock.
    n_folds, workers : int
    """
    return minutes / (math.ceil(n_folds / workers) + 1)
