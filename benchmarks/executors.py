"""`hilbert extract` in one process, in two, and on a local Dask cluster of two.

Runs the command as a user would, each time into a new store, the three in turn, and prints the
median wall time of each, its ratio to the single process, and what each costs beyond it for one
task, which is about a pack. Processors are shared fairly only on a machine that does nothing
else; the load before each run is printed.

usage: python benchmarks/executors.py CORPUS [N_DOCUMENTS [ROUNDS]]
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cut import first_documents

import hilbert

WAYS = {
    "one process": [],
    "--workers 2": ["--workers", "2"],
    "--dask local --workers 2": ["--dask", "local", "--workers", "2"],
}


def extract(corpus: Path, store: Path, flags: list[str]) -> dict[str, float]:
    """Run the command; its wall time, speech encoded and packs of features."""
    command = [sys.executable, "-m", "hilbert", "extract", str(corpus), "--store", str(store),
               "--encoder", "whisper", "--json", *flags]  # fmt: skip
    started, before = time.monotonic(), _processor_s()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall_s, cpu_s = time.monotonic() - started, _processor_s() - before
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    commits = hilbert.open_store(store).index.commits.values()
    n_packs = sum(commit.kind == "features" for commit in commits)
    return {"wall_s": wall_s, "cpu_s": cpu_s, "audio_s": found["audio_seconds"], "packs": n_packs}


def _processor_s() -> float:
    """Time that ended processes spent computing; a load of others tells in it least."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    corpus = Path(sys.argv[1])
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        table = first_documents(corpus, n, Path(name))
        for i in range(rounds):
            for k, (way, flags) in enumerate(WAYS.items()):
                load = os.getloadavg()[0]
                report = extract(table, Path(name) / f"{i}-{k}.zarr", flags)
                found[way].append(report)
                print(
                    f"round {i + 1}, {way}: {report['wall_s']:.1f} s, of the processors"
                    f" {report['cpu_s']:.1f} s (load {load:.1f})",
                    flush=True,
                )
    alone = statistics.median(report["wall_s"] for report in found["one process"])
    audio_s = found["one process"][0]["audio_s"]
    print(f"\n{n} documents, {audio_s / 3600:.2f} h of speech, median of {rounds} rounds\n")
    print("| way | s | of processors | to the single process | packs | beyond it, s a pack |")
    print("|---|---|---|---|---|---|")
    for way, reports in found.items():
        wall = statistics.median(report["wall_s"] for report in reports)
        cpu = statistics.median(report["cpu_s"] for report in reports)
        packs = statistics.median(report["packs"] for report in reports)
        beyond = (wall - alone) / packs
        print(
            f"| {way} | {wall:.1f} | {cpu:.1f} | {alone / wall:.2f} | {packs:.0f} | {beyond:+.2f} |"
        )


if __name__ == "__main__":
    main()
