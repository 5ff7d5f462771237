"""A folder of the user's own for what can be made again: never part of a store, safe to delete."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def cache_folder() -> Path:
    """``$HILBERT_CACHE``, else ``$XDG_CACHE_HOME/hilbert``, else ``~/.cache/hilbert``."""
    if own := os.environ.get("HILBERT_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hilbert"


def write_whole(place: Path, data: bytes) -> None:
    """Write a file so that whoever reads it finds the old content or the new.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left of it then.
    """
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, place)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
