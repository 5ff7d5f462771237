"""Find the folder of a model: local folder, Hugging Face cache, offline package, download.

In this order, so that nothing waits for a network when the files are already here.
"""

import importlib.util
import os
from pathlib import Path

from hilbert.stages.extract.encoders.catalogue import KNOWN_MODELS, KnownModel
from hilbert.stages.extract.encoders.checkpoints import is_complete, shown
from hilbert.stages.extract.encoders.conversion import convert_ct2, convert_pickled, find_ct2
from hilbert.store.errors import HilbertError

_TIMEOUT_S = 10
_WANTED = ["*.json", "*.txt", "*.model", "model*.safetensors"]


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
    cached = cached_snapshot(model.repository, model.revision)
    if found := cached or packaged_folder(model):
        return found
    packages = " and ".join(model.distributions)
    return _download(model.repository, model.revision, f"{packages} is not installed")


def hub_folder(repository: str) -> Path:
    """Folder of any model of the Hugging Face hub.

    Raises
    ------
    HilbertError
        If it is neither in the cache nor can be downloaded.
    """
    if cached := cached_snapshot(repository, "main"):
        return cached
    short = ", ".join(name for model in KNOWN_MODELS for name in model.names)
    return _download(repository, "main", f"it is neither a folder nor one of {short}")


def cached_snapshot(repository: str, revision: str) -> Path | None:
    """Snapshot in the local Hugging Face cache, if whole: this revision or else ``main``'s.

    Read directly, because importing huggingface_hub costs a third of a second.

    References
    ----------
    https://huggingface.co/docs/huggingface_hub/guides/manage-cache
    """
    model = _hub_cache() / f"models--{repository.replace('/', '--')}"
    main = model / "refs" / "main"
    commits = [revision, main.read_text().strip()] if main.exists() else [revision]
    for folder in (model / "snapshots" / commit for commit in commits):
        if is_complete(folder):
            return folder
        if (folder / "config.json").exists() and (folder / "pytorch_model.bin").exists():
            return convert_pickled(folder)
    return None


def packaged_folder(model: KnownModel) -> Path | None:
    """Folder of a known model from its offline packages, if all are installed."""
    folders = [_package_folder(name, inside) for _, name, inside in model.packages]
    if None in folders:
        return None
    present = [folder for folder in folders if folder is not None]
    if is_complete(present[0]):
        return present[0]
    source = find_ct2(present)
    return convert_ct2(source) if source else None


def _package_folder(name: str, inside: str) -> Path | None:
    """Folder inside an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / inside
    return folder if folder.is_dir() else None


def _hub_cache() -> Path:
    if own := os.environ.get("HF_HUB_CACHE"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("HF_HOME", f"{base}/huggingface")).expanduser() / "hub"


def _download(repository: str, revision: str, also_tried: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        for wanted in (_WANTED, ["pytorch_model.bin"]):  # the latter where there is no other
            snapshot_download(
                repository, revision=revision, allow_patterns=wanted, etag_timeout=_TIMEOUT_S
            )
            if found := cached_snapshot(repository, revision):
                return found
    except Exception as error:  # of several HTTP libraries, none of them ours to know
        reason = f"the download failed ({type(error).__name__})"
    else:
        reason = "it has no weights that can be read"
    raise HilbertError(
        f"Model {repository} is not available: it is not in the Hugging Face cache,"
        f" {also_tried}, and {reason}. Try pip install 'hilbert-speech[models]', or give the"
        " path of a folder with the model."
    )
