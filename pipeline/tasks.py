"""What travels to a worker and comes back: paths, keys and options, never a text.

Dask's scheduler keeps what travels and may show it, so a text that stands in the corpus table
itself stays there, and the worker reads the table.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import hilbert
from hilbert.pipeline.plan import Work
from hilbert.pipeline.session import ExtractOptions, Model, Result, Session
from hilbert.pipeline.transcribe import seconds_of
from hilbert.stages.extract.recogniser_files import RecogniserFiles
from hilbert.store.errors import HilbertError
from hilbert.store.pack_writer import PackLimits

PACK_AUDIO_S = 1800.0
"""Speech of one task, at most, where it is more than one document."""
PACK_HEARD_S = 600.0
"""Audio of one task that is transcribed, likewise."""
PACK_TEXTS = 4096
"""Segments of text of one task, likewise."""
PACK_CUTS = 64
"""Documents of one task that are cut."""
PACK_BYTES = PackLimits().n_bytes
LEAST_SHARE = 1 / 12
"""Of a pack; smaller tasks at the end of a step cost more than they balance."""
N_PARTS = 8
"""Into how many a task is split that its workers do not survive."""


@dataclass(frozen=True, slots=True, repr=False)
class Recipe:
    """What all tasks of a step have in common.

    Attributes
    ----------
    store : str
        Path of the store, which every worker opens itself.
    options : ExtractOptions
    model : ResolvedEncoder or RecogniserFiles, optional
        What encodes or transcribes; without one, documents are cut.
    table : str, optional
        Path of the corpus table, for texts that stand in it.
    version : str
        Of this package; a worker must have the same.
    """

    store: str
    options: ExtractOptions
    model: Model | None
    table: str | None
    version: str = hilbert.__version__


@dataclass(frozen=True, slots=True, repr=False)
class Task:
    """A pack's worth of documents, by the keys that the store lacks.

    The documents of `in_table` have their text in the corpus table; it is left out here.
    """

    todo: Mapping[str, Work]
    in_table: frozenset[str] = frozenset()

    def parts(self) -> "list[Task]":
        """The task in up to eight parts, at least one document each."""
        names = list(self.todo)
        size = -(-len(names) // N_PARTS)
        groups = (names[i : i + size] for i in range(0, len(names), size))
        return [Task({n: self.todo[n] for n in group}, self.in_table) for group in groups]


class Finished(NamedTuple):
    """A task that was done, or that the whole extraction ends with, because of `error`."""

    results: tuple[Result, ...]
    error: Exception | None = None


class Lost(NamedTuple):
    """A task whose workers ended while they did it, each time that it was tried.

    `certain` tells that no other task can have been to blame.
    """

    how: str
    certain: bool


def recipe_of(session: Session, model: Model | None) -> Recipe:
    """The recipe of a step of this session."""
    table = None if session.table is None else str(session.table)
    return Recipe(str(session.place.resolve()), session.options, model, table)


@dataclass(slots=True)
class TaskSource:
    """Hands out the tasks of a step.

    The first ones are a pack's worth; towards the end they become smaller, so that all workers
    end at about the same time.
    """

    items: deque[tuple[str, Work, float]]
    """Key, work, and what part of a pack it is worth."""
    ready: deque[Task] = field(default_factory=deque)
    """Tasks that were put back."""
    rest: float = 0.0

    def __post_init__(self) -> None:
        self.rest = sum(share for _, _, share in self.items)

    def take(self, n_workers: int) -> Task | None:
        """The next task for one of `n_workers`; None if there is none at present."""
        if self.ready or not self.items:
            return self.ready.popleft() if self.ready else None
        goal = min(1.0, max(LEAST_SHARE, self.rest / (2 * n_workers)))
        todo: dict[str, Work] = {}
        size = 0.0
        while self.items and (not todo or size + self.items[0][2] <= goal):
            key, work, share = self.items.popleft()
            todo[key] = work
            size += share
        self.rest -= size
        return _sealed(todo)


def source_of(session: Session, model: Model | None, todo: Mapping[str, Work]) -> TaskSource:
    """The tasks of a step.

    Raises
    ------
    HilbertError
        If texts are given from nowhere that a worker could read.
    """
    if session.table is None and any(work.document.text is not None for work in todo.values()):
        raise HilbertError(
            "workers cannot read texts of a corpus that is no file; drop --workers and --dask"
        )
    items = ((key, work, _share(session, model, work)) for key, work in todo.items())
    return TaskSource(deque(items))


def _share(session: Session, model: Model | None, work: Work) -> float:
    """What part of a pack the document is worth, by its rows' bytes or the work that it is."""
    if model is None:
        return 1 / PACK_CUTS
    if isinstance(model, RecogniserFiles):
        return seconds_of(work.document) / PACK_HEARD_S
    summary, info = session.summary(work.segment_key), model.info
    is_audio = info.modality == "audio"
    n_rows = summary.n_audio if is_audio else summary.n_text
    load = summary.audio_s / PACK_AUDIO_S if is_audio else n_rows / PACK_TEXTS
    return max(load, n_rows * info.dim * 2 / PACK_BYTES)


def _sealed(todo: Mapping[str, Work]) -> Task:
    """The task of these documents, without their texts, labels and groups."""
    in_table = {key for key, work in todo.items() if work.document.text is not None}
    bare = {
        key: work._replace(
            document=work.document._replace(text=None, group=None, columns={}, split=None)
        )
        for key, work in todo.items()
    }
    return Task(bare, frozenset(in_table))
