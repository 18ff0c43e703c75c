"""Small web servers on loopback, in threads of the tests."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers every request with `answer`, and writes no log."""

    def answer(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names are the library's

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def reply(
        self,
        status: int,
        body: bytes = b"",
        kind: str = "application/json",
        pieces: Iterable[bytes] | None = None,
        **headers: str,
    ) -> None:
        """Send a body at once, or in `pieces`; the client may have gone meanwhile."""
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in [body] if pieces is None else pieces:
            with suppress(OSError):
                self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[Handler]) -> Iterator[str]:
    """The address of a server with this handler; it ends with the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Receiver:
    """A receiver of webhooks: records each delivery (path, headers, body), and answers with `status`."""

    def __init__(self, *first: int) -> None:
        """`first`: the statuses of the first deliveries."""
        self.first = iter(first)
        self.status = 200
        self.url = ""
        self.tokens: list[str] = []
        self.deliveries: queue.Queue[tuple[str, dict[str, str], dict[str, Any]]] = queue.Queue()


@contextmanager
def receiving(*first: int, path: str = "/hook") -> Iterator[Receiver]:
    receiver = Receiver(*first)

    class Recording(Handler):
        def answer(self) -> None:
            body = json.loads(self.body())
            receiver.tokens.append(self.headers["X-Handinger-Token"])
            receiver.deliveries.put((self.path, dict(self.headers), body))
            self.reply(next(receiver.first, receiver.status), location="http://127.0.0.1:9/elsewhere")

    with serving(Recording) as address:
        receiver.url = f"{address.replace('127.0.0.1', 'localhost')}{path}"
        yield receiver
