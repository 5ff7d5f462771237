"""Whether one model is better than another on the same folds."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
from scipy import stats

from hilbert.stages.fit.intervals import LEVEL, interval_of
from hilbert.stages.fit.metrics import FEWEST_FOLDS, Metrics
from hilbert.stages.fit.splits import Fold

Outcome = Literal["beats", "undecided", "below"]
Method = Literal["t-test", "bootstrap"]


class Compared(Protocol):
    """What is known of a model on some folds; the attributes of `Metrics`."""

    @property
    def auc_macro(self) -> float | None: ...

    @property
    def auc_folds(self) -> Sequence[float | None]: ...

    @property
    def auc_draws(self) -> Sequence[float | None] | None: ...


@dataclass(frozen=True)
class Difference:
    """Paired difference of two models' macro AUC, ``a - b``.

    Attributes
    ----------
    mean : float
    low, high : float
        95 % interval; NaN where it cannot be told.
    p_value : float
        Two-sided, of no difference.
    n_folds : int
        Folds defined in both.
    method : str
        ``"t-test"``, over folds, or ``"bootstrap"`` over groups, the refits fixed, where scores
        are no means over folds, or there are fewer than `FEWEST_FOLDS`.
    """

    mean: float
    low: float
    high: float
    p_value: float
    n_folds: int
    method: Method = "t-test"

    def __str__(self) -> str:
        if math.isnan(self.low):
            return "the difference undefined, as too few folds test two classes"
        how = {
            "t-test": f"corrected resampled t-test over {self.n_folds} folds",
            "bootstrap": "paired bootstrap over groups, the refits fixed",
        }[self.method]
        return (
            f"difference {self.mean:+.3f} (95 % interval {self.low:+.3f} to {self.high:+.3f},"
            f" {how}, p = {self.p_value:.2g})"
        )


@dataclass(frozen=True)
class Verdict:
    """Whether a model beat the best of its baselines, with the sentence that says so."""

    outcome: Outcome
    baseline: str
    difference: Difference
    sentence: str


def corrected_t_test(
    a: Sequence[float | None], b: Sequence[float | None], folds: Sequence[Fold]
) -> Difference:
    """Corrected resampled t-test of two models' scores on the same folds.

    The training parts of repeated folds overlap, so scores of folds are not independent and
    the plain paired test finds differences that are none; the variance is therefore raised by
    the ratio of test to training documents.

    Parameters
    ----------
    a, b : sequence of (float or None)
        Scores by fold, None where undefined.
    folds : sequence of Fold

    References
    ----------
    Nadeau and Bengio, Inference for the Generalization Error, Machine Learning 52 (2003).
    """
    pairs = [
        (x - y, len(fold.test) / len(fold.train))
        for x, y, fold in zip(a, b, folds, strict=True)
        if x is not None and y is not None
    ]
    if len(pairs) < FEWEST_FOLDS:
        mean = float(np.mean([difference for difference, _ in pairs])) if pairs else math.nan
        return Difference(mean, math.nan, math.nan, math.nan, len(pairs))
    differences, ratios = np.array(pairs).T
    n = len(pairs)
    error = math.sqrt((1 / n + ratios.mean()) * differences.var(ddof=1))
    mean = float(differences.mean())
    reach = error * stats.t.ppf((1 + LEVEL) / 2, n - 1)
    return Difference(mean, mean - reach, mean + reach, _p_value(mean, error, n), n)


def paired_bootstrap(
    mean: float, a: Sequence[float | None], b: Sequence[float | None], n_folds: int
) -> Difference:
    """Difference of two scores under the same resamples of the groups.

    Parameters
    ----------
    mean : float
        Of the documents as they are.
    a, b : sequence of (float or None)
        One a resample, None where undefined.
    n_folds : int
        Defined in both.
    """
    apart = np.array(a, dtype=np.float64) - np.array(b, dtype=np.float64)
    drawn = apart[~np.isnan(apart)]
    if not len(drawn) or math.isnan(mean):
        return Difference(mean, math.nan, math.nan, math.nan, n_folds, "bootstrap")
    low, high = interval_of(drawn)
    beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p_value = min(1.0, 2 * (float(beyond) + 1) / (len(drawn) + 1))
    return Difference(mean, low, high, p_value, n_folds, "bootstrap")


def compare(a: Compared, b: Compared, folds: Sequence[Fold]) -> Difference:
    """How much better one model is than another on the same folds.

    Judged by the same resamples of the groups where the models have such scores, see `Metrics`,
    else by the folds.
    """
    if a.auc_draws is not None and b.auc_draws is not None:
        mean = _apart(a.auc_macro, b.auc_macro)
        n_folds = sum(
            x is not None and y is not None for x, y in zip(a.auc_folds, b.auc_folds, strict=True)
        )
        return paired_bootstrap(mean, a.auc_draws, b.auc_draws, n_folds)
    return corrected_t_test(a.auc_folds, b.auc_folds, folds)


def differences(scores: Mapping[str, Metrics], folds: Sequence[Fold]) -> list[dict[str, Any]]:
    """Every pair of models, the better one first, as a table for JSON."""
    names = sorted(scores, key=lambda name: -_rank(scores[name].auc_macro))
    return [
        {"a": a, "b": b, **asdict(compare(scores[a], scores[b], folds))}
        for a, b in itertools.combinations(names, 2)
    ]


def judge(scores: Mapping[str, Metrics], folds: Sequence[Fold], name: str = "hilbert") -> Verdict:
    """Compare a model with the best of the others by macro AUC.

    Parameters
    ----------
    scores : mapping of str to Metrics
        Of all models, on the same folds.
    folds : sequence of Fold
    name : str
        The model to judge.
    """
    own = scores[name]
    rivals = {other: m for other, m in scores.items() if other != name}
    best = max(rivals, key=lambda other: _rank(rivals[other].auc_macro))
    difference = compare(own, rivals[best], folds)
    outcome = _outcome(difference)
    if math.isnan(difference.low):
        sentence = _undefined(best, difference.n_folds)
    else:
        means = (own.auc_macro, rivals[best].auc_macro)
        sentence = _sentence(outcome, best, means, difference)
    return Verdict(outcome, best, difference, sentence)


def _apart(a: float | None, b: float | None) -> float:
    return math.nan if a is None or b is None else a - b


def _sentence(
    outcome: Outcome, best: str, means: tuple[float, float], difference: Difference
) -> str:
    opening = {
        "beats": f"HILBERT beats the best baseline, {best}",
        "undecided": f"HILBERT does not beat the best baseline, {best}, "
        "nor is it shown to be worse",
        "below": f"HILBERT is worse than the best baseline, {best}",
    }[outcome]
    return f"{opening}: macro AUC {means[0]:.3f} against {means[1]:.3f}, {difference}."


def _undefined(best: str, n_folds: int) -> str:
    folds = {0: "no fold tests", 1: "one fold only tests", 2: "two folds only test"}[n_folds]
    return (
        f"HILBERT is not shown to beat the best baseline, {best}: the comparison is undefined, "
        f"as {folds} documents of two classes or more, and an interval takes {FEWEST_FOLDS} such "
        "folds. Use fewer --folds, or more --repeats."
    )


def _rank(score: float) -> float:
    return -math.inf if math.isnan(score) else score


def _outcome(difference: Difference) -> Outcome:
    """Better or worse only where the interval leaves out 0; NaN compares as neither."""
    if difference.low > 0:
        return "beats"
    return "below" if difference.high < 0 else "undecided"


def _p_value(mean: float, error: float, n: int) -> float:
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / error, n - 1))
