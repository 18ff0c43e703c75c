"""Turns of other clients: their stored frames, and that each is stored once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from handinger_tui.core.evidence import structured_of
from handinger_tui.core.money.events import Sent
from handinger_tui.core.money.turn_events import events_of_other, events_text
from handinger_tui.core.stream import Frame, Framing, ReadReason, WorkerBody, body_of
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.messages import normalized_prompt
from handinger_tui.core.turns.session import OtherTurn, Session
from handinger_tui.core.turns.turn import Trigger, TurnRequest
from handinger_tui.core.turns.worker_reconciliation import slim_worker
from handinger_tui.engine.engine import Engine
from handinger_tui.engine.ports import RetryPolicy
from handinger_tui.engine.session_actor import ServiceContext
from handinger_tui.engine.settling import adopted_turns
from handinger_tui.ledger.ledger import Ledger
from tests.engine.fakes import PLACE, FakeApi, FakeClock, FakeIds, says

if TYPE_CHECKING:
    from pathlib import Path

LONG = "Look at the prices again. " * 80


def scheduled(runs: int, prompt: str = LONG, **members: Any) -> str:
    """A worker whose schedule sent the same prompt many times."""
    messages: list[dict[str, Any]] = []
    for at in range(runs):
        messages.append({"id": f"u{at}", "role": "user", "parts": [{"type": "text", "text": prompt}]})
        messages.append(
            {"id": f"a{at}", "role": "assistant", "parts": [{"type": "text", "text": f"answer {at}"}]}
        )
    body = {"id": "w1", "object": "worker", "status": "completed", "running": False, "messages": messages}
    return json.dumps(body | {"output_text": f"answer {runs - 1}"} | members)


def stored_size(runs: int) -> int:
    turns = adopted_turns(Session("s", 0, "w1"), body_of(scheduled(runs)), 0, FakeIds())
    assert len(turns) == runs
    return sum(len(frame.data) for turn in turns for frame in turn.frames)


def test_the_storage_of_a_schedule_grows_linearly_with_its_runs() -> None:
    assert stored_size(100) < 11 * stored_size(10)


def test_each_of_many_equal_prompts_has_its_own_answer() -> None:
    turns = adopted_turns(Session("s", 0, "w1"), body_of(scheduled(30)), 0, FakeIds())
    texts = [fold(turn.request, turn.frames).text for turn in turns]
    assert texts == [f"answer {at}" for at in range(30)]
    assert [turn.message_id for turn in turns] == [f"u{at}" for at in range(30)]


def test_an_adopted_turn_knows_whether_its_message_was_the_newest_one() -> None:
    """Figures of each turn that are read later are not those of an older message, in whichever session."""
    adopted = adopted_turns(Session("s", 0, "w1"), body_of(scheduled(2)), 0, FakeIds())
    later = Frame(2, 1, Framing.JSON, scheduled(3), ReadReason.AFTER)
    turns = [fold(turn.request, [*turn.frames, later]) for turn in adopted]
    assert [turn.was_last for turn in turns] == [False, True]
    others = [OtherTurn(turn.turn_id, "w1", events_text(turn, creates=False)) for turn in turns]
    sent = [one.event for other in others for one in events_of_other(other) if isinstance(one.event, Sent)]
    assert [(one.adopted, one.last) for one in sent] == [(True, False), (True, True)]


def task(*outputs: Any, trigger: str = "schedule") -> WorkerBody:
    """A task with a turn for each structured output; the Worker has that of the newest."""
    messages: list[dict[str, Any]] = []
    for at, output in enumerate(outputs):
        messages.append({"id": f"u{at}", "role": "user", "parts": [{"type": "text", "text": f"ask {at}"}]})
        answer = {
            "id": f"a{at}",
            "role": "assistant",
            "parts": [{"type": "text", "text": "done"}],
            "usage": {},
        }
        messages.append(answer if output is None else {**answer, "structured_output": output})
    body = {"id": "w1", "object": "worker", "status": "completed", "running": False, "messages": messages}
    newest = {"output_text": "done", "structured_output": outputs[-1], "totals": {}, "trigger": trigger}
    return body_of(json.dumps(body | newest))


def test_each_adopted_turn_has_its_own_structured_output() -> None:
    adopted = adopted_turns(Session("s", 0, "w1"), task({"n": 1}, None, {"n": 3}, {"n": 3}), 0, FakeIds())
    turns = [fold(turn.request, turn.frames) for turn in adopted]
    assert [structured_of(turn) for turn in turns] == [{"n": 1}, None, {"n": 3}, {"n": 3}]
    # A reading after later turns assigns none of their outputs to an earlier one.
    read = adopted[1].frames[0]._replace(seq=2, data=task({"n": 1}, None, {"n": 3}).text)
    again = fold(adopted[1].request, [*adopted[1].frames, read])
    assert structured_of(again) is None


def test_an_adopted_turn_names_its_trigger_if_the_service_does() -> None:
    first, second = adopted_turns(Session("s", 0, "w1"), task(None, None), 0, FakeIds())
    assert (first.request.trigger, second.request.trigger) == (Trigger.SCHEDULE, Trigger.ELSEWHERE)
    [unknown] = adopted_turns(Session("s", 0, "w1"), task(None, trigger="moon"), 0, FakeIds())
    assert unknown.request.trigger is Trigger.ELSEWHERE
    [worker] = adopted_turns(Session("s", 0, "w1"), body_of(scheduled(1, trigger="schedule")), 0, FakeIds())
    assert worker.request.trigger is Trigger.ELSEWHERE


def test_a_reading_of_one_of_many_equal_prompts_is_stored_with_one() -> None:
    body = body_of(scheduled(200))
    request = TurnRequest("t", LONG, 0, "w1", seen_before=150)
    stored = slim_worker(body, request)
    assert len(stored) < 2 * len(LONG)
    assert fold(request, [Frame(0, 0, Framing.JSON, stored, ReadReason.AFTER)]).text == "answer 150"
    # Older versions stored a copy of the body for each.
    older = json.loads(stored)
    prompt = {"role": "user", "parts": [{"type": "text", "text": LONG}]}
    older["messages"][:1] = [prompt] * 151
    assert (
        fold(request, [Frame(0, 0, Framing.JSON, json.dumps(older), ReadReason.AFTER)]).text == "answer 150"
    )


def test_an_id_that_all_messages_share_is_ignored() -> None:
    body = json.loads(scheduled(3))
    for message in body["messages"]:
        message["id"] = "same"
    turns = adopted_turns(Session("s", 0, "w1"), body_of(json.dumps(body)), 0, FakeIds())
    assert [turn.message_id for turn in turns] == [None] * 3


def program(name: str, log: Ledger, api: FakeApi) -> Engine:
    calm = RetryPolicy(money_interval=None)
    return Engine(api, log, FakeClock(), FakeIds(program=name), calm, context=ServiceContext(PLACE))


async def started(path: Path) -> Ledger:
    ledger = Ledger(path)
    await ledger.start()
    return ledger


async def test_programs_that_attach_to_one_worker_simultaneously_have_one_session_and_one_turn(
    tmp_path: Path,
) -> None:
    path = tmp_path / "h.db"
    ledgers = [await started(path) for _ in range(4)]
    bodies = (scheduled(2, "x"), json.dumps(json.loads(scheduled(0)) | {"output_text": "y"}))
    for number, body in enumerate(bodies):
        engines = [program(f"{number}{at}", log, FakeApi(workers=[body])) for at, log in enumerate(ledgers)]
        worker_id = "w1" if number == 0 else "w2"
        sessions = [engine.new_session(PLACE, worker_id).session_id for engine in engines]
        adopted = await asyncio.gather(
            *(engine.adopt(name) for engine, name in zip(engines, sessions, strict=True))
        )
        assert len({session.session_id for session in adopted}) == 1
        assert {len(session.turns) for session in adopted} == {2 - number}
    assert len(await ledgers[0].charges.turn_charges()) == 3
    for ledger in ledgers:
        await ledger.aclose()


async def test_an_adopted_task_belongs_to_its_stored_worker_and_has_a_title(tmp_path: Path) -> None:
    ledger = await started(tmp_path / "h.db")
    body = json.dumps({**json.loads(task(None).text), "template": "wrk_1"})
    engine = program("a", ledger, FakeApi(workers=[body]))
    adopted = await engine.adopt(engine.new_session(PLACE, "w1").session_id)
    assert (adopted.stored_worker_id, adopted.title) == ("wrk_1", "ask 0")
    [row] = await ledger.history.sessions()
    assert (row.stored_worker_id, row.title, row.trigger) == ("wrk_1", "ask 0", Trigger.SCHEDULE)
    await engine.aclose()
    await ledger.aclose()


async def test_the_app_adopts_a_turn_that_a_script_sent_to_its_worker(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    ours, theirs = await started(path), await started(path)
    api = FakeApi(starts=[says("answer 0")], workers=[scheduled(1, "x", usage={"costUsd": 0.1})])
    app = program("app", ours, api)
    session_id = app.new_session(PLACE).session_id
    await app.actor(session_id).send("x")
    await app.actor(session_id).settled()
    two = scheduled(2, "x", usage={"costUsd": 0.3})
    script = program("script", theirs, FakeApi(starts=[says("answer 1")], workers=[api.workers[0], two]))
    await script.open(session_id)
    await script.actor(session_id).send("x")
    await script.actor(session_id).settled()
    api.workers = [two]
    session = await app.adopt(session_id)
    assert [turn.text for turn in session.turns] == ["answer 0", "answer 1"]
    assert [str(charge.usd).rstrip("0") for charge in await ours.charges.turn_charges()] == ["0.2", "0.1"]
    await app.aclose()
    await script.aclose()
    for ledger in (ours, theirs):
        await ledger.aclose()


def test_the_prompt_of_a_schedule_is_normalized_once_for_all_its_runs() -> None:
    normalized_prompt.cache_clear()
    adopted_turns(Session("s", 0, "w1"), body_of(scheduled(50)), 0, FakeIds())
    assert normalized_prompt.cache_info().misses == 1
