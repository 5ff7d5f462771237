"""Transcripts that were made from recordings: Whisper's JSON, one file each, in one folder."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hilbert.store.files import TEMPORARY, LocalFiles

LIKELY = 0.5
"""A language that is no more probable than this is not relied on."""
_STALE_S = 24 * 3600


def write_made(folder: Path, key: str, transcript: Mapping[str, Any]) -> None:
    """Write a transcript as ``KEY.json``, whole or not at all, readable by its owner only.

    One that is there already, made by another process or edited, stays.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    text = json.dumps(transcript, ensure_ascii=False, indent=1, allow_nan=False)
    with suppress(FileExistsError):
        LocalFiles(folder).put(f"{key}.json", f"{text}\n".encode())


def has_words(path: Path) -> str:
    """``no`` for a transcript without segments, which is no fault of a silent recording.

    Anything else, also what cannot be read, is ``yes``: its reader will say what is wrong.
    """
    try:
        value = json.loads(path.read_bytes())
    except ValueError:
        return "yes"
    return "no" if isinstance(value, Mapping) and value.get("segments") == [] else "yes"


def likely_language(path: Path) -> str:
    """The language that was detected, if that is more likely than not; else nothing."""
    try:
        value = json.loads(path.read_bytes())
    except ValueError:
        return ""
    if not isinstance(value, Mapping):
        return ""
    language, probability = value.get("language"), value.get("language_probability")
    is_likely = isinstance(probability, int | float) and probability > LIKELY
    return language if is_likely and isinstance(language, str) else ""


def clean_up(folder: Path) -> None:
    """Delete what was half written when a process was killed, a day ago or more."""
    for left in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                left.unlink()
