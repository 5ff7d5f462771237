"""Frame-level features and several layers through the whole path: extract, read, fit, predict."""

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import hilbert
from support import tiny_models
from support.project import SENTENCES, Project, run, write_recording

QUICK = ("--folds", "2", "--repeats", "1", "--epochs", "1", "--min-steps", "2",
         "--seeds-averaged", "1", "--workers", "1", "--device", "cpu")  # fmt: skip
FRAMES = ("--pooling", "frames", "--layer", "0..1,3")


@pytest.fixture
def framed(project: Project) -> Project:
    """Twelve documents, the audio under a tiny HuBERT, nothing extracted yet."""
    hubert = tiny_models.save_waveform_model(project.folder.parent / "tiny-hubert", "hubert")
    rows = []
    for i in range(12):
        write_recording(project.folder / f"d{i}.wav", 4.0, seed=i)
        rows.append({"id": f"d{i}", "audio": f"d{i}.wav", "text": SENTENCES[i % 4],
                     "mood": ("low", "high")[i % 2]})  # fmt: skip
    project.write_table(rows)
    return Project(project.folder, hubert, project.bert)


def test_every_frame_is_a_row_from_extract_to_predict(framed: Project) -> None:
    found = framed.extract(*FRAMES)
    assert found["encoded"] == {"tiny-hubert": 12, "tiny-bert": 12}
    assert framed.extract(*FRAMES)["encoded"] == {"tiny-hubert": 0, "tiny-bert": 0}

    store = hilbert.open_store(framed.store)
    x, times = store.read("d3", "tiny-hubert")
    assert x.shape == (199, 32)  # four seconds at 50 frames a second, less the window's edge
    np.testing.assert_allclose(times[:, 0], np.arange(199) * 0.02, atol=1e-9)
    np.testing.assert_allclose(times[:, 1], np.arange(1, 200) * 0.02, atol=1e-9)
    tokens = store.read("d0", "tiny-bert")
    assert len(tokens.x) > 3
    assert np.isnan(tokens.times).all()
    assert len(store.segments("d3")) == 2

    out = framed.folder / "out.h5"
    done = run("store", "export", str(framed.store), "--out", str(out))
    assert done.exit_code == 0, done.output
    with h5py.File(out) as file:
        np.testing.assert_allclose(file["encoders/tiny-hubert/times"][:199, 0], times[:, 0])

    fitted = run("fit", "--store", str(framed.store), "--run-dir", str(framed.folder / "run"),
                 *QUICK)  # fmt: skip
    assert fitted.exit_code == 0, fitted.output
    predicted = framed.folder / "p.csv"
    corpus, folders = str(framed.folder / "corpus.jsonl"), (str(framed.whisper), str(framed.bert))
    located = [part for folder in folders for part in ("--encoder", folder)]
    done = run("predict", str(framed.folder / "run"), corpus, "--out", str(predicted), *located)
    assert done.exit_code == 0, done.output
    with predicted.open(newline="") as file_of_rows:
        assert len(list(csv.DictReader(file_of_rows))) == 12
    again = hilbert.open_store(framed.folder / "p.csv.feats.zarr")
    np.testing.assert_allclose(again.read("d3", "tiny-hubert").x, x, atol=2e-3)


def test_streams_whose_rows_do_not_match_are_refused_by_name(
    framed: Project, tiny_whisper: Path
) -> None:
    framed.extract(*FRAMES)
    Project(framed.folder, tiny_whisper, framed.bert).extract()
    done = run("fit", "--store", str(framed.store), "--run-dir", str(framed.folder / "r"), *QUICK)
    assert done.exit_code == 1
    assert "tiny-hubert 199" in done.stderr
    assert "--encoder tiny-hubert" in done.stderr


def test_a_project_file_names_layers_and_pooling(
    framed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(framed.folder)
    (framed.folder / "hilbert.toml").write_text(
        "corpus = 'corpus.jsonl'\n"
        f"[[encoders]]\nname = {json.dumps(str(framed.whisper))}\n"
        "layer = '1..-1'\npooling = 'max'\n"
        f"[[encoders]]\nname = {json.dumps(str(framed.bert))}\nlayer = '0,2'\n"
    )
    done = run("extract", "--json", "--compile", "--device", "cpu")
    assert done.exit_code == 0, done.output
    encoders = hilbert.open_store(framed.store).encoders()
    hubert, bert = encoders["tiny-hubert"], encoders["tiny-bert"]
    assert (hubert.options["layer"], hubert.options["pooling"], hubert.dim) == ("1..3", "max", 16)
    assert (bert.options["layer"], bert.options["pooling"], bert.dim) == ("0,2", "mean+std", 64)
    again = run("extract", "--json", "--device", "cpu")
    assert json.loads(again.stdout.splitlines()[-1])["encoded"] == {
        "tiny-hubert": 0, "tiny-bert": 0,
    }  # fmt: skip
