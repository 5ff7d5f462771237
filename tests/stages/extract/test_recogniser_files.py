"""Finding a recogniser, and telling its identity."""

from pathlib import Path

import huggingface_hub.constants
import pytest

from hilbert.stages.extract.recogniser_files import find_recogniser
from hilbert.store.errors import HilbertError
from hilbert.store.file_digests import FileDigests


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def write_model(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(weights)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    return folder


def digest(folder: Path) -> str:
    with FileDigests() as digests:
        return find_recogniser(str(folder)).digest(digests)


def test_a_folder(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "small")
    found = find_recogniser(str(folder))
    assert (found.name, found.folder) == ("small", folder)
    assert found.contents()["model.bin"] == b"weights"


def test_what_it_holds_is_its_identity(tmp_path: Path) -> None:
    one, same = write_model(tmp_path / "one"), write_model(tmp_path / "same")
    other = write_model(tmp_path / "other", b"weightS")
    parts = write_model(tmp_path / "parts")
    (parts / "model.bin").unlink()
    (parts / "model.bin.part1").write_bytes(b"wei")
    (parts / "model.bin.part2").write_bytes(b"ghts")
    assert digest(one) == digest(same) == digest(parts) != digest(other)
    assert find_recogniser(str(parts)).folder is None
    assert find_recogniser(str(parts)).contents()["model.bin"] == b"weights"
    (one / "tokenizer.json").write_text("[]")
    assert digest(one) != digest(same)


def test_the_hub_s_cache(tmp_path: Path) -> None:
    model = tmp_path / "hub" / "models--someone--whisper-x"
    write_model(model / "snapshots" / "abc")
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("abc")
    assert find_recogniser("someone/whisper-x").name == "someone/whisper-x"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny-typo", "no recogniser 'tiny-typo': .* one of tiny.en, base"),
        ("corpus.csv", "takes corpus.csv for its recogniser; put the corpus first"),
        ("whisper-large-v3", "whisper-large-v3 is not available: .* HF_HUB_OFFLINE forbids"),
        ("someone/absent", "someone/absent is not available"),
    ],
)
def test_none_is_found(name: str, message: str) -> None:
    with pytest.raises(HilbertError, match=message):
        find_recogniser(name)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(HilbertError, match="holds no CTranslate2 model") as error:
        find_recogniser(str(tmp_path))
    assert str(tmp_path) not in str(error.value)
