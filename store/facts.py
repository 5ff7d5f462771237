"""Small facts about documents, column by column.

A commit record holds facts about thousands of documents, most of which agree in most of them.
What is the same for all is said once, which halves a record and its time to be read.

A table is ``{"same": {name: value}, "each": {name: [one value a document]}, "inner": {name:
table}}``, the last for values that are mappings themselves; or ``{"rows": [one mapping a
document]}`` where the documents do not have the same names.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Table = Mapping[str, Any]


def to_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The table of at least one mapping, their values being what JSON knows."""
    first = rows[0]
    if any(row.keys() != first.keys() for row in rows):
        return {"rows": list(rows)}
    table: dict[str, dict[str, Any]] = {"same": {}, "each": {}, "inner": {}}
    for name in first:
        values = [row[name] for row in rows]
        if all(_is_same(value, first[name]) for value in values):
            table["same"][name] = first[name]
        elif all(isinstance(value, Mapping) for value in values):
            table["inner"][name] = to_table(values)
        else:
            table["each"][name] = values
    return table


def row_of(table: Table, i: int) -> dict[str, Any]:
    """The mapping of document `i`."""
    if "rows" in table:
        return dict(table["rows"][i])
    row = {**table["same"]}
    for name, values in table["each"].items():
        row[name] = values[i]
    for name, inner in table["inner"].items():
        row[name] = row_of(inner, i)
    return row


def _is_same(a: Any, b: Any) -> bool:
    """Equality that tells 1 from 1.0 and from True, since a key may be made of the value."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_is_same(a[name], b[name]) for name in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_is_same, a, b))
    return type(a) is type(b) and bool(a == b)


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about the documents of a pack, in order; each is put together when asked for."""

    table: Table
    n_documents: int

    def __len__(self) -> int:
        return self.n_documents

    def __getitem__(self, i: int) -> Mapping[str, Any]:
        if not 0 <= i < self.n_documents:
            raise IndexError(i)
        return row_of(self.table, i)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return (self[i] for i in range(self.n_documents))
