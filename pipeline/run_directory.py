"""The directory of a run: everything a fit produced, written whole or not at all."""

import csv
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hilbert.store.errors import HilbertError

RUN_FILE = "run.json"
MODEL_FILE = "model.safetensors"


@contextmanager
def new_run(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder to write a run into; it becomes `path` when all is written.

    Raises
    ------
    HilbertError
        If something is at `path` already and is not to be replaced.
    """
    check_free(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}"
    draft.mkdir(mode=0o700)
    try:
        yield draft
        if path.exists():
            old = draft.with_name(draft.name + ".old")
            path.rename(old)
            draft.rename(path)
            shutil.rmtree(old)
        else:
            draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse a place that is taken, before any work is done for it.

    A finished run is replaced if `overwrite`; a folder that is no run never is.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / RUN_FILE).is_file():
        raise HilbertError(f"{path.name} exists and is not a run; choose another --run-dir")
    if not overwrite:
        raise HilbertError(
            f"{path.name} holds a run of other data or options;"
            " choose another --run-dir, or replace it with --overwrite"
        )


def read_run(path: Path) -> dict[str, Any]:
    """What ``run.json`` of a run says.

    Raises
    ------
    HilbertError
        If there is no run.
    """
    try:
        found: dict[str, Any] = json.loads((path / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise HilbertError(
            f"{path.name} is not a run; make one with `hilbert fit --run-dir {path.name}`"
        ) from None
    return found


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Indented JSON; NaN is an error, as other readers could not read it."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV, complete or absent, flushed to the disk."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
