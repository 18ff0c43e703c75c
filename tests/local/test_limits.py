"""Requests beyond a limit are refused with a sentence that the client can read."""

from __future__ import annotations

import io
import json
import socket

import httpx

from handinger_tui.local.http import MIB, RequestLimits
from handinger_tui.local.server import LocalServer


def test_a_body_that_is_too_large_is_413_and_not_a_broken_pipe() -> None:
    with LocalServer.start(pace=0, limits=RequestLimits(body_bytes=100_000)) as small:
        headers = {"authorization": f"Bearer {small.api_key}"}
        for size in (100_001, 20_000_000):
            files = {"files": ("big.txt", io.BytesIO(b"x" * size))}
            url = f"{small.base_url}/api/workers"
            answer = httpx.post(url, data={"input": "x"}, files=files, headers=headers, trust_env=False)
            assert answer.status_code == 413
            assert "100,000" in answer.json()["error"]


def test_a_refusal_reaches_a_client_that_is_still_sending(server: LocalServer) -> None:
    port = int(server.base_url.rpartition(":")[2])
    head = "POST /api/workers HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    head += f"content-length: {8 * MIB}\r\n\r\n"
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        line.sendall(head.encode() + b"x" * (8 * MIB))
        while piece := line.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
