"""Every family of text models against a plain call of transformers on the same texts."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hilbert.stages.extract.encoders.base import Encoded, EncodeJob, EncoderOptions
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
from hilbert.store.errors import HilbertError
from hilbert.store.types import Segment
from support.text_families import FAMILIES, SENTENCES

FromSentencePiece = {"deberta-v3": "spm.model", "mt5": "spiece.model"}


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str], Path]:
    def make(family: str) -> Path:
        if family in FromSentencePiece:
            pytest.importorskip("sentencepiece")
        return FAMILIES[family](tmp_path / family)

    return make


def encoded(folder: Path, options: EncoderOptions, *texts: str) -> NDArray[np.float16]:
    job = EncodeJob("d", tuple(Segment("text", text=text) for text in texts))
    (result,) = load_encoder(resolve_encoder(str(folder), options), device="cpu").encode([job])
    assert isinstance(result, Encoded)
    return result.x


def direct(folder: Path, text: str) -> tuple[list[int], list[NDArray[np.float32]]]:
    """Token ids, and all hidden states of one unpadded text, (n_tokens, d) each."""
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    model = AutoModel.from_pretrained(folder).eval()
    encoder = model.get_encoder() if model.config.is_encoder_decoder else model
    with torch.inference_mode():
        output = encoder(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            output_hidden_states=True,
        )
    last = output.last_hidden_state[0].numpy()
    hidden = [state[0].numpy() for state in output.hidden_states]
    np.testing.assert_array_equal(hidden[-1], last)
    return tokens["input_ids"][0].tolist(), hidden


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_equals_single_calls_of_transformers(
    family: str, save: Callable[[str], Path]
) -> None:
    folder = save(family)
    for layer in (-1, 1, 0):
        found = encoded(folder, EncoderOptions(layer=layer), *SENTENCES)
        for row, text in zip(found, SENTENCES, strict=True):
            ids, hidden = direct(folder, text)
            assert len(set(ids)) > 3  # the tokenizer knows these words
            expected = np.concatenate([hidden[layer].mean(0), hidden[layer].std(0)])
            np.testing.assert_allclose(row, expected, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_beyond_the_limit_is_read_to_its_end(
    family: str, save: Callable[[str], Path]
) -> None:
    folder = save(family)
    long = "the patient said that the pain was worse " * 20
    night, morning = encoded(folder, EncoderOptions(), long + "at night", long + "in the morning")
    assert np.abs(night - morning).max() > 1e-4


@pytest.mark.parametrize("family", ["t5", "mt5"])
def test_no_decoder_is_made(family: str, save: Callable[[str], Path]) -> None:
    encoder: Any = load_encoder(resolve_encoder(str(save(family)), EncoderOptions()), device="cpu")
    names = [name for name, _ in encoder._model.named_parameters()]
    assert names
    assert not any("decoder" in name for name in names)


@pytest.mark.parametrize("family", FromSentencePiece)
def test_tokens_are_those_of_sentencepiece_itself(family: str, save: Callable[[str], Path]) -> None:
    folder = save(family)
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(str(folder / FromSentencePiece[family]))
    for text in SENTENCES:
        ids, _ = direct(folder, text)
        own = ids[1:-1] if family == "deberta-v3" else ids[:-1]
        assert own == processor.encode(text)


def test_a_sentencepiece_model_without_the_package_says_what_to_install(
    save: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilbert.stages.extract.encoders import text_model

    folder = save("mt5")
    resolved = resolve_encoder(str(folder), EncoderOptions())
    monkeypatch.setattr(text_model, "_is_installed", lambda name: name != "sentencepiece")
    with pytest.raises(HilbertError, match=r"mt5 is a SentencePiece.*hilbert-speech\[text\]"):
        load_encoder(resolved, device="cpu")


def test_names_of_an_older_bert_are_read(save: Callable[[str], Path]) -> None:
    """bert-base-uncased's own file: a prefix, gamma and beta, and heads beside the encoder."""
    from safetensors.torch import load_file, save_file

    folder = save("bert")
    expected = encoded(folder, EncoderOptions(), *SENTENCES)
    file = folder / "model.safetensors"
    old = {
        "bert."
        + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): value
        for name, value in load_file(file).items()
    }
    save_file({**old, "cls.predictions.bias": torch.zeros(160)}, file, metadata={"format": "pt"})
    np.testing.assert_array_equal(encoded(folder, EncoderOptions(), *SENTENCES), expected)


def test_every_tokenizer_file_is_part_of_the_identity(save: Callable[[str], Path]) -> None:
    for family, file in FromSentencePiece.items():
        folder = save(family)
        before = resolve_encoder(str(folder), EncoderOptions()).info.fingerprint
        (folder / file).write_bytes((folder / file).read_bytes() + b"\0")
        assert resolve_encoder(str(folder), EncoderOptions()).info.fingerprint != before


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prefix_stands_before_the_text(family: str, save: Callable[[str], Path]) -> None:
    folder = save(family)
    options = EncoderOptions(pooling="mean", prefix="the river: ")
    found = encoded(folder, options, *SENTENCES)
    for row, text in zip(found, SENTENCES, strict=True):
        _, hidden = direct(folder, "the river: " + text)
        np.testing.assert_allclose(row, hidden[-1].mean(0), atol=2e-3, rtol=1e-3)


def test_a_prefix_stands_before_every_piece_of_a_long_text(save: Callable[[str], Path]) -> None:
    folder = save("bert")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 24}
        )
    )
    from transformers import AutoModel, AutoTokenizer

    prefix, text = "the river: ", "the patient said that the pain was worse at night " * 4
    tokenizer = AutoTokenizer.from_pretrained(folder)
    instruction = tokenizer(prefix, add_special_tokens=False)["input_ids"]
    content = tokenizer(text, add_special_tokens=False)["input_ids"]
    n_pieces = -(-len(content) // (24 - 2 - len(instruction)))
    assert n_pieces > 2
    bounds = [len(content) * i // n_pieces for i in range(n_pieces + 1)]
    model = AutoModel.from_pretrained(folder).eval()
    states = []
    for start, stop in pairwise(bounds):
        ids = [
            tokenizer.cls_token_id,
            *instruction,
            *content[start:stop],
            tokenizer.sep_token_id,
        ]
        assert len(ids) <= 24
        with torch.inference_mode():
            states.append(model(torch.tensor([ids])).last_hidden_state[0].numpy())
    found = encoded(folder, EncoderOptions(pooling="mean", prefix=prefix), text)
    np.testing.assert_allclose(found[0], np.concatenate(states).mean(0), atol=2e-3)


def test_a_prefix_is_part_of_the_identity_only_when_it_is_set(save: Callable[[str], Path]) -> None:
    folder = str(save("bert"))
    bare = resolve_encoder(folder, EncoderOptions()).info
    empty = resolve_encoder(folder, EncoderOptions(prefix="")).info
    asked = resolve_encoder(folder, EncoderOptions(prefix="query: ")).info
    assert bare == empty
    assert "prefix" not in bare.options
    assert asked.fingerprint != bare.fingerprint
    assert asked.options["prefix"] == "query: "


def test_a_prefix_that_leaves_no_room(save: Callable[[str], Path]) -> None:
    options = EncoderOptions(prefix="the patient said that the pain was worse " * 20)
    with pytest.raises(HilbertError, match=r"--prefix has \d+ tokens; bert takes 62"):
        load_encoder(resolve_encoder(str(save("bert")), options), device="cpu")


def test_a_prefix_is_text(save: Callable[[str], Path]) -> None:
    with pytest.raises(HilbertError, match="--prefix must be text, not 3"):
        EncoderOptions(prefix=3)  # type: ignore[arg-type]
