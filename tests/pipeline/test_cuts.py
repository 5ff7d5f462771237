"""Audio that was not cut alike is told of by a fit and by a prediction."""

import csv
import importlib.util
from pathlib import Path

import pytest

import hilbert
from hilbert.pipeline.cuts import cuts_of, describe_cuts, foreign_cuts
from hilbert.pipeline.run_directory import read_run
from support.project import Project, run

QUICK = ("--folds", "2", "--repeats", "1", "--epochs", "1", "--min-steps", "1", "--seeds-averaged",
         "1", "--device", "cpu", "--workers", "1")  # fmt: skip


def test_what_is_said() -> None:
    assert describe_cuts({"turns": 8}) == foreign_cuts({"turns": 1}, {"turns": 8}) == ()
    assert foreign_cuts({"speech": 1}, {"turns": 30, "speech": 2}) == ()
    assert len(foreign_cuts({"speech": 1}, {"turns": 30, "speech": 1})) == 1
    assert foreign_cuts({"speech": 1}, {}) == ()  # of texts alone
    assert foreign_cuts({"turns": 1}, None) == ()
    assert "earlier version" in "".join(foreign_cuts({"speech": 1}, None))
    (mixed,) = describe_cuts({"turns": 8, "speech": 2})
    assert "8 by the times of their transcripts, 2 where somebody speaks" in mixed
    (foreign,) = foreign_cuts({"windows": 3, "turns": 2}, {"turns": 8})
    assert "the audio of 3 documents was cut into windows" in foreign


@pytest.mark.skipif(
    importlib.util.find_spec("silero_vad") is None,
    reason="silero-vad is not installed: pip install silero-vad",
)
def test_real_recordings_with_and_without_times(project: Project, test_data: Path) -> None:
    with (test_data / "speechocean762" / "corpus.csv").open(newline="") as file:
        rows = [
            {**row, "audio": str(test_data / "speechocean762" / row["audio"]),
             "transcript": str(test_data / "speechocean762" / row["transcript"]), "end": 12}
            for row, _ in zip(csv.DictReader(file), range(8), strict=False)
        ]  # fmt: skip
    project.write_table(rows)
    project.extract()
    store = hilbert.open_store(project.store)
    summaries = [store.summary(row.segment_key) for row in store.manifest().rows]
    assert cuts_of(s for s in summaries if s) == {"turns": 8}
    assert fitted(project, "alike") == []

    alone = [{"id": "new", "audio": rows[0]["audio"], "end": 12}]
    project.write_table(alone)
    folders = ("--encoder", str(project.whisper), "--encoder", str(project.bert))
    out = str(project.folder / "p.csv")
    done = run("predict", str(project.folder / "alike"), str(project.folder / "corpus.jsonl"),
               "--out", out, *folders)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "of 1 document was cut where somebody speaks" in done.stderr
    assert "on audio cut by the times of their transcripts" in done.stderr

    project.write_table([*rows, *({**alone[0], "id": f"n{i}", "gender": "fm"[i]} for i in (0, 1))])
    project.extract()
    (said,) = fitted(project, "mixed")
    assert said.startswith("audio was not cut alike (8 by the times of their transcripts, 2 where")


def fitted(project: Project, name: str) -> list[str]:
    """What is said of cutting by a fit, which a prediction can then be compared with."""
    done = run("fit", "--store", str(project.store), "--target", "gender", "--run-dir",
               str(project.folder / name), *QUICK)  # fmt: skip
    assert done.exit_code == 0, done.output
    written = read_run(project.folder / name)
    return [warning for warning in written["warnings"] if "cut alike" in warning]
