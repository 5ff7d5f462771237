"""The command `hilbert fit`: one manifest in, one run directory out.

Reads the store alone: no audio, no transcript, no encoder.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from hilbert.pipeline.audit import AuditPlan, Trial, audit_as_json, plan_audit
from hilbert.pipeline.documents import FitDocuments, describe_gaps, load_features
from hilbert.pipeline.fit_plan import (
    FitOptions,
    FitPlan,
    RunPlace,
    plan_fit_of,
    split_column,
    subgroup_columns,
)
from hilbert.pipeline.report import has_report, write_report
from hilbert.pipeline.run_directory import INPUTS_FILE, new_run, read_run, write_json
from hilbert.pipeline.run_files import Fitted, Outcome, write_run
from hilbert.pipeline.scoring import score_all
from hilbert.pipeline.withheld import withheld_as_json
from hilbert.stages.device import choose_device
from hilbert.stages.fit.crossval import CrossValidated, HilbertModel, cross_validate
from hilbert.stages.fit.dataset import check_features
from hilbert.stages.fit.side_by_side import baselines_of
from hilbert.stages.fit.split_kinds import folds_of, is_pooled
from hilbert.stages.fit.splits import Fold
from hilbert.stages.fit.subgroups import subgroup_scores
from hilbert.stages.fit.train import train_hilbert
from hilbert.store.errors import StoreError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.references import pinned

Step = Callable[[int, int], None]
"""Called with the number of fits done and the number of all."""


def fit(
    store: FeatureStore,
    options: FitOptions,
    place: RunPlace | None = None,
    *,
    step: Step | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Evaluate HILBERT and its baselines on the same folds, then train it on all documents.

    Returns
    -------
    tuple of Path and dict
        The run directory and the content of its ``run.json``. A run of the same data and
        options is not repeated: what is there is returned.

    Raises
    ------
    FitError
        If the labels, groups or features do not allow it.
    """
    started = time.monotonic()
    place = place or RunPlace()
    plan = plan_fit_of(store, options, place)
    if plan.up_to_date:
        if not has_report(plan.run_dir, plan.key):
            write_report(plan.run_dir)
        return plan.run_dir, read_run(plan.run_dir)
    with _pinned(store, plan):
        fitted = _fit_plan(store, plan, options, step)
        summary = {
            "key": plan.key,
            "target": plan.target,
            "store": store.name,
            "store_identity": store.identity,
            "generation": plan.generation,
            "speakers": plan.speakers.as_json(),
            "cuts": plan.cuts,
            "speakers_named": str(plan.speakers),
            "warnings": [*plan.warnings, *describe_gaps(fitted.chosen, plan.manifest)],
            "seconds": time.monotonic() - started,
        }
        with new_run(plan.run_dir, overwrite=place.overwrite) as folder:
            write_json(folder / INPUTS_FILE, plan.components)
            written = write_run(folder, fitted, asdict(options), summary)
            write_report(folder)
    return plan.run_dir, written


@contextmanager
def _pinned(store: FeatureStore, plan: FitPlan) -> Iterator[None]:
    """The generation of a plan, kept; an error says so if the store itself is gone."""
    store.check_there()
    try:
        with pinned(store.records, plan.generation, plan.key):
            yield
    except StoreError:
        store.check_there()
        raise


def _fit_plan(store: FeatureStore, plan: FitPlan, options: FitOptions, step: Step | None) -> Fitted:
    """Read the features of a plan, and fit."""
    documents = load_features(store, plan.documents, plan.rows, plan.encoders, plan.speakers)
    check_features(documents)
    chosen = FitDocuments(documents, plan.rows, plan.encoders, plan.left_out,
                          plan.segments, plan.transcribe)  # fmt: skip
    train = replace(options.train, device=choose_device(options.train.device))
    options = replace(options, train=train)
    folds = folds_of(documents, options.splits, split_column(plan.rows))
    audit = plan_audit(store, plan, options, documents, folds) if options.audit else None
    return _fit(chosen, plan.target, options, folds, audit, step)


def _fit(
    chosen: FitDocuments,
    target: str,
    options: FitOptions,
    folds: Sequence[Fold],
    audit: AuditPlan | None,
    step: Step | None,
) -> Fitted:
    documents, pooled = chosen.documents, is_pooled(options.splits)
    own = Trial(documents, folds, [HilbertModel(options.train), *baselines_of(documents)])
    trials = [own] if audit is None else [own, *audit.trials, audit.permuted]
    steps = _Steps(step, sum(trial.n_fits for trial in trials) + 1)
    found = [_cross_validate(trial, options, steps) for trial in trials]
    scored = score_all(documents, folds, found[0], pooled=pooled)
    model = train_hilbert(
        documents, np.arange(documents.n_documents), options.train, seed=options.splits.seed
    )
    steps.advance(1)
    columns = subgroup_columns(chosen.rows, options)
    costs = withheld_as_json(documents, folds, found[0], pooled=pooled)
    audited = [None] * len(scored) if audit is None else audit_as_json(audit, folds, scored, found)
    outcomes = tuple(
        Outcome(
            one.asked,
            one.metrics,
            one.verdict(),
            one.differences(),
            {
                name: subgroup_scores(
                    documents, one.folds, one.probabilities, values, asked=one.asked, pooled=pooled
                )
                for name, values in columns.items()
            },
            lost,
            told,
            one.calibration,
        )
        for one, lost, told in zip(scored, costs, audited, strict=True)
    )
    return Fitted(
        target,
        chosen,
        tuple(folds),
        found[0],
        outcomes,
        model,
        options.splits.kind,
    )


def _cross_validate(trial: Trial, options: FitOptions, steps: "_Steps") -> CrossValidated:
    found = cross_validate(
        trial.documents,
        trial.folds,
        trial.models,
        seed=options.splits.seed,
        workers=options.workers,
        progress=steps.reach,
    )
    steps.advance(trial.n_fits)
    return found


class _Steps:
    """Progress over several cross-validations."""

    def __init__(self, step: Step | None, n_fits: int) -> None:
        self._step, self._n_fits, self._done = step, n_fits, 0

    def reach(self, done: int, _: int) -> None:
        """So many fits of the present cross-validation are done."""
        if self._step is not None:
            self._step(self._done + done, self._n_fits)

    def advance(self, n_fits: int) -> None:
        """Go on to the next, after so many fits."""
        self._done += n_fits
        self.reach(0, 0)
