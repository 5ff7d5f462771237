"""Search of training options inside training documents, by Optuna (Akiba et al. 2019)."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.fit.batches import Index
from hilbert.stages.fit.budget import Budget
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.intervals import nan_mean
from hilbert.stages.fit.metrics import known_auc
from hilbert.stages.fit.splits import inner_splits
from hilbert.stages.fit.train import train_hilbert
from hilbert.store.errors import FitError

if TYPE_CHECKING:
    import optuna

    Trials = list[optuna.trial.FrozenTrial]

INNER_PARTS = 3
"""Parts of the training documents by which options are judged."""
N_RANDOM = 6
"""Trials that are drawn at random, the given options among them, before any is learnt from."""


@dataclass(frozen=True)
class TunedHilbert:
    """HILBERT whose options are chosen inside the training documents of each fold.

    Attributes
    ----------
    config : TrainConfig
        What is not searched.
    budget : Budget
        Of one search.
    journals : Path
        Folder that keeps the trials of each search, so that one that was stopped, or is given
        a larger budget, goes on.
    name : str
    """

    config: TrainConfig
    budget: Budget
    journals: Path
    name: str = "tuned"

    def fit_predict(
        self, documents: DocumentSet, train: Index, test: Index, seed: int
    ) -> NDArray[np.float64]:
        """Probabilities of the test documents, shape (n_test, n_columns)."""
        chosen = self.choose(documents, train, seed)
        return train_hilbert(documents, train, chosen, seed=seed).predict_proba(
            documents.take(test)
        )

    def choose(self, documents: DocumentSet, train: Index, seed: int) -> TrainConfig:
        """The options that did best inside `train`; the given ones where nothing can be told.

        They are judged by the macro AUC; of several targets by the mean of theirs.

        Raises
        ------
        FitError
            If Optuna is not installed.
        """
        splits = inner_splits(
            documents.strata, documents.groups, train, INNER_PARTS, seed, documents.answers
        )
        if not splits:
            return self.config
        # one network a trial: averaging several helps all options alike
        quick = replace(self.config, seeds_averaged=1)
        tested = [held for _, held in splits]

        def score(config: TrainConfig) -> float:
            parts = [
                train_hilbert(documents, fitted, config, seed=seed).predict_proba(
                    documents.take(held)
                )
                for fitted, held in splits
            ]
            by_target = [known_auc(asked, tested, parts) for asked in documents.asked]
            return float(nan_mean(np.array(by_target), 0))

        best = _search(quick, score, self.budget, self.journals / f"{seed}.journal", seed)
        return replace(best, seeds_averaged=self.config.seeds_averaged)


@dataclass(frozen=True)
class Range:
    """Values of one option that are tried."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


SPACE: Mapping[str, Mapping[str, Range]] = {
    "model": {
        "dropout": Range(0.2, 0.7),
        "input_dropout": Range(0.0, 0.4),
        "hops": Range(1, 6, whole=True),
    },
    "objective": {
        "contrast_weight": Range(0.01, 1.0, log=True),
        "cka_weight": Range(0.01, 1.0, log=True),
        "balance_weight": Range(0.01, 1.0, log=True),
        "logit_adjustment": Range(0.0, 1.0),
    },
    "train": {
        "lr": Range(3e-4, 3e-3, log=True),
        "weight_decay": Range(1.0, 100.0, log=True),
        "subset_low": Range(0.1, 1.0),
    },
}
"""What is searched: options that the method does not decide and little data depends on."""


def suggest(trial: "optuna.Trial", config: TrainConfig) -> TrainConfig:
    """The options of one trial."""
    found: dict[str, dict[str, Any]] = {
        part: {
            name: trial.suggest_int(name, int(r.low), int(r.high))
            if r.whole
            else trial.suggest_float(name, r.low, r.high, log=r.log)
            for name, r in ranges.items()
        }
        for part, ranges in SPACE.items()
    }
    return replace(
        config,
        model=replace(config.model, **found["model"]),
        objective=replace(config.objective, **found["objective"]),
        **found["train"],
    )


def chosen_values(config: TrainConfig) -> dict[str, dict[str, float]]:
    """The options that are searched, by the part they belong to."""
    parts = {"model": config.model, "objective": config.objective, "train": config}
    return {
        part: {name: getattr(parts[part], name) for name in ranges}
        for part, ranges in SPACE.items()
    }


def _point(config: TrainConfig) -> dict[str, float]:
    """The given options as a point of the search, moved to its edge where they lie outside."""
    values = chosen_values(config)
    return {
        name: (int if r.whole else float)(np.clip(values[part][name], r.low, r.high))
        for part, ranges in SPACE.items()
        for name, r in ranges.items()
    }


def _search(
    config: TrainConfig,
    score: Callable[[TrainConfig], float],
    budget: Budget,
    journal: Path,
    seed: int,
) -> TrainConfig:
    """The options with the highest score; a search that ended goes on from its journal."""
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        raise FitError(
            "`hilbert tune` needs Optuna; install it with: pip install 'hilbert-speech[tune]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = JournalStorage(JournalFileBackend(str(journal)))
        study = optuna.create_study(
            study_name="tune", storage=storage, load_if_exists=True, direction="maximize"
        )
    for stale in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):  # left by a kill
        study.tell(stale.number, state=optuna.trial.TrialState.FAIL)
    while not _is_spent(budget, scored := _scored(study)):
        # a sampler of its own for each trial, which knows of no budget: neither how often a search
        # was stopped nor how long it was meant to be changes any trial
        study.sampler = optuna.samplers.TPESampler(
            seed=int(np.random.SeedSequence([seed, len(scored)]).generate_state(1)[0]),
            n_startup_trials=N_RANDOM,
        )
        if not scored:
            study.enqueue_trial(_point(config))
        trial = study.ask()
        found = score(suggest(trial, config))
        study.tell(trial, found if np.isfinite(found) else 0.0)
    best = max(_paid_for(budget, _scored(study)), key=lambda trial: trial.value or 0.0)
    return suggest(optuna.trial.FixedTrial(best.params), config)  # type: ignore[arg-type]


def _scored(study: "optuna.Study") -> "Trials":
    """Trials that were scored, in order."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.value is not None]


def _is_spent(budget: Budget, scored: "Trials") -> bool:
    """Whether a search with these trials is over."""
    spent = sum(trial.duration.total_seconds() for trial in scored if trial.duration) / 60
    return len(scored) >= budget.trials or spent >= (budget.minutes or np.inf)


def _paid_for(budget: Budget, scored: "Trials") -> "Trials":
    """The first trials, those after which a search of this budget is over.

    A search that was given more before has more of them.
    """
    lengths = (n for n in range(len(scored)) if _is_spent(budget, scored[:n]))
    return scored[: next(lengths, len(scored))]
