"""What a model's ``config.json`` says, read without transformers."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hilbert.stages.extract.encoders.audio_config import FAMILIES
from hilbert.stages.extract.encoders.checkpoints import read_json, shown
from hilbert.store.errors import HilbertError
from hilbert.store.types import Modality

DEFAULT_MAX_TOKENS = 512
"""For models without a limit of their own: attention's memory is quadratic in the length."""

_UNSUPPORTED_AUDIO = frozenset(
    {
        "audio-spectrogram-transformer",
        "clap",
        "encodec",
        "mctct",
        "moonshine",
        "seamless_m4t",
        "sew",
        "sew-d",
        "speech_to_text",
        "speecht5",
        "unispeech",
        "unispeech-sat",
        "wav2vec2-conformer",
    }
)
# Position embeddings of these start after the padding's index.
_OFFSET_POSITIONS = frozenset(
    {
        "camembert",
        "data2vec-text",
        "longformer",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
        "xlm-roberta-xl",
        "xmod",
    }
)
# What a config.json may hold that no frozen forward pass depends on.
_IRRELEVANT = frozenset(
    {
        "_name_or_path",
        "architectures",
        "transformers_version",
        "torch_dtype",
        "dtype",
        "use_cache",
        "gradient_checkpointing",
        "initializer_range",
        "initializer_factor",
        "id2label",
        "label2id",
        "problem_type",
        "task_specific_params",
        "classifier_dropout",
    }
)
_MAX_SENSIBLE_TOKENS = 1_000_000  # tokenizers without a limit say 1e30


def modality_of(folder: Path, config: Mapping[str, Any]) -> Modality:
    """Whether the folder holds an audio or a text encoder.

    Raises
    ------
    HilbertError
        If it is an audio model of a type that is not supported.
    """
    model_type = config.get("model_type")
    if model_type in FAMILIES:
        return "audio"
    preprocessor = folder / "preprocessor_config.json"
    hears = preprocessor.exists() and "sampling_rate" in read_json(preprocessor)
    if model_type in _UNSUPPORTED_AUDIO or hears:
        raise HilbertError(
            f"Audio models of type {model_type} are not supported ({folder.name}). Use a folder or"
            f" an id of one of these types: {', '.join(FAMILIES)}."
        )
    return "text"


def n_layers_of(config: Mapping[str, Any]) -> int:
    """Number of layers of the encoder."""
    names = ("encoder_layers", "num_hidden_layers", "num_layers", "n_layers", "n_layer")
    return _first_number(config, names)


def width_of(config: Mapping[str, Any]) -> int:
    """Width of the encoder's hidden states."""
    return _first_number(config, ("d_model", "hidden_size", "dim", "n_embd"))


def max_tokens_of(folder: Path, config: Mapping[str, Any]) -> int:
    """Longest input of a text model in tokens, special tokens included.

    The least of what the model's positions, its tokenizer and, for a sentence-transformers
    model, its training allow.

    Raises
    ------
    HilbertError
        If one of them is not a number.
    """
    candidates: list[float | None] = [_n_positions(config)]
    for file, name in (
        ("tokenizer_config.json", "model_max_length"),
        ("sentence_bert_config.json", "max_seq_length"),
    ):
        if (folder / file).exists():
            candidates.append(_number_in(folder / file, name))
    limits = [int(n) for n in candidates if n is not None and 0 < n < _MAX_SENSIBLE_TOKENS]
    return min(limits, default=DEFAULT_MAX_TOKENS)


def text_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What besides the tensors may decide what a text encoder computes: nearly everything."""
    return {
        name: value
        for name, value in config.items()
        if name not in _IRRELEVANT and not name.endswith(("dropout", "dropout_prob"))
    }


def _number_in(file: Path, name: str) -> float | None:
    value = read_json(file).get(name)
    if value is None or isinstance(value, int | float):
        return value
    raise HilbertError(
        f"{shown(file)}: {name} must be a number, not {value!r}. Mend it or leave it out."
    )


def _n_positions(config: Mapping[str, Any]) -> int | None:
    for name in ("max_position_embeddings", "n_positions"):
        if isinstance(n_positions := config.get(name), int):
            offset = config.get("model_type") in _OFFSET_POSITIONS
            return n_positions - (int(config.get("pad_token_id") or 1) + 1 if offset else 0)
    return None


def _first_number(config: Mapping[str, Any], names: Iterable[str]) -> int:
    for name in names:
        if isinstance(value := config.get(name), int):
            return value
    raise HilbertError(f"The model's config.json says none of {', '.join(names)}.")
