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
    assert may_be_shared("/x/all.tsv")
    assert names_of(Document("id", audio="/x/s1.a.wav")) == ("s1.a", "id")
    assert names_of(Document("id")) == ("id",)


class TestTables:
    ROWS = "{0}.wav,0.5,3,A,hello there\na/{1}.wav,3.2,6,B,I am well\n{0}.wav,7,9,A,Bye.\n"

    def write(self, tmp_path: Path, column: str, *names: str, ending: str = "csv") -> Path:
        path = tmp_path / f"all.{ending}"
        path.write_text(f"{column},start,end,speaker,text\n{self.ROWS.format(*names)}")
        return path

    @pytest.mark.parametrize("column", ["file", "File name", "recording", "audio", "id", "name"])
    def test_the_document_s_own_is_read(self, tmp_path: Path, column: str) -> None:
        path = self.write(tmp_path, column, "rec1", "rec2")
        assert n_recordings(path) == "several"
        assert may_be_shared(str(path))
        assert starts(path, "rec1") == [0.5, 7.0]
        assert starts(path, "other", "REC2") == [3.2]
        with pytest.raises(DocumentError, match=r"2 recordings in its .* \(rec1, rec2\), and"):
            starts(path, "rec3")

    def test_one_recording_may_be_called_anything(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "file", "r1", "r1")
        assert n_recordings(path) == "one"
        assert starts(path, "a") == [0.5, 3.2, 7.0]

    def test_by_other_endings_none_is_chosen(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "file", "rec1", "rec2", ending="txt")
        with pytest.raises(DocumentError, match=r"2 recordings in .*; end its .* \.csv"):
            starts(path, "rec1")
        assert [turn.start_s for turn in read_transcript(path, "csv", ("rec1",))] == [0.5, 7.0]

    def test_numbers_of_rows_are_no_recordings(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("id,start,end,text\n1,0.5,3,Hello.\n2,3.5,6,Yes.\n")
        assert n_recordings(path) == "one"
        assert starts(path, "1") == [0.5, 3.5]
        path.write_text("id,start,end,text\nu1,0.5,3,Hello.\nu2,3.5,6,Yes.\n")
        assert starts(path, "a") == [0.5, 3.5]
        assert starts(path, "u2") == [3.5]

    def test_a_row_of_no_recording_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("file,start,end,text\nx,0.5,3,Hello.\n,3.5,6,Yes.\ny,7,8,No.\n")
        with pytest.raises(DocumentError, match=r"line 3 .* tells no recording in the column file"):
            starts(path, "x")
