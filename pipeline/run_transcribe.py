"""How the documents of a run were transcribed, so that new recordings are in the same way."""

from collections.abc import Mapping, Sequence
from typing import Any

from hilbert.stages.extract.recogniser_files import find_recogniser
from hilbert.stages.extract.transcribe import TranscribeConfig, recogniser_components
from hilbert.store.errors import HilbertError
from hilbert.store.file_digests import FileDigests
from hilbert.store.keys import canonical
from hilbert.store.manifest import Row
from hilbert.store.segment_table import SegmentSummary

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
    config = TranscribeConfig(
        model=model or str(recorded["model"]),
        language=recorded[_LANGUAGE],
        beam_size=int(recorded["beam_size"]),
        vad=recorded["detector"] is not None,
        compute=recorded["compute"],
    )
    with FileDigests() as digests:
        here = recogniser_components(find_recogniser(config.model or ""), config, digests)
    for part in ("weights", "detector", "version"):
        if here[part] != recorded[part]:
            raise HilbertError(
                f"the recogniser {recorded['model']} is not the one that the run's documents were"
                f" transcribed with (its {part} differs); give the right folder with --transcribe,"
                " or transcripts"
            )
    return config
