"""Scores of subgroups: those of the same models on part of the documents."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hilbert.stages.fit.splits import SplitConfig, make_folds
from hilbert.stages.fit.subgroups import EMPTY, check_subgroups, subgroup_scores
from hilbert.store.errors import FitError
from support.synthetic import make_documents

DOCUMENTS = make_documents(60, per_group=2)
FOLDS = make_folds(DOCUMENTS.labels, DOCUMENTS.groups, SplitConfig(folds=3, repeats=1))
RNG = np.random.default_rng(0)
SCORES = 0.3 * DOCUMENTS.labels + 0.7 * RNG.random(60)
P = [np.stack([1 - SCORES[f.test], SCORES[f.test]], 1) for f in FOLDS]
VALUES = [None if i < 6 else "fm"[i % 3 == 0] for i in range(60)]


def test_each_value_has_its_documents_and_their_scores() -> None:
    found = subgroup_scores(DOCUMENTS, FOLDS, {"hilbert": P}, VALUES)
    assert list(found) == [EMPTY, "f", "m"]
    assert [found[v]["documents"] for v in found] == [6, 36, 18]
    assert found[EMPTY]["groups"] == 3
    assert found["m"]["documents_by_class"] == {"a": 9, "b": 9}
    own = np.array([v == "f" for v in VALUES])
    expected = [
        roc_auc_score(DOCUMENTS.labels[f.test[own[f.test]]], SCORES[f.test[own[f.test]]])
        for f in FOLDS
    ]
    scores = found["f"]["models"]["hilbert"]
    assert scores["auc_macro"] == pytest.approx(np.mean(expected))
    low, high = scores["auc_macro_ci"]
    assert low < scores["auc_macro"] < high


def test_a_subgroup_of_one_class_has_no_auc_and_says_so() -> None:
    values = ["only" if k else "rest" for k in DOCUMENTS.labels]
    scores = subgroup_scores(DOCUMENTS, FOLDS, {"m": P}, values)["only"]["models"]["m"]
    assert np.isnan(scores["auc_macro"])
    assert scores["undefined_folds"] == 3
    decided = np.concatenate([p.argmax(1)[DOCUMENTS.labels[f.test] == 1]
                              for f, p in zip(FOLDS, P, strict=True)])  # fmt: skip
    assert scores["balanced_accuracy"] == pytest.approx(decided.mean())


@pytest.mark.parametrize(
    ("values", "message"),
    [([None, None], "no document has a value"), ([str(i) for i in range(30)], "has 30 values")],
)
def test_columns_that_make_no_subgroups_are_refused(values: list[str | None], message: str) -> None:
    with pytest.raises(FitError, match=message):
        check_subgroups("age", values)
