"""The two kinds of file an export can be: HDF5 and safetensors."""

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hilbert.store.errors import StoreError
from hilbert.store.export import Export, fields_of, read_parts
from hilbert.store.pseudonyms import write_key

Step = Callable[[int, int], None]
"""Called with the number of documents written and the number of all."""

Arrays = Mapping[str, Mapping[str, Any]]
"""What takes rows by assignment to a slice, by encoder and name."""


def write_export(
    export: Export,
    out: Path,
    *,
    key_file: Path | None = None,
    overwrite: bool = False,
    step: Step | None = None,
) -> None:
    """Write an export, whole or not at all, readable by its owner only.

    Parameters
    ----------
    export : Export
    out : Path
        Its ending decides the format: ``.h5`` and ``.hdf5``, written a document at a time, or
        ``.safetensors``, which is built in memory.
    key_file : Path, optional
        A CSV to write the pseudonyms and what they stand for into.
    overwrite : bool
        Replace what is at `out` and `key_file`.

    Raises
    ------
    StoreError
        If the place is taken or cannot be written to, or the store cannot be read.
    """
    check_places(out, key_file, overwrite=overwrite)
    write = _writers()[out.suffix.lower()]
    with ExitStack() as files:
        draft = files.enter_context(_new_file(out))
        if key_file is not None:  # entered last, so in place first: no export without its key
            write_key(files.enter_context(_new_file(key_file)), export.names)
        write(draft, export, step)


def check_places(out: Path, key_file: Path | None, *, overwrite: bool) -> None:
    """Refuse an ending that names no format, and places that are taken.

    Raises
    ------
    StoreError
        Whatever is wrong with them.
    """
    if out.suffix.lower() not in _writers():
        raise StoreError(f"--out {out.name} must end in {', '.join(_writers())}")
    for path in (out, *([] if key_file is None else [key_file])):
        _check_free(path, overwrite=overwrite)
    if key_file is not None and key_file.resolve() == out.resolve():
        raise StoreError("--out and --key-file are one file; name two")


def _writers() -> dict[str, Callable[[Path, Export, Step | None], None]]:
    return {".h5": _write_hdf5, ".hdf5": _write_hdf5, ".safetensors": _write_safetensors}


def _check_free(path: Path, *, overwrite: bool) -> None:
    """Refuse a place that is taken; a folder is never replaced."""
    if path.is_dir():
        raise StoreError(f"{path.name} is a folder; name a file that is not there yet")
    if path.exists() and not overwrite:
        raise StoreError(f"{path.name} is there already; choose another name, or --overwrite it")


@contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """An empty file of mode 0600 to write; it becomes `path` when all is written."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield draft
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
    except (OSError, RuntimeError) as error:  # h5py's; their messages hold absolute paths
        number = getattr(error, "errno", None)
        why = os.strerror(number) if number else type(error).__name__
        raise StoreError(f"cannot write {path.name} ({why}); choose another place") from error
    finally:
        draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_hdf5(path: Path, export: Export, step: Step | None) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs.update(export.provenance)
        text = h5py.string_dtype()
        for name in ("ids", "groups", "speakers"):
            file.create_dataset(name, data=getattr(export, name), dtype=text)
        file.create_dataset("columns/names", data=list(export.columns), dtype=text)
        cells = np.array(_cells(export), object).reshape(len(export.rows), len(export.columns))
        file.create_dataset("columns/values", data=cells, dtype=text)
        arrays: dict[str, dict[str, Any]] = {}
        for info in export.encoders:
            group = file.create_group(f"encoders/{info.name}")
            group.attrs["info"] = json.dumps(asdict(info))
            group["offsets"] = export.offsets[info.name]
            fields = fields_of(export, info).items()
            arrays[info.name] = {name: group.create_dataset(name, *field) for name, field in fields}
        _fill(arrays, export, step)


def _write_safetensors(path: Path, export: Export, step: Step | None) -> None:
    from safetensors.numpy import save

    arrays = {
        info.name: {name: np.empty(*field) for name, field in fields_of(export, info).items()}
        for info in export.encoders
    }
    _fill(arrays, export, step)
    tensors = {
        f"encoders/{encoder}/{name}": array
        for encoder, fields in arrays.items()
        for name, array in {**fields, "offsets": export.offsets[encoder]}.items()
    }
    path.write_bytes(save(tensors, {n: json.dumps(v) for n, v in _described(export).items()}))


def _described(export: Export) -> dict[str, Any]:
    """What is no tensor."""
    return {
        "provenance": export.provenance,
        "ids": export.ids,
        "groups": export.groups,
        "speakers": export.speakers,
        "columns": {
            name: [row.columns.get(name) for row in export.rows] for name in export.columns
        },
        "encoders": {info.name: asdict(info) for info in export.encoders},
    }


def _cells(export: Export) -> list[list[str]]:
    """Labels by document and column; HDF5 has no missing text and no NUL."""
    return [
        [(row.columns.get(name) or "").replace("\0", "\ufffd") for name in export.columns]
        for row in export.rows
    ]


def _fill(arrays: Arrays, export: Export, step: Step | None) -> None:
    for done, parts in enumerate(read_parts(export), start=1):
        for part in parts:
            for name, values in part.values.items():
                arrays[part.encoder][name][part.start : part.stop] = values
        if step is not None:
            step(done, len(export.rows))
