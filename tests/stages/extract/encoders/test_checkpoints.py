import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hilbert.stages.extract.encoders.checkpoints import (
    NameFilter,
    encoder_of_two_tensor,
    is_complete,
    tensors_digest,
    text_encoder_tensor,
    tokenizer_digest,
    weight_files,
    whisper_encoder_tensor,
)
from hilbert.store import file_digests
from hilbert.store.errors import HilbertError


def weights() -> dict[str, torch.Tensor]:
    """Values that float16 and bfloat16 hold exactly."""
    return {
        "encoder.layers.0.w": torch.arange(12.0).reshape(3, 4),
        "encoder.norm": torch.tensor([0.5, -2.0]),
        "decoder.w": torch.ones(2, 2),
    }


def saved(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    return folder


def audio_digest(folder: Path) -> str:
    return tensors_digest(folder, "audio", whisper_encoder_tensor)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_one_identity_in_every_precision(tmp_path: Path, dtype: torch.dtype) -> None:
    other = {name: value.to(dtype) for name, value in weights().items()}
    assert audio_digest(saved(tmp_path / "a", weights())) == audio_digest(
        saved(tmp_path / "b", other)
    )


def test_one_identity_with_and_without_the_wrapping_model(tmp_path: Path) -> None:
    wrapped = {f"model.{name}": value for name, value in weights().items()}
    assert audio_digest(saved(tmp_path / "a", weights())) == audio_digest(
        saved(tmp_path / "b", wrapped)
    )


def test_one_identity_in_shards(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a", weights())
    (folder := tmp_path / "b").mkdir()
    (folder / "config.json").write_text("{}")
    places = {}
    for i, (name, value) in enumerate(weights().items()):
        places[name] = f"model-{i}.safetensors"
        save_file({name: value}, folder / places[name])
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert len(weight_files(folder)) == 3
    assert is_complete(folder)
    assert audio_digest(folder) == audio_digest(whole)
    (folder / "model-1.safetensors").unlink()
    assert not is_complete(folder)


@pytest.mark.parametrize("name", ["encoder.layers.0.w", "encoder.norm"])
def test_another_value_or_shape_is_another_identity(tmp_path: Path, name: str) -> None:
    before = audio_digest(saved(tmp_path / "a", weights()))
    changed = {**weights(), name: weights()[name] + 1}
    assert audio_digest(saved(tmp_path / "b", changed)) != before
    reshaped = {**weights(), name: weights()[name].reshape(-1, 2)}
    assert audio_digest(saved(tmp_path / "c", reshaped)) != before


def test_the_decoder_does_not_matter(tmp_path: Path) -> None:
    changed = {**weights(), "decoder.w": torch.zeros(5)}
    assert audio_digest(saved(tmp_path / "a", weights())) == audio_digest(
        saved(tmp_path / "b", changed)
    )


@pytest.mark.parametrize("rename", [text_encoder_tensor, encoder_of_two_tensor])
def test_heads_do_not_matter_for_text(rename: NameFilter) -> None:
    assert rename("encoder.layer.0.w") == "encoder.layer.0.w"
    assert rename("lm_head.weight") is None


@pytest.mark.parametrize("name", ["decoder.block.0.w", "model.decoder.layers.0.w"])
def test_a_decoder_matters_where_there_is_no_encoder(name: str) -> None:
    assert text_encoder_tensor(name) == name
    assert encoder_of_two_tensor(name) is None


@pytest.mark.parametrize("header", [b"not json", b"[]", b"5", b"[" * 100_000])
def test_a_damaged_file_is_named(tmp_path: Path, header: bytes) -> None:
    folder = saved(tmp_path / "a", weights())
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(HilbertError, match=r"model\.safetensors is not a safetensors file"):
        audio_digest(folder)


@pytest.mark.parametrize("index", ["{}", '{"weight_map": []}', '{"weight_map": {}}'])
def test_an_index_without_files_is_named(tmp_path: Path, index: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(HilbertError, match=r"index\.json names no files"):
        is_complete(tmp_path)


def test_a_file_without_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HilbertError, match="no weights"):
        audio_digest(saved(tmp_path / "a", {"decoder.w": torch.ones(1)}))


def test_truncation_and_padding_are_not_the_tokenizer_s_identity(tiny_bert: Path) -> None:
    before = tokenizer_digest(tiny_bert)
    path = tiny_bert / "tokenizer.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "truncation": {"max_length": 8}}))
    assert tokenizer_digest(tiny_bert) == before
    content["model"]["vocab"]["new"] = 31
    path.write_text(json.dumps(content))
    assert tokenizer_digest(tiny_bert) != before


def test_a_vocabulary_file_serves_where_there_is_no_tokenizer_json(tmp_path: Path) -> None:
    with pytest.raises(HilbertError, match="tokenizer"):
        tokenizer_digest(tmp_path)
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    before = tokenizer_digest(tmp_path)
    (tmp_path / "vocab.txt").write_text("a\nc\n")
    assert tokenizer_digest(tmp_path) != before


def test_an_unchanged_file_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_digests, "SETTLED_NS", -1)  # it was written just now
    folder = saved(tmp_path / "a", weights())
    expected = audio_digest(folder)

    def unwanted(name: str) -> str | None:
        raise AssertionError(name)

    assert tensors_digest(folder, "audio", unwanted) == expected
