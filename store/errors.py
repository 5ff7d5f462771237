"""What can go wrong, said so that a user can mend it."""

from pathlib import Path


def shown(path: Path) -> str:
    """A path as given; an absolute one by its name, as errors end up in logs and reports."""
    return path.resolve().name or str(path) if path.is_absolute() else str(path)


class HilbertError(Exception):
    """Anything the user can mend; printed as one line, without a traceback.

    The message says what is wrong, with the name and the number, then what to do.
    """


class CorpusError(HilbertError):
    """The corpus table cannot be used; names the row and the column."""


class ProjectError(HilbertError):
    """The project file cannot be used; names the file and the key."""


class DocumentError(HilbertError):
    """One document cannot be processed; the others can.

    The message does not repeat the document's id (the caller knows it), holds no text of
    the transcript and no absolute path: it is kept in the store's manifest.
    """


class StoreError(HilbertError):
    """The feature store cannot be read or written."""


class UnreadableError(HilbertError):
    """The system refuses to let a store be read.

    No `StoreError`: nothing is known to be damaged, so nothing may be dropped or made again.
    """


class FitError(HilbertError):
    """The labels, groups or features do not allow the fit that was asked for."""
