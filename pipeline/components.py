"""What a key is made of, by name, and how two such descriptions differ."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from hilbert.pipeline.plan import Inputs
from hilbert.store.segment_table import SegmentSummary
from hilbert.store.types import EncoderInfo


@dataclass(frozen=True, slots=True)
class Change:
    """One component of a key that is not what it was; None stands for nothing."""

    component: str
    old: object
    new: object


def feature_components(
    info: EncoderInfo, audio: str | None, summary: SegmentSummary
) -> dict[str, object]:
    """What decides a document's features under an encoder, besides the program's version."""
    encoder = {"encoder": {**info.options, "fingerprint": info.fingerprint}}
    if info.modality == "audio":
        return {"audio": audio, "boundaries": summary.boundaries, **encoder}
    return {"texts": summary.texts, **encoder}


def segment_components_of(summary: SegmentSummary | None) -> Mapping[str, object]:
    """What decided segments that are stored; empty where there are none."""
    return {} if summary is None else summary.components


def inputs_of(summary: SegmentSummary) -> Inputs:
    """Digests of the files that segments were cut from."""
    found = summary.components
    return Inputs(found.get("audio"), found.get("transcript"), found.get("diarisation"))


def changes(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[Change, ...]:
    """Components that differ, nested ones by their dotted name, in the order of `new`."""
    before, after = dict(_flat(old)), dict(_flat(new))
    names = dict.fromkeys([*after, *before])
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    )


def _flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _flat(item, f"{name}.{inner}" if name else str(inner))
    elif hasattr(value, "__dataclass_fields__"):
        yield from _flat(asdict(value), name)  # type: ignore[call-overload]
    else:
        yield name, _plain(value)


def _plain(value: object) -> object:
    """Lists and tuples are the same, as they are in JSON."""
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
