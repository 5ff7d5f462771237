"""Evidence in one segment: templates find it, and nothing is made of segments that tell nothing."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.fit_linear import fit_linear
from hilbert.stages.fit.linear import linear_experts
from hilbert.stages.fit.peaks import find_candidates, largest_responses
from support.known_truth import needle, one_modality
from support.synthetic import make_documents

DOCUMENTS = needle(120, n_segments=60)
TRAIN, TEST = np.arange(90), np.arange(90, 120)


def unseen_auc(documents: DocumentSet, peaks: int) -> float:
    """Of the linear experts on test documents."""
    experts, _ = fit_linear(documents, TRAIN, 0, peaks)
    assert experts is not None
    said = experts.log_probabilities(documents.take(TEST), documents.widths)
    return float(roc_auc_score(documents.labels[TEST], said[:, 1]))


def test_evidence_in_one_segment_is_found_and_pooled_statistics_do_not_see_it() -> None:
    assert unseen_auc(DOCUMENTS, 16) > 0.95
    assert unseen_auc(DOCUMENTS, 0) < 0.75


def test_experts_on_peaks_speak_only_where_they_fit_better() -> None:
    experts, said = fit_linear(DOCUMENTS, TRAIN, 0, 16)
    assert experts is not None
    assert experts.experts[0].name == "audio-peaks"
    assert (said[TRAIN].argmax(1) == DOCUMENTS.labels[TRAIN]).mean() > 0.9
    experts, _ = fit_linear(one_modality(120), TRAIN, 0, 16)
    assert experts is not None
    assert "peaks" not in experts.experts[0].name


def test_experts_on_peaks_are_kept_in_a_file() -> None:
    experts, _ = fit_linear(DOCUMENTS, TRAIN, 0, 16)
    assert experts is not None
    again = linear_experts(experts.state())
    assert [e.name for e in again.experts] == [e.name for e in experts.experts]
    assert np.array_equal(
        again.log_probabilities(DOCUMENTS, DOCUMENTS.widths),
        experts.log_probabilities(DOCUMENTS, DOCUMENTS.widths),
    )


def test_responses_are_the_largest_of_a_documents_segments() -> None:
    documents = replace(make_documents(3), audio=(*make_documents(3).audio[:2], None))
    templates = np.random.default_rng(0).standard_normal((6, 4))
    found = largest_responses(documents, "audio", templates)
    source = documents.audio[0]
    assert source is not None
    assert found[0] == pytest.approx((source.x.astype(np.float64) @ templates).max(0), abs=1e-4)
    assert np.isnan(found[2]).all()


def test_templates_are_of_fitted_documents_and_no_document_responds_to_its_own() -> None:
    found = find_candidates(DOCUMENTS, "audio", TRAIN, 0)
    assert found is not None
    own = found.responses[found.owner, np.arange(len(found.owner))]
    assert np.isnan(own).all()
    assert np.isnan(found.responses[TEST]).all()
    fitted = TRAIN[:50]
    chosen = found.best(DOCUMENTS.labels, fitted, 8)
    assert len(chosen) == 8
    assert set(found.owner[chosen]) <= set(fitted)


def test_other_documents_labels_do_not_choose_templates() -> None:
    found = find_candidates(DOCUMENTS, "audio", TRAIN, 0)
    assert found is not None
    changed = DOCUMENTS.labels.copy()
    changed[50:] = 1 - changed[50:]
    before, after = (found.best(y, TRAIN[:50], 8) for y in (DOCUMENTS.labels, changed))
    assert np.array_equal(before, after)


def test_modalities_that_no_document_has_and_single_segments_are_borne() -> None:
    documents = make_documents(8)
    silent = replace(documents, audio=(None,) * 8)
    assert find_candidates(silent, "audio", np.arange(8), 0) is None
    one = replace(documents, audio=(documents.audio[0], *(None,) * 7))
    found = find_candidates(one, "audio", np.arange(8), 0)
    assert found is not None
    assert len(found.best(one.labels, np.arange(8), 4)) <= 4
