"""What a process of its own takes: wall time, processor time, and the peak of its memory."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple


class Took(NamedTuple):
    """Seconds of wall time and of processor time."""

    wall: float
    cpu: float

    def plus(self, other: "Took") -> "Took":
        return Took(self.wall + other.wall, self.cpu + other.cpu)


def run_python(
    *arguments: str, python: str = sys.executable, folder: Path | None = None
) -> tuple[Took, float, str]:
    """What a process took, its peak memory in MB, and what it printed; it runs in `folder`."""
    started = time.monotonic()
    with subprocess.Popen(
        [python, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        peak = Peak(process.pid)
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)  # of this process alone
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments[:3])} ended with exit code {process.returncode}")
    return Took(wall, usage.ru_utime + usage.ru_stime), peak.stop(), said


class Peak:
    """The highest resident memory of a process, as the kernel keeps it for its own program.

    The peak that `wait` returns would be no use: it begins with the memory of this process, of
    which the other is born.
    """

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._mb = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """The peak in MB; the process has ended."""
        self._ended.set()
        self._thread.join()
        return self._mb

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            with contextlib.suppress(OSError):
                lines = [x for x in self._status.read_text().splitlines() if "VmHWM" in x]
                self._mb = max([self._mb, *(int(line.split()[1]) / 1024 for line in lines)])


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"
