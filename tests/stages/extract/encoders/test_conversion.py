import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hilbert.stages.extract.encoders import conversion
from hilbert.stages.extract.encoders.base import EncoderOptions
from hilbert.stages.extract.encoders.checkpoints import tensors_digest, whisper_encoder_tensor
from hilbert.stages.extract.encoders.conversion import convert_ct2, find_ct2
from hilbert.stages.extract.encoders.ct2_reader import read_ct2
from hilbert.stages.extract.encoders.sources import local_folder
from hilbert.stages.extract.encoders.weights import resolve_encoder
from hilbert.store.errors import HilbertError

NAMES = ("endoftext", "startoftranscript", "translate", "transcribe", "startofprev", "notimestamps")
TYPES = {"float32": 0, "int8": 1, "int16": 2, "float16": 4}

Arrays = dict[str, NDArray[Any]]


def whisper() -> Any:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=64,
        num_mel_bins=80,
        d_model=16,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_target_positions=8,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=1,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():  # biases begin at zero, which would hide a mistake
        for name, value in model.named_parameters():
            if name.endswith("bias") or "norm" in name:
                value.uniform_(-1, 1)
    return model.half().float()  # values that float16 holds


def ct2_tensors(model: Any) -> Arrays:
    """The model under CTranslate2's names, projections of attention stacked."""
    state = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    found: Arrays = {"decoder/embeddings/weight": state["model.decoder.embed_tokens.weight"]}

    def put(target: str, source: str) -> None:
        last = ("gamma", "beta") if "norm" in source else ("weight", "bias")
        found[f"{target}/{last[0]}"] = state[f"{source}.weight"]
        found[f"{target}/{last[1]}"] = state[f"{source}.bias"]

    def stack(target: str, source: str, letters: str) -> None:
        weights = [state[f"{source}.{x}_proj.weight"] for x in letters]
        zero = np.zeros(16, np.float32)
        biases = [state.get(f"{source}.{x}_proj.bias", zero) for x in letters]
        found[f"{target}/weight"] = np.concatenate(weights)
        found[f"{target}/bias"] = np.concatenate(biases)

    for i in (1, 2):
        put(f"encoder/conv{i}", f"model.encoder.conv{i}")
    for side in ("encoder", "decoder"):
        found[f"{side}/num_heads"] = np.array(2, np.int16)
        positions = state[f"model.{side}.embed_positions.weight"]
        found[f"{side}/position_encodings/encodings"] = positions
        put(f"{side}/layer_norm", f"model.{side}.layer_norm")
        for i in range(2):
            own, source = f"{side}/layer_{i}", f"model.{side}.layers.{i}"
            stack(f"{own}/self_attention/linear_0", f"{source}.self_attn", "qkv")
            put(f"{own}/self_attention/linear_1", f"{source}.self_attn.out_proj")
            put(f"{own}/self_attention/layer_norm", f"{source}.self_attn_layer_norm")
            if side == "decoder":
                stack(f"{own}/attention/linear_0", f"{source}.encoder_attn", "q")
                stack(f"{own}/attention/linear_1", f"{source}.encoder_attn", "kv")
                put(f"{own}/attention/linear_2", f"{source}.encoder_attn.out_proj")
                put(f"{own}/attention/layer_norm", f"{source}.encoder_attn_layer_norm")
            put(f"{own}/ffn/linear_0", f"{source}.fc1")
            put(f"{own}/ffn/linear_1", f"{source}.fc2")
            put(f"{own}/ffn/layer_norm", f"{source}.final_layer_norm")
    return found


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def ct2_bytes(tensors: Mapping[str, NDArray[Any]], specification: str = "WhisperSpec") -> bytes:
    out = struct.pack("<I", 6) + text(specification) + struct.pack("<II", 3, len(tensors))
    for name, values in tensors.items():
        out += text(name) + struct.pack("<B", values.ndim)
        out += struct.pack(f"<{values.ndim}I", *values.shape)
        out += struct.pack("<BI", TYPES[values.dtype.name], values.nbytes) + values.tobytes()
    aliases = {"decoder/projection/weight": "decoder/embeddings/weight"}
    out += struct.pack("<I", len(aliases))
    return out + b"".join(text(alias) + text(name) for alias, name in aliases.items())


def halved(tensors: Arrays) -> Arrays:
    return {
        name: values.astype(np.float16) if values.dtype == np.float32 else values
        for name, values in tensors.items()
    }


@pytest.fixture
def ct2(tmp_path: Path) -> Path:
    """A CTranslate2 folder in float16, and beside it the model it was made of."""
    folder = tmp_path / "ct2"
    folder.mkdir()
    (folder / "model.bin").write_bytes(ct2_bytes(halved(ct2_tensors(whisper()))))
    (folder / "config.json").write_text(json.dumps({"suppress_ids": [3], "lang_ids": []}))
    added = [{"id": i, "content": f"<|{name}|>"} for i, name in enumerate(NAMES)]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    return folder


def test_the_converted_folder_is_the_same_model(ct2: Path) -> None:
    from transformers import WhisperForConditionalGeneration

    model = WhisperForConditionalGeneration.from_pretrained(local_folder(ct2)).eval()
    expected = whisper()
    assert model.dtype == torch.float32
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=0, atol=0)
    mel, tokens = torch.randn(1, 80, 3000), torch.tensor([[1, 2, 3]])
    with torch.inference_mode():
        found = model(mel, decoder_input_ids=tokens).logits
        torch.testing.assert_close(found, expected(mel, decoder_input_ids=tokens).logits)
    assert model.generation_config.suppress_tokens == [3]
    assert model.generation_config.no_timestamps_token_id == NAMES.index("notimestamps")


def test_the_identity_is_that_of_the_model_saved_by_transformers(ct2: Path, tmp_path: Path) -> None:
    whisper().save_pretrained(tmp_path / "saved")
    options = EncoderOptions()
    converted = resolve_encoder(str(ct2), options)
    saved = resolve_encoder(str(tmp_path / "saved"), options)
    assert converted.info.fingerprint == saved.info.fingerprint
    assert converted.info.name == "ct2"
    assert str(tmp_path) not in str(converted.info)


def test_int8_rows_are_multiplied_out() -> None:
    rows = np.array([[127, -127], [64, 0]], np.int8)
    tensors: Arrays = {"w": rows, "w_scale": np.array([127.0, 64.0], np.float32)}
    tensors["decoder/embeddings/weight"] = np.zeros(2, np.float32)
    found = read_ct2(ct2_bytes(tensors), "WhisperSpec").take("w")
    assert found.tolist() == [[1.0, -1.0], [1.0, 0.0]]


def test_converting_again_reuses_the_folder(ct2: Path) -> None:
    first = local_folder(ct2)
    before = {file: file.stat().st_mtime_ns for file in first.iterdir()}
    assert local_folder(ct2) == first
    assert {file: file.stat().st_mtime_ns for file in first.iterdir()} == before
    assert os.listdir(first.parent) == [first.name]


def test_a_model_in_parts_is_joined(ct2: Path, tmp_path: Path) -> None:
    whole = local_folder(ct2)
    data = (ct2 / "model.bin").read_bytes()
    (second := tmp_path / "second").mkdir()
    (ct2 / "model.bin").unlink()
    (ct2 / "model.bin.part1").write_bytes(data[:5000])
    (second / "model.bin.part2").write_bytes(data[5000:])
    source = find_ct2([ct2, second])
    assert source is not None
    joined = convert_ct2(source)
    digests = [tensors_digest(f, "audio", whisper_encoder_tensor) for f in (whole, joined)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("n_bytes", [3, 100, 20_000])
def test_a_truncated_model_is_refused_and_leaves_nothing(
    ct2: Path, n_bytes: int, own_cache: Path
) -> None:
    data = (ct2 / "model.bin").read_bytes()
    (ct2 / "model.bin").write_bytes(data[:n_bytes])
    with pytest.raises(HilbertError, match="cannot be read"):
        local_folder(ct2)
    assert not list((own_cache / "models").iterdir())


def test_models_that_are_not_understood_are_refused(ct2: Path) -> None:
    tensors = halved(ct2_tensors(whisper()))
    wrong = {
        "TransformerSpec": ct2_bytes(tensors, "TransformerSpec"),
        "1 unknown": ct2_bytes({**tensors, "new/weight": np.zeros(2, np.float16)}),
        "bias for keys": ct2_bytes(
            {**tensors, "encoder/layer_0/self_attention/linear_0/bias": np.ones(48, np.float16)}
        ),
        "no tensor encoder/conv1/bias": ct2_bytes(
            {name: t for name, t in tensors.items() if name != "encoder/conv1/bias"}
        ),
    }
    for reason, data in wrong.items():
        (ct2 / "model.bin").write_bytes(data)
        with pytest.raises(HilbertError, match=reason):
            local_folder(ct2)


def test_a_killed_conversion_leaves_no_folder_and_is_cleaned_up(
    ct2: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from hilbert.stages.extract.encoders import ct2_whisper, sources\n"
        "ct2_whisper._model_config = lambda *a: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sources.local_folder(Path(sys.argv[1]))\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(ct2)], check=False)
    assert killed.returncode < 0
    (left,) = (own_cache / "models").iterdir()
    assert left.name.startswith(conversion._TEMPORARY)
    os.utime(left, (time.time() - 2 * 24 * 3600,) * 2)
    folder = local_folder(ct2)
    assert list((own_cache / "models").iterdir()) == [folder]


def test_of_two_conversions_at_once_one_wins(ct2: Path, own_cache: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from hilbert.stages.extract.encoders.sources import local_folder\n"
        "print(local_folder(Path(sys.argv[1])))\n"
    )
    command = [sys.executable, "-c", script, str(ct2)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    folders = {process.communicate()[0].strip() for process in both}
    assert all(process.returncode == 0 for process in both)
    assert {str(path) for path in (own_cache / "models").iterdir()} == folders


def test_a_pickled_checkpoint_becomes_safetensors(tiny_whisper: Path) -> None:
    from safetensors.torch import load_file

    expected = resolve_encoder(str(tiny_whisper), EncoderOptions()).info.fingerprint
    state = load_file(tiny_whisper / "model.safetensors")
    (tiny_whisper / "model.safetensors").unlink()
    torch.save(state, tiny_whisper / "pytorch_model.bin")
    assert resolve_encoder(str(tiny_whisper), EncoderOptions()).info.fingerprint == expected


def test_a_pickle_of_anything_else_is_not_run(tiny_whisper: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    (tiny_whisper / "model.safetensors").unlink()
    torch.save({"w": Evil()}, tiny_whisper / "pytorch_model.bin")
    with pytest.raises(HilbertError, match="more than tensors"):
        local_folder(tiny_whisper)
    assert not (tmp_path / "ran").exists()
