"""The corpus table: what is read, and the one error a bad table gets."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hilbert.pipeline.corpus import Corpus, column_warnings, read_corpus
from hilbert.store.errors import CorpusError
from hilbert.store.types import Span

ROWS = [
    {"id": "a", "audio": "x/a.wav", "group": "g1", "mood": "low", "age": "41"},
    {"id": "b", "audio": "", "text": "Hello.", "group": "g2", "mood": "", "age": "7"},
]


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def delimited(delimiter: str) -> str:
    names = ["id", "audio", "text", "group", "mood", "age"]
    lines = [names, *([row.get(name, "") for name in names] for row in ROWS)]
    return "\ufeff" + "\n".join(delimiter.join(line) for line in lines) + "\n"


def tables(folder: Path) -> dict[str, Path]:
    """The same corpus in every format, with the types each format has."""
    typed = [{**row, "age": int(row["age"]), "mood": row["mood"] or None} for row in ROWS]
    parquet = folder / "c.parquet"
    pq.write_table(pa.Table.from_pylist([{"text": None, **row} for row in typed]), parquet)
    return {
        "csv": write(folder / "c.csv", delimited(",")),
        "tsv": write(folder / "c.tsv", delimited("\t")),
        "jsonl": write(folder / "c.jsonl", "\n".join(map(json.dumps, typed)) + "\n"),
        "parquet": parquet,
    }


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_gives_the_same_documents(tmp_path: Path, kind: str) -> None:
    corpus = read_corpus(tables(tmp_path)[kind])
    a, b = corpus.documents
    assert (a.id, a.audio, a.text, a.group) == ("a", str(tmp_path / "x/a.wav"), None, "g1")
    assert (b.id, b.audio, b.text, b.group) == ("b", None, "Hello.", "g2")
    assert dict(a.columns) == {"mood": "low", "age": "41"}
    assert dict(b.columns) == {"mood": None, "age": "7"}
    assert set(corpus.columns) == {"mood", "age"}


def test_reserved_columns_have_their_meaning(tmp_path: Path) -> None:
    table = write(
        tmp_path / "c.csv",
        "id,audio,start,end,exclude,transcript_offset,speaker,language,y\n"
        "a,a.wav,1.5,60,2-3; 10.5-20,-0.25,P,en,1\n",
    )
    (a,) = read_corpus(table).documents
    assert (a.start_s, a.end_s, a.transcript_offset_s) == (1.5, 60.0, -0.25)
    assert a.exclude == (Span(2.0, 3.0), Span(10.5, 20.0))
    assert (a.speaker, a.language, dict(a.columns)) == ("P", "en", {"y": "1"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("audio\na.wav\n", "no column id; it has: audio"),
        ("id,y\na,1\n", "none of the columns audio, transcript and text"),
        ("id,audio\n", "has no rows"),
        ("", "has no rows"),
        ("id,audio,id\na,b,c\n", "row 1: the column 'id' stands twice"),
        ("id,audio\na,1.wav\nb,2.wav\na,3.wav\n", "row 4, column id: 'a' is already the id of"),
        ("id,audio\n,1.wav\n", "row 2, column id: is empty"),
        ("id,audio\na,\n", "row 2, column audio: document a has neither"),
        ("id,audio\na,1.wav,extra\n", "row 2, column audio: the row has 3 cells, the header 2"),
        ("id,audio,y\na,1.wav\n", "row 2, column audio: the row has 2 cells, the header 3"),
        ("id,text,transcript\na,hi,a.vtt\n", "row 2, column text: document a has a transcript"),
        ("id,audio,start\na,1.wav,soon\n", "row 2, column start: 'soon' is not a number"),
        ("id,audio,start\na,1.wav,-1\n", "row 2, column start: -1.0 s lies before"),
        ("id,audio,start,end\na,1.wav,5,5\n", "row 2, column end: 5.0 s is not after"),
        ("id,audio,exclude\na,1.wav,7\n", "row 2, column exclude: '7' is not of the form"),
        ('id,audio\n"a,1.wav\n', "line 2"),
    ],
)
def test_a_bad_table_names_the_row_and_the_column(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(CorpusError) as caught:
        read_corpus(write(tmp_path / "c.csv", content))
    assert said in str(caught.value)
    assert "c.csv" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": "a", "audio": "1.wav"}\nnope\n', "row 2: not JSON"),
        ("[1]\n", "row 1: not a JSON object"),
        ('{"id": "a", "audio": ["1.wav"]}\n', "row 1, column audio: is not text or a number"),
    ],
)
def test_bad_json_lines(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        read_corpus(write(tmp_path / "c.jsonl", content))


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no corpus table"):
        read_corpus(tmp_path / "c.csv")
    with pytest.raises(CorpusError, match=r"not a \.csv"):
        read_corpus(tmp_path / "c.xlsx")
    (tmp_path / "l.csv").write_bytes("id,audio\né,1.wav\n".encode("latin1"))
    with pytest.raises(CorpusError, match="iconv"):
        read_corpus(tmp_path / "l.csv")
    with pytest.raises(CorpusError, match="cannot be read as Parquet"):
        read_corpus(write(tmp_path / "p.parquet", "no"))


def test_numbers_read_as_in_a_csv(tmp_path: Path) -> None:
    table = tmp_path / "c.parquet"
    pq.write_table(pa.table({"id": [1, 2], "audio": ["a", "b"], "y": [3.0, None]}), table)
    corpus: Corpus = read_corpus(table)
    assert [d.id for d in corpus.documents] == ["1", "2"]
    assert [d.columns["y"] for d in corpus.documents] == ["3", None]


def test_an_index_without_a_name_is_no_label(tmp_path: Path) -> None:
    corpus = read_corpus(write(tmp_path / "c.csv", ",id,text,y\n0,a,hi,1\n1,b,ho,2\n"))
    assert corpus.columns == ("y",)


def test_a_cell_may_hold_a_three_hour_interview(tmp_path: Path) -> None:
    corpus = read_corpus(write(tmp_path / "c.csv", f"id,text\na,{'word ' * 40_000}\n"))
    assert len(corpus.documents[0].text or "") > 131_072


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "a", "text": "\\ud800 hello"}', "column text: holds half of a character"),
        ('{"id": "a", "audio": "a\\nb.wav"}', "column audio: holds a character"),
        ("[" * 100_000, "row 1: not JSON"),
    ],
)
def test_cells_that_would_end_badly_later(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        read_corpus(write(tmp_path / "c.jsonl", line))


def test_reserved_names_in_another_spelling_are_told(tmp_path: Path) -> None:
    table = tmp_path / "c.csv"
    table.write_text("id,audio,Start,Offset,end,END,mood,Mood\na,a.wav,1,2,3,4,x,y\n")
    first, second, third = column_warnings(read_corpus(table).columns)
    assert "column Start is read as a label; did you mean start?" in first
    assert "column Offset is read as a label; did you mean transcript_offset?" in second
    assert "column END is read as a label; did you mean end?" in third
    for header, said in (("ID,Audio", "write ID as id"), ("id,Audio", "did you mean audio")):
        table.write_text(f"{header}\na,a.wav\n")
        with pytest.raises(CorpusError, match=said):
            read_corpus(table)
