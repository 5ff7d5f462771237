"""JSON documents of a store: created once, each with a digest of itself.

The digest is that of the file's own bytes with the digest left blank, so that to check a file
costs no more than to read it: spelling the content anew took longer than parsing it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from hilbert.store.errors import StoreError
from hilbert.store.files import Files
from hilbert.store.formats import Format
from hilbert.store.keys import DIGEST_BYTES

_BLANK = "0" * (2 * DIGEST_BYTES)


class Records:
    """The JSON documents of one store, by names like ``manifests/00000007``."""

    def __init__(self, files: Files, form: Format) -> None:
        self._files = files
        self._form = form

    def put(self, name: str, body: Mapping[str, Any]) -> None:
        """Create a document; ``FileExistsError`` if there is one of this name."""
        blank = self._form.wrap({"digest": _BLANK, "record": json.loads(_spell(body))})
        self._files.put(self.file(name), _replace(blank, _BLANK, _digest(blank)))

    def get(self, name: str) -> Any:
        """Content of a document.

        Raises
        ------
        FileNotFoundError
            If there is none.
        StoreError
            If its content is not what was written.
        """
        data = self._files.get(self.file(name))
        try:
            content = self._form.unwrap(data)
            told = str(content["digest"])
            if len(told) != len(_BLANK) or _digest(_replace(data, told, _BLANK)) != told:
                raise ValueError("digest differs")
            body = content["record"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{self.file(name)} is damaged") from error
        return body

    def names(self, folder: str) -> list[str]:
        """Names of the documents of a folder, without the folder's, in order."""
        return self._form.document_names(list(self._files.list(folder)))

    def exists(self, name: str) -> bool:
        """Whether there is a document; a writer that was killed may leave its folder alone."""
        try:
            self._files.stat(self.file(name))
        except FileNotFoundError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Delete a document; nothing happens if it is gone already."""
        self._files.delete(self.file(name))

    def age_s(self, name: str, now_s: float) -> float:
        """Seconds since a document was written; 0 if another process deleted it meanwhile."""
        try:
            return now_s - self._files.stat(self.file(name)).modified_s
        except FileNotFoundError:
            return 0.0

    def file(self, name: str) -> str:
        """The file that holds a document."""
        return self._form.document(name)


def _spell(body: object) -> str:
    return json.dumps(
        body, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_as_json
    )


def _as_json(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: item for name, item in asdict(value).items() if item is not None}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a record cannot hold a {type(value).__name__}")


def _replace(data: bytes, old: str, new: str) -> bytes:
    """`data` with another digest in the place of the first `old`, where formats put it."""
    return data.replace(old.encode(), new.encode(), 1)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()
