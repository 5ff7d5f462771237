"""Load a frozen text model and its tokenizer from a Hugging Face folder."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, AutoTokenizer

from hilbert.stages.extract.encoders.checkpoints import shown, without_paths
from hilbert.store.errors import HilbertError


def load_text_model(folder: Path, device: torch.device) -> tuple[Any, Any]:
    """Tokenizer and frozen float32 model; of an encoder-decoder model, the encoder.

    Raises
    ------
    HilbertError
        If transformers cannot load the folder, or its weights do not fit its config.json.
    """
    _require_sentencepiece(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        kind = AutoModelForTextEncoding if _has_encoder_class(config) else AutoModel
        model, report = kind.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            ignore_mismatched_sizes=True,  # told by `_check_whole`, which names the tensor
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises whatever a model's own code raises
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise HilbertError(
            f"transformers cannot load {shown(folder)} as a text encoder:"
            f" {type(error).__name__}: {without_paths(reason, folder)}"
        ) from error
    has_decoder = bool(config.is_encoder_decoder) or kind is AutoModelForTextEncoding
    _check_whole(folder, report, has_decoder=has_decoder)
    encoder = model.get_encoder() if has_decoder else model
    return tokenizer, encoder.to(device).eval()


def _has_encoder_class(config: Any) -> bool:
    """Whether the encoder has a class of its own, as T5's has: then no decoder takes memory.

    A folder may hold the encoder alone and say that it has no decoder.
    """
    by_config: Any = AutoModelForTextEncoding._model_mapping  # its values carry no types
    return type(config) in by_config and by_config[type(config)].__name__.endswith("EncoderModel")


def _require_sentencepiece(folder: Path) -> None:
    """Say what is missing: transformers would go on and fail over something else."""
    needs = not (folder / "tokenizer.json").exists() and any(folder.glob("*.model"))
    if needs and not all(map(_is_installed, ("sentencepiece", "google.protobuf"))):
        raise HilbertError(
            f"The tokenizer of {shown(folder)} is a SentencePiece model, which needs another"
            " package: pip install 'hilbert-speech[text]'."
        )


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the package it is in
        return False


def _check_whole(folder: Path, report: Mapping[str, Any], *, has_decoder: bool) -> None:
    """Refuse weights that transformers made up: it fills what a file lacks with random numbers.

    Poolers, and the decoder of an encoder-decoder model, may be missing: no feature depends
    on them.
    """
    mismatched = {name for name, *_ in report["mismatched_keys"]}  # with both shapes
    for what, names in (
        ("tensors of another shape", mismatched),
        ("tensors missing", set(report["missing_keys"]) - mismatched),
    ):
        if needed := sorted(name for name in names if _is_needed(name, has_decoder)):
            raise HilbertError(
                f"The weights in {shown(folder)} do not fit its config.json: {what}: {len(needed)}"
                f" (first: {needed[0]}). Copy or save the model again, weights and config.json"
                " together."
            )


def _is_needed(tensor: str, has_decoder: bool) -> bool:
    parts = tensor.split(".")
    return "pooler" not in parts and not (has_decoder and "decoder" in parts[:2])
