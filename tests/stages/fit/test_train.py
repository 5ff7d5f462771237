"""Training: determinism, leaks, missing modalities, state."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from hilbert.stages.fit.config import ObjectiveConfig, TrainConfig, train_config_from_dict
from hilbert.stages.fit.train import train_hilbert
from hilbert.stages.fit.trained import from_state
from hilbert.store.errors import FitError
from hilbert.store.types import Features
from support.synthetic import SMALL, make_documents, small_config

TRAIN = np.arange(30)
TEST = np.arange(30, 40)


def test_the_same_seed_gives_the_same_model_and_another_seed_another() -> None:
    documents = make_documents()
    first, again, other = (
        train_hilbert(documents, TRAIN, small_config(), seed=seed).predict_proba(documents)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_training_leaves_the_callers_random_state_and_threads_alone() -> None:
    documents = make_documents()
    torch.manual_seed(0)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    train_hilbert(documents, TRAIN, small_config(epochs=1), seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_nothing_of_the_test_documents_reaches_the_model() -> None:
    documents = make_documents()
    changed = replace(
        documents,
        labels=np.where(np.arange(40) < 30, documents.labels, 1 - documents.labels),
        audio=documents.audio[:30] + documents.audio[:10],
        text=documents.text[:30] + (None,) * 10,
    )
    models = [train_hilbert(d, TRAIN, small_config(), seed=1) for d in (documents, changed)]
    for name, tensor in models[0].state().items():
        assert torch.equal(tensor, models[1].state()[name]), name


def test_probabilities_sum_to_one_and_learn_the_label() -> None:
    documents = make_documents(60)
    config = small_config(epochs=15, seeds_averaged=2)
    model = train_hilbert(documents, np.arange(40), config, seed=1)
    p = model.predict_proba(documents.take(range(40, 60)))
    assert p.dtype == np.float64
    assert p.sum(1) == pytest.approx(1.0, abs=1e-12)
    assert roc_auc_score(documents.labels[40:], p[:, 1]) > 0.9


def test_state_makes_the_same_model_again() -> None:
    documents = make_documents()
    model = train_hilbert(documents, TRAIN, small_config(seeds_averaged=2), seed=1)
    config = train_config_from_dict(asdict(model.config))
    again = from_state(model.state(), documents.targets, config)
    assert np.array_equal(model.predict_proba(documents), again.predict_proba(documents))
    with pytest.raises(FitError, match="network 2 do not fit"):
        from_state(model.state(), documents.targets, replace(config, seeds_averaged=3))


@pytest.mark.parametrize("absent", ["audio", "text"])
def test_one_modality_alone_is_enough(absent: str) -> None:
    told_by = "text" if absent == "audio" else "audio"
    documents = replace(make_documents(60, told_by=told_by), **{absent: (None,) * 60})
    model = train_hilbert(documents, np.arange(40), small_config(epochs=15), seed=1)
    p = model.predict_proba(documents.take(range(40, 60)))
    assert roc_auc_score(documents.labels[40:], p[:, 1]) > 0.9
    assert set(model.curves[0]) == {"task", "load"}  # nothing to align


def test_documents_that_lack_a_modality_are_trained_on_and_predicted() -> None:
    documents = make_documents(40)
    audio = tuple(None if i % 3 == 0 else f for i, f in enumerate(documents.audio))
    text = tuple(None if i % 3 == 1 else f for i, f in enumerate(documents.text))
    documents = replace(documents, audio=audio, text=text)
    model = train_hilbert(documents, TRAIN, small_config(), seed=1)
    assert np.isfinite(model.predict_proba(documents)).all()
    only_audio = replace(documents.take([1, 4]), text=(None, None))
    assert np.isfinite(model.predict_proba(only_audio)).all()


def test_predicting_features_of_another_width_is_refused() -> None:
    model = train_hilbert(make_documents(), TRAIN, small_config(epochs=1), seed=1)
    with pytest.raises(FitError, match="audio features have width 5"):
        model.predict_proba(make_documents(4, audio_dim=5))


def test_a_diverged_training_is_said() -> None:
    model = train_hilbert(make_documents(), TRAIN, small_config(epochs=1), seed=1)
    with torch.no_grad():
        next(model.networks[0].classifier.parameters()).fill_(torch.nan)
    with pytest.raises(FitError, match="training diverged; lower --lr or --weight-decay"):
        model.predict_proba(make_documents(4))


def test_predictions_do_not_depend_on_the_other_documents() -> None:
    documents = make_documents()
    model = train_hilbert(documents, TRAIN, small_config(), seed=1)
    together = model.predict_proba(documents)
    alone = [model.predict_proba(documents.take([i])) for i in TEST]
    assert np.concatenate(alone) == pytest.approx(together[TEST], abs=1e-5)


def test_unlabelled_documents_train_the_alignment() -> None:
    documents = make_documents()
    labels = np.where(np.arange(40) % 4 == 0, -1, documents.labels)
    partly = documents.with_labels(labels)
    known = TRAIN[labels[TRAIN] >= 0]
    with_them = train_hilbert(partly, TRAIN, small_config(), seed=1).predict_proba(partly)
    without = train_hilbert(partly, known, small_config(), seed=1).predict_proba(partly)
    assert np.isfinite(with_them).all()
    assert not np.allclose(with_them, without)


def test_align_then_classify_trains_the_classifier_alone_in_the_end() -> None:
    documents = make_documents()
    config = small_config(phases="align-then-classify", align_epochs=2)
    one, two = (
        train_hilbert(documents, TRAIN, replace(config, epochs=n), seed=1).state() for n in (1, 2)
    )
    networks = {name for name in one if name.split(".")[0].isdigit()}
    moved = {name for name in networks if not torch.equal(one[name], two[name])}
    assert moved
    assert all("classifier" in name for name in moved)


def test_no_gradient_of_the_alignment_is_left_to_the_classifier() -> None:
    config = small_config(phases="align-then-classify", align_epochs=2)
    (network,) = train_hilbert(make_documents(), TRAIN, config, seed=1).networks
    kept = {name for name, p in network.named_parameters() if p.grad is not None}
    assert kept
    assert all("classifier" in name for name in kept)


def test_each_network_leaves_out_a_part_which_tells_how_sure_it_may_be() -> None:
    documents = make_documents(60, per_group=2)
    train = np.arange(50)
    model = train_hilbert(documents, train, small_config(seeds_averaged=None), seed=1)
    assert len(model.networks) == 5
    assert model.inner is not None
    assert model.inner.documents.tolist() == train.tolist()  # each by the one that left it out
    moments = [network.project_audio.mean.tolist() for network in model.networks]
    assert len({tuple(mean) for mean in moments}) == 5  # not even their standardisation is shared


def test_where_no_part_is_left_out_networks_and_expert_are_mixed_evenly() -> None:
    config = small_config(inner_parts=0, seeds_averaged=None)
    model = train_hilbert(make_documents(60), np.arange(40), config, seed=1)
    assert len(model.networks) == 3
    assert model.inner is None
    assert model.mixing is not None
    assert model.mixing.weights.tolist() == [0.5, 0.5]


def test_networks_and_linear_expert_are_mixed_by_documents_they_did_not_see() -> None:
    documents = make_documents(60)
    model = train_hilbert(documents, np.arange(40), small_config(), seed=1)
    assert model.expert is not None
    assert "audio" in model.expert.experts[0].modalities  # which tells the label
    assert model.mixing is not None
    assert (model.mixing.weights > 0).all()


def test_without_linear_expert_the_networks_are_calibrated_alone() -> None:
    documents = make_documents(60, told_by="nothing")
    model = train_hilbert(documents, np.arange(40), small_config(linear=False), seed=1)
    assert model.expert is None
    assert model.mixing is not None
    assert model.mixing.weights[0] != 1.0  # learned, be it little: there is nothing to tell
    assert model.mixing.weights[1] == 0.0


def test_modality_dropout_trains_another_model_and_is_gone_when_predicting() -> None:
    documents = make_documents()
    with_it, without = (
        train_hilbert(documents, TRAIN, small_config(modality_dropout=share), seed=1)
        for share in (0.5, 0.0)
    )
    first, second = (with_it.predict_proba(documents) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.allclose(first, without.predict_proba(documents))


def test_terms_of_weight_zero_are_left_out() -> None:
    objective = ObjectiveConfig(contrast_weight=0.0, cka_weight=0.0)
    config = small_config(objective=objective, epochs=1)
    curves = train_hilbert(make_documents(), TRAIN, config, seed=1).curves
    assert set(curves[0]) == {"task", "load", "balance"}


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    config = small_config(epochs=1, seeds_averaged=2)
    train_hilbert(
        make_documents(), TRAIN, config, seed=1, progress=lambda done, n: told.append((done, n))
    )
    assert told == [(1, 2), (2, 2)]


def test_embeddings_are_named_and_zero_where_missing() -> None:
    documents = make_documents()
    model = train_hilbert(documents, TRAIN, small_config(epochs=1, seeds_averaged=2), seed=1)
    silent = replace(documents.take([0, 1]), audio=(None, documents.audio[1]))
    found = model.embed(silent)
    assert {name: e.shape for name, e in found.items()} == dict.fromkeys(
        ("audio", "text", "joint"), (2, 2 * SMALL.width)
    )
    assert (found["audio"][0] == 0).all()
    assert (found["audio"][1] != 0).any()


def test_a_long_document_is_trained_on_and_predicted() -> None:
    documents = make_documents()
    rng = np.random.default_rng(0)
    long = Features(rng.standard_normal((3000, 6)).astype(np.float16), np.full((3000, 2), np.nan))
    documents = replace(documents, audio=(long, *documents.audio[1:]))
    model = train_hilbert(documents, TRAIN, small_config(epochs=1, max_segments=64), seed=1)
    assert np.isfinite(model.predict_proba(documents.take([0, 1]))).all()


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0},
        {"batch_size": 1},
        {"lr": 0.0},
        {"lr": np.inf},
        {"weight_decay": np.inf},
        {"inner_parts": 1},
        {"modality_dropout": 1.0},
        {"phases": "twice"},
    ],
)
def test_train_options_are_checked(options: dict[str, object]) -> None:
    name = next(iter(options)).replace("_", "-")
    with pytest.raises(FitError, match=f"--{name} must be"):
        TrainConfig(**options)  # type: ignore[arg-type]


def test_options_survive_a_dict_and_unknown_ones_do_not() -> None:
    config = small_config()
    assert train_config_from_dict(asdict(config)) == config
    with pytest.raises(FitError, match="ModelConfig has no option depth"):
        train_config_from_dict({"model": {"depth": 3}})
