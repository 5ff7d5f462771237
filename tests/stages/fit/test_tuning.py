"""Search of options: inside the training documents, reproducible, and able to find something."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hilbert.stages.fit import tuning
from hilbert.stages.fit.budget import Budget, minutes_of_search
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.splits import inner_splits
from hilbert.stages.fit.targets import Question
from hilbert.stages.fit.train import train_hilbert
from hilbert.stages.fit.tuning import TunedHilbert, chosen_values
from hilbert.store.errors import FitError
from support.synthetic import make_documents, small_config

pytest.importorskip("optuna", reason="Optuna is not installed: pip install '.[tune]'")

DOCUMENTS = make_documents(36, per_group=2)
TRAIN, TEST = np.arange(24), np.arange(24, 36)


def search(score, folder: Path, trials: int = 12, seed: int = 0) -> TrainConfig:
    return tuning._search(small_config(), score, Budget(trials), folder / "a.journal", seed)


def test_it_finds_what_is_better(tmp_path: Path) -> None:
    def score(config: TrainConfig) -> float:
        return -abs(config.model.dropout - 0.3) - abs(np.log10(config.lr) + 3)

    found = search(score, tmp_path, trials=30)
    assert score(found) > max(score(small_config()), -0.15)


def test_the_given_options_stay_where_nothing_is_better(tmp_path: Path) -> None:
    given = small_config(weight_decay=10.0)
    found = tuning._search(
        given, lambda c: float(c.lr == given.lr), Budget(4), tmp_path / "a.journal", 0
    )
    assert chosen_values(found)["train"] == chosen_values(given)["train"]


def test_stopping_changes_nothing(tmp_path: Path) -> None:
    def score(config: TrainConfig) -> float:
        return config.model.dropout - config.lr

    whole = search(score, tmp_path / "whole")

    calls = 0

    def stopped(config: TrainConfig) -> float:
        nonlocal calls
        calls += 1
        if calls % 4 == 0:
            raise KeyboardInterrupt
        return score(config)

    for _ in range(10):
        try:
            found = search(stopped, tmp_path / "parts")
        except KeyboardInterrupt:
            continue
        break
    assert found == whole


def test_a_search_that_is_given_more_goes_on(tmp_path: Path) -> None:
    """It ends as one that was given as much at once, and one of less is judged by its own."""
    tried: list[TrainConfig] = []

    def score(config: TrainConfig) -> float:
        tried.append(config)
        return -abs(config.model.dropout - 0.3) - abs(np.log10(config.lr) + 3)

    few, many = search(score, tmp_path / "few", 8), search(score, tmp_path / "many", 16)
    assert few != many
    tried.clear()
    assert search(score, tmp_path / "few", 16) == many
    assert len(tried) == 8
    assert search(score, tmp_path / "few", 8) == few
    assert len(tried) == 8


def test_the_test_documents_change_no_choice(tmp_path: Path) -> None:
    labels = DOCUMENTS.labels.copy()
    labels[TEST] = 1 - labels[TEST]
    chosen = [
        TunedHilbert(small_config(epochs=1), Budget(2), tmp_path / name).choose(d, TRAIN, 0)
        for name, d in (("a", DOCUMENTS), ("b", DOCUMENTS.with_labels(labels)))
    ]
    assert chosen[0] == chosen[1]
    p = TunedHilbert(small_config(epochs=1), Budget(2), tmp_path / "a").fit_predict(
        DOCUMENTS, TRAIN, TEST, 0
    )
    assert p.shape == (12, 2)


def test_options_are_judged_by_the_mean_over_the_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the documents whose label of it is known."""
    other = np.where(np.arange(36) % 5, np.arange(36) // 2 % 2, -1)
    both = replace(DOCUMENTS, further=(Question("other", "classes", ("a", "b"), other),))
    config, judged = small_config(epochs=1, inner_parts=0, linear=False), []

    def tried(quick: TrainConfig, score: Callable[[TrainConfig], float], *_: object) -> TrainConfig:
        judged.append(score(quick))
        return quick

    monkeypatch.setattr(tuning, "_search", tried)
    TunedHilbert(config, Budget(2), tmp_path).choose(both, TRAIN, 0)
    parts = inner_splits(both.strata, both.groups, TRAIN, tuning.INNER_PARTS, 0, both.answers)
    by_target = []
    said = [train_hilbert(both, fitted, config, seed=0).predict_proba(both.take(held))
            for fitted, held in parts]  # fmt: skip
    for labels, column in ((both.labels, 1), (other, 3)):
        aucs = []
        for (_, held), p in zip(parts, said, strict=True):
            known = labels[held] != -1
            aucs.append(roc_auc_score(labels[held][known], p[known, column]))
        by_target.append(np.mean(aucs))
    assert len(parts) == tuning.INNER_PARTS
    assert judged == pytest.approx([np.mean(by_target)])
    assert by_target[0] != pytest.approx(by_target[1])


def test_time_ends_a_search(tmp_path: Path) -> None:
    calls = []
    tuning._search(small_config(), lambda c: float(len(calls) or calls.append(c) or 0),
                   Budget(50, minutes=1e-9), tmp_path / "a.journal", 0)  # fmt: skip
    assert len(calls) == 1


@pytest.mark.parametrize(("values", "message"), [({"trials": 0}, "--trials"),
                                                 ({"minutes": -1.0}, "--minutes")])  # fmt: skip
def test_a_budget_of_nothing(values: dict[str, float], message: str) -> None:
    with pytest.raises(FitError, match=message):
        Budget(**values)


@pytest.mark.parametrize("workers", [1, 2, 5, 16, 64])
def test_all_searches_together_take_what_was_allowed(workers: int) -> None:
    each = minutes_of_search(30.0, 5, workers)
    rounds = [each] * -(-5 // workers)
    assert sum(rounds) + each == pytest.approx(30.0)  # the last in all documents
