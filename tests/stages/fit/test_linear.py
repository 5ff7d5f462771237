"""The linear expert: equal to the baselines, blind to held-out documents, kept in a file."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.fit_linear import _fit, fit_linear
from hilbert.stages.fit.linear import LinearExperts, linear_experts, statistics
from hilbert.stages.fit.withheld import without
from hilbert.store.types import MODALITIES
from support.synthetic import make_documents

TRAIN, TEST = np.arange(30), np.arange(30, 40)


def fitted(documents: DocumentSet) -> LinearExperts:
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
    assert "audio" in fitted(make_documents(told_by="audio")).experts[0].modalities
    assert "text" in fitted(make_documents(told_by="text")).experts[0].modalities
    silent = replace(make_documents(told_by="text"), audio=(None,) * 40)
    assert [expert.name for expert in fitted(silent).experts] == ["text"]
    few = make_documents(4)
    expert, said = fit_linear(few, np.array([0, 1]), 0)  # too few to choose by
    assert expert is not None
    assert [e.name for e in expert.experts] == ["audio+text", "audio", "text"]
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


def test_a_document_without_a_modality_is_spoken_for_by_the_expert_of_the_other() -> None:
    documents = redundant()
    experts = fitted(documents)
    alone = {e.name: e for e in experts.experts}
    assert set(alone) >= {"audio", "text"}
    partly = replace(
        documents.take([30, 31, 32]),
        audio=(None, *documents.audio[31:33]),
        text=(documents.text[30], None, documents.text[32]),
    )
    found = experts.log_probabilities(partly, documents.widths)
    for i, expert in enumerate((alone["text"], alone["audio"], experts.experts[0])):
        assert np.array_equal(
            found[[i]], expert.log_probabilities(partly.take([i]), documents.widths)
        )


def test_either_modality_alone_still_tells_what_both_told() -> None:
    documents = redundant()
    experts, tested = fitted(documents), documents.take(TEST)
    for modality in MODALITIES:
        said = experts.log_probabilities(without(tested, modality), documents.widths)
        assert (said.argmax(1) == tested.labels).mean() >= 0.8


def test_training_documents_without_a_modality_bring_experts_of_each() -> None:
    documents = redundant()
    text = tuple(None if i % 3 == 0 else f for i, f in enumerate(documents.text))
    experts, said = fit_linear(replace(documents, text=text), TRAIN, 0)
    assert experts is not None
    assert {"audio", "text"} <= {e.name for e in experts.experts}
    assert (said[TRAIN].argmax(1) == documents.labels[TRAIN]).mean() > 0.8


def redundant() -> DocumentSet:
    """Audio and text both tell the label."""
    return replace(make_documents(), text=make_documents(told_by="text", seed=1).text)


def test_a_class_that_no_training_document_has_is_never_predicted() -> None:
    documents = make_documents(n_classes=3)
    two = documents.with_labels(np.where(documents.labels == 2, 0, documents.labels))
    p = np.exp(fitted(two).log_probabilities(two, two.widths))
    assert p[:, 2].max() < 1e-6
    one = documents.with_labels(np.zeros(40, dtype=np.int64))
    assert fit_linear(one, TRAIN, 0)[0] is None


def test_state_makes_the_same_expert_again() -> None:
    documents = redundant()
    expert = fitted(documents)
    again = linear_experts(dict(sorted(expert.state().items())))  # a file keeps no order
    assert [e.name for e in again.experts] == [e.name for e in expert.experts]
    assert np.array_equal(
        again.log_probabilities(documents, documents.widths),
        expert.log_probabilities(documents, documents.widths),
    )
