"""The cells of a column, read as a target: which classes there are, and each document's label."""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from hilbert.stages.fit.config import TargetConfig
from hilbert.stages.fit.targets import MISSING, Labels, Question
from hilbert.store.errors import FitError

NONE = ("-", "none")
"""A cell of a column of many labels that says that the document has none of them."""

MOST_NUMBERS = 20
"""Different numbers of a column of classes, unless each stands in several documents."""

LEAST_OF_EACH = 5
"""How many documents a number must stand in, on average, to be one of that many classes."""

_BETWEEN = re.compile("[;|]")
_ABSENT = frozenset(("na", "n/a", "#n/a", "<na>", "nan", "null"))
"""What programs write for a value that is missing, in lower case."""


def read_target(cells: Sequence[str | None], config: TargetConfig) -> tuple[Question, ...]:
    """The questions of a column.

    Parameters
    ----------
    cells : sequence of (str or None)
        One a document; None where it is empty: then nothing is known.
    config : TargetConfig

    Raises
    ------
    FitError
        If no cell holds anything, or one a mark such as NA, classes differ in case alone, the
        order of an ordinal column is not told, or the column is one of numbers that are no
        classes; names the column, and the mend.
    """
    if all(cell is None for cell in cells):
        raise FitError(
            f"the target {config.column} has no label in any document; fill the column in, and run"
            " `hilbert extract` again (nothing is encoded twice)"
        )
    _check_absent(cells, config)
    if config.target_kind == "multilabel":
        return _many_labels(cells, config)
    classes = _ordered(cells, config) if config.target_kind == "ordinal" else _sorted(cells, config)
    codes = {name: code for code, name in enumerate(classes)}
    labels = [MISSING if cell is None else codes[cell] for cell in cells]
    return (Question(config.column, config.target_kind, classes, np.array(labels, dtype=np.int64)),)


def _check_absent(cells: Sequence[str | None], config: TargetConfig) -> None:
    """Refuse marks of missing values, which would be a class."""
    found = [c for c in cells if c is not None and c.strip().lower() in _ABSENT]
    if found and found[0] not in config.classes:
        n = len(found)
        raise FitError(
            f"the target {config.column} holds {found[0]} in {n} document{'s' * (n > 1)}, which"
            " programs write where a value is missing; leave those cells empty, or call the class"
            " otherwise"
        )


def cell_of(classes: Sequence[str], labels: Labels) -> str:
    """The cell that `read_target` reads as these labels of one document.

    Parameters
    ----------
    classes : sequence of str
    labels : int64 array of shape () or (n_labels,)
    """
    if labels.ndim == 0:
        return "" if labels == MISSING else classes[int(labels)]
    if labels[0] == MISSING:
        return ""
    has = [name for name, label in zip(classes, labels, strict=True) if label]
    return ";".join(has) or NONE[0]


def _sorted(cells: Sequence[str | None], config: TargetConfig) -> tuple[str, ...]:
    """Classes in alphabetical order, which is none."""
    known = [cell for cell in cells if cell is not None]
    found = tuple(sorted(set(known)))
    _check_case(found, config.column)
    _check_measure(found, len(known), config.column)
    return found


def _check_measure(found: Sequence[str], n_told: int, column: str) -> None:
    """Refuse many different numbers that were told rarely."""
    crowded = len(found) > MOST_NUMBERS and n_told < LEAST_OF_EACH * len(found)
    if crowded and all(_number(name) is not None for name in found):
        raise FitError(
            f"the target {column} holds {len(found)} different numbers, each in"
            f" {n_told / len(found):.1f} documents on average, which are a measure and no classes;"
            " add a column to the corpus that bins them into a few, and fit that one with"
            " --target-kind ordinal"
        )


def _check_case(classes: Sequence[str], column: str) -> None:
    """Refuse classes that differ in case alone."""
    spelt: dict[str, str] = {}
    for name in classes:
        other = spelt.setdefault(name.casefold(), name)
        if other != name:
            raise FitError(
                f"the target {column} has the classes {other} and {name}, which differ in case"
                " alone; spell them alike"
            )


def _ordered(cells: Sequence[str | None], config: TargetConfig) -> tuple[str, ...]:
    """Classes from the lowest to the highest: as they are told, or by number."""
    found = {cell for cell in cells if cell is not None}
    if config.classes:
        _check_told(found, config)
        return config.classes
    numbers = {name: _number(name) for name in found}
    words = sorted(name for name, number in numbers.items() if number is None)
    if words:
        raise FitError(
            f"the target {config.column} is to be ordinal, but {words[0]!r} is no number, so the"
            " order of its classes is not known; name them from the lowest to the highest with"
            f" --classes A,B,C (in alphabetical order they are {', '.join(sorted(found))})"
        )
    if len(found) > MOST_NUMBERS:
        raise FitError(
            f"the target {config.column} holds {len(found)} different numbers, too many for"
            f" classes in order, of which each needs documents (at most {MOST_NUMBERS}); add a"
            " column to the corpus that bins them, and fit that one"
        )
    _check_twins(numbers, config.column)
    return tuple(sorted(found, key=lambda name: numbers[name] or 0.0))


def _check_told(found: set[str], config: TargetConfig) -> None:
    """Refuse an order that does not name the column's classes, all of them and no others."""
    names = ",".join(config.classes)
    if unknown := sorted(found - set(config.classes)):
        raise FitError(
            f"the target {config.column} has the class {unknown[0]!r}, which --classes {names} does"
            " not name; say where it stands in the order"
        )
    if absent := [name for name in config.classes if name not in found]:
        raise FitError(
            f"no document has {absent[0]!r} in {config.column}; leave it out of --classes {names}"
        )


def _check_twins(numbers: Mapping[str, float | None], column: str) -> None:
    by_value: dict[float | None, str] = {}
    for name, number in sorted(numbers.items()):
        twin = by_value.setdefault(number, name)
        if twin != name:
            raise FitError(
                f"the target {column} writes one number as {twin!r} and as {name!r};"
                " write it in one way"
            )


def _many_labels(cells: Sequence[str | None], config: TargetConfig) -> tuple[Question, ...]:
    """For each label of the column whether a document has it."""
    sets = [None if cell is None else labels_in(cell) for cell in cells]
    names = sorted(set().union(*(own for own in sets if own is not None)))
    if not names:
        raise FitError(
            f"the target {config.column} has no label in any document, only {NONE[0]!r};"
            " there is nothing to predict"
        )
    _check_measure(names, sum(len(own) for own in sets if own is not None), config.column)
    return tuple(
        Question(
            config.column,
            "multilabel",
            (f"not {name}", name),
            np.array([MISSING if own is None else name in own for own in sets], dtype=np.int64),
        )
        for name in names
    )


def labels_in(cell: str) -> set[str]:
    """The labels that a cell of a column of many names."""
    found = {" ".join(part.split()) for part in _BETWEEN.split(cell)} - {""}
    return set() if len(found) == 1 and found <= {*NONE} else found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
