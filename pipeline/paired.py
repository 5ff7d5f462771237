"""Models on the folds of one fit, each kept as soon as it was evaluated.

A folder holds one JSON file a model: the key of what it depends on, its probabilities in every
fold and its scores, of several targets by target. A model whose file has the right key is not
evaluated again, so that a comparison that was stopped goes on where it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hilbert.pipeline.compare_runs import Comparisons, Scored, compare_models
from hilbert.pipeline.documents import load_features
from hilbert.pipeline.fit_plan import FitOptions, FitPlan, fit_key, split_column
from hilbert.pipeline.run_directory import (
    as_written,
    by_target,
    finished_run,
    read_json,
    write_json,
)
from hilbert.pipeline.run_files import plain
from hilbert.pipeline.scoring import in_full, labelled_folds, score_all
from hilbert.stages.device import choose_device
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.crossval import Model, cross_validate
from hilbert.stages.fit.dataset import DocumentSet, check_features
from hilbert.stages.fit.split_kinds import folds_of, is_pooled
from hilbert.stages.fit.splits import Fold, folds_digest
from hilbert.store.feature_store import FeatureStore
from hilbert.store.references import pinned

Step = Callable[[int, int], None]
"""Called with the number of fits done and the number of all."""


@dataclass(frozen=True)
class Variant:
    """A model that is compared.

    Attributes
    ----------
    name : str
        Also of its file.
    key : str
        Of all that its scores depend on.
    model : Model
    """

    name: str
    key: str
    model: Model


def key_of(plan: FitPlan, train: TrainConfig, **more: Any) -> str:
    """Key of what a fit's plan would give with other options of training.

    Without `more`, and with the plan's own options, it is the key of the fit itself.
    """
    components = asdict(train)
    for name in ("device", "threads"):
        components.pop(name)
    return fit_key({**plan.components, "train": components, **more})


def compare_variants(
    store: FeatureStore,
    plan: FitPlan,
    options: FitOptions,
    variants: Sequence[Variant],
    folder: Path,
    *,
    step: Step | None = None,
) -> Comparisons:
    """Evaluate models on the same folds and compare them with the first, target by target.

    Parameters
    ----------
    store : FeatureStore
    plan : FitPlan
        Which documents of the store, and the folds of which fit.
    options : FitOptions
    variants : sequence of Variant
        The first is what the others are compared with.
    folder : Path
        Where each is kept.
    step : callable, optional
    """
    folds = folds_of_plan(plan, options)
    found = {v.name: _kept(v, folder, plan) for v in variants}
    lacking = [v for v in variants if found[v.name] is None]
    if lacking:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with pinned(store.records, plan.generation, plan.key):
            documents = read_documents(store, plan)
            for n_done, variant in enumerate(lacking):
                _evaluate(variant, documents, folds, options, folder,
                          _nth(step, n_done, len(lacking)))  # fmt: skip
                found[variant.name] = _kept(variant, folder, plan)
    digest = folds_digest(folds, plan.documents.ids)
    kept = {name: scores for name, scores in found.items() if scores is not None}
    return Comparisons(
        digest,
        tuple(
            compare_models(
                asked.target.name,
                [Scored.read(name, scores[asked.target.name]) for name, scores in kept.items()],
                labelled_folds(asked, folds),
            )
            for asked in plan.documents.asked
        ),
        unchanged=_unchanged(kept),
    )


def _unchanged(scores: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Models that predict what the first does: the Brier score is one of the probabilities."""
    first, *others = scores
    return tuple(name for name in others if scores[name] == scores[first])


def read_documents(store: FeatureStore, plan: FitPlan) -> DocumentSet:
    """The documents of a plan with their features, all of which are sound."""
    documents = load_features(store, plan.documents, plan.rows, plan.encoders, plan.speakers)
    check_features(documents)
    return documents


def folds_of_plan(plan: FitPlan, options: FitOptions) -> tuple[Fold, ...]:
    """The folds on which a plan's models are evaluated."""
    return folds_of(plan.documents, options.splits, split_column(plan.rows))


def n_lacking(plan: FitPlan, variants: Sequence[Variant], folder: Path) -> int:
    """How many of the models are not evaluated yet."""
    return sum(_kept(variant, folder, plan) is None for variant in variants)


def on_device(train: TrainConfig) -> TrainConfig:
    """The options with the device that they mean here."""
    return replace(train, device=choose_device(train.device))


def _evaluate(
    variant: Variant,
    documents: DocumentSet,
    folds: Sequence[Fold],
    options: FitOptions,
    folder: Path,
    progress: Step | None,
) -> None:
    """Score one model on all folds and keep what came of it."""
    found = cross_validate(
        documents,
        folds,
        [variant.model],
        seed=options.splits.seed,
        workers=options.workers,
        progress=progress,
    )
    (parts,) = found.probabilities.values()
    scored = score_all(documents, folds, found, pooled=is_pooled(options.splits))
    metrics = {one.asked.target.name: in_full(one.metrics[variant.name]) for one in scored}
    content = {
        "name": variant.name,
        "key": variant.key,
        "metrics": as_written(metrics),
        "probabilities": [p.tolist() for p in parts],
    }
    write_json(_place(folder, variant), plain(content))


def _kept(variant: Variant, folder: Path, plan: FitPlan) -> Mapping[str, Any] | None:
    """Scores by target of a model that was evaluated before, here or as the fit's own run."""
    targets = [target.name for target in plan.documents.targets]
    content = read_json(_place(folder, variant))
    if content.get("key") == variant.key:
        return by_target(content["metrics"], targets)
    if variant.key == plan.key and finished_run(plan.run_dir, plan.key) is not None:
        found = by_target(read_json(plan.run_dir / "metrics.json"), targets)
        return {name: models["hilbert"] for name, models in found.items()}
    return None


def _place(folder: Path, variant: Variant) -> Path:
    return folder / f"{variant.name}.json"


def _nth(step: Step | None, n_done: int, n_all: int) -> Step | None:
    """Progress of one of several models of as many fits each."""
    if step is None:
        return None
    return lambda done, total: step(n_done * total + done, n_all * total)
