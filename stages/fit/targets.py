"""What is predicted: targets of every kind, and the questions that they ask of a document.

A target is one column. Each of its questions has one answer a document, a class of several: a
target of classes, ordered or not, asks one; a target of many labels asks for each label whether
the document has it. Answers that are not known are -1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.config import Kind

Labels = NDArray[np.int64]

MISSING = -1
"""Label of a document whose label is not known."""


@dataclass(frozen=True)
class Target:
    """A column to predict.

    Attributes
    ----------
    name : str
        Of the column.
    kind : {"classes", "ordinal", "multilabel"}
    classes : tuple of str
        Names of the classes, sorted; from the lowest to the highest of an ordinal target; the
        labels of a target of many.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...]

    @property
    def n_outputs(self) -> int:
        """Numbers that a network gives for a document."""
        return 1 if self.kind == "ordinal" else len(self.classes)

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of classes of each question."""
        return (2,) * len(self.classes) if self.kind == "multilabel" else (len(self.classes),)


@dataclass(frozen=True, eq=False)
class Question:
    """One decision about every document.

    Attributes
    ----------
    target : str
        Name of the target that asks.
    kind : {"classes", "ordinal", "multilabel"}
        Of the target.
    classes : tuple of str
        Names of the answers; of a target of many labels ``not LABEL`` and ``LABEL``.
    labels : int64 array of shape (n_documents,)
        Index into `classes`, -1 where missing.
    """

    target: str
    kind: Kind
    classes: tuple[str, ...]
    labels: Labels


class Asked(NamedTuple):
    """A target with the labels of its documents, as scores are computed of it.

    Attributes
    ----------
    target : Target
    labels : int64 array of shape (n_documents,), or (n_documents, n_labels)
        Of a target of many labels a matrix of 0 and 1; -1 where missing.
    columns : slice
        Of the probabilities of all questions side by side.
    """

    target: Target
    labels: Labels
    columns: slice

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which documents have a label, shape (n_documents,)."""
        found: NDArray[np.bool_] = self.labels.reshape(len(self.labels), -1)[:, 0] != MISSING
        return found

    def scores(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of each class, of each label that a document has it.

        Parameters
        ----------
        probabilities : float64 array of shape (n_documents, n_columns)
            Of all questions of all targets side by side.

        Returns
        -------
        float64 array of shape (n_documents, n_classes)
        """
        return _shown_of(self.target, probabilities[:, self.columns])


def shown(targets: Sequence[Target], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities as tables show them: of each class, of each label that a document has it.

    Parameters
    ----------
    targets : sequence of Target
    probabilities : float64 array of shape (n_documents, n_columns)
        Of all questions side by side.

    Returns
    -------
    float64 array of shape (n_documents, n_classes of all targets)
    """
    ends = np.cumsum([sum(target.widths) for target in targets])[:-1]
    parts = zip(targets, np.split(probabilities, ends, axis=1), strict=True)
    return np.concatenate([_shown_of(target, own) for target, own in parts], axis=1)


def targets_of(questions: Sequence[Question]) -> tuple[Target, ...]:
    """The targets that ask these questions, those of one target together."""
    return tuple(_target(list(own)) for _, own in groupby(questions, lambda q: (q.target, q.kind)))


def asked_by(questions: Sequence[Question]) -> Iterator[Asked]:
    """Each target with its labels and its columns."""
    start, first = 0, 0
    for target in targets_of(questions):
        own = questions[first : first + len(target.widths)]
        labels = [question.labels for question in own]
        stop = start + sum(target.widths)
        many = target.kind == "multilabel"
        yield Asked(target, np.stack(labels, 1) if many else labels[0], slice(start, stop))
        start, first = stop, first + len(own)


def strata_of(questions: Sequence[Question]) -> Labels:
    """By what documents are dealt out to folds: the class of the first target that knows them.

    Of a target of many labels it is the rarest that a document has, or that it has none.

    Returns
    -------
    int64 array of shape (n_documents,)
        The labels themselves of a single target of classes; -1 where no target has a label.
    """
    if len(questions) == 1 and questions[0].kind != "ordinal":
        return questions[0].labels
    strata = np.full(len(questions[0].labels), MISSING)
    start = 0
    for asked in asked_by(questions):
        fresh = asked.known & (strata == MISSING)
        strata[fresh] = start + _codes(asked)[fresh]
        start += len(asked.target.classes) + 1
    return strata


def _shown_of(target: Target, own: NDArray[np.float64]) -> NDArray[np.float64]:
    return own[:, 1::2] if target.kind == "multilabel" else own


def _codes(asked: Asked) -> Labels:
    """One class a document; of many labels the rarest, or their number where it has none.

    Classes that have an order are numbered as if they had none, so that the folds of both kinds
    of target are the same and the fits can be compared.
    """
    labels = asked.labels
    if asked.target.kind == "ordinal":
        ranks = np.argsort(np.argsort(asked.target.classes))
        return np.where(labels == MISSING, MISSING, ranks[labels])
    if labels.ndim == 1:
        return labels
    has = labels == 1
    # (n_documents, n_labels + 1): how many documents have the label; the last stands for none
    counts = np.where(has, has.sum(0), len(labels) + 1)
    none = np.full((len(labels), 1), len(labels))
    rarest: Labels = np.concatenate([counts, none], axis=1).argmin(1)
    return rarest


def _target(questions: Sequence[Question]) -> Target:
    first = questions[0]
    if first.kind != "multilabel":
        return Target(first.target, first.kind, first.classes)
    return Target(first.target, first.kind, tuple(q.classes[1] for q in questions))
