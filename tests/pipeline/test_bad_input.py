"""Whatever a corpus holds: each bad document has its message, and the others are done.

One corpus has all bad documents at once and is extracted by the real command, in a process that is
stopped if it hangs; only the model is a stand-in. Rows are in `support.bad_audio` and
`support.bad_transcripts`.
"""

import csv
import functools
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import hilbert
from support import bad_audio, bad_transcripts
from support.bad_audio import AUDIO, sound, tone
from support.bad_transcripts import TRANSCRIPTS, vtt
from support.children import Child
from support.listening import outcome

PATIENCE_S = 240.0
"""Thousands of times what it takes; a hang must fail the test, a busy machine must not."""

NOBODY = 65_534


class Extracted(NamedTuple):
    """What came of an extraction."""

    code: int
    report: Mapping[str, Any]
    stderr: str
    failed: Mapping[str, str]
    stored: frozenset[str]


def call(command: str, table: Path, *, before: Any = None) -> tuple[int, Mapping[str, Any], str]:
    """Exit code, JSON and standard error of a command in a process of its own.

    A hang, a traceback or a path in what is said fails the test.
    """
    child = Child(outcome, command, table, table.parent / "feats.zarr", before=before)
    _, (code, stdout, stderr, crash) = child.result(PATIENCE_S)
    assert crash == "", crash
    assert "Traceback" not in stdout + stderr
    assert str(table.parent) not in stdout + stderr
    return code, {} if code == 1 else json.loads(stdout.splitlines()[-1]), stderr


def extract(table: Path, *, before: Any = None) -> Extracted:
    code, report, stderr = call("extract", table, before=before)
    failed = {one["id"]: one["reason"] for one in report.get("failed", [])}
    store = table.parent / "feats.zarr"
    stored = frozenset(hilbert.open_store(store).documents()) if code != 1 else frozenset()
    return Extracted(code, report, stderr, failed, stored)


def write_table(path: Path, rows: list[Mapping[str, str]]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


LONG = "Something is said. " * 5_264

DOCUMENTS: list[tuple[str, Mapping[str, str], str | None]] = [
    ("../up", {"audio": "sound.wav"}, None),
    ("/etc/passwd", {"audio": "sound.wav"}, None),
    ("a/b/../../../c", {"text": "Something is said."}, None),
    ("名前 with spaces", {"audio": "sound.wav"}, None),
    ("x" * 5_000, {"audio": "sound.wav"}, None),
    ("path up", {"audio": "../none/sound.wav"}, "the audio file sound.wav is missing"),
    ("absolute", {"audio": "/nowhere/at/all.wav"}, "the audio file all.wav is missing"),
    ("text of 100000", {"text": LONG}, None),
    ("text of dots", {"text": "... --- ..."}, "holds no words"),
    ("text of html", {"text": "<b>Well</b> <script>alert(1)</script>"}, None),
    ("start behind", {"audio": "sound.wav", "start": "60"}, "leave nothing of its audio"),
    ("all excluded", {"audio": "sound.wav", "exclude": "0-60"}, "leave nothing of its audio"),
    ("offset behind", {"audio": "sound.wav", "transcript": "t/sound.vtt",
     "transcript_offset": "3600"}, "the transcript's times lie outside the audio"),
    ("transcript absent", {"audio": "sound.wav", "transcript": "t/none.vtt"},
     "the transcript file none.vtt is missing"),
    ("transcript folder", {"audio": "sound.wav", "transcript": "t"},
     "the transcript t is a directory"),
    ("audio as transcript", {"transcript": "sound.wav"},
     "the transcript sound.wav is an audio file"),
    ("address", {"audio": "https://example.org/a.wav"}, "is an address of the network"),
    ("home", {"audio": "~/a.wav"}, "~ does not stand for the home folder"),
]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of a corpus of everything."""
    folder = tmp_path_factory.mktemp("bad input 悪い")
    rows = [bad_audio.as_row(bad, folder) for bad in AUDIO]
    sound(tone(12.0))(folder / "twelve.wav")
    (folder / "t").mkdir()
    for bad in TRANSCRIPTS:
        (folder / "t" / bad.name).write_bytes(bad.content)
        rows.append({"id": f"transcript {bad.name}", "audio": "twelve.wav",
                     "transcript": f"t/{bad.name}"})  # fmt: skip
    rows += [{"id": name, **columns} for name, columns, _ in DOCUMENTS]
    return write_table(folder / "corpus.csv", rows)


@pytest.fixture(scope="module")
def extracted(corpus: Path) -> Extracted:
    return extract(corpus)


EXPECTED = [
    *((f"audio {bad.name}", bad.said) for bad in AUDIO),
    *((f"transcript {bad.name}", bad.said) for bad in TRANSCRIPTS),
    *((name, said) for name, _, said in DOCUMENTS),
]


@pytest.mark.parametrize(("name", "said"), EXPECTED, ids=[name[:40] for name, _ in EXPECTED])
def test_each_document_is_done_or_says_why_not(
    extracted: Extracted, name: str, said: str | None
) -> None:
    reason = extracted.failed.get(name)
    if said is None:
        assert reason is None
        assert name in extracted.stored
        return
    assert reason is not None, "it was done"
    assert said in reason
    assert ";" in reason, "what to do is missing"
    assert "/" not in reason.replace("and/or", "")


def test_the_rest_is_done(extracted: Extracted) -> None:
    assert extracted.code == 3
    bad = {name for name, said in EXPECTED if said is not None}
    assert set(extracted.failed) == bad
    assert extracted.report["documents"] == len(EXPECTED)
    assert len(bad) >= 40


def test_no_text_is_told(extracted: Extracted) -> None:
    for word in ("Something", "alert", "schön"):
        assert word not in json.dumps(extracted.failed, ensure_ascii=False)


def test_a_check_foretells_what_fails(corpus: Path, extracted: Extracted) -> None:
    """With the words that extract says."""
    code, report, _ = call("check", corpus)
    assert code == 3
    assert set(report["will_fail"]) == set(extracted.failed)
    for problem in report["problems"]:
        if problem["kind"] == "fails" and problem["severity"] == "error":
            said = f"{problem['what']}; {problem['mend']}"
            assert said == extracted.failed[problem["document"]]


def test_nothing_is_written_beside_the_store(extracted: Extracted, tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    sound()(folder / "a.wav")
    rows = [{"id": name, "audio": "a.wav"} for name in ("../../up", "/up", "..", "a/../../b")]
    assert extract(write_table(folder / "corpus.csv", rows)).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inner"]
    assert sorted(p.name for p in folder.iterdir()) == [
        "a.wav",
        "cache",
        "corpus.csv",
        "feats.zarr",
    ]


TABLES = [
    ("duplicate ids.csv", b"id,text\na,One.\nb,Two.\na,Three.\n",
     "row 4, column id: 'a' is already the id of row 2"),
    ("no id.csv", b"name,text\na,One.\n", "has no column id; it has: name, text"),
    ("no input.csv", b"id,mood\na,low\n", "none of the columns audio, transcript and text"),
    ("semicolons.csv", b"id;text\na;One.\n", "are the cells parted by commas?"),
    ("column twice.csv", b"id,text,text\na,One.,Two.\n", "the column 'text' stands twice"),
    ("empty.csv", b"", "has no rows"),
    ("header alone.csv", b"id,text\n", "has no rows"),
    ("empty id.csv", b"id,text\n,One.\n", "row 2, column id: is empty"),
    ("line break in id.csv", b'id,text\n"a\nb",One.\n', "holds a line break"),
    ("nothing in a row.csv", b"id,audio,text\na,,\n", "neither audio nor transcript nor text"),
    ("both.csv", b"id,transcript,text\na,a.vtt,One.\n", "a transcript file and a text; keep one"),
    ("ragged.csv", b"id,text\na,One.,Two.\n", "the row has 3 cells, the header 2"),
    ("open quote.csv", b'id,text\na,"One.\n', "unexpected end of data"),
    ("latin-1.csv", "id,text\na,schön\n".encode("latin1"), "is not UTF-8"),
    ("utf-16.csv", "id,text\na,One.\n".encode("utf-16"), "iconv -f utf-16"),
    ("start.csv", b"id,text,start\na,One.,soon\n", "column start: 'soon' is not a number"),
    ("end.csv", b"id,text,start,end\na,One.,5,4\n", "column end: 4.0 s is not after the start"),
    ("nan.csv", b"id,text,end\na,One.,nan\n", "column end: 'nan' is not a number of seconds"),
    ("exclude.csv", b"id,text,exclude\na,One.,9-3\n", "is not of the form 12.5-20; 31-40"),
    ("broken.jsonl", b'{"id": "a"', "row 1: not JSON"),
    ("broken.parquet", b"PAR1" + bytes(20), "cannot be read as Parquet"),
    ("table.xlsx", b"PK\x03\x04", "is not a .csv, .tsv, .jsonl or .parquet file"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "said"), TABLES, ids=[name for name, _, _ in TABLES])
def test_a_broken_table_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    found = extract(tmp_path / name)
    assert found.code == 1
    (line,) = found.stderr.strip().splitlines()
    assert line.startswith(f"Error: {name}")
    assert said in line
    assert not (tmp_path / "feats.zarr").exists()


def become_nobody(sound: Path) -> None:
    """As root, every file can be read; modules are imported before, as nobody may not be let to."""
    if os.geteuid() != 0:
        return
    assert outcome("extract", sound, sound.parent / "first.zarr")[0] == 3
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def test_files_that_may_not_be_read() -> None:
    with tempfile.TemporaryDirectory() as name:  # where nobody may come, unlike pytest's folders
        folder = Path(name)
        for wave in ("a.wav", "closed.wav"):
            sound()(folder / wave)
        (folder / "closed.vtt").write_bytes(vtt(bad_transcripts.GOOD))
        (folder / "closed").mkdir()
        sound()(folder / "closed" / "b.wav")
        rows = [
            {"id": "open", "audio": "a.wav"},
            {"id": "audio", "audio": "closed.wav"},
            {"id": "transcript", "audio": "a.wav", "transcript": "closed.vtt"},
            {"id": "folder", "audio": "closed/b.wav"},
        ]
        table = write_table(folder / "corpus.csv", rows)
        first = write_table(folder / "first.csv", [rows[0], {"id": "absent", "audio": "none.wav"}])
        for path in (folder / "closed.wav", folder / "closed.vtt", folder / "closed"):
            path.chmod(0)
        if os.geteuid() == 0:
            for path in [folder, *folder.iterdir()]:
                os.chown(path, NOBODY, NOBODY)
        found = extract(table, before=functools.partial(become_nobody, first))
        (folder / "closed").chmod(stat.S_IRWXU)
    assert found.code == 3
    assert sorted(found.failed) == ["audio", "folder", "transcript"]
    for reason in found.failed.values():
        assert "Permission denied" in reason
        assert "; mend its permissions" in reason
