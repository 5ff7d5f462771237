"""Which hidden states of a model are stored: one, a range averaged, or several side by side."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

from hilbert.store.errors import HilbertError

_COLUMN = re.compile(r"(-?\d{1,4})(?:\.\.(-?\d{1,4}))?")


class Range(NamedTuple):
    """Hidden states `first` to `last`, both included, that are averaged."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Layers:
    """What ``--layer`` asks for; ``1..4,12`` has two columns: the mean of 1 to 4, then 12.

    Hidden state 0 is the embedding's output, 1 the first layer's, and so on; -1 is the last
    layer's.

    Attributes
    ----------
    columns : tuple of Range
        Stored side by side, in this order.
    """

    columns: tuple[Range, ...]

    @classmethod
    def parse(cls, option: int | str) -> Self:
        """Read ``12``, ``-1``, ``4..8``, ``4,8,12`` or ``1..4,12``.

        Raises
        ------
        HilbertError
            If `option` is spelt otherwise.
        """
        if isinstance(option, bool) or not isinstance(option, int | str):
            raise _misspelt(option)
        found = [_COLUMN.fullmatch(part.strip()) for part in str(option).split(",")]
        columns = []
        for match in found:
            if match is None:
                raise _misspelt(option)
            first = int(match[1])
            columns.append(Range(first, first if match[2] is None else int(match[2])))
        return cls(tuple(columns))

    def resolved(self, n_layers: int) -> Self:
        """The same hidden states, counted from the embedding's output.

        Parameters
        ----------
        n_layers : int
            Layers of the model.

        Raises
        ------
        HilbertError
            If the model lacks one of them, a range runs backwards, or a column stands twice.
        """
        columns = tuple(Range(*(_number(layer, n_layers) for layer in c)) for c in self.columns)
        for own, column in zip(self.columns, columns, strict=True):
            if column.first > column.last:
                raise HilbertError(
                    f"--layer {own.first}..{own.last} runs from hidden state {column.first} back to"
                    f" {column.last} in this model; name the lower one first."
                )
            if columns.count(column) > 1:
                raise HilbertError(f"--layer names {_spelt(column)} twice; drop one.")
        return type(self)(columns)

    @property
    def option(self) -> int | str:
        """How it is written in options and keys: a single layer is a number."""
        if len(self.columns) == 1 and self.columns[0].first == self.columns[0].last:
            return self.columns[0].first
        return ",".join(_spelt(column) for column in self.columns)

    @property
    def needed(self) -> tuple[int, ...]:
        """All hidden states that are read, ascending; of resolved layers only."""
        return tuple(sorted({i for c in self.columns for i in range(c.first, c.last + 1)}))

    @property
    def top(self) -> int:
        """The last hidden state that is read; of resolved layers only."""
        return max(column.last for column in self.columns)


def _number(layer: int, n_layers: int) -> int:
    if not -n_layers - 1 <= layer <= n_layers:
        raise HilbertError(
            f"--layer {layer}: this model has hidden states 0 (the embedding) to {n_layers},"
            f" or -1 (the last) to {-n_layers - 1}."
        )
    return layer % (n_layers + 1)


def _spelt(column: Iterable[int]) -> str:
    return "..".join(map(str, dict.fromkeys(column)))


def _misspelt(option: object) -> HilbertError:
    return HilbertError(
        f"--layer must be a layer like -1, a range to average like 4..8, or several to store like"
        f" 4,8,12, not {option!r}."
    )
