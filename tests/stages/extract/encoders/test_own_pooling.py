"""`--pooling own` against sentence-transformers itself, on folders that it saved."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hilbert.stages.extract.encoders.base import Encoded, EncodeJob, EncoderOptions, options_of
from hilbert.stages.extract.encoders.sentence_folder import MODES
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
from hilbert.store.errors import HilbertError
from hilbert.store.types import Segment
from support.text_families import SENTENCES, save_bert, save_t5

sentence_transformers = pytest.importorskip("sentence_transformers")

OWN = EncoderOptions(pooling="own")
Save = Callable[..., Path]


@pytest.fixture(scope="module")
def transformers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture
def save(tmp_path: Path, transformers_folder: Path) -> Save:
    """Save a sentence-transformers folder: a BERT, a pooling, and what is to follow."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    def make(
        modes: str | tuple[str, ...] = "mean",
        *rest: Any,
        source: Path = transformers_folder,
        include_prompt: bool = True,
        **options: Any,
    ) -> Path:
        transformer = Transformer(str(source))
        pooling = Pooling(16, pooling_mode=modes, include_prompt=include_prompt)
        model = SentenceTransformer(modules=[transformer, pooling, *rest], device="cpu", **options)
        model.save(str(tmp_path / "saved"))
        return tmp_path / "saved"

    return make


def dense(n_in: int, n_out: int, **options: Any) -> Any:
    from sentence_transformers.base.modules import Dense

    torch.manual_seed(1)
    return Dense(n_in, n_out, **options)


def encoded(folder: Path, options: EncoderOptions, *texts: str) -> NDArray[np.float16]:
    job = EncodeJob("d", tuple(Segment("text", text=text) for text in texts))
    resolved = resolve_encoder(str(folder), options)
    (result,) = load_encoder(resolved, device="cpu").encode([job])
    assert isinstance(result, Encoded)
    assert result.x.shape[1] == resolved.info.dim
    return result.x


def expected(folder: Path, *texts: str, **options: Any) -> NDArray[np.float32]:
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    return np.asarray(model.encode(list(texts), **options))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_that_of_sentence_transformers(save: Save, mode: str) -> None:
    folder = save(mode)
    found = encoded(folder, OWN, *SENTENCES)
    np.testing.assert_allclose(found, expected(folder, *SENTENCES), atol=2e-3, rtol=2e-3)


def test_modes_stand_side_by_side_in_the_folder_s_order(save: Save) -> None:
    folder = save(("max", "cls", "mean"))
    found = encoded(folder, OWN, *SENTENCES)
    assert found.shape == (len(SENTENCES), 48)
    np.testing.assert_allclose(found, expected(folder, *SENTENCES), atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize(
    ("n_out", "options"),
    [
        (8, {}),
        (8, {"bias": False, "activation_function": torch.nn.Identity()}),
        (16, {"activation_function": torch.nn.GELU(), "use_residual": True}),
        (8, {"use_residual": True}),
    ],
)
def test_dense_layers_and_normalisation_follow(
    save: Save, n_out: int, options: dict[str, Any]
) -> None:
    from sentence_transformers.base.modules import Normalize

    folder = save("mean", dense(16, n_out, **options), Normalize())
    found = encoded(folder, OWN, *SENTENCES)
    np.testing.assert_allclose(found, expected(folder, *SENTENCES), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(found.astype(float), axis=1), 1, atol=1e-3)


def test_an_encoder_of_two(save: Save, tmp_path: Path) -> None:
    from sentence_transformers.base.modules import Normalize

    folder = save("mean", dense(16, 8), Normalize(), source=save_t5(tmp_path / "t5"))
    found = encoded(folder, OWN, *SENTENCES)
    np.testing.assert_allclose(found, expected(folder, *SENTENCES), atol=1e-3)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("include_prompt", [True, False])
def test_an_instruction_is_pooled_or_not_as_the_folder_says(
    save: Save, mode: str, include_prompt: bool
) -> None:
    folder = save(mode, include_prompt=include_prompt)
    prefix = "the patient said: "
    found = encoded(folder, EncoderOptions(pooling="own", prefix=prefix), *SENTENCES)
    wanted = expected(folder, *SENTENCES, prompt=prefix)
    np.testing.assert_allclose(found, wanted, atol=2e-3, rtol=2e-3)


def test_the_folder_s_default_prompt_is_used_unless_another_is_asked_for(save: Save) -> None:
    folder = save("mean", prompts={"night": "at night "}, default_prompt_name="night")
    found = encoded(folder, OWN, *SENTENCES)
    np.testing.assert_allclose(found, expected(folder, *SENTENCES), atol=2e-3)
    none = EncoderOptions(pooling="own", prefix="")
    bare = expected(folder, *SENTENCES, prompt="")
    np.testing.assert_allclose(encoded(folder, none, *SENTENCES), bare, atol=2e-3)
    info = resolve_encoder(str(folder), OWN).info
    assert info.options["prefix"] == "at night "
    assert resolve_encoder(str(folder), options_of(info)).info == info
    bare_info = resolve_encoder(str(folder), none).info
    assert resolve_encoder(str(folder), options_of(bare_info)).info == bare_info


def test_the_older_spelling_of_the_modes(save: Save) -> None:
    folder = save("cls")
    config = {
        "word_embedding_dimension": 16,
        "pooling_mode_cls_token": True,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
    }
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
    found = encoded(folder, OWN, *SENTENCES)
    assert found.shape[1] == 32
    np.testing.assert_allclose(found, expected(folder, *SENTENCES), atol=2e-3)


def test_texts_are_lowercased_where_the_folder_says_so(
    save: Save, transformers_folder: Path
) -> None:
    folder = save("mean")
    options = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**options, "do_lower_case": False}))
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = None
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    cased = encoded(folder, OWN, "THE PAIN", "the pain")
    assert (cased[0] != cased[1]).any()
    path = folder / "sentence_bert_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_lower_case": True}))
    lowered = encoded(folder, OWN, "THE PAIN", "the pain")
    np.testing.assert_array_equal(lowered[0], lowered[1])
    np.testing.assert_array_equal(lowered[1], cased[1])


def test_a_long_text_is_the_mean_of_its_pieces_then_normalised(save: Save) -> None:
    from sentence_transformers.base.modules import Normalize

    folder = save("mean", Normalize())
    long = "the patient said that the pain was worse at night " * 12
    plain = encoded(folder, EncoderOptions(pooling="mean"), long)[0].astype(float)
    (found,) = encoded(folder, OWN, long)
    np.testing.assert_allclose(found, plain / np.linalg.norm(plain), atol=1e-3)


def test_pickled_weights_keep_their_modules(save: Save) -> None:
    from safetensors.torch import load_file
    from sentence_transformers.base.modules import Normalize

    folder = save("mean", dense(16, 8), Normalize())
    before = encoded(folder, OWN, *SENTENCES)
    for place in (folder, folder / "2_Dense"):
        state = load_file(place / "model.safetensors")
        (place / "model.safetensors").unlink()
        torch.save(state, place / "pytorch_model.bin")
    np.testing.assert_array_equal(encoded(folder, OWN, *SENTENCES), before)


def test_what_decides_the_vector_is_part_of_the_identity(save: Save) -> None:
    from safetensors.torch import load_file, save_file
    from sentence_transformers.base.modules import Normalize

    folder = save("mean", dense(16, 8), Normalize())

    def fingerprint(options: EncoderOptions = OWN) -> str:
        return resolve_encoder(str(folder), options).info.fingerprint

    found = [fingerprint(EncoderOptions(pooling="mean")), fingerprint()]
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps(modules[:-1]))
    found.append(fingerprint())
    file = folder / "2_Dense" / "model.safetensors"
    save_file({name: 2 * value for name, value in load_file(file).items()}, file)
    found.append(fingerprint())
    path = folder / "2_Dense" / "config.json"
    activation = {"activation_function": "torch.nn.modules.linear.Identity"}
    path.write_text(json.dumps({**json.loads(path.read_text()), **activation}))
    found.append(fingerprint())
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "cls"}))
    found.append(fingerprint())
    assert len(set(found)) == len(found)


def edited(folder: Path, file: str, content: object) -> None:
    (folder / file).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("modules.json", {"a": 1}, r"saved/modules\.json is no list of modules"),
        ("modules.json", [{"type": "x.Transformer"}], "no list of modules"),
        ("modules.json", [], "saved has no modules"),
        (
            "modules.json",
            [
                {"type": "x.Transformer", "path": ""},
                {"type": "x.Pooling", "path": "../elsewhere"},
            ],
            "inside the folder",
        ),
        (
            "modules.json",
            [
                {"type": "x.Transformer", "path": ""},
                {"type": "x.Pooling", "path": "1_Pooling"},
                {"type": "os.system", "path": "2_system"},
            ],
            "does not know the module system",
        ),
        ("modules.json", [{"type": "x.StaticEmbedding", "path": ""}], "has StaticEmbedding"),
        ("1_Pooling/config.json", {"pooling_mode": "median"}, "pools with 'median'"),
        ("1_Pooling/config.json", {"word_embedding_dimension": 8}, "width 8.*says 16"),
        ("2_Dense/config.json", {"in_features": 4, "out_features": 8}, "width 4.*width 16"),
        (
            "2_Dense/config.json",
            {"in_features": 16, "out_features": 8, "activation_function": "os.system"},
            "activation system is none of",
        ),
    ],
)
def test_modules_that_are_not_understood_are_refused(
    save: Save, file: str, content: object, message: str
) -> None:
    folder = save("mean", dense(16, 8))
    edited(folder, file, content)
    with pytest.raises(HilbertError, match=message):
        resolve_encoder(str(folder), OWN)


def test_dense_weights_that_do_not_fit(save: Save) -> None:
    folder = save("mean", dense(16, 8))
    edited(folder, "2_Dense/config.json", {"in_features": 16, "out_features": 4})
    with pytest.raises(HilbertError, match="2_Dense do not fit"):
        load_encoder(resolve_encoder(str(folder), OWN), device="cpu")


def test_a_folder_without_modules(transformers_folder: Path) -> None:
    with pytest.raises(HilbertError, match=r"bert is none: it has no modules\.json"):
        resolve_encoder(str(transformers_folder), OWN)


def test_own_pooling_is_made_for_the_last_layer(save: Save) -> None:
    with pytest.raises(HilbertError, match=r"the last layer \(2\), not with --layer 1"):
        resolve_encoder(str(save("mean")), EncoderOptions(pooling="own", layer=1))


def test_audio_has_no_pooling_of_its_own(tiny_whisper: Path) -> None:
    with pytest.raises(HilbertError, match="tiny-whisper is an audio encoder"):
        resolve_encoder(str(tiny_whisper), OWN)
