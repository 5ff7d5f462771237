"""A small corpus of generated recordings, and the command line run on it."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from click.testing import CliRunner, Result

import hilbert
from hilbert.pipeline.cli import main
from hilbert.store.formats import format_at

SENTENCES = [
    "We walked along the river until dark.",
    "Nobody told me that the office had moved.",
    "It took three weeks to hear back from them.",
    "I would rather have stayed at home.",
]


def write_recording(path: Path, seconds: float, seed: int) -> None:
    """A tone that wanders, so that no two seconds of it are alike."""
    rng = np.random.default_rng(seed)
    n = int(16_000 * seconds)
    frequency = 200 + 60 * np.cumsum(rng.normal(size=n)) / np.sqrt(n)
    wave = 0.3 * np.sin(2 * np.pi * np.cumsum(frequency) / 16_000) + 0.01 * rng.normal(size=n)
    soundfile.write(path, wave.astype(np.float32), 16_000)


def write_transcript(path: Path, texts: list[str], *, shift_s: float = 0.0) -> None:
    """WebVTT with one cue of two and a half seconds a text, two speakers in turn."""
    lines = ["WEBVTT", ""]
    for i, text in enumerate(texts):
        start, end = 3.0 * i + shift_s, 3.0 * i + 2.5 + shift_s
        lines += [f"00:00:{start:06.3f} --> 00:00:{end:06.3f}", f"<v {'AB'[i % 2]}>{text}", ""]
    path.write_text("\n".join(lines), encoding="utf-8")


@dataclass(frozen=True)
class Project:
    """A folder with a corpus, and the command line run in it."""

    folder: Path
    whisper: Path
    bert: Path

    def write_table(self, rows: list[dict[str, Any]]) -> None:
        table = self.folder / "corpus.jsonl"
        table.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "corpus.jsonl").open()]

    def arguments(self, *more: str) -> list[str]:
        return [
            "extract", str(self.folder / "corpus.jsonl"), "--store", str(self.store),
            "--encoder", str(self.whisper), "--encoder", str(self.bert), "--device", "cpu", *more,
        ]  # fmt: skip

    @property
    def store(self) -> Path:
        return self.folder / "feats.zarr"

    def extract(self, *more: str, expect: int = 0) -> dict[str, Any]:
        """Run `hilbert extract --json` and return its object."""
        result = run(*self.arguments("--json", *more))
        assert result.exit_code == expect, result.output
        found: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
        return found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def stored_features(store: Path) -> dict[tuple[str, str], np.ndarray]:
    """Everything a store holds, by document and encoder."""
    opened = hilbert.open_store(store)
    return {
        (row.id, name): opened.read(row.id, name).x
        for row in opened.manifest().rows
        for name in row.feature_keys
    }


def wait_for_features(store: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the first features are committed."""
    deadline = time.monotonic() + 120
    while n_feature_packs(store) == 0:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)


def n_feature_packs(store: Path) -> int:
    if format_at(store) is None:
        return 0
    index = hilbert.open_store(store).index
    return sum(commit.kind == "features" for commit in index.commits.values())
