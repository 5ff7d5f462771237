"""The command `hilbert predict`: score new recordings with a run's model.

The features are extracted with the run's own encoders and options, into a store of their own:
a store that `fit` reads is never written to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.documents import load_documents
from hilbert.pipeline.extract import ExtractReport, extract
from hilbert.pipeline.run_directory import MODEL_FILE, read_run, write_csv
from hilbert.pipeline.session import ExtractOptions
from hilbert.stages.device import choose_device
from hilbert.stages.extract.encoders.base import options_of
from hilbert.stages.extract.encoders.weights import ResolvedEncoder, resolve_encoder
from hilbert.stages.extract.segment import SegmentConfig
from hilbert.stages.fit.config import train_config_from_dict
from hilbert.stages.fit.trained import TrainedModel, from_state
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import open_store
from hilbert.store.types import EncoderInfo


@dataclass(frozen=True, slots=True)
class Predictions:
    """Class probabilities of new documents.

    Attributes
    ----------
    ids : tuple of str
        Documents in the order of the corpus, without those that failed.
    classes : tuple of str
    probabilities : float64 array of shape (n_documents, n_classes)
        Rows sum to 1.
    report : ExtractReport
        What the extraction did, and which documents failed.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    report: ExtractReport


def predict(
    run_dir: Path,
    corpus: Corpus,
    out: Path,
    *,
    device: str = "auto",
    locations: Sequence[str] = (),
) -> Predictions:
    """Extract what is missing, score it, and write one row a document to `out`.

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

    Raises
    ------
    HilbertError
        If there is no such run, an encoder is not to be had or is not the run's own, or no
        document can be scored.
    """
    run = read_run(run_dir)
    infos = [EncoderInfo(**info) for info in run["encoders"]]
    encoders = [resolve_again(info, locations) for info in infos]
    options = ExtractOptions(segments=SegmentConfig(**run["segments"]), device=device, prune=True)
    store_path = out.with_name(out.name + ".feats.zarr")
    report = extract(corpus, store_path, encoders, options)
    store = open_store(store_path)
    chosen = load_documents(store, store.manifest(), None, infos)
    found = load_model(run_dir, run, choose_device(device)).predict_proba(chosen.documents)
    place = {name: i for i, name in enumerate(chosen.documents.ids)}
    failed = tuple(item for item in chosen.left_out)
    ids = tuple(d.id for d in corpus.documents if d.id in place)
    probabilities = found[[place[name] for name in ids]]
    classes = tuple(run["classes"])
    rows = ([name, *row.tolist()] for name, row in zip(ids, probabilities, strict=True))
    write_csv(out, ["id", *classes], rows)
    return Predictions(ids, classes, probabilities, replace(report, failed=failed))


def load_model(run_dir: Path, run: dict[str, Any], device: str) -> TrainedModel:
    """The final model of a run, on `device`."""
    import json

    from safetensors.torch import load_file

    try:
        options = json.loads((run_dir / "config.json").read_text(encoding="utf-8"))
        state = load_file(run_dir / MODEL_FILE)
    except (OSError, ValueError) as error:
        raise HilbertError(f"the run {run_dir.name} is not complete: {error}") from None
    config = replace(train_config_from_dict(options["train"]), device=device)
    return from_state(state, run["classes"], config)


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
