"""Asking the hub once, and downloading from it, against a hub on this machine."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import huggingface_hub.constants
import pytest

from hilbert.stages.extract import hub
from support import fake_hub

MODEL = {"model.bin": b"weights", "config.json": b"{}", "tokenizer.json": b"{}", "README.md": b"-"}
FIND = (
    "from hilbert.stages.extract.recogniser_files import find_recogniser\n"
    "from hilbert.store.errors import HilbertError\n"
    "try: print(find_recogniser('me/mine').contents()['model.bin'])\n"
    "except HilbertError as error: print(error)\n"
)


def find(endpoint: str, cache: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Look for a recogniser in another process: the hub's library reads its address once."""
    own = {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1", **variables}
    unset = {"HF_HUB_OFFLINE", "HF_HUB_CACHE"} - own.keys()
    environment = {k: v for k, v in os.environ.items() if k not in unset} | own
    return subprocess.run(
        [sys.executable, "-c", FIND], env=environment, capture_output=True, text=True, check=True
    )


@pytest.fixture
def closed_port() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_slow_hub_that_falters_once_serves(tmp_path: Path) -> None:
    with fake_hub.serve(MODEL, delay_s=0.2, n_refusals=1) as server:
        done = find(server.url, tmp_path)
        assert done.stdout.strip() == "b'weights'"
        assert not any("README" in path for path in server.asked)
        server.asked.clear()
        assert find(server.url, tmp_path).stdout.strip() == "b'weights'"
        assert not server.asked  # the cache serves alone


def test_without_a_line_it_is_told_at_once(tmp_path: Path, closed_port: str) -> None:
    started = time.monotonic()
    done = find(closed_port, tmp_path)
    assert time.monotonic() - started < 5
    assert "hub cannot be reached (ConnectError)" in done.stdout
    assert "hilbert-speech[models]" in done.stdout
    assert done.stderr == ""


def test_a_hub_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "ANSWER_S", 0.3)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with fake_hub.serve(MODEL, delay_s=2.0) as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        started = time.monotonic()
        with pytest.raises(hub.NotDownloadedError, match="hub"):
            hub.ask_hub("me/mine", hub.MAIN)
        assert time.monotonic() - started < 1


def test_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with fake_hub.serve(MODEL) as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        hub.ask_hub("me/mine", hub.MAIN)
        with pytest.raises(hub.NotDownloadedError, match="no such model, or none that is public"):
            hub.ask_hub("me/other", hub.MAIN)
        with pytest.raises(hub.NotDownloadedError, match="no model of that name"):
            hub.ask_hub("not a name", hub.MAIN)
        assert "HF_HUB_OFFLINE forbids" in find(server.url, tmp_path, HF_HUB_OFFLINE="1").stdout
