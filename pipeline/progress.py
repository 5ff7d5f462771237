"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

_LINE_EVERY_S = 15.0


class Progress(Protocol):
    """What long work calls as it advances."""

    def advance(self, n: int = 1, note: str = "") -> None: ...


@contextmanager
def show_progress(what: str, total: int, unit: str) -> Iterator[Progress]:
    """Show on standard error how far work is, how fast, and how long it still takes.

    Parameters
    ----------
    what : str
        The work's name, for example ``whisper``.
    total : int
        Number of units.
    unit : str
        Plural name of what is counted, for example ``documents``.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(total=total, desc=what, unit=f" {unit}", dynamic_ncols=True) as bar:
            yield _Bar(bar)
    else:
        lines = _Lines(what, total, unit, time.monotonic())
        yield lines
        lines.close()


class _Bar:
    def __init__(self, bar: "tqdm[None]") -> None:  # noqa: F821
        self._bar = bar

    def advance(self, n: int = 1, note: str = "") -> None:
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(n)


@dataclass
class _Lines:
    what: str
    total: int
    unit: str
    started: float
    done: int = 0
    note: str = ""
    printed: float = 0.0

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n
        self.note = note
        if time.monotonic() - max(self.printed, self.started) >= _LINE_EVERY_S:
            self._print()

    def close(self) -> None:
        self._print()

    def _print(self) -> None:
        self.printed = time.monotonic()
        elapsed = max(self.printed - self.started, 1e-9)
        rate = self.done / elapsed
        line = f"{self.what}: {self.done}/{self.total} {self.unit}, {rate:.3g}/s"
        if 0 < self.done < self.total:
            line += f", {_clock((self.total - self.done) / rate)} left"
        else:
            line += f", {_clock(elapsed)}"
        print(line + (f", {self.note}" if self.note else ""), file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
