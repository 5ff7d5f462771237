"""Manifests: what the store's documents are at one moment.

Each generation is one immutable table, a row a document: its group, the corpus's other columns
as they stood, the key of its segments, the key of its features under each encoder, and why it
failed if it did. Generations are created exclusively; a writer that loses the race for a number
merges its rows into the winner's and tries the next.

The table is JSON, column by column, with a digest of itself: it reads faster than Parquet
would (docs/decisions.md has the numbers) and needs no further library.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hilbert.store.errors import StoreError
from hilbert.store.files import Files
from hilbert.store.keys import digest
from hilbert.store.types import EncoderInfo

_SINGLE = ("id", "group", "segment_key", "failure")


@dataclass(frozen=True, slots=True)
class Row:
    """One document of a manifest; `failure` is None where everything asked for is there."""

    id: str
    group: str
    columns: Mapping[str, str | None] = field(default_factory=dict)
    segment_key: str | None = None
    feature_keys: Mapping[str, str] = field(default_factory=dict)
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of the document table, with the encoders its feature keys belong to."""

    generation: int
    rows: tuple[Row, ...] = ()
    encoders: Mapping[str, EncoderInfo] = field(default_factory=dict)

    def row(self, document: str) -> Row:
        """The row of a document; ``KeyError`` if it has none."""
        for row in self.rows:
            if row.id == document:
                return row
        raise KeyError(document)


def merge(old: Manifest, new: Manifest, *, prune: bool = False) -> Manifest:
    """The generation after `old` in which the rows of `new` stand.

    Parameters
    ----------
    old : Manifest
        The latest generation.
    new : Manifest
        What one extraction knows of its corpus; its number is not used.
    prune : bool
        Leave out the documents that `new` does not have.

    Notes
    -----
    A document of both keeps its old features under encoders that `new` did not run, as long
    as its segments are the same. A different encoder under an old name takes the name over.
    """
    encoders = {**old.encoders, **new.encoders}
    kept = {
        name
        for name, info in old.encoders.items()
        if encoders[name].fingerprint == info.fingerprint
    }
    former = {row.id: row for row in old.rows}
    rows = [_merge_row(former.pop(row.id, None), row, kept) for row in new.rows]
    if not prune:
        rows += [_keep_features(row, kept) for row in former.values()]
    return Manifest(old.generation + 1, tuple(sorted(rows, key=lambda row: row.id)), encoders)


def _merge_row(old: Row | None, new: Row, kept: set[str]) -> Row:
    if old is None:
        return new
    if old.segment_key != new.segment_key:
        return new
    return replace(new, feature_keys={**_keep_features(old, kept).feature_keys, **new.feature_keys})


def _keep_features(row: Row, kept: set[str]) -> Row:
    return replace(row, feature_keys={k: v for k, v in row.feature_keys.items() if k in kept})


def generations(files: Files) -> list[int]:
    """Numbers of the manifests there are, ascending."""
    names = (name.removesuffix(".json") for name in files.list("manifests"))
    return sorted(int(name) for name in names if name.isdigit())


def write_manifest(files: Files, manifest: Manifest) -> None:
    """Create a generation; ``FileExistsError`` if another writer was first."""
    body = _to_json(manifest)
    data = json.dumps({"digest": digest("manifest", body), "manifest": body})
    files.put(_file_name(manifest.generation), data.encode())


def read_manifest(files: Files, generation: int) -> Manifest:
    """Read a generation.

    Raises
    ------
    StoreError
        If there is no such generation, or it is damaged.
    """
    try:
        content = json.loads(files.get(_file_name(generation)))
        body = content["manifest"]
        if content["digest"] != digest("manifest", body):
            raise ValueError("digest differs")
        return _from_json(body)
    except FileNotFoundError:
        raise StoreError(f"the store has no generation {generation}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"generation {generation} of the store is damaged; delete {_file_name(generation)}"
            " in it and run `hilbert extract` again (nothing is encoded twice)"
        ) from error


def _file_name(generation: int) -> str:
    return f"manifests/{generation:08d}.json"


def _to_json(manifest: Manifest) -> dict[str, Any]:
    rows = manifest.rows
    labels = dict.fromkeys(name for row in rows for name in row.columns)
    return {
        "generation": manifest.generation,
        "encoders": {name: asdict(info) for name, info in manifest.encoders.items()},
        "documents": {name: [getattr(row, name) for row in rows] for name in _SINGLE},
        "columns": {name: [row.columns.get(name) for row in rows] for name in labels},
        "features": {
            name: [row.feature_keys.get(name) for row in rows] for name in manifest.encoders
        },
    }


def _from_json(body: Mapping[str, Any]) -> Manifest:
    single, columns, features = body["documents"], body["columns"], body["features"]
    rows = tuple(
        Row(
            **{name: values[i] for name, values in single.items()},
            columns={name: values[i] for name, values in columns.items()},
            feature_keys={
                name: values[i] for name, values in features.items() if values[i] is not None
            },
        )
        for i in range(len(single["id"]))
    )
    encoders = {name: EncoderInfo(**info) for name, info in body["encoders"].items()}
    return Manifest(body["generation"], rows, encoders)
