"""Keys: digests of everything that can change a result.

A key addresses inputs, never output bytes. ``digest(kind, value)`` hashes the canonical JSON
of ``[kind, value]``; the kind keeps keys of different things apart, and JSON's own quoting
keeps ``["ab", "c"]`` apart from ``["a", "bc"]``.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from json.encoder import encode_basestring_ascii as encode
from typing import Any

from hilbert.store.types import Segment

SEGMENT_VERSION = 4
"""Raised when segmenting gives other segments for the same input."""

DIGEST_BYTES = 20


def canonical(value: object) -> str:
    """JSON with one spelling per value: sorted keys, no blanks, no NaN.

    Raises
    ------
    TypeError
        If `value` holds something other than None, bool, int, float, str, lists, tuples,
        mappings with text keys, and dataclasses of these.
    ValueError
        If a number is not finite.
    """
    return _spell(value)


def digest(kind: str, value: object, *, salt: bytes = b"") -> str:
    """Hexadecimal blake2b digest of ``[kind, value]``, keyed with `salt` (at most 64 bytes)."""
    return bytes_digest(canonical([kind, value]).encode(), salt=salt)


def bytes_digest(data: bytes, *, salt: bytes = b"") -> str:
    """Hexadecimal blake2b digest of `data`, keyed with `salt`."""
    hasher = _keyed(salt).copy()  # a third faster than to take in the salt each time
    hasher.update(data)
    return hasher.hexdigest()


@lru_cache(maxsize=8)
def _keyed(salt: bytes) -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=DIGEST_BYTES, key=salt)


def boundaries_digest(segments: Iterable[Segment]) -> str:
    """Digest of what decides an audio feature besides the samples: spans and speakers."""
    return digest("boundaries", [[s.start_s, s.end_s, s.speaker] for s in segments])


def texts_digest(segments: Iterable[Segment], *, salt: bytes) -> str:
    """Salted digest of the texts of text segments, in order.

    Salted, so that digests which leak alone confirm no guess; the salt lies in the store.
    """
    return digest("texts", [s.text for s in segments], salt=salt)


def content_digest(rows: bytes, speakers: Iterable[str]) -> str:
    """Digest of the segments of a document as they are stored."""
    return digest("segments", [bytes_digest(rows), list(speakers)])


def segment_key(audio: str | None, transcript: str | None, cut: str) -> str:
    """Key of a document's segments.

    Parameters
    ----------
    audio, transcript : str, optional
        Hexadecimal digests of the document's files.
    cut : str
        Hexadecimal digest of how it is cut; see `hilbert.pipeline.plan`.
    """
    parts = ",".join("null" if d is None else f'"{d}"' for d in (audio, transcript, cut))
    return bytes_digest(f'["segment",[{parts}]]'.encode())  # as `digest`, in a third of the time


def audio_feature_key(fingerprint: str, audio: str, boundaries: str) -> str:
    """Key of one document's features under an audio encoder.

    Parameters
    ----------
    fingerprint : str
        The encoder's fingerprint.
    audio : str
        Digest of the audio file.
    boundaries : str
        `boundaries_digest` of its audio segments.
    """
    return digest("audio features", [fingerprint, audio, boundaries])


def text_feature_key(fingerprint: str, texts: str) -> str:
    """Key of one document's features under a text encoder; `texts` is its `texts_digest`."""
    return digest("text features", [fingerprint, texts])


def _spell(value: Any) -> str:
    """Canonical JSON, or an error: a key must never depend on a ``repr``.

    As ``json.dumps`` with sorted keys would write it, in half the time; it runs a few times
    for every document of every call.
    """
    if isinstance(value, str):
        return encode(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, list | tuple):
        items = [encode(item) if type(item) is str else _spell(item) for item in value]
        return f"[{','.join(items)}]"
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("a mapping in a key needs text keys")
        named = [f"{encode(name)}:{_spell(item)}" for name, item in sorted(value.items())]
        return f"{{{','.join(named)}}}"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a key cannot hold the number {value}")
        return float.__repr__(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _spell(asdict(value))
    raise TypeError(f"a key cannot hold a {type(value).__name__}")
