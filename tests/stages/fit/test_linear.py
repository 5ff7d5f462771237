"""The linear expert: equal to the baselines, blind to held-out documents, kept in a file."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.linear import (
    LinearExpert,
    _fit,
    fit_linear,
    linear_expert,
    statistics,
)
from support.synthetic import make_documents

TRAIN, TEST = np.arange(30), np.arange(30, 40)


def fitted(documents: DocumentSet) -> LinearExpert:
    expert, _ = fit_linear(documents, TRAIN, 0)
    assert expert is not None
    return expert


@pytest.mark.parametrize("n_classes", [2, 3])
def test_an_expert_is_scikit_learns_logistic_regression(n_classes: int) -> None:
    documents = make_documents(60, n_classes=n_classes, strength=0.5)
    x = statistics(documents, ("audio",), documents.widths)
    train, test = np.arange(40), np.arange(40, 60)
    scaler = StandardScaler().fit(x[train])
    for C, expert in zip(
        (1e-2, 1e0), _fit(x, documents, train, ("audio",), (1e-2, 1e0)), strict=True
    ):
        plain = LogisticRegression(C=C, class_weight="balanced", tol=1e-8, max_iter=5000)
        plain.fit(scaler.transform(x[train]), documents.labels[train])
        found = np.exp(expert.log_probabilities(documents.take(test), documents.widths))
        assert found == pytest.approx(plain.predict_proba(scaler.transform(x[test])), abs=2e-3)


def test_the_modalities_that_tell_the_label_are_chosen() -> None:
    assert "audio" in fitted(make_documents(told_by="audio")).modalities
    assert "text" in fitted(make_documents(told_by="text")).modalities
    silent = replace(make_documents(told_by="text"), audio=(None,) * 40)
    assert fitted(silent).modalities == ("text",)
    few = make_documents(4)
    expert, said = fit_linear(few, np.array([0, 1]), 0)  # too few to choose by
    assert expert is not None
    assert expert.name == "audio+text"
    assert np.isnan(said).all()


def test_what_is_said_of_a_training_document_does_not_know_its_label() -> None:
    documents = make_documents(told_by="nothing")
    rng = np.random.default_rng(0)
    right = []
    for _ in range(10):
        labels = rng.permutation(documents.labels)
        _, said = fit_linear(documents.with_labels(labels), TRAIN, 0)
        assert np.isnan(said[TEST]).all()
        right.append((said[TRAIN].argmax(1) == labels[TRAIN]).mean())
    assert np.mean(right) < 0.65  # an expert that had seen them has nearly all right


def test_test_documents_change_nothing() -> None:
    documents = make_documents()
    changed = replace(
        documents,
        labels=np.where(np.arange(40) < 30, documents.labels, 1 - documents.labels),
        audio=documents.audio[:30] + documents.audio[:10],
        text=documents.text[:30] + (None,) * 10,
    )
    one, two = (fitted(d).state() for d in (documents, changed))
    assert all(np.array_equal(one[n], two[n]) for n in one)


def test_a_document_without_the_modality_is_taken_for_average() -> None:
    documents = make_documents()
    silent = replace(documents.take([0]), audio=(None,))
    found = fitted(documents).log_probabilities(silent, documents.widths)
    assert np.isfinite(found).all()
    assert found[0, 0] == pytest.approx(found[0, 1], abs=1.5)


def test_a_class_that_no_training_document_has_is_never_predicted() -> None:
    documents = make_documents(n_classes=3)
    two = documents.with_labels(np.where(documents.labels == 2, 0, documents.labels))
    p = np.exp(fitted(two).log_probabilities(two, two.widths))
    assert p[:, 2].max() < 1e-6
    one = documents.with_labels(np.zeros(40, dtype=np.int64))
    assert fit_linear(one, TRAIN, 0)[0] is None


def test_state_makes_the_same_expert_again() -> None:
    documents = make_documents()
    expert = fitted(documents)
    again = linear_expert(expert.name, expert.state())
    assert again.modalities == expert.modalities
    assert np.array_equal(
        again.log_probabilities(documents, documents.widths),
        expert.log_probabilities(documents, documents.widths),
    )
