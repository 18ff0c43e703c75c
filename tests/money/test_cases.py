"""Each case of the audit, by scripts and in the app: every place shows the right amount."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from handinger_tui.core.amounts import Unit, amount_text, bare_text
from handinger_tui.core.decimals import decimal_text
from handinger_tui.core.turns.turn import TurnStatus
from tests.chaos.processes import ended
from tests.e2e.runner import KEY, Ran
from tests.e2e.terminal import terminal
from tests.money.cases import CASES, SOME, Case, Paid, ScriptedService
from tests.money.opened_app import OpenedApp, opened_app
from tests.money.paid_service import PaidService, paid_service, serving
from tests.money.programs import TIMES, Person
from tests.money.test_parallel_starts import WARM_TURNS


def watched(case: Case) -> dict[str, str]:
    """With a limit, a script reads the costs while its turn runs."""
    return {"HANDINGER_LIMIT_MONTH_CREDITS" if case.credits else "HANDINGER_LIMIT_MONTH_USD": "100000"}


# -- by scripts ---------------------------------------------------------------------------
def run_scripts(case: Case, service: ScriptedService, person: Person) -> list[Ran]:
    """Send each turn by a separate program; returns the outputs, in order of sending."""
    ran: list[Ran] = []
    environ = watched(case)
    for number, step in enumerate(case.steps):
        argv = ("-p", f"question {number}", "--json", *(("-c",) if number else ()))
        service.expect(step)
        if step.inside is not None:
            outer = person.start(*argv, **environ)
            service.until_held()
            service.expect(step.inside)
            service.looks_idle = True
            inner = person.run("-p", "inside", "--json", "-w", "wrk_1", **environ)
            service.go_on()
            ran += [ended(outer), inner]
        else:
            ran.append(person.run(*argv, **environ))
        if step.late is not None:
            service.figures = step.late
            assert person.run("costs", "--settle").code == 0
    return ran


def printed(case: Case, result: dict[str, Any]) -> Paid:
    """The amount of the turn in the result of a script."""
    used, others = result["turn_usage"], result["turn_shared_with"]
    most = None if others is None else result[f"turn_{'credits' if case.credits else 'cost_usd'}_at_most"]
    return Paid(used["credits" if case.credits else "cost_usd"], most, others or 0, result["turn_doubtful"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_by_scripts(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(ScriptedService()) as service:
        person = Person(service, tmp_path)
        ran = run_scripts(case, service, person)
    results = {number: printed(case, one.result) for number, one in enumerate(ran)}
    if not case.together:
        for number, paid in enumerate(case.turns):
            # A reading of the running turn may arrive after its end; then it is not used.
            is_read_while_running = case.steps[number].during is not None
            assert results[number] in (
                case.printed.get(number, paid),
                *([paid] if is_read_while_running else []),
            )
    for step, one in zip(case.steps, ran, strict=False):
        assert one.err.count("Its cost cannot be ruled out") == step.refused
        assert not step.refused or one.result["error"]["may_have_been_charged"]
        assert "Nothing was charged" not in one.err
    check_costs(case, person)


def listed(case: Case, row: dict[str, Any]) -> Paid:
    """The amount of a turn in a row of `costs --by turn`."""
    amount = row["credits" if case.credits else "cost_usd"]
    is_gap = row["uncredited_turns" if case.credits else "unpriced_turns"]
    most = row["credits_at_most" if case.credits else "cost_usd_at_most"]
    others = row["shared_with"] or 0
    return Paid(None if is_gap else amount, most, others, row["doubtful"])


def check_costs(case: Case, person: Person) -> None:
    """Check the amounts of the commands afterwards."""
    rows: list[dict[str, Any]] = person.json_of("costs", "--by", "turn")["groups"]
    rows.sort(key=lambda row: row["at_ms"])
    amounts = case.certain({number: listed(case, row) for number, row in enumerate(rows)})
    assert amounts == {number: stored(paid) for number, paid in enumerate(case.turns)}
    costs, (session,) = person.json_of("costs"), person.json_of("sessions")["sessions"]
    unit, gaps = ("credits", "uncredited_turns") if case.credits else ("cost_usd", "unpriced_turns")
    assert (session[unit], session[gaps]) == (decimal_text(case.total), 0)
    assert (costs["total"][unit], costs["total"][gaps]) == (decimal_text(case.altogether), 0)
    restated = [one["turn_id"] for one in costs["restatements"]]
    assert restated == [rows[number]["turn_id"] for number in case.restated]


def stored(paid: Paid) -> Paid:
    """The value in a column of the ledger, in pico-dollars."""
    assert paid.entered is not None
    return replace(paid, entered=decimal_text(round(Decimal(paid.entered), 12)))


# -- in the app ---------------------------------------------------------------------------
IN_THE_APP: Final = (
    *("two of our runs overlap", "one answer lacks the last turn", "refused, but the figures rise"),
    *("each turn by itself, most of them larger than the one before", "costs that come late"),
    *("the third reading fits figures of each turn", "a stranger in the same window, in credits"),
    *("one zero of a service that is out of order", "a figure of a running turn is corrected at its end"),
)
"""Each sort of amount that a screen shows. Scripts show the amounts of all cases."""


async def run_app(case: Case, service: ScriptedService, person: Person, patch: pytest.MonkeyPatch) -> None:
    """Send each turn in the app, and compare all places."""
    async with opened_app(person, patch) as opened:
        for number, step in enumerate(case.steps):
            service.expect(step)
            await opened.send(f"question {number}")
            if step.inside is not None:
                await asyncio.to_thread(service.until_held)
                service.expect(step.inside)
                service.looks_idle = True
                inner = person.start("-p", "inside", "-w", "wrk_1", **watched(case))
                await asyncio.to_thread(ended, inner)
                service.go_on()
            await opened.until(partial(has_ended, opened, f"question {number}"))
            if step.refused:
                await opened.shows("cannot be ruled out")
                assert "Nothing was charged" not in opened.text
                assert "not charged" not in opened.text
            if step.late is not None:
                service.figures = step.late
        doubt = doubt_of(case)
        total, today = (doubt + texts_of(case, one)[1] for one in (case.total, case.altogether))
        await opened.until(lambda: receipts(opened.text) == expected_receipts(case))
        await opened.until(lambda: f"today {today}" in opened.text_of("#header"))
        last = case.turns[-1]
        # The newest turn and the worker, in the panel.
        row = r"│ This turn +(.*?)(?: so far)? +│"
        assert re.findall(row, opened.text_of("#side")) == [words_of(case, last)]
        await check_pages(case, opened)
        lines = "\n".join(await opened.leave())
        assert re.search(rf"Cost: +{re.escape(total)}( so far)? · ", lines), lines
        assert re.search(rf"Today: +{re.escape(today)}( so far)? · ", lines), lines


def has_ended(opened: OpenedApp, prompt: str) -> bool:
    turn = next((turn for turn in opened.session.turns if turn.request.prompt == prompt), None)
    return turn is not None and not turn.live and turn.status is not TurnStatus.QUEUED


async def check_pages(case: Case, opened: OpenedApp) -> None:
    """The receipt of the newest turn, and the ledger."""
    last = case.turns[-1]
    page = await opened.read_page("/receipt", words="Vs. median")
    row = "Credits" if case.credits else "Cost"
    amount = words_of(case, last).replace(" credits", "")
    assert re.search(rf"│ +{row} +{re.escape(amount)}( so far)? ", page), page
    ledger = await opened.read_page("/ledger", "t", words="completed  standard")
    unit = "credits" if case.credits else ""
    assert f"  {doubt_of(case)}{texts_of(case, case.altogether)[0]} {unit}".rstrip() in ledger
    shown = re.findall(r"│ [ ›][A-Z][a-z]+ +\d.*?(?: standard) .*?│", ledger)
    amounts = [line.rstrip("│").split()[-1] for line in reversed(shown)]
    assert len(amounts) == len(case.turns)
    for paid, amount in zip(case.turns, amounts, strict=True):
        if paid.most == SOME:
            assert amount.startswith("~")
        else:
            assert amount.rstrip("…") == short_text(case, paid)


def doubt_of(case: Case) -> str:
    """The word before a sum with a doubtful amount in it."""
    return "about " if any(paid.doubtful for paid in case.turns) else ""


def texts_of(case: Case, amount: Decimal) -> tuple[str, str]:
    """An amount in short and in words."""
    unit = Unit.CREDITS if case.credits else Unit.USD
    return bare_text(amount, unit), amount_text(amount, unit)


def short_text(case: Case, paid: Paid) -> str:
    """The short amount of a turn: "~$0.60", "2"."""
    sign = "~" if paid.most is not None or paid.doubtful else ""
    return f"{sign}{texts_of(case, Decimal(paid.most or paid.entered or 0))[0]}"


def words_of(case: Case, paid: Paid) -> str:
    """The amount of a turn in words: "up to $0.60", "about 2 credits"."""
    sign = "up to " if paid.most is not None else "about " if paid.doubtful else ""
    return f"{sign}{texts_of(case, Decimal(paid.most or paid.entered or 0))[1]}"


def receipts(screen: str) -> list[str]:
    """The amounts in the receipt lines of the transcript."""
    lines = [line.strip() for line in screen.split("\n")]
    matches = [re.match(r"[\d.]+ s · ((?:up to |about )?[$\d.]+(?: credits?)?)", line) for line in lines]
    return [
        re.sub(r"\$[\d.]+|\d+ credits", SOME, one[1]) if "up to" in one[1] else one[1]
        for one in matches
        if one
    ]


def expected_receipts(case: Case) -> list[str]:
    """A refused turn has no receipt line."""
    refused = {number for number, step in enumerate(case.steps) if step.refused}
    return [
        "up to some" if paid.most is not None else words_of(case, paid)
        for number, paid in enumerate(case.turns)
        if number not in refused
    ]


@pytest.mark.parametrize(
    "case",
    [pytest.param(one, marks=[] if one.name in IN_THE_APP else pytest.mark.slow) for one in CASES],
    ids=lambda case: case.name,
)
def test_in_the_app(case: Case, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handinger_tui.cli.wiring.LATE_READS", (1.0, 0.1))
    with serving(ScriptedService()) as service:
        person = Person(service, own_home)
        asyncio.run(run_app(case, service, person, monkeypatch))
    check_costs(case, person)


# -- starts at once, and a crash -----------------------------------------------------------
def test_of_five_sessions_in_the_app_one_sends(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day limit with room for one; `test_parallel_starts.py` has the same with scripts."""
    monkeypatch.setenv("HANDINGER_LIMIT_DAY_USD", "6")
    with paid_service() as service:
        person = Person(service, own_home)
        for number in range(WARM_TURNS):
            assert person.run("-p", f"warm {number}").code == 0
        service.late = None
        asyncio.run(send_in_five_sessions(service, person, monkeypatch))
        assert service.posts[WARM_TURNS:] == ["question 0"]


async def send_in_five_sessions(service: PaidService, person: Person, patch: pytest.MonkeyPatch) -> None:
    async with opened_app(person, patch, "-c") as opened:
        for number in range(5):
            await opened.new_session()
            await opened.send(f"question {number}")
            if number:
                # Reserved, and soon reached: the service reports the cost of a turn at its start.
                await opened.until(lambda: opened.app.screen is not opened.app.work)
                await opened.pilot.press("escape")
                await opened.until(lambda: opened.app.screen is opened.app.work)
            else:
                assert await asyncio.to_thread(service.wait_for_posts, WARM_TURNS + 1)
        service.late = 0.0
        service.finish()
        await opened.until(lambda: "today $6.00 so far of $6.00 " in opened.text_of("#header"))
        assert "Today:                $6.00 so far · 6 turns" in await opened.leave()


def test_the_app_is_killed_in_the_stream(tmux: str, tmp_path: Path) -> None:
    """`test_kills.py` has the same with scripts."""
    with paid_service(late=None) as service, terminal(tmux, 120, 40) as window:
        person = Person(service, tmp_path)
        window.run(home=tmp_path, HANDINGER_API_KEY=KEY, HANDINGER_BASE_URL=service.url, **TIMES)
        window.shows("Ask a worker")
        window.type("one")
        window.press("Enter")
        window.shows("w9")
        window.kill()
        total, (session,) = person.json_of("costs")["total"], person.json_of("sessions")["sessions"]
        assert (total["turns"], total["unpriced_turns"], session["unpriced_turns"]) == (1, 1, 1)
        assert session["worker_id"] == "wrk_1"
        service.late = 0.0
        service.finish()
        again = person.run("-p", "two", "-c", "--json")
        assert (again.code, again.result["worker_id"], len(service.workers)) == (0, "wrk_1", 1)
        total = person.json_of("costs")["total"]
        assert (total["cost_usd"], total["unpriced_turns"]) == ("2", 0)
        assert service.posts == ["one", "two"]
