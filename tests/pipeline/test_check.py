"""`hilbert check`: what is planted in a corpus is told, of whom, and what to do about it."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from hilbert.pipeline.check_estimate import estimate, measure_gflops
from hilbert.store.types import Span
from support.project import run
from support.speech import babble, regular_turns

RATE = 16_000


def write_vtt(path: Path, turns: list[Span], shift_s: float = 0.0) -> None:
    lines = ["WEBVTT", ""]
    for i, turn in enumerate(turns):
        start, end = (divmod(time + shift_s, 60) for time in turn)
        lines += [f"{int(start[0]):02d}:{start[1]:06.3f} --> {int(end[0]):02d}:{end[1]:06.3f}",
                  f"<v {'AB'[i % 2]}>secret words of {path.stem}, turn {i}", ""]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")


class Place:
    """A folder with a corpus of sound documents, to which others are added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[dict[str, Any]] = []
        self.turns = regular_turns(8)
        self.duration_s = self.turns[-1].end_s + 1.0
        for i in range(12):
            self.add(f"d{i:02d}", seed=i, mood=("low", "high")[i % 2])

    def add(self, name: str, *, seed: int = 99, shift_s: float = 0.0, **columns: Any) -> None:
        """A document whose recording and transcript are its own."""
        wave = babble(self.turns, self.duration_s, seed=seed)
        soundfile.write(self.folder / f"{name}.wav", wave, RATE)
        write_vtt(self.folder / f"{name}.vtt", self.turns, shift_s)
        row = {"id": name, "audio": f"{name}.wav", "transcript": f"{name}.vtt", "mood": "low"}
        self.rows.append({**row, **columns})

    @property
    def table(self) -> Path:
        path = self.folder / "corpus.jsonl"
        path.write_text("\n".join(map(json.dumps, self.rows)), encoding="utf-8")
        return path

    def check(self, *flags: str, expect: int = 0) -> dict[str, Any]:
        result = run("check", str(self.table), "--json", *flags)
        assert result.exit_code == expect, result.output
        found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
        for secret in ("secret", str(self.folder)):
            assert secret not in result.output
        return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "corpus"
    folder.mkdir()
    return Place(folder)


def told(report: dict[str, Any]) -> list[tuple[str | None, str, str]]:
    return [(p["document"], p["severity"], p["kind"]) for p in report["problems"]]


@pytest.mark.parametrize("flags", [(), ("--quick",), ("--threads", "1")])
def test_of_a_sound_corpus_nothing_is_told(place: Place, flags: tuple[str, ...]) -> None:
    report = place.check(*flags)
    assert report["problems"] == report["will_fail"] == []
    assert report["documents"] == 12
    assert report["recorded_seconds"] == pytest.approx(12 * place.duration_s, abs=0.1)
    spoken = sum(turn.duration_s for turn in place.turns)
    assert report["speech_seconds"] == pytest.approx(12 * spoken, rel=0.01)
    assert report["sampling_rates"] == {"16000": 12}
    assert report["labels"]["mood"]["classes"] == {
        "high": {"documents": 6, "groups": 6}, "low": {"documents": 6, "groups": 6}
    }  # fmt: skip
    assert not list(Path().glob("feats*"))


@pytest.mark.parametrize("shift", [3.0, -3.0])
@pytest.mark.parametrize("how", ["file", "column"])
def test_a_transcript_out_of_step(place: Place, shift: float, how: str) -> None:
    place.turns = [Span(*(time + 4.0 for time in turn)) for turn in place.turns]
    place.duration_s += 4.0
    if how == "file":
        place.add("late", shift_s=shift)
    else:
        place.add("late", transcript_offset=shift)
    report = place.check()
    also = [("late", "warning", "longer than audio")] if shift > 0 else []
    assert told(report) == [("late", "warning", "out of step"), *also]
    proposed = float(report["problems"][0]["mend"].split()[1])
    assert proposed == pytest.approx(-shift if how == "file" else 0.0, abs=0.15)
    place.rows[-1]["transcript_offset"] = proposed
    assert place.check()["problems"] == []


@pytest.mark.parametrize("name", ["who.rttm", "who.csv"])
def test_times_of_who_speaks_are_judged_like_others(place: Place, name: str) -> None:
    ends = [(0.0, 9.0), (2.0, place.duration_s + 20)]
    lines = ["start,end,speaker", *(f"{start},{end},Ann" for start, end in ends)]
    if name.endswith("rttm"):
        lines = [f"SPEAKER late 1 {s} {e - s} <NA> <NA> Ann <NA> <NA>" for s, e in ends]
    (place.folder / name).write_text("\n".join(lines))
    place.add("late", transcript=name)
    kinds = {p["kind"] for p in place.check("--quick")["problems"] if p["document"] == "late"}
    assert kinds == {"longer than audio", "overlapping turns"}


def test_a_reserved_name_in_another_case(place: Place) -> None:
    place.rows[0]["Start"] = "1"
    (what,) = [p["what"] for p in place.check("--quick")["problems"] if p["kind"] == "column"]
    assert "did you mean start" in what


def test_what_transcripts_were_taken_for_is_told(place: Place) -> None:
    (place.folder / "who.csv").write_text("start,end,speaker\n0,9,Ann\n9,12,B\n")
    (place.folder / "plain.txt").write_text("We walked along the river.")
    for name in ("who.csv", "plain.txt"):
        place.add(name, transcript=name)
    report = place.check("--quick")
    assert report["transcripts"] == {"webvtt": 12, "csv": 1, "plain": 1}
    assert report["speakers"] == {"A": 12, "B": 13, "Ann": 1}
    line = "Transcripts: webvtt 12, csv 1 (1 without words), plain 1 (1 without times);"
    said = run("check", str(place.table), "--quick").output
    assert f"{line} speakers: B 13, A 12, Ann 1." in said


def test_speakers_that_are_not_known_are_counted(place: Place) -> None:
    path = place.folder / "d00.vtt"
    text = path.read_text(encoding="utf-8")
    text = text.replace("<v A>", "Ann: ").replace("<v B>", "Bob: ").replace("Bob: ", "bob? : ", 1)
    path.write_text(text, encoding="utf-8")
    (problem,) = place.check()["problems"]
    assert (problem["kind"], problem["document"]) == ("unknown speakers", "d00")


def test_turns_are_read_in_the_format_that_is_forced(place: Place) -> None:
    """Read as prose there are no times; read as a table they lie behind the audio."""
    path = place.folder / "d00.vtt"
    rows = [f"{t}\t{t + 2}\tA\tWords of turn {t}." for t in range(900, 930, 3)]
    path.write_text("\n".join(["start\tend\tspeaker\ttext", *rows]))
    at = ("d00", "warning", "longer than audio")
    assert at not in told(place.check("--quick", "--transcript-format", "plain"))
    found = place.check("--quick", "--transcript-format", "csv", expect=3)
    assert at in told(found)


def test_documents_that_will_fail(place: Place) -> None:
    place.add("gone")
    (place.folder / "gone.wav").unlink()
    place.add("cut")
    data = (place.folder / "cut.wav").read_bytes()
    (place.folder / "cut.wav").write_bytes(data[: len(data) // 2])
    place.add("silent")
    soundfile.write(place.folder / "silent.wav", np.zeros(RATE * 20), RATE)
    for flags, fail in (((), ["gone", "cut", "silent"]), (("--quick",), ["gone", "cut"])):
        report = place.check(*flags, expect=3)
        assert report["will_fail"] == fail
        assert report["documents"] == 15
    text = run("check", str(place.table))
    assert text.exit_code == 3
    assert "3 errors" in text.stdout
    assert "the audio file gone.wav is missing; mend the corpus's audio column" in text.stdout
    assert "3 documents will fail; extract does the others" in text.stdout


def test_a_fault_behind_the_last_turn_is_no_error(place: Place) -> None:
    wave = babble(place.turns, place.duration_s + 30.0)
    wave[-RATE] = np.nan
    place.add("late")
    soundfile.write(place.folder / "late.wav", wave, RATE, subtype="FLOAT")
    assert told(place.check()) == [("late", "warning", "fails")]
    wave[RATE] = np.nan
    soundfile.write(place.folder / "late.wav", wave, RATE, subtype="FLOAT")
    assert told(place.check(expect=3)) == [("late", "error", "fails")]


class TestDuplicates:
    def twin(self, place: Place, **columns: Any) -> list[tuple[str | None, str, str]]:
        place.rows.append({**place.rows[0], "id": "twin", **columns})
        return told(place.check())

    def test_of_one_group(self, place: Place) -> None:
        place.rows[0]["group"] = "g"
        assert self.twin(place, group="g") == [("twin", "warning", "duplicate")]

    def test_of_another_group_is_a_leak(self, place: Place) -> None:
        assert self.twin(place) == [("twin", "warning", "leak")]
        assert told(place.check("--quick")) == [("twin", "warning", "leak")]

    def test_the_same_samples_in_another_format(self, place: Place) -> None:
        wave, rate = soundfile.read(place.folder / "d00.wav", dtype="int16")
        soundfile.write(place.folder / "twin.flac", wave, rate)
        assert self.twin(place, audio="twin.flac") == [("twin", "warning", "leak")]

    def test_stretches_of_one_recording_are_no_duplicates(self, place: Place) -> None:
        place.rows[0]["end"] = 10.0
        assert self.twin(place, start=10.0, end=None) == []
        place.rows[-1]["start"] = 9.0
        assert told(place.check()) == [("twin", "warning", "leak")]

    def test_a_transcript_twice(self, place: Place) -> None:
        place.rows[1]["transcript"] = "d00.vtt"
        (problem,) = place.check()["problems"]
        assert (problem["document"], problem["kind"]) == ("d01", "leak")
        assert problem["what"].startswith("it has the same transcript as d00")

    def test_short_texts_are_often_equal(self, place: Place) -> None:
        words = " ".join(f"word{i}" for i in range(30))
        for i, text in enumerate(["Yes.", "Yes.", words, words]):
            place.rows.append({"id": f"t{i}", "text": text, "mood": "low"})
        assert told(place.check()) == [("t3", "warning", "leak")]


def test_labels(place: Place) -> None:
    for i, row in enumerate(place.rows):
        row.update(group=f"g{i % 3}", one="same", number=i * 7, rare="x" if i else "y")
    place.rows += [{"id": f"t{i}", "text": f"Text {i}.", "number": 1000 + i} for i in range(12)]
    report = place.check()
    assert report["labels"]["mood"] == {
        "values": 2, "unlabelled": 12,
        "classes": {"high": {"documents": 6, "groups": 3}, "low": {"documents": 6, "groups": 3}},
    }  # fmt: skip
    said = [p["what"] for p in report["problems"]]
    assert sum("fewer than 5" in what for what in said) == 4  # of mood and of rare
    assert "column rare: class y has 1 group; with fewer than 5, some folds lack it" in said
    assert "column one: one value alone, nothing to predict" in said
    assert "column number: 24 different values, which are no classes" in said
    Path("hilbert.toml").write_text(f'corpus = "{place.table}"\ntargets = ["mood"]\n')
    only = json.loads(run("check", "--json").stdout.splitlines()[-1])
    assert {p["what"].split(":")[0] for p in only["problems"]} == {"column mood"}


def test_rates_that_differ(place: Place) -> None:
    place.add("phone")
    wave = babble(place.turns, place.duration_s, rate=8_000)
    soundfile.write(place.folder / "phone.wav", wave, 8_000)
    report = place.check()
    assert told(report) == [("phone", "note", "narrow band"), (None, "note", "sampling rate")]
    assert "16000 Hz 12, 8000 Hz 1" in report["problems"][1]["what"]


def test_many_of_a_kind_are_counted(place: Place) -> None:
    for row in place.rows:
        wave, _ = soundfile.read(place.folder / row["audio"])
        soundfile.write(place.folder / row["audio"], wave + 0.1, RATE)
    result = run("check", str(place.table))
    assert result.exit_code == 0
    assert "12 warnings:" in result.stdout
    assert result.stdout.count("lies off centre") == 8
    assert "4 more of the kind 'DC offset' (--json lists all)" in result.stdout
    assert len(place.check()["problems"]) == 12


def test_a_recording_is_decoded_once_for_all_its_documents(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilbert.pipeline import check

    decoded: list[str] = []
    measure = check.measure_signal

    def counting(path: Path) -> Any:
        decoded.append(path.name)
        return measure(path)

    monkeypatch.setattr(check, "measure_signal", counting)
    for i in range(4):
        place.rows.append({**place.rows[0], "id": f"part{i}", "start": 5.0 * i, "end": 5.0 * i + 5})
    place.check()
    assert sorted(decoded) == [f"d{i:02d}.wav" for i in range(12)]
    decoded.clear()
    place.check("--quick")
    assert decoded == []


def test_no_recordings_on_this_machine(place: Place) -> None:
    for row in place.rows:
        (place.folder / row["audio"]).unlink()
    assert len(place.check(expect=3)["will_fail"]) == 12
    Path("hilbert.toml").write_text(f'corpus = "{place.table}"\n[extract]\naudio = false\n')
    assert run("check").exit_code == 0


@pytest.mark.parametrize(
    ("content", "said"), [("id,text\na,b\na,c\n", "already the id"), ("id;text\n", "no column id")]
)
def test_a_broken_table(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "c.csv").write_text(content)
    result = run("check", str(tmp_path / "c.csv"))
    assert result.exit_code == 1
    assert said in result.stderr or "has no rows" in result.stderr
    assert result.stdout == ""


def test_estimates_grow_with_the_corpus(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measure_gflops(3) > 0
    # times of a busy machine are no times to compare
    monkeypatch.setattr("hilbert.pipeline.check_estimate.measure_gflops", lambda: 50.0)
    monkeypatch.setattr("hilbert.pipeline.check.estimate", lambda facts, _: estimate(facts, 10.0))
    assert estimate([], None).seconds == 0
    small = place.check()["estimate"]
    for i in range(12):
        place.add(f"more{i}", seed=50 + i)
    large = place.check()["estimate"]
    assert large["bytes"] == 2 * small["bytes"] > 24 * 1536 * 8
    assert 0 < small["seconds"] < large["seconds"]


def test_a_check_imports_no_model_library(place: Place) -> None:
    code = (
        "import sys; from hilbert.pipeline.cli import main; sys.argv[0] = 'hilbert';"
        "\ntry: main()\nfinally: "
        "print(sorted({'torch', 'transformers', 'zarr'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "check", str(place.table)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_real_corpora(test_data: Path, tmp_path: Path) -> None:
    """Of real speech that is sound nothing is told; of three documents, that classes are small."""
    folder = test_data / "speechocean762"
    with (folder / "corpus.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::12]
    for row in rows:
        row.update({name: str(folder / row[name]) for name in ("audio", "transcript")})
        row["proficiency"] = "any"
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    report = json.loads(run("check", str(tmp_path / "c.jsonl"), "--json").stdout.splitlines()[-1])
    assert [p["kind"] for p in report["problems"]] == ["labels"]
    osce = run("check", str(test_data / "osce-sample" / "corpus.csv"), "--json")
    report = json.loads(osce.stdout.splitlines()[-1])
    assert {p["kind"] for p in report["problems"]} == {"labels"}
    assert osce.exit_code == 0
