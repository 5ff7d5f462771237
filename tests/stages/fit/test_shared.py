"""Arrays that several processes share."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hilbert.stages.fit.mapped import mapped, span_of
from hilbert.stages.fit.shared import Shared, receive, share
from support.synthetic import make_documents


@given(st.lists(arrays.arrays(st.sampled_from(["f2", "f8", "i8"]), arrays.array_shapes())))
@settings(max_examples=25)
def test_a_value_comes_back(parts: list[np.ndarray]) -> None:
    with share({"parts": parts, "name": "x"}) as shared:
        found = receive(shared)
    assert found["name"] == "x"
    for part, other in zip(parts, found["parts"], strict=True):
        assert np.array_equal(part, other, equal_nan=True)
        assert part.dtype == other.dtype


def private_bytes(shared: Shared) -> int:
    """Memory that a process has for itself after it has read all of a shared array."""
    before = _private()
    assert receive(shared).sum() > 0
    return _private() - before


def _private() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_Dirty"))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no /proc here")
def test_processes_have_no_copy_of_their_own() -> None:
    n_bytes = 64 << 20
    with (
        share(np.ones(n_bytes // 8)) as shared,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
    ):
        assert pool.submit(private_bytes, shared).result() < n_bytes / 8


def test_what_is_written_stays_where_it_was_written() -> None:
    documents = make_documents(4)
    with share(documents) as shared:
        one, other = receive(shared), receive(shared)
        one.labels[:] = 0
        assert np.array_equal(other.labels, documents.labels)
    with pytest.raises(FileNotFoundError):
        receive(shared)
    assert np.array_equal(other.audio[0].x, documents.audio[0].x)


def test_what_lies_in_a_mapped_file_is_not_written_again() -> None:
    documents = make_documents(4)
    stream = mapped(documents.audio)
    with share(replace(documents, audio=stream)) as shared:
        found = receive(shared)
        files = [span.file for span in shared.spans]
    lies = span_of(memoryview(stream[0].x))
    assert lies is not None
    assert files.count(lies.file) == 2 * len(stream)
    assert len(set(files)) == 2
    for one, other in zip(found.audio, documents.audio, strict=True):
        assert np.array_equal(one.x, other.x)
        assert np.array_equal(one.times, other.times, equal_nan=True)
