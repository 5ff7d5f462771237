"""How documents of a store or a run were transcribed, so that others are in the same way."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.documents import summaries_of
from hilbert.pipeline.idle_options import told_of_recognition
from hilbert.pipeline.session import ExtractOptions
from hilbert.stages.extract.recogniser_files import find_recogniser
from hilbert.stages.extract.transcribe import recogniser_components
from hilbert.stages.extract.transcribe_config import TranscribeConfig, When, lacks_words
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import FeatureStore, open_store
from hilbert.store.file_digests import FileDigests
from hilbert.store.formats import format_at
from hilbert.store.keys import canonical
from hilbert.store.manifest import Row
from hilbert.store.segment_table import SegmentSummary
from hilbert.store.types import Document

_LANGUAGE = "language"


def transcription_of(
    rows: Sequence[Row], summaries: Mapping[str, SegmentSummary]
) -> Mapping[str, Any] | None:
    """What the transcripts that were made of a run's documents have in common.

    None where none was made. `language` is None unless all were told the same; where they differ
    in anything else, ``differ`` is all there is.
    """
    found = [
        dict(summaries[row.id].components["transcription"])
        for row in rows
        if row.id in summaries and summaries[row.id].components.get("transcription")
    ]
    if not found:
        return None
    languages = {made.pop(_LANGUAGE, None) for made in found}
    if len({canonical(made) for made in found}) > 1:
        return {"differ": True}
    return {**found[0], _LANGUAGE: languages.pop() if len(languages) == 1 else None}


def transcribe_again(
    recorded: Mapping[str, Any] | None, model: str | None, *, needed: bool
) -> TranscribeConfig:
    """The options that transcribe new recordings as those of a run.

    Parameters
    ----------
    recorded : mapping or None
        What `transcription_of` told when the run was made.
    model : str, optional
        Where the recogniser is, if it cannot be found by its name; or, for a run without made
        transcripts, which one to use.
    needed : bool
        Whether any recording lacks a transcript.

    Raises
    ------
    HilbertError
        If the recogniser is not to be had or not the run's, or the run has no one way.
    """
    if not needed:
        return TranscribeConfig()
    if recorded is None:
        return TranscribeConfig(model=model)
    if recorded.get("differ"):
        raise HilbertError(
            "the documents of the run were transcribed in different ways, so that recordings"
            " without a transcript cannot be transcribed alike; give their transcripts, or fit"
            " again after one `hilbert extract --transcribe` of all"
        )
    config = _config(recorded, model or str(recorded["model"]))
    if part := _differs(config, recorded):
        raise HilbertError(
            f"the recogniser {recorded['model']} is not the one that the run's documents were"
            f" transcribed with (its {part} differs); give the right folder with --transcribe,"
            " or transcripts"
        )
    return config


def as_stored(options: ExtractOptions, corpus: Corpus, place: Path) -> ExtractOptions:
    """The options, transcribing as the documents of the store at `place` were transcribed.

    A call that says nothing of transcribing would else take away the texts that were made, as it
    would take away features if it knew no encoders but those it names. Options that it gives
    without a recogniser (a language, say) hold for the recogniser that there was.

    Raises
    ------
    HilbertError
        If the store's documents have no one way, or its recogniser is not to be had here.
    """
    made = options.transcribe
    if made.model is not None or not made.as_before or format_at(place) is None:
        return options
    store = open_store(place)
    last = store.transcription() or {}
    when: When = "all" if "all" in (made.when, last.get("when")) else "missing"
    covered = [
        d for d in corpus.documents if d.audio is not None and (when == "all" or lacks_words(d))
    ]
    recorded = _recorded(store, covered) if covered else None
    if recorded is None:
        return options
    if recorded.get("differ"):
        raise HilbertError(
            "documents of the store were transcribed in different ways; say how they all are to be"
            " with --transcribe=MODEL, or leave out those that were made with --no-transcribe"
        )
    config = _config(recorded, str(recorded["model"]))
    folder = made.transcripts_dir
    if folder is None and "folder" in last:
        folder = Path(os.path.normpath(place.absolute().parent / str(last["folder"])))
    config = replace(config, when=when, transcripts_dir=folder)
    try:
        part = _differs(config, recorded)
    except HilbertError:
        part = "folder"
    if part:
        raise HilbertError(
            f"documents of the store were transcribed with {recorded['model']}, which is not found"
            f" here (its {part} differs); give it with --transcribe=FOLDER, or leave out the"
            " transcripts that were made with --no-transcribe"
        )
    return replace(options, transcribe=replace(config, **told_of_recognition(made)))


def _recorded(store: FeatureStore, covered: Sequence[Document]) -> Mapping[str, Any] | None:
    """How transcripts of documents were made, judged by all that the store has; None if none were.

    Documents that failed, and those that are new, were encoded neither with a transcript nor
    without: where there are no others, what the last extraction noted holds.
    """
    rows, last = store.rows(), store.transcription()
    known = [rows[document.id] for document in covered if document.id in rows]
    summaries = summaries_of(store, known)
    recorded = transcription_of(known, summaries)
    if recorded is None:
        return None if summaries else last
    if recorded.get("differ"):
        return recorded
    if last is not None:
        return {**recorded, _LANGUAGE: last[_LANGUAGE]}
    told = {document.id for document in covered if document.language is not None}
    untold = [row for row in known if row.id not in told]
    own = transcription_of(untold, summaries)
    if own is None:  # which language was told for all, nothing says
        return {**recorded, _LANGUAGE: None if len(told) < len(covered) else recorded[_LANGUAGE]}
    return own


def _config(recorded: Mapping[str, Any], model: str) -> TranscribeConfig:
    return TranscribeConfig(
        model=model,
        language=recorded[_LANGUAGE],
        beam_size=int(recorded["beam_size"]),
        vad=recorded["detector"] is not None,
        compute=recorded["compute"],
    )


def _differs(config: TranscribeConfig, recorded: Mapping[str, Any]) -> str | None:
    """What of the recogniser that is found here is not as it was; None if all is."""
    with FileDigests() as digests:
        here = recogniser_components(find_recogniser(config.model or ""), config, digests)
    parts = ("weights", "detector", "version")
    return next((part for part in parts if here[part] != recorded[part]), None)
