"""The zarr format: every JSON document is a group's attributes, every pack a group of arrays.

A pack is ``packs/<name>/`` with two arrays: ``x`` of shape (rows, width) in one shard of
uncompressed chunks, and ``offsets`` of shape (documents + 1,), document i being the rows
``offsets[i]:offsets[i + 1]``. Any zarr reader lists and opens all of it. Since nothing is
compressed and no chunk left out, row r of ``x`` starts at byte r * width * itemsize of the
shard, and a document is read with one request: 20 times faster than through the zarr API.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from hilbert.store.formats import FOLDERS, Getter, PackContents, PackFiles, damaged

CHUNK_ROWS = 256
_METADATA = "zarr.json"
_SHARD = "x/c/0/0"
_PACK_FILES = (_METADATA, f"x/{_METADATA}", _SHARD, f"offsets/{_METADATA}", "offsets/c/0")
_INDEX_ENTRY = 16  # offset and length of a chunk, uint64 each
_CHECKSUM = 4  # crc32c of the index


@dataclass(frozen=True, slots=True)
class ZarrFormat:
    """See `hilbert.store.formats.Format`."""

    name: str = "zarr"
    root: str = _METADATA

    def groups(self) -> Mapping[str, bytes]:
        return {f"{folder}/{_METADATA}": _group({}) for folder in FOLDERS}

    def document(self, name: str) -> str:
        return f"{name}/{_METADATA}"

    def document_names(self, entries: Sequence[str]) -> list[str]:
        return [name for name in entries if name != _METADATA and not name.startswith(".")]

    def wrap(self, content: Mapping[str, Any]) -> bytes:
        return _group({"hilbert": content})

    def unwrap(self, data: bytes) -> Any:
        return json.loads(data)["attributes"]["hilbert"]

    def build_pack(
        self, pack: str, keys: Sequence[str], parts: Sequence[NDArray[Any]]
    ) -> PackFiles:
        import zarr
        from zarr.storage import MemoryStore

        x = np.concatenate(parts)
        offsets = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
        shard_rows = _n_chunks(len(x)) * CHUNK_ROWS
        store = MemoryStore()
        group = zarr.create_group(store, zarr_format=3, attributes={"keys": list(keys)})
        array = group.create_array(
            "x",
            shape=x.shape,
            chunks=(CHUNK_ROWS, x.shape[1]),
            shards=(max(shard_rows, CHUNK_ROWS), x.shape[1]),
            dtype=x.dtype,
            compressors=None,
            filters=None,
            config={"write_empty_chunks": True},
        )
        array[:] = x
        group.create_array("offsets", data=offsets, compressors=None)
        contents = {
            f"packs/{pack}/{name}": buffer.to_bytes() for name, buffer in store._store_dict.items()
        }
        data = f"packs/{pack}/{_SHARD}"
        contents.setdefault(data, b"")  # zarr writes no shard where there are no rows
        return PackFiles(contents, data, 0)

    def pack_of(self, entry: str) -> str | None:
        return None if entry == _METADATA else entry

    def check_pack(self, get: Getter, pack: str, shape: tuple[int, int], dtype: str) -> None:
        """Check that other zarr readers find each chunk where `build_pack` put it."""
        self._check_metadata(get, pack, shape)
        n_chunks = _n_chunks(shape[0])
        if not n_chunks:
            return
        chunk_bytes = CHUNK_ROWS * shape[1] * np.dtype(dtype).itemsize
        index_bytes = n_chunks * _INDEX_ENTRY + _CHECKSUM
        tail = get(f"packs/{pack}/{_SHARD}", n_chunks * chunk_bytes, index_bytes)
        if len(tail) != index_bytes:
            raise damaged(pack)
        index = np.frombuffer(tail[:-_CHECKSUM], "<u8").reshape(n_chunks, 2)
        starts = np.arange(n_chunks, dtype=np.uint64) * np.uint64(chunk_bytes)
        checksum = int.from_bytes(tail[-_CHECKSUM:], "little")
        sound = google_crc32c.value(tail[:-_CHECKSUM]) == checksum
        if not (sound and (index[:, 0] == starts).all() and (index[:, 1] == chunk_bytes).all()):
            raise damaged(pack)

    def read_pack(self, get: Getter, pack: str) -> PackContents:
        import zarr
        from zarr.core.buffer import default_buffer_prototype
        from zarr.storage import MemoryStore

        as_buffer = default_buffer_prototype().buffer.from_bytes
        files = {}
        for name in _PACK_FILES:
            with suppress(FileNotFoundError):  # a chunk of zeros need not be written
                if data := get(f"packs/{pack}/{name}"):
                    files[name] = as_buffer(data)
        try:
            group = zarr.open_group(MemoryStore(files), mode="r")
            return PackContents(
                tuple(json.loads(get(f"packs/{pack}/{_METADATA}"))["attributes"]["keys"]),
                np.asarray(group["offsets"]).tolist(),
                np.asarray(group["x"]),
            )
        except Exception as error:  # a byte that changed may make zarr stumble in any way
            raise damaged(pack) from error

    def _check_metadata(self, get: Getter, pack: str, shape: tuple[int, int]) -> None:
        try:
            json.loads(get(f"packs/{pack}/{_METADATA}"))["attributes"]["keys"]
            found = json.loads(get(f"packs/{pack}/x/{_METADATA}"))["shape"]
            json.loads(get(f"packs/{pack}/offsets/{_METADATA}"))
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(pack) from error
        if tuple(found) != shape:
            raise damaged(pack)


def _n_chunks(n_rows: int) -> int:
    return -(-n_rows // CHUNK_ROWS)


def _group(attributes: Mapping[str, Any]) -> bytes:
    group = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    return json.dumps(group, allow_nan=False).encode()
