"""Batches gathered on the device are those that are padded on the processor."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hilbert.stages.fit import loop
from hilbert.stages.fit.batches import collate
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.resident import make_resident, may_reside, n_bytes
from hilbert.stages.fit.train import train_hilbert
from support.synthetic import make_documents, small_config


@pytest.fixture
def documents() -> DocumentSet:
    """Some lack a modality."""
    made = make_documents(12)
    return replace(made, audio=(None, *made.audio[1:]), text=(*made.text[:11], None))


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_the_same_batches(documents: DocumentSet, limit: int) -> None:
    resident = make_resident(documents, documents.widths, "cpu")
    for index in (np.arange(12), np.array([0]), np.array([11]), np.array([3, 0, 3, 11])):
        padded = collate(
            documents, index, documents.widths, limit=limit, rng=np.random.default_rng(1)
        )
        gathered = resident.collate(index, limit, np.random.default_rng(1))
        for modality in ("audio", "text"):
            one, two = getattr(padded, modality), getattr(gathered, modality)
            assert two.x.dtype == torch.float32
            assert torch.equal(one.x, two.x)
            assert torch.equal(one.mask, two.mask)
            assert torch.equal(one.times.nan_to_num(-1), two.times.nan_to_num(-1))


def test_the_same_network(documents: DocumentSet, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config(epochs=2)
    before = train_hilbert(documents, np.arange(12), config, seed=0).predict_proba(documents)
    made = []

    def reside(documents: DocumentSet, device: str) -> bool:
        made.append(device)
        return True

    monkeypatch.setattr(loop, "may_reside", reside)
    after = train_hilbert(documents, np.arange(12), config, seed=0).predict_proba(documents)
    assert made
    assert (before == after).all()


def test_where_they_may_lie(documents: DocumentSet, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not may_reside(documents, "cpu")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * n_bytes(documents), 0))
    assert may_reside(documents, "cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (2 * n_bytes(documents) - 1, 0))
    assert not may_reside(documents, "cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_on_a_gpu(documents: DocumentSet) -> None:
    config = replace(small_config(epochs=2), device="cuda")
    model = train_hilbert(documents, np.arange(12), config, seed=0)
    again = train_hilbert(documents, np.arange(12), config, seed=0)
    assert np.allclose(model.predict_proba(documents), again.predict_proba(documents), atol=1e-3)
