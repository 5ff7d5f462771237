"""Keys: digests of everything that can change a result.

A key addresses inputs, never output bytes. ``digest(kind, value)`` hashes the canonical JSON
of ``[kind, value]``; the kind keeps keys of different things apart, and JSON's own quoting
keeps ``["ab", "c"]`` apart from ``["a", "bc"]``.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from hilbert.store.types import Segment

SEGMENT_VERSION = 1
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
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(kind: str, value: object, *, salt: bytes = b"") -> str:
    """Hexadecimal blake2b digest of ``[kind, value]``, keyed with `salt` (at most 64 bytes)."""
    data = canonical([kind, value]).encode()
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES, key=salt).hexdigest()


def bytes_digest(data: bytes, *, salt: bytes = b"") -> str:
    """Hexadecimal blake2b digest of `data`, keyed with `salt`."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES, key=salt).hexdigest()


def boundaries_digest(segments: Iterable[Segment]) -> str:
    """Digest of what decides an audio feature besides the samples: spans and speakers."""
    return digest("boundaries", [[s.start_s, s.end_s, s.speaker] for s in segments])


def texts_digest(segments: Iterable[Segment], *, salt: bytes) -> str:
    """Salted digest of the texts of text segments, in order.

    Salted, so that a store does not let a reader confirm a guessed sentence.
    """
    return digest("texts", [s.text for s in segments], salt=salt)


def segment_key(components: Mapping[str, object]) -> str:
    """Key of a document's segments; see `hilbert.pipeline.plan` for the components."""
    return digest("segment", {**components, "version": SEGMENT_VERSION})


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


def _plain(value: Any) -> Any:
    """`value` in JSON's own types, or an error: a key must never depend on a ``repr``."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"a key cannot hold the number {value}")
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("a mapping in a key needs text keys")
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise TypeError(f"a key cannot hold a {type(value).__name__}")
