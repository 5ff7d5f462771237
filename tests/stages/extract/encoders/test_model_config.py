import json
from pathlib import Path
from typing import Any

import pytest

from hilbert.stages.extract.encoders.model_config import (
    DEFAULT_MAX_TOKENS,
    max_tokens_of,
    modality_of,
    n_layers_of,
    text_settings,
    width_of,
)
from hilbert.store.errors import HilbertError


@pytest.mark.parametrize(
    ("config", "n_layers", "width"),
    [
        ({"num_hidden_layers": 12, "hidden_size": 768}, 12, 768),
        ({"encoder_layers": 4, "d_model": 384, "num_hidden_layers": 4}, 4, 384),
        ({"num_layers": 6, "d_model": 512}, 6, 512),
        ({"n_layers": 6, "dim": 768}, 6, 768),
    ],
)
def test_dimensions_under_their_several_names(
    config: dict[str, Any], n_layers: int, width: int
) -> None:
    assert (n_layers_of(config), width_of(config)) == (n_layers, width)


def test_missing_dimensions_are_said() -> None:
    with pytest.raises(HilbertError, match="num_hidden_layers"):
        n_layers_of({})


@pytest.mark.parametrize(
    ("config", "tokenizer", "sentence", "expected"),
    [
        ({"max_position_embeddings": 512}, {"model_max_length": 512}, None, 512),
        ({"max_position_embeddings": 512}, {"model_max_length": 1e30}, None, 512),
        ({"max_position_embeddings": 512}, {}, {"max_seq_length": 256}, 256),
        ({"max_position_embeddings": 514, "model_type": "roberta"}, {}, None, 512),
        ({"model_type": "t5"}, {"model_max_length": 1e30}, None, DEFAULT_MAX_TOKENS),
        ({"n_positions": 1024}, {"model_max_length": None}, None, 1024),
    ],
)
def test_the_longest_input(
    tmp_path: Path,
    config: dict[str, Any],
    tokenizer: dict[str, Any],
    sentence: dict[str, Any] | None,
    expected: int,
) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    if sentence:
        (tmp_path / "sentence_bert_config.json").write_text(json.dumps(sentence))
    assert max_tokens_of(tmp_path, config) == expected


@pytest.mark.parametrize("limit", ["abc", [512], {}])
def test_a_limit_that_is_no_number_is_named_with_its_file(tmp_path: Path, limit: object) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": limit}))
    with pytest.raises(HilbertError, match=r"tokenizer_config\.json: model_max_length must be"):
        max_tokens_of(tmp_path, {})


def test_modalities(tmp_path: Path) -> None:
    assert modality_of(tmp_path, {"model_type": "whisper"}) == "audio"
    assert modality_of(tmp_path, {"model_type": "hubert"}) == "audio"
    assert modality_of(tmp_path, {"model_type": "bert"}) == "text"
    with pytest.raises(HilbertError, match=r"type sew are not supported.*wav2vec2, hubert, wavlm"):
        modality_of(tmp_path, {"model_type": "sew"})
    (tmp_path / "preprocessor_config.json").write_text('{"sampling_rate": 16000}')
    with pytest.raises(HilbertError, match="not supported"):
        modality_of(tmp_path, {"model_type": "new-audio-model"})


def test_what_no_forward_pass_depends_on_is_left_out() -> None:
    same = {"hidden_act": "gelu", "hidden_dropout_prob": 0.1, "transformers_version": "4"}
    assert text_settings(same) == {"hidden_act": "gelu"}
