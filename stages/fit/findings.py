"""What the audits of a fit found, in words."""

from collections.abc import Mapping
from typing import NamedTuple

from hilbert.stages.fit.audits import LATE_FUSION, METADATA, Chance
from hilbert.stages.fit.compare import Difference
from hilbert.stages.fit.metrics import Metrics

LEAST_AUC = 0.55
"""Macro AUC that is worth a warning, if its interval leaves out chance."""
LEAK = 0.03
"""Macro AUC above chance under permuted labels that is worth one."""


class Said(NamedTuple):
    """Sentences: what must be known before a score is believed, and what was found in order."""

    findings: tuple[str, ...]
    notes: tuple[str, ...]


def put_in_words(
    own: Metrics,
    audits: Mapping[str, Metrics],
    differences: Mapping[str, Difference],
    permuted: Mapping[str, Chance],
    voices: Mapping[str, tuple[str, int, int]],
) -> Said:
    """Findings and notes of the audits.

    Parameters
    ----------
    own : Metrics
        Of HILBERT.
    audits : mapping of str to Metrics
        Of the models of the audits.
    differences : mapping of str to Difference
        HILBERT minus each of them.
    permuted : mapping of str to Chance
    voices : mapping of str to (str, int, int)
        By the end of the names of two models: whose speech they hear, of how many documents,
        and how many there are.
    """
    parts = [
        _permuted(permuted),
        _metadata(own, audits),
        *(_voice(own, audits, name, *about) for name, about in voices.items()),
        _modalities(own, audits, differences),
        _fusion(own, audits, differences),
    ]
    return Said(
        tuple(sentence for part in parts for sentence in part.findings),
        tuple(sentence for part in parts for sentence in part.notes),
    )


def tells(metrics: Metrics) -> bool:
    """Whether a model tells the label at all, as far as an interval can show it."""
    return metrics.auc_macro >= LEAST_AUC and metrics.auc_macro_ci[0] > 0.5


def _permuted(permuted: Mapping[str, Chance]) -> Said:
    shown = {
        name: f"{name} {c.mean:.3f} (95 % interval {c.low:.3f} to {c.high:.3f}, {c.n} permutations)"
        for name, c in permuted.items()
        if c.n > 1
    }
    leaks = [n for n in shown if permuted[n].low > 0.5 and permuted[n].mean > 0.5 + LEAK]
    findings = tuple(
        f"Something leaks: under permuted labels the macro AUC is not that of chance, .5:"
        f" {shown[name]}. Are documents of one speaker in different groups?"
        for name in leaks
    )
    rest = [text for name, text in shown.items() if name not in leaks]
    told = ", ".join(rest)
    notes = (f"Under permuted labels the macro AUC is not shown to differ from chance: {told}.",)
    return Said(findings, notes if rest else ())


def _metadata(own: Metrics, audits: Mapping[str, Metrics]) -> Said:
    found = {name: m for name, m in audits.items() if name.split(":")[0] == METADATA}
    if not found:
        return Said((), ("Durations and counts are the same in all documents.",))
    telling = {name: m for name, m in found.items() if tells(m)}
    alone = {name: m for name, m in telling.items() if name != METADATA}
    if alone:
        best = max(alone, key=lambda name: alone[name].auc_macro)
        also = f"; from all metadata {_auc(found[METADATA])}" if METADATA in telling else ""
        what = best.partition(": ")[2]
        return Said((_tells(f"{what} alone", alone[best], own, also),), ())
    if telling:
        return Said((_tells("durations and counts alone", telling[METADATA], own),), ())
    best = max(found, key=lambda name: found[name].auc_macro)
    return Said(
        (),
        (
            "The label is not shown to be told by durations or counts alone:"
            f" {_auc(found[best])} at best.",
        ),
    )


def _voice(
    own: Metrics, audits: Mapping[str, Metrics], name: str, whose: str, n: int, n_all: int
) -> Said:
    models = {m: audits[m] for m in (f"hilbert_{name}", f"logistic_{name}") if m in audits}
    if not models:
        return Said(
            (), (f"No document has speech known to be of {whose}, so that it could not be tried.",)
        )
    best = max(models, key=lambda m: models[m].auc_macro)
    heard = f" (known in {n} of {n_all} documents)" if n < n_all else ""
    if tells(models[best]):
        return Said((_tells(f"the speech of {whose} alone{heard}", models[best], own),), ())
    return Said(
        (),
        (
            f"The label is not shown to be told by the speech of {whose} alone{heard}:"
            f" {_auc(models[best])}.",
        ),
    )


def _modalities(
    own: Metrics, audits: Mapping[str, Metrics], differences: Mapping[str, Difference]
) -> Said:
    """Whether HILBERT gains from its second modality."""
    found = {m: audits[f"hilbert_{m}"] for m in ("audio", "text") if f"hilbert_{m}" in audits}
    if not found:
        return Said((), ())
    best = max(found, key=lambda m: found[m].auc_macro)
    other = "text" if best == "audio" else "audio"
    difference = differences[f"hilbert_{best}"]
    scores = f"{_auc(found[best])} from {best} alone, {own.auc_macro:.3f} from both, {difference}"
    if difference.low > 0:
        return Said((), (f"HILBERT gains from {other} beside {best}: {scores}.",))
    return Said((f"HILBERT is not shown to gain from {other} beside {best}: {scores}.",), ())


def _fusion(
    own: Metrics, audits: Mapping[str, Metrics], differences: Mapping[str, Difference]
) -> Said:
    if LATE_FUSION not in audits:
        return Said((), ())
    difference, fused = differences[LATE_FUSION], audits[LATE_FUSION]
    scores = f"{_auc(fused)} against {own.auc_macro:.3f}, {difference}"
    if difference.low > 0:
        return Said((), (f"HILBERT beats the mean of both regressions (late fusion): {scores}.",))
    return Said(
        (f"HILBERT is not shown to beat the mean of both regressions (late fusion): {scores}.",), ()
    )


def _tells(what: str, metrics: Metrics, own: Metrics, more: str = "") -> str:
    return (
        f"The label can be told from {what}: {_auc(metrics)}, HILBERT has"
        f" {own.auc_macro:.3f}{more}."
    )


def _auc(metrics: Metrics) -> str:
    low, high = metrics.auc_macro_ci
    return f"macro AUC {metrics.auc_macro:.3f} [{low:.3f}, {high:.3f}]"
