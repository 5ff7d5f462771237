"""What a fit depends on and what it would do, decided before any feature is read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hilbert.pipeline.choose_targets import choose_targets
from hilbert.pipeline.cuts import Cuts, cuts_of, describe_cuts
from hilbert.pipeline.documents import (
    choose_encoders,
    choose_rows,
    label_documents,
    segment_options,
    summaries_of,
)
from hilbert.pipeline.run_directory import (
    check_free,
    default_run_dir,
    finished_run,
    run_folder,
)
from hilbert.pipeline.speaker_notes import Share, describe_shares
from hilbert.pipeline.speaker_rows import shares_of, without_silenced
from hilbert.pipeline.speakers import SpeakerChoice
from hilbert.pipeline.transcribe_alike import transcription_of
from hilbert.stages.fit.config import SplitConfig, TargetConfig, TrainConfig
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.stages.fit.split_kinds import check_splits, split_components
from hilbert.stages.fit.subgroups import check_subgroups
from hilbert.store import keys
from hilbert.store.errors import FitError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import SPLIT_COLUMN, Manifest, Row
from hilbert.store.references import keys_of_row
from hilbert.store.segment_table import SegmentSummary
from hilbert.store.types import EncoderInfo

FIT_VERSION = 8
"""Raised when a fit gives other numbers for the same documents and options."""

AUDIT_VERSION = 1
"""Raised when an audit tries something else."""


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What `hilbert fit` does; flags of the command line fill it."""

    target: str | None = None
    """Column to predict."""
    further: tuple[str, ...] = ()
    """Columns to predict beside it, by the same network."""
    kinds: tuple[TargetConfig, ...] = ()
    """What columns hold that are no unordered classes."""
    encoders: tuple[str, ...] = ()
    """Encoders whose features are used; none means all of the store."""
    speakers: SpeakerChoice = field(default_factory=SpeakerChoice)
    """Whose segments are used."""
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
    subgroups: tuple[str, ...] = ()
    """Columns within each of whose values scores are told, too."""
    audit: bool = False
    """Look for shortcuts by which the label could be told."""


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where a run goes.

    A run of the same key that is in either of the two default places is taken wherever it is.
    """

    run_dir: Path | None = None
    """The folder itself; by default one of those below `runs`."""
    runs: Path = Path("runs")
    """Folder of the runs."""
    by_target: bool = False
    """Whether the default is the target's own folder, whose run is replaced, or one a key."""
    overwrite: bool = False
    """Replace the run that is there."""
    again: bool = False
    """Even one that is up to date."""

    def choose(self, target: str, key: str) -> Path:
        """The folder of the run of a key."""
        if self.run_dir is not None:
            return self.run_dir
        places = (run_folder(self.runs, target), default_run_dir(self.runs, target, key))
        done = (place for place in places if finished_run(place, key) is not None)
        return next(done, places[0] if self.by_target else places[1])


@dataclass(frozen=True, slots=True)
class FitPlan:
    """What a fit would do, known before any feature is read.

    Attributes
    ----------
    target, key : str
        Name of the target; of several the names joined by ``+``.
    components : mapping
        What the key is made of.
    manifest : Manifest
    rows : tuple of Row
        Documents that are used, and in `documents` their groups and labels.
    left_out : tuple of (str, str)
        Documents that cannot be used, with the reason.
    segments : mapping
        Options that cut all documents.
    speakers : SpeakerChoice
        Whose segments are used.
    warnings : tuple of str
        Whose segments those are, and classes that cannot be in every test fold.
    run_dir : Path
        Where the run is or would be.
    up_to_date : bool
        Whether it is there already, so that nothing would be done.
    transcribe : mapping, optional
        How transcripts were made of the documents that had none.
    cuts : mapping of str to int, optional
        Numbers of documents by what their audio was cut; None if the store does not tell.
    """

    target: str
    key: str
    components: Mapping[str, Any]
    manifest: Manifest
    encoders: tuple[EncoderInfo, ...]
    rows: tuple[Row, ...]
    documents: DocumentSet
    left_out: tuple[tuple[str, str], ...]
    segments: Mapping[str, Any]
    speakers: SpeakerChoice
    warnings: tuple[str, ...]
    run_dir: Path
    up_to_date: bool
    transcribe: Mapping[str, Any] | None = None
    cuts: Cuts | None = None

    @property
    def generation(self) -> int:
        """Generation of the store that is fitted."""
        return self.manifest.generation


def plan_fit(
    manifest: Manifest,
    summaries: Mapping[str, SegmentSummary],
    options: FitOptions,
    place: RunPlace,
    shares: Mapping[str, Share],
) -> FitPlan:
    """Decide all of a fit that does not need features, and refuse what cannot be fitted.

    Parameters
    ----------
    shares : mapping of str to Share
        What the speakers chosen have of each document, see `shares_of`.

    Raises
    ------
    FitError, HilbertError
        If labels, groups or options do not allow the fit, or the run has no place to go.
    """
    targets = choose_targets(manifest, options.target, options.further, options.kinds)
    target = "+".join(config.column for config in targets)
    encoders = choose_encoders(manifest, options.encoders)
    usable, unusable = choose_rows(manifest, encoders)
    rows, silenced = without_silenced(usable, encoders, shares, options.speakers)
    left_out = (*unusable, *silenced)
    if options.strict and left_out:
        name, reason = left_out[0]
        raise FitError(
            f"{len(left_out)} documents cannot be used (first: {name}: {reason});"
            " mend them and run `hilbert extract`, or drop --strict"
        )
    documents = label_documents(rows, None, targets)
    _check_names(documents)
    heard = describe_shares(
        {row.id: shares[row.id] for row in usable if row.id in shares},
        options.speakers,
        {info.modality for info in encoders},
    )
    hears = any(info.modality == "audio" for info in encoders)
    cuts = cuts_of(summaries[row.id] for row in rows if row.id in summaries)
    warnings = (
        *heard, *describe_cuts(cuts if hears else {}),
        *check_splits(documents, options.splits, split_column(rows)),
    )  # fmt: skip
    for name, values in subgroup_columns(rows, options).items():
        check_subgroups(name, values)
    segments = segment_options(rows, summaries)
    transcribe = transcription_of(rows, summaries)
    components = fit_components(rows, summaries, encoders, targets[0].column, options)
    key = fit_key(components)
    run_dir = place.choose(target, key)
    up_to_date = not (place.overwrite and place.again) and finished_run(run_dir, key) is not None
    if not up_to_date:
        check_free(run_dir, overwrite=place.overwrite)
    return FitPlan(target, key, components, manifest, encoders, rows, documents,
                   left_out, segments, options.speakers, warnings, run_dir,
                   up_to_date, transcribe, cuts or None)  # fmt: skip


def _check_names(documents: DocumentSet) -> None:
    """Refuse a class that the files of a run could not tell from a column of theirs."""
    if any("id" in target.classes for target in documents.targets):
        raise FitError("a class cannot be named 'id', the first column of predictions; rename it")


def plan_fit_of(store: FeatureStore, options: FitOptions, place: RunPlace) -> FitPlan:
    """`plan_fit` of a generation of a store, all of whose features must be there."""
    manifest = store.manifest(options.generation)
    summaries = summaries_of(store, manifest.rows)
    shares = shares_of(store, manifest.rows, summaries, options.speakers)
    plan = plan_fit(manifest, summaries, options, place, shares)
    lost = [row.id for row in plan.rows if any(k not in store.index for k in keys_of_row(row))]
    if lost and not plan.up_to_date:
        raise FitError(
            f"{len(lost)} documents of generation {plan.generation} have lost their features or"
            f" segments (first: {lost[0]}); `hilbert extract` makes anew what its corpus still has,"
            " as a new generation"
        )
    return plan


def split_column(rows: Sequence[Row]) -> tuple[str | None, ...]:
    """What the corpus's column split says of each document."""
    return tuple(row.columns.get(SPLIT_COLUMN) for row in rows)


def subgroup_columns(rows: Sequence[Row], options: FitOptions) -> dict[str, tuple[str | None, ...]]:
    """Values of the columns of subgroups, one a document."""
    return {name: tuple(row.columns.get(name) for row in rows) for name in options.subgroups}


def fit_components(
    rows: Sequence[Row],
    summaries: Mapping[str, SegmentSummary],
    encoders: Sequence[EncoderInfo],
    target: str,
    options: FitOptions,
) -> dict[str, Any]:
    """All that decides the numbers of a fit, by name.

    Of the segments it is what they are, not how they came about: a transcript that was edited
    so that the same segments came out changes nothing for a fit.
    """
    train = asdict(options.train)
    for name in ("device", "threads"):
        train.pop(name)
    further = options.further
    kinds = [
        asdict(replace(config, column=config.column or target))
        for config in options.kinds
        if config.target_kind != "classes" and config.column in ("", target, *further)
    ]
    given = (*options.subgroups, *([SPLIT_COLUMN] if options.splits.kind == "column" else []))
    documents = {
        row.id: {
            "label": row.columns.get(target),
            **({"further": [row.columns.get(name) for name in further]} if further else {}),
            **({"columns": {name: row.columns.get(name) for name in given}} if given else {}),
            "group": row.group,
            "segments": summaries[row.id].content if row.id in summaries else None,
            "features": {info.name: row.feature_keys.get(info.name) for info in encoders},
        }
        for row in rows
    }
    chosen = {} if options.speakers.is_everyone else {"speakers": options.speakers.components()}
    return {
        "target": target,
        **({"further": list(further)} if further else {}),
        **({"kinds": sorted(kinds, key=lambda kind: str(kind["column"]))} if kinds else {}),
        "documents": documents,
        **chosen,
        **({"subgroups": sorted(options.subgroups)} if options.subgroups else {}),
        **({"audit": AUDIT_VERSION} if options.audit else {}),
        "splits": split_components(options.splits),
        "train": train,
        "version": FIT_VERSION,
    }


def fit_key(components: Mapping[str, Any]) -> str:
    """Key of a fit: what can change its numbers, and nothing else."""
    return keys.digest("fit", components)
