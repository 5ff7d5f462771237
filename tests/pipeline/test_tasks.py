"""What travels to workers: a pack's worth, small, without texts, labels and paths to be shown."""

import pickle
from collections import deque
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilbert.pipeline.extract import begin
from hilbert.pipeline.plan import Inputs, Work
from hilbert.pipeline.session import ExtractOptions
from hilbert.pipeline.task_runner import TaskRunner
from hilbert.pipeline.tasks import LEAST_SHARE, Recipe, Task, TaskSource, recipe_of, source_of
from hilbert.store.errors import HilbertError
from hilbert.store.types import Document

TEXT = "Nobody told me that the office had moved."


def work(number: int, text: str | None = None) -> Work:
    document = Document(
        f"d{number}",
        audio=f"/secret/{number}.wav",
        text=text,
        group="family",
        columns={"mood": "low"},
    )
    return Work(document, Inputs(None, None), {}, str(number))


@given(st.lists(st.floats(0, 3), max_size=200), st.integers(1, 9))
def test_tasks_are_a_pack_at_most_and_smaller_towards_the_end(
    shares: list[float], n_workers: int
) -> None:
    source = TaskSource(deque((str(i), work(i), share) for i, share in enumerate(shares)))
    tasks = list(iter(lambda: source.take(n_workers), None))
    assert [key for task in tasks for key in task.todo] == [str(i) for i in range(len(shares))]
    rest = sum(shares)
    for task in tasks:
        size = sum(shares[int(key)] for key in task.todo)
        goal = min(1.0, max(LEAST_SHARE, rest / (2 * n_workers)))
        assert len(task.todo) == 1 or size <= goal + 1e-9
        rest -= size


@given(st.integers(1, 200))
def test_parts_of_a_task_are_all_of_it(n: int) -> None:
    task = Task({str(i): work(i) for i in range(n)})
    parts = task.parts()
    assert [key for part in parts for key in part.todo] == list(task.todo)
    assert len(parts) <= 8
    assert all(len(part.todo) < n for part in parts) or n == 1


def test_no_text_travels_and_nothing_is_shown(tmp_path: Path) -> None:
    place = tmp_path / "feats.zarr"
    with begin(place, "fp32", ExtractOptions(), tmp_path / "corpus.csv") as session:
        task = source_of(session, None, {"key": work(1, TEXT)}).take(1)
        recipe = recipe_of(session, None)
    assert task is not None
    sent = pickle.dumps((recipe, task))
    for secret in (TEXT, "family", "mood"):
        assert secret.encode() not in sent
    assert len(sent) < 2_000
    for shown in (repr(recipe), repr(task)):
        assert "secret" not in shown
        assert str(tmp_path) not in shown


def test_texts_that_no_worker_can_read(tmp_path: Path) -> None:
    with (
        begin(tmp_path / "feats.zarr", "fp32", ExtractOptions()) as session,
        pytest.raises(HilbertError, match="corpus that is no file; drop --workers"),
    ):
        source_of(session, None, {"key": work(1, TEXT)})


def test_a_worker_of_another_version(tmp_path: Path) -> None:
    recipe = Recipe(str(tmp_path), ExtractOptions(), None, None, version="0.0.1")
    error = TaskRunner().run(recipe, Task({})).error
    assert isinstance(error, HilbertError)
    assert "install the same on both" in str(error)


def test_an_error_comes_back_with_its_traceback(tmp_path: Path) -> None:
    finished = TaskRunner().run(Recipe(str(tmp_path), ExtractOptions(), None, None), Task({}))
    assert "is not a feature store" in str(finished.error)
    assert "open_store" in "".join(finished.error.__notes__)


def test_a_text_whose_row_is_gone(tmp_path: Path) -> None:
    table = tmp_path / "corpus.csv"
    table.write_text("id,text\nother,Words.\n", encoding="utf-8")
    with begin(tmp_path / "feats.zarr", "fp32", ExtractOptions(), table) as session:
        task = source_of(session, None, {"key": work(1, TEXT)}).take(1)
        recipe = recipe_of(session, None)
    assert task is not None
    (result,) = TaskRunner().run(recipe, task).results
    assert result.failure == "its row in the corpus table is gone; run the command again"
