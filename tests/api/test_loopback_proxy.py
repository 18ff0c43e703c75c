"""No request to this machine goes through the configured proxy, however the address is spelled."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.response import ResponseLimits
from handinger_tui.core.errors import ApiError, SettingsError
from handinger_tui.core.safety import Secret
from handinger_tui.core.turns.turn import TurnRequest
from handinger_tui.settings.table import WrongValue, check_base_url
from tests.api.conftest import KEY
from tests.api.server import Server, as_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
REACHED = ("127.0.0.1", "127.0.0.2", "127.1.2.3", "localhost", "LOCALHOST")
"""Spellings under which the test's own server is reached on every machine."""
OTHERS = (
    "LocalHost.",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7f00:1]",
    "w.localhost",
    "a.b.LOCALHOST.",
)
REFUSED = ("2130706433", "0x7f.1", "0x7f000001", "127.1", "127.0.0.1.", "0177.0.0.1", "localhost.example")
"""An address that does not count as this machine gets no key by plain http."""


@pytest.fixture
def proxied(other: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A proxy that the environment configures for everything."""
    for name in VARIABLES:
        for spelled in (name, name.lower()):
            monkeypatch.setenv(spelled, other.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    other.answer(as_json('{"id": "w1"}'))
    return other


def at(url: str, host: str) -> str:
    return f"http://{host}:{urlsplit(url).port}"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server on every address, so that 127.0.0.2 reaches it, too."""
    running = Server()
    await running.start(host="0.0.0.0")  # noqa: S104 - all of 127.0.0.0/8
    yield running
    await running.stop()


async def outcomes(base_url: str, *, late: bool) -> list[str]:
    """The outcome of every request of a client to `base_url`."""
    ends = []
    async with WorkerClient(check_base_url(base_url), Secret(KEY), ResponseLimits(), late=late) as client:
        for number in range(2):
            try:
                if number:
                    async with client.start_turn(TurnRequest("turn_1", "hello", 0, "w1")):
                        ends.append("answered")
                else:
                    await client.read_worker("w1")
                    ends.append("answered")
            except ApiError as problem:
                ends.append(type(problem).__name__)
    return ends


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("host", REACHED)
async def test_this_machine_is_reached_without_a_proxy(
    server: Server, proxied: Server, host: str, late: bool
) -> None:
    server.answer(as_json('{"id": "w1"}'))
    assert await outcomes(at(server.url, host), late=late) == ["answered", "answered"]
    assert [request.header("Authorization") for request in server.requests] == [f"Bearer {KEY}"] * 2
    assert proxied.readers == []


@pytest.mark.parametrize("host", OTHERS)
async def test_no_spelling_of_this_machine_reaches_the_proxy(
    server: Server, proxied: Server, host: str
) -> None:
    """Whether such an address is reached depends on the machine; the proxy receives none."""
    server.answer(as_json('{"id": "w1"}'))
    ends = await outcomes(at(server.url, host), late=True)
    assert len(ends) == 2
    assert proxied.readers == []


@pytest.mark.parametrize("host", REFUSED)
def test_numbers_in_other_notations_are_not_this_machine(host: str) -> None:
    with pytest.raises(WrongValue):
        check_base_url(f"http://{host}:8080")
    with pytest.raises(SettingsError):
        WorkerClient(f"http://{host}:8080", Secret(KEY))


@pytest.mark.parametrize("host", [*REACHED, *OTHERS])
def test_the_client_accepts_the_same_addresses_as_the_settings(host: str) -> None:
    base_url = check_base_url(f"http://{host}:8080/")
    assert WorkerClient(base_url, Secret(KEY)).origin.loopback


async def test_other_machines_are_still_reached_by_the_proxy(proxied: Server) -> None:
    async with WorkerClient("https://service.invalid", Secret(KEY), ResponseLimits()) as client:
        with pytest.raises(ApiError):
            await client.read_worker("w1")
    assert [request.method for request in proxied.requests] == ["CONNECT"]
    assert proxied.requests[0].header("Authorization") is None
