"""Options that were given and have nothing to do here: told, as they may be thought to work."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hilbert.stages.extract.segment_config import OF_DETECTION, SegmentConfig
from hilbert.stages.extract.transcribe_config import TranscribeConfig

_OF_RECOGNITION = ("language", "beam_size", "vad", "compute", "when")
_FLAGS = {"vad": "--no-vad", "when": "--transcribe-when"}


def told_of_recognition(config: TranscribeConfig) -> dict[str, Any]:
    """The options of recognition that are not the defaults, but for which recordings."""
    return {name: value for name, value in _told(config, _OF_RECOGNITION).items() if name != "when"}


def idle_options(segments: SegmentConfig, transcribe: TranscribeConfig) -> tuple[str, ...]:
    """Sentences about options of a detector or a recogniser that is not asked for."""
    found = []
    if not segments.may_detect and (flags := _flags(_told(segments, OF_DETECTION))):
        found.append(
            f"{flags} says how speech is found; --segment {segments.method} does not look for it"
        )
    if transcribe.model is None and (flags := _flags(_told(transcribe, _OF_RECOGNITION))):
        found.append(f"{flags} says how --transcribe does; without that it changes nothing")
    return tuple(found)


def _told(config: SegmentConfig | TranscribeConfig, names: tuple[str, ...]) -> dict[str, Any]:
    usual = asdict(type(config)())
    values = asdict(config)
    return {name: values[name] for name in names if values[name] != usual[name]}


def _flags(told: Mapping[str, Any]) -> str:
    return ", ".join(_FLAGS.get(name, "--" + name.replace("_", "-")) for name in told)
