"""From a store's manifest to the documents of a fit: which, with which features and labels."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hilbert.pipeline.speaker_rows import kept_rows
from hilbert.pipeline.speakers import SpeakerChoice
from hilbert.stages.fit.cells import read_target
from hilbert.stages.fit.config import TargetConfig
from hilbert.stages.fit.dataset import MISSING, DocumentSet
from hilbert.stages.fit.mapped import mapped
from hilbert.stages.fit.targets import Question
from hilbert.store.errors import FitError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.keys import canonical
from hilbert.store.manifest import Manifest, Row
from hilbert.store.segment_table import SegmentSummary
from hilbert.store.types import MODALITIES, EncoderInfo, Features, Modality

_EVERYONE = SpeakerChoice()


@dataclass(frozen=True, slots=True)
class FitDocuments:
    """Documents of a fit, and what was left out of it.

    Attributes
    ----------
    documents : DocumentSet
    rows : tuple of Row
        Their rows of the manifest, in the same order.
    encoders : tuple of EncoderInfo
        Whose features are used; those of one modality stand side by side.
    left_out : tuple of (str, str)
        Documents not used, with the reason.
    segments : mapping
        Options under which the documents were cut.
    transcribe : mapping, optional
        How transcripts were made of those that had none.
    """

    documents: DocumentSet
    rows: tuple[Row, ...]
    encoders: tuple[EncoderInfo, ...]
    left_out: tuple[tuple[str, str], ...]
    segments: Mapping[str, Any]
    transcribe: Mapping[str, Any] | None = None


def choose_encoders(manifest: Manifest, names: Sequence[str]) -> tuple[EncoderInfo, ...]:
    """The encoders named, or all of the manifest; audio before text.

    Raises
    ------
    FitError
        If the store has no such encoder, or none at all.
    """
    for name in names:
        if name not in manifest.encoders:
            known = ", ".join(manifest.encoders) or "none"
            raise FitError(
                f"the store has no features of {name}; it has: {known}."
                f" Run `hilbert extract --encoder {name}` to add them"
            )
    chosen = [i for n, i in manifest.encoders.items() if not names or n in names]
    if not chosen:
        raise FitError("the store has no features; run `hilbert extract` first")
    return tuple(sorted(chosen, key=lambda info: (MODALITIES.index(info.modality), info.name)))


def choose_rows(
    manifest: Manifest, encoders: Sequence[EncoderInfo]
) -> tuple[tuple[Row, ...], tuple[tuple[str, str], ...]]:
    """Documents that can be used with the features of `encoders`, and those left out.

    A document with some modality missing is used; one that failed under an encoder, or has no
    features at all, is left out with the reason.

    Raises
    ------
    FitError
        If none can be used.
    """
    reasons = {row.id: unusable_reason(row, encoders) for row in manifest.rows}
    rows = tuple(row for row in manifest.rows if reasons[row.id] is None)
    if not rows:
        raise FitError(
            f"none of the {len(manifest.rows)} documents of the store can be used;"
            " see what `hilbert extract` says of them"
        )
    return rows, tuple((name, why) for name, why in reasons.items() if why is not None)


def label_documents(
    rows: Sequence[Row], target: str | None, configs: Sequence[TargetConfig] = ()
) -> DocumentSet:
    """Groups and labels of documents, without their features.

    Parameters
    ----------
    target : str, optional
        Column of classes; None gives every document the label -1, as `predict` needs.
    configs : sequence of TargetConfig
        Columns to predict instead, of whatever kind.

    Raises
    ------
    FitError
        If a column cannot be read as its kind.
    """
    configs = configs or ([] if target is None else [TargetConfig(target)])
    nothing = np.full(len(rows), MISSING)
    first, *further = [
        question
        for config in configs
        for question in read_target([row.columns.get(config.column) for row in rows], config)
    ] or [Question("", "classes", (), nothing)]
    absent = (None,) * len(rows)
    return DocumentSet(
        ids=tuple(row.id for row in rows),
        groups=tuple(row.group for row in rows),
        labels=first.labels,
        classes=first.classes,
        audio=absent,
        text=absent,
        target=first.target,
        kind=first.kind,
        further=tuple(further),
    )


def load_features(
    store: FeatureStore,
    documents: DocumentSet,
    rows: Sequence[Row],
    encoders: Sequence[EncoderInfo],
    speakers: SpeakerChoice = _EVERYONE,
) -> DocumentSet:
    """The documents with their features under `encoders`, read from the store.

    Only the segments of the chosen speakers come in; everything after this, baselines
    included, knows no others. They lie in a mapped file, read-only.
    """
    return replace(
        documents,
        audio=mapped(_stream(store, row, encoders, "audio", speakers) for row in rows),
        text=mapped(_stream(store, row, encoders, "text", speakers) for row in rows),
    )


def summaries_of(store: FeatureStore, rows: Sequence[Row]) -> dict[str, SegmentSummary]:
    """Facts about the segments of each document, as the store has them."""
    found = {row.id: row.segment_key and store.summary(row.segment_key) for row in rows}
    return {name: summary for name, summary in found.items() if summary}


def describe_gaps(chosen: FitDocuments, manifest: Manifest) -> list[str]:
    """One sentence for what was left out, and one for each modality that some documents lack."""
    sentences = []
    target = chosen.documents.target
    if chosen.left_out:
        name, reason = chosen.left_out[0]
        ids = [name for name, _ in chosen.left_out]
        sentences.append(
            f"{_documents(len(ids))} left out ({_by_class(manifest, target, ids)};"
            f" first: {name}: {reason})"
        )
    stale = [row.id for row in chosen.rows if row.failure]
    if stale:
        sentences.append(
            f"{_documents(len(stale))} used as stored, though the last extraction of them failed"
            f" (first: {stale[0]})"
        )
    for modality in MODALITIES:
        stream = chosen.documents.stream(modality)
        lacking = [i for i, f in zip(chosen.documents.ids, stream, strict=True) if f is None]
        if 0 < len(lacking) < len(stream):
            sentences.append(
                f"{_documents(len(lacking))} without {modality}"
                f" ({_by_class(manifest, target, lacking)}; first: {lacking[0]})"
            )
    unlabelled = chosen.documents.strata == MISSING
    if unlabelled.any():
        n = int(unlabelled.sum())
        sentences.append(f"{_documents(n)} without a label: aligned on, never tested")
    for asked in chosen.documents.asked:
        partly = int((~asked.known & ~unlabelled).sum())
        if partly:
            sentences.append(
                f"{_documents(partly)} without a label of {asked.target.name}: the other targets"
                " are trained and tested with them"
            )
    return sentences


def _documents(n: int) -> str:
    return f"{n} document" if n == 1 else f"{n} documents"


def _by_class(manifest: Manifest, target: str, documents: Sequence[str]) -> str:
    """How many of `documents` each class has, as ``poor 3, good 1``."""
    wanted = set(documents)
    labels = Counter(r.columns.get(target) or "no label" for r in manifest.rows if r.id in wanted)
    return ", ".join(f"{label} {n}" for label, n in sorted(labels.items()))


def segment_options(
    rows: Sequence[Row], summaries: Mapping[str, SegmentSummary]
) -> Mapping[str, Any]:
    """The options that cut all documents.

    Raises
    ------
    FitError
        If some were cut differently: their features would tell how, not what was said.
    """
    known = [(row.id, summaries[row.id]) for row in rows if row.id in summaries]
    found = {canonical(s.components["options"]): name for name, s in known}
    if len(found) > 1:
        first, second = list(found.values())[:2]
        raise FitError(
            f"documents {first} and {second} were cut with different options; run"
            " `hilbert extract` on the whole corpus with one set of options (--prune drops"
            " documents that are no longer in it)"
        )
    return {} if not found else json.loads(next(iter(found)))


def unusable_reason(row: Row, encoders: Sequence[EncoderInfo]) -> str | None:
    """Why a document cannot be used with the features of `encoders`; None if it can."""
    present = [info.name for info in encoders if info.name in row.feature_keys]
    if row.failure and len(present) < len(encoders):
        return row.failure
    if not present:
        return "it has no features of " + " or ".join(info.name for info in encoders)
    for modality in MODALITIES:
        names = [info.name for info in encoders if info.modality == modality]
        absent = [name for name in names if name not in row.feature_keys]
        if absent and len(absent) < len(names):
            return f"it has no features of {absent[0]}, but of the others; run `hilbert extract`"
    return None


def _stream(
    store: FeatureStore,
    row: Row,
    encoders: Sequence[EncoderInfo],
    modality: Modality,
    speakers: SpeakerChoice,
) -> Features | None:
    """Features of all encoders of a modality side by side; None if nothing of it is kept."""
    infos = [i for i in encoders if i.modality == modality and i.name in row.feature_keys]
    if not infos or row.segment_key is None:
        return None
    read = [store.read_keys(row.segment_key, row.feature_keys[i.name], i) for i in infos]
    if len({len(features.x) for features in read}) > 1:
        named = ", ".join(f"{i.name} {len(f.x)}" for i, f in zip(infos, read, strict=True))
        raise FitError(
            f"encoders of {modality} do not have the same rows (of {row.id}: {named}), because"
            f" one keeps its frames; name one of them, for example --encoder {infos[0].name}"
        )
    x, times = np.concatenate([features.x for features in read], axis=1), read[0].times
    if speakers.is_everyone:
        return Features(x, times)
    kept = kept_rows(store, row.segment_key, modality, speakers)
    n_rows = store.rows_per_segment(row.feature_keys[infos[0].name])
    if n_rows is not None:
        kept = np.repeat(kept, n_rows)
    return Features(x[kept], times[kept]) if kept.any() else None
