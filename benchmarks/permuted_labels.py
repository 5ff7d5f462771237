"""Permuted labels: does the evaluation find something where there is nothing?

Prints the mean macro AUC over several permutations of the labels, for logistic regression and
for HILBERT, under the evaluation of `hilbert fit`. One permutation alone spreads by about .04;
the means should be 0.5 within .03 (20 permutations) and .05 (5).

usage: python benchmarks/permuted_labels.py STORE TARGET [N_LOGISTIC] [N_HILBERT]
"""

import os
import sys

import numpy as np

import hilbert
from hilbert.pipeline.documents import (
    choose_encoders,
    choose_rows,
    label_documents,
    load_features,
)
from hilbert.stages.fit.baselines import make_baselines
from hilbert.stages.fit.config import TrainConfig
from hilbert.stages.fit.crossval import HilbertModel, Model, cross_validate
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.metrics import evaluate
from hilbert.stages.fit.splits import SplitConfig, make_folds


def permute(documents: DocumentSet, seed: int) -> DocumentSet:
    """Labels dealt out anew among the documents."""
    rng = np.random.default_rng(seed)
    return documents.with_labels(rng.permutation(documents.labels))


def score(documents: DocumentSet, model: Model, repeats: int) -> float:
    """Macro AUC of a model under cross-validation."""
    folds = make_folds(documents.labels, documents.groups, SplitConfig(repeats=repeats))
    found = cross_validate(documents, folds, [model], workers=os.cpu_count() or 1)
    probabilities = found.probabilities[model.name]
    metrics = evaluate(
        documents.labels, documents.groups, documents.classes, folds, probabilities, resamples=2
    )
    return metrics.auc_macro


def main() -> None:
    path, target = sys.argv[1:3]
    n_logistic, n_hilbert = (int(n) for n in [*sys.argv[3:5], *("20", "5")[len(sys.argv) - 3 :]])
    store = hilbert.open_store(path)
    encoders = choose_encoders(store.manifest(), ())
    rows, _ = choose_rows(store.manifest(), encoders)
    documents = load_features(store, label_documents(rows, target), rows, encoders)
    logistic = next(m for m in make_baselines(documents) if m.name == "logistic_both")
    for model, n, repeats in (
        (logistic, n_logistic, 1),
        (HilbertModel(TrainConfig()), n_hilbert, 1),
    ):
        scores = [score(permute(documents, seed), model, repeats) for seed in range(n)]
        print(
            f"{model.name}: mean macro AUC {np.mean(scores):.3f} over {n} permutations"
            f" (each {min(scores):.3f} to {max(scores):.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
