"""What another agent may do with workers: start a turn under a limit, wait for it, look, and read costs.

Each method of `Tools` is one tool, with JSON objects as results. They know no protocol.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from handinger_tui.cli.args import NOTHING_SENT
from handinger_tui.cli.wiring import generation_of, open_target
from handinger_tui.core.decimals import json_amount
from handinger_tui.core.documents import members
from handinger_tui.core.errors import HandingerError, SettingsError
from handinger_tui.core.export.result import money_words, result_object
from handinger_tui.core.jsontext import dump
from handinger_tui.core.safety import clean_json, clean_line
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import UNENDED, TurnRequest, TurnStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from handinger_tui.cli.agent_desk import Desk
    from handinger_tui.core.documents import LimitPart
    from handinger_tui.core.jsontext import Json, JsonObject
    from handinger_tui.core.stream import FilePart
    from handinger_tui.engine.session_actor import SessionActor

MOST_WAIT_S: Final = 45.0
"""Maximum seconds of one wait: clients give up on a tool after a minute."""
STARTED_S: Final = 5.0
"""Maximum seconds until the service has accepted a turn: from then on the id of its worker is known, and a
server that ends at once does not withdraw it."""
UNANSWERED: Final = frozenset({TurnStatus.QUEUED, TurnStatus.SENDING})


class Tools:
    """The workers of a person as tools. Every method raises HandingerError."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._services = desk.services
        self._starts: dict[str, asyncio.Lock] = {}
        """One start at a time for each target and key: two calls must not both find it idle, or unused."""

    # -- the tools ---------------------------------------------------------------------------------
    async def start_turn(
        self,
        text: str,
        most: Mapping[str, str | float | None],
        worker: str | None,
        budget: str | None,
        key: str | None = None,
    ) -> JsonObject:
        """Send one message; this spends money. `most`: what it may cost by unit, see `LimitService`.

        `key`: with the key of an earlier call nothing is sent, and the result is the turn of that call.
        """
        # A worker has several spellings: its id, and its address.
        target = None if worker is None else self._target(worker)
        turn_id = "" if not key else self._turn_id(key)
        async with AsyncExitStack() as locks:
            for name in filter(None, (turn_id, target)):
                await locks.enter_async_context(self._starts.setdefault(name, asyncio.Lock()))
            if turn_id and await self._services.ledger.history.of_turn(turn_id) is not None:
                return await self._repeated(turn_id, text, target)
            actor = await self._actor(target)
            budget = budget or self._services.settings.budget
            request = _request(actor.session, text, budget)
            await self._services.ledger.limits.check_most(actor.session, request, most)
            turn_id = await self._desk.send(actor, text, budget, turn_id=turn_id)
        await self._desk.wait_while(actor, turn_id, UNANSWERED, STARTED_S)
        return await self._view(actor, turn_id)

    async def wait_turn(self, turn_id: str, seconds: float) -> JsonObject:
        """Wait for the end of a turn, at most `MOST_WAIT_S`; sends nothing."""
        actor = await self._actor_of_turn(turn_id)
        turn = actor.session.find(turn_id)
        if turn is not None and turn.status in UNENDED and not actor.running:
            await actor.watch(turn_id)
        await self._desk.wait_while(actor, turn_id, UNENDED, min(max(seconds, 0.0), MOST_WAIT_S))
        return await self._view(actor, turn_id)

    async def read_worker(self, worker: str) -> JsonObject:
        """The newest turn of a worker, read from the service; sends nothing."""
        actor = await self._actor(self._target(worker))
        session = await self._services.engine.adopt(actor.session.session_id, retry=True)
        actor = self._services.engine.actor(session.session_id)
        if session.sent is None:
            raise HandingerError(f"{clean_line(worker, 100)} has no turns yet.")
        await actor.refresh()
        return await self._view(actor, session.sent.turn_id)

    async def list_files(self, worker: str) -> JsonObject:
        """The files of a worker."""
        rows: list[Json] = [
            {
                "number": number,
                "filename": file.filename,
                "media_type": file.media_type,
                "size": file.size,
            }
            for number, file in enumerate(await self._files(worker), 1)
        ]
        return {"worker_id": self._target(worker), "files": clean_json(rows)}

    async def get_file(self, worker: str, number: int) -> JsonObject:
        """Save a file of a worker, under a name that is free; returns where."""
        files = await self._files(worker)
        if not 0 < number <= len(files):
            raise SettingsError(f"The worker has no file {number}.", "Their numbers are in list_files.")
        file = files[number - 1]
        path = await self._desk.save(self._target(worker), file)
        return {"saved_as": clean_line(str(path)), "media_type": clean_line(file.media_type)}

    async def costs(self) -> JsonObject:
        """What all programs of this history cost today, and what is left of the limits."""
        ledger = self._services.ledger
        today = await ledger.charges.spent(ledger.limits.today())
        fresh = Session("", 0, base_url=self._services.settings.base_url)
        usd, credit = today.total("usd"), today.total("credits")
        return {
            "today": {
                "turns": today.turns,
                "cost": today.cost(today.priced(self._services.settings.prices)),
                "cost_usd": json_amount(usd.value),
                "unpriced_turns": usd.missing_turns,
                "credits": json_amount(credit.value),
                "uncredited_turns": credit.missing_turns,
            },
            "limits": _objects(gauge.part for gauge in await ledger.limits.gauges(fresh)),
        }

    async def price(self, worker: str | None, budget: str | None) -> JsonObject:
        """What a turn usually costs, and what one that starts now reserves of the limits."""
        settings = self._services.settings
        budget = budget or settings.budget
        session = Session("", 0, base_url=settings.base_url)
        if worker is not None:
            session = (await self._actor(self._target(worker))).session
        reserves = await self._services.ledger.limits.reservation(session, _request(session, "", budget))
        return {
            **await self._desk.usual(session, budget),
            "reserves": {str(unit): json_amount(value) for unit, value in reserves.items()},
            "limits": _objects(gauge.part for gauge in await self._services.ledger.limits.gauges(session)),
        }

    # -- inside ------------------------------------------------------------------------------------
    def _target(self, worker: str) -> str:
        return generation_of(self._services.settings).target_in(worker)

    def _turn_id(self, key: str) -> str:
        """The id of the turn of a key: it is stored before anything is sent, so no key starts two turns."""
        settings = self._services.settings
        of = dump([settings.base_url, settings.generation, key])
        return f"turn_{sha256(of.encode()).hexdigest()[:27]}"

    async def _repeated(self, turn_id: str, text: str, target: str | None) -> JsonObject:
        """The turn of an earlier call with the same key and message."""
        actor = await self._actor_of_turn(turn_id)
        turn = actor.session.find(turn_id)
        if turn is None or turn.request.prompt != text or target not in {None, turn.target}:
            raise HandingerError(f"Another message has this key. {NOTHING_SENT}", "Use a new key for each.")
        return await self._view(actor, turn_id)

    async def _files(self, worker: str) -> tuple[FilePart, ...]:
        return (await self._services.turns.read_worker(self._target(worker))).snapshot.files

    async def _actor(self, target: str | None) -> SessionActor:
        """The owner of the session of a target, or of a new one."""
        engine = self._services.engine
        if target is None:
            session = engine.new_session(self._services.settings.base_url)
        else:
            session = await open_target(self._services, target)
        return engine.actor(session.session_id)

    async def _actor_of_turn(self, turn_id: str) -> SessionActor:
        session_id = await self._services.ledger.history.of_turn(turn_id)
        if session_id is None:
            raise SettingsError(f"No turn {clean_line(turn_id, 60)}.", "Its id comes from start_turn.")
        await self._services.engine.open(session_id)
        return self._services.engine.actor(session_id)

    async def _view(self, actor: SessionActor, turn_id: str) -> JsonObject:
        """A turn by now: its result as headless prints it, in words what it cost, and what is left."""
        turn, session = await self._desk.now(actor, turn_id), actor.session
        return {
            "turn_id": turn_id,
            "worker_id": turn.target,
            "ended": turn.status not in UNENDED,
            **money_words(session, turn),
            "limits": _objects(gauge.part for gauge in actor.gauges),
            "result": result_object(session, turn),
        }


def _objects(parts: Iterable[LimitPart]) -> Json:
    return [*map(members, parts)]


def _request(session: Session, text: str, budget: str) -> TurnRequest:
    return TurnRequest("", text, 0, session.worker_id, budget, stored_worker_id=session.stored_worker_id)
