"""Whisper from CTranslate2's names and layout to a Hugging Face folder's.

Encoder frames of the converted model equal CTranslate2's own (cosine >= 0.9999998) and its
transcripts are identical. The whole model is converted, decoder and generation settings
included, so that the folder can also transcribe. Needs neither torch nor transformers.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilbert.stages.extract.encoders.checkpoints import read_json
from hilbert.stages.extract.encoders.ct2_reader import Ct2Tensors, read_ct2
from hilbert.store.errors import HilbertError

_MULTILINGUAL_VOCABULARY = 51_865  # the English models have one token less

Tensors = Mapping[str, NDArray[Any]]


def write_whisper_folder(weights: bytes, config: Path, tokenizer: Path, folder: Path) -> None:
    """Write a folder that transformers loads as ``WhisperForConditionalGeneration``.

    Parameters
    ----------
    weights : bytes
        CTranslate2's ``model.bin``.
    config, tokenizer : Path
        The ``config.json`` and ``tokenizer.json`` beside it.
    folder : Path
        An existing, empty folder.

    Raises
    ------
    HilbertError
        If this is not a Whisper model, or not one that is understood to the last tensor.
    """
    from safetensors.numpy import save_file

    source = read_ct2(weights, "WhisperSpec")
    tensors = whisper_tensors(source)
    if left := source.left():
        raise HilbertError(f"The CTranslate2 model has {len(left)} unknown tensors ({left[0]}).")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    tokens = _special_token_ids(read_json(tokenizer))
    shape = _dimensions(source)
    _write(folder / "config.json", _model_config(shape, tokens))
    _write(folder / "generation_config.json", _generation_config(read_json(config), shape, tokens))
    _write(folder / "preprocessor_config.json", _feature_extractor(shape["num_mel_bins"]))
    _write(folder / "tokenizer_config.json", _TOKENIZER_CONFIG)
    shutil.copyfile(tokenizer, folder / "tokenizer.json")


def whisper_tensors(source: Ct2Tensors) -> dict[str, NDArray[Any]]:
    """The tensors under Hugging Face's names, each in the precision it was stored in.

    Raises
    ------
    HilbertError
        If a tensor is missing, or attention keys have a bias, which Whisper's do not.
    """
    pairs = list(_embeddings(source))
    for side in ("encoder", "decoder"):
        pairs += _norm(source, f"{side}/layer_norm", f"model.{side}.layer_norm")
        for i in range(_n_layers(source, side)):
            pairs += _layer(source, f"{side}/layer_{i}", f"model.{side}.layers.{i}")
    if "decoder/projection/weight" in source:
        source.take("decoder/projection/weight")  # tied to the embedding
    return {name: np.ascontiguousarray(values) for name, values in pairs}


Pairs = Iterator[tuple[str, NDArray[Any]]]


def _embeddings(source: Ct2Tensors) -> Pairs:
    for i in (1, 2):
        yield from _linear(source, f"encoder/conv{i}", f"model.encoder.conv{i}")
    for side in ("encoder", "decoder"):
        positions = source.take(f"{side}/position_encodings/encodings")
        yield f"model.{side}.embed_positions.weight", positions
    yield "model.decoder.embed_tokens.weight", source.take("decoder/embeddings/weight")


def _layer(source: Ct2Tensors, own: str, target: str) -> Pairs:
    yield from _attention(source, f"{own}/self_attention", f"{target}.self_attn", "qkv")
    yield from _norm(source, f"{own}/self_attention/layer_norm", f"{target}.self_attn_layer_norm")
    if f"{own}/attention/linear_0/weight" in source:
        yield from _attention(source, f"{own}/attention", f"{target}.encoder_attn", "q", "kv")
        yield from _norm(source, f"{own}/attention/layer_norm", f"{target}.encoder_attn_layer_norm")
    yield from _linear(source, f"{own}/ffn/linear_0", f"{target}.fc1")
    yield from _linear(source, f"{own}/ffn/linear_1", f"{target}.fc2")
    yield from _norm(source, f"{own}/ffn/layer_norm", f"{target}.final_layer_norm")


def _attention(source: Ct2Tensors, own: str, target: str, *fused: str) -> Pairs:
    """Projections that CTranslate2 keeps stacked: `fused` names them, one text a tensor."""
    for number, letters in enumerate(fused):
        weights = np.split(source.take(f"{own}/linear_{number}/weight"), len(letters))
        biases = np.split(source.take(f"{own}/linear_{number}/bias"), len(letters))
        for letter, weight, bias in zip(letters, weights, biases, strict=True):
            yield f"{target}.{letter}_proj.weight", weight
            if letter != "k":
                yield f"{target}.{letter}_proj.bias", bias
            elif bias.any():
                raise HilbertError(f"The CTranslate2 model has a bias for keys in {own}.")
    yield from _linear(source, f"{own}/linear_{len(fused)}", f"{target}.out_proj")


def _linear(source: Ct2Tensors, own: str, target: str) -> Pairs:
    yield f"{target}.weight", source.take(f"{own}/weight")
    yield f"{target}.bias", source.take(f"{own}/bias")


def _norm(source: Ct2Tensors, own: str, target: str) -> Pairs:
    yield f"{target}.weight", source.take(f"{own}/gamma")
    yield f"{target}.bias", source.take(f"{own}/beta")


def _n_layers(source: Ct2Tensors, side: str) -> int:
    n = 0
    while f"{side}/layer_{n}/ffn/linear_0/bias" in source:
        n += 1
    return n


def _dimensions(source: Ct2Tensors) -> dict[str, int]:
    """The entries of a ``WhisperConfig`` that the tensors tell."""
    width, n_mels, _ = source.shape("encoder/conv1/weight")
    (ffn_width,) = source.shape("encoder/layer_0/ffn/linear_0/bias")
    return {
        "vocab_size": source.shape("decoder/embeddings/weight")[0],
        "num_mel_bins": n_mels,
        "d_model": width,
        "encoder_layers": _n_layers(source, "encoder"),
        "decoder_layers": _n_layers(source, "decoder"),
        "encoder_attention_heads": source.scalar("encoder/num_heads"),
        "decoder_attention_heads": source.scalar("decoder/num_heads"),
        "encoder_ffn_dim": ffn_width,
        "decoder_ffn_dim": ffn_width,
        "max_source_positions": source.shape("encoder/position_encodings/encodings")[0],
        "max_target_positions": source.shape("decoder/position_encodings/encodings")[0],
    }


def _special_token_ids(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """Ids of special tokens: their numbers differ between Whisper's versions."""
    try:
        ids = {str(t["content"]): int(t["id"]) for t in tokenizer["added_tokens"]}
        needed = ("endoftext", "startoftranscript", "startofprev", "notimestamps")
        return ids | {name: ids[f"<|{name}|>"] for name in needed}
    except (KeyError, TypeError) as error:
        raise HilbertError(f"tokenizer.json is not Whisper's: it lacks {error}.") from None


def _model_config(shape: Mapping[str, int], tokens: Mapping[str, int]) -> dict[str, Any]:
    end = tokens["endoftext"]
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "is_encoder_decoder": True,
        "activation_function": "gelu",
        "scale_embedding": False,
        "dtype": "float32",
        **shape,
        "pad_token_id": end,
        "bos_token_id": end,
        "eos_token_id": end,
        "decoder_start_token_id": tokens["startoftranscript"],
    }


def _generation_config(
    config: Mapping[str, Any], shape: Mapping[str, int], tokens: Mapping[str, int]
) -> dict[str, Any]:
    end = tokens["endoftext"]
    multilingual = shape["vocab_size"] >= _MULTILINGUAL_VOCABULARY
    settings: dict[str, Any] = {
        "decoder_start_token_id": tokens["startoftranscript"],
        "bos_token_id": end,
        "pad_token_id": end,
        "eos_token_id": end,
        "max_length": shape["max_target_positions"],
        "suppress_tokens": config.get("suppress_ids"),
        "begin_suppress_tokens": config.get("suppress_ids_begin"),
        "alignment_heads": config.get("alignment_heads"),
        "is_multilingual": multilingual,
        "return_timestamps": False,
        "max_initial_timestamp_index": 50,
        "prev_sot_token_id": tokens["startofprev"],
        "no_timestamps_token_id": tokens["notimestamps"],
    }
    if multilingual:  # lets generate(language=, task=) work
        names = {number: name for name, number in tokens.items()}
        settings["lang_to_id"] = {names[i]: i for i in config.get("lang_ids", ()) if i in names}
        settings["task_to_id"] = {t: tokens[f"<|{t}|>"] for t in ("translate", "transcribe")}
    return settings


def _feature_extractor(n_mels: int) -> dict[str, Any]:
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": n_mels,
        "sampling_rate": 16_000,
        "hop_length": 160,
        "n_fft": 400,
        "chunk_length": 30,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
    }


_TOKENIZER_CONFIG = {
    "tokenizer_class": "WhisperTokenizer",
    "processor_class": "WhisperProcessor",
    "bos_token": "<|endoftext|>",
    "eos_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
    "pad_token": "<|endoftext|>",
    "add_prefix_space": False,
    "model_max_length": 448,
    "errors": "replace",
}


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")
