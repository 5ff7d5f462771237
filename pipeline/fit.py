"""The command `hilbert fit`: one manifest in, one run directory out.

Reads the store alone: no audio, no transcript, no encoder.
"""

import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from hilbert.pipeline.documents import (
    FitDocuments,
    choose_encoders,
    choose_target,
    describe_gaps,
    load_documents,
)
from hilbert.pipeline.fit_plan import FitOptions, fit_components, fit_key, segment_contents
from hilbert.pipeline.report import has_report, write_report
from hilbert.pipeline.run_directory import (
    INPUTS_FILE,
    check_free,
    default_run_dir,
    finished_run,
    new_run,
    write_json,
)
from hilbert.pipeline.run_files import Fitted, write_run
from hilbert.stages.device import choose_device
from hilbert.stages.fit.baselines import make_baselines
from hilbert.stages.fit.compare import judge
from hilbert.stages.fit.crossval import HilbertModel, cross_validate
from hilbert.stages.fit.dataset import check_features
from hilbert.stages.fit.metrics import evaluate
from hilbert.stages.fit.splits import check_classes, make_folds
from hilbert.stages.fit.train import train_hilbert
from hilbert.store.errors import FitError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.references import pin

Step = Callable[[int, int], None]
"""Called with the number of fits done and the number of all."""


def fit(
    store: FeatureStore,
    run_dir: Path | None,
    options: FitOptions,
    *,
    runs: Path = Path("runs"),
    overwrite: bool = False,
    only_stale: bool = False,
    step: Step | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Evaluate HILBERT and its baselines on the same folds, then train it on all documents.

    Parameters
    ----------
    run_dir : Path, optional
        Where the run is written; by default a folder of its own below `runs`.
    overwrite : bool
        Replace the run that is there; with `only_stale`, unless it is of the same data and
        options.

    Returns
    -------
    tuple of Path and dict
        The run directory and the content of its ``run.json``. A run of the same data and
        options is not repeated: what is in `run_dir` is returned.

    Raises
    ------
    FitError
        If the labels, groups or features do not allow it.
    """
    started = time.monotonic()
    manifest = store.manifest(options.generation)
    target = choose_target(manifest, options.target)
    encoders = choose_encoders(manifest, options.encoders)
    chosen = load_documents(store, manifest, target, encoders)
    _check_left_out(chosen, options)
    documents = chosen.documents
    warnings = check_classes(documents, options.splits)
    if "id" in documents.classes:
        raise FitError("a class cannot be named 'id', the first column of predictions; rename it")
    check_features(documents)
    contents = segment_contents(store, chosen.rows)
    components = fit_components(chosen.rows, contents, encoders, target, options)
    key = fit_key(components)
    gaps = describe_gaps(chosen, manifest, target)
    run_dir = run_dir or default_run_dir(runs, target, key)
    if (only_stale or not overwrite) and (old := finished_run(run_dir, key)) is not None:
        if not has_report(run_dir, key):
            write_report(run_dir)
        return run_dir, old
    check_free(run_dir, overwrite=overwrite)
    pin(store.records, manifest.generation, key)
    train = replace(options.train, device=choose_device(options.train.device))
    fitted = _fit(chosen, target, replace(options, train=train), step)
    summary = {
        "key": key,
        "target": target,
        "store": store.name,
        "store_identity": store.identity,
        "generation": manifest.generation,
        "warnings": [*warnings, *gaps],
        "seconds": time.monotonic() - started,
    }
    with new_run(run_dir, overwrite=overwrite) as folder:
        write_json(folder / INPUTS_FILE, components)
        written = write_run(folder, fitted, asdict(options), summary)
        write_report(folder)
    return run_dir, written


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


def _check_left_out(chosen: FitDocuments, options: FitOptions) -> None:
    if options.strict and chosen.left_out:
        name, reason = chosen.left_out[0]
        raise FitError(
            f"{len(chosen.left_out)} documents cannot be used (first: {name}: {reason});"
            " mend them and run `hilbert extract`, or drop --strict"
        )
