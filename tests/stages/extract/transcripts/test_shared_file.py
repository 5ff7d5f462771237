"""Files that hold many recordings: the document's own is read, or they are refused by name."""

from pathlib import Path

import pytest

from hilbert.stages.extract.transcripts.shared_file import may_be_shared, n_recordings, names_of
from hilbert.stages.extract.transcripts.transcript import read_transcript
from hilbert.store.errors import DocumentError
from hilbert.store.types import Document


def ctm(*names: str) -> str:
    return "".join(f"{name} 1 {i}.0 0.5 word{i}\n" for i, name in enumerate(names))


def rttm(*names: str) -> str:
    return "".join(
        f"SPEAKER {name} 1 {i}.0 1.0 <NA> <NA> who{i} <NA> <NA>\n" for i, name in enumerate(names)
    )


@pytest.fixture(params=["ctm", "rttm"])
def write(request: pytest.FixtureRequest, tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(*names: str) -> Path:
        path = tmp_path / f"all.{request.param}"
        path.write_text(ctm(*names) if request.param == "ctm" else rttm(*names))
        return path

    return write


def starts(path: Path, *names: str) -> list[float | None]:
    return [turn.start_s for turn in read_transcript(path, names=names)]


def test_the_document_s_own_is_read(write) -> None:  # type: ignore[no-untyped-def]
    path = write("lecture", "Talk", "talk", "lecture", "OTHER")
    assert n_recordings(path) == "several"
    assert starts(path, "talk") == [2.0]  # exact before any other case
    assert starts(path, "other") == [4.0]
    assert starts(path, "absent", "Talk") == [1.0]
    assert starts(path, "LECTURE") in ([0.0, 3.0], [0.0])  # CTM joins words, RTTM none


def test_none_of_it_is_the_document_s(write) -> None:  # type: ignore[no-untyped-def]
    path = write("r1", "r2", "r3", "r4", "r5", "r6")
    with pytest.raises(DocumentError, match=r"6 recordings \(r1, r2, r3, r4, r5, …\).*a or b"):
        starts(path, "a", "b")
    with pytest.raises(DocumentError, match="holds 2 recordings"):
        starts(write("TALK", "Talk"), "talk")  # either might be meant


def test_one_recording_may_be_called_anything(write) -> None:  # type: ignore[no-untyped-def]
    path = write("r1")
    assert n_recordings(path) == "one"
    assert starts(path, "a") == [0.0]


def test_prose_that_is_read_by_force_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Secretly she had left us.\nNobody told me about that.\n")
    with pytest.raises(DocumentError) as error:
        read_transcript(path, "ctm", ("a",))
    assert "Secretly" not in str(error.value)


def test_which_files_and_names() -> None:
    assert may_be_shared("/x/All.RTTM")
    assert not may_be_shared("/x/all.txt")
    assert may_be_shared("/x/all.txt", "ctm")
    assert not may_be_shared("/x/all.ctm", "plain")
    assert names_of(Document("id", audio="/x/s1.a.wav")) == ("s1.a", "id")
    assert names_of(Document("id")) == ("id",)
