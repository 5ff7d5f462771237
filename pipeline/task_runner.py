"""Does tasks in a worker, whoever the worker belongs to."""

import pickle
import threading
import traceback
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import hilbert
from hilbert.pipeline.corpus import read_corpus
from hilbert.pipeline.in_process import InProcess
from hilbert.pipeline.plan import Work
from hilbert.pipeline.session import Result, Session
from hilbert.pipeline.tasks import Finished, Recipe, Task
from hilbert.stages.device import use_threads
from hilbert.stages.extract.encoders.weights import ResolvedEncoder
from hilbert.store.errors import DocumentError, HilbertError
from hilbert.store.feature_store import FeatureStore, open_store
from hilbert.store.file_digests import FileDigests


class TaskRunner:
    """One for each worker process: does one task at a time, and keeps what the next one needs.

    The model is loaded for the first task of an encoder. The worker opens the store itself and
    commits what it makes, so that a task that is done twice is done once too often, no more.

    Parameters
    ----------
    n_threads : int, optional
        Threads to compute with; by default what the environment of the process says.
    """

    def __init__(self, n_threads: int | None = None) -> None:
        self._n_threads = n_threads
        self._executor = InProcess(n_threads)
        self._stores: dict[str, FeatureStore] = {}
        self._texts: dict[str, str | None] | None = None
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def run(self, recipe: Recipe, task: Task) -> Finished:
        """Do a task; an error that ends the extraction is returned, with its traceback.

        Returned and not raised, because what calls this would log it, with absolute paths.
        """
        with self._lock:
            try:
                with closing(self._results(recipe, task)) as results:
                    return Finished(tuple(self._until_stopped(results)))
            except Exception as error:
                return Finished((), _portable(error))

    def stop(self) -> None:
        """End the task after the document in work; what is done of it is committed."""
        self._stopped.set()

    def _until_stopped(
        self, results: Generator[Result, None, None]
    ) -> Generator[Result, None, None]:
        for result in results:
            yield result
            if self._stopped.is_set():
                return

    def _results(self, recipe: Recipe, task: Task) -> Generator[Result, None, None]:
        if recipe.version != hilbert.__version__:
            raise HilbertError(
                f"a worker has hilbert-speech {hilbert.__version__}, and the extraction"
                f" {recipe.version}; install the same on both"
            )
        if isinstance(recipe.model, ResolvedEncoder) and self._n_threads is not None:
            use_threads(self._n_threads)  # in this thread: another one may do the next task
        with FileDigests(rehash=recipe.options.rehash) as digests:
            store, place = self._store(recipe.store), Path(recipe.store)
            session = Session(store, recipe.options, digests, self._executor, place)
            todo = {}
            for key, work in task.todo.items():
                try:
                    todo[key] = self._with_text(recipe, work) if key in task.in_table else work
                except DocumentError as error:
                    yield Result(key, str(error))
            with closing(self._executor.run(session, recipe.model, todo)) as results:
                yield from results

    def _store(self, place: str) -> FeatureStore:
        """The store, as it is now."""
        if place not in self._stores:
            self._stores = {place: open_store(place)}
        self._stores[place].refresh()
        return self._stores[place]

    def _with_text(self, recipe: Recipe, work: Work) -> Work:
        """The work with the text that stands in the corpus table."""
        if self._texts is None:
            corpus = read_corpus(Path(recipe.table or ""))
            self._texts = {document.id: document.text for document in corpus.documents}
        text = self._texts.get(work.document.id)
        if text is None:
            raise DocumentError("its row in the corpus table is gone; run the command again")
        return work._replace(document=work.document._replace(text=text))


def _portable(error: Exception) -> Exception:
    """The error, or one that says the same and can be sent to another process."""
    error.add_note("In a worker:\n" + traceback.format_exc())
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
