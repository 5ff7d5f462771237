"""Held-out alignment: perfect, absent, and impossible retrieval."""

from dataclasses import replace

import numpy as np
import pytest

from hilbert.stages.fit.retrieval import measure_recall, recall_at_1
from hilbert.stages.fit.train import train_hilbert
from support.synthetic import make_documents, small_config


def test_equal_embeddings_find_each_other_and_shuffled_ones_do_not() -> None:
    x = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    assert recall_at_1(x, 3 * x) == 1.0
    assert recall_at_1(x, np.roll(x, 1, axis=0)) == 0.0


def test_unrelated_embeddings_are_at_chance() -> None:
    rng = np.random.default_rng(1)
    found = [recall_at_1(*rng.normal(size=(2, 20, 8)).astype(np.float32)) for _ in range(200)]
    assert np.mean(found) == pytest.approx(1 / 20, abs=0.02)


def test_only_documents_with_both_modalities_count() -> None:
    documents = make_documents(20)
    model = train_hilbert(documents, np.arange(20), small_config(epochs=1), seed=0)
    some = replace(documents, text=(None,) * 10 + documents.text[10:])
    recall = measure_recall(model, some)
    assert recall is not None
    assert recall.chance == 0.1
    assert measure_recall(model, replace(documents, text=(None,) * 20)) is None
