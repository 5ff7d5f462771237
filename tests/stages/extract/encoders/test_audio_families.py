"""Every family against a direct call of transformers on the same samples."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from hilbert.stages.extract.encoders.audio import AudioEncoder
from hilbert.stages.extract.encoders.base import (
    Context,
    Encoded,
    EncodeJob,
    EncoderOptions,
    Precision,
)
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
from hilbert.store.errors import HilbertError
from hilbert.store.types import Segment
from support import tiny_models

RATE = 16_000
TOLERANCE = 2e-3
"""What the towers state: float16 features of about unit size, within rounding."""

FAMILIES = (*tiny_models.WAVEFORM_MODELS, "w2v-bert", "whisper-80", "whisper-128")
UNPADDED = (*tiny_models.WAVEFORM_MODELS, "w2v-bert")

Sound = NDArray[np.float32]
Chirp = Callable[..., Sound]
WriteWav = Callable[[str, Sound], Path]


def saved(folder: Path, family: str) -> Path:
    if family == "w2v-bert":
        return tiny_models.save_w2v_bert(folder / family)
    if family.startswith("whisper"):
        n_mels = int(family.removeprefix("whisper-"))
        path = tiny_models.save_whisper(folder / family, n_mels)
        extractor = {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": n_mels}
        (path / "preprocessor_config.json").write_text(json.dumps(extractor))
        return path
    return tiny_models.save_waveform_model(folder / family, family)


def direct(folder: Path, wave: Sound) -> list[Sound]:
    """All hidden states of one window, (n_frames, width), by a plain call of transformers.

    The last is the model's last hidden state, whatever transformers puts at the end of its list.
    """
    from transformers import AutoFeatureExtractor, AutoModel

    extractor = AutoFeatureExtractor.from_pretrained(folder)
    inputs = extractor(wave, sampling_rate=RATE, return_tensors="pt")
    model = AutoModel.from_pretrained(folder).eval()
    n_frames = None
    if model.config.model_type == "whisper":
        model, n_frames = model.encoder, -(-len(wave) // 320)
    if model.config.model_type == "wav2vec2-bert":
        n_frames = int(inputs["attention_mask"].sum())
    with torch.inference_mode():
        output = model(**inputs, output_hidden_states=True)
    states = [*output.hidden_states[:-1], output.last_hidden_state]
    return [np.asarray(state[0, :n_frames].numpy()) for state in states]


def rows(encoder: AudioEncoder | Any, job: EncodeJob) -> NDArray[np.float16]:
    (result,) = encoder.encode([job])
    assert isinstance(result, Encoded), result
    return result.x


def loaded(
    folder: Path,
    layer: int | str = -1,
    pooling: Any = "mean+std",
    context: Context = "isolated",
    precision: Precision = "fp32",
) -> Any:
    options = EncoderOptions(layer, pooling, context, precision)
    return load_encoder(resolve_encoder(str(folder), options), device="cpu")


def job(audio: Path, *spans: tuple[str, float, float]) -> EncodeJob:
    return EncodeJob("d", tuple(Segment("audio", *span) for span in spans), audio)


def statistics(frames: Sound) -> Sound:
    return np.concatenate([frames.mean(0), frames.std(0)])


@pytest.mark.parametrize("family", FAMILIES)
def test_an_isolated_segment_is_what_transformers_gives_at_every_layer(
    family: str, tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    folder = saved(tmp_path, family)
    wave = chirp(3.0)
    spoken = job(write_wav("a", wave), ("A", 0.5, 1.77))
    states = direct(folder, wave[RATE // 2 : round(1.77 * RATE)])
    assert len(states) == 4
    for layer, state in enumerate(states):
        (found,) = rows(loaded(folder, layer), spoken)
        np.testing.assert_allclose(found, statistics(state), atol=TOLERANCE, err_msg=str(layer))


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_averaged_and_side_by_side_at_each_pooling(
    family: str, tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    folder = saved(tmp_path, family)
    wave = chirp(1.3)
    spoken = job(write_wav("a", wave), ("A", 0, 1.3))
    states = direct(folder, wave)
    frames = np.concatenate([np.mean(states[0:3], axis=0), states[3], states[1]], axis=1)
    expected = {
        "mean": frames.mean(0, keepdims=True),
        "mean+std": statistics(frames)[None],
        "max": frames.max(0, keepdims=True),
        "frames": frames,
    }
    for pooling, wanted in expected.items():
        found = rows(loaded(folder, "0..2,-1,1", pooling), spoken)
        np.testing.assert_allclose(found, wanted, atol=TOLERANCE, err_msg=pooling)


@pytest.mark.parametrize("family", UNPADDED)
def test_a_packed_window_is_speech_with_silence_between_and_nothing_after(
    family: str, tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    folder = saved(tmp_path, family)
    wave = chirp(4.0)
    spoken = job(write_wav("a", wave), ("A", 0, 1), ("A", 2, 3.5))
    gap = np.zeros(RATE // 5, np.float32)
    window = np.concatenate([wave[:RATE], gap, wave[2 * RATE : round(3.5 * RATE)]])
    frames = direct(folder, window)[-1]
    expected = np.stack([statistics(frames[:50]), statistics(frames[60:])])
    found = rows(loaded(folder, context="packed"), spoken)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


@pytest.mark.parametrize("family", UNPADDED)
def test_a_segment_that_is_alone_in_its_window_is_as_if_isolated(
    family: str, tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    folder = saved(tmp_path, family)
    spoken = job(write_wav("a", chirp(4.0)), ("A", 0, 1.1), ("B", 1.1, 3.9))
    packed = rows(loaded(folder, context="packed"), spoken)
    np.testing.assert_array_equal(packed, rows(loaded(folder), spoken))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("batch_size", [2, 5])
def test_a_window_s_features_do_not_depend_on_what_else_is_in_its_batch(
    family: str, batch_size: int, tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    folder = saved(tmp_path, family)
    durations = [1.0, 2.5, 1.0, 0.3, 2.5, 1.0, 1.7, 1.0]
    jobs = [
        EncodeJob(
            str(i),
            (Segment("audio", "A", 0, duration_s),),
            write_wav(str(i), chirp(3, seed=i) * 10.0 ** (i % 3 - 1)),
        )
        for i, duration_s in enumerate(durations)
    ]
    encoder = loaded(folder)
    alone = [rows(encoder, one) for one in jobs]
    batched = AudioEncoder(
        encoder.info, encoder._tower, EncoderOptions(context="isolated"), batch_size=batch_size
    )
    found = {result.id: result for result in batched.encode(jobs)}
    assert sorted(found) == [one.id for one in jobs]
    for one, x in zip(jobs, alone, strict=True):
        result = found[one.id]
        assert isinstance(result, Encoded)
        np.testing.assert_allclose(result.x, x, atol=TOLERANCE)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_segment_has_a_frame_however_short(
    family: str, tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    folder = saved(tmp_path, family)
    audio = write_wav("a", chirp(2.0))
    spans = [("A", 0, 0.01), ("A", 1, 1), ("A", 1.5, 1.53), ("B", 1.6, 1.6), ("A", 1.99, 2.0)]
    for context in ("packed", "isolated"):
        encoder = loaded(folder, pooling="frames", context=context)  # type: ignore[arg-type]
        (result,) = encoder.encode([job(audio, *spans)])
        assert isinstance(result, Encoded), result
        assert result.n_rows is not None
        assert min(result.n_rows) >= 1
        assert sum(result.n_rows) == len(result.x)


@pytest.mark.parametrize("family", FAMILIES)
def test_frames_are_those_that_are_pooled(
    family: str, tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    folder = saved(tmp_path, family)
    spoken = job(write_wav("a", chirp(5.0)), ("A", 0, 1.25), ("B", 1.25, 2), ("A", 2, 4.4))
    pooled = rows(loaded(folder, pooling="mean", context="packed"), spoken)
    (result,) = loaded(folder, pooling="frames", context="packed").encode([spoken])
    assert isinstance(result, Encoded)
    assert result.n_rows is not None
    for i, frames in enumerate(np.split(result.x, np.cumsum(result.n_rows)[:-1])):
        np.testing.assert_allclose(frames.mean(0, dtype=np.float32), pooled[i], atol=TOLERANCE)


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_stays_close(
    family: str, tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    folder = saved(tmp_path, family)
    spoken = job(write_wav("a", chirp(2.0)), ("A", 0, 2))
    full = rows(loaded(folder), spoken).astype(np.float64)
    half = rows(loaded(folder, precision="bf16"), spoken).astype(np.float64)
    cosine = (full * half).sum() / np.sqrt((full**2).sum() * (half**2).sum())
    assert cosine > 0.998


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tensor_that_is_missing_is_refused_by_name(family: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, family)
    weights = load_file(folder / "model.safetensors")
    (lost,) = (n for n in weights if "encoder.layers.1.fin" in n and n.endswith("weight"))
    del weights[lost]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(HilbertError, match=r"do not fit its config.json: .*final_layer_norm"):
        loaded(folder)


def head_model(name: str) -> Any:
    """The same encoder under a head for speech recognition."""
    from transformers import AutoModelForCTC

    inner = tiny_models.make_w2v_bert() if name == "w2v-bert" else None
    inner = inner or tiny_models.make_waveform_model(name)
    inner.config.vocab_size = 8
    model = AutoModelForCTC.from_config(inner.config)
    getattr(model, model.base_model_prefix).load_state_dict(inner.state_dict())
    return model


@pytest.mark.parametrize("family", UNPADDED)
def test_one_identity_whatever_the_form_of_the_file(
    family: str, tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    folder = saved(tmp_path, family)
    spoken = job(write_wav("a", chirp(1.0)), ("A", 0, 1))
    first = resolve_encoder(str(folder), EncoderOptions())
    expected = rows(loaded(folder), spoken)

    head_model(family).save_pretrained(folder)  # other names, and tensors of a head
    assert resolve_encoder(str(folder), EncoderOptions()).info.fingerprint == first.info.fingerprint
    np.testing.assert_array_equal(rows(loaded(folder), spoken), expected)

    old = {".original0": ".weight_g", ".original1": ".weight_v"}
    weights = load_file(folder / "model.safetensors")
    for name in list(weights):
        stem, _, part = name.partition(".parametrizations.weight")
        if part:
            weights[stem + old[part]] = weights.pop(name)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    if family not in ("data2vec-audio", "w2v-bert"):
        assert any(name.endswith("weight_g") for name in weights)
    assert resolve_encoder(str(folder), EncoderOptions()).info.fingerprint == first.info.fingerprint
    np.testing.assert_array_equal(rows(loaded(folder), spoken), expected)


@pytest.mark.parametrize(
    ("family", "option", "value"),
    [
        ("wav2vec2", "num_attention_heads", 4),
        ("wav2vec2", "conv_stride", [5, 2, 2, 2, 2, 2, 1]),
        ("wavlm", "max_bucket_distance", 400),
        ("w2v-bert", "hidden_act", "gelu"),
    ],
)
def test_what_decides_the_result_is_in_the_fingerprint(
    family: str, option: str, value: object, tmp_path: Path
) -> None:
    folder = saved(tmp_path, family)
    before = resolve_encoder(str(folder), EncoderOptions()).info.fingerprint
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, option: value}))
    assert resolve_encoder(str(folder), EncoderOptions()).info.fingerprint != before


def test_what_training_alone_needs_is_not(tmp_path: Path) -> None:
    folder = saved(tmp_path, "hubert")
    before = resolve_encoder(str(folder), EncoderOptions()).info.fingerprint
    config = json.loads((folder / "config.json").read_text())
    config |= {"layerdrop": 0.5, "mask_time_prob": 0.3, "transformers_version": "4", "ctc": 1}
    (folder / "config.json").write_text(json.dumps(config))
    assert resolve_encoder(str(folder), EncoderOptions()).info.fingerprint == before


@pytest.mark.parametrize("family", ["wavlm", "w2v-bert"])
def test_how_a_model_wants_its_sound_is_read_and_never_guessed(family: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, family)
    options = EncoderOptions()
    file = folder / "preprocessor_config.json"
    before = resolve_encoder(str(folder), options).info.fingerprint
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({**settings, "do_normalize": True, "stride": 1}))
    assert resolve_encoder(str(folder), options).info.fingerprint != before
    file.write_text(json.dumps({**settings, "sampling_rate": 8000}))
    with pytest.raises(HilbertError, match="asks for 8000 Hz"):
        resolve_encoder(str(folder), options)
    file.unlink()
    with pytest.raises(HilbertError, match=rf"{family} has no preprocessor_config.json"):
        resolve_encoder(str(folder), options)
    (folder / "processor_config.json").write_text(json.dumps({"feature_extractor": settings}))
    assert resolve_encoder(str(folder), options).info.fingerprint == before


@pytest.mark.parametrize("positions", ["relative", "rotary", "relative_key"])
def test_positions_of_w2v_bert_that_are_in_no_file(
    positions: str, tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    folder = tiny_models.save_w2v_bert(tmp_path / "w2v", position_embeddings_type=positions)
    wave = chirp(1.5)
    (found,) = rows(loaded(folder), job(write_wav("a", wave), ("A", 0, 1.5)))
    np.testing.assert_allclose(found, statistics(direct(folder, wave)[-1]), atol=TOLERANCE)


def test_adapters_are_not_run(tmp_path: Path, chirp: Chirp, write_wav: WriteWav) -> None:
    folder = saved(tmp_path, "wav2vec2")
    spoken = job(write_wav("a", chirp(1.5)), ("A", 0, 1.5))
    expected = rows(loaded(folder), spoken)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "add_adapter": True}))
    np.testing.assert_array_equal(rows(loaded(folder), spoken), expected)


def test_sound_of_any_level_is_heard_alike_where_it_is_normalised(
    tmp_path: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    wave = chirp(1.0)
    quiet = job(write_wav("quiet", wave / 100), ("A", 0, 1))
    loud = job(write_wav("loud", wave), ("A", 0, 1))
    for family, is_alike in (("hubert", True), ("wavlm", False)):
        encoder = loaded(saved(tmp_path, family))
        same: Sequence[bool] = np.isclose(rows(encoder, quiet), rows(encoder, loud), atol=5e-3)
        assert np.all(same) == is_alike
