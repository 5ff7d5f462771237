"""The keys of ``hilbert.toml``, read off the dataclasses that they fill."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

_OF_THE_MACHINE = {"train.device", "train.threads"}
"""Fields that are no keys: they say where to compute, not what."""


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the file, or an array of tables."""

    name: str
    """Dotted; empty at the top of the file."""
    config: type
    is_array: bool = False

    def options(self) -> tuple[str, ...]:
        """Names of the options that stand directly in this table, in their order."""
        names = (name for name, kind in hints(self.config).items() if not _config_of(kind))
        return tuple(name for name in names if self.dotted(name) not in _OF_THE_MACHINE)

    def dotted(self, name: str) -> str:
        return f"{self.name}.{name}" if self.name else name

    def inner(self) -> Iterator["Section"]:
        for name, kind in hints(self.config).items():
            if config := _config_of(kind):
                yield Section(self.dotted(name), config, is_array=get_origin(kind) is tuple)


def sections(config: type) -> Iterator[Section]:
    """The top of the file, then every table, each before those inside it."""
    stack = [Section("", config)]
    while stack:
        section = stack.pop(0)
        yield section
        stack = [*section.inner(), *stack]


def dotted_keys(config: type) -> tuple[str, ...]:
    """Every option of the file, as ``train.model.width``."""
    return tuple(s.dotted(name) for s in sections(config) for name in s.options())


def hints(config: type) -> dict[str, Any]:
    """Types of the fields of a dataclass, in their order."""
    types = get_type_hints(config)
    return {f.name: types[f.name] for f in dataclasses.fields(config)}


def _config_of(kind: Any) -> type | None:
    """The dataclass that a field holds, one or a tuple of them; None if it is a plain option."""
    for found in (kind, *get_args(kind)):
        if isinstance(found, type) and dataclasses.is_dataclass(found):
            return found
    return None
