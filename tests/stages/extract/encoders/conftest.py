"""Tiny random models saved as Hugging Face folders, and synthetic recordings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

RATE = 16_000
WORDS = "the a of patient doctor pain head days said walk slow fast good bad one two three four"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no Hugging Face cache."""
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "cache"


@pytest.fixture
def tiny_whisper(tmp_path: Path) -> Path:
    """A random Whisper of three layers and width 16, as transformers saves it."""
    from transformers import WhisperConfig, WhisperModel

    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=64,
        num_mel_bins=80,
        d_model=16,
        encoder_layers=3,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    folder = tmp_path / "tiny-whisper"
    WhisperModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def save_text_model(tmp_path: Path) -> Callable[..., Path]:
    """Save a model with a tokenizer of whole words beside it."""

    def save(name: str, model: Any, *, pad: int = 0, specials: bool = True, **options: Any) -> Path:
        folder = tmp_path / name
        model.save_pretrained(folder)
        save_tokenizer(folder, pad=pad, specials=specials, options=options)
        return folder

    return save


@pytest.fixture
def tiny_bert(save_text_model: Callable[..., Path]) -> Path:
    return save_text_model("tiny-bert", bert())


def bert() -> Any:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    return BertModel(
        BertConfig(
            vocab_size=32,
            hidden_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=24,
        )
    )


def save_tokenizer(folder: Path, *, pad: int, specials: bool, options: dict[str, Any]) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["[CLS]", "[SEP]", "[UNK]"]
    special.insert(pad, "[PAD]")
    vocabulary = {word: i for i, word in enumerate(special + WORDS.split())}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(special)
    if specials:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "model_max_length": int(1e30),
        **options,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


@pytest.fixture
def write_wav(tmp_path: Path) -> Callable[..., Path]:
    """Write samples as a 16 kHz float wav file."""

    def write(name: str, samples: NDArray[np.float32]) -> Path:
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        return path

    return write


@pytest.fixture
def chirp() -> Callable[..., NDArray[np.float32]]:
    """Sound with a changing pitch and some noise, so that no two stretches are alike."""

    def make(duration_s: float, seed: int = 0) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        n = round(duration_s * RATE)
        pitch = 150 + 100 * np.cumsum(rng.normal(0, 0.002, n))
        sound = 0.2 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE) + rng.normal(0, 0.02, n)
        return sound.astype(np.float32)

    return make
