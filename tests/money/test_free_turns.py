"""Messages that were not sent, refused or lost: they change no sum, in any place that shows one."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from handinger_tui.core.turns.turn import TurnStatus
from tests.money.opened_app import opened_app
from tests.money.paid_service import PaidService, paid_service
from tests.money.programs import Person

PRICE = {"HANDINGER_CREDIT_USD": "0.01"}
SUMS = ("cost_usd", "credits", "tokens", "unpriced_turns", "uncredited_turns", "model_usd", "tool_usd")


def shown(person: Person) -> dict[str, Any]:
    """What every place says of all turns together, without the numbers of turns."""
    costs, limits = person.json_of("costs", **PRICE), {"HANDINGER_LIMIT_DAY_USD": "9", **PRICE}
    sessions = person.json_of("sessions")["sessions"]
    text = person.run("costs", **PRICE).out
    csv = [line.split(",") for line in person.run("costs", "--csv", **PRICE).out.splitlines()]
    report = person.home / "report.html"
    assert person.run("costs", "--report", str(report), "--force", **PRICE).code == 0
    return {
        "total": {name: costs["total"][name] for name in SUMS},
        "price": costs["total_usd_at_your_price"],
        "sessions": [(one["cost_usd"], one["credits"]) for one in sessions if one["credits"] != "0"],
        "csv": [[row[csv[0].index(name)] for name in SUMS] for row in csv[1:]],
        "limit": [one["spent"] for one in person.json_of("-p", "x", "--dry-run", **limits)["limits"]],
        "zero dollars": "$0.00" in text or "$0.00" in report.read_text("utf-8"),
        "at your price": "about $0.16 at your price" in text,
    }


@pytest.mark.parametrize(
    ("refusal", "code", "tasks"),
    [
        pytest.param(refusal, code, tasks, marks=[] if not refusal or tasks == at % 2 else pytest.mark.slow)
        for at, (refusal, code) in enumerate([(402, 5), (404, 3), (409, 3), (429, 6), (0, 7)])
        for tasks in (False, True)
    ],
)
def test_a_refused_or_lost_message_changes_no_sum(
    tmp_path: Path, refusal: int, code: int, *, tasks: bool
) -> None:
    with paid_service(tasks=tasks, cost_usd=None, credits=8) as service:
        person = Person(service, tmp_path)
        assert person.run("-p", "one").code == 0
        assert person.run("-p", "two", "-c").code == 0
        before = shown(person)
        assert (before["price"], before["zero dollars"], before["at your price"]) == ("0.16", False, True)
        service.refusal = refusal
        # Where no answer names the new worker, nobody knows whether it was begun: that is a gap.
        alone = [("-p", "three")] if refusal or tasks else []
        for argv in [("-p", "three", "-c"), *alone]:
            assert person.run(*argv).code == code
            assert shown(person) == before


@pytest.mark.parametrize(
    ("refusal", "code", "status"), [(409, 3, "rejected"), (402, 5, "rejected"), (0, 7, "not_delivered")]
)
def test_a_task_can_be_begun_again(tmp_path: Path, refusal: int, code: int, status: str) -> None:
    """Nothing of the first message arrived: the task does not exist, and the next message begins it."""
    with paid_service(tasks=True, cost_usd=None, credits=8, refusal=refusal) as service:
        person = Person(service, tmp_path)
        refused = person.run("-p", "one", "--json")
        assert (refused.code, refused.result["status"]) == (code, status)
        service.refusal = None
        sent = person.run("-p", "one", "-c", "--json")
        assert (sent.code, sent.result["status"], service.posts) == (0, "completed", ["one"])
        assert [*service.workers] == [refused.result["task_id"]] == [sent.result["task_id"]]
        total = person.json_of("costs")["total"]
        assert (total["credits"], total["cost_usd"], total["turns"]) == ("8", None, 2)


def test_queued_messages_are_no_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wait behind a turn under way: only that one counts, also after the program was left."""
    with paid_service(late=None) as service:
        person = Person(service, tmp_path)
        asyncio.run(queue_two(service, person, monkeypatch))
        service.finish()
        assert person.run("costs", "--settle").code == 0
        total, (session,) = person.json_of("costs")["total"], person.json_of("sessions")["sessions"]
        assert (total["turns"], total["unpriced_turns"], total["cost_usd"]) == (1, 0, "1")
        assert (session["turns"], session["last_status"]) == (1, "completed")
        assert len(person.json_of("costs", "--by", "turn")["groups"]) == 1
        limits = person.json_of("-p", "x", "--dry-run", HANDINGER_LIMIT_DAY_USD="9")["limits"]
        assert [(one["running"], one["unknown"], one["missing_turns"]) for one in limits] == [(0, 0, 0)]


async def queue_two(service: PaidService, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened_app(person, monkeypatch) as opened:
        await opened.send("one")
        assert await asyncio.to_thread(service.wait_for_posts, 1)
        for text in ("two", "three"):
            await opened.send(text)
            await opened.shows(text)
        await opened.until(lambda: "$1.00" in opened.text_of("#header"))
        assert "+2" not in opened.text
        assert "+3" not in opened.text
        costs = await asyncio.to_thread(json_of, person, "costs", "--json")
        assert (costs["total"]["turns"], costs["total"]["unpriced_turns"]) == (1, 1)
        (session,) = (await asyncio.to_thread(json_of, person, "sessions", "--json"))["sessions"]
        assert (session["turns"], session["unpriced_turns"]) == (1, 1)
        assert "3 turns" not in await opened.read_page("/ledger", words="1 turn")
        farewell = "\n".join(await opened.leave())
        assert "2 queued messages" in farewell
        assert "3 turns" not in farewell


async def test_a_message_that_is_withdrawn_by_leaving_is_no_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service does not take the connection: nothing was sent when the person leaves."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):
            # The next one waits.
            full = stack.enter_context(closing(socket.socket()))
            full.setblocking(False)
            full.connect_ex(listener.getsockname())
        service = PaidService(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        async with opened_app(Person(service, tmp_path), monkeypatch) as opened:
            await opened.send("one")
            await opened.until(lambda: opened.session.turns and opened.session.turns[0].live)
            assert "1 turn" in "\n".join(await opened.leave())
        assert opened.session.turns[0].status is TurnStatus.NOT_SENT
        assert "Today:" not in "\n".join(opened.app.farewell)


def json_of(person: Person, *argv: str) -> dict[str, Any]:
    """The JSON of a command in a process of its own, beside the app."""
    value: dict[str, Any] = json.loads(person.start(*argv).communicate(timeout=60)[0])
    return value
