"""Cases that are not only figures of one worker, in the app; other tests play them by scripts.

`test_open_turns.py`, `test_free_turns.py` and `test_days_of_turns.py` have the same without a screen. The
other cases are in `test_cases.py`, `test_kills.py` and `test_parallel_starts.py`.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.money.opened_app import OpenedApp, opened_app
from tests.money.paid_service import PaidService, paid_service
from tests.money.programs import Person

TODAY = re.compile(r"today 20\.9( so far)? of 2,000 credits \(about \$0\.209\)")
SESSION = re.compile(r"Session +8 credits( so far)?\s.*\s+│\s+│ +about \$0\.08 ")


def test_late_costs_a_refusal_and_a_turn_of_the_past(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDINGER_CREDIT_USD", "0.01")
    monkeypatch.setenv("HANDINGER_LIMIT_DAY_CREDITS", "2000")
    monkeypatch.setenv("HANDINGER_GENERATION", "tasks")
    with paid_service(tasks=True, cost_usd=None, own_credits=(4.3, 4.3)) as service:
        person = Person(service, own_home)
        asyncio.run(play(service, person, monkeypatch))
        costs = person.json_of("costs")
        assert (costs["total"]["credits"], costs["total"]["cost_usd"]) == ("1928.9", None)
        assert [(one["old_credits"], one["new_credits"]) for one in costs["restatements"]] == [
            ("4.3", "12.9")
        ]
        days = {one["key"]: one["credits"] for one in costs["groups"]}
        assert days.pop("2026-01-02") == "1908"
        assert [*days.values()] == ["20.9"]


async def play(service: PaidService, person: Person, patch: pytest.MonkeyPatch) -> None:
    async with opened_app(person, patch) as opened:
        await send(opened, "late", 1)
        await shows_today(opened, "4.3 of 2,000 credits (about $0.043)")
        await opened.leave()
    # A second after the end, and the program is gone.
    service.own_credits = (12.9,)
    async with opened_app(person, patch, "-c") as opened:
        await shows_today(opened, "12.9 so far of 2,000 credits (about $0.129)")
        await opened.new_session()
        service.own_credits = (3, 5)
        for number, text in enumerate(("three", "five"), 1):
            await send(opened, text, number)
        await shows_both(opened)
        service.refusal = 402
        await send(opened, "refused", 3)
        await opened.shows("402")
        await shows_both(opened)
        assert "$0.00" not in opened.text
        assert "$0.00" not in await opened.read_page("/ledger", words="20.9")
        service.refusal, service.own_credits = None, (1908,)
        service.times = {"startedAt": "2026-01-02T09:14:22.000Z"}
        service.finish(service.start_turn("tsk_old", "long ago"))
        await opened.send("/attach tsk_old")
        await opened.shows("long ago", "1,908 credits")
        # A task under way counts for today, and this one is until it is read.
        await opened.until(lambda: TODAY.search(opened.text_of("#header")))
        assert "1,928.9" in await opened.read_page("/ledger", words="Jan")


async def send(opened: OpenedApp, text: str, number: int) -> None:
    """Send a message, and wait until it is over."""
    await opened.send(text)
    await opened.until(lambda: len(opened.session.turns) == number and not opened.session.turns[-1].live)


async def shows_today(opened: OpenedApp, amount: str) -> None:
    await opened.until(lambda: f"today {amount}" in opened.text_of("#header"))


async def shows_both(opened: OpenedApp) -> None:
    """The header has the sum of today, and the panel that of the session."""
    await opened.until(lambda: TODAY.search(opened.text_of("#header")))
    await opened.until(lambda: SESSION.search(opened.text_of("#side")))
