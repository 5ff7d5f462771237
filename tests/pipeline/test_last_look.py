"""What a call remembers of the last one: used while nothing was touched, and only then."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hilbert.pipeline import cli_extract
from hilbert.store.cache import cache_folder
from support.project import Project, run, write_recording

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def remember_young_files(monkeypatch: Patch) -> None:
    monkeypatch.setattr("hilbert.store.file_digests.SETTLED_NS", 0)


@pytest.fixture
def reads(monkeypatch: Patch) -> Callable[[], int]:
    """How often the table was read, as a call without a last look must, since last asked."""
    calls: list[Path] = []
    real = cli_extract.read_corpus

    def counting(path: Path) -> Any:
        calls.append(path)
        return real(path)

    monkeypatch.setattr(cli_extract, "read_corpus", counting)

    def take() -> int:
        n = len(calls)
        calls.clear()
        return n

    return take


def notes() -> list[Path]:
    folder = cache_folder() / "looks"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_an_untouched_corpus_is_not_read_again(project: Project, reads: Callable[[], int]) -> None:
    project.extract()
    assert reads() == 1
    again = project.extract()
    assert reads() == 0
    in_full = project.extract("--rehash")
    assert reads() == 1
    assert {**again, "seconds": 0} == {**in_full, "seconds": 0}
    assert again["skipped"] == again["documents"] == 4
    foreseen = project.extract("--dry-run")
    assert {**foreseen, "seconds": 0} == {**again, "dry_run": True, "seconds": 0}
    assert reads() == 0


def edit_table(project: Project) -> None:
    project.write_table([{**row, "clinic": "north"} for row in project.rows()])


def edit_audio_within_its_times(project: Project) -> None:
    path = project.folder / "both1.wav"
    before = path.stat()
    write_recording(path, 12.0, seed=77)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def delete_audio(project: Project) -> None:
    (project.folder / "both1.wav").unlink()


def touch_transcript(project: Project) -> None:
    os.utime(project.folder / "both1.vtt")


def delete_pack(project: Project) -> None:
    shutil.rmtree(min(p for p in (project.store / "packs").iterdir() if p.is_dir()))


def delete_record(project: Project) -> None:
    record = min(p for p in (project.store / "commits").iterdir() if p.is_dir())
    shutil.rmtree(record)


def damage_record(project: Project) -> None:
    record = min((project.store / "commits").glob("*/zarr.json"))
    data = bytearray(record.read_bytes())
    data[len(data) // 2] ^= 1
    record.write_bytes(data)


def cut_pack(project: Project) -> None:
    data = min((project.store / "packs").glob("*/x/c/0/0"))
    os.truncate(data, data.stat().st_size - 1)


def damage_note(project: Project) -> None:
    (note,) = notes()
    note.write_bytes(note.read_bytes()[:-20])


def delete_store(project: Project) -> None:
    shutil.rmtree(project.store)


def extract_another_corpus(project: Project) -> None:
    rows = project.rows()
    project.write_table([{**rows[0], "mood": "high"}])
    project.extract()
    project.write_table(rows)


@pytest.mark.parametrize(
    "touch",
    [
        edit_table,
        edit_audio_within_its_times,
        delete_audio,
        touch_transcript,
        delete_pack,
        delete_record,
        damage_record,
        cut_pack,
        damage_note,
        delete_store,
        extract_another_corpus,
    ],
)
def test_whatever_is_touched_is_seen(
    project: Project, reads: Callable[[], int], touch: Callable[[Project], None]
) -> None:
    project.extract()
    touch(project)
    reads()
    project.extract(expect=3 if touch is delete_audio else 0)
    assert reads() == 1


@pytest.mark.parametrize("flags", ["--window-s 7", "--pooling mean", "--prune", "--no-audio"])
def test_other_options_are_another_call(
    project: Project, reads: Callable[[], int], flags: str
) -> None:
    project.extract()
    reads()
    arguments = project.arguments(*flags.split())
    if flags == "--no-audio":
        at = arguments.index(str(project.whisper))
        del arguments[at - 1 : at + 1]
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert reads() == 1


def test_what_is_not_done_is_not_noted(project: Project, reads: Callable[[], int]) -> None:
    (project.folder / "both2.wav").write_bytes(b"no audio")
    project.extract(expect=3)
    assert not notes()
    project.extract("--dry-run", expect=3)
    assert not notes()
    assert reads() == 2


def test_files_too_young_to_be_remembered_are_not_noted(
    project: Project, monkeypatch: Patch
) -> None:
    monkeypatch.setattr("hilbert.store.file_digests.SETTLED_NS", 10**15)
    project.extract()
    assert not notes()
