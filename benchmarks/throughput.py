"""Whole `hilbert extract` against the sum of its parts, a plain loop, and memory of a long file.

In one run, of one corpus with Whisper and MiniLM:

1. each part alone, on the segments, windows and batches of the real path, with as many threads
   as torch has here: decode, log-mel, audio forward, text forward; the fastest of some rounds;
2. the whole command, in a process of its own, into a new store: the sum of the parts should be
   at least .85 of it; with --device cuda the forward passes alone should be, start-up left out;
3. a plain loop, one sentence at a time, padded to 30 s, in fp32, on some sentences, scaled up: the
   whole should be at least ten times as fast;
4. with --memory this alone: the peak memory of a recording of three hours against one of a minute,
   made of the corpus's own sentences; the two should lie within 300 MB.

Wall time depends on what else the machine does, so the load is printed, and processor time beside
it. Loading libraries and weights is in the whole and not in the sum; what it takes stands below.

usage: python benchmarks/throughput.py CORPUS [--documents N] [--sentences N] [--rounds N]
    [--device cuda] [--memory]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
import torch
from cut import Cut, cut_documents, decode, first_documents, span_of, write_table
from numpy.typing import NDArray
from processes import Took, load, run_python
from transformers import AutoModel, AutoTokenizer, WhisperFeatureExtractor

from hilbert.stages.device import choose_device
from hilbert.stages.extract.encoders.audio import BATCH_SIZES
from hilbert.stages.extract.encoders.base import EncodeJob, EncoderOptions, best_audio_precision
from hilbert.stages.extract.encoders.checkpoints import read_json
from hilbert.stages.extract.encoders.layers import Layers
from hilbert.stages.extract.encoders.log_mel import LogMel
from hilbert.stages.extract.encoders.runtime import quiet_transformers, torch_dtype
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
from hilbert.stages.extract.encoders.whisper_model import WhisperTower
from hilbert.stages.extract.encoders.windows import WINDOW_SAMPLES, plan_windows
from hilbert.stages.extract.encoders.workers import workers_for

RATE = 16_000
CHUNK = 16
"""Documents measured together; bounds the windows in memory."""

_LOAD = """
from hilbert.stages.device import choose_device
from hilbert.stages.extract.encoders.audio import BATCH_SIZES
from hilbert.stages.extract.encoders.base import EncoderOptions
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
for name in ("whisper", "minilm"):
    load_encoder(resolve_encoder(name, EncoderOptions()), device="{device}")
"""

LONG_S, SHORT_S = 3 * 3600.0, 60.0
AIM_SUM, AIM_LOOP, AIM_MB = 0.85, 10.0, 300


class Whole(NamedTuple):
    """A call of `hilbert extract`: what it took, its peak memory and what it said."""

    took: Took
    peak_mb: float
    report: dict[str, Any]


@dataclass
class Parts:
    """What each part took, in the order in which they run."""

    rounds: int
    took: dict[str, Took] = field(default_factory=dict)

    def time(self, part: str, work: Callable[[], Any]) -> Any:
        """Add the fastest of some rounds of `work` to `part`; its last result."""
        found = []
        for _ in range(self.rounds):
            wall, cpu = time.monotonic(), time.process_time()
            result = work()
            found.append(Took(time.monotonic() - wall, time.process_time() - cpu))
        self.took[part] = self.took.get(part, Took(0, 0)).plus(min(found))
        return result


def main() -> None:
    arguments = parse_arguments()
    quiet_transformers()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = first_documents(arguments.corpus, arguments.documents, folder)
        cut = cut_documents(table)
        if arguments.memory:
            print_memory(cut, folder)
            return
        spans = [segment for job in cut.jobs("audio") for segment in job.segments]
        speech_s = sum(span_of(segment).duration_s for segment in spans)
        print(f"{len(cut.documents)} documents, {len(spans)} sentences, {speech_s / 3600:.2f} h of"
              f" speech; {torch.get_num_threads()} threads, load {load()}", flush=True)  # fmt: skip
        device = torch.device(choose_device(arguments.device))
        parts = measure_parts(cut, arguments.rounds, device)
        print(f"parts measured, load {load()}", flush=True)
        whole = extract(table, folder / "feats.zarr", device.type)
        print(f"whole measured, load {load()}", flush=True)
        started = start_up(device.type)
        loop, n_sentences = plain_loop(cut, arguments.sentences, device)
        print_table(parts, whole, started, speech_s)
        if device.type != "cpu":
            print_forward(parts, whole, started)
        print_loop(loop, n_sentences, len(spans), whole)
        print(f"load {load()}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--documents", type=int, default=10**9)
    parser.add_argument("--sentences", type=int, default=60, help="of the plain loop")
    parser.add_argument("--rounds", type=int, default=2, help="of each part")
    parser.add_argument("--device", default="cpu", help="of the forward passes")
    parser.add_argument("--memory", action="store_true")
    return parser.parse_args()


def n_mels_of(folder: Path) -> int:
    """Mel bins of a Whisper model."""
    return int(read_json(folder / "config.json")["num_mel_bins"])


def measure_parts(cut: Cut, rounds: int, device: torch.device) -> Parts:
    """Every part alone, some documents at a time, so that their windows fit in memory."""
    parts = Parts(rounds)
    precision = best_audio_precision("cuda" if device.type == "cuda" else "cpu")
    whisper = resolve_encoder("whisper", EncoderOptions(precision=precision))
    tower = WhisperTower(
        whisper.folder, Layers.parse(whisper.options.layer), device, torch_dtype(precision)
    )
    log_mel = LogMel(n_mels_of(whisper.folder))
    log_mel(torch.zeros(WINDOW_SAMPLES))  # the first call is slow
    jobs = cut.jobs("audio")
    for start in range(0, len(jobs), CHUNK):
        chunk = jobs[start : start + CHUNK]
        decoded = parts.time("decode", lambda chunk=chunk: in_threads(decode, chunk))
        windows = [
            torch.from_numpy(window)
            for job, waves in zip(chunk, decoded, strict=True)
            for window in fill_windows(job, waves)
        ]
        mels = parts.time("log-mel", lambda windows=windows: in_threads(log_mel, windows))
        parts.time("audio forward", lambda mels=mels: forward(tower, mels))
    del decoded, windows, mels
    minilm = load_encoder(resolve_encoder("minilm", EncoderOptions()), device=device.type)
    texts = cut.jobs("text")
    list(minilm.encode(texts[:1]))
    parts.time("text forward, with tokens", lambda: list(minilm.encode(texts)))
    return parts


def in_threads(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """`work` of every item, side by side, each in a thread of its own."""
    n_threads = torch.get_num_threads()
    with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        found = list(pool.map(work, items))
    torch.set_num_threads(n_threads)
    return found


def fill_windows(
    job: EncodeJob, waves: Sequence[NDArray[np.float32]]
) -> Iterator[NDArray[np.float32]]:
    """The packed windows of a document, as the encoder lays them out."""
    plan = plan_windows(job.segments, "packed")
    for members in plan.windows:
        window = np.zeros(WINDOW_SAMPLES, np.float32)
        for i in members:
            start, wave = plan.slots[i].start, waves[i][: plan.slots[i].n_samples]
            window[start : start + len(wave)] = wave
        yield window


def forward(tower: WhisperTower, mels: Sequence[torch.Tensor]) -> None:
    """Passes as the encoder makes them: on a processor of a window each, side by side."""
    size = BATCH_SIZES[tower.device.type]
    batches = [mels[i : i + size] for i in range(0, len(mels), size)]
    with workers_for(tower.device) as workers:
        for _ in workers.map(tower, batches):
            pass
    if tower.device.type == "cuda":
        torch.cuda.synchronize()


def extract(table: Path, store: Path, device: str = "cpu") -> Whole:
    """`hilbert extract` in a process of its own."""
    took, peak_mb, said = run_python(
        "-m", "hilbert", "extract", str(table), "--store", str(store),
        "--encoder", "whisper", "--encoder", "minilm", "--device", device, "--json",
    )  # fmt: skip
    return Whole(took, peak_mb, json.loads(said.splitlines()[-1]))


def start_up(device: str) -> Took:
    """A process that loads both encoders and ends."""
    return run_python("-c", _LOAD.format(device=device))[0]


def plain_loop(cut: Cut, n_sentences: int, device: torch.device) -> tuple[Took, int]:
    """What one would write first: a sentence at a time, in fp32, whole documents of it.

    Returns
    -------
    tuple of Took and int
        And how many sentences it took that long for.
    """
    audio = resolve_encoder("whisper", EncoderOptions(precision="fp32"))
    text = resolve_encoder("minilm", EncoderOptions())
    tower = WhisperTower(audio.folder, Layers.parse(audio.options.layer), device, torch.float32)
    extractor = WhisperFeatureExtractor(feature_size=n_mels_of(audio.folder))
    tokenizer = AutoTokenizer.from_pretrained(text.folder, local_files_only=True)
    model = AutoModel.from_pretrained(text.folder, local_files_only=True).eval().to(device)
    done = 0
    wall, cpu = time.monotonic(), time.process_time()
    for heard, read in zip(cut.jobs("audio"), cut.jobs("text"), strict=True):
        for wave in decode(heard):
            mel = extractor(wave, sampling_rate=RATE, return_tensors="pt").input_features
            tower([mel[0]]).mean(1).cpu()
        with torch.inference_mode():
            for segment in read.segments:
                tokens = tokenizer(segment.text, return_tensors="pt").to(device)
                model(**tokens).last_hidden_state.mean(1).cpu()
        done += len(heard.segments)
        if done >= n_sentences:
            break
    return Took(time.monotonic() - wall, time.process_time() - cpu), done


def print_table(parts: Parts, whole: Whole, started: Took, speech_s: float) -> None:
    total = Took(0, 0)
    print(f"\n{'part':<28}{'wall s':>9}{'processor s':>13}{'s an hour of speech':>21}")
    for name, took in parts.took.items():
        total = total.plus(took)
        print_row(name, took, speech_s)
    print_row("sum of the parts", total, speech_s)
    print_row("whole hilbert extract", whole.took, speech_s)
    print_row("libraries and weights", started, speech_s)
    print(f"sum / whole: {total.wall / whole.took.wall:.2f} of wall time,"
          f" {total.cpu / whole.took.cpu:.2f} of processor time (aim {AIM_SUM})")  # fmt: skip
    print(f"{speech_s / whole.took.wall:.0f} times real time, peak memory {whole.peak_mb:.0f} MB")


def print_forward(parts: Parts, whole: Whole, started: Took) -> None:
    wall = sum(took.wall for name, took in parts.took.items() if "forward" in name)
    share = wall / (whole.took.wall - started.wall)
    print(f"forward passes / whole less start-up: {share:.2f} of wall time (aim {AIM_SUM})")


def print_row(name: str, took: Took, speech_s: float) -> None:
    print(f"{name:<28}{took.wall:>9.1f}{took.cpu:>13.1f}{took.cpu * 3600 / speech_s:>21.1f}")


def print_loop(loop: Took, n_sentences: int, n_all: int, whole: Whole) -> None:
    scale = n_all / n_sentences
    total = Took(loop.wall * scale, loop.cpu * scale)
    print(f"plain loop, {n_sentences} sentences: {loop.wall:.1f} s, {loop.cpu:.1f} s of processors;"
          f" all {n_all}: {total.wall:.0f} s, {total.cpu:.0f} s")  # fmt: skip
    print(f"plain loop / whole: {total.wall / whole.took.wall:.1f} of wall time,"
          f" {total.cpu / whole.took.cpu:.1f} of processor time (aim {AIM_LOOP:.0f})")  # fmt: skip


def print_memory(cut: Cut, folder: Path) -> None:
    """Peaks of two extractions that differ in the length of the recording alone."""
    peaks = {}
    for name, duration_s in (("a minute", SHORT_S), ("three hours", LONG_S)):
        table = write_repeated(cut, duration_s, folder / name.replace(" ", "-"))
        whole = extract(table, table.parent / "feats.zarr")
        peaks[name] = whole.peak_mb
        print(f"recording of {name}: peak memory {whole.peak_mb:.0f} MB,"
              f" {whole.took.wall:.0f} s", flush=True)  # fmt: skip
    print(f"difference {peaks['three hours'] - peaks['a minute']:.0f} MB (aim {AIM_MB})")


def write_repeated(cut: Cut, duration_s: float, folder: Path) -> Path:
    """A corpus of one document: sentences of the corpus one after another, again and again."""
    folder.mkdir()
    cues, now = ["WEBVTT", ""], 0.0
    with soundfile.SoundFile(folder / "long.flac", "w", RATE, 1) as file:
        for wave, text in forever(cut):
            if now + len(wave) / RATE > duration_s:
                break
            file.write(wave)
            cues += [f"{stamp(now)} --> {stamp(now + len(wave) / RATE)}", text, ""]
            now += len(wave) / RATE
    (folder / "long.vtt").write_text("\n".join(cues), encoding="utf-8")
    row = {"id": "long", "audio": "long.flac", "transcript": "long.vtt"}
    return write_table(folder / "corpus.csv", [row])


def forever(cut: Cut) -> Iterator[tuple[NDArray[np.float32], str]]:
    """Sentences with their texts, document by document, without end."""
    while True:
        for heard, read in zip(cut.jobs("audio"), cut.jobs("text"), strict=True):
            for wave, segment in zip(decode(heard), read.segments, strict=False):
                yield wave, str(segment.text)


def stamp(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


if __name__ == "__main__":
    main()
