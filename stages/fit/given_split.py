"""Folds that the corpus gives in its column ``split``: train and test, or numbers of folds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.dataset import MISSING, DocumentSet
from hilbert.stages.fit.splits import Fold
from hilbert.store.errors import FitError

TRAINED = ("train", "validation", "dev")
TEST = "test"

_NEVER = -1
"""Part of a document that is in no test fold."""


def check_given(documents: DocumentSet, column: Sequence[str | None]) -> tuple[str, ...]:
    """Refuse a column that gives no sound split; warn of what it cannot show.

    Raises
    ------
    FitError
        If a value is unknown or missing, a group is on both sides, or a fold cannot be trained
        or tested; names it, and the mend.
    """
    warnings = []
    for fold in given_folds(documents, column):
        trained, tested = (_classes(documents, part) for part in (fold.train, fold.test))
        if len(trained) < 2 or tested - trained:
            lacking = min(tested - trained, default=None)
            what = "two classes" if lacking is None else f"class {documents.classes[lacking]}"
            raise FitError(
                f"the column split leaves no documents of {what} to train on in fold {fold.fold};"
                " move some of them, whole groups at a time, or use --splits repeated"
            )
        warnings += [
            f"no document of class {documents.classes[k]} is tested in fold {fold.fold} of the"
            " column split, so its AUC there is undefined and left out"
            for k in sorted(trained - tested)
        ]
    held = sum(_folded(value) in TRAINED[1:] for value in column)
    if held:
        warnings.append(
            f"{held} documents of the column split are for validation: they train, too, as what is"
            " chosen is chosen by splits of the training documents"
        )
    return tuple(warnings)


def given_folds(documents: DocumentSet, column: Sequence[str | None]) -> tuple[Fold, ...]:
    """The folds of a column; a document without a label is tested nowhere.

    Raises
    ------
    FitError
        As for `check_given`, but for the classes of a fold.
    """
    parts = _parts(documents, column)
    _check_groups(documents, parts, column)
    known, names = documents.strata != MISSING, np.asarray(documents.groups, dtype=object)
    folds = []
    for fold in range(parts.max() + 1):
        own = parts == fold
        test = np.flatnonzero(own & known)
        if not len(test):
            raise FitError(
                f"no document of fold {fold} of the column split has a label, so there is nothing"
                " to test; label one, or use --splits repeated"
            )
        # an unlabelled document of the test part has no part in the training, nor has its group
        folds.append(Fold(0, fold, np.flatnonzero(~np.isin(names, names[own])), test))
    return tuple(folds)


def _parts(documents: DocumentSet, column: Sequence[str | None]) -> NDArray[np.int64]:
    """Number of the fold that tests each document, -1 where none does."""
    values = [_folded(value) for value in column]
    found = {value for value in values if value}
    if not found:
        raise FitError(
            "the store knows no column split; add one to the corpus, run `hilbert extract` again"
            " (nothing is encoded twice), or use --splits repeated"
        )
    known = documents.strata != MISSING
    lacking = [i for i, value in enumerate(values) if not value and known[i]]
    if lacking:
        raise FitError(
            f"{len(lacking)} documents with a label have no value in the column split"
            f" (first: {documents.ids[lacking[0]]}); say of each where it belongs"
        )
    codes = _codes(found)
    for document, value in zip(documents.ids, values, strict=True):
        if value and value not in codes:
            raise FitError(
                f"document {document} has {value!r} in the column split; write train or test"
                " (validation and dev train, too), or in every row the number of a fold"
            )
    return np.array([codes.get(value, _NEVER) for value in values], dtype=np.int64)


def _codes(found: set[str]) -> dict[str, int]:
    """Fold of each value that may stand there: numbers, or words if there is one."""
    if all(value.isdecimal() for value in found):
        if len(found) < 2:
            raise FitError(
                "the column split has one number in all rows; it takes two folds, or train and test"
            )
        return {value: fold for fold, value in enumerate(sorted(found, key=int))}
    if TEST not in found and found <= set(TRAINED):
        raise FitError("no document has test in the column split, so there is nothing to test")
    return {TEST: 0, **dict.fromkeys(TRAINED, _NEVER)}


def _check_groups(
    documents: DocumentSet, parts: NDArray[np.int64], column: Sequence[str | None]
) -> None:
    """Refuse a group on two sides, also where only documents without a label are on one."""
    first: dict[str, int] = {}
    for i, group in enumerate(documents.groups):
        if not _folded(column[i]):
            continue
        other = first.setdefault(group, i)
        if parts[other] != parts[i]:
            raise FitError(
                f"group {group} is on two sides of the column split: document"
                f" {documents.ids[other]} has {_folded(column[other])}, {documents.ids[i]} has"
                f" {_folded(column[i])}; a group must be on one"
            )


def _classes(documents: DocumentSet, index: NDArray[np.int64]) -> set[int]:
    return set(documents.labels[index].tolist()) - {MISSING}


def _folded(value: str | None) -> str:
    return (value or "").strip().casefold()
