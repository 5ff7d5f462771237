"""The HDF5 format: every pack is one ``.h5`` file, every JSON document one ``.json`` file.

A pack holds the datasets ``x`` of shape (rows, width), contiguous, ``offsets`` of shape
(documents + 1,), document i being the rows ``offsets[i]:offsets[i + 1]``, and ``keys``.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilbert.store.formats import Getter, PackContents, PackFiles, damaged

_JSON = ".json"
_PACK = ".h5"


@dataclass(frozen=True, slots=True)
class Hdf5Format:
    """See `hilbert.store.formats.Format`."""

    name: str = "hdf5"
    root: str = "store.json"

    def groups(self) -> Mapping[str, bytes]:
        return {}

    def document(self, name: str) -> str:
        return name + _JSON

    def document_names(self, entries: Sequence[str]) -> list[str]:
        return [entry.removesuffix(_JSON) for entry in entries if entry.endswith(_JSON)]

    def wrap(self, content: Mapping[str, Any]) -> bytes:
        return json.dumps({"hilbert": content}, allow_nan=False).encode()

    def unwrap(self, data: bytes) -> Any:
        return json.loads(data)["hilbert"]

    def build_pack(
        self, pack: str, keys: Sequence[str], parts: Sequence[NDArray[Any]]
    ) -> PackFiles:
        import h5py

        x = np.concatenate(parts)
        with h5py.File("pack.h5", "w", driver="core", backing_store=False) as file:
            data = file.create_dataset("x", data=x)
            file["offsets"] = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
            file["keys"] = np.array([key.encode() for key in keys], dtype=bytes)
            file.flush()
            offset = data.id.get_offset() if len(x) else 0
            image = file.id.get_file_image()
        name = f"packs/{pack}{_PACK}"
        return PackFiles({name: image}, name, int(offset))

    def pack_of(self, entry: str) -> str | None:
        return entry.removesuffix(_PACK) if entry.endswith(_PACK) else None

    def check_pack(self, get: Getter, pack: str, shape: tuple[int, int], dtype: str) -> None:
        """Check that HDF5 itself opens the pack and finds the rows."""
        import h5py

        image = get(f"packs/{pack}{_PACK}")
        try:
            with h5py.File(io.BytesIO(image), "r") as file:
                found = file["x"].shape, np.dtype(file["x"].dtype), len(file["keys"])
                offsets = file["offsets"][:].tolist()
        except Exception as error:  # a byte that changed may make HDF5 stumble in any way
            raise damaged(pack) from error
        if found != (shape, np.dtype(dtype), len(offsets) - 1) or offsets[-1] != shape[0]:
            raise damaged(pack)

    def read_pack(self, get: Getter, pack: str) -> PackContents:
        import h5py

        image = get(f"packs/{pack}{_PACK}")
        try:
            with h5py.File(io.BytesIO(image), "r") as file:
                keys = tuple(key.decode() for key in file["keys"][:])
                return PackContents(keys, file["offsets"][:].tolist(), np.asarray(file["x"][:]))
        except Exception as error:  # a byte that changed may make HDF5 stumble in any way
            raise damaged(pack) from error
