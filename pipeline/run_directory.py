"""The directory of a run: everything a fit produced, written whole or not at all."""

import csv
import glob
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from hilbert.store import keys
from hilbert.store.errors import HilbertError
from hilbert.store.file_digests import digest_file

RUN_FILE = "run.json"
CONFIG_FILE = "config.json"
MODEL_FILE = "model.safetensors"
INPUTS_FILE = "inputs.json"
FILES = (
    RUN_FILE,
    CONFIG_FILE,
    MODEL_FILE,
    INPUTS_FILE,
    "folds.json",
    "metrics.json",
    "environment.json",
    "predictions.csv",
    "fold_predictions.csv",
    "losses.csv",
)
"""What a finished run holds, figures apart."""

_LONGEST = 120
_REPLACED = ".old"
_ABANDONED_S = 86_400.0

_NEEDED = {"key", "target", "classes", "encoders", "segments", "models", "verdict", "files"}


def run_folder(runs: Path, target: str) -> Path:
    """The folder of a target's run; a slash in the target's name makes no folder inside it."""
    name = target.replace("%", "%25").replace("/", "%2F")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name.encode()) > _LONGEST:
        name = f"{name[: _LONGEST // 4]}-{keys.digest('target', target)[:8]}"
    return runs / name


def default_run_dir(runs: Path, target: str, key: str) -> Path:
    """Where a run goes that was given no place: a folder of its own for each key."""
    folder = run_folder(runs, target)
    return folder.with_name(f"{folder.name}-{key[:8]}")


@contextmanager
def new_run(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder to write a run into; it becomes `path` when all is written.

    Raises
    ------
    HilbertError
        If something is at `path` already and is not to be replaced.
    """
    check_free(path, overwrite=overwrite)
    path = path.resolve()  # the run itself is replaced, not a link to it
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise HilbertError(f"{path.parent.name} is a file; choose another --run-dir") from None
    _sweep(path)
    draft = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}"
    draft.mkdir(mode=0o700)
    try:
        yield draft
        if path.exists():
            old = draft.with_name(draft.name + _REPLACED)
            path.rename(old)
            draft.rename(path)
            shutil.rmtree(old)
        else:
            draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _sweep(path: Path) -> None:
    """Delete drafts of the run that kills left behind more than a day ago."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.*"):
        if time.time() - draft.stat().st_mtime > _ABANDONED_S and path.exists():
            shutil.rmtree(draft, ignore_errors=True)


def restore_replaced(path: Path) -> None:
    """Put back the run at `path` that was being replaced when a kill came between."""
    if path.exists():
        return
    for old in path.parent.glob(f".{glob.escape(path.name)}.*{_REPLACED}"):
        if (old / RUN_FILE).is_file():
            old.rename(path)
            return


def check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse a place that is taken, before any work is done for it.

    A finished run is replaced if `overwrite`; a folder that is no run never is.
    """
    restore_replaced(path)
    folder = next((p for p in path.absolute().parents if p.exists()), path.parent)
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise HilbertError(f"cannot write into {folder.name}; choose another --run-dir")
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not any((path / name).is_file() for name in (RUN_FILE, INPUTS_FILE, CONFIG_FILE)):
        raise HilbertError(f"{path.name} exists and is not a run; choose another --run-dir")
    if not overwrite:
        raise HilbertError(
            f"{path.name} holds a run of other data or options, or a damaged one;"
            " choose another --run-dir, or replace it with --overwrite"
        )


def read_run(path: Path) -> dict[str, Any]:
    """What ``run.json`` of a run says.

    Raises
    ------
    HilbertError
        If there is no run, or its file is damaged.
    """
    restore_replaced(path)
    try:
        text = (path / RUN_FILE).read_text(encoding="utf-8")
    except OSError:
        raise HilbertError(
            f"{path.name} is not a run; make one with `hilbert fit --run-dir {path.name}`"
        ) from None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found.keys() >= _NEEDED:
        raise HilbertError(damaged(path.name, RUN_FILE))
    if found.pop("digest", None) != keys.digest("run", found):
        raise HilbertError(damaged(path.name, RUN_FILE))
    return found


def seal_run(path: Path, summary: Mapping[str, Any]) -> None:
    """Write ``run.json``, last, with digests of all other files and of itself."""
    files = {name: digest_file(path / name) for name in FILES if name != RUN_FILE}
    content = {**summary, "files": files}
    write_json(path / RUN_FILE, {**content, "digest": keys.digest("run", content)})


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a run; empty if it is damaged or gone."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def as_written(by_target: Mapping[str, Any]) -> Mapping[str, Any]:
    """What files hold of targets: of the only one that alone, of several by their names."""
    (found, *others) = by_target.values()
    return by_target if others else found


def by_target(written: Mapping[str, Any], targets: Sequence[str]) -> Mapping[str, Any]:
    """What `as_written` was given of these targets."""
    return written if len(targets) > 1 else {targets[0]: written}


def finished_run(path: Path, key: str) -> dict[str, Any] | None:
    """What ``run.json`` says, if a whole and sound run of this key is at `path`."""
    try:
        found = read_run(path)
        sound = all(digest_file(path / name) == known for name, known in found["files"].items())
    except (HilbertError, OSError):
        return None
    return found if sound and found["key"] == key else None


def damaged(run: str, file: str) -> str:
    """What to do about a run whose file is missing or unreadable."""
    return f"{file} of the run {run} is missing or damaged; fit it again with --overwrite"


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Indented JSON; NaN is an error, as other readers could not read it."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """A file, complete or as it was before."""
    with whole_file(path) as file:
        file.write(text)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV, complete or as it was before, flushed to the disk."""
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A text file to write; it becomes `path` when all is written and flushed to the disk."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
