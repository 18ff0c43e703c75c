"""`handinger-tui mcp` with the published Python client: what it sends, what it refuses, and what it costs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from handinger_tui.cli.agent_desk import Desk
from handinger_tui.cli.args import parse
from handinger_tui.cli.commands.mcp import server_of
from handinger_tui.cli.load_settings import service_settings
from handinger_tui.cli.local_files import default_paths
from handinger_tui.cli.mcp_tools import Tools as McpTools
from handinger_tui.cli.wiring import open_services
from handinger_tui.local.server import LocalServer
from tests.cli.program import environ, start
from tests.e2e.accounts import Account
from tests.e2e.held import held_worker
from tests.e2e.runner import run

STARTED = """
import os, runpy, sys
open(sys.argv.pop(1), "w").write(str(os.getpid()))
runpy.run_module("handinger_tui", run_name="__main__", alter_sys=True)
"""


class Tools:
    """The tools of a server, as a client sees them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The result of a tool that succeeds."""
        result = await self._client.call_tool(name, arguments)
        assert not result.is_error, result.content
        assert isinstance(result.structured_content, dict)
        return result.structured_content

    async def refused(self, name: str, **arguments: Any) -> str:
        """The text of a tool that fails."""
        result = await self._client.call_tool(name, arguments)
        assert result.is_error, result.structured_content
        return " ".join(getattr(part, "text", "") for part in result.content)

    async def try_to(self, name: str, **arguments: Any) -> bool:
        """Whether a tool succeeds; a turn that it starts is under way then, also on a busy machine."""
        result = await self._client.call_tool(name, arguments)
        if not result.is_error and isinstance(started := result.structured_content, dict):
            while not (started["worker_id"] or started["ended"]):
                started = await self.call("wait_turn", turn_id=started["turn_id"], seconds=0.1)
        return not result.is_error

    async def turn(self, text: str, **arguments: Any) -> dict[str, Any]:
        """Start a turn and wait for its end."""
        started = await self.call("start_turn", text=text, **arguments)
        return await self.end_of(started["turn_id"])

    async def end_of(self, turn_id: str) -> dict[str, Any]:
        """Wait for the end of a turn, however slow the machine is."""
        while not (turn := await self.call("wait_turn", turn_id=turn_id, seconds=45))["ended"]:
            pass
        return turn


@asynccontextmanager
async def serving(home: Path, *argv: str) -> AsyncIterator[Tools]:
    """The tools in this process, with the environment as it is."""
    settings = service_settings(parse(["mcp", *argv]))
    async with open_services(settings, default_paths()) as services:
        desk = Desk(services, home / "files")
        async with desk.open(), Client(server_of(McpTools(desk))) as client:
            yield Tools(client)


@asynccontextmanager
async def serving_process(account: Account, home: Path, *argv: str) -> AsyncIterator[Tools]:
    """The program as a client starts it; it ends with its standard input."""
    # A client does not tell the process id of its server.
    arguments = ["-c", STARTED, str(home / "pid"), "mcp", *argv]
    variables = environ(home, **account.environ)
    program = StdioServerParameters(command=sys.executable, args=arguments, env=variables)
    async with Client(stdio_client(program)) as client:
        yield Tools(client)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """A service, and the environment that selects it."""
    with LocalServer.start(pace=0.1) as server:
        here = Account(server, "workers")
        for name, value in environ(tmp_path, **here.environ).items():
            monkeypatch.setenv(name, value)
        yield here


def test_a_turn_is_priced_started_once_and_read(account: Account, tmp_path: Path) -> None:
    async def journey() -> dict[str, Any]:
        async with serving(tmp_path, "--max-cost", "0.5") as tools:
            for amount in (None, "0.1", "all", "-1", ""):
                refusal = await tools.refused("start_turn", text="echo one", max_cost=amount)
                assert "Nothing was sent." in refusal
            assert "empty" in await tools.refused("start_turn", text=" ", max_cost="0.5")
            assert "max_cost" in await tools.refused("start_turn", text="echo one", max_cost=True)
            assert "budget" in await tools.refused("start_turn", text="echo", max_cost="0.5", budget="all")
            assert (await tools.call("costs"))["today"]["turns"] == 0
            first = await tools.turn("echo one", max_cost="0.5")
            assert first["result"]["text"].strip() == "one"
            worker = first["worker_id"]
            assert Decimal((await tools.call("price", worker=worker))["reserves"]["usd"]) > 0
            dear = await tools.refused("start_turn", text="echo two", worker=worker, max_cost="0.000001")
            assert "may cost $" in dear
            second = await tools.turn("a report as a file", worker=worker, max_cost=0.4)
            files = (await tools.call("list_files", worker=worker))["files"]
            saved = await tools.call("get_file", worker=worker, number=files[0]["number"])
            assert list((tmp_path / "files").iterdir()) == [Path(saved["saved_as"])]
            assert "no file 99" in await tools.refused("get_file", worker=worker, number=99)
            assert (await tools.call("read_worker", worker=worker))["turn_id"] == second["turn_id"]
            return dict((await tools.call("costs"))["today"])

    today = asyncio.run(journey())
    # The same amounts as everywhere else, to the digit.
    total = run("costs", "--json", home=tmp_path).result["total"]
    assert (total["turns"], total["cost_usd"]) == (2, today["cost_usd"])
    assert account.prompts(tmp_path) == ["echo one", "a report as a file"]


@pytest.mark.usefixtures("account")
def test_of_ten_calls_at_once_as_many_are_sent_as_the_limit_has_room_for(tmp_path: Path) -> None:
    async def journey() -> None:
        async with serving(tmp_path, "--max-cost", "0.5") as tools:
            for _ in range(5):
                await tools.turn("echo one", max_cost="0.5")
            spent = Decimal((await tools.call("costs"))["today"]["cost_usd"])
            reserves = Decimal((await tools.call("price"))["reserves"]["usd"])
        limit = f"{spent + reserves * Decimal('2.5'):.9f}"
        async with serving(tmp_path, "--max-cost", limit) as tools:
            calls = (tools.try_to("start_turn", text="echo two", max_cost=limit) for _ in range(10))
            assert sum(await asyncio.gather(*calls)) == 2

    asyncio.run(journey())
    assert run("costs", "--json", home=tmp_path).result["total"]["turns"] == 7


def test_one_worker_gets_one_message_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def journey() -> None:
        async with serving(tmp_path, "--max-cost", "0.5") as tools:
            worker = (await tools.turn("echo one", max_cost="0.5"))["worker_id"]
            call = {"text": "long 30", "worker": worker, "max_cost": "0.5"}
            # By its address, too.
            calls = [call, call, call | {"worker": f"https://handinger.com/worker/{worker}"}]
            assert sum(await asyncio.gather(*(tools.try_to("start_turn", **one) for one in calls))) == 1
            assert "still runs" in await tools.refused("start_turn", **call)

    with held_worker() as (server, _may_end):
        account = Account(server, "workers")
        for name, value in environ(tmp_path, **account.environ).items():
            monkeypatch.setenv(name, value)
        asyncio.run(journey())
        assert account.prompts(tmp_path) == ["echo one", "long 30"]


def test_a_call_that_is_repeated_with_its_key_sends_nothing(account: Account, tmp_path: Path) -> None:
    call = {"text": "echo one", "max_cost": "0.5", "key": "message 1"}

    async def repeats() -> None:
        # Also two servers, and calls at the same time.
        async with (
            serving(tmp_path, "--max-cost", "0.5") as tools,
            serving(tmp_path, "--max-cost", "0.5") as others,
        ):
            assert "Nothing was sent" in await tools.refused("start_turn", **{**call, "max_cost": "0.1"})
            both = [tools.call("start_turn", **call), tools.call("start_turn", **call)]
            first, second = await asyncio.gather(*both)
            ended = await tools.end_of(first["turn_id"])
            third = await others.call("start_turn", **call)
            assert {first["turn_id"], second["turn_id"], third["turn_id"]} == {ended["turn_id"]}
            assert (third["ended"], third["cost"]) == (True, ended["cost"])
            for other in ({"text": "echo two"}, {"worker": "wrk_other"}):
                assert "has this key" in await others.refused("start_turn", **{**call, **other})
            race = {**call, "key": "message 2"}
            await asyncio.gather(tools.try_to("start_turn", **race), others.try_to("start_turn", **race))

    asyncio.run(repeats())
    sessions = run("sessions", "list", "--json", home=tmp_path).result["sessions"]
    posts = [one["posts_sent"] for row in sessions for one in _turns(tmp_path, row["session_id"])]
    assert posts == [1, 1]
    assert account.prompts(tmp_path) == ["echo one"]


def _turns(home: Path, session_id: str) -> list[dict[str, Any]]:
    return list(run("export", session_id, "--format", "json", home=home).result["turns"])


def test_an_unknown_cost_is_named_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def journey() -> None:
        async with serving(tmp_path, "--max-credits", "500") as tools:
            ended = await tools.turn("echo one", max_credits=500)
            today = (await tools.call("costs"))["today"]
            assert (ended["result"]["turn_money"]["usd"], today["cost_usd"]) == (None, None)
            assert "credits" in ended["cost"]
            assert "credits" in today["cost"]
            # A turn that says nothing has no figures, whenever it is read.
            running = await tools.call("start_turn", text="silent 300", max_credits=500)
            assert running["cost"] == "unknown so far"

    # It reports no cost in USD.
    with LocalServer.start(pace=0.1) as server:
        for name, value in environ(tmp_path, **Account(server, "tasks").environ).items():
            monkeypatch.setenv(name, value)
        asyncio.run(journey())


def test_a_kill_between_start_and_wait_loses_nothing(account: Account, tmp_path: Path) -> None:
    started: list[str] = []

    async def killed() -> None:
        async with serving_process(account, tmp_path, "--max-cost", "0.5") as tools:
            started.append((await tools.call("start_turn", text="long 20", max_cost="0.5"))["turn_id"])
            os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
            await tools.call("costs")

    async def waits() -> None:
        async with serving(tmp_path, "--max-cost", "0.5") as tools:
            assert (await tools.end_of(started[0]))["result"]["status"] == "completed"
            assert "No turn" in await tools.refused("wait_turn", turn_id="turn_none")

    # The client notices that its server has died.
    with suppress(Exception):
        asyncio.run(killed())
    asyncio.run(waits())
    assert account.prompts(tmp_path) == ["long 20"]


HELLO = (
    '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18",'
    ' "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}\n'
)


def test_half_a_character_is_replaced_and_its_call_answered(account: Account, tmp_path: Path) -> None:
    """Programs that cut texts write such halves; the package would leave the call unanswered."""
    params = {"name": "start_turn", "arguments": {"text": "long 20 \ud83d", "max_cost": "5"}}
    calls = [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params},
    ]
    env = environ(tmp_path, **account.environ)
    answers: dict[int, dict[str, Any]] = {}
    with start(env, "mcp", "--max-cost", "5", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        give_up = threading.Timer(60, process.kill)
        give_up.start()
        process.stdin.write(HELLO + "".join(json.dumps(call) + "\n" for call in calls[:2]))
        process.stdin.flush()
        for line in process.stdout:
            answer = json.loads(line)
            answers[answer["id"]] = answer["result"]
            if answer["id"] == 2:
                process.stdin.write(json.dumps(calls[2]) + "\n")
                process.stdin.flush()
            elif answer["id"] == 3:
                process.stdin.close()
        give_up.cancel()
    assert not answers[2].get("isError")
    # A second turn without a cost history may be sent by a person who is asked, and by no option of a call.
    assert answers[3]["isError"]
    refusal = answers[3]["content"][0]["text"]
    assert refusal.endswith("Nothing was sent."), refusal
    assert account.prompts(tmp_path) == ["long 20 \ufffd"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 143, marks=pytest.mark.slow),
        (None, 0),
    ],
)
def test_a_signal_and_the_end_of_its_input_end_it_while_it_waits_for_a_line(
    number: signal.Signals | None, code: int, account: Account, tmp_path: Path
) -> None:
    env = environ(tmp_path, **account.environ)
    process = start(env, "mcp", "--max-cost", "1", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(HELLO)
    process.stdin.flush()
    assert "serverInfo" in process.stdout.readline()
    if number is None:
        process.stdin.close()
        process.stdin = None
    else:
        # Its input stays open: it ends by the signal alone.
        process.send_signal(number)
    assert process.wait(60) == code
    assert "Traceback" not in process.communicate()[1]


def test_without_a_limit_it_does_not_start(tmp_path: Path) -> None:
    ran = run("mcp", home=tmp_path)
    assert ran.code == 2
    assert "--max-cost" in ran.err
