"""Manifests: what the store's documents are at one moment.

Each generation is one immutable table, a row a document: its group, the corpus's other columns
as they stood, the key of its segments, the key of its features under each encoder, and why it
failed if it did. Generations are created exclusively; a writer that loses the race for a number
merges its rows into the winner's and tries the next.

The table is a JSON document, column by column: it reads faster than Parquet
would (docs/decisions.md has the numbers) and needs no further library.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, TypeVar

from hilbert.store.bulk import many_objects
from hilbert.store.errors import StoreError
from hilbert.store.records import Records
from hilbert.store.types import EncoderInfo

T = TypeVar("T")

FOLDER = "manifests"
ATTEMPTS = 4
ROW_VERSION = 2
"""Raised when a row is made to hold more of the same corpus; 2: its column split."""
SPLIT_COLUMN = "split"
"""The one reserved column of the corpus that stands among the columns of a row; no target."""
_SINGLE = ("id", "group", "segment_key", "failure")


_NONE: Mapping[str, str] = {}


class Row(NamedTuple):
    """One document of a manifest; `failure` is None where everything asked for is there."""

    id: str
    group: str
    columns: Mapping[str, str | None] = _NONE
    segment_key: str | None = None
    feature_keys: Mapping[str, str] = _NONE
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of the document table, with the encoders its feature keys belong to."""

    generation: int
    rows: tuple[Row, ...] = ()
    encoders: Mapping[str, EncoderInfo] = field(default_factory=dict)
    transcribe: Mapping[str, Any] | None = None
    """How the extraction transcribed that last did, for those that do not say."""


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
    transcribe = old.transcribe if new.transcribe is None else new.transcribe
    ordered = tuple(sorted(rows, key=lambda row: row.id))
    return Manifest(old.generation + 1, ordered, encoders, transcribe)


def _merge_row(old: Row | None, new: Row, kept: set[str]) -> Row:
    if old is None or old == new:
        return new
    if old.segment_key != new.segment_key:
        return new
    return new._replace(feature_keys={**_keep_features(old, kept).feature_keys, **new.feature_keys})


def _keep_features(row: Row, kept: set[str]) -> Row:
    if kept.issuperset(row.feature_keys):
        return row
    return row._replace(feature_keys={k: v for k, v in row.feature_keys.items() if k in kept})


def generations(records: Records) -> list[int]:
    """Numbers of the manifests there are, ascending.

    Looked for again where none is found: the only one that was listed may have been collected
    since, as a newer one came.
    """
    found: list[int] = []
    for _ in range(ATTEMPTS):
        names = (name for name in records.names(FOLDER) if name.isdigit())
        found = sorted(int(name) for name in names if records.exists(f"{FOLDER}/{name}"))
        if found:
            break
    return found


def write_manifest(records: Records, manifest: Manifest) -> None:
    """Create a generation; ``FileExistsError`` if another writer was first."""
    records.put(document_name(manifest.generation), _to_json(manifest))


def read_manifest(records: Records, generation: int) -> Manifest:
    """Read a generation.

    Raises
    ------
    StoreError
        If there is no such generation, or it is damaged.
    """
    return _read(records, generation, _from_json)


@many_objects()
def _read(records: Records, generation: int, understand: Callable[[Any], T]) -> T:
    try:
        return understand(records.get(document_name(generation)))
    except FileNotFoundError:
        known = ", ".join(map(str, generations(records))) or "none"
        raise StoreError(f"the store has no generation {generation}; it has: {known}") from None
    except (StoreError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"generation {generation} of the store is damaged; `hilbert store repair` drops it,"
            " and `hilbert extract` writes it anew (nothing is encoded twice)"
        ) from error


def latest_manifest(records: Records) -> Manifest:
    """The latest generation; an empty one where there is none.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    return _latest(records, _from_json) or Manifest(0)


def latest_encoders(records: Records) -> dict[str, EncoderInfo]:
    """Encoders of the latest generation, without making its rows; none where there is none.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    return _latest(records, _encoders) or {}


def _latest(records: Records, understand: Callable[[Any], T]) -> T | None:
    while numbers := generations(records):
        try:
            return _read(records, numbers[-1], understand)
        except StoreError:
            if generations(records)[-1:] == numbers[-1:]:
                raise  # else it was collected since it was listed, as a newer one came
    return None


def document_name(generation: int) -> str:
    """Name of the JSON document that holds a generation."""
    return f"{FOLDER}/{generation:08d}"


def _to_json(manifest: Manifest) -> dict[str, Any]:
    rows = manifest.rows
    labels = dict.fromkeys(name for row in rows for name in row.columns)
    transcribe = {} if manifest.transcribe is None else {"transcribe": dict(manifest.transcribe)}
    return {
        "generation": manifest.generation,
        **transcribe,
        "encoders": {name: asdict(info) for name, info in manifest.encoders.items()},
        "documents": {name: [getattr(row, name) for row in rows] for name in _SINGLE},
        "columns": {name: [row.columns.get(name) for row in rows] for name in labels},
        "features": {
            name: [row.feature_keys.get(name) for row in rows] for name in manifest.encoders
        },
    }


def _from_json(body: Mapping[str, Any]) -> Manifest:
    single, n_rows = body["documents"], len(body["documents"]["id"])
    rows = tuple(
        Row(id, group, columns, segment_key, _present(keys), failure)
        for id, group, segment_key, failure, columns, keys in zip(
            *(single[name] for name in _SINGLE),
            _across(body["columns"], n_rows),
            _across(body["features"], n_rows),
            strict=True,
        )
    )
    return Manifest(body["generation"], rows, _encoders(body), body.get("transcribe"))


def _encoders(body: Mapping[str, Any]) -> dict[str, EncoderInfo]:
    return {name: EncoderInfo(**info) for name, info in body["encoders"].items()}


def _across(table: Mapping[str, Sequence[Any]], n_rows: int) -> Iterator[dict[str, Any]]:
    """Rows of a table that is given column by column."""
    if not table:
        return ({} for _ in range(n_rows))
    names = tuple(table)
    return (dict(zip(names, values, strict=True)) for values in zip(*table.values(), strict=True))


def _present(keys: dict[str, Any]) -> dict[str, str]:
    if None not in keys.values():  # nearly always, and three times faster
        return keys
    return {name: key for name, key in keys.items() if key is not None}
