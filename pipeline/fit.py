"""The command `hilbert fit`: one manifest in, one run directory out.

Reads the store alone: no audio, no transcript, no encoder.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from hilbert.pipeline.documents import FitDocuments, describe_gaps, load_features
from hilbert.pipeline.fit_plan import FitOptions, FitPlan, RunPlace, plan_fit_of
from hilbert.pipeline.report import has_report, write_report
from hilbert.pipeline.run_directory import INPUTS_FILE, new_run, read_run, write_json
from hilbert.pipeline.run_files import Fitted, write_run
from hilbert.stages.device import choose_device
from hilbert.stages.fit.baselines import make_baselines
from hilbert.stages.fit.compare import judge
from hilbert.stages.fit.crossval import HilbertModel, cross_validate
from hilbert.stages.fit.dataset import check_features
from hilbert.stages.fit.metrics import evaluate
from hilbert.stages.fit.splits import make_folds
from hilbert.stages.fit.train import train_hilbert
from hilbert.store.errors import FitError, StoreError
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
            "speakers_named": str(plan.speakers),
            "warnings": [*plan.warnings, *describe_gaps(fitted.chosen, plan.manifest, plan.target)],
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
    return _fit(chosen, plan.target, replace(options, train=train), step)


def _fit(chosen: FitDocuments, target: str, options: FitOptions, step: Step | None) -> Fitted:
    documents = chosen.documents
    folds = make_folds(documents.labels, documents.groups, options.splits)
    models = [HilbertModel(options.train), *make_baselines(documents)]
    n_fits = len(models) * len(folds) + 1
    try:
        found = cross_validate(
            documents,
            folds,
            models,
            seed=options.splits.seed,
            workers=options.workers,
            progress=None if step is None else lambda done, _: step(done, n_fits),
        )
    except BrokenProcessPool:
        raise FitError(
            "a worker process was stopped, perhaps for memory; try fewer --workers"
        ) from None
    metrics = {
        name: evaluate(documents.labels, documents.groups, documents.classes, folds, parts)
        for name, parts in found.probabilities.items()
    }
    everyone = np.arange(documents.n_documents)
    model = train_hilbert(documents, everyone, options.train, seed=options.splits.seed)
    if step is not None:
        step(n_fits, n_fits)
    verdict = judge(metrics, folds)
    return Fitted(target, chosen, folds, found, metrics, verdict, model)
