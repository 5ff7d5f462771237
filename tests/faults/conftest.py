"""A place where many small files are written fast."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.trials import States

MEMORY = Path("/dev/shm")


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a SIGKILL, unlike a power cut, does not tell."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(dir=MEMORY, prefix="hilbert-faults-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=[".zarr", ".h5"])
def states(scratch: Path, request: pytest.FixtureRequest) -> States:
    return States(scratch, request.param)
