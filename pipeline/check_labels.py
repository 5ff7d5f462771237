"""How many documents and groups each class of each label column has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hilbert.pipeline.corpus import Corpus
from hilbert.stages.extract.checks.problem import Problem
from hilbert.stages.fit.cells import labels_in

FEWEST_GROUPS = 5
"""As many as there are folds by default: with fewer, a fold lacks the class."""

MOST_CLASSES = 20
"""A column with more values holds numbers, names or notes, not classes."""


@dataclass(frozen=True, slots=True)
class ClassCount:
    """A class of a label column."""

    label: str
    n_documents: int
    n_groups: int


@dataclass(frozen=True, slots=True)
class ColumnCount:
    """A label column; `classes` is empty where it has more values than `MOST_CLASSES`."""

    column: str
    n_values: int
    n_unlabelled: int
    classes: tuple[ClassCount, ...]


def count_labels(corpus: Corpus, many: Sequence[str] = ()) -> tuple[ColumnCount, ...]:
    """Counts of every column that is not reserved.

    Parameters
    ----------
    corpus : Corpus
    many : sequence of str
        Columns whose cells hold any number of labels.
    """
    return tuple(_count(corpus, column, many=column in many) for column in corpus.columns)


def _count(corpus: Corpus, column: str, *, many: bool) -> ColumnCount:
    n_unlabelled = 0
    groups: dict[str, list[str]] = {}
    for document in corpus.documents:
        cell = document.columns.get(column)
        if cell is None:
            n_unlabelled += 1
            continue
        for label in labels_in(cell) if many else (cell,):
            groups.setdefault(label, []).append(document.group or document.id)
    classes = tuple(
        ClassCount(" ".join(label.split()), len(found), len(set(found)))
        for label, found in sorted(groups.items())
    )
    shown = classes if len(classes) <= MOST_CLASSES else ()
    return ColumnCount(column, len(classes), n_unlabelled, shown)


def label_problems(counts: Sequence[ColumnCount], targets: Sequence[str] = ()) -> Iterator[Problem]:
    """Columns that can hardly be predicted; of `targets` alone if there are any."""
    for count in counts:
        if targets and count.column not in targets:
            continue
        if count.n_values > MOST_CLASSES:
            yield _problem(
                "note",
                f"column {count.column}: {count.n_values} different values, which are no classes",
                "to predict it, write few classes into a column",
            )
        elif count.n_values < 2:
            n = "one value alone" if count.n_values else "no value"
            yield _problem(
                "note",
                f"column {count.column}: {n}, nothing to predict",
                "leave it out of the targets",
            )
        for label in count.classes if count.n_values > 1 else ():
            if label.n_groups < FEWEST_GROUPS:
                yield _problem(
                    "warning",
                    f"column {count.column}: class {label.label} has {label.n_groups} "
                    f"{'group' if label.n_groups == 1 else 'groups'}; with fewer than"
                    f" {FEWEST_GROUPS}, some folds lack it",
                    "find more, merge it with another class, or fit with fewer --folds",
                )


def _problem(severity: str, what: str, mend: str) -> Problem:
    return Problem("warning" if severity == "warning" else "note", "labels", what, mend)
