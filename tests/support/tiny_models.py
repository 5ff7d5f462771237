"""Real models in Hugging Face's format, with random weights and small enough for a test."""

import json
from pathlib import Path
from typing import Any

WORDS = "the a of patient doctor pain head days said walk slow fast good bad one two three four"


def save_whisper(folder: Path, n_mels: int = 80) -> Path:
    """A Whisper of three encoder layers and width 16."""
    import torch
    from transformers import WhisperConfig, WhisperModel

    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=64,
        num_mel_bins=n_mels,
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


WAVEFORM_MODELS = (
    "wav2vec2",
    "wav2vec2-layer",
    "hubert",
    "hubert-layer",
    "wavlm",
    "wavlm-layer",
    "data2vec-audio",
)
"""Each type with a group norm in its first convolution, or as the large ones with layer norms."""


def make_waveform_model(name: str) -> Any:
    """A model of the raw waveform of three layers and width 16, with the usual strides."""
    import torch
    from transformers import AutoConfig, AutoModel

    kind = name.removesuffix("-layer")
    options: dict[str, Any] = {}
    if name.endswith("-layer"):
        options = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
    if kind != "data2vec-audio":
        options["num_conv_pos_embeddings"] = 16
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        kind,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embedding_groups=2,
        **options,
    )
    return _roughened(AutoModel.from_config(config))


def save_waveform_model(folder: Path, name: str, model: Any = None) -> Path:
    """`make_waveform_model`, or another, with its feature extractor."""
    from transformers import Wav2Vec2FeatureExtractor

    (model or make_waveform_model(name)).save_pretrained(folder)
    normalised = name != "wavlm"  # as the published base model is not
    Wav2Vec2FeatureExtractor(do_normalize=normalised).save_pretrained(folder)
    return folder


def make_w2v_bert(**options: Any) -> Any:
    """A w2v-BERT of three layers and width 16."""
    import torch
    from transformers import Wav2Vec2BertConfig, Wav2Vec2BertModel

    torch.manual_seed(0)
    config = Wav2Vec2BertConfig(
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        output_hidden_size=16,
        **options,
    )
    return _roughened(Wav2Vec2BertModel(config))


def save_w2v_bert(folder: Path, **options: Any) -> Path:
    """`make_w2v_bert` with its feature extractor."""
    from transformers import SeamlessM4TFeatureExtractor

    make_w2v_bert(**options).save_pretrained(folder)
    SeamlessM4TFeatureExtractor().save_pretrained(folder)
    return folder


def _roughened(model: Any) -> Any:
    """`model` with no weight at 0 or 1, where an option that is ignored would change nothing."""
    import torch

    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return model


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
