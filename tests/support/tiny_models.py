"""Real models in Hugging Face's format, with random weights and small enough for a test."""

import json
from pathlib import Path
from typing import Any

WORDS = "the a of patient doctor pain head days said walk slow fast good bad one two three four"


def save_whisper(folder: Path) -> Path:
    """A Whisper of three encoder layers and width 16."""
    import torch
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
    WhisperModel(config).save_pretrained(folder)
    return folder


def make_bert() -> Any:
    """A BERT of three layers and width 16 that takes 24 tokens."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
    )
    return BertModel(config)


def save_bert(folder: Path) -> Path:
    """`make_bert` with a tokenizer of whole words."""
    make_bert().save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def save_tokenizer(folder: Path, *, pad: int = 0, specials: bool = True, **options: Any) -> None:
    """A tokenizer of whole words, with or without special tokens around a text."""
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
