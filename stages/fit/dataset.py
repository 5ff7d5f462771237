"""The documents of a fit, in memory: features of both modalities, labels and groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilbert.store.errors import FitError
from hilbert.store.types import MODALITIES, Features, Modality

MISSING = -1
"""Label of a document whose label is not known."""


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

    def __post_init__(self) -> None:
        for name in ("groups", "labels", "audio", "text"):
            if len(getattr(self, name)) != len(self.ids):
                raise FitError(f"{len(self.ids)} ids, but {len(getattr(self, name))} {name}.")
        if self.n_documents and not MISSING <= self.labels.min() <= self.labels.max() < len(
            self.classes
        ):
            raise FitError(f"labels must be in -1..{len(self.classes) - 1}.")
        for modality in MODALITIES:
            _check_widths(self.ids, self.stream(modality), modality)

    @property
    def n_documents(self) -> int:
        return len(self.ids)

    @property
    def n_classes(self) -> int:
        return len(self.classes)

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
        )

    def with_labels(self, labels: NDArray[np.int64]) -> "DocumentSet":
        """The same documents with other labels, as a permutation test needs."""
        return replace(self, labels=labels)


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
