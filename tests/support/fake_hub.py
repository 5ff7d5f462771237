"""A Hugging Face hub on this machine, as far as one model is downloaded from it."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Holds `files` under ``me/mine``; waits `delay_s` before every answer.

    The first `n_refusals` questions for its list of files are answered with 503.
    """

    daemon_threads = True

    def __init__(self, files: Mapping[str, bytes], delay_s: float, n_refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.delay_s, self.n_refusals = files, delay_s, n_refusals
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serve(
    files: Mapping[str, bytes], *, delay_s: float = 0.0, n_refusals: int = 0
) -> Iterator[Hub]:
    """A hub that answers until the context ends."""
    hub = Hub(files, delay_s, n_refusals)
    thread = threading.Thread(target=hub.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        time.sleep(self.server.delay_s)
        name = path.removeprefix(f"/me/mine/resolve/{COMMIT}/")
        if path.startswith("/api/models/me/mine/revision/"):
            self._send(json.dumps({"id": "me/mine", "sha": COMMIT}).encode())
        elif path.startswith("/api/models/me/mine/tree/"):
            self._send_tree()
        elif name in self.server.files:
            self._send(self.server.files[name], {"ETag": f'"{name}"', "X-Repo-Commit": COMMIT})
        else:
            self._send(b"{}", {"X-Error-Code": "RepoNotFound"}, status=404)

    def _send_tree(self) -> None:
        if self.server.n_refusals:
            self.server.n_refusals -= 1
            self._send(b"{}", status=503)
            return
        entries = [
            {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
            for name, data in self.server.files.items()
        ]
        self._send(json.dumps(entries).encode())

    def _send(
        self, data: bytes, headers: Mapping[str, str] | None = None, status: int = 200
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)
