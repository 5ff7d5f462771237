"""`hilbert extract`: what is encoded, what is not again, what a bad document costs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import hilbert
from hilbert.pipeline import encode
from hilbert.store.feature_store import FeatureStore
from support.project import (
    SENTENCES,
    Project,
    n_feature_packs,
    run,
    stored_features,
    wait_for_features,
    write_recording,
)

Counted = Callable[[], dict[str, list[str]]]


def test_the_first_call_encodes_all_and_the_second_nothing(
    project: Project, counted: Counted
) -> None:
    first = project.extract()
    assert first["documents"] == 4
    assert first["encoded"] == {"tiny-whisper": 3, "tiny-bert": 3}
    assert (first["skipped"], first["failed"]) == (0, [])
    assert first["audio_seconds"] == pytest.approx(10 + 10 + 12, abs=0.1)
    counted()
    before = stored_features(project.store)
    second = project.extract()
    assert second["encoded"] == {"tiny-whisper": 0, "tiny-bert": 0}
    assert second["skipped"] == 4
    assert counted() == {}
    assert second["generation"] == first["generation"]
    assert stored_features(project.store).keys() == before.keys()


def test_a_document_reads_back_with_its_segments(project: Project) -> None:
    project.extract()
    store = hilbert.open_store(project.store)
    assert store.documents() == ("audio", "both1", "both2", "text")
    x, times = store.read("both1", "tiny-whisper")
    assert x.dtype == np.float16
    assert x.shape == (4, store.encoders()["tiny-whisper"].dim)
    np.testing.assert_allclose(times, [[0, 2.5], [3, 5.5], [6, 8.5], [9, 11.5]])
    assert [s.speaker for s in store.segments("both1")] == ["A", "B", "A", "B"] * 2
    assert np.isnan(store.read("text", "tiny-bert").times).all()
    windows = [s for s in store.segments("audio") if s.modality == "audio"]
    assert [s.speaker for s in windows] == [None] * len(windows)
    assert windows[-1].end_s == pytest.approx(12.0, abs=0.01)


def relabel(project: Project) -> None:
    project.write_table([{**row, "mood": "other"} for row in project.rows()])


def test_a_relabelled_corpus_is_a_new_generation(project: Project) -> None:
    assert project.extract()["generation"] == 1
    relabel(project)
    assert project.extract()["generation"] == 2
    rows = hilbert.open_store(project.store).manifest().rows
    assert {row.columns["mood"] for row in rows} == {"other"}


def test_documents_gone_from_the_corpus_stay_until_pruned(project: Project) -> None:
    project.extract()
    project.write_table(project.rows()[1:])
    assert project.extract()["kept"] == 1
    assert "both1" in hilbert.open_store(project.store).documents()
    project.extract("--prune")
    assert "both1" not in hilbert.open_store(project.store).documents()


def test_one_encoder_at_a_time_gives_the_same_store(project: Project, tmp_path: Path) -> None:
    table = str(project.folder / "corpus.jsonl")
    for encoder, flag in ((project.whisper, "--no-text"), (project.bert, "--no-audio")):
        done = run("extract", table, "--store", str(project.store), "--encoder", str(encoder), flag)
        assert done.exit_code == 0, done.output
    apart = stored_features(project.store)
    together = Project(project.folder, project.whisper, project.bert)
    other = tmp_path / "other.zarr"
    done = run(*[a if a != str(project.store) else str(other) for a in together.arguments()])
    assert done.exit_code == 0, done.output
    both = stored_features(other)
    assert apart.keys() == both.keys()
    for name, x in apart.items():
        np.testing.assert_allclose(x, both[name], atol=1e-3)


def test_equal_documents_are_encoded_once(project: Project, counted: Counted) -> None:
    twin = {"id": "twin", "audio": "audio.wav", "mood": "low"}
    project.write_table([*project.rows(), twin])
    assert project.extract()["encoded"]["tiny-whisper"] == 4
    assert len(counted()["audio"]) == 3
    found = stored_features(project.store)
    np.testing.assert_array_equal(found["twin", "tiny-whisper"], found["audio", "tiny-whisper"])


class TestBadDocuments:
    def spoil(self, project: Project) -> None:
        folder = project.folder
        write_recording(folder / "cut.wav", 6.0, seed=3)
        whole = (folder / "cut.wav").read_bytes()
        (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
        (folder / "empty.wav").touch()
        soundfile.write(folder / "silent.wav", np.zeros(32_000), 16_000)
        nan = np.full(32_000, 0.1, np.float32)
        nan[20_000] = np.nan
        soundfile.write(folder / "nan.wav", nan, 16_000, subtype="FLOAT")
        (folder / "latin1.vtt").write_bytes(
            "WEBVTT\n\n00:00.000 --> 00:02.000\ncaf\xe9".encode("latin1")
        )
        bad = [
            {"id": name, "audio": f"{name}.wav"}
            for name in ("cut", "empty", "silent", "nan", "absent")
        ]
        bad.append({"id": "latin1", "transcript": "latin1.vtt"})
        project.write_table([*project.rows(), *bad])

    def test_each_is_named_with_a_reason_and_the_others_are_done(self, project: Project) -> None:
        self.spoil(project)
        report = project.extract(expect=3)
        reasons = {f["id"]: f["reason"] for f in report["failed"]}
        assert sorted(reasons) == ["absent", "cut", "empty", "latin1", "nan", "silent"]
        for name, word in (
            ("absent", "is missing"),
            ("empty", "empty"),
            ("nan", "NaN"),
            ("latin1", "UTF-8"),
            ("cut", "copy"),
            ("silent", "silen"),
        ):
            assert word in reasons[name], reasons[name]
        assert not any(str(project.folder) in reason for reason in reasons.values())
        assert report["encoded"] == {"tiny-whisper": 3, "tiny-bert": 3}
        stored = {name for name, _ in stored_features(project.store)}
        assert stored == {"both1", "both2", "audio", "text"}

    def test_the_next_call_tries_just_those(self, project: Project, counted: Counted) -> None:
        self.spoil(project)
        project.extract(expect=3)
        counted()
        write_recording(project.folder / "cut.wav", 6.0, seed=3)
        report = project.extract(expect=3)
        assert "cut" not in {f["id"] for f in report["failed"]}
        assert set(counted().get("audio", [])) <= {"cut", "nan", "silent"}
        assert ("cut", "tiny-whisper") in stored_features(project.store)

    def test_a_file_gone_missing_loses_nothing(self, project: Project) -> None:
        project.extract()
        before = stored_features(project.store)
        (project.folder / "both1.wav").unlink()
        assert [f["id"] for f in project.extract(expect=3)["failed"]] == ["both1"]
        assert stored_features(project.store).keys() == before.keys()


def test_short_documents_are_done(project: Project) -> None:
    write_recording(project.folder / "short.wav", 2.0, seed=5)
    write_recording(project.folder / "blink.wav", 0.05, seed=6)
    project.write_table([{"id": n, "audio": f"{n}.wav", "mood": "x"} for n in ("short", "blink")])
    assert project.extract()["failed"] == []
    assert all(len(x) == 1 for x in stored_features(project.store).values())


def test_no_text_and_no_path_of_the_machine_is_stored(project: Project) -> None:
    project.extract()
    words = [b"river", b"Nobody", b"three weeks", str(project.folder.parent).encode()]
    for path in project.store.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [word for word in words if word in data], path


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["extract", "nowhere.csv"], 1, "there is no corpus table nowhere.csv"),
        (["extract", "--encoder", "./nowhere"], 1, "corpus.csv"),
        (["extract", "--layer", "x"], 2, "--layer"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_call_that_cannot_work_says_why_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "feats.zarr").exists()


def test_an_encoder_that_is_not_there_writes_nothing(project: Project) -> None:
    result = run(*project.arguments("--encoder", "./nowhere"))
    assert result.exit_code == 1
    assert "nowhere" in result.stderr
    assert not project.store.exists()


def test_an_up_to_date_store_loads_no_model(project: Project) -> None:
    project.extract()
    code = (
        "import sys; from hilbert.pipeline.cli import main; sys.argv[0] = 'hilbert';"
        "\ntry: main()\nfinally: print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *project.arguments()], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.3])
def test_a_killed_extraction_resumes(project: Project, tmp_path: Path, delay_s: float) -> None:
    # no two texts are equal, or documents would share features and packs not count them
    texts = [f"{SENTENCES[i % 4]} Number {i}." for i in range(12)]
    rows = [{"id": f"d{i}", "audio": f"d{i}.wav", "text": text} for i, text in enumerate(texts)]
    for i in range(12):
        write_recording(project.folder / f"d{i}.wav", 25.0, seed=i)
    project.write_table(rows)
    killed = subprocess.Popen(
        [sys.executable, "-m", "hilbert", *project.arguments("--commit-every-s", "0")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for_features(project.store, killed)
    time.sleep(delay_s)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    survived = n_feature_packs(project.store)
    resumed = project.extract()
    assert survived >= 1
    assert sum(resumed["encoded"].values()) == 24 - survived
    undisturbed = tmp_path / "undisturbed.zarr"
    run(*[a if a != str(project.store) else str(undisturbed) for a in project.arguments()])
    left, right = stored_features(project.store), stored_features(undisturbed)
    assert left.keys() == right.keys()
    for name, x in left.items():
        np.testing.assert_allclose(x, right[name], atol=1e-3)


class TestAfterDamage:
    @pytest.mark.parametrize("kind", ["features", "segments"])
    def test_a_lost_pack_is_made_again(self, project: Project, kind: str) -> None:
        project.extract()
        before = stored_features(project.store)
        for commit in hilbert.open_store(project.store).index.commits.values():
            if commit.kind == kind:
                shutil.rmtree(project.store / "packs" / commit.pack)
        report = project.extract()
        assert report["damaged"] > 0
        after = stored_features(project.store)
        assert after.keys() == before.keys()
        for name, x in before.items():
            np.testing.assert_allclose(after[name], x, atol=1e-3)

    def test_a_damaged_manifest_is_told_before_any_work(
        self, project: Project, counted: Counted
    ) -> None:
        project.extract()
        counted()
        manifest = project.store / "manifests/00000001/zarr.json"
        manifest.write_bytes(manifest.read_bytes().replace(b"both1", b"bothX"))
        result = run(*project.arguments("--pooling", "mean"))
        assert result.exit_code == 1
        assert "hilbert store repair" in result.stderr
        assert counted() == {}
        manifest.unlink()
        assert project.extract()["encoded"] == {"tiny-whisper": 0, "tiny-bert": 0}

    @pytest.mark.parametrize("content", [b"", b"garbage", None])
    def test_a_damaged_root_is_read_from_its_copy_and_mended(
        self, project: Project, counted: Counted, content: bytes | None
    ) -> None:
        project.extract()
        counted()
        root = project.store / "zarr.json"
        before = root.read_bytes()
        root.write_bytes(
            before.replace(b'"salt": "', b'"salt": "0') if content is None else content
        )
        project.extract()
        assert counted() == {}
        assert run("store", "verify", str(project.store)).exit_code == 1
        assert run("store", "repair", str(project.store)).exit_code == 0
        assert root.read_bytes() == before


def test_features_of_a_file_that_was_replaced_by_a_broken_one_are_not_kept(
    project: Project,
) -> None:
    project.extract()
    (project.folder / "both1.vtt").write_bytes(b"WEBVTT\n\n00:00.000 --> 00:02.000\ncaf\xe9")
    assert [f["id"] for f in project.extract(expect=3)["failed"]] == ["both1"]
    assert "both1" not in {name for name, _ in stored_features(project.store)}


def test_recordings_on_another_machine_do_not_hinder_their_texts(project: Project) -> None:
    for name in ("both1", "both2", "audio"):
        (project.folder / f"{name}.wav").unlink()
    arguments = ["extract", str(project.folder / "corpus.jsonl"), "--store", str(project.store),
                 "--encoder", str(project.bert), "--no-audio", "--json"]  # fmt: skip
    found = run(*arguments)
    assert found.exit_code == 3, found.output
    report = json.loads(found.stdout.splitlines()[-1])
    assert report["encoded"] == {"tiny-bert": 3}
    assert [failed["id"] for failed in report["failed"]] == ["audio"]  # it has nothing else


def test_a_pipe_is_not_waited_for(project: Project) -> None:
    os.mkfifo(project.folder / "pipe.wav")
    project.write_table([{"id": "pipe", "audio": "pipe.wav"}])
    assert "not a regular file" in project.extract(expect=3)["failed"][0]["reason"]


def test_a_folder_whose_name_is_no_text(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hilbert.store.file_digests.SETTLED_NS", 0)
    strange = Path(os.fsdecode(os.fsencode(project.folder) + b"-\xe9"))
    project.folder.rename(strange)
    project.folder.mkdir()
    result = run("extract", str(strange / "corpus.jsonl"), "--store", str(project.store),
                 "--encoder", str(project.whisper), "--encoder", str(project.bert))  # fmt: skip
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--pooling", "mean", "--no-text"], "add --encoder whisper"),
        (["--commit-every-s", "nan"], "--commit-every-s"),
    ],
)
def test_flags_that_would_do_nothing_are_refused(
    project: Project, flags: list[str], said: str
) -> None:
    result = run("extract", str(project.folder / "corpus.jsonl"), "--store", str(project.store),
                 *flags)  # fmt: skip
    assert result.exit_code == 1
    assert said in result.stderr
    assert not project.store.exists()


def test_segments_that_are_collected_before_their_texts_are_read_fail_their_document(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by `gc --older-than-h 0` beside an extraction that found them in the store."""
    project.extract()
    load = encode.load_encoder

    def forget_and_load(*arguments: Any, **more: Any) -> Any:
        monkeypatch.setattr(FeatureStore, "summary", lambda *_: None)
        return load(*arguments, **more)

    other = project.arguments("--json", "--pooling", "mean")
    with monkeypatch.context() as patched:
        patched.setattr(encode, "load_encoder", forget_and_load)
        done = run(*other)
    assert done.exit_code == 3, done.output
    assert "deleted meanwhile" in done.stdout
