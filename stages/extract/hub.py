"""The Hugging Face hub: where its cache on this machine is, and downloads into it.

Its library tries a request that fails six times, with longer and longer waits, which helps where
a line breaks and not where there is none. So the hub is asked once whether it has the model, and
only after its answer anything is downloaded, in the library's own patient way.
"""

import os
import threading
from collections.abc import Sequence
from pathlib import Path

MAIN = "main"
"""The newest commit of a model."""
ANSWER_S = 10.0
"""How long the hub may take to say whether it has a model, everything included."""


class NotDownloadedError(Exception):
    """Why a model was not downloaded, as a clause without full stop."""


def hub_cache() -> Path:
    """Folder of the hub's cache on this machine, which its own variables may move."""
    if own := os.environ.get("HF_HUB_CACHE"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("HF_HOME", f"{base}/huggingface")).expanduser() / "hub"


def ask_hub(repository: str, revision: str) -> None:
    """Ask the hub, once, whether it has a model.

    Raises
    ------
    NotDownloadedError
        If it has not, or does not answer in time.
    """
    from huggingface_hub import HfApi

    found: list[Exception | None] = []

    def ask() -> None:
        try:
            HfApi().model_info(repository, revision=revision, timeout=ANSWER_S)
            found.append(None)
        except Exception as error:  # of several HTTP libraries, none of them ours to know
            found.append(error)

    # a thread, since no timeout reaches the look-up of names, and that of a connection is for
    # each of several addresses
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_S)
    if not found:
        raise NotDownloadedError(f"the Hugging Face hub did not answer within {ANSWER_S:.0f} s")
    if found[0] is not None:
        cannot = "the Hugging Face hub cannot be reached"
        raise NotDownloadedError(_reason(found[0], cannot)) from found[0]


def download(repository: str, revision: str, patterns: Sequence[str]) -> None:
    """Download those files of a model into the cache that one of the patterns names.

    Raises
    ------
    NotDownloadedError
        If that fails; what has come stays, and the next call goes on there.
    """
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(repository, revision=revision, allow_patterns=list(patterns))
    except Exception as error:  # as above
        raise NotDownloadedError(_reason(error, "its download failed")) from error


def _reason(error: Exception, otherwise: str) -> str:
    from huggingface_hub import errors

    reasons = (  # the more special ones first
        (errors.OfflineModeIsEnabled, "HF_HUB_OFFLINE forbids to download it"),
        (errors.GatedRepoError, "the hub gives it only to whom it was granted (`hf auth login`)"),
        (errors.RepositoryNotFoundError, "the hub has no such model, or none that is public"),
        (errors.RevisionNotFoundError, "the hub has no such commit of it"),
        (errors.HFValidationError, "the hub can have no model of that name"),
        (errors.HfHubHTTPError, "the hub answered with an error of its own"),
    )
    for kind, reason in reasons:
        if isinstance(error, kind):
            return reason
    return f"{otherwise} ({type(error).__name__})"
