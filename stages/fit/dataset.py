"""The documents of a fit, in memory: features of both modalities, labels and groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.config import Kind
from hilbert.stages.fit.targets import (
    MISSING,
    Asked,
    Question,
    Target,
    asked_by,
    strata_of,
    targets_of,
)
from hilbert.store.errors import FitError
from hilbert.store.types import MODALITIES, Features, Modality

__all__ = ["MISSING", "DocumentSet", "Widths", "check_features", "is_present"]


class Widths(NamedTuple):
    """Width of the features of each modality."""

    audio: int
    text: int


@dataclass(frozen=True, eq=False)
class DocumentSet:
    """Documents with their features.

    Attributes
    ----------
    ids, groups : tuple of str
        One a document; documents of one group never stand on both sides of a split.
    labels : int64 array of shape (n_documents,)
        Index into `classes`, -1 where the label is missing.
    classes : tuple of str
        Names of the classes, sorted.
    audio, text : tuple of (Features or None)
        One a document; None, or no segments, where the modality is missing.
    target, kind : str
        Name and kind of the target that `labels` answer.
    further : tuple of Question
        Asked beside it: the other labels of a target of many, and other targets.

    Raises
    ------
    FitError
        If lengths disagree, a label is no class, or two documents differ in feature width.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    audio: tuple[Features | None, ...]
    text: tuple[Features | None, ...]
    target: str = ""
    kind: Kind = "classes"
    further: tuple[Question, ...] = ()

    def __post_init__(self) -> None:
        for name in ("groups", "labels", "audio", "text"):
            if len(getattr(self, name)) != len(self.ids):
                raise FitError(f"{len(self.ids)} ids, but {len(getattr(self, name))} {name}.")
        for question in self.questions:
            _check_answers(question, self.n_documents)
        for modality in MODALITIES:
            _check_widths(self.ids, self.stream(modality), modality)

    @property
    def n_documents(self) -> int:
        return len(self.ids)

    @property
    def n_classes(self) -> int:
        return len(self.classes)

    @property
    def questions(self) -> tuple[Question, ...]:
        """Everything that is asked of a document, the questions of one target together."""
        return (Question(self.target, self.kind, self.classes, self.labels), *self.further)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The columns that are predicted."""
        return targets_of(self.questions)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The targets with their labels."""
        return tuple(asked_by(self.questions))

    @property
    def n_columns(self) -> int:
        """Probabilities of a document: the classes of all questions side by side."""
        return sum(len(question.classes) for question in self.questions)

    @property
    def answers(self) -> NDArray[np.int64]:
        """Labels of all questions, shape (n_documents, n_questions)."""
        return np.stack([question.labels for question in self.questions], axis=1)

    @property
    def strata(self) -> NDArray[np.int64]:
        """What splits keep in proportion, shape (n_documents,); -1 without any label.

        The labels themselves of a single target of classes; see `targets.strata_of`.
        """
        return strata_of(self.questions)

    @property
    def audio_dim(self) -> int | None:
        """Width of the audio features; None if no document has audio."""
        return _width(self.audio)

    @property
    def text_dim(self) -> int | None:
        """Width of the text features; None if no document has text."""
        return _width(self.text)

    @property
    def widths(self) -> Widths:
        """Widths for a network, 1 for a modality that no document has."""
        return Widths(self.audio_dim or 1, self.text_dim or 1)

    def stream(self, modality: Modality) -> tuple[Features | None, ...]:
        """Features of every document in one modality."""
        return self.audio if modality == "audio" else self.text

    def take(self, index: Sequence[int] | NDArray[np.integer[Any]]) -> "DocumentSet":
        """The documents at `index`, in that order; features are shared, not copied."""
        rows = [int(i) for i in index]
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows),
            groups=tuple(self.groups[i] for i in rows),
            labels=self.labels[rows],
            audio=tuple(self.audio[i] for i in rows),
            text=tuple(self.text[i] for i in rows),
            further=tuple(replace(q, labels=q.labels[rows]) for q in self.further),
        )

    def only(self, question: Question) -> "DocumentSet":
        """The same documents, of which one of their questions alone is asked."""
        return replace(
            self,
            target=question.target,
            kind=question.kind,
            classes=question.classes,
            labels=question.labels,
            further=(),
        )

    def with_labels(self, labels: NDArray[np.int64]) -> "DocumentSet":
        """The same documents with other labels, as a permutation test needs.

        Parameters
        ----------
        labels : int64 array of shape (n_documents, n_questions), or (n_documents,) of a single one
        """
        first, *others = labels.reshape(self.n_documents, -1).T
        pairs = zip(self.further, others, strict=True)
        return replace(
            self, labels=first, further=tuple(replace(q, labels=own) for q, own in pairs)
        )


def is_present(features: Features | None) -> bool:
    """Whether a document has at least one segment of the modality."""
    return features is not None and len(features.x) > 0


def check_features(documents: DocumentSet) -> None:
    """Refuse features that would turn every number of a fit into NaN.

    Raises
    ------
    FitError
        If a feature is not finite, or a document has neither modality; names the document.
    """
    for i, name in enumerate(documents.ids):
        streams = [documents.audio[i], documents.text[i]]
        if not any(is_present(features) for features in streams):
            raise FitError(
                f"document {name} has neither audio nor text features. "
                "Leave it out, or run `hilbert extract` for it."
            )
        if not all(f is None or np.isfinite(f.x).all() for f in streams):
            raise FitError(
                f"document {name} has features that are not finite. "
                "Check its recording, then run `hilbert extract` for it again."
            )


def _check_answers(question: Question, n_documents: int) -> None:
    labels, n_classes = question.labels, len(question.classes)
    if len(labels) != n_documents:
        raise FitError(f"{n_documents} ids, but {len(labels)} labels of {question.target}.")
    if n_documents and not MISSING <= labels.min() <= labels.max() < n_classes:
        raise FitError(f"labels must be in -1..{n_classes - 1}.")


def _width(stream: tuple[Features | None, ...]) -> int | None:
    """Width of the first document that has the modality."""
    return next((f.x.shape[1] for f in stream if f is not None and is_present(f)), None)


def _check_widths(ids: tuple[str, ...], stream: tuple[Features | None, ...], name: str) -> None:
    width = _width(stream)
    for document, features in zip(ids, stream, strict=True):
        if features is not None and is_present(features) and features.x.shape[1] != width:
            raise FitError(
                f"document {document} has {name} features of width {features.x.shape[1]}, "
                f"others have {width}. Fit features of one encoder, chosen with --encoder."
            )
