import zipfile
from pathlib import Path

import pytest

from hilbert.stages.extract.encoders.conversion import unpack
from hilbert.stages.extract.encoders.known_model import KnownModel
from hilbert.stages.extract.encoders.sources import packaged_folder, where_known
from hilbert.stages.extract.encoders.unpacking import find_zip_parts, unpack_zip
from hilbert.store import file_digests
from hilbert.store.errors import HilbertError


def split(archive: Path, folders: list[Path], n_parts: int = 3) -> None:
    """Cut `archive` in parts, one in each of `folders` in turn."""
    data = archive.read_bytes()
    archive.unlink()
    for i in range(n_parts):
        start, stop = len(data) * i // n_parts, len(data) * (i + 1) // n_parts
        folder = folders[i % len(folders)]
        (folder / f"{archive.name}.{i + 1:03d}").write_bytes(data[start:stop])


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def zipped(folder: Path, target: Path, top: str = "model/") -> Path:
    files = {
        top + file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    return write_zip(target, {**files, f"{top}desktop.ini": b"[x]", f"{top}evil.py": b"1"})


@pytest.mark.parametrize("top", ["model/", ""])
def test_a_model_in_parts_is_unpacked_once(
    tiny_bert: Path, tmp_path: Path, own_cache: Path, top: str
) -> None:
    (tiny_bert / "1_Pooling").mkdir()
    (tiny_bert / "1_Pooling" / "config.json").write_text("{}")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    split(zipped(tiny_bert, tmp_path / "m.zip", top), folders)
    parts = find_zip_parts(folders)
    assert [part.name for part in parts] == ["m.zip.001", "m.zip.002", "m.zip.003"]
    found = unpack(parts)
    for file in filter(Path.is_file, tiny_bert.rglob("*")):
        assert (found / file.relative_to(tiny_bert)).read_bytes() == file.read_bytes()
    assert not list(found.rglob("*.py")) + list(found.rglob("*.ini"))
    assert unpack(parts) == found
    assert list((own_cache / "models").iterdir()) == [found]


def test_parts_that_are_not_all_there_are_no_archive(tmp_path: Path) -> None:
    assert find_zip_parts([tmp_path]) == ()
    for name in ("m.zip.001", "m.zip.003"):
        (tmp_path / name).touch()
    assert find_zip_parts([tmp_path]) == ()
    (tmp_path / "m.zip.002").touch()
    assert len(find_zip_parts([tmp_path])) == 3
    (tmp_path / "other.zip.004").touch()
    assert find_zip_parts([tmp_path]) == ()


@pytest.mark.parametrize(
    "name", ["../x.json", "/x.json", "model/../../x.json", "model\\..\\x.json", "c:x.json"]
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    archive = write_zip(tmp_path / "m.zip", {"model/config.json": b"{}", name: b"{}"})
    target = tmp_path / "deep" / "target"
    target.mkdir(parents=True)
    with pytest.raises(HilbertError, match=r"m\.zip is no sound zip file \(a path in it leads"):
        unpack_zip([archive], target)
    assert not list(target.iterdir())
    assert not list(tmp_path.rglob("x.json"))


def test_damage_is_told_and_leaves_nothing(
    tiny_bert: Path, tmp_path: Path, own_cache: Path
) -> None:
    split(zipped(tiny_bert, tmp_path / "m.zip"), [tmp_path])
    middle = tmp_path / "m.zip.002"
    middle.write_bytes(bytes(255 - byte for byte in middle.read_bytes()))
    with pytest.raises(HilbertError, match=r"m\.zip\.001 \+ m\.zip\.002 .* is no sound zip"):
        unpack(find_zip_parts([tmp_path]))
    (tmp_path / "m.zip.003").write_bytes(b"")
    with pytest.raises(HilbertError, match="is no sound zip"):
        unpack(find_zip_parts([tmp_path]))
    assert not list((own_cache / "models").iterdir())


def test_an_archive_that_promises_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilbert.stages.extract.encoders import unpacking

    monkeypatch.setattr(unpacking, "_MAX_BYTES", 1 << 20)
    bomb = write_zip(tmp_path / "m.zip", {"model/model.safetensors": bytes(2 << 20)})
    assert bomb.stat().st_size < 1 << 14
    (tmp_path / "target").mkdir()
    with pytest.raises(HilbertError, match="more than a model"):
        unpack_zip([bomb], tmp_path / "target")


def test_a_known_model_comes_out_of_its_packages(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["hilbert-test-part-1", "hilbert-test-part-2"]
    folders = [tmp_path / "site" / name / "input" for name in names]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").touch()
    split(zipped(tiny_bert, tmp_path / "m.zip"), folders, n_parts=2)
    model = KnownModel(
        ("mine",), "text", "me/mine", packages=tuple((name, name, "input") for name in names)
    )
    assert where_known(model) is None
    assert packaged_folder(model) is None
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert where_known(model) == "package"
    found = packaged_folder(model)
    assert found is not None
    assert (found / "config.json").read_bytes() == (tiny_bert / "config.json").read_bytes()


def test_whether_it_was_converted_is_told_without_reading_it(
    tiny_bert: Path, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "hilbert-test-whole"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    split(zipped(tiny_bert, tmp_path / "m.zip"), [package], n_parts=1)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    name = "hilbert-test-whole"
    model = KnownModel(("mine",), "text", "me/mine", packages=((name, name, "."),))
    assert where_known(model) == "package"
    assert not own_cache.exists()
    monkeypatch.setattr(file_digests, "SETTLED_NS", -1)  # remember files however new
    assert packaged_folder(model) is not None
    assert where_known(model) == "package, converted"
    (package / "m.zip.001").write_bytes(b"another")
    assert where_known(model) == "package"
