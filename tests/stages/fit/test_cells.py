"""Cells of a column, read as a target."""

import numpy as np
import pytest

from hilbert.stages.fit.cells import cell_of, read_target
from hilbert.stages.fit.config import TargetConfig
from hilbert.store.errors import FitError


@pytest.mark.parametrize("mark", ["NA", "nan", "N/A", "null"])
@pytest.mark.parametrize("kind", ["classes", "ordinal", "multilabel"])
def test_marks_of_missing_labels_are_refused(mark: str, kind: str) -> None:
    with pytest.raises(FitError, match=f"holds {mark} in 2 documents, which programs write"):
        read_target(["1", mark, "2", mark], TargetConfig("y", kind))  # type: ignore[arg-type]
    told = TargetConfig("y", "ordinal", classes=("1", mark))
    assert read_target(["1", mark], told)[0].classes == ("1", mark)


def test_classes_that_differ_in_case_alone_are_refused() -> None:
    with pytest.raises(FitError, match="classes HI and hi, which differ in case alone"):
        read_target(["hi", "HI", "lo"], TargetConfig("y"))


def test_classes_are_sorted_and_an_empty_cell_is_missing() -> None:
    (asked,) = read_target(["b", None, "a", "10", "9"], TargetConfig("y"))
    assert asked.classes == ("10", "9", "a", "b")
    assert asked.labels.tolist() == [3, -1, 2, 0, 1]


def test_ordinal_numbers_are_ordered_as_numbers() -> None:
    (asked,) = read_target(["10", "9", "-1.5", None], TargetConfig("y", "ordinal"))
    assert asked.classes == ("-1.5", "9", "10")
    assert asked.labels.tolist() == [2, 1, 0, -1]


def test_ordinal_words_are_ordered_as_told() -> None:
    config = TargetConfig("y", "ordinal", ("poor", "fair", "good"))
    (asked,) = read_target(["good", "poor", "fair"], config)
    assert asked.classes == ("poor", "fair", "good")
    assert asked.labels.tolist() == [2, 0, 1]


def test_many_labels_none_and_unknown() -> None:
    cells = ["music; noise", "noise|echo", "-", None, " none ", "music;;"]
    asked = read_target(cells, TargetConfig("tags", "multilabel"))
    assert [q.classes for q in asked] == [
        ("not echo", "echo"), ("not music", "music"), ("not noise", "noise"),
    ]  # fmt: skip
    found = np.stack([q.labels for q in asked], 1)
    unknown = [-1, -1, -1]
    assert found.tolist() == [[0, 1, 1], [1, 0, 1], [0, 0, 0], unknown, [0, 0, 0], [0, 1, 0]]


def test_a_cell_is_written_as_it_was_read() -> None:
    classes = ("echo", "music")
    for cell in ("echo", "echo;music", "-"):
        asked = read_target([cell, "echo;music"], TargetConfig("t", "multilabel"))
        assert cell_of(classes, np.array([q.labels[0] for q in asked])) == cell
    assert cell_of(classes, np.array([-1, -1])) == ""
    assert cell_of(classes, np.array([0, 1, -1])[1]) == "music"
    assert cell_of(classes, np.array([0, 1, -1])[2]) == ""


HALVES = [str(i / 2) for i in range(50)]


def test_labels_that_are_numbers_and_repeat_are_codes() -> None:
    cells = [f"{i % 30};{(i + 7) % 30};{(i + 11) % 30}" for i in range(60)]
    assert len(read_target(cells, TargetConfig("diagnosis", "multilabel"))) == 30


@pytest.mark.parametrize(
    ("cells", "config", "said"),
    [
        ([None, None], TargetConfig("y"), "y has no label in any document"),
        (["-", None], TargetConfig("y", "multilabel"), "only '-'"),
        (HALVES, TargetConfig("age"), "age holds 50 different numbers, each in 1.0 documents"),
        (HALVES, TargetConfig("age", "multilabel"), "age holds 50 different numbers, each in 1.0"),
        ([str(i) for i in range(21)], TargetConfig("age", "ordinal"), "21 different numbers, too"),
        (["low", "high"], TargetConfig("y", "ordinal"), "'high' is no number.* --classes"),
        (["1", "1.0", "2"], TargetConfig("y", "ordinal"), "one number as '1' and as '1.0'"),
        (["a", "c"], TargetConfig("y", "ordinal", ("a", "b")), "class 'c', which --classes a,b"),
        (["a", "a"], TargetConfig("y", "ordinal", ("a", "b")), "no document has 'b' in y"),
    ],
)  # fmt: skip
def test_columns_that_cannot_be_read(
    cells: list[str | None], config: TargetConfig, said: str
) -> None:
    with pytest.raises(FitError, match=said):
        read_target(cells, config)


def test_many_numbers_may_be_classes_where_each_stands_in_several_documents() -> None:
    cells: list[str | None] = [str(i % 25) for i in range(200)]
    assert len(read_target(cells, TargetConfig("speaker"))[0].classes) == 25


@pytest.mark.parametrize("kind", ["classes", "multilabel"])
def test_an_order_is_of_ordinal_targets_alone(kind: str) -> None:
    with pytest.raises(FitError, match="make it ordinal"):
        TargetConfig("y", kind, ("a", "b"))  # type: ignore[arg-type]
    with pytest.raises(FitError, match="'a' twice"):
        TargetConfig("y", "ordinal", ("a", "a"))
