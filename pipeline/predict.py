"""The command `hilbert predict`: score new recordings with a run's model.

The features are extracted with the run's own encoders and options, into a store of their own:
a store that `fit` reads is never written to.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.cuts import cuts_of, foreign_cuts
from hilbert.pipeline.documents import (
    label_documents,
    load_features,
    summaries_of,
    unusable_reason,
)
from hilbert.pipeline.extract import extract
from hilbert.pipeline.extract_report import ExtractReport
from hilbert.pipeline.languages import language_warnings
from hilbert.pipeline.prediction_place import place_of_features
from hilbert.pipeline.run_directory import (
    CONFIG_FILE,
    MODEL_FILE,
    RUN_FILE,
    damaged,
    read_run,
    write_csv,
)
from hilbert.pipeline.run_files import prediction_columns
from hilbert.pipeline.session import ExtractOptions
from hilbert.pipeline.speaker_rows import shares_of, silenced_reason
from hilbert.pipeline.speakers import SpeakerChoice, choice_from_json
from hilbert.pipeline.transcribe_alike import transcribe_again
from hilbert.stages.device import choose_device
from hilbert.stages.extract.encoders.base import options_of
from hilbert.stages.extract.encoders.weights import ResolvedEncoder, resolve_encoder
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.extract.transcribe_config import lacks_words
from hilbert.stages.fit.config import train_config_from_dict
from hilbert.stages.fit.targets import Target, shown
from hilbert.stages.fit.trained import TrainedModel, from_state
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import FeatureStore, open_store
from hilbert.store.types import EncoderInfo


@dataclass(frozen=True, slots=True)
class Predictions:
    """Class probabilities of new documents.

    Attributes
    ----------
    ids : tuple of str
        Documents in the order of the corpus, without those that failed.
    classes : tuple of str
        Of several targets ``TARGET:CLASS``.
    probabilities : float64 array of shape (n_documents, n_classes)
        Those of the classes of a target sum to 1; of many labels each is that of one label.
    speakers : SpeakerChoice
        Whose segments were scored: those that the run was fitted on.
    report : ExtractReport
        What the extraction did, and which documents failed.
    warnings : tuple of str
        Encoders that do not know the documents' languages.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    report: ExtractReport
    speakers: SpeakerChoice
    warnings: tuple[str, ...] = ()


def predict(
    run_dir: Path,
    corpus: Corpus,
    out: Path,
    *,
    device: str = "auto",
    locations: Sequence[str] = (),
    recogniser: str | None = None,
    dry_run: bool = False,
    workers: int = 0,
    dask: str = "",
) -> Predictions:
    """Extract what is missing, score it, and write one row a document to `out`.

    Where no document can be scored, earlier predictions stay.

    Parameters
    ----------
    run_dir : Path
        Directory of a finished run.
    corpus : Corpus
        New documents; labels are not needed.
    out : Path
        CSV to write. Features are kept beside it, in ``<out>.feats.zarr``.
    device : str
        Where encoders and model run.
    locations : sequence of str
        Folders of encoders that cannot be found by the name in the run.
    recogniser : str, optional
        Folder of the recogniser that transcribed the run's documents, if it cannot be found by
        its name; or, where none did, the one that is to transcribe recordings without transcript.
    dry_run : bool
        Only tell what would be extracted; nothing is scored or written.
    workers : int
        Processes that encode; 0 for none but this one.
    dask : str
        Address of a Dask scheduler whose workers encode, or ``local``.

    Raises
    ------
    HilbertError
        If there is no such run, an encoder is not to be had or is not the run's own, or `out` or
        the store beside it is something else.
    """
    run = read_run(run_dir)
    model = load_model(run_dir, choose_device(device))
    infos, segments, speakers = _recipe(run, run_dir.name)
    classes = tuple(prediction_columns(model.targets))
    store_path = place_of_features(out, corpus, run_dir, run, classes)
    encoders = [resolve_again(info, locations) for info in infos]
    lacks = any(d.audio and lacks_words(d) for d in corpus.documents)
    options = ExtractOptions(
        segments=segments,
        transcribe=transcribe_again(run.get("transcribe"), recogniser, needed=lacks),
        device=device,
        prune=True,
        dry_run=dry_run,
        workers=workers,
        dask=dask,
    )
    report = extract(corpus, store_path, encoders, options)
    made = options.transcribe
    warnings = (
        *language_warnings(corpus, infos, made),
        *language_warnings(corpus, infos, made, report.languages),
    )
    if dry_run:
        nobody = np.empty((0, len(classes)))
        return Predictions((), classes, nobody, report, speakers, warnings)
    store = open_store(store_path)
    scored, failed = _score(model, store, infos, speakers, report)
    warnings += _cut_otherwise(store, scored, infos, run)
    ids = tuple(d.id for d in corpus.documents if d.id in scored)
    if ids or not out.exists():
        write_csv(out, ["id", *classes], ([name, *scored[name].tolist()] for name in ids))
    probabilities = np.array([scored[name] for name in ids]).reshape(len(ids), len(classes))
    report = replace(report, failed=failed)
    return Predictions(ids, classes, probabilities, report, speakers, warnings)


def _cut_otherwise(
    store: FeatureStore,
    scored: Collection[str],
    infos: Sequence[EncoderInfo],
    run: Mapping[str, Any],
) -> tuple[str, ...]:
    """What is said of audio that was not cut as that of the run."""
    if not any(info.modality == "audio" for info in infos):
        return ()
    rows = [row for row in store.manifest().rows if row.id in scored]
    told: Mapping[str, int] | None = None if run["segments"].get("method", "auto") == "auto" else {}
    return foreign_cuts(cuts_of(summaries_of(store, rows).values()), run.get("cuts") or told)


def _score(
    model: TrainedModel,
    store: FeatureStore,
    infos: Sequence[EncoderInfo],
    speakers: SpeakerChoice,
    report: ExtractReport,
) -> tuple[dict[str, NDArray[np.float64]], tuple[tuple[str, str], ...]]:
    """Probabilities by document, and the documents that have none with their reasons."""
    manifest = store.manifest()
    failed = dict(report.failed)
    rows = tuple(row for row in manifest.rows if row.id not in failed)
    unusable = {row.id: why for row in rows if (why := unusable_reason(row, infos))}
    shares = shares_of(store, rows, summaries_of(store, rows), speakers)
    for row in rows if shares else ():
        if why := silenced_reason(row, infos, shares[row.id], speakers):
            unusable.setdefault(row.id, why)
    rows = tuple(row for row in rows if row.id not in unusable)
    failures = tuple({**failed, **unusable}.items())
    if not rows:
        return {}, failures
    documents = load_features(store, label_documents(rows, None), rows, infos, speakers)
    probabilities = shown(model.targets, model.predict_proba(documents))
    return dict(zip(documents.ids, probabilities, strict=True)), failures


def _recipe(
    run: dict[str, Any], name: str
) -> tuple[list[EncoderInfo], SegmentConfig, SpeakerChoice]:
    """Encoders, segmenting and speakers of a run."""
    try:
        infos = [EncoderInfo(**info) for info in run["encoders"]]
        return infos, SegmentConfig(**run["segments"]), choice_from_json(run.get("speakers"))
    except (KeyError, TypeError) as error:
        raise HilbertError(damaged(name, RUN_FILE)) from error


def load_model(run_dir: Path, device: str) -> TrainedModel:
    """The final model of a run, on `device`.

    Raises
    ------
    HilbertError
        If a file of the run is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    run = read_run(run_dir)
    try:
        options = json.loads((run_dir / CONFIG_FILE).read_text(encoding="utf-8"))
        config = replace(train_config_from_dict(options["train"]), device=device)
        state = load_file(run_dir / MODEL_FILE)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise HilbertError(damaged(run_dir.name, f"{CONFIG_FILE} or {MODEL_FILE}")) from error
    return from_state(state, targets_of_run(run), config)


def targets_of_run(run: Mapping[str, Any]) -> tuple[Target, ...]:
    """What a run predicts."""
    parts = run.get("targets") or [run]
    return tuple(
        Target(part["target"], part.get("kind", "classes"), tuple(part["classes"]))
        for part in parts
    )


def resolve_again(info: EncoderInfo, locations: Sequence[str]) -> ResolvedEncoder:
    """The encoder of a run, found here; its fingerprint must be the run's.

    Raises
    ------
    HilbertError
        If it cannot be found, or what is found has other weights or settings.
    """
    named = [path for path in locations if Path(path).name == info.name]
    found = resolve_encoder(named[0] if named else str(info.options["model"]), options_of(info))
    if found.info.fingerprint != info.fingerprint:
        raise HilbertError(
            f"encoder {info.name} is not the one the run was fitted with: its weights or its"
            " settings differ; give the right folder with --encoder"
        )
    return replace(found, info=info)
