from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from hilbert.stages.extract.encoders.base import Encoded, EncodeJob, EncoderOptions, Failed
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
from hilbert.store.errors import HilbertError
from hilbert.store.types import Segment

MEAN = EncoderOptions(pooling="mean")


def job(document: str, *texts: str) -> EncodeJob:
    return EncodeJob(document, tuple(Segment("text", text=text) for text in texts))


def encode(
    folder: Path, jobs: list[EncodeJob], options: EncoderOptions = MEAN
) -> list[Encoded | Failed]:
    return list(load_encoder(resolve_encoder(str(folder), options), device="cpu").encode(jobs))


def vector(folder: Path, text: str, options: EncoderOptions = MEAN) -> NDArray[np.float16]:
    (result,) = encode(folder, [job("d", text)], options)
    assert isinstance(result, Encoded)
    return result.x[0]


def direct(folder: Path, text: str) -> list[NDArray[np.float32]]:
    """Hidden states of one unpadded text by a plain call of transformers, (n_tokens, d) each."""
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
    return [hidden[0].numpy() for hidden in output.hidden_states]


@pytest.mark.parametrize("layer", [0, 1, 2, 3, -1, -2])
def test_a_layer_is_pooled_over_all_its_tokens(tiny_bert: Path, layer: int) -> None:
    hidden = direct(tiny_bert, "the pain of the patient")[layer]
    found = vector(tiny_bert, "the pain of the patient", EncoderOptions(layer=layer))
    expected = np.concatenate([hidden.mean(0), hidden.std(0)])
    np.testing.assert_allclose(found, expected, atol=2e-3)


def roberta() -> Any:
    from transformers import RobertaConfig, RobertaModel

    torch.manual_seed(0)
    return RobertaModel(
        RobertaConfig(
            vocab_size=32,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=26,
            pad_token_id=1,
        )
    )


def t5() -> Any:
    from transformers import T5Config, T5Model

    torch.manual_seed(0)
    return T5Model(
        T5Config(
            vocab_size=32,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            decoder_start_token_id=0,
        )
    )


@pytest.mark.parametrize(("make", "pad"), [(roberta, 1), (t5, 0)])
def test_other_families(save_text_model: Callable[..., Path], make: Any, pad: int) -> None:
    folder = save_text_model("other", make(), pad=pad)
    expected = direct(folder, "the patient said two words")[-1].mean(0)
    np.testing.assert_allclose(vector(folder, "the patient said two words"), expected, atol=2e-3)


def test_companions_and_padding_change_nothing(tiny_bert: Path) -> None:
    texts = ["pain", "the doctor said two three four", "a of " * 9, "bad days"]
    together = encode(tiny_bert, [job("a", *texts[:2]), job("b", *texts[2:])])
    rows = np.concatenate([result.x for result in together if isinstance(result, Encoded)])
    alone = np.stack([vector(tiny_bert, text) for text in texts])
    np.testing.assert_allclose(rows, alone, atol=1e-3)


@pytest.mark.parametrize("make", ["bert", "roberta", "t5"])
def test_a_long_text_is_pooled_to_its_last_word(
    make: str, tiny_bert: Path, save_text_model: Callable[..., Path]
) -> None:
    folder = {
        "bert": lambda: tiny_bert,
        "roberta": lambda: save_text_model("roberta", roberta(), pad=1),
        "t5": lambda: save_text_model("t5", t5(), model_max_length=20),
    }[make]()
    long = "the patient said one two three four " * 12
    one, other = vector(folder, long + "good"), vector(folder, long + "bad")
    assert np.isfinite(one).all()
    assert (one != other).any()


def test_pieces_are_pooled_together(tiny_bert: Path) -> None:
    words = [
        "the",
        "patient",
        "said",
        "one",
        "two",
        "three",
        "four",
        "good",
    ] * 4  # 32 words, limit 22
    pieces = [direct(tiny_bert, " ".join(part))[-1] for part in (words[:16], words[16:])]
    expected = np.concatenate(pieces)  # tokens of both, special tokens of each
    found = vector(tiny_bert, " ".join(words), EncoderOptions())
    np.testing.assert_allclose(
        found, np.concatenate([expected.mean(0), expected.std(0)]), atol=2e-3
    )


def test_a_bad_document_does_not_disturb_the_others(tiny_bert: Path) -> None:
    untexted = EncodeJob("bad", (Segment("text", text="pain"), Segment("text")))
    results = encode(tiny_bert, [job("a", "pain"), untexted, job("none"), job("b", "head")])
    assert [result.id for result in results] == ["a", "bad", "none", "b"]
    assert [type(result) for result in results] == [Encoded, Failed, Failed, Encoded]
    assert isinstance(results[1], Failed)
    assert "segment 2" in results[1].reason


def test_an_empty_text_is_its_special_tokens(
    tiny_bert: Path, save_text_model: Callable[..., Path]
) -> None:
    np.testing.assert_allclose(vector(tiny_bert, ""), direct(tiny_bert, "")[-1].mean(0), atol=2e-3)
    bare = save_text_model("bare", t5(), specials=False)
    (result,) = encode(bare, [job("a", "")])
    assert isinstance(result, Failed)
    assert "no tokens" in result.reason


def test_jobs_are_taken_as_they_are_needed(tiny_bert: Path) -> None:
    taken: list[int] = []

    def jobs() -> Any:
        for i in range(10_000):
            taken.append(i)
            yield job(str(i), *["pain"] * 100)

    encoder = load_encoder(resolve_encoder(str(tiny_bert), MEAN), device="cpu")
    results = encoder.encode(jobs())
    assert next(results).id == "0"
    assert len(taken) < 10


def test_a_folder_that_transformers_cannot_load(tiny_bert: Path) -> None:
    resolved = resolve_encoder(str(tiny_bert), MEAN)
    config = (tiny_bert / "config.json").read_text()
    (tiny_bert / "config.json").write_text(config.replace('"bert"', '"no-such-type"'))
    with pytest.raises(HilbertError, match="cannot load"):
        load_encoder(resolved, device="cpu")


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    """Rewrite the tensors of `folder` as `change` returns them."""
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x: {name: w for name, w in x.items() if "layer.2." not in name},
            r"tiny-bert do not fit.* tensors missing: 16 \(first: encoder\.layer\.2\.",
        ),
        (
            lambda x: {f"backbone.{name}": w for name, w in x.items()},
            r"tiny-bert do not fit.* tensors missing: 53 \(first: embeddings\.",
        ),
        (
            lambda x: {**x, "embeddings.word_embeddings.weight": torch.ones(40, 16)},
            r"tensors of another shape: 1 \(first: embeddings\.word_embeddings\.weight\)",
        ),
    ],
    ids=["a layer dropped", "a prefix", "another vocabulary"],
)
def test_weights_that_do_not_fit_are_refused(tiny_bert: Path, change: Any, message: str) -> None:
    change_weights(tiny_bert, change)
    with pytest.raises(HilbertError, match=message):
        encode(tiny_bert, [job("a", "pain")])


def test_a_pooler_or_a_decoder_may_be_missing(
    tiny_bert: Path, save_text_model: Callable[..., Path]
) -> None:
    seq2seq = save_text_model("seq2seq", t5())
    for folder, unused in ((tiny_bert, "pooler."), (seq2seq, "decoder.")):
        before = vector(folder, "pain")

        def used(x: dict[str, torch.Tensor], unused: str = unused) -> dict[str, torch.Tensor]:
            return {name: w for name, w in x.items() if not name.startswith(unused)}

        change_weights(folder, used)
        np.testing.assert_array_equal(vector(folder, "pain"), before)


def opt(seed: int = 0) -> Any:
    from transformers import OPTConfig, OPTModel

    torch.manual_seed(seed)
    return OPTModel(
        OPTConfig(
            vocab_size=32,
            hidden_size=16,
            word_embed_proj_dim=16,
            num_hidden_layers=2,
            ffn_dim=32,
            num_attention_heads=2,
            max_position_embeddings=24,
        )
    )


def test_a_model_that_is_all_decoder(save_text_model: Callable[..., Path]) -> None:
    folder, other = save_text_model("opt", opt()), save_text_model("other", opt(seed=1))
    expected = direct(folder, "the patient said two words")[-1].mean(0)
    np.testing.assert_allclose(vector(folder, "the patient said two words"), expected, atol=2e-3)
    one, two = (resolve_encoder(str(path), MEAN).info.fingerprint for path in (folder, other))
    assert one != two
