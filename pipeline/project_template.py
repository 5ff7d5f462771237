"""A project as a commented ``hilbert.toml``: what was chosen, and every option with its default.

A line that begins with ``#`` and no space is an option to uncomment; other comments are prose.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from operator import attrgetter
from typing import Any, Literal, get_args, get_origin

from hilbert.pipeline.project import Project
from hilbert.pipeline.project_keys import Section, hints, sections

_WIDTH = 88
_HEAD = """\
# The project, for every `hilbert` command in this folder; `hilbert run` brings all up to date.
# Paths are relative to this file. Flags of a command override what stands here.
# Options that begin with # have the value shown; take the # away to change one."""
_CHOSEN = {"corpus", "store", "targets"}
"""Keys that are set even where they have their default."""


def render(project: Project, notes: Mapping[str, Sequence[str]] | None = None) -> str:
    """The text of a ``hilbert.toml`` that declares `project`.

    Parameters
    ----------
    project : Project
        Its paths are written as they are.
    notes : mapping of str to sequence of str, optional
        Remarks to write beside keys, by dotted key.
    """
    blocks = [_HEAD]
    for section in sections(Project):
        value = attrgetter(section.name)(project) if section.name else project
        blocks.extend(_blocks(section, value, notes or {}))
    return "\n\n".join(blocks) + "\n"


def field_docs(config: type) -> dict[str, str]:
    """The docstring below each field of a dataclass, on one line.

    Python drops them when it compiles, so they are read from the source.
    """
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(config))).body
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for node, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            docs[node.target.id] = _text(after)
    return docs


def _text(node: ast.stmt) -> str:
    """The text of a docstring; empty if the statement is none."""
    value = node.value if isinstance(node, ast.Expr) else None
    text = value.value if isinstance(value, ast.Constant) else None
    return " ".join(text.split()) if isinstance(text, str) else ""


def _blocks(section: Section, value: Any, notes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if not section.is_array:
        yield "\n".join([*_header(section), *_options(section, value, notes)])
        return
    if not value:
        yield "\n".join([*_header(section)[:-1], f"# [[{section.name}]] (none is named)"])
    for i, item in enumerate(value):
        header = _header(section) if i == 0 else [f"[[{section.name}]]"]
        yield "\n".join([*header, *_options(section, item, notes, documented=i == 0)])


def _header(section: Section) -> list[str]:
    """The table's name, below one line on what it holds."""
    if not section.name:
        return []
    table, _, name = section.name.rpartition(".")
    owner = next(s.config for s in sections(Project) if s.name == table)
    brackets = f"[[{section.name}]]" if section.is_array else f"[{section.name}]"
    return [*_prose(field_docs(owner)[name]), brackets]


def _options(
    section: Section,
    value: object,
    notes: Mapping[str, Sequence[str]],
    *,
    documented: bool = True,
) -> Iterator[str]:
    docs, defaults, kinds = field_docs(section.config), _defaults(value), hints(section.config)
    for name in section.options():
        if documented:
            yield from _prose(docs[name] + _choices(kinds[name]))
        for note in notes.get(section.dotted(name), ()):
            yield from _prose(note)
        yield _line(section.dotted(name), name, getattr(value, name), defaults.get(name, MISSING))


def _line(key: str, name: str, value: object, default: object) -> str:
    if value is None:
        return f"# {name} = (not set)"
    mark = "#" if value == default and key not in _CHOSEN else ""
    return f"{mark}{name} = {_toml(value)}"


def _defaults(value: Any) -> dict[str, object]:
    return {f.name: f.default for f in fields(value) if f.default is not MISSING}


def _choices(kind: Any) -> str:
    if get_origin(kind) is not Literal:
        return ""
    return " Choices: " + ", ".join(get_args(kind)) + "."


def _prose(text: str) -> list[str]:
    printable = "".join(c if c.isprintable() else " " for c in text)
    return textwrap.wrap(printable, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped as well
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
