"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

_LINE_EVERY_S = 15.0


@dataclass(slots=True)
class Progress:
    """How far work is; shown on standard error with its rate and the time left."""

    what: str
    unit: str
    total: int | None = None
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    printed: float = field(default_factory=time.monotonic)
    bar: "tqdm[Any] | None" = None

    def advance(self) -> None:
        """One unit more is done."""
        self.reach(self.done + 1, self.total)

    def reach(self, done: int, total: int | None) -> None:
        """`done` of `total` units are done."""
        step, self.done, self.total = done - self.done, done, total
        if self.bar is not None:
            self.bar.total = total
            self.bar.update(step)
        elif time.monotonic() - self.printed >= _LINE_EVERY_S:
            self.print_line()

    def print_line(self) -> None:
        """One plain line, for a log."""
        self.printed = time.monotonic()
        elapsed = max(self.printed - self.started, 1e-9)
        rate = self.done / elapsed
        line = f"{self.what}: {self.done}/{self.total} {self.unit}, {rate:.3g}/s"
        if self.total and 0 < self.done < self.total:
            line += f", {_clock((self.total - self.done) / rate)} left"
        else:
            line += f", took {_clock(elapsed)}"
        print(line, file=sys.stderr, flush=True)


@contextmanager
def show_progress(what: str, *, unit: str, total: int | None = None) -> Iterator[Progress]:
    """Show how far work is, how fast it is, and how long it still takes.

    Parameters
    ----------
    what : str
        The work's name, for example ``whisper``.
    unit : str
        Plural name of what is counted, for example ``documents``.
    total : int, optional
        Number of units, if it is known before the work begins.
    """
    if sys.stderr.isatty():
        with tqdm(total=total, desc=what, unit=f" {unit}", dynamic_ncols=True) as bar:
            yield Progress(what, unit, total, bar=bar)
        return
    progress = Progress(what, unit, total)
    yield progress
    if progress.done:
        progress.print_line()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
