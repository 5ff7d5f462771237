"""How many processors there are to share."""

import os


def n_processors() -> int:
    """Processors this process may use, which a cluster's scheduler may have limited."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def share_of(n_workers: int) -> int:
    """Threads for each of `n_workers` processes, so that together they are no more than that."""
    return max(1, n_processors() // n_workers)
