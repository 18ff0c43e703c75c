"""Error responses: recorded shapes, hostile ones, and every form of Retry-After."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from handinger_tui.api import errors as faults
from handinger_tui.api.errors import Phase, reason, refusal, retry_after, translate
from handinger_tui.core.errors import (
    ApiError,
    BrokenContract,
    Doubtful,
    Refused,
    ServerFault,
    StreamLost,
    Unreachable,
)
from handinger_tui.core.turns.turn import ErrorKind

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "http_errors.json").read_text())

WANTED: dict[str, tuple[type[ApiError], ErrorKind, str]] = {
    "401-error-string": (Refused, ErrorKind.AUTH, "Unauthorized"),
    "401-error-object": (Refused, ErrorKind.AUTH, "Invalid API key"),
    "402-message": (Refused, ErrorKind.PAYMENT, "You have run out of credits."),
    "404-plain": (Refused, ErrorKind.NOT_FOUND, "Worker not found"),
    "422-issues": (Refused, ErrorKind.INVALID, "input: String must contain at least 1 character(s)"),
    "429-retry-after": (Refused, ErrorKind.RATE_LIMITED, "Too many requests"),
    "500-html": (ServerFault, ErrorKind.SERVER, "Worker threw exception | example.com | Cloudflare"),
}


@pytest.mark.parametrize("name", WANTED)
def test_recorded_errors(name: str) -> None:
    item = RECORDED[name]["item"]
    family, kind, text = WANTED[name]
    error = refusal(item["status"], item["headers"], item["body"].encode())
    assert isinstance(error, family)
    assert error.kind is kind
    assert error.summary.endswith(f": {text.rstrip('.')}.")
    assert error.http_status == item["status"]
    assert error.hint
    assert error.retry_after_s == (7.0 if name == "429-retry-after" else None)


def test_every_recorded_error_has_a_case() -> None:
    assert set(RECORDED) - set(WANTED) == {"204-nothing-to-resume"}


JSON = "application/json"


@pytest.mark.parametrize(
    ("kind", "body", "wanted"),
    [
        (JSON, '{"error":{"error":{"message":"deep"}}}', "deep"),
        (
            "application/problem+json",
            '{"type":"t","title":"Forbidden","detail":"Worker is private"}',
            "Worker is private",
        ),
        ("application/problem+json", '{"type":"t","title":"Forbidden"}', "Forbidden"),
        (JSON, '{"errors":[{"message":"a"},{"message":"b"}]}', "a; b"),
        (JSON, '{"code":"oops"}', "oops"),
        (JSON, '"a string"', "a string"),
        (JSON, "[]", ""),
        (JSON, "{}", ""),
        (JSON, "null", ""),
        (JSON, "", ""),
        (JSON, '{"error":"cut', ""),
        (JSON, "[" * 100_000, ""),
        ("text/plain", "\ufeffplain\nwords \x1b]52;c;Q0FO\x07\u202e", "plain words ]52;c;Q0FO"),
        ("text/plain", '{"error":"labeled text"}', "labeled text"),
        ("", "<!doctype html><p>secret", ""),
        ("text/html", "<html><TITLE >Bad &lt;b&gt;\x1b[31m Gateway</TITLE>", "Bad <b>[31m Gateway"),
        ("text/html", "no tags at all", ""),
        ("text/plain", "x" * 5000, "x" * 797 + "…"),
        (JSON, '{"error":"\\ud800\\u0000"}', "\ufffd"),
    ],
)
def test_reasons(kind: str, body: str, wanted: str) -> None:
    assert reason(kind, body.encode()) == wanted


@pytest.mark.parametrize("unit", ["x", "é", "漢", "😀"])
def test_a_summary_fits_in_a_kilobyte(unit: str) -> None:
    body = json.dumps({"error": unit * 100_000}).encode()
    for status in (400, 401, 413, 429, 500, 503):
        assert len(refusal(status, {"content-type": JSON}, body).summary.encode()) <= 1024


NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


def date(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, None),
        ({"retry-after": "17"}, 17),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "99999"}, 3600),
        ({"retry-after": "9" * 30}, 3600),
        ({"retry-after": "9" * 5000}, 3600),
        ({"retry-after-ms": "9" * 30}, 3600),
        ({"retry-after": "1e9"}, 30),
        ({"retry-after": "-5"}, 30),
        ({"retry-after": "soon"}, 30),
        ({"retry-after": ""}, 30),
        ({"retry-after": "٣"}, 30),
        ({"retry-after-ms": "2500", "retry-after": "9"}, 2.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9),
        ({"retry-after-ms": "x"}, 30),
        ({"retry-after": date(20), "date": date(0)}, 20),
        ({"retry-after": date(3620), "date": date(3600)}, 20),
        ({"retry-after": date(-20), "date": date(0)}, 0),
        ({"retry-after": date(1e8), "date": date(0)}, 3600),
        ({"retry-after": "Mon, 99 Foo 2026 00:00:00 GMT", "date": date(0)}, 30),
    ],
)
def test_retry_after(headers: dict[str, str], wanted: float | None) -> None:
    assert retry_after(headers) == wanted


def test_a_retry_date_without_a_date_header_is_measured_by_our_clock() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    seconds = retry_after({"retry-after": date})
    assert seconds is not None
    assert 50 <= seconds <= 61


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://evil.example/x?sig=abc", "evil.example"),
        ("//user:pw@evil.example:8/x", "evil.example:8"),
        ("/login", "another page"),
        ("http://[", "invalid"),
        ("https://e\x07vil\u202e.example/", "evil.example"),
        ("", "another page"),
    ],
)
def test_a_redirect_names_its_host_only(location: str, host: str) -> None:
    error = refusal(307, {"location": location}, b"")
    assert error.kind is ErrorKind.REDIRECT
    assert host in error.summary
    assert not any(secret in error.summary for secret in ("sig", "pw", "\x07", "\u202e"))


def test_an_unexpected_status() -> None:
    assert isinstance(refusal(101, {}, b""), BrokenContract)


@pytest.mark.parametrize(
    ("problem", "phase", "family", "kind"),
    [
        (httpx.ConnectError("refused"), Phase.CONNECTING, Unreachable, ErrorKind.CONNECT),
        (httpx.ConnectTimeout("slow"), Phase.CONNECTING, Unreachable, ErrorKind.CONNECT),
        (httpx.ProxyError("403 Forbidden"), Phase.CONNECTING, Unreachable, ErrorKind.CONNECT),
        (httpx.UnsupportedProtocol("x"), Phase.CONNECTING, Unreachable, ErrorKind.CONNECT),
        (httpx.PoolTimeout("x"), Phase.CONNECTING, Unreachable, ErrorKind.CONNECT),
        (httpx.ReadError("x"), Phase.SENT, Doubtful, ErrorKind.NETWORK),
        (httpx.WriteError("x"), Phase.SENT, Doubtful, ErrorKind.NETWORK),
        (httpx.RemoteProtocolError("Server disconnected"), Phase.SENT, Doubtful, ErrorKind.NETWORK),
        (httpx.WriteTimeout("x"), Phase.SENT, Doubtful, ErrorKind.TIMEOUT),
        (OSError("x"), Phase.SENT, Doubtful, ErrorKind.NETWORK),
        (httpx.RemoteProtocolError("illegal chunk"), Phase.BODY, StreamLost, ErrorKind.NETWORK),
        (httpx.ReadError("x"), Phase.BODY, StreamLost, ErrorKind.NETWORK),
        (httpx.ReadTimeout("x"), Phase.BODY, StreamLost, ErrorKind.NETWORK),
    ],
)
def test_translation(problem: Exception, phase: Phase, family: type[ApiError], kind: ErrorKind) -> None:
    error = translate(problem, phase)
    assert type(error) is family
    assert error.kind is kind
    assert error.chargeable is (family is not Unreachable)


def test_a_refused_header_value_is_not_repeated() -> None:
    problem = httpx.LocalProtocolError("Illegal header value b'Bearer hdg_live_secret\\n'")
    for phase in Phase:
        error = translate(problem, phase)
        assert "secret" not in error.summary + error.hint


def test_a_proxy_that_answers_garbage_is_not_quoted() -> None:
    garbage = httpx.RemoteProtocolError("illegal status line: bytearray(b'SSH-2.0\\x1b')")
    error = translate(garbage, Phase.CONNECTING, "https://one.example")
    why = "the proxy sent an invalid HTTP response"
    assert error.summary == f"Cannot reach https://one.example ({why}). Nothing was sent."


def test_invalid_http_is_distinguished_from_an_early_end() -> None:
    ended = httpx.RemoteProtocolError("Server disconnected without sending a response.")
    assert "invalid HTTP" not in translate(ended, Phase.SENT).summary
    assert "invalid HTTP" in translate(httpx.RemoteProtocolError("illegal status line"), Phase.SENT).summary


def test_only_requests_that_cost_mention_a_charge() -> None:
    assert translate(httpx.ReadError(""), Phase.SENT).hint == faults.MAY_COST
