"""What the files of an audio model say of it, read without torch or transformers."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from hilbert.stages.extract.encoders.checkpoints import (
    NameFilter,
    read_json,
    shown,
    w2v_bert_encoder_tensor,
    waveform_encoder_tensor,
    whisper_encoder_tensor,
)
from hilbert.stages.extract.encoders.windows import FRAME_SAMPLES, SAMPLING_RATE, WINDOW_FRAMES
from hilbert.store.errors import HilbertError

Family = Literal["whisper", "waveform", "w2v-bert"]

FAMILIES: Mapping[str, Family] = {
    "whisper": "whisper",
    "wav2vec2": "waveform",
    "hubert": "waveform",
    "wavlm": "waveform",
    "data2vec-audio": "waveform",
    "wav2vec2-bert": "w2v-bert",
}
"""Family of each type of model that is run, which decides how it hears a window."""

TENSORS: Mapping[Family, tuple[str, NameFilter]] = {
    "whisper": ("audio tensors", whisper_encoder_tensor),
    "waveform": ("waveform tensors", waveform_encoder_tensor),
    "w2v-bert": ("w2v-bert tensors", w2v_bert_encoder_tensor),
}
"""The tensors that count, by the name under which their digest is remembered."""

FBANK_SAMPLES, FBANK_HOP_SAMPLES = 400, 160
"""Samples of one mel frame of w2v-BERT, and from one to the next; fixed in its extractor."""

# What besides the tensors decides what an encoder computes, with transformers' defaults.
_WHISPER: Mapping[str, Any] = {
    "activation_function": "gelu",
    "encoder_attention_heads": None,
    "scale_embedding": False,
}
_WAVEFORM: Mapping[str, Any] = {
    "conv_stride": (5, 2, 2, 2, 2, 2, 2),
    "feat_extract_activation": "gelu",
    "feat_extract_norm": "group",
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "num_attention_heads": 12,
}
_OF_ONE_TYPE: Mapping[str, Mapping[str, Any]] = {
    "wav2vec2": {"do_stable_layer_norm": False},
    "hubert": {
        "do_stable_layer_norm": False,
        "feat_proj_layer_norm": True,
        "conv_pos_batch_norm": False,
    },
    "wavlm": {"do_stable_layer_norm": False, "max_bucket_distance": 800},
    "data2vec-audio": {"num_conv_pos_embeddings": 5},
}
_W2V_BERT: Mapping[str, Any] = {
    "hidden_act": "swish",
    "layer_norm_eps": 1e-5,
    "left_max_position_embeddings": 64,
    "num_attention_heads": 16,
    "position_embeddings_type": "relative_key",
    "rotary_embedding_base": 10_000,
}
_FBANK: Mapping[str, Any] = {"feature_size": 80, "num_mel_bins": 80, "stride": 2}


def audio_settings(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """What besides the tensors decides what an audio encoder computes.

    Raises
    ------
    HilbertError
        If it is a Whisper with another window than 30 s, or the model's preprocessor_config.json
        is missing or asks for another sampling rate than 16 kHz.
    """
    kind = config["model_type"]
    if FAMILIES[kind] == "whisper":
        return _whisper_settings(config)
    if FAMILIES[kind] == "w2v-bert":
        return {**_chosen(config, _W2V_BERT), "fbank": fbank_settings(folder)}
    defaults = {**_WAVEFORM, **_OF_ONE_TYPE[kind]}
    return {"type": kind, **_chosen(config, defaults), "normalised": is_normalised(folder)}


def frame_samples_of(config: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """Samples at 16 kHz from one frame of an audio encoder to the next; 320 in most models."""
    family = FAMILIES[config["model_type"]]
    if family == "w2v-bert":
        return FBANK_HOP_SAMPLES * int(settings["fbank"]["stride"])
    return conv_stride_samples(config) if family == "waveform" else FRAME_SAMPLES


def conv_stride_samples(config: Mapping[str, Any]) -> int:
    """Samples from one frame to the next after the convolutions of a waveform model."""
    return math.prod(config.get("conv_stride", _WAVEFORM["conv_stride"]))


def conv_receptive_samples(config: Mapping[str, Any]) -> int:
    """Samples that one frame is made of, the fewest such a model can hear; 400 in most."""
    n_samples = 1
    convolutions = list(zip(config["conv_kernel"], config["conv_stride"], strict=True))
    for kernel, stride in reversed(convolutions):
        n_samples = (n_samples - 1) * stride + kernel
    return n_samples


def is_normalised(folder: Path) -> bool:
    """Whether a waveform model wants samples of zero mean and unit variance."""
    return bool(_preprocessor(folder).get("do_normalize", True))


def fbank_settings(folder: Path) -> dict[str, Any]:
    """How w2v-BERT's mel features are made."""
    return _chosen(_preprocessor(folder), _FBANK)


def _whisper_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    if (n_positions := config.get("max_source_positions", WINDOW_FRAMES)) != WINDOW_FRAMES:
        raise HilbertError(
            f"This Whisper has {n_positions} positions; only {WINDOW_FRAMES} (30 s) are supported."
        )
    return _chosen(config, _WHISPER)


def _chosen(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: config.get(name, default) for name, default in defaults.items()}


def _preprocessor(folder: Path) -> Mapping[str, Any]:
    """The feature extractor's settings; they cannot be guessed from the model."""
    found: Mapping[str, Any] = {}
    if (file := folder / "preprocessor_config.json").exists():
        found = read_json(file)
    elif (file := folder / "processor_config.json").exists():
        found = read_json(file).get("feature_extractor") or {}
    if not found:
        raise HilbertError(
            f"{shown(folder)} has no preprocessor_config.json, which says how this model wants its"
            " sound. Copy it from where the model came from."
        )
    if (rate := found.get("sampling_rate", SAMPLING_RATE)) != SAMPLING_RATE:
        raise HilbertError(
            f"{shown(file)} asks for {rate} Hz; only models of {SAMPLING_RATE} Hz are supported."
        )
    return found
