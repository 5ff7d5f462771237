"""Whether anything was touched since a call that left everything up to date.

An extraction that leaves nothing undone notes, outside the store, what it had looked at: the
table, the files of the corpus, the store, and with which options. While all of that is as it
was, the next call has nothing to do, and finds that out by one look at every file; reading the
table and making all keys again takes five times as long (benchmarks/RESULTS.md). Files are
trusted as `FileDigests` trusts them. The note may be deleted at any time.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hilbert
from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.languages import language_warnings
from hilbert.pipeline.session import ExtractOptions, Session
from hilbert.stages.extract.encoders.base import ENCODE_VERSION
from hilbert.store import keys
from hilbert.store.cache import cache_folder, write_whole
from hilbert.store.file_digests import Stamp, digest_file, stamp_of
from hilbert.store.manifest import ROW_VERSION
from hilbert.store.standing import standing
from hilbert.store.types import EncoderInfo, Modality

_NO_MATTER = frozenset(
    {"device", "rehash", "commit_every_s", "dry_run", "workers", "dask", "compile", "precision"}
)
"""Options that decide how or whether something is done, not whether there is something to do."""


@dataclass(frozen=True, slots=True)
class LastLook:
    """What a call found that left everything up to date.

    Attributes
    ----------
    n_documents : int
        Of the corpus.
    modalities : tuple of str
        That any of them has.
    columns : tuple of str
        Columns of the table that are not reserved.
    encoders : mapping of str to str
        Fingerprints by name, of those that were run.
    known : mapping of str to EncoderInfo
        Encoders of the store.
    generation : int
        The store's latest.
    kept : int
        Documents of the store that are not in the corpus.
    warnings : tuple of str
        Encoders that do not know the documents' languages.
    """

    n_documents: int
    modalities: tuple[Modality, ...]
    columns: tuple[str, ...]
    encoders: Mapping[str, str]
    known: Mapping[str, EncoderInfo]
    generation: int
    kept: int
    warnings: tuple[str, ...]


def recall(corpus: Path, store: Path, options: ExtractOptions) -> LastLook | None:
    """What the last call found, if nothing that it looked at was touched since."""
    if options.rehash or options.transcribe.model is not None:
        return None  # transcripts that were made are not in the corpus
    with suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(_place(corpus, store).read_text(encoding="utf-8"))
        if (
            note["terms"] == _terms(options)
            and note["table"] == digest_file(corpus)
            and note["seen"] == _seen(((path, stamp_of(path)) for path in note["paths"]), store)
        ):
            found = {name: _tuple(value) for name, value in note["found"].items()}
            known = {name: EncoderInfo(**info) for name, info in found.pop("known").items()}
            return LastLook(**found, known=known)
    return None


def note_look(
    session: Session, corpus: Corpus, store: Path, encoders: Mapping[str, EncoderInfo]
) -> None:
    """Note that everything is up to date, and what that was judged by.

    Does nothing where that cannot be told or written. A file whose digest is not remembered may
    have changed since it was read, so that its stamp proves nothing.
    """
    if session.options.transcribe.model is not None:
        return
    paths = [p for d in corpus.documents for p in (d.audio, d.transcript) if p is not None]
    stamps = [session.digests.stamp(path) for path in paths]
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) < len(paths):
        return
    with suppress(OSError):
        before = _state(session)
        seen = _seen(zip(paths, known, strict=True), store)
        session.store.refresh()
        if _state(session) == before:  # else another call wrote, and who knows what was seen
            found = asdict(_look(session, corpus, encoders))
            note = {"terms": _terms(session.options), "table": corpus.digest}
            whole = {**note, "seen": seen, "found": found, "paths": paths}
            write_whole(_place(corpus.path, store), json.dumps(whole).encode())


def _state(session: Session) -> tuple[int, frozenset[str]]:
    return session.store.manifest().generation, frozenset(session.store.index.commits)


def _look(session: Session, corpus: Corpus, encoders: Mapping[str, EncoderInfo]) -> LastLook:
    n_documents = len(corpus.documents)
    return LastLook(
        n_documents=n_documents,
        modalities=corpus.modalities,
        columns=corpus.columns,
        encoders={info.name: info.fingerprint for info in encoders.values()},
        known=session.store.encoders(),
        generation=session.store.manifest().generation,
        kept=len(session.store.manifest().rows) - n_documents,
        warnings=language_warnings(corpus, encoders.values(), session.options.transcribe),
    )


def _terms(options: ExtractOptions) -> str:
    """Digest of what decides, besides files and encoders, whether there is anything to do."""
    wanted = {name: value for name, value in asdict(options).items() if name not in _NO_MATTER}
    wanted["transcribe"] = options.transcribe.language  # which warnings are of
    versions = [hilbert.__version__, keys.SEGMENT_VERSION, ENCODE_VERSION, ROW_VERSION]
    return keys.digest("terms", [versions, wanted])


def _seen(files: Iterable[tuple[str, Stamp]], store: Path) -> str:
    """Digest of the files of the corpus and the store, and of how they are."""
    hasher = hashlib.blake2b(digest_size=keys.DIGEST_BYTES)
    for stamps in (files, standing(store)):
        lines = [f"{path}\0{stamp}" for path, stamp in stamps]
        hasher.update("\n".join(lines).encode(errors="surrogateescape"))
        hasher.update(b"\n\n")
    return hasher.hexdigest()


def _place(corpus: Path, store: Path) -> Path:
    name = keys.digest("look", [os.path.abspath(corpus), os.path.abspath(store)])
    return cache_folder() / "looks" / f"{name}.json"


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def has_encoders(look: LastLook, encoders: Iterable[EncoderInfo]) -> bool:
    """Whether the look was one with just these encoders."""
    return dict(look.encoders) == {info.name: info.fingerprint for info in encoders}
