"""What is wrong with a ``hilbert.toml``, in the words of its keys."""

import datetime
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hilbert.pipeline.project_keys import dotted_keys, sections
from hilbert.store.errors import ProjectError

_KINDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "path_type": "text in quotes",
    "tuple_type": "a list in square brackets",
}
"""What pydantic asked for, by the type of its error."""
_BRANCHES = {"int": "a whole number or text in quotes"}
"""What may stand where several types may, by the first, at which pydantic's place ends."""


def refuse_unknown(config: type, values: Mapping[str, Any]) -> None:
    """Refuse a key that no option has, naming the nearest that one has; and dates.

    Raises
    ------
    ProjectError
        At the first such key.
    """
    known = dotted_keys(config)
    tables = [section.name for section in sections(config)]
    for key, value in _entries(values):
        if key not in tables and key not in known:
            raise ProjectError(f"unknown key {key}; {_suggestion(key, known, tables)}")
        if isinstance(value, datetime.date | datetime.time):
            raise ProjectError(f"{key} must not be a date; put it in quotes")


def describe(error: Mapping[str, Any]) -> str:
    """One sentence for an error of pydantic's ``ValidationError.errors()``."""
    if error["loc"] and (wanted := _BRANCHES.get(error["loc"][-1])):
        return f"{_place(error['loc'][:-1])} must be {wanted}, not {_shown(error['input'])}"
    key = _place(error["loc"])
    if error["type"] == "missing":
        return f"{key} is missing"
    if error["type"] == "literal_error":
        return f"{key} must be {error['ctx']['expected']}, not {_shown(error['input'])}"
    if error["type"] == "dataclass_type":
        return f"{key} must be a table, {_brackets(error['loc'])}, not {_shown(error['input'])}"
    if error["type"] == "tuple_type" and isinstance(error["input"], dict):
        return f"[{key}] may stand there several times; write [[{key}]]"
    if kind := _KINDS.get(error["type"]):
        return f"{key} must be {kind}, not {_shown(error['input'])}"
    return f"{key}: {error['msg']}"


def in_keys(config: type, message: str) -> str:
    """A message in which flags, as the options' own checks name them, become keys."""
    keys = {key.rsplit(".", 1)[-1]: key for key in reversed(dotted_keys(config))}

    def as_key(flag: re.Match[str]) -> str:
        return keys.get(flag[1].replace("-", "_"), flag[0])

    outside_commands = re.split(r"(`[^`]*`)", message)
    return "".join(
        part if part.startswith("`") else re.sub(r"--([a-z][a-z-]*)", as_key, part)
        for part in outside_commands
    )


def _entries(values: Mapping[str, Any], table: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its values; tables and lists stand before what they hold."""
    for name, value in values.items():
        yield from _entry(f"{table}.{name}" if table else name, value)


def _entry(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    yield key, value
    if isinstance(value, dict):
        yield from _entries(value, key)
    elif isinstance(value, list):
        for item in value:
            yield from _entry(key, item)


def _suggestion(key: str, known: Sequence[str], tables: Sequence[str]) -> str:
    """The nearest known key: the whole name first, then what it is called in any table."""
    table, _, name = key.rpartition(".")
    by_name = {_name(other): other for other in reversed(known)}
    if near := difflib.get_close_matches(key, [*known, *tables], 1, 0.75):
        return f"did you mean {near[0]}?"
    if near := difflib.get_close_matches(name, by_name, 1, 0.75):
        return f"did you mean {by_name[near[0]]}?"
    if here := [_name(other) for other in known if table and other.rpartition(".")[0] == table]:
        return f"[{table}] knows {', '.join(here)}"
    top = [other for other in known if "." not in other]
    return f"known are {', '.join(top)} and the tables {', '.join(tables[1:])}"


def _name(key: str) -> str:
    return key.rpartition(".")[2]


def _place(location: Sequence[str | int]) -> str:
    """``encoders.layer, number 2,``: the key, and of a list which one."""
    key = ".".join(part for part in location if isinstance(part, str))
    numbers = [part + 1 for part in location if isinstance(part, int)]
    return f"{key}, number {numbers[0]}," if numbers else key or "the file"


def _brackets(location: Sequence[str | int]) -> str:
    key = ".".join(part for part in location if isinstance(part, str))
    return f"[[{key}]]" if isinstance(location[-1], int) else f"[{key}]"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} …{text[-1]}"
