"""The password of a proxy is in no output, no report, no log and no error, whatever the proxy does."""

from __future__ import annotations

import base64
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from tests.e2e.runner import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "s3cr3t-of-the-proxy"
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
SENDING = (("-p", "hello", "--trust-host", "--verbose"),)
COMMANDS = (
    *SENDING,
    ("config", "show"),
    ("config", "show", "--json"),
    ("doctor", "--trust-host"),
    ("doctor", "--trust-host", "--json"),
    ("doctor", "--report"),
    ("workers", "--trust-host"),
)
REFUSED = (
    "http://somebody:{}@127.0.0.1:1",
    "http://somebody:{}@127.0.0.1:notaport",
    "http://somebody:{}@127.0.0.1:999999",
    "http://somebody:{}@[::1",
    "socks5://somebody:{}@127.0.0.1:1",
    "ftp://somebody:{}@127.0.0.1:1",
    "somebody:{}@127.0.0.1:1",
    "http://{}@127.0.0.1:1",
    "http://somebody:{}\x07@127.0.0.1:1",
    "{}",
)


class _Telling(BaseHTTPRequestHandler):
    """A proxy that refuses, and quotes what it was sent."""

    def do_CONNECT(self) -> None:
        given = self.headers.get("Proxy-Authorization", "")
        plain = base64.b64decode(given.rpartition(" ")[2]).decode()
        body = f"Access denied for {plain} ({given})".encode()
        self.send_response(407, f"Denied {plain}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def telling_proxy() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Telling) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://somebody:{{}}@127.0.0.1:{server.server_port}"
        server.shutdown()


def outputs(home: Path, proxy: str, commands: tuple[tuple[str, ...], ...]) -> str:
    """All that the commands write, in files, too."""
    environ = dict.fromkeys(NAMES, proxy.format(PASSWORD))
    written = []
    for argv in commands:
        log = home / "requests.log"
        more = ("--debug", str(log)) if argv[0] == "-p" else ()
        ran = run(*argv, *more, home=home, base_url="https://service.example", **environ)
        written += [ran.out, ran.err]
        written += [log.read_text("utf-8", "replace")] if log.exists() else []
    return "\n".join(written)


def assert_hidden(written: str) -> None:
    token = base64.b64encode(f"somebody:{PASSWORD}".encode()).decode()
    assert PASSWORD not in written
    assert token not in written


@pytest.mark.parametrize("proxy", REFUSED)
def test_a_proxy_that_cannot_be_used_shows_no_password(proxy: str, tmp_path: Path) -> None:
    written = outputs(tmp_path, proxy, SENDING)
    assert_hidden(written)
    assert "Traceback" not in written


def test_a_proxy_that_quotes_the_password_does_not_get_it_shown(tmp_path: Path) -> None:
    with telling_proxy() as proxy:
        written = outputs(tmp_path, proxy, COMMANDS)
    assert_hidden(written)
    assert "407" in written
