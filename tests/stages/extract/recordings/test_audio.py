"""Decoding: equal to decoding whole, in bounded memory, and every fault has its message."""

import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from hilbert.stages.extract.recordings import audio, ffmpeg
from hilbert.stages.extract.recordings.audio import AudioInfo, probe, read_spans
from hilbert.stages.extract.recordings.audio_files import AudioSource, open_source
from hilbert.store.errors import DocumentError
from hilbert.store.types import Span

Waveform = NDArray[np.float32]

FORMATS = {
    "wav": {},
    "flac": {},
    "mp3": {},
    "ogg": {"subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
}
EVERY_FORMAT = pytest.mark.parametrize("extension", FORMATS)


def tone(duration_s: float, sampling_rate: int, n_channels: int = 1) -> Waveform:
    """A sweep with some noise, different in each channel; shape (n_frames, n_channels)."""
    t = np.arange(round(duration_s * sampling_rate)) / sampling_rate
    noise = np.random.default_rng(0).standard_normal((len(t), n_channels))
    sweep = np.sin(2 * np.pi * (200 + 20 * t) * t)[:, None] / np.arange(2, n_channels + 2)
    return (0.5 * sweep + 0.01 * noise).astype(np.float32)


def write(path: Path, x: Waveform, sampling_rate: int = 48_000, **options: str) -> Path:
    soundfile.write(path, x, sampling_rate, **(FORMATS.get(path.suffix[1:], {}) | options))
    return path


def truncate(path: Path, share: float) -> Path:
    """A copy of `path` that breaks off."""
    data = path.read_bytes()
    copy = path.with_stem("truncated")
    copy.write_bytes(data[: int(len(data) * share)])
    return copy


def read_all(path: Path) -> Waveform:
    (waveform,) = read_spans(path, [Span(0, probe(path).duration_s)])
    return waveform


def decode_whole(path: Path) -> Waveform:
    """The plain reference: everything at once."""
    x, sampling_rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(x.mean(axis=1), sampling_rate, 16_000))


def assert_fails(path: Path, message: str) -> None:
    """It fails with `message` and a mend, and tells no absolute path."""
    with pytest.raises(DocumentError, match=message) as error:
        read_all(path)
    assert ";" in str(error.value)
    assert str(path.parent) not in str(error.value)


@EVERY_FORMAT
def test_probe_reads_header(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"a.{extension}", tone(3.0, 48_000, 2))
    assert probe(path) == AudioInfo(duration_s=3.0, sampling_rate=48_000, n_channels=2)


@EVERY_FORMAT
def test_spans_equal_decoding_whole(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"a.{extension}", tone(20.0, 48_000, 2))
    whole = decode_whole(path)
    spans = [Span(0, 1.5), Span(0.7, 9), Span(0.7, 2), Span(2, 2.02), Span(15, 20)]
    waveforms = list(read_spans(path, spans))
    for span, waveform in zip(spans, waveforms, strict=True):
        expected = whole[round(span.start_s * 16_000) : round(span.end_s * 16_000)]
        assert waveform.dtype == np.float32
        # libsndfile's mp3 decoder itself depends on the block size by 1e-7
        np.testing.assert_allclose(waveform, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sampling_rate", [8_000, 11_025, 16_000, 22_050, 44_100, 192_000])
@pytest.mark.parametrize("n_channels", [1, 6])
def test_any_rate_and_channel_count(tmp_path: Path, sampling_rate: int, n_channels: int) -> None:
    path = write(tmp_path / "a.wav", tone(2.0, sampling_rate, n_channels), sampling_rate)
    waveform = read_all(path)
    assert len(waveform) == 32_000
    np.testing.assert_allclose(waveform, decode_whole(path), rtol=0, atol=1e-6)


@given(cuts=st.lists(st.integers(0, 9_999), max_size=8), rate_in=st.sampled_from([8_000, 44_100]))
def test_resampling_does_not_depend_on_blocks(cuts: list[int], rate_in: int) -> None:
    x = tone(10_000 / rate_in, rate_in)[:, 0]
    blocks = [x[i:j] for i, j in pairwise([0, *sorted(cuts), len(x)])]
    streamed = np.concatenate(list(audio._resampled(iter(blocks), rate_in, 16_000)))
    np.testing.assert_array_equal(streamed, soxr.resample(x, rate_in, 16_000))


@given(
    bounds=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=8),
    sizes=st.lists(st.integers(0, 9), max_size=12),
)
def test_cut_equals_slicing(bounds: list[tuple[int, int]], sizes: list[int]) -> None:
    x = np.arange(sum(sizes), dtype=np.float32)
    blocks = np.split(x, np.cumsum(sizes)[:-1]) if sizes else []
    ordered = sorted((start, start + n) for start, n in bounds)
    for (start, stop), piece in zip(ordered, audio._cut(iter(blocks), ordered), strict=True):
        np.testing.assert_array_equal(piece, x[start:stop])


def test_memory_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "an_hour.wav"
    minute = tone(60, 8_000)
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(60):
            file.write(minute)
    spans = [Span(start_s, start_s + 20) for start_s in range(0, 3_580, 10)]
    tracemalloc.start()
    try:
        n_samples = sum(len(waveform) for waveform in read_spans(path, spans))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_samples == len(spans) * 320_000
    assert peak < 10e6  # the recording is 230 MB, a span 1.3 MB


def test_values_beyond_one_are_kept(tmp_path: Path) -> None:
    x = 3 * tone(1.0, 16_000)
    path = write(tmp_path / "a.wav", x, 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(read_all(path), x[:, 0])


@pytest.mark.parametrize("duration_s", [0.05, 2.0])
def test_short_audio(tmp_path: Path, duration_s: float) -> None:
    path = write(tmp_path / "a.wav", tone(duration_s, 16_000), 16_000)
    assert len(read_all(path)) == round(duration_s * 16_000)


def test_nothing_is_decoded_behind_the_last_span(tmp_path: Path) -> None:
    x = tone(20.0, 16_000)
    x[-1] = np.nan
    path = write(tmp_path / "a.wav", x, 16_000, subtype="FLOAT")
    assert [len(waveform) for waveform in read_spans(path, [Span(0, 1)])] == [16_000]


@pytest.mark.parametrize(
    "spans", [[Span(2, 3), Span(1, 2)], [Span(2, 1)], [Span(-1, 1)], [Span(float("nan"), 1)]]
)
def test_bad_spans(tmp_path: Path, spans: list[Span]) -> None:
    path = write(tmp_path / "a.wav", tone(5.0, 16_000), 16_000)
    with pytest.raises(ValueError, match="span"):
        list(read_spans(path, spans))


def test_missing_file(tmp_path: Path) -> None:
    assert_fails(tmp_path / "a.wav", "the audio file a.wav is missing")


def test_a_file_that_vanishes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.wav", tone(1.0, 16_000), 16_000)

    def vanishing(path: Path) -> AudioSource:
        source = open_source(path)
        path.unlink()
        return source

    monkeypatch.setattr(audio, "open_source", vanishing)
    with pytest.raises(DocumentError, match=r"cannot be decoded beyond 0\.0 s; copy"):
        list(read_spans(path, [Span(0, 1)]))


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    assert_fails(tmp_path / "a.wav", r"empty \(0 bytes\)")


def test_directory(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()
    assert_fails(tmp_path / "a.wav", "a directory")


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.txt", "a.raw", "a.ogg"])
def test_not_audio(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"Not audio, just a text. " * 100)
    assert_fails(tmp_path / name, f"{name} is damaged or not audio")


def test_no_samples(tmp_path: Path) -> None:
    assert_fails(write(tmp_path / "a.wav", tone(0, 16_000)), "holds no samples")


@EVERY_FORMAT
@pytest.mark.parametrize("share", [0.97, 0.5, 0.05])
def test_truncated(tmp_path: Path, extension: str, share: float) -> None:
    whole = write(tmp_path / f"a.{extension}", tone(20.0, 48_000))
    assert_fails(truncate(whole, share), r"ends after|cannot be decoded beyond|is damaged")


def test_truncated_mp3_names_both_lengths(tmp_path: Path) -> None:
    path = truncate(write(tmp_path / "a.mp3", tone(60.0, 48_000)), 0.205)
    assert_fails(path, r"ends after 12\.\d s of 60\.0 s; copy the file again")


@pytest.mark.parametrize("extension", ["flac", "mp3"])
def test_damaged_amid(tmp_path: Path, extension: str) -> None:
    path = write(tmp_path / f"a.{extension}", tone(20.0, 48_000))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 5_000] = bytes(5_000)
    path.write_bytes(data)
    assert_fails(path, r"cannot be decoded beyond \d+\.\d s|ends after 19\.\d s of 20\.0 s")


def test_wav_written_into_a_pipe(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(2.0, 16_000), 16_000)
    data = bytearray(path.read_bytes())
    data[40:44] = struct.pack("<I", 0xFFFF_FFFF)
    path.write_bytes(data)
    assert len(read_all(path)) == 32_000


def strip_length_header(path: Path) -> Path:
    """Drop the frame that tells an mp3 file's length, as old encoders left it out."""
    data = path.read_bytes()
    path.write_bytes(data[data.index(data[:2], 4) :])
    return path


def write_mp3(path: Path, *, growing: bool, bitrate_mode: str = "VARIABLE") -> Path:
    """Frames that grow or shrink, so that a guess of the length from the first goes wrong."""
    options = {"format": "MP3", "bitrate_mode": bitrate_mode, "compression_level": 0.5}
    loudness = np.linspace(0, 1, 20 * 44_100, dtype=np.float32) ** 4
    x = tone(20.0, 44_100)[:, 0] * (loudness if growing else loudness[::-1])
    with soundfile.SoundFile(path, "w", 44_100, 1, **options) as file:
        file.write(x)
    return strip_length_header(path)


def join(path: Path, extension: str) -> Path:
    """Two files end to end, of which libsndfile reads the first."""
    first = write(path.with_name(f"1.{extension}"), tone(5.0, 48_000))
    second = write(path.with_name(f"2.{extension}"), tone(3.0, 48_000))
    path.write_bytes(first.read_bytes() + second.read_bytes())
    return path


def unknown_lengths(folder: Path) -> dict[str, float]:
    """Files whose length libsndfile gets wrong, with their durations."""
    write_mp3(folder / "vbr.mp3", growing=False)
    join(folder / "joined.mp3", "mp3")
    join(folder / "joined.ogg", "ogg")
    return {"vbr.mp3": 20.0, "joined.mp3": 8.0, "joined.ogg": 8.0}


def test_unknown_length_is_never_cut_off_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "is_installed", lambda: False)
    for name in unknown_lengths(tmp_path):
        assert_fails(tmp_path / name, f"{name} tells no length.*install ffmpeg")


def test_mp3_without_length_header(tmp_path: Path) -> None:
    write_mp3(tmp_path / "cbr.mp3", growing=False, bitrate_mode="CONSTANT")
    write_mp3(tmp_path / "vbr.mp3", growing=True)
    for path in (tmp_path / "cbr.mp3", tmp_path / "vbr.mp3"):
        assert probe(path).duration_s == pytest.approx(20.0, abs=0.1)
        assert len(read_all(path)) / 16_000 == pytest.approx(20.0, abs=0.1)


def test_padding_of_telephone_speech_is_no_damage(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for n_samples in range(16_000, 18_304, 144):  # every way in which frames of 576 end
        path = tmp_path / f"{n_samples}.mp3"
        x = rng.normal(0, 0.01, n_samples).astype(np.float32)
        with soundfile.SoundFile(path, "w", 8_000, 1, format="MP3") as file:
            file.write(x)
        assert probe(path).duration_s == pytest.approx(n_samples / 8_000)


def test_mp3_with_tags(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", tone(5.0, 48_000))
    picture = b"\xff\xfb\x90\x00" * 300  # looks like headers of frames
    id3 = b"ID3\x04\x00\x00" + bytes([0, 0, len(picture) >> 7, len(picture) & 0x7F]) + picture
    path.write_bytes(id3 + path.read_bytes() + b"TAG" + bytes(125))
    assert len(read_all(path)) == 80_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(tmp_path: Path, value: float) -> None:
    x = tone(10.0, 16_000, 2)
    x[16_000 * 7 + 1_600, 1] = value
    path = write(tmp_path / "a.wav", x, 16_000, subtype="FLOAT")
    assert_fails(path, r"NaN or infinite samples after 7\.1 s")


@pytest.mark.parametrize("peak", [0.0, 0.9e-4])
def test_silence(tmp_path: Path, peak: float) -> None:
    x = np.float32(peak) * np.sign(tone(3.0, 16_000))
    assert_fails(write(tmp_path / "a.wav", x, 16_000, subtype="FLOAT"), "silent")


def test_silent_where_read(tmp_path: Path) -> None:
    x = tone(3.0, 16_000)
    x[:16_000] = 0
    path = write(tmp_path / "a.wav", x, 16_000)
    with pytest.raises(DocumentError, match="silent"):
        list(read_spans(path, [Span(0, 0.5), Span(0.5, 0.9)]))
    assert len(list(read_spans(path, [Span(0, 0.5), Span(0.5, 2)]))) == 2


def test_span_behind_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(3.0, 16_000), 16_000)
    with pytest.raises(DocumentError, match=r"ends before 5\.0 s"):
        list(read_spans(path, [Span(1, 2), Span(2, 5)]))
    assert [len(w) for w in read_spans(path, [Span(2, 3.1)])] == [16_000]


def test_import_is_light() -> None:
    code = "import sys, hilbert.stages.extract.recordings.audio; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert not {"torch", "librosa", "transformers", "scipy"} & set(modules.split())


needs_ffmpeg = pytest.mark.skipif(not ffmpeg.is_installed(), reason="ffmpeg is not installed")


def encode(path: Path, x: Waveform) -> Path:
    """Encode with ffmpeg, the index in front so that a truncated file still opens."""
    wav = write(path.with_suffix(".wav"), x)
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(wav), "-movflags", "faststart", str(path)], check=True
    )
    return path


@needs_ffmpeg
def test_ffmpeg_reads_the_rest(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", tone(10.0, 48_000, 2))
    assert probe(path) == AudioInfo(10.0, 48_000, 2)
    assert [len(w) for w in read_spans(path, [Span(0, 1), Span(0.5, 10)])] == [16_000, 152_000]
    assert next(read_spans(path, [Span(0, 1), Span(1, 2)])).shape == (16_000,)  # and stop
    assert_fails(truncate(path, 0.5), r"ends after [\d.]+ s of 10\.0 s")


@needs_ffmpeg
def test_ffmpeg_reads_unknown_lengths(tmp_path: Path) -> None:
    for name, duration_s in unknown_lengths(tmp_path).items():
        assert probe(tmp_path / name).duration_s == pytest.approx(duration_s, abs=0.15)
        assert len(read_all(tmp_path / name)) / 16_000 == pytest.approx(duration_s, abs=0.15)


@needs_ffmpeg
def test_ffmpeg_refuses_text(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no audio")
    assert_fails(tmp_path / "a.wav", "neither libsndfile nor ffmpeg reads it")


@pytest.fixture
def fake_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Install scripts in place of ffprobe and ffmpeg."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def install(header: str, body: str) -> None:
        for name, script in {"ffprobe": f"cat <<'E'\n{header}\nE", "ffmpeg": body}.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o700)

    return install


HEADER = '{"streams": [{"sample_rate": "16000", "channels": 1}], "format": {}}'


def test_pipe_from_ffmpeg(tmp_path: Path, fake_ffmpeg: Callable[[str, str], None]) -> None:
    x = tone(2.0, 16_000)[:, 0]
    (tmp_path / "samples").write_bytes(x.tobytes())
    (tmp_path / "a.m4a").write_bytes(b"unknown to libsndfile")
    fake_ffmpeg(HEADER, f"cat {tmp_path / 'samples'}")
    assert probe(tmp_path / "a.m4a").duration_s == 2.0
    np.testing.assert_array_equal(read_all(tmp_path / "a.m4a"), x)
    fake_ffmpeg(HEADER, f"cat {tmp_path / 'samples'}; exit 1")
    assert_fails(tmp_path / "a.m4a", r"cannot be decoded beyond 2\.0 s")
    fake_ffmpeg("{}", "exit 1")
    assert_fails(tmp_path / "a.m4a", "neither libsndfile nor ffmpeg reads it")


def test_real_recordings(test_data: Path) -> None:
    path = test_data / "osce-sample" / "audio" / "CAR0004.opus"
    info = probe(path)
    assert info.duration_s == pytest.approx(448.3, abs=0.1)
    spans = [Span(0, 10), Span(200, 230), Span(440, info.duration_s)]
    whole = decode_whole(path)
    for span, waveform in zip(spans, read_spans(path, spans), strict=True):
        expected = whole[round(span.start_s * 16_000) : round(span.end_s * 16_000)]
        np.testing.assert_allclose(waveform, expected, rtol=0, atol=1e-6)
