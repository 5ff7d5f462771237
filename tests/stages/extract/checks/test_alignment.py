"""Transcripts that were shifted are found, by how much; those that were not, are left alone."""

import csv
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from hilbert.stages.extract.checks.alignment import (
    alignment_problems,
    fit_turns,
    is_off,
)
from hilbert.stages.extract.checks.signal import Signal, measure_signal
from hilbert.stages.extract.checks.turns import spans_of
from hilbert.stages.extract.transcripts.transcript import read_transcript
from hilbert.store.types import Document, Span
from support.speech import babble, regular_turns

EVERYTHING = [Span(-math.inf, math.inf)]
TURNS = regular_turns(12)
DURATION_S = TURNS[-1].end_s + 2.0


def moved(turns: list[Span], seconds: float) -> list[Span]:
    return [Span(turn.start_s + seconds, turn.end_s + seconds) for turn in turns]


@pytest.fixture(scope="module")
def signal(tmp_path_factory: pytest.TempPathFactory) -> Signal:
    path = tmp_path_factory.mktemp("speech") / "a.wav"
    soundfile.write(path, babble(TURNS, DURATION_S), 16_000)
    return measure_signal(path)


@settings(deadline=None, max_examples=40)
@given(shift=st.floats(-12.0, 12.0))
def test_any_shift_is_found_and_none_is_invented(signal: Signal, shift: float) -> None:
    fit = fit_turns(signal, moved(TURNS, shift), EVERYTHING)
    assert fit is not None
    assert fit.offset_s == pytest.approx(-shift, abs=0.1)
    if abs(shift) > 0.5:
        assert is_off(fit)
    if abs(shift) < 0.2:
        assert not is_off(fit)


def test_the_offset_that_is_proposed_is_the_whole_one(signal: Signal) -> None:
    document = Document("a", transcript_offset_s=3.0)
    (problem,) = alignment_problems(signal, moved(TURNS, 3.0), document)
    assert problem.kind == "out of step"
    assert problem.what.startswith("the transcript is out of step with the audio by +3.0 s")
    offset = float(problem.mend.split()[1])
    assert offset == pytest.approx(0.0, abs=0.1)


def test_where_it_fits_nothing_is_told(signal: Signal) -> None:
    assert list(alignment_problems(signal, TURNS, Document("a"))) == []


def test_turns_that_fill_the_recording_tell_nothing(signal: Signal) -> None:
    assert fit_turns(signal, [Span(0.0, DURATION_S)], EVERYTHING) is None
    assert fit_turns(signal, [], EVERYTHING) is None
    assert fit_turns(signal, TURNS, [Span(0.0, 5.0)]) is None


def test_turns_where_nobody_speaks(signal: Signal) -> None:
    pauses = [Span(one.end_s, two.start_s) for one, two in pairwise(TURNS)]
    found = list(alignment_problems(signal, pauses, Document("a")))
    assert [problem.kind for problem in found] == ["out of step"]


def test_speech_that_the_corpus_leaves_out_does_not_count(tmp_path: Path) -> None:
    """An hour's introduction without turns must not move the transcript of the rest."""
    before = regular_turns(30, seed=5)
    start_s = before[-1].end_s + 1.0
    turns = moved(TURNS, start_s)
    wave = babble([*before, *turns], turns[-1].end_s + 1.0)
    soundfile.write(tmp_path / "a.wav", wave, 16_000)
    signal = measure_signal(tmp_path / "a.wav")
    document = Document("a", start_s=start_s)
    assert list(alignment_problems(signal, turns, document)) == []
    (problem,) = alignment_problems(signal, moved(turns, 2.0), document)
    assert "-2.00 into the column transcript_offset" in problem.mend


def real_documents(test_data: Path, every: int) -> list[tuple[str, Path, Path]]:
    folder = test_data / "speechocean762"
    with (folder / "corpus.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::every]
    return [(row["id"], folder / row["audio"], folder / row["transcript"]) for row in rows]


@pytest.mark.parametrize("noise_db", [None, -20.0])
def test_real_speech(test_data: Path, tmp_path: Path, noise_db: float | None) -> None:
    """Off by three seconds either way, found within 0.3 s; as it is, nothing is said."""
    rng = np.random.default_rng(0)
    for name, audio, transcript in real_documents(test_data, every=25 if noise_db is None else 60):
        if noise_db is not None:
            wave, rate = soundfile.read(audio, dtype="float32")
            noise = rng.standard_normal(len(wave)) * wave.std() * 10 ** (noise_db / 20)
            audio = tmp_path / "noisy.wav"
            soundfile.write(audio, wave + noise, rate, subtype="FLOAT")
        signal = measure_signal(audio)
        turns = spans_of(read_transcript(transcript))
        assert list(alignment_problems(signal, turns, Document(name))) == []
        for shift in (3.0, -3.0):
            fit = fit_turns(signal, moved(turns, shift), EVERYTHING)
            assert fit is not None
            if noise_db is None:
                assert is_off(fit), (name, shift, fit)
                assert fit.offset_s == pytest.approx(-shift, abs=0.3), name
            else:  # turns end where faint sounds do, which the noise hides
                assert fit.offset_s == pytest.approx(-shift, abs=0.6), name
