"""The fronts as a person or a client uses them: the same acts for each, whatever they are called there."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import pytest
from acp import RequestError
from mcp.client.client import Client

from handinger_tui.cli.agent_desk import Desk
from handinger_tui.cli.app import app_options
from handinger_tui.cli.args import parse
from handinger_tui.cli.commands.mcp import server_of
from handinger_tui.cli.load_settings import service_settings, settings_for
from handinger_tui.cli.local_files import default_paths
from handinger_tui.cli.mcp_tools import Tools as McpTools
from handinger_tui.cli.wiring import open_services
from handinger_tui.ui.app import HandingerApp
from tests.cli.test_acp import Editor, editing
from tests.cli.test_mcp import Tools
from tests.e2e.runner import Ran
from tests.e2e.test_plain import Plain, plain
from tests.fronts.world import World
from tests.ui.fakes import type_bytes, typed_only
from tests.ui.pilot import running, text_of

ENTER, ESC, CTRL_U = "\r", "\x1b", "\x15"
READY = "you> "
UNLIMITED: Final = "1000"
JUNK: Final = re.compile(
    r"[#*~|\\<>=_→×±•★—…·]|https?:|\d (?:s|min|[kMG]?B)\b"
    r"|\b(?=[A-Za-z-]*\d)(?=[\d-]*[A-Za-z])[0-9A-Za-z-]{12,}"
)
"""What espeak-ng reads as the name of a sign, or letter by letter."""
OF_A_WORKER: Final = (
    "worker: ",
    "heading: ",
    "code: ",
    "table: ",
    "tool: ",
    "file ",
    "source ",
    "note: Saved ",
)


def junk_in(lines: Sequence[str]) -> list[str]:
    """The lines of plain mode in which a listener hears junk; what others have named is theirs."""
    return [line for line in lines if not line.startswith(OF_A_WORKER) and JUNK.search(line)]


class NotHere(Exception):
    """An act that makes no sense in a front; its text says why."""


class Front:
    """One program of a front. Acts return when the front shows their end."""

    name = ""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stack = AsyncExitStack()
        """Ends the program."""
        self.sent = 0
        """How many messages this front has sent, or tried to."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, world: World) -> AsyncIterator[Front]:
        """The front, with a program that is ready."""
        front = cls(world)
        async with front.stack:
            await front._begin()
            yield front

    async def _begin(self) -> None:
        """Start the program, and end the one before."""
        raise NotImplementedError

    async def start(self, text: str) -> None:
        """Send a message; its turn runs."""
        raise NotImplementedError

    async def send(self, text: str) -> None:
        """Send a message, and wait until the front is ready for the next one."""
        raise NotImplementedError

    async def finish(self, number: int = 1) -> None:
        """Wait until a turn that was started or queued is shown as ended; `number`: from 1."""
        raise NotImplementedError

    async def queue(self, text: str) -> None:
        """Send a message while a turn runs."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Go away while a turn runs, and come back once it may have ended."""
        raise NotImplementedError

    async def again(self, text: str) -> None:
        """Send a message that was refused once more."""
        await self.send(text)

    async def _is_refused(self) -> bool:
        """Whether the service refused the newest message; else it never left."""
        return (await self.world.turns())[-1].status == "rejected"

    async def limit(self, usd: str) -> None:
        """Let the session cost so much at most."""
        raise NotImplementedError

    async def cost(self) -> str:
        """What the front shows of the cost of the newest turn."""
        raise NotImplementedError

    async def refresh(self) -> None:
        """What a person does who wants the newest costs; nothing where they come by themselves."""

    async def sources(self) -> str:
        """What the front shows of the sources."""
        raise NotImplementedError

    async def save(self) -> None:
        """Save the first file of the answer."""
        raise NotImplementedError

    async def export(self) -> None:
        """Write the session to `session.md` in the download folder."""
        raise NotImplementedError


class App(Front):
    """The screen, typed into as a terminal does it."""

    name = "app"

    async def _begin(self, *argv: str) -> None:
        args = parse([*argv])
        # A stack of its own: a program ends, with its history, before the next one begins.
        self.program = AsyncExitStack()
        self.stack.push_async_callback(self.program.aclose)
        self.app = HandingerApp(app_options(args, settings_for(args), self.program))
        self.pilot = await self.program.enter_async_context(running(self.app, size=(120, 40)))
        self._parser = typed_only()
        controller = self.app.work.controller
        await self._until(lambda: controller.connected and bool(controller.session_id))

    async def _until(self, holds: Any) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await self.pilot.pause(0.05)

    async def press(self, data: str) -> None:
        driver = self.app._driver
        assert driver is not None
        await type_bytes(driver, self._parser, data)
        await self.pilot.pause()

    async def enter(self, text: str) -> None:
        await self._until(lambda: self.app.screen is self.app.work)
        await self.press(text)
        # A second Enter of the same press is dropped.
        await self.pilot.pause(0.35)
        await self.press(ENTER)
        await self.pilot.pause(0.2)

    @property
    def is_idle(self) -> bool:
        controller = self.app.work.controller
        return not controller.running and controller.actor(controller.session_id).inbox.idle.is_set()

    async def start(self, text: str) -> None:
        await self.enter(text)
        await self._until(lambda: self.app.work.controller.running)

    async def send(self, text: str) -> None:
        await self.enter(text)
        await self.finish()
        while self.app.screen is not self.app.work:
            # A limit is reached: the question for a higher one.
            await self.press(ESC)
            await self.pilot.pause(0.1)

    async def finish(self, number: int = 1) -> None:
        await self.pilot.pause(0.1)
        await self._until(lambda: self.is_idle)

    async def queue(self, text: str) -> None:
        await self.enter(text)
        controller = self.app.work.controller
        await self._until(lambda: bool(controller.shown.queued))

    async def leave(self) -> None:
        await self.program.aclose()
        self.world.service.finish()
        await self._begin("-c")
        await self.finish()

    async def again(self, text: str) -> None:
        if await self._is_refused():
            await self._until(lambda: bool(self.app.work.prompt.text))
            # A person reads that it is back: an Enter at once would be for what stood there before.
            await self.pilot.pause(2)
            text = ""
        await self.enter(text)
        await self.finish()

    async def limit(self, usd: str) -> None:
        await self.press(CTRL_U)
        await self.enter(f"/limit session {usd}")

    async def cost(self) -> str:
        await self.enter("/receipt last")
        await self.pilot.pause(0.3)
        shown = text_of(self.app)
        await self.press(ESC)
        return shown

    async def sources(self) -> str:
        await self.enter("/sources")
        await self.pilot.pause(0.2)
        return text_of(self.app)

    async def save(self) -> None:
        await self.enter("/download 1")
        await self._until(lambda: any((self.world.home / "Downloads").glob("*")))

    async def export(self) -> None:
        await self.enter("/export session.md")
        await self._until(self.world.exported.exists)


class InLines(Front):
    """Plain mode in a terminal."""

    name = "plain"
    it: Plain

    @classmethod
    @asynccontextmanager
    async def opened(cls, world: World) -> AsyncIterator[Front]:
        """The front, with a program that is ready."""
        front = cls(world)
        await front._begin("--plain")
        try:
            yield front
            await front._type("/quit")
            assert await asyncio.to_thread(front.it.ends) == 0
            assert not junk_in(front.it.lines)
        finally:
            front.program.__exit__(None, None, None)

    async def _begin(self, *argv: str) -> None:
        kept = ("HOME", "HANDINGER_BASE_URL", "HANDINGER_API_KEY")
        account = {name: self.world.environ[name] for name in kept}
        self.program = plain(self.world.home, *argv, server=None, **account)
        self.it = self.program.__enter__()
        await self._reads(READY)

    async def _reads(self, text: str) -> str:
        return await asyncio.to_thread(self.it.reads, text)

    async def _type(self, line: str, until: str = "") -> str:
        self.it.type(f"{line}\n")
        return await self._reads(until) if until else ""

    async def start(self, text: str) -> None:
        self.sent += 1
        await self._type(text, f"sent: turn {self.sent}")

    async def send(self, text: str) -> None:
        await self._type(text, READY)

    async def finish(self, number: int = 1) -> None:
        await self._reads(f"done: turn {number}, ")
        await self._reads(READY)

    async def queue(self, text: str) -> None:
        await self._type(text, "queued: ")

    async def leave(self) -> None:
        await self._type("/quit")
        await asyncio.to_thread(self.it.ends)
        self.program.__exit__(None, None, None)
        self.world.service.finish()
        await self._begin("--plain", "-c")

    async def again(self, text: str) -> None:
        if await self._is_refused():
            await self._type("/retry last", "1 to 2, Enter for 2> ")
            await self._type("1", READY)
        else:
            # A text that was not sent is kept.
            await self._type("/send", READY)

    async def limit(self, usd: str) -> None:
        await self._type(f"/limit session {usd}", READY)

    async def cost(self) -> str:
        return await self._type("/receipt last", READY)

    async def sources(self) -> str:
        return await self._type("/sources", READY)

    async def save(self) -> None:
        await self._type("/download 1", "note: Saved ")
        await self._reads(READY)

    async def export(self) -> None:
        await self._type("/export session.md", READY)


class Headless(Front):
    """A script: each act is a command."""

    name = "headless"
    flags: tuple[str, ...] = ()
    ran: Ran | None = None

    @classmethod
    @asynccontextmanager
    async def opened(cls, world: World) -> AsyncIterator[Front]:
        """The front; nothing runs yet."""
        yield cls(world)

    async def _run(self, *argv: str) -> Ran:
        pipe = asyncio.subprocess.PIPE
        program = [sys.executable, "-m", "handinger_tui", *argv]
        process = await asyncio.create_subprocess_exec(
            *program, env=self.world.environ, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
        out, err = await process.communicate()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def _print(self, text: str, *more: str) -> None:
        again = ("-c",) if await self.world.turns() else ()
        self.ran = await self._run(*again, "-p", text, "--json", *self.flags, *more)

    async def start(self, text: str) -> None:
        await self._print(text, "--detach")

    async def send(self, text: str) -> None:
        await self._print(text)

    async def _attach(self) -> None:
        (worker,) = {turn.worker_id for turn in await self.world.turns()}
        self.ran = await self._run("attach", str(worker), "-p", "--json")

    async def finish(self, number: int = 1) -> None:
        if number > 1:
            await self.sending
        await self._attach()

    async def queue(self, text: str) -> None:
        (worker,) = {turn.worker_id for turn in await self.world.turns()}
        self.sending = asyncio.create_task(self._run("send", str(worker), text, "--json"))
        await asyncio.sleep(1)

    async def leave(self) -> None:
        self.world.service.finish()
        await self._attach()

    async def limit(self, usd: str) -> None:
        self.flags = ("--max-cost", usd)

    async def cost(self) -> str:
        return (await self._run("export", await self._session(), "--format", "text")).out

    async def refresh(self) -> None:
        await self._run("costs", "--settle")

    async def sources(self) -> str:
        return (await self._run("sources", await self._session())).out

    async def _session(self) -> str:
        return str((await self._run("sessions", "list", "--json")).result["sessions"][0]["session_id"])

    async def save(self) -> None:
        turn = (await self.world.turns())[-1]
        await self._run(
            "files", "get", str(turn.worker_id), "--all", "--dir", str(self.world.home / "Downloads")
        )

    async def export(self) -> None:
        await self._run("export", await self._session(), "-o", str(self.world.exported))


class InEditor(Front):
    """An editor (ACP)."""

    name = "acp"
    editor: Editor
    session_id = ""

    async def _begin(self, *argv: str) -> None:
        await self.stack.aclose()
        folder = self.world.home / "Downloads"
        self.editor = await self.stack.enter_async_context(
            editing(None, self.world.home, "--dir", str(folder), *argv, variables=self.world.environ)
        )
        if self.session_id:
            await self.editor.agent.load_session(cwd="/tmp", session_id=self.session_id)
        else:
            self.session_id = await self.editor.begin()

    async def start(self, text: str) -> None:
        self.prompt = asyncio.create_task(self.editor.ask(self.session_id, text))
        await self.editor.until(lambda: bool(self.editor.text(self.session_id)))

    async def send(self, text: str) -> None:
        await self.editor.ask(self.session_id, text)

    async def finish(self, number: int = 1) -> None:
        await self.prompt

    async def queue(self, text: str) -> None:
        with pytest.raises(RequestError, match="Nothing was sent"):
            await self.editor.ask(self.session_id, text)
        self.world.service.finish()
        await self.prompt
        raise NotHere("one prompt of a session at a time: the second is refused, and nothing is sent")

    async def leave(self) -> None:
        await self.editor.agent.cancel(session_id=self.session_id)
        assert (await self.prompt).stop_reason == "cancelled"
        self.world.service.finish()
        await self._begin()

    async def limit(self, usd: str) -> None:
        await self._begin("--max-cost", usd)

    async def cost(self) -> str:
        update = self.editor.of(self.session_id, "usage_update")[-1]
        return str(update.field_meta["handinger"]["cost"])

    async def refresh(self) -> None:
        await self._begin()

    async def sources(self) -> str:
        return "\n".join(self.editor.links(self.session_id))

    async def save(self) -> None:
        assert any(link.startswith("file://") for link in self.editor.links(self.session_id))

    async def export(self) -> None:
        raise NotHere("the editor has the conversation; the protocol has no request for a document")


class Agent(Front):
    """Another agent (MCP)."""

    name = "mcp"
    limit_usd = UNLIMITED
    worker: str | None = None
    view: dict[str, Any]

    async def _begin(self) -> None:
        await self.stack.aclose()
        settings = service_settings(parse(["mcp", "--max-cost", self.limit_usd]))
        services = await self.stack.enter_async_context(open_services(settings, default_paths()))
        desk = Desk(services, self.world.home / "Downloads")
        await self.stack.enter_async_context(desk.open())
        client = Client(server_of(McpTools(desk)))
        self.tools = Tools(await self.stack.enter_async_context(client))

    async def start(self, text: str) -> None:
        self.sent += 1
        call = {"text": text, "worker": self.worker, "max_cost": UNLIMITED, "key": f"{self.sent} {text}"}
        self.view = await self.tools.call("start_turn", **call)
        while self.view["worker_id"] is None and not self.view["ended"]:
            self.view = await self.tools.call("wait_turn", turn_id=self.view["turn_id"], seconds=0.2)
        self.worker = self.view["worker_id"]

    async def send(self, text: str) -> None:
        try:
            await self.start(text)
        except AssertionError as refusal:
            if "Nothing was sent." not in str(refusal):
                raise
            return
        await self.finish()

    async def finish(self, number: int = 1) -> None:
        self.view = await self.tools.call("wait_turn", turn_id=self.view["turn_id"], seconds=45)

    async def queue(self, text: str) -> None:
        assert "Nothing was sent." in await self.tools.refused(
            "start_turn", text=text, worker=self.worker, max_cost=UNLIMITED
        )
        self.world.service.finish()
        await self.finish()
        raise NotHere("a worker gets one message at a time: the second is refused, and nothing is sent")

    async def leave(self) -> None:
        await self.stack.aclose()
        self.world.service.finish()
        await self._begin()
        await self.finish()

    async def limit(self, usd: str) -> None:
        self.limit_usd = usd
        await self._begin()

    async def cost(self) -> str:
        return str(self.view["cost"])

    async def refresh(self) -> None:
        self.view = await self.tools.call("read_worker", worker=self.worker)

    async def sources(self) -> str:
        return "\n".join(one["url"] for one in self.view["result"]["sources"])

    async def save(self) -> None:
        await self.tools.call("get_file", worker=self.worker, number=1)

    async def export(self) -> None:
        raise NotHere("results are JSON, with all that a turn came to")


FRONTS: Final = {front.name: front for front in (App, InLines, Headless, InEditor, Agent)}
