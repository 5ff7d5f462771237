"""Repeated stratified group folds, and splits inside their training groups."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.config import SplitConfig
from hilbert.stages.fit.dataset import MISSING, DocumentSet
from hilbert.store.errors import FitError
from hilbert.store.keys import digest

Index = NDArray[np.int64]
SHUFFLES = 20
"""Shuffles tried at most for a repeat, see `_full_split`."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One train/test split.

    Attributes
    ----------
    repeat, fold : int
    train, test : int64 array
        Sorted indices of documents. Every test document has a label; training documents may
        have none.
    """

    repeat: int
    fold: int
    train: Index
    test: Index


UNGROUPED = (
    "each document is a group of its own: if several are of one speaker or family, name it in the"
    " column group, or they stand on both sides of a split"
)
"""What is told where nothing is grouped."""


def check_classes(documents: DocumentSet, config: SplitConfig) -> tuple[str, ...]:
    """Refuse labels and groups that no evaluation can be built on; warn of those that are weak.

    Returns
    -------
    tuple of str
        One sentence for each class that cannot be in every test fold; one where nothing is grouped.

    Raises
    ------
    FitError
        If fewer than two classes have documents, a class has one document or one group, or
        there are fewer groups than folds; says which, how many, and the mend.
    """
    groups = check_labels(documents)
    counts, found = Counter(documents.labels.tolist()), list(groups)
    n_groups = len(set().union(*groups.values()))
    if n_groups < config.folds:
        raise FitError(
            f"{n_groups} groups cannot be split into {config.folds} folds. "
            f"Use --folds {n_groups} or fewer."
        )
    largest = max(counts[k] for k in found)
    if largest < config.folds:
        raise FitError(
            f"no class has more than {largest} documents, too few for {config.folds} folds. "
            f"Use --folds {largest} or fewer."
        )
    short = [k for k in found if len(groups[k]) < config.folds]
    effect = _effect_of_absence(len(found))
    weak = (_shortage(documents.classes[k], len(groups[k]), config.folds, effect) for k in short)
    return (*weak, *([UNGROUPED] if n_groups == sum(counts[k] for k in found) else []))


def check_labels(documents: DocumentSet) -> dict[int, set[str]]:
    """Refuse labels that cannot be trained and tested at once; the groups of each class.

    Raises
    ------
    FitError
        If fewer than two classes have documents, or a class has one document or one group.
    """
    counts = Counter(documents.labels.tolist())
    found = [k for k in range(documents.n_classes) if counts[k]]
    if len(found) < 2:
        named = f"the target {documents.target}" if documents.target else "the target"
        only = f", {documents.classes[found[0]]}, in all of its documents" if found else ""
        raise FitError(f"{named} needs two classes with documents, it has {len(found)}{only}.")
    groups = {k: _groups_of(documents, k) for k in found}
    for k in found:
        _check_class(documents, k, counts[k], len(groups[k]))
    return groups


def make_folds(
    labels: NDArray[np.int64], groups: Sequence[str], config: SplitConfig
) -> tuple[Fold, ...]:
    """Repeated stratified group k-fold.

    A document without a label is tested nowhere, and trains in the folds whose test part
    holds no document of its group.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,)
        -1 where missing.
    groups : sequence of str
        One a document.
    config : SplitConfig

    Returns
    -------
    tuple of Fold
        ``repeats * folds`` of them, the folds of one repeat together.
    """
    names = np.asarray(groups, dtype=object)
    known = np.flatnonzero(labels != MISSING)
    folds = []
    for repeat in range(config.repeats):
        parts = _full_split(labels[known], names[known], config.folds, (config.seed, repeat))
        for fold, part in enumerate(parts):
            test = known[part]
            train = np.flatnonzero(~np.isin(names, names[test]))
            folds.append(Fold(repeat, fold, train, test))
    return tuple(folds)


def folds_digest(folds: Sequence[Fold], ids: Sequence[str]) -> str:
    """Digest of which documents are tested, and trained on, in which fold."""
    return digest(
        "folds",
        [[f.repeat, f.fold, [ids[i] for i in f.train], [ids[i] for i in f.test]] for f in folds],
    )


def inner_splits(
    labels: NDArray[np.int64],
    groups: Sequence[str],
    train: Index,
    n_parts: int,
    seed: int,
    answers: NDArray[np.int64] | None = None,
) -> list[tuple[Index, Index]]:
    """Stratified group splits of the training documents, to choose an option by.

    Parameters
    ----------
    labels : int64 array of shape (n_documents,)
        By what documents are dealt out; -1 where missing.
    groups : sequence of str
        One a document.
    train : int64 array
    n_parts, seed : int
    answers : int64 array of shape (n_documents, n_questions), optional
        Labels of which a fitted part must lack none; `labels` by default.

    Returns
    -------
    list of (fitted, validated)
        Index pairs of documents with a label, `n_parts` of them or as many as the groups and
        the largest class allow, but those whose fitted part would lack a class of the training
        documents; empty where not even two parts are possible.
    """
    names = np.asarray(groups, dtype=object)
    known = train[labels[train] != MISSING]
    n_parts = min(n_parts, _most_parts(labels[known], names[known]))
    if n_parts < 2:
        return []
    parts = _full_split(labels[known], names[known], n_parts, (seed,))
    splits = [(np.delete(known, part), known[part]) for part in parts]
    asked = labels[:, None] if answers is None else answers
    return [s for s in splits if _n_classes(asked[s[0]]) == _n_classes(asked[known])]


def _n_classes(answers: NDArray[np.int64]) -> int:
    """How many classes of all questions have a document."""
    return sum(len(np.unique(labels[labels != MISSING])) for labels in answers.T)


def _most_parts(labels: NDArray[np.int64], groups: NDArray[np.object_]) -> int:
    """Parts into which documents can be split at most."""
    largest = np.unique(labels, return_counts=True)[1].max(initial=0)
    return min(int(largest), len(set(groups)))


def _groups_of(documents: DocumentSet, label: int) -> set[str]:
    return {g for g, k in zip(documents.groups, documents.labels, strict=True) if k == label}


def _check_class(documents: DocumentSet, label: int, n_documents: int, n_groups: int) -> None:
    name = documents.classes[label]
    only = documents.ids[int(np.flatnonzero(documents.labels == label)[0])]
    mend = "Drop or merge the class, or add documents of it from other groups."
    if n_documents == 1:
        raise FitError(f"class {name} has one document ({only}), so none to test it with. {mend}")
    if n_groups == 1:
        raise FitError(
            f"all {n_documents} documents of class {name} (first: {only}) are of one group, "
            f"so it is never trained and tested at once. {mend}"
        )


def _shortage(name: str, n_groups: int, folds: int, effect: str) -> str:
    return (
        f"class {name} has {n_groups} groups for {folds} folds: at least {folds - n_groups} "
        f"folds of each repeat test no document of it, {effect}. --folds {n_groups} avoids that."
    )


def _effect_of_absence(n_classes: int) -> str:
    """What becomes of the AUC of a fold that tests no document of one class."""
    if n_classes == 2:
        return "so their AUC is undefined and left out"
    return "and average their AUC over the other classes"


def _full_split(
    labels: NDArray[np.int64], groups: NDArray[np.object_], n_parts: int, seed: tuple[int, ...]
) -> list[Index]:
    """Test parts of the first shuffle that puts every class in every part that it could be in.

    A shuffled `StratifiedGroupKFold` deals groups out greedily, in random order: 1 shuffle in
    200 left a part without a class of five groups. Choosing by label counts leaks nothing.
    """
    seeds = np.random.SeedSequence(seed).generate_state(SHUFFLES)
    unavoidable = sum(max(0, n_parts - len(set(groups[labels == k]))) for k in np.unique(labels))
    fewest: tuple[int, list[Index]] = (len(labels) * n_parts, [])
    for shuffle in seeds:
        parts = _split(labels, groups, n_parts, int(shuffle))
        missed = sum(len(np.unique(labels)) - len(np.unique(labels[part])) for part in parts)
        if missed < fewest[0]:
            fewest = missed, parts
        if missed <= unavoidable:
            break
    return fewest[1]


def _split(
    labels: NDArray[np.int64], groups: NDArray[np.object_], n_parts: int, seed: int
) -> list[Index]:
    from sklearn.model_selection import StratifiedGroupKFold  # seconds, and most calls do not split

    splitter = StratifiedGroupKFold(n_parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # `check_classes` says the same, with the names and the mend
        warnings.filterwarnings("ignore", message="The least populated class")
        return [test for _, test in splitter.split(labels, labels, groups)]
