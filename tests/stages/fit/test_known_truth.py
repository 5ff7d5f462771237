"""Tasks of which is known what can be reached, small enough for seconds."""

from dataclasses import replace

import numpy as np
from sklearn.metrics import roc_auc_score

from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.train import train_hilbert
from hilbert.stages.fit.withheld import without
from support.known_truth import needle, one_modality, redundant, withhold_text
from support.synthetic import SMALL, small_config

QUICK = small_config(epochs=4, inner_parts=0)
BLUNT = replace(QUICK, model=replace(SMALL, peaks=0))
"""Without detectors of single segments."""
TRAIN, TEST = np.arange(120), np.arange(120, 200)


def unseen_auc(documents: DocumentSet, config: TrainConfig, tested: DocumentSet) -> float:
    p = train_hilbert(documents, TRAIN, config, seed=0).predict_proba(tested)
    return float(roc_auc_score(tested.labels, p[:, 1]))


def test_evidence_in_one_segment_of_many_is_found() -> None:
    documents = needle(200, n_segments=60)
    tested = documents.take(TEST)
    assert unseen_auc(documents, QUICK, tested) > 0.95
    assert unseen_auc(documents, BLUNT, tested) < 0.8


def test_a_modality_that_tells_nothing_takes_nothing_from_the_other() -> None:
    documents = one_modality(200)
    alone = without(documents, "text")
    both = unseen_auc(documents, QUICK, documents.take(TEST))
    assert both > unseen_auc(alone, QUICK, alone.take(TEST)) - 0.03


def test_texts_that_are_missing_cost_little_where_audio_tells_too() -> None:
    documents = redundant(200, strength=0.4)
    lost = withhold_text(documents, 0.3)
    complete = unseen_auc(documents, QUICK, documents.take(TEST))
    assert unseen_auc(lost, QUICK, lost.take(TEST)) > complete - 0.06
    silent = without(documents.take(TEST), "text")
    assert unseen_auc(lost, QUICK, silent) > 0.8
