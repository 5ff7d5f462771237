"""Tasks of which is known what a model can reach: HILBERT and the linear baselines.

Ten seeds each, 400 documents, a stratified fifth of them tested, default options:

- xor: the label is whether the factors of audio and text differ; linear models are at chance;
- one_modality: audio alone tells the label; HILBERT of both should lose nothing to audio alone;
- needle: one audio segment of 300 holds the evidence;
- withheld: audio and text both tell the label; 30 % of the texts are missing, also in training.

Prints one line a seed and the means. Tasks are those of tests/support/known_truth.py.

usage: python benchmarks/synthetic.py [TASK …] [--seeds N] [--workers N]
"""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hilbert.stages.fit.baselines import Logistic, make_baselines
from hilbert.stages.fit.config import SplitConfig, TrainConfig
from hilbert.stages.fit.crossval import HilbertModel, end_with_parent
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.splits import make_folds
from hilbert.stages.fit.withheld import without
from support.known_truth import needle, one_modality, redundant, withhold_text, xor

TASKS = ("xor", "one_modality", "needle", "withheld")


def variants(task: str, seed: int) -> dict[str, DocumentSet]:
    """The documents of a task, and those they are compared with."""
    if task == "xor":
        return {"hilbert": xor(seed=seed)}
    if task == "one_modality":
        documents = one_modality(seed=seed)
        return {"hilbert": documents, "hilbert, audio alone": without(documents, "text")}
    if task == "needle":
        return {"hilbert": needle(seed=seed)}
    documents = redundant(seed=seed)
    return {
        "hilbert": withhold_text(documents, 0.3, seed=seed),
        "hilbert, all texts": documents,
        "hilbert, audio alone": without(documents, "text"),
    }


def score(task: str, seed: int) -> dict[str, float]:
    """AUC of every model on one draw of a task."""
    found = {}
    for name, documents in variants(task, seed).items():
        models = [HilbertModel(TrainConfig())]
        if name == "hilbert":
            models += [m for m in make_baselines(documents) if isinstance(m, Logistic)]
        fold = make_folds(documents.labels, documents.groups, SplitConfig(repeats=1, seed=seed))[0]
        for model in models:
            p = model.fit_predict(documents, fold.train, fold.test, seed)
            own = name if isinstance(model, HilbertModel) else model.name
            found[own] = float(roc_auc_score(documents.labels[fold.test], p[:, 1]))
            if name == "hilbert" and task == "withheld" and own == "hilbert":
                found |= _by_presence(documents, fold.test, p[:, 1])
    return found


def _by_presence(documents: DocumentSet, test: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """AUC over the test documents that have their text, and those that lost it."""
    has = np.array([documents.text[i] is not None for i in test])
    parts = {"hilbert, with text": has, "hilbert, text withheld": ~has}
    return {
        name: float(roc_auc_score(documents.labels[test][part], p[part]))
        for name, part in parts.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=TASKS, metavar="TASK", choices=[*TASKS, TASKS])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers, get_context("spawn"), end_with_parent) as pool:
        for task in options.tasks:
            started = time.monotonic()
            found = []
            score_one: Callable[[int], dict[str, float]] = partial(score, task)
            for seed, scores in enumerate(pool.map(score_one, range(options.seeds))):
                found.append(scores)
                print(task, seed, *(f"{n} {a:.3f}," for n, a in scores.items()), flush=True)
            for name in found[0]:
                values = [scores[name] for scores in found]
                print(
                    f"{task}: {name} {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"
                )
            print(f"{task}: {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
