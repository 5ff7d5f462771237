import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hilbert.stages.extract.encoders.audio import AudioEncoder, _filled
from hilbert.stages.extract.encoders.base import (
    Context,
    Encoded,
    EncodeJob,
    Encoder,
    EncoderOptions,
    Failed,
)
from hilbert.stages.extract.encoders.layers import Layers
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
from hilbert.stages.extract.encoders.whisper_model import WhisperTower
from hilbert.stages.extract.encoders.windows import plan_windows
from hilbert.store.types import Segment

RATE = 16_000
CPU = torch.device("cpu")

Sound = NDArray[np.float32]
Chirp = Callable[..., Sound]
WriteWav = Callable[[str, Sound], Path]


def segments(*spans: tuple[str, float, float]) -> tuple[Segment, ...]:
    return tuple(Segment("audio", speaker, start, end) for speaker, start, end in spans)


def loaded(folder: Path, options: EncoderOptions | None = None) -> Encoder:
    return load_encoder(resolve_encoder(str(folder), options or EncoderOptions()), device="cpu")


def features(encoder: Encoder, job: EncodeJob) -> NDArray[np.float16]:
    (result,) = encoder.encode([job])
    assert isinstance(result, Encoded), result
    return result.x


def direct(folder: Path, wave: Sound, layer: int) -> NDArray[np.float32]:
    """Hidden states of one window, (1500, width), by a plain call of transformers."""
    from transformers import WhisperFeatureExtractor, WhisperModel

    mel = WhisperFeatureExtractor()(wave, sampling_rate=RATE, return_tensors="pt")
    encoder = WhisperModel.from_pretrained(folder).eval().encoder
    with torch.inference_mode():
        output = encoder(mel["input_features"], output_hidden_states=True)
    return np.asarray(output.hidden_states[layer][0].numpy())


@pytest.mark.parametrize("layer", [0, 1, 2, 3, -1])
def test_an_isolated_segment_is_what_transformers_gives(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav, layer: int
) -> None:
    wave = chirp(3.0)
    frames = direct(tiny_whisper, wave[RATE : 2 * RATE], layer)[:50]
    encoder = loaded(tiny_whisper, EncoderOptions(layer=layer, context="isolated"))
    (row,) = features(encoder, EncodeJob("d", segments(("A", 1, 2)), write_wav("a", wave)))
    expected = np.concatenate([frames.mean(0), frames.std(0)])
    np.testing.assert_allclose(row, expected, atol=2e-3)


def test_a_packed_window_is_speech_with_silence_between(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    wave = chirp(4.0)
    gap = np.zeros(RATE // 5, np.float32)
    frames = direct(tiny_whisper, np.concatenate([wave[:RATE], gap, wave[2 * RATE :]]), -1)
    job = EncodeJob("d", segments(("A", 0, 1), ("A", 2, 4)), write_wav("a", wave))
    rows = features(loaded(tiny_whisper, EncoderOptions(pooling="mean")), job)
    expected = np.stack([frames[:50].mean(0), frames[60:160].mean(0)])
    np.testing.assert_allclose(rows, expected, atol=2e-3)


def test_one_speaker_s_audio_does_not_touch_another_s_features(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    turns = segments(("A", 0, 1), ("B", 1, 3), ("A", 3, 4), ("B", 4, 6))
    first, second = chirp(6.0), chirp(6.0)
    for start, end in ((1, 3), (4, 6)):
        second[start * RATE : end * RATE] = chirp(end - start, seed=start)
    encoder = loaded(tiny_whisper)
    one = features(encoder, EncodeJob("one", turns, write_wav("one", first)))
    two = features(encoder, EncodeJob("two", turns, write_wav("two", second)))
    np.testing.assert_array_equal(one[[0, 2]], two[[0, 2]])
    assert (one[[1, 3]] != two[[1, 3]]).any(axis=1).all()


@pytest.mark.parametrize("context", ["packed", "isolated"])
def test_batches_change_nothing(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav, context: Context
) -> None:
    jobs = [
        EncodeJob(str(i), segments(("A", 0, 1), ("B", 1, 2.5)), write_wav(str(i), chirp(3, seed=i)))
        for i in range(3)
    ]
    resolved = resolve_encoder(str(tiny_whisper), EncoderOptions(context=context))
    tower = WhisperTower(resolved.folder, Layers.parse(resolved.options.layer), CPU, torch.float32)
    found = []
    for batch_size in (1, 2, 5):
        encoder = AudioEncoder(resolved.info, tower, resolved.options, batch_size=batch_size)
        results = list(encoder.encode(jobs))
        assert [result.id for result in results] == ["0", "1", "2"]
        found.append(np.stack([r.x for r in results if isinstance(r, Encoded)]))
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)
    np.testing.assert_allclose(found[2], found[0], atol=1e-3)


def test_a_recording_of_many_windows_keeps_its_order(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    wave = chirp(100.0)
    spans = [("A" if i % 3 else "B", 7.0 * i, 7.0 * i + 6.5) for i in range(14)]
    audio = write_wav("long", wave)
    encoder = loaded(tiny_whisper, EncoderOptions(context="isolated"))
    (result,) = encoder.encode([EncodeJob("long", segments(*spans), audio)])
    assert isinstance(result, Encoded)
    assert result.audio_seconds == pytest.approx(14 * 6.5)
    for i in (0, 5, 13):
        alone = features(encoder, EncodeJob("one", segments(spans[i]), audio))
        np.testing.assert_allclose(result.x[i], alone[0], atol=1e-3)


def test_a_segment_without_length_has_one_frame(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    job = EncodeJob("d", segments(("A", 0, 1), ("A", 1, 1)), write_wav("a", chirp(2.0)))
    x = features(loaded(tiny_whisper), job)
    assert (x[1, 16:] == 0).all()  # the deviation of one frame
    assert x[1, :16].any()


def test_a_bad_document_does_not_disturb_the_others(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav, tmp_path: Path
) -> None:
    good = write_wav("good", chirp(2.0))
    broken = chirp(70.0)
    broken[65 * RATE] = np.nan  # found after two windows were made
    turns = segments(("A", 0, 2))
    long = segments(*[("A", 10.0 * i, 10.0 * i + 10) for i in range(7)])
    (tmp_path / "empty.wav").write_bytes(b"")
    jobs = [
        EncodeJob("a", turns, good),
        EncodeJob("nan", long, write_wav("nan", broken)),
        EncodeJob("b", turns, good),
        EncodeJob("missing", turns, tmp_path / "missing.wav"),
        EncodeJob("empty", turns, tmp_path / "empty.wav"),
        EncodeJob("no segments", (), good),
        EncodeJob("no audio", turns),
        EncodeJob("too long", segments(("A", 0, 31)), good),
        EncodeJob("short", segments(("A", 0, 1), ("A", 5, 6)), good),
        EncodeJob("silent", turns, write_wav("silent", np.zeros(2 * RATE, np.float32))),
        EncodeJob("c", turns, good),
    ]
    results = list(loaded(tiny_whisper).encode(jobs))
    assert [result.id for result in results] == [job.id for job in jobs]
    encoded = [result for result in results if isinstance(result, Encoded)]
    assert [result.id for result in encoded] == ["a", "b", "c"]
    assert all((result.x == encoded[0].x).all() for result in encoded)
    reasons = [result.reason for result in results if isinstance(result, Failed)]
    assert not any(str(tmp_path) in reason for reason in reasons)


def test_stopping_early_leaves_no_thread(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    audio = write_wav("a", chirp(2.0))
    before = set(threading.enumerate())

    def jobs() -> Iterator[EncodeJob]:
        for i in range(10_000):
            yield EncodeJob(str(i), segments(("A", 0, 1)), audio)

    results = loaded(tiny_whisper).encode(jobs())
    assert next(results).id == "0"
    results.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before


def test_an_error_of_the_caller_s_jobs_comes_through(tiny_whisper: Path) -> None:
    def jobs() -> Iterator[EncodeJob]:
        raise KeyboardInterrupt
        yield

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        list(loaded(tiny_whisper).encode(jobs()))
    assert set(threading.enumerate()) <= before


def test_bfloat16_stays_close(tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav) -> None:
    job = EncodeJob("d", segments(("A", 0, 2)), write_wav("a", chirp(2.0)))
    full = features(loaded(tiny_whisper), job).astype(np.float64)
    half = features(loaded(tiny_whisper, EncoderOptions(precision="bf16")), job).astype(np.float64)
    cosine = (full * half).sum() / np.sqrt((full**2).sum() * (half**2).sum())
    assert cosine > 0.999


@pytest.mark.parametrize("context", ["packed", "isolated"])
def test_no_padding_is_pooled_where_the_audio_ends_a_little_early(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav, context: Context
) -> None:
    audio = write_wav("a", chirp(2.0))
    encoder = loaded(tiny_whisper, EncoderOptions(context=context))
    exact = features(encoder, EncodeJob("d", segments(("A", 0, 1), ("A", 1, 2)), audio))
    promised = features(encoder, EncodeJob("d", segments(("A", 0, 1), ("A", 1, 2.2)), audio))
    np.testing.assert_array_equal(promised, exact)


def test_segments_that_share_a_window_share_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_windows(segments(*[("A", i, i + 1) for i in range(20)]), "packed")
    waveforms = [np.ones(RATE, np.float32)] * 20
    sizes: list[int] = []
    zeros = np.zeros

    def counted(size: int, dtype: type[np.float32]) -> Sound:
        sizes.append(size)
        return zeros(size, dtype)

    monkeypatch.setattr(np, "zeros", counted)
    (window,) = _filled(plan, waveforms)
    assert len(sizes) == 1
    assert [i for i, _ in window.slots] == list(range(20))
    assert window.samples.sum() == 20 * RATE
