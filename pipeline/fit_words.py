"""What ``run.json`` says of a fit beside its verdict, as sentences for terminal and page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hilbert.stages.report.words import counted

UNAUDITED = (
    "Shortcuts were not looked for; --audit does: durations and counts alone, permuted labels,"
    " each modality alone, and what other speakers say."
)


def each_target(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a run says of each of its targets, beside what it says of all."""
    parts: Sequence[Mapping[str, Any]] = run.get("targets") or ({},)
    return [{**run, **part} for part in parts]


NOTHING_FOUND = "no shortcut was found, which does not show that there is none; see each trial."


def findings(run: Mapping[str, Any]) -> list[str]:
    """What must be known before a score is believed; the advice to look where nobody did."""
    audited = [part for part in each_target(run) if part.get("audit") is not None]
    if not audited:
        return [UNAUDITED]
    return [
        f"{_audit_of(run, part)}: {sentence}"
        for part in audited
        for sentence in part["audit"]["findings"] or [NOTHING_FOUND]
    ]


def _audit_of(run: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    """Whose finding it is, where several targets have some."""
    return f"Audit of {part['target']}" if run.get("targets") else "Audit"


def details(run: Mapping[str, Any]) -> Iterator[str]:
    """What else is told of HILBERT: calibration, an operating point, what a missing modality
    costs, subgroups, the audit.

    Parameters
    ----------
    run : mapping
        See `each_target`.
    """
    own = run["models"]["hilbert"]
    if run.get("kind") == "ordinal":
        yield (
            "HILBERT knows the order of the classes, the regressions do not. Kappa (quadratic"
            " weights) and error (mean distance from the true class, in classes) are of the median"
            " class."
        )
    if own.get("ece_band"):
        yield calibration(own, run.get("calibration"))
    if points := own.get("operating_points"):
        shares = {k: own["prevalence_class"].get(k) or 1.0 for k in points}
        rarest = min(shares, key=lambda name: shares[name])
        yield from (operating_point(rarest, rule, p) for rule, p in points[rarest].items())
    yield from (withheld(name, cost) for name, cost in (run.get("withheld") or {}).items())
    for column, values in (run.get("subgroups") or {}).items():
        for value, found in values.items():
            yield subgroup(column, value, found)
    for note in (run.get("audit") or {}).get("notes", ()):
        yield f"Audit: {note}"


def calibration(scores: Mapping[str, Any], change: Mapping[str, Any] | None) -> str:
    """Whether a calibration error is more than chance, and what calibration brought."""
    (low, high), error = scores["ece_band"], scores["ece"]
    where = "below" if error < low else "above" if error > high else "inside"
    return (
        f"Calibration error of HILBERT {error:.3f}, {where} the band {low:.3f} to {high:.3f} that"
        f" its own probabilities would give if they were true; Brier score {scores['brier']:.3f}"
        + (f", uncalibrated {_uncalibrated(change)}." if change else ".")
    )


def _uncalibrated(change: Mapping[str, Any]) -> str:
    apart = _signed(change["difference"])
    interval = f"95 % interval {_signed(change['low'])} to {_signed(change['high'])}"
    return f"{change['uncalibrated']:.3f} (difference {apart}, {interval})"


def operating_point(name: str, rule: str, point: Mapping[str, Any]) -> str:
    """One line on what a threshold that was chosen on training folds finds."""
    aim = {"balanced": "best balanced accuracy", "sensitivity_80": "sensitivity .8"}[rule]
    return (
        f"Class {name}, threshold {_number(point['threshold'])} (training folds: {aim}):"
        f" sensitivity {_with_interval(point, 'sensitivity')},"
        f" specificity {_with_interval(point, 'specificity')}."
    )


def withheld(modality: str, cost: Mapping[str, Any]) -> str:
    """One line on what is lost where a modality is missing."""
    low, high = cost["interval"]
    spread = "undefined" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    lost = _signed(cost["difference"])
    return (
        f"With {modality} withheld from the {cost['documents']} test documents that have both:"
        f" macro AUC {_with_interval(cost, 'auc_macro')}, with both {_number(cost['complete'])};"
        f" difference {lost} (95 % interval {spread})."
        + (" Their audio stays cut as it was with it." if modality == "text" else "")
    )


def subgroup(column: str, value: str, found: Mapping[str, Any]) -> str:
    """One line on HILBERT in a subgroup."""
    own = found["models"]["hilbert"]
    undefined = own["undefined_folds"]
    return (
        f"{column} {value}: {counted(found['documents'], 'document')},"
        f" {counted(found['groups'], 'group')},"
        f" macro AUC {_with_interval(own, 'auc_macro')},"
        f" balanced accuracy {_with_interval(own, 'balanced_accuracy')}"
        + (f"; undefined in {counted(undefined, 'fold')}." if undefined else ".")
    )


def columns(kind: str) -> dict[str, str]:
    """Heads of the columns of the scores of a kind of target, by the names of the scores."""
    found = {
        "auc_macro": "macro AUC",
        "balanced_accuracy": "balanced accuracy",
        "auprc_macro": "AUPRC",
        "prevalence_macro": "prevalence",
    }
    return {**found, "kappa": "kappa", "mae": "error"} if kind == "ordinal" else found


def difference(found: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """A row of a table: the models, their difference, its interval, its p-value."""
    low, high, p = found["low"], found["high"], found["p_value"]
    interval = "undefined" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    names = f"{found['a']} minus {found['b']}"
    return names, _signed(found["mean"]), interval, "undefined" if p is None else f"{p:.2g}"


def classes(run: Mapping[str, Any]) -> str:
    """The classes of a target, in words.

    Parameters
    ----------
    run : mapping
        See `each_target`.
    """
    counts = run["documents_by_class"].items()
    if run.get("kind") == "ordinal":
        return "classes in order: " + " < ".join(f"{k} {n}" for k, n in counts)
    what = "labels" if run.get("kind") == "multilabel" else "classes"
    return f"{what}: " + ", ".join(f"{k} {n}" for k, n in counts)


def _with_interval(scores: Mapping[str, Any], name: str) -> str:
    low, high = scores[f"{name}_ci"]
    return f"{_number(scores[name])} [{_number(low)}, {_number(high)}]"


def _signed(value: float | None) -> str:
    return "undefined" if value is None else f"{value:+.3f}"


def _number(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.3f}"
