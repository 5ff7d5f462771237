"""Models on folds: leaks, equality of one and two processes, baselines at chance and above."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from hilbert.stages.fit.baselines import Logistic, Majority, make_baselines, pool, rotate
from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.crossval import HilbertModel, cross_validate
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.metrics import evaluate
from hilbert.stages.fit.splits import SplitConfig, make_folds
from hilbert.store.errors import FitError
from support.synthetic import make_documents, small_config

DOCUMENTS = make_documents(40, per_group=2)
FOLDS = make_folds(DOCUMENTS.labels, DOCUMENTS.groups, SplitConfig(folds=3, repeats=1))


def test_every_model_scores_every_fold_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    models = [HilbertModel(small_config(epochs=1)), *make_baselines(DOCUMENTS)]
    found = cross_validate(
        DOCUMENTS, FOLDS, models, progress=lambda done, n: told.append((done, n))
    )
    names = ["hilbert", "majority", "logistic_audio", "logistic_text", "logistic_both"]
    assert list(found.probabilities) == names
    assert len(found.recalls) == len(FOLDS)
    for parts in found.probabilities.values():
        assert [p.shape for p in parts] == [(len(f.test), 2) for f in FOLDS]
        assert np.concatenate(parts).sum(1) == pytest.approx(1.0)
    assert told == [(1, 3), (2, 3), (3, 3)]  # the fits of HILBERT: the others are quick
    told.clear()
    cross_validate(DOCUMENTS, FOLDS, models[1:], progress=lambda done, n: told.append((done, n)))
    assert told == [(i, 12) for i in range(1, 13)]


def test_two_processes_give_the_same_as_one() -> None:
    models = [HilbertModel(small_config(epochs=1)), *make_baselines(DOCUMENTS)]
    one = cross_validate(DOCUMENTS, FOLDS, models, seed=3)
    two = cross_validate(DOCUMENTS, FOLDS, models, seed=3, workers=2)
    for name, parts in one.probabilities.items():
        for a, b in zip(parts, two.probabilities[name], strict=True):
            assert np.array_equal(a, b), name
    assert one.recalls == two.recalls


def test_labels_of_the_test_documents_change_no_prediction() -> None:
    fold = FOLDS[0]
    labels = DOCUMENTS.labels.copy()
    labels[fold.test] = 1 - labels[fold.test]
    changed = DOCUMENTS.with_labels(labels)
    for model in (HilbertModel(small_config(epochs=1)), *make_baselines(DOCUMENTS)):
        before, after = (
            model.fit_predict(d, fold.train, fold.test, 0) for d in (DOCUMENTS, changed)
        )
        assert np.array_equal(before, after), model.name


def test_majority_predicts_the_training_frequencies() -> None:
    documents = DOCUMENTS.with_labels(np.array([0] * 30 + [1] * 8 + [-1] * 2))
    p = Majority().fit_predict(documents, np.arange(20, 40), np.arange(3), 0)
    assert p == pytest.approx(np.tile([10 / 18, 8 / 18], (3, 1)))


def test_logistic_regression_finds_the_label_where_it_is() -> None:
    found = cross_validate(DOCUMENTS, FOLDS, make_baselines(DOCUMENTS)).probabilities
    truth = np.concatenate([DOCUMENTS.labels[f.test] for f in FOLDS])
    auc = {n: roc_auc_score(truth, np.concatenate(p)[:, 1]) for n, p in found.items()}
    assert auc["logistic_audio"] > 0.95
    assert auc["logistic_both"] > 0.85
    assert auc["logistic_text"] < 0.8


def test_the_path_is_scikit_learns_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    documents = make_documents(60, n_classes=3)
    pooled = rng.standard_normal((60, 200)) + documents.labels[:, None] * 0.2
    train, test = np.arange(40), np.arange(40, 60)
    found = Logistic("x", pooled)._path(documents, train, test, (1e-3, 1e-1))
    scaler = StandardScaler().fit(pooled[train])
    for C, p in zip((1e-3, 1e-1), found, strict=True):
        plain = LogisticRegression(C=C, class_weight="balanced", tol=1e-8, max_iter=5000)
        plain.fit(scaler.transform(pooled[train]), documents.labels[train])
        assert p == pytest.approx(plain.predict_proba(scaler.transform(pooled[test])), abs=2e-3)


def test_rotation_keeps_inner_products() -> None:
    rng = np.random.default_rng(0)
    fitted, tested = rng.standard_normal((10, 50)), rng.standard_normal((4, 50))
    a, b = rotate(fitted, tested)
    assert a.shape == (10, 10)
    assert a @ a.T == pytest.approx(fitted @ fitted.T)
    assert b @ a.T == pytest.approx(tested @ fitted.T)


def test_pooled_features_are_mean_and_deviation_and_nan_where_missing() -> None:
    documents = replace(DOCUMENTS.take([0, 1]), audio=(DOCUMENTS.audio[0], None))
    pooled = pool(documents, "audio")
    source = documents.audio[0]
    assert source is not None
    x = source.x.astype(np.float64)
    assert pooled[0] == pytest.approx(np.concatenate([x.mean(0), x.std(0)]))
    assert np.isnan(pooled[1]).all()


def test_documents_that_lack_a_modality_are_scored_too() -> None:
    text = tuple(None if i % 2 else f for i, f in enumerate(DOCUMENTS.text))
    documents = replace(DOCUMENTS, text=text)
    for model in make_baselines(documents):
        p = model.fit_predict(documents, FOLDS[0].train, FOLDS[0].test, 0)
        assert np.isfinite(p).all(), model.name


def test_presence_informs_the_baseline_of_both_where_a_document_lacks_a_modality() -> None:
    both = np.concatenate([pool(DOCUMENTS, "audio"), pool(DOCUMENTS, "text")], axis=1)
    complete = make_baselines(DOCUMENTS)[-1]
    assert isinstance(complete, Logistic)
    assert np.array_equal(complete.pooled, both)
    text = tuple(None if k else f for k, f in zip(DOCUMENTS.labels, DOCUMENTS.text, strict=True))
    _, audio, _, partly = make_baselines(replace(DOCUMENTS, text=text))
    assert isinstance(audio, Logistic)
    assert isinstance(partly, Logistic)
    assert audio.pooled.shape[1] == pool(DOCUMENTS, "audio").shape[1]
    expected = np.stack([np.ones(40), 1 - DOCUMENTS.labels], axis=1)
    assert np.array_equal(partly.pooled[:, -2:], expected)


@pytest.mark.parametrize("n_rare", [0, 2])
def test_logistic_regression_bears_a_class_of_one_group_or_none(n_rare: int) -> None:
    rare = np.arange(40) < n_rare  # documents 0 and 1 are one group
    documents = DOCUMENTS.with_labels(rare.astype(np.int64))
    for model in make_baselines(documents)[1:]:
        p = model.fit_predict(documents, np.arange(30), np.arange(30, 40), 0)
        assert p.sum(axis=1) == pytest.approx(1.0)
        assert (p[:, 1] == 0).all() == (n_rare == 0)


def test_baselines_of_an_absent_modality_are_left_out() -> None:
    documents = replace(DOCUMENTS, text=(None,) * 40)
    assert [m.name for m in make_baselines(documents)] == ["majority", "logistic_audio"]


def test_permuted_labels_leave_logistic_regression_at_chance() -> None:
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(6):
        documents = DOCUMENTS.with_labels(rng.permutation(DOCUMENTS.labels))
        folds = make_folds(documents.labels, documents.groups, SplitConfig(folds=3, repeats=1))
        found = cross_validate(documents, folds, make_baselines(documents)[1:2]).probabilities
        metrics = evaluate(
            documents.labels, documents.groups, "ab", folds, found["logistic_audio"], resamples=2
        )
        scores.append(metrics.auc_macro)
    assert np.mean(scores) == pytest.approx(0.5, abs=0.1)


def test_hilbert_learns_what_no_linear_model_can() -> None:
    documents = make_documents(240, told_by="xor", seed=1)
    train, test = np.arange(180), np.arange(180, 240)
    hilbert = HilbertModel(small_config(epochs=50, inner_parts=0, lr=1e-2))
    auc = {
        model.name: roc_auc_score(
            documents.labels[test], model.fit_predict(documents, train, test, 0)[:, 1]
        )
        for model in (hilbert, make_baselines(documents)[-1])
    }
    assert auc["hilbert"] > 0.9
    assert auc["logistic_both"] < 0.65


def test_training_documents_without_a_modality_leave_its_baseline_undecided() -> None:
    documents = make_documents(20)
    documents = replace(documents, text=(*((None,) * 15), *documents.text[15:]))
    (baseline,) = (b for b in make_baselines(documents) if b.name == "logistic_text")
    p = baseline.fit_predict(documents, np.arange(15), np.arange(15, 20), 0)
    np.testing.assert_allclose(p, 0.5)


_SLEEPING = """
import os, sys, time
from pathlib import Path

import numpy as np

from hilbert.stages.fit.crossval import cross_validate
from hilbert.stages.fit.splits import SplitConfig, make_folds
from support.synthetic import make_documents


class Sleeper:
    name = "sleeper"

    def fit_predict(self, documents, train, test, seed):
        Path(sys.argv[1], str(os.getpid())).touch()
        time.sleep(600)
        return np.full((len(test), 2), 0.5)


if __name__ == "__main__":
    documents = make_documents(40)
    folds = make_folds(documents.labels, documents.groups, SplitConfig(folds=3, repeats=1))
    cross_validate(documents, folds, [Sleeper()], workers=2)
"""


def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    script, started = tmp_path / "sleeping.py", tmp_path / "started"
    script.write_text(_SLEEPING, encoding="utf-8")
    started.mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, str(script), str(started)], env=environment)
    try:
        _wait_until(lambda: len(list(started.iterdir())) == 2)
        workers = [psutil.Process(int(path.name)) for path in started.iterdir()]
        parent.kill()
        assert not psutil.wait_procs(workers, timeout=30)[1]
    finally:
        parent.kill()
        parent.wait()


class Failing:
    """A model of which the first fold fails, in one way or another, while the others are long."""

    name = "failing"

    def __init__(self, folder: Path, fail: Callable[[], object]) -> None:
        self.folder, self.fail = folder, fail

    def fit_predict(
        self, documents: DocumentSet, train: Index, test: Index, seed: int
    ) -> NDArray[np.float64]:
        (self.folder / str(test[0])).touch()
        if test[0] == FOLDS[0].test[0]:
            _wait_until(lambda: len(list(self.folder.iterdir())) == 2)
            self.fail()
        time.sleep(300)
        raise AssertionError("it should have been stopped")


def diverge() -> None:
    raise FitError("training diverged")


@pytest.mark.parametrize(
    ("fail", "message"), [(diverge, "diverged"), (os.abort, "a worker process was stopped")]
)
def test_what_is_not_done_is_not_waited_for_after_an_error(
    tmp_path: Path, fail: Callable[[], object], message: str
) -> None:
    started = time.monotonic()
    with pytest.raises(FitError, match=message):
        cross_validate(DOCUMENTS, FOLDS, [Failing(tmp_path, fail)], workers=2)
    assert time.monotonic() - started < 60


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
