from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilbert.stages.extract.encoders.base import (
    Encoded,
    EncoderOptions,
    Failed,
    best_audio_precision,
    options_of,
    result_of,
)
from hilbert.store.errors import HilbertError
from hilbert.store.types import EncoderInfo


@pytest.mark.parametrize(
    ("option", "value", "flag"),
    [
        ("layer", 1.5, "--layer"),
        ("layer", True, "--layer"),
        ("layer", "4-8", "--layer"),
        ("pooling", "median", "--pooling"),
        ("context", "mixed", "--context"),
        ("precision", "int8", "--precision"),
    ],
)
def test_a_bad_option_names_its_flag_and_its_value(option: str, value: Any, flag: str) -> None:
    with pytest.raises(HilbertError, match=flag) as error:
        EncoderOptions(**{option: value})
    assert repr(value) in str(error.value)


def test_options_are_read_back_from_an_encoder_s_record() -> None:
    options = {"layer": 2, "pooling": "mean", "context": "isolated", "precision": "bf16"}
    info = EncoderInfo("whisper", "audio", 384, "f", {**options, "model": "whisper"})
    assert options_of(info) == EncoderOptions(2, "mean", "isolated", "bf16")
    with pytest.raises(HilbertError, match="layer"):
        options_of(EncoderInfo("other", "text", 8, "f"))


def test_precision_follows_the_processor(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    assert best_audio_precision(cpuinfo=cpuinfo) == "fp32"
    cpuinfo.write_text("flags : fpu avx2 avx512f\n")
    assert best_audio_precision(cpuinfo=cpuinfo) == "fp32"
    cpuinfo.write_text("flags : fpu avx2 amx_bf16 amx_tile\n")
    assert best_audio_precision(cpuinfo=cpuinfo) == "bf16"


def test_precision_follows_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags : fpu avx2\n")
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for can in (True, False):
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda can=can: can)
        expected = "bf16" if can else "fp32"
        assert best_audio_precision("auto", cpuinfo, tmp_path) == expected
        assert best_audio_precision("cpu", cpuinfo, tmp_path) == "fp32"
    assert best_audio_precision("auto", cpuinfo, tmp_path / "nothing") == "fp32"


def test_features_that_are_no_numbers_make_a_failure() -> None:
    assert isinstance(result_of("a", np.zeros((2, 3), np.float16)), Encoded)
    assert isinstance(result_of("a", np.array([[np.nan]], np.float16)), Failed)
