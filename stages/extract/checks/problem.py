"""A problem of one document: how bad it is, what it is, and what to do about it."""

from typing import Literal, NamedTuple

from hilbert.store.errors import HilbertError

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Error: extraction will fail. Warning: it will not, but features will suffer. Note: look."""


class Problem(NamedTuple):
    """One problem; neither sentence holds transcript text or an absolute path.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
    kind : str
        The same for all problems of a kind, for machines: ``"clipping"``.
    what : str
        What is wrong, with the number.
    mend : str
        What to do about it.
    """

    severity: Severity
    kind: str
    what: str
    mend: str


def problem_of(error: HilbertError, severity: Severity = "error") -> Problem:
    """What an error says, parted into what is wrong and what to do."""
    what, _, mend = str(error).rpartition("; ")
    return Problem(severity, "fails", what or mend, mend if what else "mend or remove it")
