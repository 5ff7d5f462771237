"""The kinds of splits: repeated group folds, one group at a time, or those of the corpus."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.config import SplitConfig
from hilbert.stages.fit.dataset import MISSING, DocumentSet
from hilbert.stages.fit.given_split import check_given, given_folds
from hilbert.stages.fit.splits import Fold, check_classes, check_labels, make_folds
from hilbert.store.errors import FitError

Column = Sequence[str | None]
"""What the corpus's column split says of each document."""

LEAST_GROUPS = 3
"""Of a leave-one-group-out: with two, each model is trained on a single group."""


def check_splits(documents: DocumentSet, config: SplitConfig, column: Column) -> tuple[str, ...]:
    """Refuse labels, groups or a column that no evaluation can be built on.

    Returns
    -------
    tuple of str
        Sentences on what is weak about the evaluation.

    Raises
    ------
    FitError
        Says which class, group or document, and the mend.
    """
    if not documents.further:
        return _check_question(documents, config, column)
    largest = int(np.unique(documents.strata, return_counts=True)[1].max(initial=0))
    if config.kind == "repeated" and largest < config.folds:
        raise FitError(
            f"the labels are too rare for {config.folds} folds: not {config.folds} documents have"
            " the same. Use fewer --folds"
        )
    several = [
        f"{question.target}: {sentence}"
        for question in documents.questions
        for sentence in _check_one_of_several(documents.only(question), config, column)
    ]
    names = [target.name for target in documents.targets]
    if len(names) > 1 and config.kind == "repeated":
        several.append(
            f"folds keep the classes of {names[0]} in proportion; of documents without a label of"
            f" it those of {', '.join(names[1:])}"
        )
    return tuple(dict.fromkeys(several))


def _check_one_of_several(
    documents: DocumentSet, config: SplitConfig, column: Column
) -> tuple[str, ...]:
    try:
        return _check_question(documents, config, column)
    except FitError as error:
        raise FitError(f"{documents.target}: {error}") from None


def folds_of(documents: DocumentSet, config: SplitConfig, column: Column) -> tuple[Fold, ...]:
    """The folds of documents that `check_splits` let pass."""
    if config.kind == "repeated":
        return make_folds(documents.strata, documents.groups, config)
    if config.kind == "column":
        return given_folds(documents, column)
    return _leave_one_group_out(documents)


def is_pooled(config: SplitConfig) -> bool:
    """Whether scores are of all folds of a repeat together, not means over folds."""
    return config.kind == "leave-one-group-out"


def split_components(config: SplitConfig) -> dict[str, Any]:
    """What of the options decides the numbers of a fit; the kind only where it is no default."""
    found: Mapping[str, Any] = asdict(config)
    unused = ("kind",) if config.kind == "repeated" else ("folds", "repeats")
    return {name: value for name, value in found.items() if name not in unused}


def _tested_groups(documents: DocumentSet) -> list[str]:
    names = _names(documents)
    return sorted(set(names[documents.strata != MISSING]))


def _leave_one_group_out(documents: DocumentSet) -> tuple[Fold, ...]:
    """One fold a group that has a label; its documents without one are left out of it."""
    names, known = _names(documents), documents.strata != MISSING
    return tuple(
        Fold(0, fold, np.flatnonzero(names != group), np.flatnonzero((names == group) & known))
        for fold, group in enumerate(_tested_groups(documents))
    )


def _names(documents: DocumentSet) -> NDArray[np.object_]:
    return np.asarray(documents.groups, dtype=object)


def _check_question(documents: DocumentSet, config: SplitConfig, column: Column) -> tuple[str, ...]:
    if config.kind == "repeated":
        return check_classes(documents, config)
    if config.kind == "column":
        return check_given(documents, column)
    check_labels(documents)
    n_groups = len(_tested_groups(documents))
    if n_groups < LEAST_GROUPS:
        raise FitError(
            f"{n_groups} groups have a label, too few to leave out one at a time."
            " Use --splits repeated --folds 2, or name more groups in the corpus"
        )
    return (
        f"each of {n_groups} groups is tested alone, and the AUC is of the predictions of all folds"
        " together, as few groups hold two classes. Scores of different models are then ranked"
        " among each other, which counts against every model: one without a class's documents"
        " deems it rarer. The score of majority, which knows nothing, shows by how much",
    )
