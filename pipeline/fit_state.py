"""Whether the run of a target is there, and what changed since if it is another."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hilbert.pipeline.cli_common import counted
from hilbert.pipeline.components import Change, changes
from hilbert.pipeline.fit_plan import FitOptions, RunPlace, fit_key, plan_fit
from hilbert.pipeline.report import has_report
from hilbert.pipeline.run_directory import INPUTS_FILE, read_json
from hilbert.pipeline.speaker_notes import Share
from hilbert.pipeline.status import State
from hilbert.store.errors import HilbertError
from hilbert.store.manifest import Manifest
from hilbert.store.segment_table import SegmentSummary


@dataclass(frozen=True, slots=True)
class FitState:
    """State of the fit of one target, and of the report of its run.

    Attributes
    ----------
    target : str
    fit, report : State
    run_dir : Path, optional
        The run that is there, current or stale.
    options : tuple of Change
        Options that differ from that run's.
    documents : mapping of str to tuple of Change
        Documents that differ from that run's, and in what.
    note : str, optional
        Why there can be no fit, or what is wrong with the run.
    """

    target: str
    fit: State
    report: State
    run_dir: Path | None = None
    options: tuple[Change, ...] = ()
    documents: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    note: str | None = None


def fit_state(
    manifest: Manifest,
    summaries: Mapping[str, SegmentSummary],
    options: FitOptions,
    place: RunPlace,
    shares: Mapping[str, Share],
) -> FitState:
    """Whether the run that `hilbert run` would make of a manifest is there."""
    target = str(options.target)
    try:
        plan = plan_fit(manifest, summaries, options, replace(place, overwrite=True), shares)
    except HilbertError as error:
        return FitState(target, "failed", "missing", note=str(error))
    if plan.up_to_date:
        report: State = "current" if has_report(plan.run_dir, plan.key) else "stale"
        return FitState(target, "current", report, plan.run_dir)
    if not plan.run_dir.exists():
        return FitState(target, "missing", "missing")
    old = read_json(plan.run_dir / INPUTS_FILE)
    if not old or fit_key(old) == plan.key:
        return FitState(target, "stale", "stale", plan.run_dir, note="the run is damaged")
    before, after = old.pop("documents", {}), {**plan.components}
    documents = after.pop("documents")
    return FitState(target, "stale", "stale", plan.run_dir, changes(old, after),
                    _changed_documents(before, documents))  # fmt: skip


def _changed_documents(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> dict[str, tuple[Change, ...]]:
    """Documents that are new, gone or other; of the others what changed."""
    found = {}
    for name in dict.fromkeys([*new, *old]):
        if name in old and name in new:
            changed = changes(old[name], new[name])
        else:
            changed = (
                Change("document", *("in the run" if name in s else None for s in (old, new))),
            )
        if changed:
            found[name] = changed
    return found


def describe_state(state: FitState) -> str | None:
    """In a few words why a fit is not current."""
    if state.note:
        return state.note
    gone = sum(c[0].new is None and c[0].component == "document" for c in state.documents.values())
    new = sum(c[0].old is None and c[0].component == "document" for c in state.documents.values())
    kinds = {"new": new, "gone": gone, "changed": len(state.documents) - new - gone}
    words = [f"{counted(n, 'document')} {kind}" for kind, n in kinds.items() if n]
    return (
        "; ".join([*words, *(f"{c.component}: {c.old} -> {c.new}" for c in state.options)]) or None
    )
