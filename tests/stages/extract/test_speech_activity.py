"""Regions of speech: from probabilities, and on real recordings, silence and noise."""

import importlib.util
import subprocess
import sys
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hilbert.stages.extract import speech_activity
from hilbert.stages.extract.recordings.audio import probe, read_spans
from hilbert.stages.extract.speech_activity import (
    FRAME_S,
    SpeechOptions,
    regions_of,
    speech_regions,
    weights_file,
)
from hilbert.stages.extract.transcripts.transcript import read_transcript
from hilbert.store.errors import DocumentError, HilbertError
from hilbert.store.types import Span

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("silero_vad") is None,
    reason="silero-vad is not installed: pip install silero-vad",
)
BARE = SpeechOptions(min_speech_s=0.0, min_silence_s=0.0, pad_s=0.0)


def frames(*parts: tuple[int, float]) -> NDArray[np.float32]:
    """Probabilities that stay alike for a number of frames each."""
    return np.concatenate([np.full(n, p, np.float32) for n, p in parts])


def in_frames(spans: list[Span]) -> list[tuple[float, float]]:
    return [(span.start_s / FRAME_S, span.end_s / FRAME_S) for span in spans]


class TestRegions:
    STRETCH = Span(0.0, 100 * FRAME_S)

    def test_what_is_likely_speech(self) -> None:
        found = regions_of(frames((10, 0), (20, 0.9), (30, 0.1), (5, 0.5)), self.STRETCH, BARE)
        assert in_frames(found) == [(10, 30), (60, 65)]

    def test_a_voice_that_fades_a_little_goes_on(self) -> None:
        found = regions_of(frames((10, 0.9), (10, 0.4), (10, 0.9), (9, 0)), self.STRETCH, BARE)
        assert in_frames(found) == [(0, 30)]

    def test_short_pauses_do_not_end_a_region(self) -> None:
        options = SpeechOptions(min_speech_s=0.0, min_silence_s=10 * FRAME_S, pad_s=0.0)
        found = regions_of(frames((5, 1), (9, 0), (5, 1), (10, 0), (5, 1)), self.STRETCH, options)
        assert in_frames(found) == [(0, 19), (29, 34)]

    def test_short_sounds_are_dropped(self) -> None:
        options = SpeechOptions(min_speech_s=4.5 * FRAME_S, min_silence_s=0.0, pad_s=0.0)
        found = regions_of(frames((4, 1), (9, 0), (5, 1)), self.STRETCH, options)
        assert in_frames(found) == [(13, 18)]

    def test_padding_ends_in_the_middle_of_a_pause_and_at_the_edge(self) -> None:
        options = SpeechOptions(min_speech_s=0.0, min_silence_s=0.0, pad_s=5 * FRAME_S)
        found = regions_of(frames((2, 0), (8, 1), (6, 0), (4, 1), (40, 0)), self.STRETCH, options)
        assert in_frames(found) == [(0, 13), (13, 25)]

    def test_the_stretch_s_own_clock(self) -> None:
        (found,) = regions_of(frames((10, 0), (10, 1)), Span(7.0, 7.0 + 19.5 * FRAME_S), BARE)
        assert found == pytest.approx((7.0 + 10 * FRAME_S, 7.0 + 19.5 * FRAME_S))

    @given(
        st.lists(st.floats(0, 1, width=32), max_size=200).map(lambda v: np.array(v, np.float32)),
        st.builds(
            SpeechOptions,
            threshold=st.floats(0.01, 0.99),
            min_speech_s=st.floats(0, 2),
            min_silence_s=st.floats(0, 2),
            pad_s=st.floats(0, 2),
        ),
    )
    def test_in_order_apart_and_inside(
        self, probabilities: NDArray[np.float32], options: SpeechOptions
    ) -> None:
        stretch = Span(3.0, 3.0 + len(probabilities) * FRAME_S)
        found = regions_of(probabilities, stretch, options)
        assert all(early.end_s <= late.start_s for early, late in pairwise(found))
        for span in found:
            assert stretch.start_s <= span.start_s <= span.end_s <= stretch.end_s
            assert span.duration_s >= options.min_speech_s - 1e-9


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(HilbertError, match="pip install 'silero-vad"):
        weights_file()


@needs_weights
class TestDetector:
    def test_as_the_packaged_network(self, test_data: Path) -> None:
        """Equal within rounding, however the stream is cut into blocks."""
        import torch

        (path,) = sorted((test_data / "speechocean762" / "audio").glob("*.opus"))[:1]
        wave = next(read_spans(path, [Span(0.0, 12.3)]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            packaged = torch.jit.load(str(weights_file()))  # type: ignore[no-untyped-call]
        packaged.reset_states()
        padded = np.pad(wave, (0, -len(wave) % 512))
        with torch.no_grad():
            expected = [
                packaged(torch.from_numpy(padded[i : i + 512]), 16_000).item()
                for i in range(0, len(padded), 512)
            ]
        for cuts in ([], [1, 700, 50_000], [512 * 100]):
            found = speech_activity._probabilities(iter(np.split(wave, cuts)))
            np.testing.assert_allclose(found, expected, atol=1e-5)
        assert 0.2 < np.mean(found > 0.5) < 1

    def test_threads_stay_as_they_were(self) -> None:
        import torch

        before = torch.get_num_threads()
        speech_activity._probabilities(iter([np.zeros(1000, np.float32)]))
        assert torch.get_num_threads() == before

    @pytest.mark.parametrize("kind", ["noise", "tone", "hum"])
    def test_nobody_speaks(self, tmp_path: Path, kind: str) -> None:
        t = np.arange(16_000 * 20) / 16_000
        wave = {
            "noise": 0.1 * np.random.default_rng(0).normal(size=len(t)),
            "tone": 0.3 * np.sin(2 * np.pi * 440 * t),
            "hum": 0.01 * np.sin(2 * np.pi * 50 * t),
        }[kind]
        soundfile.write(tmp_path / "a.wav", wave.astype(np.float32), 16_000)
        assert speech_regions(tmp_path / "a.wav", [Span(0.0, 20.0)], SpeechOptions()) == ()

    def test_silence(self, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "a.wav", np.zeros(16_000, np.float32), 16_000)
        with pytest.raises(DocumentError, match="silent"):
            speech_regions(tmp_path / "a.wav", [Span(0.0, 1.0)], SpeechOptions())

    def test_nothing_kept_is_no_speech(self, tmp_path: Path) -> None:
        assert speech_regions(tmp_path / "absent.wav", [], SpeechOptions()) == ()

    def test_speech_between_silences(self, test_data: Path, tmp_path: Path) -> None:
        """Real sentences, 10 s of faint noise around each, found where they were put."""
        rng = np.random.default_rng(0)
        (path,) = sorted((test_data / "speechocean762" / "audio").glob("*.opus"))[:1]
        speech = next(read_spans(path, [Span(0.0, 4.0)]))
        quiet = (1e-3 * rng.normal(size=160_000)).astype(np.float32)
        wave = np.concatenate([quiet, speech, quiet, speech, quiet])
        soundfile.write(tmp_path / "a.wav", wave, 16_000)
        found = speech_regions(tmp_path / "a.wav", [Span(0.0, 38.0)], SpeechOptions())
        put = [Span(10.0, 14.0), Span(24.0, 28.0)]
        assert {_place(span, put, slack_s=0.2) for span in found} == {0, 1}
        alone = speech_regions(tmp_path / "a.wav", put, SpeechOptions())
        assert {_place(span, put, slack_s=0.0) for span in alone} == {0, 1}

    def test_inside_the_sentences_of_real_recordings(self, test_data: Path) -> None:
        """The cues are whole files with silence at both ends; almost no speech lies elsewhere."""
        folder = test_data / "speechocean762"
        heard, shared, cued = 0.0, 0.0, 0.0
        for path in sorted((folder / "transcripts").glob("*.vtt"))[:3]:
            (audio,) = (folder / "audio").glob(f"{path.stem}.*")
            duration_s = probe(audio).duration_s
            found = speech_regions(audio, [Span(0.0, duration_s)], SpeechOptions())
            heard += sum(span.duration_s for span in found)
            for turn in read_transcript(path):
                assert turn.start_s is not None
                assert turn.end_s is not None
                cued += turn.end_s - turn.start_s
                shared += sum(
                    max(0.0, min(s.end_s, turn.end_s) - max(s.start_s, turn.start_s)) for s in found
                )
        assert shared / heard > 0.97
        assert 0.5 < shared / cued < 1

    def test_memory_does_not_grow_with_the_recording(self, tmp_path: Path) -> None:
        peaks = []
        for minutes in (1, 60):
            path = tmp_path / f"{minutes}.wav"
            rng = np.random.default_rng(0)
            with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
                for block in noise(rng, minutes):
                    file.write(block)
            code = (
                "import resource, sys; from pathlib import Path\n"
                "from hilbert.stages.extract.speech_activity import *\n"
                "from hilbert.store.errors import DocumentError\n"
                "from hilbert.store.types import Span\n"
                "try: speech_regions(Path(sys.argv[1]), [Span(0.0, float(sys.argv[2]))], SPEECH)\n"
                "except DocumentError: pass\n"
                "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
            )
            done = subprocess.run(
                [sys.executable, "-c", code, str(path), str(60 * minutes)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            peaks.append(int(done.stdout) / 1024)
        assert peaks[1] - peaks[0] < 100  # MB


def _place(span: Span, places: list[Span], slack_s: float) -> int:
    """Number of the place that a span lies in; -1 if it lies in none."""
    inside = [
        i
        for i, place in enumerate(places)
        if place.start_s - slack_s <= span.start_s and span.end_s <= place.end_s + slack_s
    ]
    return inside[0] if inside else -1


def noise(rng: np.random.Generator, minutes: int) -> Iterator[NDArray[np.float64]]:
    for _ in range(minutes):
        yield 0.1 * rng.normal(size=16_000 * 60)
