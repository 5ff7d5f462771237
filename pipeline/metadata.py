"""What a store knows of documents without their features: how long, how many, how wordy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilbert.pipeline.speaker_rows import kept_rows
from hilbert.pipeline.speakers import SpeakerChoice
from hilbert.stages.fit.audits import Metadata
from hilbert.store.feature_store import FeatureStore
from hilbert.store.manifest import Row
from hilbert.store.segment_table import times_of
from hilbert.store.types import MODALITIES, Modality

NAMES = ("duration", "the number of audio segments", "the number of text segments",
         "the number of words", "the number of speakers")  # fmt: skip
_WORDS, _MODALITY = 3, 4
"""Columns of the rows of segments."""


def metadata_of(store: FeatureStore, rows: Sequence[Row], speakers: SpeakerChoice) -> Metadata:
    """Metadata of the segments that a fit sees of each document."""
    return Metadata(NAMES, np.stack([_metadata(store, row, speakers) for row in rows]))


def _metadata(store: FeatureStore, row: Row, speakers: SpeakerChoice) -> NDArray[np.float64]:
    if row.segment_key is None:
        return np.full(len(NAMES), np.nan)
    segments = store.rows_of(row.segment_key)
    kept = {m: _kept(store, row.segment_key, segments, m, speakers) for m in MODALITIES}
    audio = times_of(segments, "audio")[kept["audio"]]
    words = segments[segments[:, _MODALITY] == MODALITIES.index("text")][kept["text"], _WORDS]
    summary = store.summary(row.segment_key)
    names = () if summary is None else summary.speakers
    return np.array([
        (audio[:, 1] - audio[:, 0]).sum() if len(audio) else np.nan,
        kept["audio"].sum(),
        kept["text"].sum(),
        words.sum() if len(words) else np.nan,
        sum(map(speakers.keeps, names)),
    ])  # fmt: skip


def _kept(
    store: FeatureStore,
    key: str,
    segments: NDArray[np.float64],
    modality: Modality,
    speakers: SpeakerChoice,
) -> NDArray[np.bool_]:
    if not speakers.is_everyone:
        return kept_rows(store, key, modality, speakers)
    n_segments = int((segments[:, _MODALITY] == MODALITIES.index(modality)).sum())
    return np.ones(n_segments, dtype=np.bool_)
