"""An editor at the workers of a person, by the Agent Client Protocol: a session of theirs is one of ours.

One prompt sends one message. The editor may cancel its prompt, which only stops watching, or go away: the
turn runs on, and the next program that opens the session shows its end.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, cast

from acp import PROTOCOL_VERSION, RequestError, schema
from acp.agent.connection import AgentSideConnection
from pydantic import ValidationError

from handinger_tui import __version__
from handinger_tui.cli.acp_prompt import Block, message_of
from handinger_tui.cli.acp_updates import Shown, news, note, receipt, session_news
from handinger_tui.cli.agent_desk import in_words, limit_words, until_end
from handinger_tui.cli.args import NOTHING_SENT
from handinger_tui.cli.run_output import LimitMessages
from handinger_tui.core.acts import RUNS_ON
from handinger_tui.core.errors import HandingerError, LimitStop, NoSuchSession
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import same_readings
from handinger_tui.core.turns.turn import FREE, LEVELS, LIVE, UNDECIDED, Turn, TurnStatus

if TYPE_CHECKING:
    from pathlib import Path

    from acp.interfaces import Agent

    from handinger_tui.cli.agent_desk import Desk
    from handinger_tui.core.jsontext import Json, JsonObject
    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.plain.terminal import Output

TELL_EVERY_S: Final = 0.05
"""Seconds from a change to the updates about it: many come at once."""
DETACH_S: Final = 2.0
"""Most seconds in which a turn that is no longer watched shows whether it was sent."""
LISTED: Final = 100
"""Sessions of one page of the list."""
INVALID: Final = -32602
PROBLEM: Final = partial(RequestError, -32603)
BUSY: Final = f"A prompt of this session is still being answered. {NOTHING_SENT}"
LET_GO: Final = (
    f"No longer watched. {RUNS_ON} It cannot be stopped from here. Load this session again to see the end."
)
_CUT_SHORT: Final = frozenset({"length", "max_output_tokens"})


class Opened:
    """A session that the editor has opened, and what it shows of it."""

    def __init__(self, actor: SessionActor, budget: str, out: Output) -> None:
        self.actor = actor
        self.budget = budget
        self._out = out
        self.limits = LimitMessages(lambda text: self.send(note(text)))
        self._shown: dict[str, Shown] = {}
        """By the ids of the turns."""
        self._latest: dict[str, JsonObject] = {}
        """The newest update about the session, by its kind."""
        self._measured: tuple[Turn, ...] = ()
        """The turns of the newest usage that was sent."""
        self.turn_id = ""
        """The turn of the newest prompt."""
        self.work: asyncio.Task[str] | None = None
        """Sends the prompt and waits for its end; None: there is none now."""

    def send(self, *updates: JsonObject) -> None:
        """Send updates to the editor."""
        session_id = self.actor.session.session_id
        for update in updates:
            params = {"sessionId": session_id, "update": update}
            self._out.put(json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params}))

    def tell(self, saved: Mapping[str, Path] | None = None) -> None:
        """Send what is new. Nothing is awaited, so that updates keep their order.

        `saved`: the files of the answer to the prompt; None: its end is not shown yet.
        """
        session = self.actor.session
        for turn in session.turns:
            if turn.withdrawn or turn.status is TurnStatus.QUEUED:
                continue
            is_ours = turn.turn_id == self.turn_id
            shown = self._shown.get(turn.turn_id) or Shown(has_message=is_ours)
            files = saved if is_ours and self.work is not None else {}
            self._shown[turn.turn_id], updates = news(shown, session, turn, files)
            self.send(*updates)
        is_measured = same_readings(self._measured, session.turns)
        self._measured = session.turns
        for update in session_news(session, is_measured=is_measured):
            kind = str(update["sessionUpdate"])
            if self._latest.get(kind) != update:
                self._latest[kind] = update
                self.send(update)


class EditorAgent:
    """Implements `acp.Agent`: a method for each request of the editor, and its answer as JSON."""

    def __init__(self, desk: Desk, out: Output) -> None:
        self._desk = desk
        self._settings = desk.services.settings
        self._engine = desk.services.engine
        self._out = out
        self._opened: dict[str, Opened] = {}
        self._editor: AgentSideConnection | None = None
        self._has_forms = False

    async def run(self, transport: Any) -> None:
        """Answer the editor until its input ends."""
        unsubscribe = self._engine.subscribe_gathered(self._tell, TELL_EVERY_S)
        self._editor = AgentSideConnection(cast("Agent", self), transport, listening=False)
        try:
            await until_end(self._editor.listen())
        finally:
            unsubscribe()
            await self._editor.close()

    def _tell(self, changed: set[str]) -> None:
        for session_id in changed & self._opened.keys():
            self._opened[session_id].tell()

    # -- requests of the editor ------------------------------------------------------------
    async def initialize(
        self, client_capabilities: schema.ClientCapabilities | None = None, **_more: Any
    ) -> JsonObject:
        """What this agent can do."""
        elicitation = client_capabilities.elicitation if client_capabilities is not None else None
        self._has_forms = elicitation is not None and elicitation.form is not None
        return {
            "protocolVersion": PROTOCOL_VERSION,
            "agentCapabilities": {
                "loadSession": True,
                "promptCapabilities": {"image": True, "audio": True, "embeddedContext": True},
                "sessionCapabilities": {"list": {}},
            },
            "agentInfo": {"name": "handinger", "title": "Handinger", "version": __version__},
        }

    async def new_session(self, **_more: Any) -> JsonObject:
        """Begin a session with a new worker; nothing is sent."""
        session_id = self._engine.new_session(self._settings.base_url).session_id
        return {"sessionId": session_id, **await self._options(self._open(session_id))}

    async def load_session(self, session_id: str, **_more: Any) -> JsonObject:
        """Show a stored session, and go on watching a turn that was left running; nothing is sent."""
        if session_id in self._opened and self._opened[session_id].work is not None:
            raise RequestError(INVALID, BUSY)
        with in_words(PROBLEM):
            try:
                session = await self._engine.open(session_id)
            except NoSuchSession:
                raise RequestError.resource_not_found(session_id) from None
            opened = self._open(session_id)
            opened.tell()
            if session.unwatched is not None:
                await opened.actor.watch()
        return await self._options(opened)

    async def list_sessions(
        self, cwd: str | None = None, cursor: str | None = None, **_more: Any
    ) -> JsonObject:
        """The sessions of this service, newest first. Workers belong to no folder: it is that of the list."""
        start = int(cursor[:9]) if cursor and cursor.isascii() and cursor.isdecimal() else 0
        with in_words(PROBLEM):
            rows = await self._desk.sessions()
        sessions: list[Json] = [
            {
                "sessionId": row.session_id,
                "cwd": cwd or os.getcwd(),
                "title": clean_line(row.name, 200) or None,
                "updatedAt": datetime.fromtimestamp(row.updated_ms / 1000, UTC).isoformat(),
            }
            for row in rows[start : start + LISTED]
        ]
        return {
            "sessions": sessions,
            "nextCursor": str(start + LISTED) if len(rows) > start + LISTED else None,
        }

    async def set_config_option(
        self, config_id: str, session_id: str, value: str | bool, **_more: Any
    ) -> JsonObject:
        """Choose the budget of the next messages."""
        opened = self._find(session_id)
        if config_id != "budget" or value not in self._levels(opened):
            raise RequestError(INVALID, "There is no such option.")
        opened.budget = str(value)
        return await self._options(opened)

    async def prompt(self, prompt: Sequence[Block], session_id: str, **_more: Any) -> JsonObject:
        """Send one message, and show its answer until the turn has ended or the editor cancels."""
        opened = self._find(session_id)
        if opened.work is not None:
            raise RequestError(INVALID, BUSY)
        opened.turn_id = self._desk.new_turn_id()
        work = opened.work = asyncio.create_task(self._answer(opened, prompt))
        try:
            await asyncio.wait({work})
            with in_words(PROBLEM):
                reason = await self._let_go(opened) if work.cancelled() else work.result()
        finally:
            work.cancel()
            opened.work = None
        session = opened.actor.session
        turn = session.find(opened.turn_id)
        return {"stopReason": reason, "_meta": None if turn is None else receipt(session, turn)}

    async def cancel(self, session_id: str, **_more: Any) -> None:
        """Stop watching the turn of a prompt; without one, nothing changes."""
        opened = self._opened.get(session_id)
        if opened is not None and opened.work is not None:
            opened.work.cancel()

    # -- one prompt ------------------------------------------------------------------------
    async def _answer(self, opened: Opened, blocks: Sequence[Block]) -> str:
        """Send a message and wait for the end of its turn; why it ends. Raises HandingerError."""
        actor = opened.actor
        with TemporaryDirectory(prefix="handinger-tui-") as folder:
            text, files = await asyncio.to_thread(message_of, blocks, folder)
            agrees = partial(self._agrees, actor.session.session_id)
            try:
                await self._desk.send(actor, text, opened.budget, files, agrees, opened.turn_id)
            except LimitStop as stop:
                opened.send(note(limit_words(stop)))
                return "refusal"
            await self._desk.wait_while(actor, opened.turn_id, LIVE, None)
        # With the figures of its end.
        await actor.settled()
        turn = await self._desk.now(actor, opened.turn_id)
        opened.tell(await self._desk.save_all(turn))
        opened.limits.update(actor.gauges, running=False)
        if turn.status is TurnStatus.RUNNING:
            opened.send(note(LET_GO))
        if turn.status in FREE:
            return "refusal"
        return "max_tokens" if turn.finish_reason in _CUT_SHORT else "end_turn"

    async def _let_go(self, opened: Opened) -> str:
        """Stop watching, and say whether the worker runs on; it may have ended in this moment."""
        actor = opened.actor
        if actor.running:
            actor.detach()
        with suppress(TimeoutError):
            async with asyncio.timeout(DETACH_S):
                await actor.settled()
        opened.tell({})
        turn = actor.session.find(opened.turn_id)
        if turn is None or not turn.may_spend:
            opened.send(note(f"Withdrawn. {NOTHING_SENT}"))
        elif turn.live or turn.status in UNDECIDED:
            opened.send(note(LET_GO))
        return "cancelled"

    async def _agrees(self, session_id: str, reason: str) -> bool:
        """Ask the person about a turn whose limit cannot be enforced. No answer is a no."""
        editor, question = self._editor, f"{reason} Send anyway?"
        with suppress(RequestError, ValidationError, ConnectionError):
            if editor is not None and self._has_forms:
                yes = schema.ElicitationBooleanPropertySchema(type="boolean", title="Send anyway")
                form = schema.ElicitationSchema(properties={"send": yes}, required=["send"])
                mode = schema.ElicitationFormSessionMode(session_id=session_id, requested_schema=form)
                answer = await editor.create_elicitation(question, mode)
                is_accepted = isinstance(answer, schema.AcceptElicitationResponse)
                return is_accepted and (answer.content or {}).get("send") is True
            if editor is not None:
                call = schema.ToolCallUpdate(tool_call_id="limit", title=question, status="pending")
                options = [
                    schema.PermissionOption(option_id="send", name="Send anyway", kind="allow_once"),
                    schema.PermissionOption(option_id="keep", name="Do not send", kind="reject_once"),
                ]
                outcome = (await editor.request_permission(session_id, call, options)).outcome
                return isinstance(outcome, schema.AllowedOutcome) and outcome.option_id == "send"
        return False

    # -- sessions and options --------------------------------------------------------------
    def _open(self, session_id: str) -> Opened:
        actor = self._engine.actor(session_id)
        self._opened[session_id] = Opened(actor, self._settings.budget, self._out)
        return self._opened[session_id]

    def _find(self, session_id: str) -> Opened:
        if session_id not in self._opened:
            raise RequestError.resource_not_found(session_id)
        return self._opened[session_id]

    def _levels(self, opened: Opened) -> list[str]:
        """The budgets to choose from; unlimited only where the person has set it before."""
        chosen = {opened.budget, self._settings.budget}
        return [level for level in LEVELS if level != "unlimited" or level in chosen]

    async def _options(self, opened: Opened) -> JsonObject:
        """The budget, with what such a turn usually costs."""
        choices: list[Json] = []
        for level in self._levels(opened):
            usual: Json = "cost unknown"
            with suppress(HandingerError):
                usual = (await self._desk.usual(opened.actor.session, level))["usual"]
            choices.append({"value": level, "name": level.capitalize(), "description": usual})
        chosen = {"type": "select", "id": "budget", "name": "Budget", "currentValue": opened.budget}
        return {"configOptions": [{**chosen, "options": choices}]}
