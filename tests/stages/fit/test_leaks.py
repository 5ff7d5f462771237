"""Nothing of a test fold crosses over: its documents may be anything, and no model changes.

Half of the test documents, and the unlabelled documents of their groups, are replaced by wild
features and other labels. What the models say of the other half, and of training documents
(which thresholds and temperatures are chosen on), must be the same to the last bit.
"""

from dataclasses import replace

import numpy as np
import pytest

from hilbert.stages.fit.baselines import make_baselines
from hilbert.stages.fit.crossval import HilbertModel, Job, Model, Work
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.metrics import evaluate
from hilbert.stages.fit.results import Result
from hilbert.stages.fit.split_kinds import SplitConfig, folds_of
from hilbert.stages.fit.splits import Fold
from hilbert.store.types import Features
from support.synthetic import make_documents, small_config

N = 48
UNLABELLED = [0, 5, 17, 30]
COLUMN = tuple("test" if (i // 3) % 4 == 0 else "train" for i in range(N))
KINDS = ("repeated", "leave-one-group-out", "column")


def some_documents() -> DocumentSet:
    """Groups of three; some documents have no label, in groups that have some."""
    documents = make_documents(N, per_group=3, n_classes=2, seed=3)
    labels = documents.labels.copy()
    labels[UNLABELLED] = -1
    return documents.with_labels(labels)


DOCUMENTS = some_documents()


def first_fold(kind: str) -> Fold:
    config = SplitConfig(folds=4, repeats=1, kind=kind)  # type: ignore[arg-type]
    folds = folds_of(DOCUMENTS, config, COLUMN)
    # one whose groups have unlabelled documents, which are the subtle leak
    return next(f for f in folds if set(UNLABELLED) - set(f.train.tolist()))


def perturbed(fold: Fold) -> tuple[DocumentSet, np.ndarray]:
    """Other features and labels outside the training part; and which test documents stay."""
    rng = np.random.default_rng(1)
    outside = np.setdiff1d(np.arange(N), fold.train)
    kept = fold.test[::2]
    labels = DOCUMENTS.labels.copy()
    streams = {"audio": list(DOCUMENTS.audio), "text": list(DOCUMENTS.text)}
    for i in np.setdiff1d(outside, kept):
        labels[i] = 1 - max(labels[i], 0)
        for stream in streams.values():
            stream[i] = wild(stream[i], rng)
    audio, text = (tuple(stream) for stream in streams.values())
    return replace(DOCUMENTS, labels=labels, audio=audio, text=text), kept


def wild(features: Features | None, rng: np.random.Generator) -> Features:
    assert features is not None
    x = 300 * rng.standard_normal(features.x.shape) + 500
    return Features(x.astype(np.float16), features.times)


def models(documents: DocumentSet) -> list[Model]:
    hilbert = HilbertModel(small_config(epochs=6, seeds_averaged=2))
    return [hilbert, *make_baselines(documents)]


def chosen(documents: DocumentSet, fold: Fold, result: Result) -> object:
    """Thresholds that a fold's evaluation uses, from the training documents."""
    metrics = evaluate(
        documents.labels, documents.groups, documents.classes, [fold], [result.probabilities],
        inner=[result.inner], resamples=2,
    )  # fmt: skip
    return {k: {r: p.threshold for r, p in points.items()}
            for k, points in metrics.operating_points.items()}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_no_group_is_on_both_sides(kind: str) -> None:
    config = SplitConfig(folds=4, repeats=2, kind=kind)  # type: ignore[arg-type]
    names = np.array(DOCUMENTS.groups)
    for fold in folds_of(DOCUMENTS, config, COLUMN):
        assert not set(names[fold.train]) & set(names[fold.test])
        assert (DOCUMENTS.labels[fold.test] != -1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_no_statistic_of_a_test_fold_crosses_over(kind: str) -> None:
    fold = first_fold(kind)
    other, kept = perturbed(fold)
    rows = np.isin(fold.test, kept)
    assert rows.any()
    assert not rows.all()
    for before, after in zip(models(DOCUMENTS), models(other), strict=True):
        a = Work(DOCUMENTS, [fold], [before], 7).run(Job(0, 0))
        b = Work(other, [fold], [after], 7).run(Job(0, 0))
        assert np.array_equal(a.probabilities[rows], b.probabilities[rows]), before.name
        if before.name == "majority":
            continue
        assert not np.array_equal(a.probabilities, b.probabilities), before.name
        assert a.inner is not None
        assert b.inner is not None
        assert np.array_equal(a.inner.documents, b.inner.documents)
        assert np.array_equal(a.inner.probabilities, b.inner.probabilities), before.name
        assert set(a.inner.documents) <= set(fold.train)
        assert chosen(DOCUMENTS, fold, a) == chosen(other, fold, b), before.name


def test_a_training_document_does_change_the_predictions() -> None:
    """The comparison can fail: the same perturbation, reaching one training document."""
    fold = first_fold("repeated")
    moved = Fold(0, 0, fold.train, fold.train[:1])
    other, _ = perturbed(Fold(0, 0, np.setdiff1d(np.arange(N), fold.train[:2]), fold.train[:2]))
    for before, after in zip(models(DOCUMENTS)[::4], models(other)[::4], strict=True):
        a = before.fit_predict(DOCUMENTS, moved.train, fold.test, 7)
        b = after.fit_predict(other, moved.train, fold.test, 7)
        assert not np.array_equal(a, b), before.name
