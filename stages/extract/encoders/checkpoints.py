"""The files of a Hugging Face folder and the digests that tell models apart.

A model's identity is the digest of its encoder's tensors (name, shape, float32 values), not
of its files: the same weights have the same identity as float32 or float16, in one file or
in shards, from the hub or converted. All without torch or transformers, so that nothing
heavy is imported to find out that nothing is to be done.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilbert.store.errors import HilbertError
from hilbert.store.file_digests import FileDigests
from hilbert.store.keys import DIGEST_BYTES, bytes_digest, digest

_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_BLOCK = 1 << 22  # values converted to float32 at a time
_MAX_HEADER_BYTES = 100_000_000  # as in the safetensors library

_WHISPER_ENCODER = re.compile(r"^(?:model\.)?encoder\.(.+)$")
_WAVEFORM_ENCODER = re.compile(
    r"^(?:(?:wav2vec2|hubert|wavlm|data2vec_audio)\.)?"
    r"((?:feature_extractor|feature_projection|encoder)\..+)$"
)
_W2V_BERT_ENCODER = re.compile(
    r"^(?:wav2vec2_bert\.)?((?:feature_projection|encoder)\.(?!embed_positions\.).+)$"
)
_WEIGHT_NORM = {
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}
"""Length and direction of weights, in torch's old names and in its new ones."""
_TEXT_HEAD = re.compile(r"^(?:model\.)?(?:lm_head|cls|classifier)\.")
_TEXT_DECODER = re.compile(r"^(?:model\.)?decoder\.")

NameFilter = Callable[[str], str | None]


def whisper_encoder_tensor(name: str) -> str | None:
    """Name of a Whisper tensor inside the encoder, None if it is not of the encoder."""
    found = _WHISPER_ENCODER.match(name)
    return found.group(1) if found else None


def waveform_encoder_tensor(name: str) -> str | None:
    """Name of a tensor inside a model of the raw waveform, with or without a head on it.

    None for heads, quantisers and adapters, which no feature depends on. One name for both that
    torch has had for the parts of a normed weight.
    """
    found = _WAVEFORM_ENCODER.match(name)
    if found is None:
        return None
    own = found.group(1)
    for old, new in _WEIGHT_NORM.items():
        if own.endswith(old):
            return own.removesuffix(old) + new
    return own


def w2v_bert_encoder_tensor(name: str) -> str | None:
    """Name of a tensor inside a w2v-BERT, None if no feature depends on it."""
    found = _W2V_BERT_ENCODER.match(name)
    return found.group(1) if found else None


def text_encoder_tensor(name: str) -> str | None:
    """`name`, or None for tensors of heads, which no feature depends on."""
    return None if _TEXT_HEAD.match(name) else name


def encoder_of_two_tensor(name: str) -> str | None:
    """`text_encoder_tensor` of an encoder-decoder model, whose decoder does not matter.

    The tensors of some decoder-only models (OPT) are called ``decoder``, too; those do.
    """
    return None if _TEXT_DECODER.match(name) else text_encoder_tensor(name)


def shown(path: Path) -> str:
    """A folder of a model, or a file in one, without where on this machine it lies.

    Messages are copied into logs and reports, and a path tells who uses the machine.
    """
    if path.is_dir() or not path.name:
        return path.resolve().name
    return f"{path.parent.resolve().name}/{path.name}"


def without_paths(reason: str, folder: Path) -> str:
    """What another library says about a model in `folder`, with `shown` for its path."""
    for spelling in {str(folder.resolve()), str(folder)} - {"."}:
        reason = reason.replace(spelling, shown(folder))
    return reason


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a model.

    Raises
    ------
    HilbertError
        If the file is missing or is no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HilbertError(f"{shown(path)} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise HilbertError(f"{shown(path)} is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise HilbertError(f"{shown(path)} is not a JSON object.")
    return value


def weight_files(folder: Path) -> list[Path]:
    """Safetensors files of a model, one or several shards; empty if it has none.

    Raises
    ------
    HilbertError
        If the index of the shards is damaged.
    """
    if (single := folder / "model.safetensors").exists():
        return [single]
    if not (index := folder / "model.safetensors.index.json").exists():
        return []
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise HilbertError(
            f"{shown(index)} names no files: it has no weight_map. Copy or save the model again."
        )
    shards = sorted({folder / str(name) for name in weight_map.values()})
    return shards if all(shard.exists() for shard in shards) else []


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a configuration and all of its safetensors."""
    return (folder / "config.json").exists() and bool(weight_files(folder))


def tensors_digest(folder: Path, kind: str, rename: NameFilter) -> str:
    """Digest of the tensors that `rename` gives a name, remembered by the files' stamps.

    Parameters
    ----------
    folder : Path
    kind : str
        Name of `rename`, under which the digest is remembered.
    rename : callable
        From a tensor's name in the file to its canonical name, None to leave it out.

    Raises
    ------
    HilbertError
        If a file is not safetensors or holds no such tensor.
    """
    with FileDigests() as digests:
        lines = [
            line
            for file in weight_files(folder)
            for line in digests.derived(file, kind, lambda f: _tensor_lines(f, rename)).split()
        ]
    if not lines:
        raise HilbertError(f"{shown(folder)} holds no weights of an encoder.")
    return digest("tensors", sorted(lines))


def _tensor_lines(file: Path, rename: NameFilter) -> str:
    """One digest of (name, shape, values) per tensor, so that shards can be put together."""
    return "\n".join(
        _tensor_digest(name, values)
        for stored_name, values in _tensors(file)
        if (name := rename(stored_name)) is not None
    )


def _tensor_digest(name: str, values: NDArray[Any]) -> str:
    hasher = hashlib.blake2b(digest_size=DIGEST_BYTES)
    hasher.update(json.dumps([name, list(values.shape)]).encode())
    flat = values.reshape(-1)
    for start in range(0, len(flat), _BLOCK):
        hasher.update(as_float32(flat[start : start + _BLOCK]).tobytes())
    return hasher.hexdigest()


def as_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """Values as float32; unsigned 16-bit integers are the bits of bfloat16 numbers."""
    if values.dtype == np.uint16:
        return (values.astype("<u4") << 16).view("<f4")
    return np.asarray(values, dtype="<f4")


def _tensors(file: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Floating-point tensors of a safetensors file, mapped from the disk.

    References
    ----------
    https://github.com/huggingface/safetensors#format
    """
    try:
        data = np.memmap(file, dtype=np.uint8, mode="r")
        n_header = int(data[:8].view("<u8")[0])
        if n_header > _MAX_HEADER_BYTES:
            raise ValueError("header too long")
        header: Mapping[str, Any] = json.loads(bytes(data[8 : 8 + n_header]))
        if not isinstance(header, dict):
            raise ValueError("its header is no JSON object")
        for name, entry in header.items():
            if name != "__metadata__" and entry["dtype"] in _DTYPES:
                start, stop = (8 + n_header + offset for offset in entry["data_offsets"])
                values = data[start:stop].view(_DTYPES[entry["dtype"]])
                yield name, values.reshape(entry["shape"])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise HilbertError(f"{shown(file)} is not a safetensors file: {error}.") from None


_TOKENIZER_FILES = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
_TOKENIZER_OPTIONS = (
    "tokenizer_class",
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
    "add_prefix_space",
    "add_bos_token",
    "add_eos_token",
    "legacy",
)


def tokenizer_digest(folder: Path) -> str:
    """Digest of what turns a text into token ids, apart from where it is cut.

    ``tokenizer.json`` decides where it exists, without the truncation and padding that it
    may carry (the encoder does its own); else the vocabulary files do.

    Raises
    ------
    HilbertError
        If the folder has neither.
    """
    config = folder / "tokenizer_config.json"
    options = read_json(config) if config.exists() else {}
    chosen = {name: options[name] for name in _TOKENIZER_OPTIONS if name in options}
    return digest("tokenizer", [_vocabulary(folder), chosen])


def _vocabulary(folder: Path) -> object:
    if (path := folder / "tokenizer.json").exists():
        content = {**read_json(path), "truncation": None, "padding": None}
        return bytes_digest(json.dumps(content, sort_keys=True).encode())
    with FileDigests() as digests:
        found = {
            name: digests.of(folder / name) for name in _TOKENIZER_FILES if (folder / name).exists()
        }
    if not found:
        raise HilbertError(
            f"{shown(folder)} has no tokenizer (tokenizer.json or a vocabulary file)."
        )
    return found
