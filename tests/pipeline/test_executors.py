"""Wherever documents are cut and encoded, the store is the same and no worker's death matters."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilbert.pipeline.corpus import Corpus, read_corpus
from hilbert.pipeline.executors import MOST_LOST, OnWorkers, open_executor
from hilbert.pipeline.extract import begin
from hilbert.pipeline.in_process import InProcess
from hilbert.pipeline.plan import Inputs, Work
from hilbert.pipeline.processes import Processes
from hilbert.pipeline.project import read_project
from hilbert.pipeline.session import ExtractOptions, Result, Session
from hilbert.pipeline.tasks import Finished, Lost, Recipe, Task, TaskSource
from hilbert.store.errors import HilbertError, ProjectError, StoreError
from hilbert.store.feature_store import open_store
from hilbert.store.types import Document
from hilbert.store.verify import verify
from support.exact import AUDIO, Bench, Trap, contents
from support.project import SENTENCES, Project, run, stored_features

ALL = tuple(range(8))
PROCESSES = {"workers": 2}
DASK = {"workers": 2, "dask": "local"}
ON_WORKERS = [PROCESSES, pytest.param(DASK, id="dask")]
ON_WORKERS_SLOWLY = [PROCESSES, pytest.param(DASK, id="dask", marks=pytest.mark.slow)]
"""For tests that start Dask's workers again and again."""
TESTS = Path(__file__).parents[1]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "corpus")
    bench.write(ALL)
    return bench


@pytest.fixture
def expected(bench: Bench, tmp_path: Path) -> Any:
    """What a store says that was made in this process."""
    bench.extract(tmp_path / "expected.zarr", ALL)
    bench.taken()
    return contents(tmp_path / "expected.zarr")


def table(bench: Bench) -> Corpus:
    """All kinds of documents: both modalities, a text that stands in the table, what fails."""
    rows = ["id,audio,transcript,text,group,mood"]
    rows += [f"d{i:02d},d{i:02d}.wav,d{i:02d}.vtt,,g{i // 2},low" for i in ALL[:4]]
    rows += [f"t{i},,,{SENTENCES[i]},g9,high" for i in range(3)]
    rows += ["gone,gone.wav,,,g9,low", "twin,d00.wav,d00.vtt,,g8,high"]
    (bench.folder / "table.csv").write_text("\n".join(rows), encoding="utf-8")
    return read_corpus(bench.folder / "table.csv")


@pytest.mark.parametrize("options", [{"workers": 1}, *ON_WORKERS])
def test_the_store_is_the_same(bench: Bench, tmp_path: Path, options: dict[str, Any]) -> None:
    corpus = table(bench)
    here, there = tmp_path / "here.zarr", tmp_path / "there.zarr"
    said = bench.extract_corpus(here, corpus)
    encoded = bench.taken()
    report = bench.extract_corpus(there, corpus, **options)
    assert contents(there) == contents(here)
    assert report == said
    assert bench.taken() == encoded
    assert verify(open_store(there), deep=True) == ()
    again = bench.extract_corpus(there, corpus, **options)
    assert dict(again.encoded) == {"exact-audio": 0, "exact-text": 0}
    assert bench.taken() == []


@pytest.mark.parametrize("options", ON_WORKERS)
def test_a_worker_that_is_killed(
    bench: Bench, tmp_path: Path, expected: Any, options: dict[str, Any]
) -> None:
    trapped = replace(bench, trap=Trap(once=tmp_path / "killed"))
    report = trapped.extract(tmp_path / "feats.zarr", ALL, **options)
    assert (tmp_path / "killed").exists()
    assert report.failed == ()
    assert contents(tmp_path / "feats.zarr") == expected


@pytest.mark.parametrize("options", ON_WORKERS_SLOWLY)
def test_a_document_that_kills_every_worker(
    bench: Bench, tmp_path: Path, expected: Any, options: dict[str, Any]
) -> None:
    store = tmp_path / "feats.zarr"
    trapped = replace(bench, trap=Trap(deadly=frozenset({"d03"})))
    report = trapped.extract(store, ALL, [AUDIO], **options)
    assert [name for name, _ in report.failed] == ["d03"]
    how = "was lost" if "dask" in options else "was killed by SIGKILL"
    assert report.failed[0][1].startswith(f"each worker that took it {how}; ")
    bench.taken()
    bench.extract(store, ALL, **options)
    assert bench.taken() == sorted(["d03 audio", *(f"d{i:02d} text" for i in ALL)])
    assert contents(store) == expected


def test_workers_that_never_survive(bench: Bench, tmp_path: Path) -> None:
    trapped = replace(bench, trap=Trap(deadly=frozenset(f"d{i:02d}" for i in ALL)))
    with pytest.raises(HilbertError, match=r"5 documents in a row: each worker .* SIGKILL"):
        trapped.extract(tmp_path / "feats.zarr", ALL, workers=2)


@pytest.mark.parametrize("options", ON_WORKERS_SLOWLY)
def test_a_disk_that_workers_may_not_write_to(
    bench: Bench, tmp_path: Path, disk: Path, options: dict[str, Any]
) -> None:
    store = disk / "feats.zarr"
    bench.extract(store, ALL, [AUDIO])
    remount = ["mount", "-o", "remount,ro", str(disk)]
    subprocess.run(remount, check=True)
    with pytest.raises(StoreError, match=r"cannot write to feats\.zarr.*Read-only"):
        bench.extract(store, ALL, **options)
    subprocess.run([*remount[:2], "remount,rw", str(disk)], check=True)
    bench.extract(store, ALL, **options)
    assert verify(open_store(store), deep=True) == ()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("may not mount a disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("options", ON_WORKERS_SLOWLY)
def test_an_interrupt_stops_all_and_keeps_what_was_done(
    bench: Bench, tmp_path: Path, options: dict[str, Any]
) -> None:
    process = slow_extraction(bench, tmp_path / "feats.zarr", options)
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) != 0
    assert time.monotonic() - started < 30
    check_nobody_is_left(process.pid)
    held = len(list(open_store(tmp_path / "feats.zarr").index.keys()))
    assert verify(open_store(tmp_path / "feats.zarr"), deep=True) == ()
    assert held > len(ALL), "the segments, and the features of what was encoded before"


def test_workers_end_with_the_process_that_started_them(bench: Bench, tmp_path: Path) -> None:
    process = slow_extraction(bench, tmp_path / "feats.zarr", PROCESSES)
    process.kill()
    process.wait()
    check_nobody_is_left(process.pid)


def test_real_encoders_give_the_same_on_workers(project: Project) -> None:
    project.extract()
    here = stored_features(project.store)
    shutil.rmtree(project.store)
    assert project.extract("--workers", "2")["encoded"] == {"tiny-whisper": 3, "tiny-bert": 3}
    there = stored_features(project.store)
    assert there.keys() == here.keys()
    for name, x in here.items():
        np.testing.assert_allclose(there[name], x, atol=1e-3)


def test_the_project_file_names_workers_and_flags_override_it(tmp_path: Path) -> None:
    path = tmp_path / "hilbert.toml"
    path.write_text('[extract]\nworkers = 3\ndask = "local"', encoding="utf-8")
    options = read_project(path).extract_options()
    assert (options.workers, options.dask) == (3, "local")
    path.write_text('[extract]\nworkers = 3\ndask = "tcp://10.0.0.1:8786"', encoding="utf-8")
    with pytest.raises(ProjectError, match=r"extract\.workers 3 does not go with a cluster"):
        read_project(path)
    path.write_text("[extract]\nworkers = 3", encoding="utf-8")
    result = run("--project", str(path), "extract", "--workers", "-1")
    assert (result.exit_code, "-1 is not in the range" in result.output) == (2, True)


def slow_extraction(
    bench: Bench, store: Path, options: dict[str, Any]
) -> "subprocess.Popen[bytes]":
    """An extraction of a minute in a process group of its own, once it has encoded something."""
    slow = replace(bench, trap=Trap(slow_s=2.0))
    # who starts tests in the background may have it ignore interrupts, which is inherited
    code = (
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path, PosixPath\nfrom support.exact import Bench, Trap\n"
        f"if __name__ == '__main__': {slow!r}.extract(Path({str(store)!r}), {ALL}, **{options})"
    )
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not bench.log.exists() or len(bench.log.read_text().splitlines()) < 4:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def check_nobody_is_left(group: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(group, signal.SIGKILL)
    raise AssertionError("processes are left")


@pytest.mark.parametrize("address", ["foo", "http://127.0.0.1:9", "https://x:1", "a b:1"])
def test_no_address_of_a_dask_scheduler(bench: Bench, address: str) -> None:
    with pytest.raises(HilbertError, match="--dask must be local, or a scheduler's address"):
        bench.extract(bench.folder / "no.zarr", ALL, dask=address)


def test_no_dask_scheduler(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hilbert.pipeline.dask_executor.CONNECT_S", 0.5)
    with pytest.raises(HilbertError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:1; start"):
        bench.extract(tmp_path / "feats.zarr", ALL, dask="tcp://127.0.0.1:1")


def test_dask_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "hilbert.pipeline.dask_executor", raising=False)
    with (
        pytest.raises(HilbertError, match=r"pip install 'hilbert-speech\[dask\]'"),
        open_executor(ExtractOptions(dask="local")),
    ):
        pass


def test_workers_of_a_cluster_are_not_ours_to_count() -> None:
    with pytest.raises(HilbertError, match="--workers 3 does not go with a cluster"):
        ExtractOptions(workers=3, dask="tcp://10.0.0.1:8786")
    with pytest.raises(HilbertError, match="--workers must be a number of processes, not -1"):
        ExtractOptions(workers=-1)


def test_nothing_is_started_for_nothing() -> None:
    with open_executor(ExtractOptions()) as executor:
        assert isinstance(executor, InProcess)
    with open_executor(ExtractOptions(workers=2, dry_run=True)) as executor:
        assert isinstance(executor, InProcess)
    with Processes(2) as processes:
        recipe = Recipe("none", ExtractOptions(), None, None)
        assert list(processes.run(recipe, TaskSource(deque()))) == []
        assert multiprocessing.active_children() == []


class UncertainPool:
    """Loses tasks with `deadly` documents, and the task that it does beside such a one."""

    def __init__(self, deadly: set[str]) -> None:
        self._deadly = deadly

    def run(
        self, recipe: Recipe, source: TaskSource
    ) -> Generator[tuple[Task, Finished | Lost], None, None]:
        while task := source.take(1):
            pair = [task] + [other for other in [source.take(1)] if other]
            is_lost = any(self._deadly & set(task.todo) for task in pair)
            for task in pair:
                if is_lost:
                    yield task, Lost("was lost", certain=len(pair) == 1)
                else:
                    yield task, Finished(tuple(map(Result, task.todo)))


def test_who_was_only_beside_a_deadly_document_is_not_blamed(session: Session) -> None:
    todo = {str(i): session_work(i) for i in range(20)}
    results = list(OnWorkers(UncertainPool({"7", "12"})).run(session, None, todo))
    assert sorted(result.key for result in results) == sorted(todo)
    assert {result.key for result in results if result.failure} == {"7", "12"}


def test_many_documents_lost_in_a_row_end_it(session: Session) -> None:
    todo = {str(i): session_work(i) for i in range(20)}
    executor = OnWorkers(UncertainPool(set(todo)))
    with pytest.raises(HilbertError, match=f"^{MOST_LOST} documents in a row"):
        list(executor.run(session, None, todo))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with begin(tmp_path / "feats.zarr", "fp32", ExtractOptions()) as session:
        yield session


def session_work(number: int) -> Work:
    return Work(Document(str(number), audio=f"{number}.wav"), Inputs(None, None), {}, str(number))
