"""Where predictions and their features go, so that nothing else is written over."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hilbert.pipeline.corpus import Corpus
from hilbert.store.errors import HilbertError
from hilbert.store.feature_store import open_store


def place_of_features(
    out: Path, corpus: Corpus, run_dir: Path, run: Mapping[str, Any], columns: Sequence[str]
) -> Path:
    """Where the features of a prediction go, beside `out`.

    Parameters
    ----------
    out : Path
        The file of predictions; earlier ones of such a run are written over.
    corpus : Corpus
    run_dir : Path
    run : mapping
        What its ``run.json`` holds.
    columns : sequence of str
        Of the predictions, after ``id``.

    Raises
    ------
    HilbertError
        If `out` cannot be a file or is anything but predictions, or the store beside it is the
        run's, or neither has predictions nor is of the documents of the corpus.
    """
    if not out.name or out.is_dir():
        raise HilbertError(f"--out {out.name or out} is a folder; name a CSV file")
    if run_dir.resolve() in out.resolve().parents:
        raise HilbertError(f"--out {out.name} lies in the run; choose another --out")
    if any(out.exists() and path.exists() and out.samefile(path) for path in _inputs(corpus)):
        raise HilbertError(f"--out {out.name} is read by this call; choose another --out")
    if out.exists() and _header(out) != ["id", *columns]:
        raise HilbertError(
            f"--out {out.name} exists and holds no predictions of such a run; move it, or choose"
            " another --out"
        )
    path = out.with_name(out.name + ".feats.zarr")
    if path.exists():
        _check_store(path, out, corpus, run)
    return path


def _check_store(path: Path, out: Path, corpus: Corpus, run: Mapping[str, Any]) -> None:
    store = open_store(path)
    if store.identity == run.get("store_identity"):
        raise HilbertError(
            f"{path.name} is the store the run was fitted from, which predict never changes;"
            " choose another --out"
        )
    known = {document.id for document in corpus.documents}
    if not out.exists() and (others := set(store.documents()) - known):
        raise HilbertError(
            f"{path.name} has documents that {corpus.name} does not name ({len(others)}, such as"
            f" {min(others)}), and no predictions beside it; move it, or choose another --out"
        )


def _inputs(corpus: Corpus) -> Iterator[Path]:
    yield corpus.path
    for document in corpus.documents:
        for name in (document.audio, document.transcript):
            if name is not None:
                yield Path(name)


def _header(path: Path) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
