"""Text models of every family, tiny and random, with real tokenizers trained on a few sentences."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

SENTENCES = (
    "We walked along the river until dark.",
    "Nobody told me!",
    "It took three weeks to hear back from them, and by then the office had moved.",
    "Ich habe heute Morgen lange gewartet, aber niemand kam.",
    "the patient said that the pain was worse at night, and better in the morning",
)
N_VOCABULARY = 160
_SIZE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
_T5_SIZE: dict[str, Any] = {
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 32,
    "num_layers": 2,
    "num_decoder_layers": 1,
    "num_heads": 2,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
    "eos_token_id": 1,
}


def _seed() -> None:
    import torch

    torch.manual_seed(0)


def save_bert(folder: Path) -> Path:
    """BERT with WordPiece in vocab.txt, as its repositories have it."""
    from transformers import BertConfig, BertModel

    _seed()
    _word_pieces(folder, ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"))
    _tokenizer_config(folder, "BertTokenizer", do_lower_case=True)
    BertModel(
        BertConfig(vocab_size=N_VOCABULARY, max_position_embeddings=64, **_SIZE)
    ).save_pretrained(folder)
    return folder


def save_mpnet(folder: Path) -> Path:
    from transformers import MPNetConfig, MPNetModel

    _seed()
    _word_pieces(folder, ("<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"))
    _tokenizer_config(folder, "MPNetTokenizer", do_lower_case=True, unk_token="[UNK]")
    config = MPNetConfig(vocab_size=N_VOCABULARY, max_position_embeddings=66, **_SIZE)
    MPNetModel(config).save_pretrained(folder)
    return folder


def save_roberta(folder: Path) -> Path:
    """RoBERTa with byte-level BPE in vocab.json and merges.txt."""
    from transformers import RobertaConfig, RobertaModel

    _seed()
    _byte_pairs(folder, ("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
    _tokenizer_config(folder, "RobertaTokenizer")
    config = RobertaConfig(
        vocab_size=400, max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, **_SIZE
    )
    RobertaModel(config).save_pretrained(folder)
    return folder


def save_deberta(folder: Path) -> Path:
    from transformers import DebertaConfig, DebertaModel

    _seed()
    _byte_pairs(folder, ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"))
    _tokenizer_config(folder, "DebertaTokenizer")
    config = DebertaConfig(
        vocab_size=400,
        max_position_embeddings=64,
        relative_attention=True,
        pos_att_type=["c2p", "p2c"],
        type_vocab_size=0,
        **_SIZE,
    )
    DebertaModel(config).save_pretrained(folder)
    return folder


def save_deberta_v3(folder: Path) -> Path:
    """DeBERTa-v3 as its repository has it: spm.model and no tokenizer.json."""
    from transformers import DebertaV2Config, DebertaV2Model

    _seed()
    controls = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
    pieces = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]"}
    _sentence_pieces(folder / "spm.model", unk_piece="[UNK]", **controls, **pieces)
    _tokenizer_config(folder, "DebertaV2Tokenizer", do_lower_case=False)
    config = DebertaV2Config(
        vocab_size=N_VOCABULARY + 1,  # [MASK] comes last
        max_position_embeddings=64,
        relative_attention=True,
        position_buckets=16,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
        **_SIZE,
    )
    DebertaV2Model(config).save_pretrained(folder)
    return folder


def save_xlm_roberta(folder: Path) -> Path:
    """XLM-R with a Unigram tokenizer.json."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    _seed()
    special = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    _unigram(folder, special, before="<s>")
    _tokenizer_config(folder, "XLMRobertaTokenizer")
    config = XLMRobertaConfig(
        vocab_size=N_VOCABULARY,
        max_position_embeddings=66,
        type_vocab_size=1,
        pad_token_id=1,
        **_SIZE,
    )
    XLMRobertaModel(config).save_pretrained(folder)
    return folder


def save_t5(folder: Path) -> Path:
    """T5, encoder and decoder, with a Unigram tokenizer.json."""
    from transformers import T5Config, T5ForConditionalGeneration

    _seed()
    _unigram(folder, ("<pad>", "</s>", "<unk>"))
    _tokenizer_config(folder, "T5Tokenizer", extra_ids=0)
    config = T5Config(vocab_size=N_VOCABULARY, n_positions=64, **_T5_SIZE)
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


def save_mt5(folder: Path) -> Path:
    """mT5 as its repository has it: gated activations, spiece.model and no tokenizer.json."""
    from transformers import MT5Config, MT5ForConditionalGeneration

    _seed()
    controls = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    _sentence_pieces(folder / "spiece.model", pad_piece="<pad>", **controls)
    _tokenizer_config(folder, "T5Tokenizer", extra_ids=0)
    config = MT5Config(
        vocab_size=N_VOCABULARY,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        **_T5_SIZE,
    )
    MT5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "bert": save_bert,
    "roberta": save_roberta,
    "deberta": save_deberta,
    "deberta-v3": save_deberta_v3,
    "mpnet": save_mpnet,
    "t5": save_t5,
    "mt5": save_mt5,
    "xlm-roberta": save_xlm_roberta,
}


def _tokenizer_config(folder: Path, tokenizer_class: str, **options: Any) -> None:
    config = {"tokenizer_class": tokenizer_class, "model_max_length": 64, **options}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def _word_pieces(folder: Path, special: tuple[str, ...]) -> None:
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(
        SENTENCES, vocab_size=N_VOCABULARY, min_frequency=1, special_tokens=list(special)
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_model(str(folder))


def _byte_pairs(folder: Path, special: tuple[str, ...]) -> None:
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        SENTENCES, vocab_size=400, min_frequency=1, special_tokens=list(special)
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_model(str(folder))


def _unigram(folder: Path, special: tuple[str, ...], before: str = "") -> None:
    """A Unigram model; ``</s>`` ends a text, and `before` begins it."""
    from tokenizers import SentencePieceUnigramTokenizer, processors

    tokenizer = SentencePieceUnigramTokenizer()
    tokenizer.train_from_iterator(
        SENTENCES,
        vocab_size=N_VOCABULARY,
        show_progress=False,
        special_tokens=list(special),
        unk_token="<unk>",
    )
    ends = [token for token in (before, "</s>") if token]
    tokenizer._tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{before} $A </s>".strip(),
        special_tokens=[(token, special.index(token)) for token in ends],
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def _sentence_pieces(path: Path, **options: Any) -> None:
    import io

    import sentencepiece

    path.parent.mkdir(parents=True, exist_ok=True)
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=written,
        vocab_size=N_VOCABULARY,
        hard_vocab_limit=False,
        minloglevel=2,
        **options,
    )
    path.write_bytes(written.getvalue())
