"""Manifests: what the store's documents are at one moment.

Each generation is one immutable Parquet table, a row a document: its group, the corpus's other
columns as they stood, the key of its segments, the key of its features under each encoder, and
why it failed if it did. Generations are created exclusively; a writer that loses the race for
a number merges its rows into the winner's and tries the next.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from hilbert.store.errors import StoreError
from hilbert.store.files import Files
from hilbert.store.types import EncoderInfo

_COLUMN = "column:"
_FEATURES = "features:"


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
    if new.failure and not new.segment_key:  # its input is missing, what is stored is not
        return replace(
            _keep_features(old, kept), columns=new.columns, group=new.group, failure=new.failure
        )
    if old.segment_key != new.segment_key:
        return new
    return replace(new, feature_keys={**_keep_features(old, kept).feature_keys, **new.feature_keys})


def _keep_features(row: Row, kept: set[str]) -> Row:
    return replace(row, feature_keys={k: v for k, v in row.feature_keys.items() if k in kept})


def generations(files: Files) -> list[int]:
    """Numbers of the manifests there are, ascending."""
    names = (name.removesuffix(".parquet") for name in files.list("manifests"))
    return sorted(int(name) for name in names if name.isdigit())


def write_manifest(files: Files, manifest: Manifest) -> None:
    """Create a generation; ``FileExistsError`` if another writer was first."""
    files.put(_file_name(manifest.generation), _to_parquet(manifest))


def read_manifest(files: Files, generation: int) -> Manifest:
    """Read a generation.

    Raises
    ------
    StoreError
        If there is no such generation, or it is damaged.
    """
    import pyarrow

    try:
        return _from_parquet(files.get(_file_name(generation)), generation)
    except FileNotFoundError:
        raise StoreError(f"the store has no generation {generation}") from None
    except (pyarrow.ArrowException, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"generation {generation} of the store is damaged") from error


def _file_name(generation: int) -> str:
    return f"manifests/{generation:08d}.parquet"


def _to_parquet(manifest: Manifest) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = manifest.rows
    table: dict[str, list[str | None]] = {
        "id": [row.id for row in rows],
        "group": [row.group for row in rows],
        "segment_key": [row.segment_key for row in rows],
        "failure": [row.failure for row in rows],
    }
    for name in _in_order([row.columns for row in rows]):
        table[_COLUMN + name] = [row.columns.get(name) for row in rows]
    for name in manifest.encoders:
        table[_FEATURES + name] = [row.feature_keys.get(name) for row in rows]
    encoders = json.dumps({name: asdict(info) for name, info in manifest.encoders.items()})
    schema = pa.schema([(name, pa.string()) for name in table], metadata={"encoders": encoders})
    sink = io.BytesIO()
    pq.write_table(pa.table(table, schema=schema), sink)
    return sink.getvalue()


def _from_parquet(data: bytes, generation: int) -> Manifest:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    encoders = json.loads(table.schema.metadata[b"encoders"])
    columns: dict[str, list[Any]] = table.to_pydict()
    labels = [name for name in columns if name.startswith(_COLUMN)]
    features = [name for name in columns if name.startswith(_FEATURES)]
    rows = tuple(
        Row(
            id=columns["id"][i],
            group=columns["group"][i],
            columns={name.removeprefix(_COLUMN): columns[name][i] for name in labels},
            segment_key=columns["segment_key"][i],
            feature_keys={
                name.removeprefix(_FEATURES): columns[name][i]
                for name in features
                if columns[name][i] is not None
            },
            failure=columns["failure"][i],
        )
        for i in range(table.num_rows)
    )
    return Manifest(
        generation, rows, {name: EncoderInfo(**info) for name, info in encoders.items()}
    )


def _in_order(mappings: Sequence[Mapping[str, object]]) -> list[str]:
    """Keys of all mappings, each once, in the order they first appear."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))
