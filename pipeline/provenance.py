"""How segments and features came to be; recorded beside them, never part of a key."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata

from hilbert.store.types import EncoderInfo


def of_segments() -> dict[str, object]:
    """Versions that cut the segments."""
    return _machine(("hilbert-speech", "soundfile"))


def of_features(info: EncoderInfo, device: str) -> dict[str, object]:
    """Encoder, device and versions that made the features."""
    made_by = _machine(("hilbert-speech", "numpy", "soundfile", "soxr", "torch", "transformers"))
    return {**made_by, "device": device, "encoder": asdict(info)}


def _machine(packages: Sequence[str]) -> dict[str, object]:
    return {
        "versions": {name: metadata.version(name) for name in packages},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
