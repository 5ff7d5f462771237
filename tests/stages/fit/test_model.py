"""Masks: what must not change an embedding does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hilbert.stages.fit.attention import TimeBias, time_gaps
from hilbert.stages.fit.batches import Batch, Stream, bounded_batches, collate, draw_view, withhold
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.model import Hilbert
from hilbert.stages.fit.pooling import AttentivePooling, masked_softmax, weighted_statistics
from hilbert.stages.fit.standardise import segment_moments
from hilbert.store.types import Features
from support.synthetic import SMALL, make_documents

EVERYONE = np.arange(8)


@pytest.fixture
def documents() -> DocumentSet:
    """Eight documents: one without audio, one without text, one without times."""
    found = make_documents(8)
    audio, text = list(found.audio), list(found.text)
    audio[1], text[2] = None, None
    untimed = audio[3]
    assert untimed is not None
    audio[3] = Features(untimed.x, np.full_like(untimed.times, np.nan))
    return replace(found, audio=tuple(audio), text=tuple(text))


@pytest.fixture
def network(documents: DocumentSet) -> Hilbert:
    torch.manual_seed(0)
    moments = [segment_moments(documents, EVERYONE, m) for m in ("audio", "text")]
    network = Hilbert(moments[0], moments[1], documents.targets, SMALL)
    for name, parameter in network.named_parameters():
        if "score" in name:  # weights that start at zero would hide a broken mask
            torch.nn.init.normal_(parameter)
    return network.eval()


def outputs(network: Hilbert, batch: Batch) -> torch.Tensor:
    """Everything the network says of each document, shape (n_documents, n)."""
    with torch.no_grad():
        embeddings, routed = network(batch)
    return torch.cat([embeddings.audio, embeddings.text, embeddings.joint, routed.logits], 1)


def pad(stream: Stream, n: int) -> Stream:
    """The stream with `n` segments of padding that hold large numbers."""
    b, _, dim = stream.x.shape
    return Stream(
        torch.cat([stream.x, torch.full((b, n, dim), 1e3)], 1),
        torch.cat([stream.mask, torch.zeros(b, n, dtype=torch.bool)], 1),
        torch.cat([stream.times, torch.zeros(b, n, 2)], 1),
    )


def test_padding_changes_nothing(network: Hilbert, documents: DocumentSet) -> None:
    batch = collate(documents, EVERYONE, documents.widths)
    padded = Batch(pad(batch.audio, 5), pad(batch.text, 3))
    assert torch.allclose(outputs(network, batch), outputs(network, padded), atol=1e-5)


def test_the_batch_changes_nothing(network: Hilbert, documents: DocumentSet) -> None:
    together = outputs(network, collate(documents, EVERYONE, documents.widths))
    order = np.array([3, 1, 7, 0, 2, 6, 5, 4])
    permuted = outputs(network, collate(documents, order, documents.widths))
    assert torch.allclose(together[order], permuted, atol=1e-5)
    alone = [outputs(network, collate(documents, np.array([i]), documents.widths)) for i in order]
    assert torch.allclose(together[order], torch.cat(alone), atol=1e-5)


def test_the_order_of_segments_changes_nothing(network: Hilbert, documents: DocumentSet) -> None:
    def backwards(stream: tuple[Features | None, ...]) -> tuple[Features | None, ...]:
        return tuple(f and Features(f.x[::-1], f.times[::-1]) for f in stream)

    turned = replace(documents, audio=backwards(documents.audio), text=backwards(documents.text))
    expected = outputs(network, collate(documents, EVERYONE, documents.widths))
    found = outputs(network, collate(turned, EVERYONE, documents.widths))
    assert torch.allclose(expected, found, atol=1e-5)


def test_times_matter_to_the_joint_embedding_alone(
    network: Hilbert, documents: DocumentSet
) -> None:
    batch = collate(documents, EVERYONE, documents.widths)
    later = Batch(replace(batch.audio, times=batch.audio.times + 60.0), batch.text)
    with torch.no_grad():
        before, after = network.embed(batch), network.embed(later)
    assert torch.equal(before.audio, after.audio)
    assert torch.equal(before.text, after.text)
    moved = (before.joint - after.joint).abs().amax(1) > 1e-6
    # not where audio, text or the times are missing
    assert moved.tolist() == [True, False, False, False, True, True, True, True]


def test_a_missing_modality_is_zero_and_the_joint_embedding_is_not(
    network: Hilbert, documents: DocumentSet
) -> None:
    with torch.no_grad():
        found = network.embed(collate(documents, EVERYONE, documents.widths))
    assert found.present.tolist()[:3] == [[True, True], [False, True], [True, False]]
    assert (found.audio[1] == 0).all()
    assert (found.text[2] == 0).all()
    assert (found.joint.abs().sum(1) > 0).all()


def test_no_information_crosses_into_the_modality_embeddings(
    network: Hilbert, documents: DocumentSet
) -> None:
    batch = collate(documents, EVERYONE, documents.widths)
    other = Batch(batch.audio, replace(batch.text, x=batch.text.x + 1.0))
    with torch.no_grad():
        before, after = network.embed(batch), network.embed(other)
    assert torch.equal(before.audio, after.audio)
    assert not torch.allclose(before.joint, after.joint)


def test_gradients_are_finite_with_missing_modalities(
    network: Hilbert, documents: DocumentSet
) -> None:
    embeddings, routed = network.train()(collate(documents, EVERYONE, documents.widths))
    (routed.logits.sum() + embeddings.joint.sum()).backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(g).all() for g in gradients)


def test_projection_standardises_before_it_projects(
    network: Hilbert, documents: DocumentSet
) -> None:
    part = network.project_audio
    batch = collate(documents, EVERYONE, documents.widths)
    expected = part.project((batch.audio.x - part.mean) / part.deviation)
    assert torch.allclose(part(batch.audio), expected, atol=1e-5)


def test_pooled_statistics_are_the_weighted_mean_and_deviation() -> None:
    x, weights = torch.randn(1, 6, 3), torch.rand(1, 6, 1)
    weights = weights / weights.sum()
    mean, deviation = weighted_statistics(x, weights)
    flat, w = x[0].numpy(), weights[0, :, 0].numpy()
    expected = np.average(flat, axis=0, weights=w)
    variance = np.average((flat - expected) ** 2, axis=0, weights=w)
    assert mean[0, 0].numpy() == pytest.approx(expected, abs=1e-6)
    assert deviation[0, 0].numpy() == pytest.approx(np.sqrt(variance + 1e-4), abs=1e-5)


def test_masked_softmax_gives_padding_nothing_and_an_empty_row_zeros() -> None:
    mask = torch.tensor([[True, True, False], [False, False, False]])
    weights = masked_softmax(torch.randn(2, 3, 2), mask)
    assert torch.allclose(weights[0].sum(0), torch.ones(2))
    assert (weights[0, 2] == 0).all()
    assert (weights[1] == 0).all()


@pytest.mark.parametrize("pooling", ["statistics", "mean"])
def test_pooling_starts_from_the_plain_mean(pooling: str) -> None:
    pool = AttentivePooling(4, 2, pooling, 0, 0.0)  # type: ignore[arg-type]
    x, mask = torch.randn(1, 5, 4), torch.ones(1, 5, dtype=torch.bool)
    weights = masked_softmax(pool.score(x), mask)
    assert torch.allclose(weights, torch.full((1, 5, 2), 0.2))


def test_time_gaps_are_zero_at_overlap_and_where_unknown() -> None:
    nan = float("nan")
    queries = torch.tensor([[[0.0, 2.0], [5.0, 6.0], [nan, nan]]])
    keys = torch.tensor([[[1.0, 3.0], [8.0, 9.0]]])
    assert time_gaps(queries, keys).tolist() == [[[0.0, 6.0], [2.0, 2.0], [0.0, 0.0]]]
    bias = TimeBias(3)(queries, keys)
    assert bias.shape == (1, 3, 3, 2)
    assert (bias[:, 0] == 0).all()  # the first head starts from content alone
    assert bias[0, 2, 1, 0].item() == pytest.approx(-2 * np.log(3.0))


@pytest.mark.parametrize("knows_time", [True, False])
def test_what_was_said_at_another_time_is_attended_to_less(
    documents: DocumentSet, knows_time: bool
) -> None:
    torch.manual_seed(0)
    moments = [segment_moments(documents, EVERYONE, m) for m in ("audio", "text")]
    config = replace(SMALL, time_bias=knows_time)
    network = Hilbert(moments[0], moments[1], documents.targets, config).eval()
    batch = collate(documents, EVERYONE, documents.widths)
    late = replace(batch, text=replace(batch.text, times=batch.text.times + 1000.0))
    with torch.no_grad():
        now, then = network.embed(batch), network.embed(late)
    assert torch.equal(now.audio, then.audio)
    assert torch.equal(now.text, then.text)
    assert torch.equal(now.joint, then.joint) != knows_time


def test_views_keep_a_part_of_every_document(documents: DocumentSet) -> None:
    torch.manual_seed(0)
    batch = collate(documents, EVERYONE, documents.widths)
    for _ in range(20):
        view = draw_view(batch, 0.5)
        for full, drawn in ((batch.audio, view.audio), (batch.text, view.text)):
            assert not (drawn.mask & ~full.mask).any()
            n, kept = full.mask.sum(1), drawn.mask.sum(1)
            assert (kept >= torch.floor(0.5 * n)).all()
            assert torch.equal(drawn.present, full.present)
    assert torch.equal(draw_view(batch, 1.0).audio.mask, batch.audio.mask)


def test_two_views_differ(documents: DocumentSet) -> None:
    torch.manual_seed(0)
    batch = collate(documents, EVERYONE, documents.widths)
    first, second = draw_view(batch, 0.5), draw_view(batch, 0.5)
    assert not torch.equal(first.audio.mask, second.audio.mask)


def test_long_documents_are_limited_and_keep_their_times() -> None:
    documents = make_documents(2)
    rng = np.random.default_rng(0)
    batch = collate(documents, np.arange(2), documents.widths, limit=2, rng=rng)
    assert batch.audio.x.shape[1] == 2
    source = documents.audio[0]
    assert source is not None
    rows = [source.x.astype(np.float32).tolist().index(x) for x in batch.audio.x[0].tolist()]
    assert batch.audio.times[0].tolist() == source.times[rows].tolist()


def test_bounded_batches_cover_everyone_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = make_documents(10)
    monkeypatch.setattr("hilbert.stages.fit.batches.MAX_CELLS", 100)
    batches = list(bounded_batches(documents, 4))
    assert np.concatenate(batches).tolist() == list(range(10))
    assert max(map(len, batches)) <= 4
    for index in batches:
        batch = collate(documents, index, documents.widths)
        cells = len(index) * batch.audio.x.shape[1] * batch.text.x.shape[1]
        assert len(index) == 1 or cells <= 100


def test_peaks_report_one_segment_among_many_and_never_padding() -> None:
    torch.manual_seed(0)
    pool = AttentivePooling(4, 2, "statistics", 3, 0.0).eval()
    x = torch.zeros(2, 300, 4)
    x[0, 137], x[1, 299] = 50.0, 50.0
    mask = torch.ones(2, 300, dtype=torch.bool)
    mask[1, 299] = False
    (peaks,) = pool._peaks(x, mask)
    assert pool.detect is not None
    expected = torch.maximum(pool.detect(x[0, 137]), pool.detect(x[0, 0]))
    assert torch.allclose(peaks[0], expected)
    assert torch.allclose(peaks[1], pool.detect(x[0, 0]))
    assert (pool(x, torch.zeros_like(mask)) == 0).all()


def test_withheld_modalities_are_about_as_many_as_asked_and_never_both() -> None:
    torch.manual_seed(0)
    documents = replace(make_documents(400), text=(None, *make_documents(400).text[1:]))
    batch = collate(documents, np.arange(400), documents.widths)
    less = withhold(batch, 0.4)
    assert (less.audio.present | less.text.present).all()
    assert less.audio.present[0]  # the only one it has
    for stream in (less.audio, less.text):
        assert 0.7 < stream.present.float().mean() < 0.9
    assert withhold(batch, 0.0) is batch
