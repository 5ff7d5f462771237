"""The feature store: open, read, write, publish."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from hilbert.store import root, segment_table
from hilbert.store.commits import Index, Kind, Place
from hilbert.store.errors import StoreError, shown
from hilbert.store.files import Files, LocalFiles
from hilbert.store.formats import Format, damaged, format_at, format_for
from hilbert.store.keys import digest
from hilbert.store.manifest import (
    Manifest,
    Row,
    generations,
    latest_encoders,
    latest_manifest,
    merge,
    read_manifest,
    write_manifest,
)
from hilbert.store.pack_writer import PackLimits, PackWriter
from hilbert.store.records import Records
from hilbert.store.root import Root
from hilbert.store.segment_table import SegmentSummary
from hilbert.store.types import EncoderInfo, Features, Segment

ATTEMPTS = 4
"""How often something is looked for that other processes move from pack to pack."""


def open_store(path: str | Path) -> "FeatureStore":
    """Open a feature store for reading.

    Parameters
    ----------
    path : str or Path
        The store's folder, for example ``feats.zarr``.

    Raises
    ------
    StoreError
        If there is no store, or it is of a newer format.
    """
    files, form, name = _find(Path(path))
    return FeatureStore(files, form, root.read_root(files, form, name), name)


def encoders_at(path: str | Path) -> dict[str, EncoderInfo]:
    """Encoders of the latest generation of the store at `path`; none where there is no store."""
    if format_at(Path(path)) is None:
        return {}
    files, form, _ = _find(Path(path))
    return latest_encoders(Records(files, form))


def root_at(path: str | Path) -> Root:
    """What was decided when the store at `path` was created; reads nothing else of it.

    Raises
    ------
    StoreError
        If there is no store, or it is of a newer format.
    """
    return root.read_root(*_find(Path(path)))


def _find(place: Path) -> tuple[Files, Format, str]:
    """Files, format and name of the store at a place."""
    form = format_at(place)
    name = place.resolve().name
    if form is None:
        raise _no_store(place)
    return LocalFiles(place), form, name


def create_store(path: str | Path, *, precision: str) -> "FeatureStore":
    """Open the store at `path`, creating it first if nothing is there.

    Raises
    ------
    StoreError
        If something other than a store is at `path`.
    """
    place = Path(path)
    files = LocalFiles(place)
    form = format_at(place)
    if form is None:
        if place.exists() and _in_use(place) and format_at(place) is None:
            raise StoreError(
                f"{shown(place)} exists and is not a feature store; choose another --store"
            )
        form = format_for(place)
        root.write_root(files, form, precision)
    root.complete_root(files, form)
    return open_store(place)


class FeatureStore:
    """Features of documents under frozen encoders; made by `open_store`.

    Reading goes through one manifest, the latest when the store was opened. Call `refresh`
    to see what came since.
    """

    def __init__(self, files: Files, form: Format, root: Root, name: str) -> None:
        self.name = name
        self.files = files
        self.form = form
        self.root = root
        self.records = Records(files, form)
        self.index = Index(files, self.records)

    @property
    def identity(self) -> str:
        """Tells this store from every other, without giving the salt away."""
        return digest("store", self.root.salt)

    @property
    def salt(self) -> bytes:
        return bytes.fromhex(self.root.salt)

    # ---- reading ---------------------------------------------------------------------------

    @cached_property
    def _latest(self) -> Manifest:
        return latest_manifest(self.records)

    @cached_property
    def _rows(self) -> dict[str, Row]:
        return {row.id: row for row in self._latest.rows}

    def _take(self, latest: Manifest | None) -> None:
        """Know another latest manifest from now on; None if it is to be read."""
        for name in ("_latest", "_rows"):
            self.__dict__.pop(name, None)
        if latest is not None:
            self.__dict__["_latest"] = latest

    def manifest(self, generation: int | None = None) -> Manifest:
        """The latest manifest, or a numbered one; generation 0 stands for an empty store."""
        return self._latest if generation is None else read_manifest(self.records, generation)

    def rows(self) -> dict[str, Row]:
        """Rows of the latest manifest by document."""
        return dict(self._rows)

    def documents(self, encoder: str | None = None) -> tuple[str, ...]:
        """Ids of the documents of the latest manifest, sorted.

        With the name of an encoder only of those that have features under it: not of those that
        failed or lack its modality.
        """
        if encoder is None:
            return tuple(self._rows)
        return tuple(name for name, row in self._rows.items() if encoder in row.feature_keys)

    def encoders(self) -> dict[str, EncoderInfo]:
        """Encoders by the name under which `read` knows them."""
        return dict(self._latest.encoders)

    def transcription(self) -> Mapping[str, Any] | None:
        """How the last extraction transcribed that did; None if none has noted it."""
        return self._latest.transcribe

    def read(self, document: str, encoder: str) -> Features:
        """Features of one document under one encoder, as ``(x, times)``.

        Returns
        -------
        Features
            ``x``, float16 of shape (n_rows, dim), and ``times``, float64 of shape
            (n_rows, 2), in seconds, NaN where unknown. One row a segment; one a frame or token,
            with the frame's own times, if the encoder pools nothing (see `rows_per_segment`).

        Raises
        ------
        KeyError
            If the store does not have the document, the encoder, or the pair.
        StoreError
            If what is stored is damaged.
        """
        row = self._rows[document]
        info = self._latest.encoders[encoder]
        return self.read_keys(row.segment_key, row.feature_keys[encoder], info)

    def read_keys(self, segment_key: str | None, feature_key: str, info: EncoderInfo) -> Features:
        """Features by their keys; the way to read the rows of an older manifest."""
        x = self.rows_of(feature_key)
        if x.shape[1] != info.dim:
            raise StoreError(
                f"{self.name} holds {info.name} features of width {x.shape[1]}, not {info.dim};"
                f" `hilbert store repair {self.name}` drops them, `hilbert extract` encodes them"
                " again"
            )
        times = segment_table.times_of(self.rows_of(segment_key), info.modality)
        n_rows = self.rows_per_segment(feature_key)
        if n_rows is not None:
            frame_s = info.options.get("frame_s")
            times = segment_table.times_of_frames(
                times, n_rows, frame_s if isinstance(frame_s, float) else None
            )
        return Features(x, times)

    def rows_per_segment(self, feature_key: str) -> NDArray[np.int64] | None:
        """How many rows each segment has, shape (n_segments,); None for one each."""
        n_rows = self._place(feature_key).about.get("n_rows")
        return None if n_rows is None else np.array(n_rows, np.int64)

    def segments(self, document: str) -> tuple[Segment, ...]:
        """Segments of one document, audio before text, without their texts.

        Raises
        ------
        KeyError
            If the store does not have the document.
        StoreError
            If the document failed before it was cut, or what is stored is damaged.
        """
        row = self._rows[document]
        if row.segment_key is None and row.failure is not None:
            raise StoreError(f"document {document} failed and has no segments: {row.failure}")
        return self.segments_under(row.segment_key)

    def segments_under(self, segment_key: str | None) -> tuple[Segment, ...]:
        """Segments by their key."""
        rows = self.rows_of(segment_key)
        return segment_table.from_rows(rows, self._place(segment_key).about["speakers"])

    def summary(self, segment_key: str) -> SegmentSummary | None:
        """Facts about the segments under a key, or None if they are not stored."""
        place = self.index.find(segment_key)
        return None if place is None else SegmentSummary.from_json(dict(place.about))

    def refresh(self) -> None:
        """See what other writers have committed and published since."""
        self.index.refresh()
        if not self.index.commits:
            self.check_there()
        known = self.__dict__.get("_latest")  # a generation never changes
        if known is not None and generations(self.records)[-1:] != [known.generation]:
            self._take(None)

    def _place(self, key: str | None) -> Place:
        place = None if key is None else self.index.find(key)
        if place is None:
            raise self._gone()
        return place

    def _gone(self) -> StoreError:
        """Why nothing is stored under a key that a manifest names."""
        self.check_there()
        known, latest = self._latest.generation, generations(self.records)[-1:]
        if latest not in ([], [known]):
            return StoreError(
                f"{self.name} went on from generation {known} to {latest[0]} while it was read, and"
                " what only the former named was collected; run the command again"
            )
        return StoreError(
            "the store's manifest names features that no commit record holds;"
            " run `hilbert extract` again to restore them"
        )

    def check_there(self) -> None:
        """Raise `StoreError` if the store was deleted or moved since it was opened."""
        try:
            self.files.stat(self.form.root)
        except FileNotFoundError:
            raise StoreError(
                f"{self.name} was deleted or moved while it was in use; put it back, or make one"
                f" with `hilbert extract --store {self.name}`"
            ) from None

    def rows_of(self, key: str | None) -> NDArray[Any]:
        """The rows under a key, shape (n_rows, width); checked against their checksum.

        Raises
        ------
        StoreError
            If nothing is stored under the key, or it is damaged.
        """
        for _ in range(ATTEMPTS):
            place = None if key is None else self.index.find(key)
            if place is not None:
                with suppress(FileNotFoundError):
                    return self.rows_at(place)
            self.index.refresh()  # its pack was merged into another since the index was read
        raise self._gone()

    def rows_at(self, place: Place) -> NDArray[Any]:
        """The rows at a place; ``FileNotFoundError`` if its pack is gone."""
        commit = place.commit
        data = np.empty(place.n_rows * commit.row_bytes, np.uint8)
        n_read = self.files.read_into(commit.data, place.start, data.data)
        if n_read < len(data) or google_crc32c.value(data) != commit.crc32c[place.i]:
            raise damaged(commit.pack)
        return data.view(commit.dtype).reshape(place.n_rows, commit.width)

    # ---- writing ---------------------------------------------------------------------------

    def writer(
        self,
        kind: Kind,
        *,
        provenance: Mapping[str, Any] | None = None,
        limits: PackLimits | None = None,
    ) -> PackWriter:
        """A context manager to which rows of documents are added; see `PackWriter`."""
        return PackWriter(
            self.files,
            self.form,
            kind,
            provenance=provenance or {},
            limits=limits or PackLimits(),
        )

    def publish(self, manifest: Manifest, *, prune: bool = False) -> Manifest:
        """Make `manifest` the latest generation, merged with what is there.

        Returns
        -------
        Manifest
            The generation that holds it; the latest one, unwritten, if nothing differs.
        """
        return self.revise(lambda old: merge(old, manifest, prune=prune))

    def revise(self, change: Callable[[Manifest], Manifest]) -> Manifest:
        """Make a generation out of the latest one, again if another writer was first.

        Returns
        -------
        Manifest
            The new generation; the latest one, unwritten, if nothing differs.
        """
        while True:
            self.refresh()
            old = self._latest
            new = replace(change(old), generation=old.generation + 1)
            if new == replace(old, generation=new.generation) and old.generation:
                return old
            try:
                write_manifest(self.records, new)
            except FileExistsError:
                continue
            if generations(self.records)[-1:] == [new.generation]:
                self._take(new)
                return new
            # else another writer went on from it, or from a generation that was not seen


def _in_use(place: Path) -> bool:
    return not place.is_dir() or any(not p.name.startswith(".tmp-") for p in place.iterdir())


def _no_store(place: Path) -> StoreError:
    free = not place.exists() or not _in_use(place)
    there = shown(place) if free else "PATH"
    where = "" if free else " in another place"
    return StoreError(
        f"{shown(place)} is not a feature store; make one{where} with"
        f" `hilbert extract --store {there}`"
    )
