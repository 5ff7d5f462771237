import re
import shutil
from pathlib import Path

import pytest

from hilbert.stages.extract.encoders import catalogue, sources
from hilbert.stages.extract.encoders.base import EncoderOptions
from hilbert.stages.extract.encoders.catalogue import KNOWN_MODELS, KnownModel, find_known
from hilbert.stages.extract.encoders.sources import where_known
from hilbert.stages.extract.encoders.weights import resolve_encoder
from hilbert.stages.extract.hub import NotDownloadedError
from hilbert.store.errors import HilbertError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def into_cache(hub: Path, repository: str, commit: str, folder: Path, *, main: bool) -> Path:
    """Put a model into a Hugging Face cache, with its ``main`` at that commit or not."""
    model = hub / f"models--{repository.replace('/', '--')}"
    shutil.copytree(folder, model / "snapshots" / commit)
    if main:
        (model / "refs").mkdir()
        (model / "refs" / "main").write_text(commit)
    return model / "snapshots" / commit


@pytest.mark.parametrize("model", KNOWN_MODELS, ids=lambda model: model.names[0])
def test_every_entry_is_filled(model: KnownModel) -> None:
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.repository)
    assert model.revision == "main" or re.fullmatch("[0-9a-f]{40}", model.revision)
    assert model.tensors is None or re.fullmatch("[0-9a-f]{40}", model.tensors)
    assert model.width % 64 == 0
    assert 4 <= model.n_layers <= 32
    assert 20 < model.parameters_m < 2000
    assert model.bytes_each in (2, 4)
    assert model.languages
    assert model.licence in {"Apache-2.0", "MIT", "CC-BY-SA-3.0"}
    assert bool(model.packages) == bool(model.install)
    assert not model.packages or model.tensors


def test_no_name_is_two_models() -> None:
    names = [n.lower() for m in KNOWN_MODELS for n in {*m.names, *m.repositories}]
    assert len(set(names)) == len(names)


def test_models_are_found_by_what_their_repository_was_called() -> None:
    names = ("bert-base", "bert-base-uncased", "google-bert/bert-base-uncased")
    assert len({find_known(name) for name in names}) == 1
    assert find_known("roberta-base") is find_known("FacebookAI/roberta-base")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> KnownModel:
    model = KnownModel(("mine",), "text", "new/mine", COMMIT, former="mine-v1", prefix="the pain: ")
    monkeypatch.setattr(catalogue, "KNOWN_MODELS", (model,))
    return model


def test_a_cache_under_the_former_name_serves(
    known: KnownModel, tiny_bert: Path, tmp_path: Path
) -> None:
    assert where_known(known) is None
    snapshot = into_cache(tmp_path / "hub", "mine-v1", COMMIT, tiny_bert, main=False)
    assert where_known(known) == "cache"
    assert resolve_encoder("mine", EncoderOptions()).folder == snapshot


def test_without_a_digest_no_other_commit_passes_for_the_pinned_one(
    known: KnownModel, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(repository: str, revision: str) -> None:
        asked.append(revision)
        raise NotDownloadedError("there is no route")

    monkeypatch.setattr(sources, "ask_hub", refuse)
    into_cache(tmp_path / "hub", "new/mine", "f" * 40, tiny_bert, main=True)
    assert where_known(known) is None
    with pytest.raises(HilbertError, match=rf"cache at commit {COMMIT[:12]}, no package.*Give"):
        resolve_encoder("mine", EncoderOptions())
    assert asked == [COMMIT]


def test_a_model_is_known_to_want_a_prefix(
    known: KnownModel, tiny_bert: Path, tmp_path: Path
) -> None:
    into_cache(tmp_path / "hub", "new/mine", COMMIT, tiny_bert, main=False)
    found = [
        resolve_encoder("mine", EncoderOptions(prefix=prefix)).info
        for prefix in (None, "the pain: ", "", "other")
    ]
    assert found[0] == found[1]
    assert [info.options.get("prefix") for info in found] == ["the pain: "] * 2 + [None, "other"]
    assert len({info.fingerprint for info in found}) == 3
    plain = resolve_encoder(str(tiny_bert), EncoderOptions()).info.fingerprint
    assert found[2].fingerprint == plain


def test_e5_has_its_prefix_and_bge_none() -> None:
    wanted = {m.names[0]: m.prefix for m in KNOWN_MODELS if m.prefix}
    assert wanted == {"e5-base-v2": "query: ", "multilingual-e5-base": "query: "}
