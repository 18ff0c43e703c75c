"""`handinger-tui mcp`: workers as tools of another agent, over standard input and output."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import StrictFloat

from handinger_tui.cli.args import add_connection_options, add_limit_options
from handinger_tui.cli.commands import Implementation
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import encodable

if TYPE_CHECKING:
    import argparse

    from mcp.server import MCPServer

    from handinger_tui.cli.agent_desk import Desk
    from handinger_tui.cli.mcp_tools import Tools

DESCRIPTION: Final = (
    "Serve workers as tools to another agent (MCP over standard input and output). start_turn is the only"
    " tool that spends money; the limit counts what all programs of this history spend in a day."
)
INSTRUCTIONS: Final = (
    "Workers are hosted agents that cost real money. start_turn spends; every other tool is free. A running"
    " turn cannot be stopped. Ask price first. After start_turn call wait_turn until `ended`; never send the"
    " same message again because a wait has timed out. Give each message a key, to repeat a call whose answer"
    " was lost. An amount that is null is unknown, not zero; `cost` says in words what is known."
)

Amount = str | StrictFloat | None
"""Strict: "true" is no dollar."""
Budget = Literal["low", "standard", "high", "unlimited"] | None


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_limit_options(parser, "send nothing more once this much was spent today; required, or --max-credits")
    parser.add_argument("--dir", metavar="FOLDER", help="where get_file saves (default: it saves nothing)")
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until standard input ends.

    Raises:
        SettingsError: no limit was given, or the package `mcp` is not installed.
        HandingerError
    """
    if args.max_cost is None and args.max_credits is None:
        raise SettingsError("A limit is missing.", "Add --max-cost USD, or --max-credits N.")
    from handinger_tui.cli.agent_desk import serve

    return serve(args, "mcp", _serve_tools)


async def _serve_tools(desk: Desk) -> None:
    """Serve until standard input ends, or a signal cancels this."""
    from handinger_tui.cli.agent_desk import until_end
    from handinger_tui.cli.mcp_tools import Tools

    end_input = _relay_input()
    await until_end(server_of(Tools(desk)).run_stdio_async(), end_input)


def _relay_input() -> Callable[[], None]:
    """Put a pipe in place of standard input, and return what ends it.

    The package reads in a thread, and waits for it when it is cancelled: a signal would take effect with the
    next line.
    """
    given, (reading, writing), nowhere = os.dup(0), os.pipe(), os.open(os.devnull, os.O_WRONLY)
    os.dup2(reading, 0)
    os.close(reading)

    def end() -> None:
        # Not closed: the thread may write to it, and its number could be given to another file.
        os.dup2(nowhere, writing)

    def relay() -> None:
        with suppress(OSError), os.fdopen(given, "rb") as lines:
            for line in lines:
                data = _encodable(line)
                while data:
                    data = data[os.write(writing, data) :]
        end()

    threading.Thread(target=relay, daemon=True).start()
    return end


def _encodable(line: bytes) -> bytes:
    """A message without halves of characters, which programs write that cut texts: the package answers none.

    They come as escapes, and so do whole characters.
    """
    if rb"\ud" not in line.lower():
        return line
    with suppress(ValueError, RecursionError):
        return encodable(json.dumps(json.loads(line), ensure_ascii=False)).encode() + b"\n"
    return line


def server_of(tools: Tools) -> MCPServer[Any]:
    """The server with these tools."""
    from mcp.server import MCPServer
    from mcp.types import ToolAnnotations

    from handinger_tui import __version__

    server: MCPServer[Any] = MCPServer(
        "handinger", instructions=INSTRUCTIONS, version=__version__, log_level="ERROR"
    )
    looks = ToolAnnotations(read_only_hint=True, open_world_hint=True)
    saves = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)
    spends = ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
    )

    @server.tool(title="Send a message: spends money", annotations=spends)
    async def start_turn(
        text: str,
        worker: str | None = None,
        max_cost: Amount = None,
        max_credits: Amount = None,
        budget: Budget = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Send one message to a worker. Costs real money, once for each call. Returns ids at once.

        worker: the id of a worker or task to continue; none: a new one. max_cost, max_credits: what this turn
        may cost at most, by what such turns usually cost. budget: how much the turn may do.
        key: any text that is new for each message. If the answer to a call is lost, call again with the same
        key: nothing is sent twice, and you get the turn of the first call.
        """
        most = {"usd": max_cost, "credits": max_credits}
        return await _answer(tools.start_turn(text, most, worker, budget, key))

    @server.tool(title="Wait for a turn", annotations=looks)
    async def wait_turn(turn_id: str, seconds: float = 30) -> dict[str, Any]:
        """Wait for the end of a turn, at most 45 seconds: its answer, sources, files, cost, and what is left.

        Free, and may be called again: `ended` says whether the turn has ended.
        """
        return await _answer(tools.wait_turn(turn_id, seconds))

    @server.tool(title="Read a worker", annotations=looks)
    async def read_worker(worker: str) -> dict[str, Any]:
        """The newest turn of a worker."""
        return await _answer(tools.read_worker(worker))

    @server.tool(title="List files", annotations=looks)
    async def list_files(worker: str) -> dict[str, Any]:
        """The files of a worker."""
        return await _answer(tools.list_files(worker))

    @server.tool(title="Save a file", annotations=saves)
    async def get_file(worker: str, number: int) -> dict[str, Any]:
        """Save one file of a worker, by its number in list_files."""
        return await _answer(tools.get_file(worker, number))

    @server.tool(title="Costs of today", annotations=looks)
    async def costs() -> dict[str, Any]:
        """What was spent today, and what is left of the limits."""
        return await _answer(tools.costs())

    @server.tool(title="Price of a turn", annotations=looks)
    async def price(worker: str | None = None, budget: Budget = None) -> dict[str, Any]:
        """What a turn usually costs, and what it would reserve of the limits."""
        return await _answer(tools.price(worker, budget))

    return server


async def _answer(work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """The result of a tool; a problem as the error of the tool."""
    from mcp.server.mcpserver.exceptions import ToolError

    from handinger_tui.cli.agent_desk import in_words

    with in_words(ToolError):
        return await work


EXAMPLES: Final = ("mcp --max-cost 5",)
COMMANDS: Final = {"mcp": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES)}
