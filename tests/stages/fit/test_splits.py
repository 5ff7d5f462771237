"""Folds: no group crosses, every class where it can be, clear refusals."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.splits import (
    UNGROUPED,
    SplitConfig,
    check_classes,
    folds_digest,
    inner_splits,
    make_folds,
)
from hilbert.store.errors import FitError


def labelled(labels: list[int], groups: list[int] | None = None) -> DocumentSet:
    """Documents without features, as splits look at none."""
    n = len(labels)
    return DocumentSet(
        ids=tuple(f"d{i}" for i in range(n)),
        groups=tuple(f"g{g}" for g in (groups or range(n))),
        labels=np.array(labels),
        classes=("a", "b", "c"),
        audio=(None,) * n,
        text=(None,) * n,
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 9)), min_size=10, max_size=30))
def test_no_group_crosses_and_every_labelled_document_is_tested_once_a_repeat(
    drawn: list[tuple[int, int]],
) -> None:
    labels = np.array([label for label, _ in drawn])
    groups = [f"g{group}" for _, group in drawn]
    config = SplitConfig(folds=2, repeats=2)
    assume(len({group for label, group in drawn if label >= 0}) >= 2)
    assume(max(np.bincount(labels + 1)[1:], default=0) >= 2)
    folds = make_folds(labels, groups, config)
    names = np.array(groups)
    for fold in folds:
        assert not set(names[fold.train]) & set(names[fold.test])
        assert (labels[fold.test] != -1).all()
    for repeat in range(2):
        tested = np.concatenate([f.test for f in folds if f.repeat == repeat])
        assert sorted(tested) == np.flatnonzero(labels != -1).tolist()


def test_unlabelled_documents_train_only_away_from_their_group() -> None:
    documents = labelled([0, 1] * 10 + [-1], groups=[*range(20), 0])
    folds = make_folds(documents.labels, documents.groups, SplitConfig(repeats=1))
    for fold in folds:
        assert (20 in fold.train) is (0 not in fold.test)


def test_every_class_is_in_every_fold_where_it_has_enough_groups() -> None:
    rng = np.random.default_rng(0)
    for seed in range(10):
        sizes = rng.integers(1, 6, 25)
        groups = [f"g{g}" for g in np.repeat(np.arange(25), sizes)]
        labels = rng.integers(0, 2, sizes.sum())
        first = np.cumsum(sizes) - sizes
        labels[rng.choice(first, 5, replace=False)] = 2  # a rare class of just five groups
        for fold in make_folds(labels, groups, SplitConfig(repeats=1, seed=seed)):
            assert set(labels[fold.test]) == {0, 1, 2}


def test_seeds_and_repeats_give_different_folds_and_the_same_seed_the_same() -> None:
    documents = labelled([0, 1] * 20)

    def named(seed: int) -> str:
        folds = make_folds(documents.labels, documents.groups, SplitConfig(seed=seed))
        return folds_digest(folds, documents.ids)

    assert named(0) == named(0)
    assert named(0) != named(1)
    folds = make_folds(documents.labels, documents.groups, SplitConfig())
    assert folds[0].test.tolist() != folds[5].test.tolist()


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        ([0] * 10, None, "needs two classes"),
        ([0] * 10 + [1], None, "class b has one document (d10)"),
        ([0] * 10 + [1, 1], [*range(10), 10, 10], "class b (first: d10) are of one group"),
        ([0, 1] * 5, [0, 1, 2, 3, 0, 1, 2, 3, 0, 1], "Use --folds 4 or fewer"),
        ([0, 0, 0, 1, 1, 1], None, "Use --folds 3 or fewer"),
    ],
)
def test_labels_that_allow_no_evaluation_are_refused(
    labels: list[int], groups: list[int] | None, message: str
) -> None:
    with pytest.raises(FitError) as error:
        check_classes(labelled(labels, groups), SplitConfig())
    assert message in str(error.value)


def test_a_class_with_fewer_groups_than_folds_is_warned_of() -> None:
    documents = labelled([0] * 10 + [1] * 10 + [2] * 3)
    warning, ungrouped = check_classes(documents, SplitConfig())
    assert ungrouped == UNGROUPED
    assert "class c has 3 groups for 5 folds: at least 2 folds" in warning
    folds = make_folds(documents.labels, documents.groups, SplitConfig(repeats=1))
    assert sum(2 in documents.labels[fold.test] for fold in folds) == 3
    assert "over the other classes" in warning
    assert check_classes(labelled([0, 1] * 10), SplitConfig()) == (UNGROUPED,)
    pairs = [i // 2 for i in range(20)]
    assert check_classes(labelled([0, 0, 1, 1] * 5, pairs), SplitConfig()) == ()
    warning, _ = check_classes(labelled([0] * 10 + [1] * 3), SplitConfig())
    assert "so their AUC is undefined" in warning


def test_inner_splits_stay_inside_the_training_documents() -> None:
    labels = np.array([0, 1] * 10)
    groups = [f"g{i // 2}" for i in range(20)]
    train = np.arange(4, 20)
    splits = inner_splits(labels, groups, train, 5, seed=0)
    assert sorted(np.concatenate([test for _, test in splits])) == train.tolist()
    for fitted, test in splits:
        assert not {groups[i] for i in fitted} & {groups[i] for i in test}
    assert inner_splits(np.array([0, 1]), ["a", "a"], np.arange(2), 5, seed=0) == []


def test_inner_splits_never_fit_without_a_class() -> None:
    labels = np.array([0] * 18 + [1, 1])
    groups = [*(f"g{i}" for i in range(18)), "rare", "rare"]
    splits = inner_splits(labels, groups, np.arange(20), 5, seed=0)
    assert len(splits) == 4
    for fitted, _ in splits:
        assert set(labels[fitted]) == {0, 1}
    assert inner_splits(np.array([0, 0, 1, 1]), list("aabb"), np.arange(4), 5, seed=0) == []


@pytest.mark.parametrize("options", [{"folds": 1}, {"repeats": 0}, {"seed": -1}])
def test_split_options_are_checked(options: dict[str, int]) -> None:
    with pytest.raises(FitError, match="must be at least"):
        SplitConfig(**options)
