"""One flat file of a generation, for other tools and for sharing.

Documents are numbered from 0; `ids` and `groups` tell who they are. Of each encoder,

========  =============================  =====================================================
x         (n_rows, dim) float16          features of all documents, one after the other
offsets   (n_documents + 1,) int64       document i has the rows ``offsets[i]:offsets[i + 1]``
times     (n_rows, 2) float64            start and end in seconds, NaN where unknown
speakers  (n_rows,) int32                number of a name in `speakers`, -1 where unknown
n_words   (n_rows,) int32                of text encoders only, of the row's segment
========  =============================  =====================================================

A row is a segment, or a frame or token of one if the encoder pools nothing.

A document that lacks an encoder has no rows of it. Reasons of failures are left out: they name
files.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.store.errors import StoreError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import Manifest, Row
from hilbert.store.pseudonyms import Names, own_names, random_names
from hilbert.store.types import MODALITIES, EncoderInfo

EXPORT_VERSION = 1
"""Raised when readers of older exports would misread a newer one."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What goes into an export; flags of the command line fill it."""

    generation: int | None = None
    """Generation to export; the latest by default."""
    pseudonymise: bool = False
    """Give documents, groups and speakers random names, and put them in random order."""
    text: bool = True
    """Include features of text encoders and numbers of words."""
    columns: tuple[str, ...] = ()
    """Label columns to include; by default all, or none if `pseudonymise`."""


@dataclass(frozen=True, slots=True)
class Export:
    """What a file will hold; the features are not read yet.

    Attributes
    ----------
    store : FeatureStore
    generation : int
    pseudonymised : bool
    rows : tuple of Row
        The documents in the file's order, under the names they have in the store.
    names : Names
        What they, their groups and speakers are called in the file.
    columns : tuple of str
        Label columns.
    encoders : tuple of EncoderInfo
    offsets : mapping of str to int64 array of shape (n_documents + 1,)
        By encoder.
    """

    store: FeatureStore
    generation: int
    pseudonymised: bool
    rows: tuple[Row, ...]
    names: Names
    columns: tuple[str, ...]
    encoders: tuple[EncoderInfo, ...]
    offsets: Mapping[str, NDArray[np.int64]]

    @property
    def ids(self) -> list[str]:
        return [self.names.ids[row.id] for row in self.rows]

    @property
    def groups(self) -> list[str]:
        return [self.names.groups[row.group] for row in self.rows]

    @property
    def speakers(self) -> list[str]:
        """Names the speakers' numbers stand for, sorted: random ones are in random order."""
        return sorted(self.names.speakers.values())

    @property
    def provenance(self) -> dict[str, Any]:
        """Nothing in it tells from which store, or where, a pseudonymised file was made."""
        return {
            "format": "hilbert export",
            "format_version": EXPORT_VERSION,
            "hilbert": metadata.version("hilbert-speech"),
            "generation": self.generation,
            "precision": self.store.root.precision,
            "pseudonymised": self.pseudonymised,
        }

    def n_rows(self, encoder: str) -> int:
        return int(self.offsets[encoder][-1])

    @property
    def n_bytes(self) -> int:
        """Size of all arrays."""
        return sum(
            int(np.prod(field.shape)) * np.dtype(field.dtype).itemsize
            for info in self.encoders
            for field in fields_of(self, info).values()
        )


class Field(NamedTuple):
    """Shape and type of an array with one row a segment."""

    shape: tuple[int, ...]
    dtype: str


class Part(NamedTuple):
    """Rows of one document under one encoder, by the name of the array they belong to."""

    encoder: str
    start: int
    stop: int
    values: Mapping[str, NDArray[Any]]


def plan_export(store: FeatureStore, options: ExportOptions) -> Export:
    """Decide what an export holds; reads no features.

    Raises
    ------
    StoreError
        If there is nothing to export, no such generation or column, or features of the
        generation are lost or of another width than their encoder's.
    """
    manifest = store.manifest(options.generation)
    infos = [i for i in manifest.encoders.values() if options.text or i.modality != "text"]
    if not manifest.rows or not infos:
        what = "documents" if not manifest.rows else "features of audio"
        raise StoreError(f"{store.name} has no {what} to export; run `hilbert extract` first")
    rows = list(manifest.rows)
    if options.pseudonymise:
        secrets.SystemRandom().shuffle(rows)
    name = random_names if options.pseudonymise else own_names
    return Export(
        store=store,
        generation=manifest.generation,
        pseudonymised=options.pseudonymise,
        rows=tuple(rows),
        names=name((r.id for r in rows), (r.group for r in rows), _speakers(store, rows)),
        columns=_choose_columns(manifest, options),
        encoders=tuple(infos),
        offsets={info.name: _offsets(store, rows, info) for info in infos},
    )


def fields_of(export: Export, info: EncoderInfo) -> dict[str, Field]:
    """The arrays of one encoder that have one row a segment."""
    n = export.n_rows(info.name)
    fields = {
        "x": Field((n, info.dim), "<f2"),
        "times": Field((n, 2), "<f8"),
        "speakers": Field((n,), "<i4"),
    }
    return {**fields, "n_words": Field((n,), "<i4")} if info.modality == "text" else fields


def read_parts(export: Export) -> Iterator[list[Part]]:
    """Read the features, a document at a time and one part an encoder.

    Raises
    ------
    StoreError
        If something is damaged, or the store was deleted meanwhile.
    """
    numbers = {name: i for i, name in enumerate(export.speakers)}
    codes = {own: numbers[name] for own, name in export.names.speakers.items()}
    for i, row in enumerate(export.rows):
        infos = [info for info in export.encoders if info.name in row.feature_keys]
        yield _read_document(export, i, row, infos, codes) if infos else []


def _read_document(
    export: Export, i: int, row: Row, infos: Sequence[EncoderInfo], codes: Mapping[str, int]
) -> list[Part]:
    segments = export.store.rows_of(row.segment_key)
    local = _speakers(export.store, [row])
    lookup = np.array([*(codes[name] for name in local), -1], np.int32)  # -1 finds the last: -1
    return [_read_part(export, i, row, info, segments, lookup) for info in infos]


def _read_part(
    export: Export,
    i: int,
    row: Row,
    info: EncoderInfo,
    segments: NDArray[np.float64],
    lookup: NDArray[np.int32],
) -> Part:
    key = row.feature_keys[info.name]
    x = export.store.rows_of(key)
    own = segments[segments[:, 4] == MODALITIES.index(info.modality)]  # (n, 5), see segment_table
    n_rows = export.store.rows_per_segment(key)
    if n_rows is not None and len(n_rows) == len(own):  # one a frame
        own = np.repeat(own, n_rows, axis=0)
    if len(own) != len(x):
        raise StoreError(
            f"document {row.id} has {len(x)} {info.name} features for {len(own)} segments;"
            f" drop it with `hilbert extract --prune`, or extract it into a new store"
        )
    times = export.store.read_keys(row.segment_key, key, info).times
    values = {"x": x, "times": times, "speakers": lookup[own[:, 2].astype(np.int32)]}
    if info.modality == "text":
        values["n_words"] = own[:, 3].astype(np.int32)
    start, stop = export.offsets[info.name][i : i + 2]
    return Part(info.name, int(start), int(stop), values)


def _choose_columns(manifest: Manifest, options: ExportOptions) -> tuple[str, ...]:
    known = list(dict.fromkeys(name for row in manifest.rows for name in row.columns))
    if unknown := [name for name in options.columns if name not in known]:
        has = ", ".join(known) or "none"
        raise StoreError(f"the store has no label column {unknown[0]!r}; it has: {has}")
    if options.columns or options.pseudonymise:
        return tuple(dict.fromkeys(options.columns))
    return tuple(known)


def _speakers(store: FeatureStore, rows: Sequence[Row]) -> list[str]:
    """Names of the speakers of some documents."""
    found = (store.summary(row.segment_key) for row in rows if row.segment_key is not None)
    return list(dict.fromkeys(name for s in found if s is not None for name in s.speakers))


def _offsets(store: FeatureStore, rows: Sequence[Row], info: EncoderInfo) -> NDArray[np.int64]:
    return np.cumsum([0, *(_n_rows(store, row, info) for row in rows)], dtype=np.int64)


def _n_rows(store: FeatureStore, row: Row, info: EncoderInfo) -> int:
    key = row.feature_keys.get(info.name)
    if key is None:
        return 0
    place = store.index.find(key)
    if place is None or place.commit.width != info.dim:
        store.check_there()
        wrong = "lost its" if place is None else f"not {info.dim} numbers a row of"
        raise StoreError(
            f"document {row.id} of {store.name} has {wrong} {info.name} features;"
            f" run `hilbert store repair {store.name}`, then `hilbert extract`"
        )
    return place.n_rows
