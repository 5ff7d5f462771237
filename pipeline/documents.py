"""From a store's manifest to the documents of a fit: which, with which features and labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hilbert.stages.fit.dataset import MISSING, DocumentSet
from hilbert.store.errors import FitError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import Manifest, Row
from hilbert.store.types import MODALITIES, EncoderInfo, Features, Modality


@dataclass(frozen=True, slots=True)
class FitDocuments:
    """Documents of a fit, and what was left out of it.

    Attributes
    ----------
    documents : DocumentSet
    rows : tuple of Row
        Their rows of the manifest, in the same order.
    encoders : tuple of EncoderInfo
        Whose features are used; those of one modality stand side by side.
    left_out : tuple of (str, str)
        Documents not used, with the reason.
    """

    documents: DocumentSet
    rows: tuple[Row, ...]
    encoders: tuple[EncoderInfo, ...]
    left_out: tuple[tuple[str, str], ...]


def choose_target(manifest: Manifest, target: str | None) -> str:
    """The column to predict: the one named, or the only one that could be meant.

    Raises
    ------
    FitError
        If there is no such column, or none is named and several could be meant.
    """
    columns = list(dict.fromkeys(name for row in manifest.rows for name in row.columns))
    if target is not None:
        if target not in columns:
            known = ", ".join(columns) or "none"
            raise FitError(f"the corpus has no column {target!r}; its label columns: {known}")
        return target
    varied = [name for name in columns if len({r.columns.get(name) for r in manifest.rows}) > 1]
    if len(varied) == 1:
        return varied[0]
    if not varied:
        raise FitError(
            "the corpus has no label column; add one to it and run `hilbert extract` again"
            " (nothing is encoded twice)"
        )
    raise FitError(
        f"several columns could be the target: {', '.join(varied)};"
        f" choose one, for example --target {varied[0]}"
    )


def choose_encoders(manifest: Manifest, names: Sequence[str]) -> tuple[EncoderInfo, ...]:
    """The encoders named, or all of the manifest; audio before text.

    Raises
    ------
    FitError
        If the store has no such encoder, or none at all.
    """
    for name in names:
        if name not in manifest.encoders:
            known = ", ".join(manifest.encoders) or "none"
            raise FitError(
                f"the store has no features of {name}; it has: {known}."
                f" Run `hilbert extract --encoder {name}` to add them"
            )
    chosen = [i for n, i in manifest.encoders.items() if not names or n in names]
    if not chosen:
        raise FitError("the store has no features; run `hilbert extract` first")
    return tuple(sorted(chosen, key=lambda info: (MODALITIES.index(info.modality), info.name)))


def load_documents(
    store: FeatureStore, manifest: Manifest, target: str | None, encoders: Sequence[EncoderInfo]
) -> FitDocuments:
    """Features, groups and labels of every document that can be used.

    A document with some modality missing is used; one that failed under an encoder, or has no
    features at all, is left out and named.

    Parameters
    ----------
    target : str, optional
        Column of the labels; None gives every document the label -1, as `predict` needs.
    """
    left_out = []
    rows = []
    for row in manifest.rows:
        if reason := _unusable(row, encoders):
            left_out.append((row.id, reason))
        else:
            rows.append(row)
    if not rows:
        raise FitError(
            f"none of the {len(manifest.rows)} documents of the store can be used;"
            " see what `hilbert extract` says of them"
        )
    labels = [None if target is None else row.columns.get(target) for row in rows]
    classes = tuple(sorted({label for label in labels if label is not None}))
    codes = [MISSING if label is None else classes.index(label) for label in labels]
    documents = DocumentSet(
        ids=tuple(row.id for row in rows),
        groups=tuple(row.group for row in rows),
        labels=np.array(codes, dtype=np.int64),
        classes=classes,
        audio=tuple(_stream(store, row, encoders, "audio") for row in rows),
        text=tuple(_stream(store, row, encoders, "text") for row in rows),
    )
    return FitDocuments(documents, tuple(rows), tuple(encoders), tuple(left_out))


def count_by_class(
    manifest: Manifest, target: str, documents: Sequence[str]
) -> tuple[tuple[str, int], ...]:
    """How many of `documents` each class has; unlabelled ones as ``(no label)``."""
    wanted = set(documents)
    labels = [r.columns.get(target) or "(no label)" for r in manifest.rows if r.id in wanted]
    return tuple(sorted(Counter(labels).items()))


def _unusable(row: Row, encoders: Sequence[EncoderInfo]) -> str | None:
    present = [info.name for info in encoders if info.name in row.feature_keys]
    if row.failure and len(present) < len(encoders):
        return row.failure
    if not present:
        return "it has no features of " + " or ".join(info.name for info in encoders)
    for modality in MODALITIES:
        names = [info.name for info in encoders if info.modality == modality]
        absent = [name for name in names if name not in row.feature_keys]
        if absent and len(absent) < len(names):
            return f"it has no features of {absent[0]}, but of the others; run `hilbert extract`"
    return None


def _stream(
    store: FeatureStore, row: Row, encoders: Sequence[EncoderInfo], modality: Modality
) -> Features | None:
    """Features of all encoders of a modality side by side; None if the document lacks it."""
    infos = [i for i in encoders if i.modality == modality and i.name in row.feature_keys]
    if not infos or row.segment_key is None:
        return None
    read = [store.read_keys(row.segment_key, row.feature_keys[i.name], i) for i in infos]
    return Features(np.concatenate([features.x for features in read], axis=1), read[0].times)
