import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hilbert.stages.extract.encoders.audio import AudioEncoder
from hilbert.stages.extract.encoders.base import Encoded, EncodeJob, EncoderOptions, Failed
from hilbert.stages.extract.encoders.fallback import NO_MEMORY, BatchSize, is_out_of_memory
from hilbert.stages.extract.encoders.text import TextEncoder
from hilbert.stages.extract.encoders.weights import load_encoder, resolve_encoder
from hilbert.store.types import Segment

CPU_ERROR = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you"
    " tried to allocate 40000000000000 bytes. Error code 12 (Cannot allocate memory)"
)
ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    CPU_ERROR,
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB)"),
    MemoryError(),
]

Chirp = Callable[..., NDArray[np.float32]]
WriteWav = Callable[[str, NDArray[np.float32]], Path]


def isolated(*spans: tuple[float, float]) -> tuple[Segment, ...]:
    return tuple(Segment("audio", "A", *span) for span in spans)


class Memory:
    """A forward pass that has room for so many items, and the batches it was given."""

    def __init__(self, room: int, error: BaseException, too_big: tuple[int, ...] = ()) -> None:
        self.room, self.error, self.too_big = room, error, too_big
        self.sizes: list[int] = []

    def forward(self, items: list[int]) -> list[int]:
        self.sizes.append(len(items))
        if len(items) > self.room or any(item in self.too_big for item in items):
            raise self.error
        return [2 * item for item in items]


@pytest.mark.parametrize("error", ERRORS)
def test_a_batch_is_halved_until_it_fits_and_stays_so(error: BaseException) -> None:
    memory, size = Memory(3, error), BatchSize(16)
    assert size.run(memory.forward, range(16)) == [2 * i for i in range(16)]
    assert memory.sizes == [16, 8, 4, 2, 2, 2, 2, 2, 2, 2, 2]
    assert size.limit == 2


def test_what_does_not_fit_alone_is_left_out() -> None:
    memory, size = Memory(9, CPU_ERROR, too_big=(5,)), BatchSize(4)
    assert size.run(memory.forward, range(8)) == [0, 2, 4, 6, 8, None, 12, 14]
    assert size.limit == 1


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 do not fit"), ValueError("x")])
def test_any_other_error_comes_through(error: BaseException) -> None:
    assert not is_out_of_memory(error)
    with pytest.raises(type(error)):
        BatchSize(4).run(Memory(0, error).forward, range(4))


def test_the_processor_s_own_error_is_known() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(10**14)
    assert is_out_of_memory(error.value)


def test_falling_back_is_said_once_for_each_size(caplog: pytest.LogCaptureFixture) -> None:
    size = BatchSize(4)
    with caplog.at_level(logging.WARNING, "hilbert"):
        for _ in range(3):
            size.run(Memory(2, CPU_ERROR).forward, range(8))
    assert caplog.messages == ["Note: out of memory; going on with batches of 2."]


class Cramped:
    """A tower that has room for so many windows, and for none whose first input is negative."""

    def __init__(self, tower: Any, room: int) -> None:
        self._tower, self._room = tower, room
        self.device, self.frame_samples = tower.device, tower.frame_samples

    def prepare(self, samples: NDArray[np.float32]) -> torch.Tensor:
        prepared: torch.Tensor = self._tower.prepare(samples).clone()
        if len(samples) == 8000:  # half a second, as only some windows are
            prepared.view(-1)[0] = -99
        return prepared

    def __call__(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        if len(inputs) > self._room or any(part.view(-1)[0] == -99 for part in inputs):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        hidden: torch.Tensor = self._tower(inputs)
        return hidden

    def compile(self) -> None:
        raise NotImplementedError


def test_audio_goes_on_with_smaller_batches_and_loses_only_what_never_fits(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    audio = write_wav("a", chirp(40.0))
    sizes = {"a": [2.0], "b": [1.0, 0.5, 1.0, 2.0], "c": [1.0, 2.0], "d": [0.5]}
    jobs = [
        EncodeJob(name, isolated(*((3.0 * i, 3.0 * i + n) for i, n in enumerate(lengths))), audio)
        for name, lengths in sizes.items()
    ]
    options = EncoderOptions(context="isolated")
    roomy: Any = load_encoder(resolve_encoder(str(tiny_whisper), options), device="cpu")
    expected = {r.id: r for r in roomy.encode(jobs)}
    cramped = AudioEncoder(roomy.info, Cramped(roomy._tower, 2), options, batch_size=8)
    results = {r.id: r for r in cramped.encode(jobs)}
    assert len(results) == 4
    assert results["b"] == Failed("b", NO_MEMORY)
    assert results["d"] == Failed("d", NO_MEMORY)
    for name in "ac":
        found, whole = results[name], expected[name]
        assert isinstance(found, Encoded)
        assert isinstance(whole, Encoded)
        np.testing.assert_allclose(found.x, whole.x, atol=1e-3)


def test_a_document_that_failed_for_memory_is_told_once(
    tiny_whisper: Path, chirp: Chirp, write_wav: WriteWav
) -> None:
    broken = chirp(70.0)
    broken[65 * 16_000] = np.nan  # would fail too, when it is decoded so far
    spans = [(0.0, 0.5), *((10.0 * i, 10.0 * i + 10) for i in range(1, 7))]
    job = EncodeJob("d", isolated(*spans), write_wav("a", broken))
    options = EncoderOptions(context="isolated")
    roomy: Any = load_encoder(resolve_encoder(str(tiny_whisper), options), device="cpu")
    encoder = AudioEncoder(roomy.info, Cramped(roomy._tower, 1), options)
    assert list(encoder.encode([job])) == [Failed("d", NO_MEMORY)]


def test_text_goes_on_with_smaller_batches_and_loses_only_what_never_fits(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {"a": ["the doctor said", "pain"], "b": ["good", "bad " * 12], "c": ["walk slow"]}
    jobs = [
        EncodeJob(name, tuple(Segment("text", text=text) for text in texts[name])) for name in texts
    ]
    encoder: Any = load_encoder(resolve_encoder(str(tiny_bert), EncoderOptions()), device="cpu")
    expected = {r.id: r for r in encoder.encode(jobs)}
    hidden = TextEncoder._hidden

    def cramped(self: TextEncoder, rows: list[list[int]]) -> torch.Tensor:
        if len(rows) > 2 or max(map(len, rows)) > 10:
            raise CPU_ERROR
        return hidden(self, rows)

    monkeypatch.setattr(TextEncoder, "_hidden", cramped)
    results = {r.id: r for r in encoder.encode(jobs)}
    assert results["b"] == Failed("b", NO_MEMORY)
    for name in "ac":
        found, whole = results[name], expected[name]
        assert isinstance(found, Encoded)
        assert isinstance(whole, Encoded)
        np.testing.assert_allclose(found.x, whole.x, atol=1e-3)
