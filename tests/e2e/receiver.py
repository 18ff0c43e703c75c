"""A receiver of webhooks on this computer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Receiver(BaseHTTPRequestHandler):
    """Answers 500 first, then 204, and keeps the tokens."""

    tokens: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.tokens.append(self.headers["X-Handinger-Token"])
        self.send_response(500 if len(self.tokens) == 1 else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no log."""


@contextmanager
def receiving() -> Iterator[tuple[str, list[str]]]:
    """An address that answers 500 once and 204 from then on, and the tokens that it received."""
    tokens: list[str] = []
    kind = type("OwnReceiver", (_Receiver,), {"tokens": tokens})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}/hook", tokens
        http.shutdown()
        thread.join()
