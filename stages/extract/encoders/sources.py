"""Find the folder of a model: local folder, Hugging Face cache, offline package, download.

In this order, so that nothing waits for a network when the files are already here.
"""

import importlib.util
from pathlib import Path

from hilbert.stages.extract.encoders.checkpoints import is_complete, shown
from hilbert.stages.extract.encoders.conversion import (
    convert_ct2,
    convert_pickled,
    find_ct2,
    unpack,
    was_made,
)
from hilbert.stages.extract.encoders.known_model import UNPINNED, KnownModel
from hilbert.stages.extract.encoders.unpacking import find_zip_parts
from hilbert.stages.extract.hub import NotDownloadedError, ask_hub, download, hub_cache
from hilbert.store.errors import HilbertError

_WANTED = ["*.json", "*.txt", "*.model", "model*.safetensors", "*_Dense/*"]


def local_folder(folder: Path) -> Path:
    """A Hugging Face folder with safetensors: `folder`, or what it was converted to.

    Raises
    ------
    HilbertError
        If `folder` holds no model.
    """
    if is_complete(folder):
        return folder
    if not (folder / "config.json").exists():
        raise HilbertError(f"{shown(folder)} holds no model: it has no config.json.")
    if source := find_ct2([folder]):
        return convert_ct2(source)
    if (folder / "pytorch_model.bin").exists():
        return convert_pickled(folder)
    raise HilbertError(f"{shown(folder)} has no model.safetensors, or not all of its parts.")


def known_folder(model: KnownModel) -> Path:
    """Folder of a known model, from wherever it is to be had.

    Raises
    ------
    HilbertError
        If it is nowhere to be had; says what was tried.
    """
    for repository in model.repositories:
        if found := cached_snapshot(repository, model.revision, only=_is_only(model)):
            return found
    if found := packaged_folder(model):
        return found
    missing = " and ".join(model.distributions)
    tried = f"{missing} is not installed" if missing else "no package holds it"
    return _download(model.repository, model.revision, tried, _is_only(model), model.install)


def _is_only(model: KnownModel) -> bool:
    """Whether no other commit will do: one is pinned, and no digest tells its tensors."""
    return model.is_pinned and model.tensors is None


def hub_folder(repository: str) -> Path:
    """Folder of any model of the Hugging Face hub.

    Raises
    ------
    HilbertError
        If it is neither in the cache nor can be downloaded.
    """
    if cached := cached_snapshot(repository, UNPINNED):
        return cached
    tried = "it is neither a folder nor a short name (`hilbert encoders` lists those)"
    return _download(repository, UNPINNED, tried)


def cached_snapshot(repository: str, revision: str, *, only: bool = False) -> Path | None:
    """Snapshot in the local Hugging Face cache, if whole: this revision or else ``main``'s.

    Read directly, because importing huggingface_hub costs a third of a second.

    Parameters
    ----------
    only : bool
        No other than `revision`.

    References
    ----------
    https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    """
    for folder in _snapshots(repository, revision, only):
        if is_complete(folder):
            return folder
        if _is_pickled(folder):
            return convert_pickled(folder)
    return None


def _snapshots(repository: str, revision: str, only: bool) -> list[Path]:
    """Where the cache has this revision, then ``main``'s, if it has them."""
    model = hub_cache() / f"models--{repository.replace('/', '--')}"
    main = model / "refs" / "main"
    commits = [revision] if only or not main.exists() else [revision, main.read_text().strip()]
    return [model / "snapshots" / commit for commit in commits]


def _is_pickled(folder: Path) -> bool:
    return (folder / "config.json").exists() and (folder / "pytorch_model.bin").exists()


def packaged_folder(model: KnownModel) -> Path | None:
    """Folder of a known model from its offline packages, if all are installed."""
    present = _package_folders(model)
    if not present or is_complete(present[0]):
        return present[0] if present else None
    if source := find_ct2(present):
        return convert_ct2(source)
    parts = find_zip_parts(present)
    return unpack(parts) if parts else None


def where_known(model: KnownModel) -> str | None:
    """Where on this machine a known model is; nothing is converted, imported or downloaded.

    Returns
    -------
    str or None
        ``"cache"`` for the Hugging Face cache; ``"package"``, and ``"package, converted"``
        where that was needed and is done; or None if it is not here.
    """
    for repository in model.repositories:
        for folder in _snapshots(repository, model.revision, _is_only(model)):
            if is_complete(folder) or _is_pickled(folder):
                return "cache"
    present = _package_folders(model)
    if not present or is_complete(present[0]):
        return "package" if present else None
    if source := find_ct2(present):
        return "package, converted" if was_made("whisper", source.files) else "package"
    if parts := find_zip_parts(present):
        return "package, converted" if was_made("unpacked", parts) else "package"
    return None


def _package_folders(model: KnownModel) -> list[Path]:
    """Folders of the packages that hold a model; empty unless all are installed."""
    folders = [_package_folder(name, inside) for _, name, inside in model.packages]
    return [] if None in folders else [folder for folder in folders if folder is not None]


def _package_folder(name: str, inside: str) -> Path | None:
    """Folder inside an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / inside
    return folder if folder.is_dir() else None


def _download(
    repository: str, revision: str, also_tried: str, only: bool = False, install: str = ""
) -> Path:
    try:
        ask_hub(repository, revision)
        for wanted in (_WANTED, ["pytorch_model.bin"]):  # the latter where there is no other
            download(repository, revision, wanted)
            if found := cached_snapshot(repository, revision, only=only):
                return found
        reason = "it has no weights that can be read"
    except NotDownloadedError as error:
        reason = str(error)
    commit = f" at commit {revision[:12]}" if only else ""
    raise HilbertError(
        f"Model {repository} is not available: it is not in the Hugging Face cache{commit},"
        f" {also_tried}, and {reason}. {f'Try {install}, give' if install else 'Give'} the path of"
        " a folder with the model, be online, or use one that is here (`hilbert encoders --here`)."
    )
