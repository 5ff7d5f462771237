"""An extraction whose features another process collects before they are published."""

from pathlib import Path
from typing import Any

import pytest

from hilbert.pipeline import extract as module
from hilbert.store.collect import collect
from hilbert.store.errors import StoreError
from hilbert.store.feature_store import open_store
from support.exact import Bench, contents

SUFFIXES = [".zarr", ".h5"]


def collect_before_publishing(monkeypatch: pytest.MonkeyPatch, store: Path, n_times: int) -> None:
    """Let all that nothing refers to go, before each of the first `n_times` publications."""
    real, times = module._publish, iter(range(n_times))

    def publish(*arguments: Any) -> bool:
        if next(times, None) is not None:
            collect(open_store(store), older_than_s=0)
        return real(*arguments)

    monkeypatch.setattr(module, "_publish", publish)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("before", [0, 2])
def test_it_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, before: int
) -> None:
    bench = Bench(tmp_path / "corpus")
    bench.write(range(3))
    undisturbed, store = tmp_path / f"undisturbed{suffix}", tmp_path / f"feats{suffix}"
    bench.extract(undisturbed, range(3))
    bench.extract(store, range(before))
    collect_before_publishing(monkeypatch, store, 1)
    report = bench.extract(store, range(3))
    assert report.failed == ()
    assert contents(store) == contents(undisturbed)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_publishes_nothing_where_all_is_collected_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    bench, store = Bench(tmp_path / "corpus"), tmp_path / f"feats{suffix}"
    bench.write(range(3))
    bench.extract(store, range(1))
    before = contents(store)
    collect_before_publishing(monkeypatch, store, module.ATTEMPTS)
    with pytest.raises(StoreError, match="loses features"):
        bench.extract(store, range(3))
    assert contents(store) == before
