"""`hilbert init` and `hilbert run`, and how flags and ``hilbert.toml`` go together."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hilbert
from hilbert.pipeline.project import read_project
from support.project import SENTENCES, Project, run

Counted = Callable[[], dict[str, list[str]]]
QUICK = """
[splits]
folds = 2
repeats = 1
[train]
epochs = 1
min_steps = 1
seeds_averaged = 1
[train.model]
width = 8
heads = 2
"""


def said(*arguments: str, expect: int = 0) -> dict[str, Any]:
    """The object that a command prints with ``--json``."""
    done = run(*arguments, "--json")
    assert done.exit_code == expect, done.output
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def refused(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 1, done.output
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_table(path: Path, *columns: str, n: int = 12) -> None:
    """Documents of two groups; `mood` has two classes, `age` a value a document."""
    values = {"mood": lambda i: "ab"[i % 2], "age": str, "one": lambda i: "x",
              "rare": lambda i: "yx"[i == 0], "site": lambda i: "st"[i >= n // 2],
              "empty": lambda i: ""}  # fmt: skip
    rows = [["id", "group", "text", *columns]]
    rows += [[f"d{i}", f"g{i * 2 // n}", f"words {i}", *(values[c](i) for c in columns)]
             for i in range(n)]  # fmt: skip
    path.write_text("\n".join(",".join(row) for row in rows))


class TestInit:
    def test_it_guesses_targets_and_says_why_not(self, folder: Path) -> None:
        write_table(folder / "corpus.csv", "mood", "age", "one", "rare", "site", "empty")
        found = said("init")
        assert found["targets"] == ["mood"]
        assert found["no_targets"] == {
            "age": "it has 12 different values",
            "one": "it has one value only",
            "rare": "only one document is 'x'",
            "site": "all documents that are 's' are of one group",
            "empty": "it is empty",
        }
        project = read_project(folder / "hilbert.toml")
        assert project.targets == ("mood",)
        assert [choice.name for choice in project.encoders] == ["minilm"]
        assert "age (it has 12 different" in (folder / "hilbert.toml").read_text()

    def test_it_says_what_was_found_and_what_is_next(self, folder: Path) -> None:
        write_table(folder / "corpus.csv", "mood")
        lines = run("init").stdout.splitlines()
        assert lines[0] == "corpus.csv: 12 documents, for minilm."
        assert lines[-1] == "Next: hilbert run"

    def test_the_only_table_that_is_a_corpus_is_it(self, folder: Path) -> None:
        write_table(folder / "people.tsv")
        (folder / "people.tsv").write_text((folder / "people.tsv").read_text().replace(",", "\t"))
        (folder / "scores.csv").write_text("id,score\na,1\n")
        assert said("init")["corpus"] == "people.tsv"

    def test_several_or_no_tables(self, folder: Path) -> None:
        assert "there is no table" in refused("init")
        (folder / "scores.csv").write_text("id,score\na,1\n")
        assert "scores.csv has none of the columns audio" in refused("init")
        for name in ("one.csv", "two.csv"):
            write_table(folder / name)
        assert "one.csv, two.csv; name one: hilbert init one.csv" in refused("init")
        assert not (folder / "hilbert.toml").exists()

    def test_a_file_that_is_there_is_replaced_only_when_told(self, folder: Path) -> None:
        write_table(folder / "corpus.csv")
        (folder / "hilbert.toml").write_text("broken")
        assert "--overwrite" in refused("init")
        assert (folder / "hilbert.toml").read_text() == "broken"
        run("init", "--overwrite")
        assert read_project(folder / "hilbert.toml").corpus == Path("corpus.csv").absolute()

    def test_a_dry_run_prints_the_file_and_writes_nothing(self, folder: Path) -> None:
        write_table(folder / "corpus.csv", "mood")
        drafted = run("init", "--dry-run").stdout
        assert sorted(path.name for path in folder.iterdir()) == ["corpus.csv"]
        assert said("init", "--dry-run")["written"] is False
        run("init")
        assert (folder / "hilbert.toml").read_text() == drafted

    def test_a_project_file_elsewhere_finds_its_corpus(self, folder: Path) -> None:
        (folder / "study").mkdir()
        write_table(folder / "study/corpus.csv")
        written = run("--project", "study/p.toml", "init").stdout
        assert written.endswith("Next: name the targets in study/p.toml, then"
                                " hilbert --project study/p.toml run\n")  # fmt: skip
        assert read_project(Path("study/p.toml")).corpus == Path("study/corpus.csv")


class TestBroken:
    @pytest.mark.parametrize("command", ["extract", "fit", "run"])
    def test_every_command_refuses_it_and_writes_nothing(self, folder: Path, command: str) -> None:
        write_table(folder / "corpus.csv")
        (folder / "hilbert.toml").write_text("train.epochs = 'many'")
        assert "hilbert.toml: train.epochs must be a whole number" in refused(command)
        assert {path.name for path in folder.iterdir()} == {"corpus.csv", "hilbert.toml"}

    def test_a_missing_file(self, folder: Path) -> None:
        assert "`hilbert init` writes one" in refused("run")
        assert "no other.toml" in refused("--project", "other.toml", "extract")

    def test_encoder_options_without_an_encoder(self, folder: Path) -> None:
        write_table(folder / "corpus.csv")
        assert "add --encoder" in refused("extract", "--layer", "-1")

    def test_several_targets_need_one_named(self, folder: Path) -> None:
        (folder / "hilbert.toml").write_text("targets = ['mood', 'age']")
        assert "--target mood" in refused("fit")


@pytest.fixture
def declared(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Eight documents of text with two targets, and a quick project in the current folder."""
    project.write_table(
        [
            {"id": f"d{i}", "text": f"{SENTENCES[i % 4]} {i}", "mood": "ab"[i % 2],
             "site": "xy"[i // 4]}
            for i in range(8)
        ]
    )  # fmt: skip
    monkeypatch.chdir(project.folder)
    (project.folder / "tiny-bert").symlink_to(project.bert)
    write_file(project)
    return project


def write_file(project: Project, *, encoder: str = "", more: str = QUICK) -> None:
    text = "corpus = 'corpus.jsonl'\ntargets = ['mood', 'site']\n[[encoders]]\nname = 'tiny-bert'\n"
    (project.folder / "hilbert.toml").write_text(text + encoder + more)


class TestRun:
    ARGUMENTS = ("run", "--device", "cpu", "--workers", "1")

    def test_it_does_all_and_then_only_what_changed(
        self, declared: Project, counted: Counted
    ) -> None:
        first = said(*self.ARGUMENTS)
        assert first["extract"]["encoded"] == {"tiny-bert": 8}
        assert {name: r["run"] for name, r in first["runs"].items()} == {
            "mood": "runs/mood", "site": "runs/site",
        }  # fmt: skip
        counted()
        stamps = self.stamps()
        again = run(*self.ARGUMENTS)
        assert "mood: the run in runs/mood is up to date." in again.stdout
        assert counted() == {}
        assert self.stamps() == stamps
        write_file(declared, more=QUICK.replace("epochs = 1", "epochs = 2"))
        said(*self.ARGUMENTS)
        assert counted() == {}
        assert all(new > old for new, old in zip(self.stamps(), stamps, strict=True))

    def stamps(self) -> list[int]:
        return [Path(f"runs/{name}/run.json").stat().st_mtime_ns for name in ("mood", "site")]

    def test_a_failed_document_is_told_in_the_exit_code(self, declared: Project) -> None:
        declared.write_table([*declared.rows(), {"id": "x", "transcript": "gone.vtt"}])
        found = said(*self.ARGUMENTS, expect=3)
        assert [failed["id"] for failed in found["extract"]["failed"]] == ["x"]
        assert found["runs"]["mood"]["documents"] == 8

    def test_a_document_that_left_the_corpus_is_fitted_until_it_is_pruned(
        self, declared: Project
    ) -> None:
        said(*self.ARGUMENTS)
        declared.write_table(declared.rows()[:-1])
        assert said(*self.ARGUMENTS)["runs"]["mood"]["documents"] == 8
        assert said(*self.ARGUMENTS, "--prune")["runs"]["mood"]["documents"] == 7

    def test_a_fit_that_is_not_possible_names_the_target_and_the_key(
        self, declared: Project
    ) -> None:
        write_file(declared, more=QUICK.replace("folds = 2", "folds = 9"))
        done = run(*self.ARGUMENTS)
        assert done.exit_code == 1
        assert "target mood: 8 groups cannot be split" in done.stderr
        assert "splits.folds 8" in done.stderr

    def test_a_target_that_cannot_be_fitted_keeps_none_from_it(self, declared: Project) -> None:
        write_file(declared)
        file = declared.folder / "hilbert.toml"
        file.write_text(file.read_text().replace("'mood', 'site'", "'nothing', 'mood'"))
        found = said(*self.ARGUMENTS, expect=1)
        assert list(found["runs"]) == ["mood"]
        assert "no column 'nothing'" in found["failed"]["nothing"]
        assert "target nothing: the corpus has no column" in run(*self.ARGUMENTS).stderr
        foreseen = run("run", "--dry-run")
        assert foreseen.exit_code == 1
        assert "target nothing: the corpus has no column" in foreseen.stderr

    @pytest.mark.parametrize("command", [("run",), ("status",), ("why", "d1")])
    def test_an_error_names_the_key_of_the_file(
        self, declared: Project, command: tuple[str, ...]
    ) -> None:
        write_file(declared, encoder="layer = 99\n")
        assert "Error: encoders.layer 99: this model has hidden states" in refused(*command)


class TestFlags:
    def test_the_file_says_what_flags_do_not(self, declared: Project) -> None:
        write_file(declared, encoder="layer = 1\npooling = 'mean'\n")
        assert said("extract")["encoded"] == {"tiny-bert": 8}
        info = hilbert.open_store(declared.store).encoders()["tiny-bert"]
        assert (info.options["layer"], info.options["pooling"]) == (1, "mean")
        said("extract", "--layer", "0", "--store", "other.zarr")
        info = hilbert.open_store(Path("other.zarr")).encoders()["tiny-bert"]
        assert (info.options["layer"], info.options["pooling"]) == (0, "mean")

    def test_a_flag_that_repeats_the_default_overrides_too(self, declared: Project) -> None:
        said("extract")
        arguments = ("fit", "--workers", "1", "--device", "cpu", "--target", "mood")
        assert said(*arguments, "--run-dir", "a")["folds"] == 2
        assert said(*arguments, "--run-dir", "b", "--repeats", "5")["folds"] == 2 * 5

    def test_a_run_without_a_folder_of_its_own_goes_below_the_projects(
        self, declared: Project
    ) -> None:
        said("extract")
        file = declared.folder / "hilbert.toml"
        file.write_text("runs = 'results'\n" + file.read_text())
        found = said("fit", "--workers", "1", "--device", "cpu", "--target", "mood")
        assert found["run"].startswith("results/mood-")

    def test_leaving_a_modality_out_needs_no_change_of_the_file(self, declared: Project) -> None:
        done = run("extract", "--no-text")
        assert "nothing to encode" in done.stderr

    def test_a_project_elsewhere(
        self, declared: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        found = said("--project", "project/hilbert.toml", "extract")
        assert found["documents"] == 8
        assert declared.store.exists()


class TestWhatToTypeNext:
    def test_it_is_about_the_store_that_was_looked_at(self, declared: Project) -> None:
        said("extract")
        done = run("--project", "hilbert.toml", "status", "--store", "my other.zarr")
        begin = "hilbert --project hilbert.toml"
        assert done.stdout.splitlines()[-1] == (
            f"Next: {begin} why d0 --store 'my other.zarr',"
            f" or {begin} extract --store 'my other.zarr'"
        )

    def test_it_is_about_the_project_of_the_call(self, declared: Project) -> None:
        assert "Next: hilbert why d0, or hilbert run" in run("status").stdout
        assert "`hilbert --project hilbert.toml run`" in refused("--project", "hilbert.toml", "fit")

    def test_a_fit_that_is_not_possible_names_the_key(self, declared: Project) -> None:
        write_file(declared, more=QUICK.replace("folds = 2", "folds = 9"))
        for command in (("status",), ("why", "d0")):
            assert "splits.folds" in run(*command).stdout
