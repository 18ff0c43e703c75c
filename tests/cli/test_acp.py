"""`handinger-tui acp` with the published Python client, over the standard streams of a real process."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO, cast

import pytest
from acp import PROTOCOL_VERSION, Client, RequestError, schema, text_block
from acp.client.connection import ClientSideConnection
from acp.stdio import spawn_agent_process

from handinger_tui.cli.acp_agent import EditorAgent
from handinger_tui.cli.acp_lines import Lines
from handinger_tui.cli.acp_updates import Shown, news, session_news
from handinger_tui.cli.agent_desk import Desk
from handinger_tui.cli.args import parse
from handinger_tui.cli.load_settings import service_settings
from handinger_tui.cli.local_files import default_paths
from handinger_tui.cli.wiring import open_services
from handinger_tui.core.stream import FilePart, SourcePart
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import (
    ErrorKind,
    Fault,
    ReasoningPart,
    Rope,
    TextPart,
    ToolPart,
    ToolState,
    Turn,
    TurnRequest,
    TurnStatus,
)
from handinger_tui.local.server import LocalServer
from handinger_tui.plain.terminal import Output
from tests.cli.program import environ
from tests.e2e.accounts import GENERATIONS, Account
from tests.e2e.held import held_worker
from tests.e2e.runner import run

LONGEST = 1 << 24
"""Bytes of the longest line that the client reads."""


class Editor:
    """Implements `acp.Client`, and keeps what it is told."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, Any]] = []
        self.questions: list[str] = []
        self.answer = "send"
        self.changed = asyncio.Event()
        self.agent: Any = None
        self.process: Any = None

    async def session_update(self, session_id: str, update: Any, **_more: Any) -> None:
        self.updates.append((session_id, update))
        self.changed.set()

    async def request_permission(
        self, session_id: str, tool_call: Any, options: Any, **_more: Any
    ) -> schema.RequestPermissionResponse:
        self.questions.append(tool_call.title)
        outcome = schema.AllowedOutcome(outcome="selected", option_id=self.answer)
        return schema.RequestPermissionResponse(outcome=outcome)

    async def create_elicitation(self, message: str, mode: Any, **_more: Any) -> Any:
        self.questions.append(message)
        return schema.AcceptElicitationResponse(action="accept", content={"send": self.answer == "send"})

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return {}

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        pass

    def on_connect(self, conn: Any) -> None:
        pass

    # -- what a person does with it
    async def begin(self) -> str:
        """A new session."""
        return str((await self.agent.new_session(cwd="/tmp")).session_id)

    async def ask(self, session_id: str, *blocks: Any) -> Any:
        """Send a prompt, and wait for its end."""
        return await self.agent.prompt(
            session_id=session_id, prompt=[text_block(one) if isinstance(one, str) else one for one in blocks]
        )

    async def ask_when_idle(self, session_id: str, text: str) -> Any:
        """Send a prompt once the worker has ended its turn."""
        while True:
            try:
                return await self.ask(session_id, text)
            except RequestError as busy:
                if "still runs" not in str(busy):
                    raise
                self.changed.clear()
                await self.changed.wait()

    async def until(self, is_there: Callable[[], bool]) -> None:
        """Wait until an update makes that true."""
        async with asyncio.timeout(60):
            while not is_there():
                self.changed.clear()
                await self.changed.wait()

    # -- what it shows
    def of(self, session_id: str, kind: str) -> list[Any]:
        """The updates of one kind, in order."""
        return [one for sid, one in self.updates if sid == session_id and one.session_update == kind]

    def text(self, session_id: str, kind: str = "agent_message_chunk") -> str:
        """The texts of all chunks of one kind."""
        contents = (one.content for one in self.of(session_id, kind))
        return "".join(one.text for one in contents if one.type == "text")

    def links(self, session_id: str) -> list[str]:
        """The addresses of resource links."""
        contents = (one.content for one in self.of(session_id, "agent_message_chunk"))
        return [one.uri for one in contents if one.type == "resource_link"]


@asynccontextmanager
async def editing(
    account: Account | None,
    home: Path,
    *argv: str,
    forms: bool = False,
    process: bool = False,
    variables: dict[str, str] | None = None,
) -> AsyncIterator[Editor]:
    """An editor with the program, over two pipes. `process`: in a process that the editor has started."""
    editor = Editor()
    variables = variables or environ(home, **({} if account is None else account.environ))
    async with _started(editor, variables, *argv) if process else _here(editor, variables, *argv):
        form = schema.ElicitationFormCapabilities()
        capabilities = schema.ClientCapabilities(
            elicitation=schema.ElicitationCapabilities(form=form) if forms else None
        )
        ready = await editor.agent.initialize(PROTOCOL_VERSION, client_capabilities=capabilities)
        assert ready.agent_capabilities.load_session
        yield editor


@asynccontextmanager
async def _started(editor: Editor, variables: dict[str, str], *argv: str) -> AsyncIterator[None]:
    arguments = [sys.executable, "-m", "handinger_tui", "acp", *argv]
    pipes = {"limit": LONGEST, "stderr": None}
    async with spawn_agent_process(
        cast("Client", editor), *arguments, env=variables, transport_kwargs=pipes, use_unstable_protocol=True
    ) as started:
        editor.agent, editor.process = started
        yield


@asynccontextmanager
async def _here(editor: Editor, variables: dict[str, str], *argv: str) -> AsyncIterator[None]:
    """The program without its process: it reads one pipe and writes another one."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        args = parse(["acp", *argv])
        settings, paths = service_settings(args), default_paths()
    reading, writing = os.pipe()
    wire = Wire(writing)
    out = Output(cast("TextIO", wire))
    async with open_services(settings, paths) as services:
        desk = Desk(services, Path(args.dir) if args.dir else None)
        async with desk.open():
            serving = asyncio.create_task(EditorAgent(desk, out).run(Lines(reading, out)))
            editor.agent = ClientSideConnection(cast("Client", editor), wire, use_unstable_protocol=True)
            try:
                yield
            finally:
                await editor.agent.close()
                await serving
                out.close()
                os.close(reading)


class Wire:
    """What the program writes, and the transport of the client."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def write(self, text: str) -> int:
        self._loop.call_soon_threadsafe(self._received.put_nowait, json.loads(text))
        return len(text)

    async def send(self, message: dict[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(message).encode() + b"\n")

    async def receive(self) -> dict[str, Any]:
        return await self._received.get()

    async def close(self) -> None:
        os.close(self._descriptor)

    def isatty(self) -> bool:
        return False

    def flush(self) -> None:
        pass


async def refused(work: Awaitable[Any]) -> str:
    """The words of a request that fails."""
    with pytest.raises(RequestError) as caught:
        await work
    return str(caught.value)


@pytest.fixture
def server() -> Iterator[LocalServer]:
    """A service."""
    with LocalServer.start(pace=0.1) as server:
        yield server


@pytest.fixture
def account(server: LocalServer) -> Account:
    """The workers generation of the service."""
    return Account(server, "workers")


@pytest.mark.parametrize(
    ("generation", "process"),
    [
        ("workers", False),
        # The same is shown by others of these tests, piece by piece.
        *(pytest.param(one, True, marks=pytest.mark.slow) for one in GENERATIONS),
    ],
)
def test_a_conversation_is_shown_priced_and_loaded_again(
    server: LocalServer, tmp_path: Path, generation: str, process: bool
) -> None:
    account = Account(server, generation)

    session_id, usage = asyncio.run(_talk(account, tmp_path, process=process))
    asyncio.run(_load(account, tmp_path, session_id, usage, process=process))
    costs = run("costs", "--json", home=tmp_path, **account.environ).result
    unit = "usd" if generation == "workers" else "credits"
    three = sum(Decimal(row["turn_money"][unit]) for row in _turns(tmp_path, session_id)[:3])
    assert Decimal(usage.field_meta["handinger"][unit]) == three
    # Credits are no currency: a cost in USD that is not known is none.
    assert (usage.cost and usage.cost.amount) == (float(three) if unit == "usd" else None)
    assert costs["total"]["turns"] == 4
    assert account.prompts(tmp_path)[-1] == "echo four"


async def _talk(account: Account, home: Path, *, process: bool) -> tuple[str, Any]:
    async with editing(account, home, "--dir", str(home / "files"), process=process) as editor:
        session_id = await editor.begin()
        first = await editor.ask(session_id, "echo one")
        assert first.stop_reason == "end_turn"
        assert editor.text(session_id).strip() == "one"
        second = await editor.ask(session_id, "a report as a file")
        money = second.field_meta["handinger"]["turn_money"]
        assert Decimal(money["usd"] or money["credits"]) > 0
        assert editor.links(session_id)[-1].startswith((home / "files").as_uri())
        assert next((home / "files").iterdir()).stat().st_size
        await editor.ask(session_id, "search with sources")
        assert any(link.startswith("https://") for link in editor.links(session_id))
        calls, later = editor.of(session_id, "tool_call"), editor.of(session_id, "tool_call_update")
        # The tasks generation reports no tools.
        assert [one.status for one in [*calls, *later]][-1:] == ["completed"][
            : account.generation == "workers"
        ]
        assert {one.tool_call_id for one in later} <= {one.tool_call_id for one in calls}
        return session_id, editor.of(session_id, "usage_update")[-1]


async def _load(account: Account, home: Path, session_id: str, usage: Any, *, process: bool) -> None:
    async with editing(account, home, process=process) as editor:
        (row,) = (await editor.agent.list_sessions(cwd="/tmp")).sessions
        assert (row.session_id, row.title, row.cwd) == (session_id, "echo one", "/tmp")
        loaded = await editor.agent.load_session(cwd="/tmp", session_id=session_id)
        assert loaded.config_options[0].current_value == "standard"
        prompts = editor.text(session_id, "user_message_chunk")
        assert prompts == "echo onea report as a filesearch with sources"
        assert editor.text(session_id).strip().startswith("one")
        assert {one.status for one in editor.of(session_id, "tool_call")} <= {"completed"}
        again = editor.of(session_id, "usage_update")[-1]
        assert (again.cost, again.field_meta) == (usage.cost, usage.field_meta)
        await editor.agent.set_config_option("budget", session_id, "low")
        unlimited = editor.agent.set_config_option("budget", session_id, "unlimited")
        assert "no such option" in await refused(unlimited)
        assert await refused(editor.agent.load_session(cwd="/tmp", session_id="ses_none"))
        assert await refused(editor.ask("ses_none", "echo two"))
        assert "empty" in await refused(editor.ask(session_id, " "))
        await editor.ask(session_id, "echo four")


def _turns(home: Path, session_id: str) -> list[dict[str, Any]]:
    return list(run("export", session_id, "--format", "json", home=home).result["turns"])


def test_what_is_embedded_or_linked_is_attached(account: Account, tmp_path: Path) -> None:
    notes = tmp_path / "my notes.txt"
    notes.write_text("here")
    image = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 40).decode()
    text = schema.TextResourceContents(uri="file:///x/main.py", text="print(1)", mime_type="text/x-python")

    async def talks() -> None:
        async with editing(account, tmp_path) as editor:
            session_id = await editor.begin()
            missing = schema.ResourceContentBlock(
                type="resource_link", name="no", uri="file:///nowhere/no.txt"
            )
            assert "Nothing was sent" in await refused(editor.ask(session_id, "echo no ", missing))
            elsewhere = schema.ResourceContentBlock(
                type="resource_link", name="notes", uri=notes.as_uri().replace("file://", "file://nas")
            )
            assert "not found: //nas/" in await refused(editor.ask(session_id, "no ", elsewhere))
            damaged = schema.ImageContentBlock(type="image", data="~~~", mime_type="image/png")
            assert "Nothing was sent" in await refused(editor.ask(session_id, "echo no ", damaged))
            await editor.ask(
                session_id,
                "echo ",
                schema.EmbeddedResourceContentBlock(type="resource", resource=text),
                " and ",
                schema.ResourceContentBlock(type="resource_link", name="my notes", uri=notes.as_uri()),
                schema.ImageContentBlock(type="image", data=image, mime_type="image/png"),
            )

    asyncio.run(talks())
    (message,) = (one for one in account.messages(tmp_path) if one["role"] == "user")
    files = [part for part in message["parts"] if part["type"] == "file"]
    assert [one["filename"] for one in files] == ["main.py", "my notes.txt", "image.png"]
    assert [one["mediaType"] for one in files] == ["text/x-python", "text/plain", "image/png"]
    assert account.prompts(tmp_path) == ["echo @main.py and @my notes.txt@image.png"]


def test_a_cancelled_prompt_runs_on_and_the_next_program_shows_its_end(tmp_path: Path) -> None:
    async def cancels(account: Account) -> str:
        async with editing(account, tmp_path) as editor:
            session_id = await editor.begin()
            # On an idle session, now and later, it changes nothing.
            await editor.agent.cancel(session_id=session_id)
            await editor.agent.cancel(session_id="ses_none")
            await editor.ask(session_id, "echo one")
            await editor.agent.cancel(session_id=session_id)
            prompt = asyncio.create_task(editor.ask(session_id, "long 12"))
            await editor.until(lambda: len(editor.text(session_id)) > 20)
            assert "still being answered" in await refused(editor.ask(session_id, "echo two"))
            await editor.agent.cancel(session_id=session_id)
            await editor.agent.cancel(session_id=session_id)
            assert (await prompt).stop_reason == "cancelled"
            assert editor.text(session_id).count("keeps running and may keep charging") == 1
            assert "still runs" in await refused(editor.ask(session_id, "echo three"))
            return session_id

    async def loads(account: Account, session_id: str) -> None:
        async with editing(account, tmp_path) as editor:
            await editor.agent.load_session(cwd="/tmp", session_id=session_id)
            assert (await editor.ask_when_idle(session_id, "echo four")).stop_reason == "end_turn"

    with held_worker() as (server, may_end):
        account = Account(server, "workers")
        session_id = asyncio.run(cancels(account))
        may_end.set()
        asyncio.run(loads(account, session_id))
        assert account.prompts(tmp_path) == ["echo one", "long 12", "echo four"]


def test_of_ten_sessions_at_once_as_many_are_sent_as_the_limit_has_room_for(
    account: Account, tmp_path: Path
) -> None:
    async def talks() -> None:
        async with editing(account, tmp_path) as editor:
            session_id = await editor.begin()
            for _ in range(5):
                await editor.ask(session_id, "echo one")
            spent = Decimal(editor.of(session_id, "usage_update")[-1].field_meta["handinger"]["usd"])
        # A turn reserves what such turns cost, which are all alike.
        limit = f"{spent + spent / 5 * Decimal('2.5'):.9f}"
        async with editing(account, tmp_path, "--max-cost", limit) as editor:
            sessions = [await editor.begin() for _ in range(10)]
            ends = await asyncio.gather(*(editor.ask(one, "echo two") for one in sessions))
            reasons = [one.stop_reason for one in ends]
            assert sorted(reasons) == ["end_turn"] * 2 + ["refusal"] * 8
            for session_id, reason in zip(sessions, reasons, strict=True):
                assert ("Nothing was sent." in editor.text(session_id)) == (reason == "refusal")

    asyncio.run(talks())
    assert run("costs", "--json", home=tmp_path).result["total"]["turns"] == 7


@pytest.mark.parametrize("forms", [False, True])
def test_a_turn_whose_limit_cannot_be_enforced_needs_a_yes(
    server: LocalServer, tmp_path: Path, forms: bool
) -> None:
    # Its turns have no cost in USD.
    account = Account(server, "tasks")

    async def talks() -> None:
        async with editing(account, tmp_path, "--max-cost", "5", forms=forms) as editor:
            session_id = await editor.begin()
            editor.answer = "keep"
            assert (await editor.ask(session_id, "echo two")).stop_reason == "refusal"
            assert "Nothing was sent." in editor.text(session_id)
            editor.answer = "send"
            assert (await editor.ask(session_id, "echo three")).stop_reason == "end_turn"
            assert len(editor.questions) == 2
            usage = editor.of(session_id, "usage_update")[-1]
            assert usage.cost is None
            assert usage.field_meta["handinger"]["unpriced_turns"] == 1

    asyncio.run(talks())
    assert account.prompts(tmp_path) == ["echo three"]


def test_a_kill_in_the_middle_of_a_turn_loses_nothing(account: Account, tmp_path: Path) -> None:
    begun: list[str] = []

    async def killed() -> None:
        async with editing(account, tmp_path, process=True) as editor:
            begun.append(await editor.begin())
            prompt = asyncio.create_task(editor.ask(begun[0], "long 20"))
            await editor.until(lambda: bool(editor.text(begun[0])))
            editor.process.send_signal(signal.SIGKILL)
            await prompt

    async def loads() -> None:
        async with editing(account, tmp_path) as editor:
            await editor.agent.load_session(cwd="/tmp", session_id=begun[0])
            await editor.ask_when_idle(begun[0], "echo two")

    with suppress(Exception):
        asyncio.run(killed())
    asyncio.run(loads())
    assert account.prompts(tmp_path) == ["long 20", "echo two"]
    assert [one["status"] for one in _turns(tmp_path, begun[0])] == ["completed", "completed"]


def test_hostile_text_is_text_and_hostile_addresses_are_no_links() -> None:
    bad = "\x1b]8;;evil\x07\u202eab\ud83d\x9b31m"
    turn = Turn(
        TurnRequest("turn_1", bad, 0),
        TurnStatus.FAILED,
        (
            TextPart(Rope((), bad), open=False),
            ReasoningPart(Rope((), bad), open=False),
            ToolPart("c", bad, ToolState.OUTPUT_ERROR, input={bad: bad}, output=[bad], error=bad),
            SourcePart("s", url="javascript:alert(1)", title=bad),
            FilePart("file:///etc/passwd", "text/plain", bad),
        ),
        errors=(bad,),
        fault=Fault(ErrorKind.STREAM_ERROR, bad),
    )
    session = Session("ses_1", 0, turns=(turn,))
    updates = [*news(Shown(), session, turn, {})[1], *session_news(session, is_measured=False)]
    for update in updates:
        update_of = {"sessionId": "ses_1", "update": update}
        shown = schema.SessionNotification.model_validate(update_of).model_dump_json()
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e\ud800-\udfff]|\\\\u00[01]", shown.replace("\\n", ""))
        assert '"resource_link"' not in shown
    assert len(updates) > 7


GARBAGE = (
    b'{\n[1, 2]\n7\nnull\n"text"\n\n\xff\xfe\x00\n'
    + b"[" * 100_000
    + b"\n"
    + b'{"jsonrpc": "2.0", "id": [1], "method": "initialize"}\n{}\n'
    + b'{"jsonrpc": "2.0", "id": 0, "error": 5}\n{"jsonrpc": "2.0", "id": 9, "result": {}}\n'
    + b'{"jsonrpc": "2.0", "id": 1, "method": 5}\n{"jsonrpc": "2.0", "id": 2, "method": "session/prompt"}\n'
    + b'{"jsonrpc": "2.0", "method": "session/cancel", "params": 3}\n'
    + b'{"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"id": 1}}\n'
)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 143, marks=pytest.mark.slow),
        pytest.param(None, 0, marks=pytest.mark.slow),
    ],
)
def test_garbage_is_answered_and_the_program_ends_with_its_input(
    account: Account, tmp_path: Path, end: signal.Signals | None, code: int
) -> None:
    async def talks() -> tuple[int | None, list[dict[str, Any]], bytes]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "handinger_tui",
            "acp",
            env=environ(tmp_path, **account.environ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        params = {"protocolVersion": 1, "clientCapabilities": {}}
        good = {"jsonrpc": "2.0", "id": "last", "method": "initialize", "params": params}
        process.stdin.write(GARBAGE + json.dumps(good).encode() + b"\n")
        lines: list[dict[str, Any]] = []
        while not lines or lines[-1]["id"] != "last":
            lines.append(json.loads(await process.stdout.readline()))
        if end is None:
            process.stdin.close()
        else:
            process.send_signal(end)
        await process.stdout.read()
        log = await process.stderr.read()
        return await process.wait(), lines, log

    ended, lines, log = asyncio.run(talks())
    assert ended == code
    # What may be ignored is.
    assert b"$/cancel_request" not in log
    codes = [-32700, *[-32600] * 4, *[-32700] * 2, *[-32600] * 2]
    assert [one["error"]["code"] for one in lines[: len(codes)]] == codes
    assert lines[-1]["result"]["protocolVersion"] == 1
