"""A server on loopback that behaves as it is told: whole answers, half ones, none, slow ones, and errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[str, bytes], tuple[int, bytes]]


@dataclass
class Told:
    """What the server is to do, request by request (`whole` once there is nothing left), and what it was asked."""

    url: str = ""
    behaviour: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    told: Told
    answer: staticmethod

    def do_GET(self) -> None:
        self._reply(b"")

    def do_POST(self) -> None:
        self._reply(self.rfile.read(int(self.headers["Content-Length"])))

    def _reply(self, body: bytes) -> None:
        self.told.asked.append(self.path)
        self.told.tokens.append(self.headers.get("Authorization"))
        how = self.told.behaviour.pop(0) if self.told.behaviour else "whole"
        status, content = self.answer(self.path, body)
        if how.isdigit():
            status, content = int(how), b'{"error": "not now", "hint": "wait"}'
        if how == "slow":
            time.sleep(1.0)
        try:
            self._send(how, status, content)
        except (BrokenPipeError, ConnectionResetError):
            return  # the client had enough

    def _send(self, how: str, status: int, content: bytes) -> None:
        self.send_response(status)
        if how not in {"trickle", "half-unsaid"}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if how == "trickle":
            for _ in range(30):
                self.wfile.write(content[:1])
                self.wfile.flush()
                time.sleep(0.05)
        self.wfile.write(content[: len(content) // 2] if how.startswith("half") else content)

    def log_message(self, *args: object) -> None:
        return


@contextmanager
def serving(answer: Answer) -> Iterator[Told]:
    """Serve `answer(path, body)`: status and body."""
    told = Told()
    handler = type("Handler", (_Handler,), {"told": told, "answer": staticmethod(answer)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
