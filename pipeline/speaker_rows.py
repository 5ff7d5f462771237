"""Which rows of a store's documents are by the speakers that a fit keeps.

The rows are chosen when features are read; nothing is encoded again. Windows of an encoder never
hold two speakers, so that the rows that are kept know nothing of the others; only where turns
overlap in time are other voices in the sound itself, and that is counted.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilbert.pipeline.speaker_notes import Share, check_names, names_in
from hilbert.pipeline.speakers import SpeakerChoice
from hilbert.store.errors import FitError, StoreError
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import Row
from hilbert.store.segment_table import SegmentSummary, speaker_codes_of, times_of
from hilbert.store.types import MODALITIES, EncoderInfo, Modality, Seconds

Rows = NDArray[np.float64]


def kept_rows(
    store: FeatureStore, segment_key: str, modality: Modality, choice: SpeakerChoice
) -> NDArray[np.bool_]:
    """Which segments of one modality are kept, shape (n_segments,)."""
    rows, speakers = _segments(store, segment_key)
    return _is_kept(speaker_codes_of(rows, modality), speakers, choice)


def shares_of(
    store: FeatureStore,
    rows: Sequence[Row],
    summaries: Mapping[str, SegmentSummary],
    choice: SpeakerChoice,
) -> dict[str, Share]:
    """The share of each document; nothing is read, and there is none, where everyone is kept."""
    if choice.is_everyone:
        return {}
    return {row.id: _share(store, row, summaries.get(row.id), choice) for row in rows}


def without_silenced(
    rows: Sequence[Row],
    encoders: Sequence[EncoderInfo],
    shares: Mapping[str, Share],
    choice: SpeakerChoice,
) -> tuple[tuple[Row, ...], tuple[tuple[str, str], ...]]:
    """The documents of which something is kept, and the others with the reason.

    Raises
    ------
    FitError
        If no document has one of the names or roles, or nothing is kept of any.
    """
    if choice.is_everyone:
        return tuple(rows), ()
    check_names([shares[row.id] for row in rows], choice)
    reasons = {row.id: silenced_reason(row, encoders, shares[row.id], choice) for row in rows}
    used = tuple(row for row in rows if reasons[row.id] is None)
    if not used:
        name, reason = next(iter(reasons.items()))
        raise FitError(
            f"nothing is kept of any of the {len(rows)} documents (first: {name}: {reason});"
            " choose others with --speakers"
        )
    return used, tuple((name, why) for name, why in reasons.items() if why is not None)


def silenced_reason(
    row: Row, encoders: Sequence[EncoderInfo], share: Share, choice: SpeakerChoice
) -> str | None:
    """Why nothing is kept of a document under `encoders`; None if something is."""
    present = {info.modality for info in encoders if info.name in row.feature_keys}
    if any(share.n_kept[modality] for modality in present):
        return None
    there = " or ".join(sorted(present))
    return f"none of its {there} segments is by {choice}; they are by: {names_in(share, present)}"


def _share(
    store: FeatureStore, row: Row, summary: SegmentSummary | None, choice: SpeakerChoice
) -> Share:
    if row.segment_key is None or summary is None:
        return Share((), dict.fromkeys(MODALITIES, 0), {})
    if row.segment_key not in store.index:  # a plan of what is not stored yet
        return _foreseen(summary, choice)
    try:
        rows, speakers = _segments(store, row.segment_key)
    except StoreError:  # damaged, which reading its features will tell
        return _foreseen(summary, choice)
    codes = {modality: speaker_codes_of(rows, modality) for modality in MODALITIES}
    kept = {m: _is_kept(found, speakers, choice) for m, found in codes.items()}
    counts = {
        (modality, name): int(n)
        for modality, found in codes.items()
        for name, n in zip((None, *speakers), _tally(found, len(speakers)), strict=True)
        if n
    }
    n_kept = {modality: int(mask.sum()) for modality, mask in kept.items()}
    times = times_of(rows, "audio")
    spans, others = times[kept["audio"]], times[~kept["audio"]]
    kept_s = float((spans[:, 1] - spans[:, 0]).sum())
    return Share(speakers, n_kept, counts, kept_s, overlap_s(spans, others))


def _foreseen(summary: SegmentSummary, choice: SpeakerChoice) -> Share:
    """The share as far as the names alone tell it."""
    some = any(map(choice.keeps, summary.speakers))
    n_segments: dict[Modality, int] = {"audio": summary.n_audio, "text": summary.n_text}
    return Share(summary.speakers, {m: n * some for m, n in n_segments.items()}, {})


def _segments(store: FeatureStore, segment_key: str) -> tuple[Rows, tuple[str, ...]]:
    """Rows of a document's segments, and the names of its speakers."""
    rows = store.rows_of(segment_key)
    summary = store.summary(segment_key)
    return rows, () if summary is None else summary.speakers


def _is_kept(
    codes: NDArray[np.int64], speakers: Sequence[str], choice: SpeakerChoice
) -> NDArray[np.bool_]:
    """Which segments are kept, by their speakers' codes."""
    table = np.array([*map(choice.keeps, speakers), choice.keeps(None)], dtype=np.bool_)
    return np.asarray(table[codes])  # -1, unknown, takes the last


def _tally(codes: NDArray[np.int64], n_speakers: int) -> NDArray[np.int64]:
    """Numbers of segments of the unknown speaker, then of each other."""
    return np.bincount(codes + 1, minlength=n_speakers + 1)


def overlap_s(spans: Rows, others: Rows) -> Seconds:
    """Seconds of `spans` that lie within `others`, both of shape (n, 2)."""
    if not len(others):
        return 0.0
    starts, ends = others[np.argsort(others[:, 0])].T
    ends = np.maximum.accumulate(ends)
    starts = np.maximum(starts, np.concatenate([[-np.inf], ends[:-1]]))  # none covers another now
    lengths = ends - starts
    # seconds covered up to a moment: it grows within the others and is level between them
    moments = np.stack([starts, ends], axis=1).ravel()
    covered = np.stack([np.cumsum(lengths) - lengths, np.cumsum(lengths)], axis=1).ravel()
    before, after = np.interp(spans, moments, covered).reshape(-1, 2).T
    return float((after - before).sum())
