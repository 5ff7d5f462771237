"""Whether a store is as it was, found out without opening it."""

import os
from collections.abc import Iterator
from pathlib import Path

from hilbert.store.file_digests import Stamp, stamp_of

_FOLDERS = ("commits", "manifests", "packs")


def standing(store: Path) -> Iterator[tuple[str, Stamp]]:
    """Files of a store that decide what it holds, in order, each with its stamp.

    Pins are left out: they keep generations, and add nothing.

    Raises
    ------
    OSError
        If one of them cannot be looked at.
    """
    for folder in _FOLDERS:
        for place, folders, names in os.walk(store / folder, onerror=_raise):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(place, name)
                yield os.path.relpath(path, store), stamp_of(path)


def _raise(error: OSError) -> None:
    raise error
