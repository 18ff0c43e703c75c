"""Live, reloaded and replayed: the same turn gives the same session."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from handinger_tui.cli.local_files import Paths
from handinger_tui.cli.wiring import RandomIds, Services, SystemClock, open_services
from handinger_tui.core.evidence import files_of_turn, sources_of
from handinger_tui.core.export.result import result_object
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.session_actor import ServiceContext
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.settings import Flags, Settings, load
from tests.e2e.accounts import GENERATIONS, Account
from tests.e2e.held import held_worker

if TYPE_CHECKING:
    from pathlib import Path

PROMPTS = ("hello", "report on primes", "cite sources about python", "fail", "echo 日本語 👩‍💻 x", "long 3")

STREAMED = ("texts", "reasoning", "reasonings", "tools", "metadata", "finish_reason")
"""Members that only the stream of a task has. The sender of the turn gets the answer without them."""


@pytest.fixture(params=GENERATIONS)
def settings(request: pytest.FixtureRequest) -> Settings:
    variables = {"POLL_INTERVAL": "0.05", "LOCAL_PACE": "0", "GENERATION": request.param}
    return load(Flags(local=True), {f"HANDINGER_{name}": value for name, value in variables.items()})


def places(folder: Path) -> Paths:
    return Paths(folder / "config.toml", folder / "history.db", folder)


async def sent(parts: Services, *prompts: str) -> Session:
    session = parts.engine.new_session(parts.settings.base_url)
    for prompt in prompts:
        await parts.engine.actor(session.session_id).send(prompt)
        session = await parts.engine.actor(session.session_id).settled()
    return session


def content(turn: Turn) -> dict[str, object]:
    """The visible content of a turn: everything but our own ids and times."""
    members = result_object(Session("s", 0, turns=(turn,)), turn)
    ours = (
        "session_id",
        "turn_id",
        "duration_ms",
        "posts_sent",
        "recovered",
        "encoding",
        "turn_usage",
        "turn_costs",
        # A later observer has fewer readings from which to interpret the figures, and misses what was spent
        # before its first one.
        "turn_money",
        "turn_doubtful",
        "turn_cost_usd_at_most",
        "turn_credits_at_most",
    )
    return {name: value for name, value in members.items() if name not in ours}


async def test_a_reloaded_session_equals_the_live_one(settings: Settings, tmp_path: Path) -> None:
    async with open_services(settings, places(tmp_path)) as parts:
        live = await sent(parts, *PROMPTS)
        loaded = await parts.ledger.load(live.session_id)
    assert loaded is not None
    assert loaded.turns == live.turns
    assert [turn.status for turn in live.turns].count(TurnStatus.FAILED) == 1
    assert sources_of(loaded) == sources_of(live)
    assert list(map(files_of_turn, loaded.turns)) == list(map(files_of_turn, live.turns))
    assert replace(loaded, updated_ms=0) == replace(live, updated_ms=0)


async def test_the_fold_of_stored_frames_is_the_live_turn(settings: Settings, tmp_path: Path) -> None:
    async with open_services(settings, places(tmp_path)) as parts:
        live = await sent(parts, "report on primes", "cite sources about python")
        for turn in live.turns:
            stored = await parts.ledger.frames(turn.turn_id)
            request = replace(turn.request, target_id=live.turns[0].request.target_id, seen_before=None)
            assert replace(fold(request, stored), request=turn.request) == turn


async def test_a_turn_watched_by_another_program_is_the_same(settings: Settings, tmp_path: Path) -> None:
    slow = replace(settings, local_pace=0.3)
    async with open_services(slow, places(tmp_path)) as parts:
        mine = parts.engine.new_session(parts.settings.base_url)
        is_accepted = asyncio.Event()

        def look(session_id: str) -> None:
            # The id of a task is known before the service has it.
            if any(one.status is TurnStatus.ACCEPTED for one in parts.engine.session(session_id).turns):
                is_accepted.set()

        leave = parts.engine.subscribe(look)
        await parts.engine.actor(mine.session_id).send("report on primes")
        await is_accepted.wait()
        leave()
        worker_id = parts.engine.session(mine.session_id).worker_id
        # Another program with its own history: within one history a turn has one entry.
        async with AsyncExitStack() as stack:
            ledger = Ledger(None)
            await ledger.start()
            stack.push_async_callback(ledger.aclose)
            home = ServiceContext(parts.settings.base_url, generation=settings.generation)
            engine = Engine(parts.turns, ledger, SystemClock(), RandomIds(), context=home)
            stack.push_async_callback(engine.aclose)
            other = await engine.adopt(engine.new_session(parts.settings.base_url, worker_id).session_id)
            assert other.turns[-1].status is TurnStatus.RUNNING
            await engine.actor(other.session_id).watch()
            watched = (await engine.actor(other.session_id).settled()).turns[-1]
        same = await parts.engine.adopt(
            parts.engine.new_session(parts.settings.base_url, worker_id).session_id
        )
        assert (same.session_id, len(same.turns)) == (mine.session_id, 1)
        live = (await parts.engine.actor(mine.session_id).settled()).turns[-1]
    streamed = STREAMED if settings.generation == "tasks" else ()
    read, sent_here = (
        {name: value for name, value in content(turn).items() if name not in streamed}
        for turn in (watched, live)
    )
    assert read == sent_here
    assert read["text"]


async def test_a_message_during_the_turn_of_another_program_is_not_sent(
    settings: Settings, tmp_path: Path
) -> None:
    with held_worker() as (server, may_end):
        account = Account(server, settings.generation)
        variables = {**account.environ, "HANDINGER_POLL_INTERVAL": "0.05"}
        slow = load(Flags(), variables)
        async with open_services(slow, places(tmp_path)) as one, open_services(slow, places(tmp_path)) as two:
            first = one.engine.new_session(slow.base_url)
            actor = one.engine.actor(first.session_id)
            await actor.send("echo one")
            await actor.settled()
            second = two.engine.actor((await two.engine.open(first.session_id)).session_id)
            answers = asyncio.Event()
            await actor.send("long 5")
            one.engine.subscribe(lambda _id: answers.set() if actor.session.turns[-1].text else None)
            await answers.wait()
            await second.send("echo two")
            refused = (await second.settled()).turns[-1]
            assert (refused.status, refused.posts) == (TurnStatus.NOT_SENT, 0)
            may_end.set()
            live = (await actor.settled()).turns[-1]
            assert live.status is TurnStatus.COMPLETED
            await second.recount()
            await second.send("echo two")
            assert (await second.settled()).turns[-1].status is TurnStatus.COMPLETED
