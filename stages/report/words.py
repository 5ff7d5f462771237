"""Numbers of things in words."""

from collections.abc import Mapping
from typing import Any


def counted(n: int, noun: str) -> str:
    """A number with its noun: ``1 document``, ``2 documents``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def size_of(run: Mapping[str, Any]) -> str:
    """How many documents, groups and folds a run has, and how many documents it tested."""
    parts = [counted(run[f"{noun}s"], noun) for noun in ("document", "group", "fold")]
    tested = run.get("tested", run["documents"])
    return ", ".join(parts) + (f" ({tested} tested)" if tested < run["documents"] else "")
