"""What a fit depends on, and whether the run of it is there."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hilbert.pipeline.components import Change, changes
from hilbert.pipeline.documents import choose_encoders, choose_rows, choose_target
from hilbert.pipeline.report import has_report
from hilbert.pipeline.run_directory import (
    INPUTS_FILE,
    default_run_dir,
    finished_run,
    read_json,
    run_folder,
)
from hilbert.pipeline.status import State
from hilbert.stages.fit.config import SplitConfig, TrainConfig
from hilbert.store import keys
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import Row
from hilbert.store.types import EncoderInfo

FIT_VERSION = 2
"""Raised when a fit gives other numbers for the same documents and options."""


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What `hilbert fit` does; flags of the command line fill it."""

    target: str | None = None
    """Column to predict."""
    encoders: tuple[str, ...] = ()
    """Encoders whose features are used; none means all of the store."""
    splits: SplitConfig = field(default_factory=SplitConfig)
    """How documents are split for evaluation."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """How HILBERT is trained."""
    workers: int = 1
    """Processes that fit folds; the result is the same."""
    strict: bool = False
    """Refuse to fit when documents are left out."""
    generation: int | None = None
    """Generation of the store to fit from, instead of the latest."""


@dataclass(frozen=True, slots=True)
class FitState:
    """State of the fit of one target, and of the report of its run.

    Attributes
    ----------
    target : str
    fit, report : State
    run_dir : Path, optional
        The run that is there, current or stale.
    changes : tuple of Change
        What differs from that run: documents by their id, options by their name.
    """

    target: str
    fit: State
    report: State
    run_dir: Path | None
    changes: tuple[Change, ...]


def fit_components(
    rows: Sequence[Row],
    contents: Mapping[str, str | None],
    encoders: Sequence[EncoderInfo],
    target: str,
    options: FitOptions,
) -> dict[str, Any]:
    """All that decides the numbers of a fit, by name; documents by a digest of theirs.

    `contents` are the digests of their segments: a transcript that was edited so that the same
    segments came out changes nothing for a fit.
    """
    train = asdict(options.train)
    for name in ("device", "threads"):
        train.pop(name)
    documents = {
        row.id: keys.digest(
            "fit document",
            [
                contents[row.id],
                [row.feature_keys.get(info.name) for info in encoders],
                row.columns.get(target),
                row.group,
            ],
        )
        for row in rows
    }
    return {
        "target": target,
        "documents": documents,
        "splits": asdict(options.splits),
        "train": train,
        "version": FIT_VERSION,
    }


def segment_contents(store: FeatureStore, rows: Sequence[Row]) -> dict[str, str | None]:
    """Digest of the segments of each document, as the store has them."""
    summaries = {row.id: row.segment_key and store.summary(row.segment_key) for row in rows}
    return {name: summary.content if summary else None for name, summary in summaries.items()}


def fit_key(components: Mapping[str, Any]) -> str:
    """Key of a fit: what can change its numbers, and nothing else."""
    return keys.digest("fit", components)


def fit_state(components: Mapping[str, Any], runs: Path) -> FitState:
    """Whether a run of these components is below `runs`, where `fit` and `run` put it."""
    target, key = components["target"], fit_key(components)
    places = (run_folder(runs, target), default_run_dir(runs, target, key))
    for place in places:
        if finished_run(place, key) is not None:
            report: State = "current" if has_report(place, key) else "stale"
            return FitState(target, "current", report, place, ())
    if not (places[0] / INPUTS_FILE).is_file():
        return FitState(target, "missing", "missing", None, ())
    changed = changes(read_json(places[0] / INPUTS_FILE), components)
    return FitState(target, "stale", "stale", places[0], changed)


def describe_changes(changed: Sequence[Change]) -> str:
    """In a few words: how many documents are new, gone or other, and which options."""
    of_documents = [c for c in changed if c.component.startswith("documents.")]
    kinds = {
        "new": sum(c.old is None for c in of_documents),
        "gone": sum(c.new is None for c in of_documents),
        "changed": sum(c.old is not None and c.new is not None for c in of_documents),
    }
    words = [f"{n} documents {kind}" for kind, n in kinds.items() if n]
    others = (c for c in changed if not c.component.startswith("documents."))
    return "; ".join([*words, *(f"{c.component}: {c.old} -> {c.new}" for c in others)])


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a fit would do.

    Attributes
    ----------
    target : str
    run_dir : Path
        Where the run is or would be.
    up_to_date : bool
        Whether it is there already, so that nothing would be done.
    documents : int
    left_out : tuple of (str, str)
        Documents that cannot be used, with the reason.
    generation : int
    """

    target: str
    run_dir: Path
    up_to_date: bool
    documents: int
    left_out: tuple[tuple[str, str], ...]
    generation: int


def foresee_fit(
    store: FeatureStore, run_dir: Path | None, options: FitOptions, *, runs: Path
) -> Foreseen:
    """What `fit` would do, told from the store's manifest alone.

    Raises
    ------
    FitError
        If there is nothing to fit.
    """
    manifest = store.manifest(options.generation)
    target = choose_target(manifest, options.target)
    encoders = choose_encoders(manifest, options.encoders)
    rows, left_out = choose_rows(manifest, encoders)
    contents = segment_contents(store, rows)
    key = fit_key(fit_components(rows, contents, encoders, target, options))
    place = run_dir or default_run_dir(runs, target, key)
    there = finished_run(place, key) is not None
    return Foreseen(target, place, there, len(rows), left_out, manifest.generation)
