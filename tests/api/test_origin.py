"""Checks before a client is created: base URL, key, headers, proxies, certificates.

The key is never shown.
"""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.transport import Origin, origin_of, segment
from handinger_tui.core.errors import Refused, SettingsError, Unreachable
from handinger_tui.core.safety import Secret, is_loopback
from tests.api.conftest import KEY
from tests.api.server import Server, as_json

BASE = "https://v3.handinger.example"


def make(
    base: str = BASE, key: str = KEY, headers: dict[str, str] | None = None, *, late: bool = False
) -> WorkerClient:
    return WorkerClient(base, Secret(key), headers=headers, late=late)


@pytest.mark.parametrize(
    ("base", "origin"),
    [
        ("https://h.example", Origin("https", "h.example", 443)),
        ("https://H.example:8443/prefix/", Origin("https", "h.example", 8443)),
        ("http://127.0.0.1:9", Origin("http", "127.0.0.1", 9)),
        ("http://localhost", Origin("http", "localhost", 80)),
        ("http://[::1]:5", Origin("http", "::1", 5)),
    ],
)
def test_base_urls(base: str, origin: Origin) -> None:
    client = make(base)
    assert client.origin == origin
    assert not client.base_url.endswith("/")


@pytest.mark.parametrize(
    "base",
    [
        "http://h.example",
        "http://127.evil.example",
        "http://localhost.evil.example",
        "http://10.0.0.1",
        "ftp://h.example",
        "h.example",
        "",
        "https://",
        "https://user:secret@h.example",
        "https://h.example?x=1",
        "https://h.example#x",
        "https://h.example:port",
        "https://h .example",
        "https://h.example\n",
        "https://[h",
        "https:\\\\h.example",
    ],
)
def test_unusable_base_urls(base: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make(base)
    assert "secret" not in caught.value.summary


@pytest.mark.parametrize(
    "key",
    [
        "",
        "   ",
        "short",
        f"{KEY}\nX-Evil: 1",
        f"“{KEY}”",
        f"{KEY[:8]} {KEY[8:]}",
        KEY + "é",
        "x" * 513,
        f"{KEY}\0",
    ],
)
def test_unusable_keys_are_refused_without_showing_them(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make(key=key)
    assert KEY[:8] not in caught.value.summary + caught.value.hint
    assert "HANDINGER_API_KEY" in caught.value.hint


def test_a_key_may_be_surrounded_by_spaces() -> None:
    assert (
        make(key=f" {KEY}\n").transport.request_headers(f"{BASE}/x", {})["Authorization"] == f"Bearer {KEY}"
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://v3.handinger.example/x",
        f"{BASE}:8443/x",
        "https://user@v3.handinger.example/x",
        "https://evil.example/x",
        "https://v3.handinger.example.evil.example/x",
        "https://v3.handinger.example@evil.example/x",
        "//v3.handinger.example/x",
        "/x",
        "https://[bad",
    ],
)
def test_the_key_goes_to_one_origin_only(url: str) -> None:
    client = make(headers={"X-Team": "blue"})
    assert client.transport.request_headers(url, {"Accept": "*/*"}) == {"Accept": "*/*"}
    for ours in (f"{BASE}/x", "https://V3.Handinger.example:443/x?y"):
        assert client.transport.request_headers(ours, {})["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "headers", [{"Authorization": "x"}, {"host": "x"}, {"X Y": "x"}, {"X": "a\nb"}, {"X": "é"}, {"": "x"}]
)
def test_unusable_headers(headers: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        make(headers=headers)


async def test_a_socks_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://user:hunter2@127.0.0.1:1")
    client = make()
    with pytest.raises(SettingsError) as caught:
        await client.__aenter__()
    assert "ALL_PROXY" in caught.value.summary
    assert "hunter2" not in caught.value.summary + caught.value.hint


async def test_a_broken_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "gopher://hunter2")
    client = make()
    with pytest.raises(SettingsError) as caught:
        await client.__aenter__()
    assert "https_proxy" in caught.value.summary
    assert "hunter2" not in caught.value.summary


async def test_missing_certificates_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    client = make()
    with pytest.raises(SettingsError) as caught:
        await client.__aenter__()
    assert "SSL_CERT_FILE" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:1"), ("https_proxy", "gopher://x"), ("SSL_CERT_FILE", "/nowhere.pem")],
)
async def test_settings_are_checked_immediately_even_with_a_late_client(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError):
        await make(late=True).__aenter__()


async def test_settings_that_fail_later_send_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with make(late=True) as client:
        monkeypatch.setenv("https_proxy", "gopher://hunter2")
        with pytest.raises(Unreachable) as caught:
            await client.read_worker("w1")
    assert "https_proxy" in caught.value.summary
    assert "Nothing was sent" in caught.value.summary
    assert "hunter2" not in caught.value.summary


@pytest.mark.parametrize("late", [True, False])
async def test_plain_http_loads_no_certificates_and_a_secure_address_does(
    server: Server, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    loaded: list[str] = []
    real = ssl.create_default_context

    def counting(**options: Any) -> ssl.SSLContext:
        loaded.append("trust")
        return real(**options)

    monkeypatch.setattr(ssl, "create_default_context", counting)
    server.answer(as_json('{"id":"w1"}'))
    async with make(server.url, late=late) as client:
        assert (await client.read_worker("w1")).text == '{"id":"w1"}'
        assert loaded == []
        for _ in range(2):
            with pytest.raises(Unreachable):
                async with client.transport.fetch("https://127.0.0.1:1/file", {}):
                    pass
        assert loaded == ["trust"]


async def test_use_outside_its_context_raises() -> None:
    with pytest.raises(RuntimeError):
        await make().read_worker("w1")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("LOCALHOST", True),
        ("localhost.", True),
        ("app.localhost", True),
        ("0:0:0:0:0:0:0:1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("notlocalhost", False),
        ("localhost.evil", False),
        ("127.0.0.1.evil", False),
        ("", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@example(".")
@example("..")
@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_segment_never_changes_the_path_around_it(text: str) -> None:
    try:
        result = segment(text)
    except Refused:
        assert text in {".", ".."}
        return
    assert result not in {"", ".", ".."}
    assert not set(result) & set("/?#\\")
    assert result.isascii()


@given(st.text())
def test_origin_of_accepts_any_text(url: str) -> None:
    origin = origin_of(url)
    assert origin is None or origin.scheme in {"http", "https"}
