"""A project for a corpus found in a folder: which table, which targets, which encoders."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from hilbert.pipeline.choose_encoders import DEFAULT_ENCODERS
from hilbert.pipeline.corpus import Corpus, read_corpus
from hilbert.pipeline.tables import TABLES
from hilbert.stages.extract.encoders.base import EncoderChoice
from hilbert.store.errors import CorpusError, ProjectError
from hilbert.store.types import Document

MOST_CLASSES = 10
"""A column with more different values is taken for a measure or a name, not for classes."""


def find_corpus(folder: Path) -> Path:
    """The corpus table of a folder: ``corpus.*``, else the only table that is one.

    Raises
    ------
    ProjectError
        If there is none, or several could be meant; names them.
    """
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() in TABLES)
    named = [path for path in tables if path.stem == "corpus"]
    reasons = {path.name: _rejection(path) for path in ([] if named else tables)}
    found = named or [path for path in tables if reasons[path.name] is None]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ProjectError(
            f"several tables could be the corpus: {names}; name one: hilbert init {found[0].name}"
        )
    if not found:
        raise ProjectError(_nothing_found(reasons))
    return found[0]


def guess_targets(corpus: Corpus) -> tuple[tuple[str, ...], dict[str, str]]:
    """Columns that can be predicted, and of each other column the reason why not."""
    reasons = {name: _not_a_target(corpus, name) for name in corpus.columns}
    targets = tuple(name for name, reason in reasons.items() if reason is None)
    return targets, {name: reason for name, reason in reasons.items() if reason is not None}


def guess_encoders(corpus: Corpus) -> tuple[EncoderChoice, ...]:
    """The default encoder of each modality that the corpus has."""
    has = {
        "audio": any(d.audio for d in corpus.documents),
        "text": any(d.transcript or d.text for d in corpus.documents),
    }
    return tuple(EncoderChoice(DEFAULT_ENCODERS[m]) for m in DEFAULT_ENCODERS if has[m])


def _rejection(path: Path) -> str | None:
    """Why a table is no corpus; None if it is one."""
    try:
        read_corpus(path)
    except (CorpusError, OSError) as error:
        return str(error)
    return None


def _nothing_found(reasons: Mapping[str, str | None]) -> str:
    advice = "give its path: hilbert init TABLE"
    if not reasons:
        return f"there is no table ({', '.join(TABLES)}) in this folder; {advice}"
    return f"no table of this folder is a corpus: {next(iter(reasons.values()))}; {advice}"


def _not_a_target(corpus: Corpus, column: str) -> str | None:
    labels = [(d.columns.get(column), d) for d in corpus.documents]
    classes: dict[str, list[Document]] = {}
    for label, document in labels:
        if label is not None:
            classes.setdefault(label, []).append(document)
    if not column.isprintable():
        return "its name cannot be printed"
    if len(classes) < 2:
        return "it has one value only" if classes else "it is empty"
    if len(classes) > MOST_CLASSES:
        return f"it has {len(classes)} different values"
    return _too_rare(classes)


def _too_rare(classes: Mapping[str, list[Document]]) -> str | None:
    n_documents = Counter({name: len(found) for name, found in classes.items()})
    rarest, fewest = n_documents.most_common()[-1]
    if fewest < 2:
        return f"only one document is {rarest!r}"
    for name, found in classes.items():
        if len({d.group or d.id for d in found}) < 2:
            return f"all documents that are {name!r} are of one group"
    return None
