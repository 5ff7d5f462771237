"""``hilbert.toml``: what it may say, what is said of a broken one, and that it reads back."""

import dataclasses
import re
import string
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilbert.pipeline.project import Project, read_project
from hilbert.pipeline.project_keys import dotted_keys, sections
from hilbert.pipeline.project_template import field_docs, render
from hilbert.pipeline.session import ExtractOptions
from hilbert.stages.extract.encoders.base import (
    Context,
    EncoderChoice,
    EncoderOptions,
    Pooling,
)
from hilbert.stages.extract.segment_config import SegmentConfig
from hilbert.stages.fit.config import (
    ModelConfig,
    ObjectiveConfig,
    SplitConfig,
    TargetConfig,
    TrainConfig,
)
from hilbert.store.errors import ProjectError

KEYS = dotted_keys(Project)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = st.text(string.ascii_letters, min_size=1, max_size=8)
PROJECTS = st.builds(
    Project,
    corpus=NAMES.map(Path),
    store=NAMES.map(lambda name: Path("below") / f"{name}.zarr"),
    targets=st.lists(TEXTS, unique=True, max_size=3).map(tuple),
    encoders=st.lists(
        st.builds(
            EncoderChoice,
            name=NAMES,
            layer=st.one_of(st.integers(-5, 40), st.sampled_from(["4..8", "1..4,12"])),
            pooling=st.sampled_from(get_args(Pooling)),
            context=st.sampled_from(get_args(Context)),
        ),
        max_size=3,
    ).map(tuple),
    segments=st.builds(SegmentConfig, window_s=st.floats(0.1, 30), max_words=st.integers(1, 99)),
    kinds=st.lists(
        st.builds(
            TargetConfig,
            column=NAMES,
            target_kind=st.just("ordinal"),
            classes=st.lists(TEXTS, unique=True, max_size=3).map(tuple),
        ),
        unique_by=lambda config: config.column,
        max_size=2,
    ).map(tuple),
    splits=st.builds(SplitConfig, folds=st.integers(2, 9), seed=st.integers(0, 2**40)),
    train=st.builds(
        TrainConfig,
        model=st.builds(ModelConfig, dropout=st.floats(0, 0.9), time_bias=st.booleans()),
        objective=st.builds(ObjectiveConfig, cka_kernel=st.sampled_from(["linear", "rbf"])),
        epochs=st.none() | st.integers(1, 99),
        lr=st.floats(1e-9, 1e9),
    ),
)


def load(folder: Path, text: str) -> Project:
    path = folder / "hilbert.toml"
    path.write_text(text, encoding="utf-8")
    return read_project(path)


def uncomment(text: str) -> str:
    """Every option of a file that was written, made to count."""
    return re.sub(r"(?m)^#(?! )", "", text)


def below(folder: Path, project: Project) -> Project:
    """The project with its paths below a folder, as they are read."""
    paths = {name: folder / getattr(project, name) for name in ("corpus", "store", "runs")}
    return dataclasses.replace(project, **paths)  # type: ignore[arg-type]


class TestWriting:
    @settings(max_examples=30, deadline=None)
    @given(PROJECTS)
    def test_what_is_written_reads_back_with_and_without_its_comments(
        self, tmp_path_factory: pytest.TempPathFactory, project: Project
    ) -> None:
        folder = tmp_path_factory.getbasetemp()
        text = render(project, {"targets": ["age (it is a number)\nx = 3\x07"]})
        expected = below(folder, project)
        assert load(folder, text) == expected
        assert load(folder, uncomment(text)) == expected

    def test_every_option_stands_in_the_file_with_its_docstring(self) -> None:
        kinds = (TargetConfig("mood"),)
        text = render(Project(encoders=(EncoderChoice("whisper"),), kinds=kinds))
        for key in KEYS:
            assert re.search(rf"(?m)^(#|# |){key.rsplit('.', 1)[-1]} = ", text), key
        for section in sections(Project):
            docs = field_docs(section.config)
            assert all(docs[name] for name in section.options()), section

    def test_an_empty_file_declares_the_defaults(self, tmp_path: Path) -> None:
        assert load(tmp_path, "") == below(tmp_path, Project())
        assert load(tmp_path, uncomment(render(Project()))) == below(tmp_path, Project())

    def test_a_byte_order_mark_is_no_error(self, tmp_path: Path) -> None:
        assert load(tmp_path, "\ufefftargets = ['mood']").targets == ("mood",)


class TestAgreement:
    """What the file says and what commands do without a file are the same."""

    def test_the_defaults_are_those_of_the_commands(self) -> None:
        assert Project().extract_options() == ExtractOptions()
        assert EncoderChoice("x").options("fp32") == EncoderOptions()

    def test_no_two_checked_options_share_a_name(self) -> None:
        """So that a flag in an error tells which key is meant."""
        names = [key.rsplit(".", 1)[-1] for key in KEYS]
        assert {n for n in names if names.count(n) > 1} <= {"encoders", "pooling"}


def test_paths_and_folders_of_encoders_are_below_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "models/tiny").mkdir(parents=True)
    (tmp_path / "whisper").mkdir()
    text = "".join(f"[[encoders]]\nname='{n}'\n" for n in ("models/tiny", "whisper", "a/b"))
    project = load(tmp_path, "corpus='/data/c.csv'\nruns='results'\n" + text)
    assert (project.corpus, project.runs) == (Path("/data/c.csv"), tmp_path / "results")
    names = [choice.name for choice in project.encoders]
    assert names == [str(tmp_path / "models/tiny"), "whisper", "a/b"]


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    assert load(tmp_path, "segments.max_s = 20").segments.max_s == 20.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[train]\nepochs = 'many'", "train.epochs must be a whole number, not 'many'"),
        ("train.epochs = 3.5", "train.epochs must be a whole number, not 3.5"),
        ("splits.folds = true", "splits.folds must be a whole number, not true"),
        ("segments.max_s = '20'", "segments.max_s must be a number, not '20'"),
        ("segments.max_s = false", "segments.max_s must be a number, not false"),
        ("extract.audio = 1", "extract.audio must be true or false, not 1"),
        ("corpus = 3", "corpus must be text in quotes, not 3"),
        ("corpus = 2020-01-01", "corpus must not be a date; put it in quotes"),
        ("targets = 'mood'", "targets must be a list in square brackets, not 'mood'"),
        ("targets = ['mood', 3]", "targets, number 2, must be text in quotes, not 3"),
        ("targets = ['mood', 'mood']", "targets names 'mood' twice"),
        ("train = 3", "train must be a table, [train], not 3"),
        ("train.phases = 'both'", "train.phases must be 'joint' or 'align-then-classify'"),
        ("encoders = ['whisper']", "encoders, number 1, must be a table, [[encoders]]"),
        ("[encoders]\nname = 'whisper'", "write [[encoders]]"),
        ("[[encoders]]\nlayer = 2", "encoders.name, number 1, is missing"),
        ("[[encoders]]\nname='x'\nlayer='last'", "encoders.layer must be a layer like -1"),
        (
            "[[encoders]]\nname='x'\nlayer=1.5",
            "encoders.layer, number 1, must be a whole number or",
        ),
        ("segments = {min_s = 20, max_s = 9}", "segments.min_s (20) may not exceed segments.max_s"),
        ("train.lr = nan", "train.lr must be above 0, not nan"),
        ("train.model.width = 130", "train.model.width must be a multiple of heads=4"),
        ("extract.commit_every_s = -1", "extract.commit_every_s must be"),
        ("train.epoch = 3", "unknown key train.epoch; did you mean train.epochs?"),
        ("epochs = 3", "unknown key epochs; did you mean train.epochs?"),
        ("[trian]\nepochs = 3", "unknown key trian; did you mean train?"),
        ("[[encoders]]\nname='x'\nlayr=2", "did you mean encoders.layer?"),
        ("train.device = 'cuda'", "unknown key train.device; [train] knows phases, epochs"),
        ("qqq = []", "unknown key qqq; known are corpus, store, runs, targets and the tables"),
        ("corpus = corpus.csv", "is not TOML: Invalid value (at line 1, column 10)"),
        ("x = " + "[" * 5000, "is not TOML"),
    ],
)
def test_a_broken_file_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ProjectError, match=re.escape(said)) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert message.startswith("hilbert.toml")
    assert "\n" not in message
    assert "did you mean" in message or "`hilbert init --dry-run`" in message


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "hilbert.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProjectError, match="not UTF-8"):
        read_project(tmp_path / "hilbert.toml")


def test_pydantic_is_imported_for_a_file_only() -> None:
    code = "import sys, hilbert.pipeline.cli_run; print({'pydantic', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
