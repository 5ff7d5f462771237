"""One group at a time and given splits: what is tested, refused and left out of the key."""

import numpy as np
import pytest

from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.split_kinds import (
    SplitConfig,
    check_splits,
    folds_of,
    is_pooled,
    split_components,
)
from hilbert.stages.fit.splits import Fold, make_folds
from hilbert.store.errors import FitError

ALONE = SplitConfig(kind="leave-one-group-out")
GIVEN = SplitConfig(kind="column")
LABELS = [0, 1, 0, 1, 0, 1, 0, 1, -1, -1]
GROUPS = [0, 0, 1, 1, 2, 2, 3, 3, 3, 4]


def labelled(labels: list[int] | None = None, groups: list[int] | None = None) -> DocumentSet:
    """Documents without features, as splits look at none."""
    labels = LABELS if labels is None else labels
    n = len(labels)
    return DocumentSet(
        ids=tuple(f"d{i}" for i in range(n)),
        groups=tuple(f"g{g}" for g in (GROUPS if groups is None else groups)),
        labels=np.array(labels),
        classes=("a", "b", "c"),
        audio=(None,) * n,
        text=(None,) * n,
    )


def given(*values: str | None) -> tuple[Fold, ...]:
    documents = labelled()
    check_splits(documents, GIVEN, values)
    return folds_of(documents, GIVEN, values)


def test_each_group_with_a_label_is_tested_alone_and_its_unlabelled_documents_left_out() -> None:
    documents = labelled()
    (warning,) = check_splits(documents, ALONE, ())
    assert "predictions of all folds together" in warning
    folds = folds_of(documents, ALONE, ())
    assert [fold.test.tolist() for fold in folds] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert folds[3].train.tolist() == [0, 1, 2, 3, 4, 5, 9]
    assert is_pooled(ALONE)


def test_two_groups_are_too_few_to_leave_one_out() -> None:
    with pytest.raises(FitError, match="2 groups have a label"):
        check_splits(labelled([0, 1, 0, 1], [0, 0, 1, 1]), ALONE, ())


def test_train_and_test_are_one_fold_and_what_is_for_validation_trains() -> None:
    values = ["train", "Train", " test ", "test", "dev", "validation", "train", "train", None, ""]
    (fold,) = given(*values)
    assert fold.test.tolist() == [2, 3]
    assert fold.train.tolist() == [0, 1, 4, 5, 6, 7, 8, 9]
    (warning,) = check_splits(labelled(), GIVEN, values)
    assert warning.startswith("2 documents of the column split are for validation")


def test_numbers_are_folds_each_tested_once() -> None:
    folds = given("10", "10", "2", "2", "2", "2", "10", "10", "10", None)
    assert [fold.test.tolist() for fold in folds] == [[2, 3, 4, 5], [0, 1, 6, 7]]
    assert [fold.train.tolist() for fold in folds] == [[0, 1, 6, 7, 8, 9], [2, 3, 4, 5, 9]]


def test_documents_without_a_label_that_are_in_the_test_part_are_not_trained_on() -> None:
    (fold,) = given(*["train"] * 6, "test", "test", "test", "test")
    assert fold.test.tolist() == [6, 7]
    assert fold.train.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None] * 10, "knows no column split"),
        (["train"] * 7 + [None] * 3, "1 documents with a label have no value.*first: d7"),
        (["train"] * 9 + ["tset"], "document d9 has 'tset'"),
        (["train"] * 10, "no document has test"),
        (["0"] * 10, "one number in all rows"),
        (["0", "1"] * 5, "group g0 is on two sides.*d0 has 0, d1 has 1"),
        (["train"] * 6 + ["test"] * 2 + ["train"] * 2, "group g3 .*d6 has test, d8 has train"),
        (["train"] * 9 + ["test"], "no document of fold 0 .*has a label"),
    ],
)
def test_a_column_that_gives_no_sound_split_is_refused(
    values: list[str | None], message: str
) -> None:
    with pytest.raises(FitError, match=message):
        given(*values)


def test_classes_that_are_not_trained_are_refused_and_those_not_tested_warned_of() -> None:
    labels, groups = [0, 1, 0, 1, 2], [0, 1, 2, 3, 4]
    with pytest.raises(FitError, match="no documents of class c to train on"):
        check_splits(labelled(labels, groups), GIVEN, ["train"] * 3 + ["test"] * 2)
    values = ["test", "test", "train", "train", "train"]
    (warning,) = check_splits(labelled(labels, groups), GIVEN, values)
    assert "no document of class c is tested" in warning


def test_the_default_kind_is_as_it_was() -> None:
    assert split_components(SplitConfig()) == {"folds": 5, "repeats": 5, "seed": 0}
    assert split_components(ALONE) == {"seed": 0, "kind": "leave-one-group-out"}
    labels, groups = [0, 1] * 10, list(range(20))
    documents = labelled(labels, groups)
    own = folds_of(documents, SplitConfig(), ())
    before = make_folds(documents.labels, documents.groups, SplitConfig())
    for a, b in zip(own, before, strict=True):
        assert np.array_equal(a.test, b.test)
        assert np.array_equal(a.train, b.train)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(FitError, match="must be one of repeated"):
        SplitConfig(kind="random")  # type: ignore[arg-type]
