"""What documents, groups and speakers are called in an export."""

import csv
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Names:
    """Names in an export by the names in the store."""

    ids: Mapping[str, str]
    groups: Mapping[str, str]
    speakers: Mapping[str, str]


def own_names(ids: Iterable[str], groups: Iterable[str], speakers: Iterable[str]) -> Names:
    """Everything keeps its name."""
    return Names(*({name: name for name in kind} for kind in (ids, groups, speakers)))


def random_names(ids: Iterable[str], groups: Iterable[str], speakers: Iterable[str]) -> Names:
    """Names from the system's random numbers.

    Nothing is derived from the name that is replaced, so nobody can find it by trying; and as
    every call draws anew, two exports cannot be joined by their names.
    """
    return Names(_random(ids, "d"), _random(groups, "g"), _random(speakers, "s"))


def write_key(path: Path, names: Names) -> None:
    """Write who is who: a CSV with the columns kind, name, pseudonym."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kind", "name", "pseudonym"])
        for field in fields(names):
            kind = field.name.removesuffix("s")
            writer.writerows((kind, *pair) for pair in sorted(getattr(names, field.name).items()))


def _random(names: Iterable[str], prefix: str) -> dict[str, str]:
    return {name: f"{prefix}-{secrets.token_hex(8)}" for name in dict.fromkeys(names)}
