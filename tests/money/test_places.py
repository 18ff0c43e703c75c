"""One history with exact, approximate, shared, pending, unknown and restated amounts: all places agree."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from handinger_tui.core.amounts import Total, Unit, amount_text, total
from handinger_tui.core.decimals import decimal_text
from handinger_tui.core.money.attribution import MoneyIndex, TurnMoney, total_of
from handinger_tui.core.receipts import receipt_line
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ledger.ledger import Ledger
from tests.money.cases import ScriptedService, Step, credited, usd
from tests.money.opened_app import OpenedApp, opened_app
from tests.money.paid_service import serving
from tests.money.programs import Person

DAY = {"HANDINGER_LIMIT_DAY_USD": "100"}


@dataclass
class Shown:
    """The last texts of the app, before and after quitting."""

    panel: str = ""
    header: str = ""
    transcript: str = ""
    receipt: str = ""
    ledger: str = ""
    farewell: str = ""


def test_all_places_agree(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handinger_tui.cli.wiring.LATE_READS", (0.5, 0.1))
    with serving(ScriptedService()) as service:
        person = Person(service, own_home)
        run_scripts(service, person)
        shown = asyncio.run(run_app(service, person, monkeypatch))
        sessions = asyncio.run(load(person))
        right = Right(sessions)
        check_kinds(right)
        check_costs(person, right)
        check_sessions(person, right)
        check_limits(person, right)
        check_app(shown, right)


def run_scripts(service: ScriptedService, person: Person) -> None:
    """An approximate amount, and an unknown one."""
    for number, amount in enumerate((3, 5)):
        service.expect(Step(credited(amount) | usd(amount / 10)))
        assert person.run("-p", f"credits {number}", *(("-c",) if number else ())).code == 0
    service.next_worker()
    service.expect(Step({}))
    assert person.run("-p", "nothing reported").code == 0
    service.next_worker()


async def run_app(service: ScriptedService, person: Person, patch: pytest.MonkeyPatch) -> Shown:
    """An exact amount, one that is shared and restated, and one that is pending when the app quits."""
    shown = Shown()
    async with opened_app(person, patch) as opened:
        await opened.new_session()
        service.expect(Step(usd(0.2)))
        await opened.send("exact")
        await opened.until(lambda: completed(opened, 1))
        service.expect(Step(usd(0.8), stranger=True))
        await opened.send("shared")
        await opened.until(lambda: completed(opened, 2))
        service.figures = usd(0.9)
        await opened.shows("up to $0.70")
        service.expect(Step(usd(2), during=usd(1.2), inside=Step({})))
        await opened.send("pending")
        await asyncio.to_thread(service.until_held)
        await opened.until(lambda: "$0.30" in opened.text_of("#side"))
        await opened.until(lambda: "about $1.70 so far" in opened.text_of("#header"))
        shown.panel, shown.header = opened.text_of("#side"), opened.text_of("#header")
        shown.transcript = opened.text
        shown.receipt = await opened.read_page("/receipt 2", words="Vs. median")
        shown.ledger = await opened.read_page("/ledger", "t", words="~$0.70")
        shown.farewell = "\n".join(await opened.leave())
    return shown


def completed(opened: OpenedApp, count: int) -> bool:
    return [turn.status for turn in opened.session.turns] == [TurnStatus.COMPLETED] * count


async def load(person: Person) -> list[Session]:
    ledger = Ledger(person.home / "history.db")
    await ledger.start()
    try:
        sessions = [await ledger.load(row.session_id) for row in await ledger.history.sessions()]
        return [session for session in sessions if session is not None][::-1]
    finally:
        await ledger.aclose()


class Right:
    """The reference: the amounts of all turns, computed from their stored frames."""

    def __init__(self, sessions: list[Session]) -> None:
        self.sessions = sessions
        self.money: dict[str, TurnMoney] = {}
        for session in sessions:
            for turn, money in zip(
                session.turns, MoneyIndex()(session.turns, session.elsewhere), strict=True
            ):
                self.money[turn.turn_id] = money

    def usd(self, *sessions: Session) -> Total:
        """The sum over the given sessions, by default all."""
        own = [self.money[turn.turn_id] for one in sessions or self.sessions for turn in one.turns]
        return total_of(own, Unit.USD)

    def credits(self, *sessions: Session) -> Total:
        own = [self.money[turn.turn_id] for one in sessions or self.sessions for turn in one.turns]
        return total_of(own, Unit.CREDITS)


def _sum(amounts: list[tuple[Decimal | None, bool, bool]]) -> Total:
    summed = total(amount for amount, _, _ in amounts)
    gaps = sum(amount is None or not is_final for amount, is_final, _ in amounts)
    return Total(summed.value, gaps, any(is_doubtful for _, _, is_doubtful in amounts))


def check_kinds(right: Right) -> None:
    """The history has all kinds of amounts."""
    third, fifth, nothing, exact, shared, pending = right.money.values()
    assert (third.usage.credits, fifth.usage.credits) == (Decimal(3), Decimal(2))
    assert (fifth.usd, fifth.doubtful) == (Decimal("0.2"), True)
    assert (nothing.usd, nothing.usage.credits) == (None, None)
    assert (exact.usd, exact.final, exact.shared) == (Decimal("0.2"), True, False)
    assert (shared.most_usd, shared.others) == (Decimal("0.7"), 1)
    assert (pending.usd, pending.final) == (Decimal("0.3"), False)


def member(amount: Decimal | None) -> str | None:
    return None if amount is None else decimal_text(amount)


def members(one: Total, other: Total) -> tuple[str | None, int, str | None, int]:
    return member(one.value), one.missing_turns, member(other.value), other.missing_turns


def doubts(right: Right, by: str) -> dict[str | None, bool]:
    """Whether the sums of each session or worker have a doubtful amount."""
    return {
        session.session_id if by == "session" else session.worker_id: right.usd(session).doubtful
        for session in right.sessions
    }


def sums(row: dict[str, Any]) -> tuple[str | None, int, str | None, int]:
    return row["cost_usd"], row["unpriced_turns"], row["credits"], row["uncredited_turns"]


def check_costs(person: Person, right: Right) -> None:
    """`costs` as JSON, CSV, text and report."""
    complete = members(right.usd(), right.credits())
    for by in ("day", "session", "worker", "turn", "budget", "trigger"):
        printed = person.json_of("costs", "--by", by)
        assert sums(printed["total"]) == complete, by
        if by == "day":
            assert [sums(row) for row in printed["groups"]] == [complete]
        if by in ("session", "worker"):
            named = {
                session.session_id if by == "session" else session.worker_id: session
                for session in right.sessions
            }
            assert {row["key"]: sums(row) for row in printed["groups"]} == {
                name: members(right.usd(session), right.credits(session)) for name, session in named.items()
            }
            assert {row["key"]: row["doubtful"] for row in printed["groups"]} == doubts(right, by)
            assert {*doubts(right, by).values()} == {True, False}
        assert printed["total"]["doubtful"] is True
    turns = person.json_of("costs", "--by", "turn")["groups"]
    assert {row["turn_id"]: (sums(row), row["cost_usd_at_most"], row["doubtful"]) for row in turns} == {
        turn_id: (
            members(
                _sum([(money.usd, money.final, False)]), _sum([(money.usage.credits, money.final, False)])
            ),
            member(money.most_usd) if money.shared else None,
            money.doubtful,
        )
        for turn_id, money in right.money.items()
    }
    written = csv.DictReader(io.StringIO(person.run("costs", "--by", "turn", "--csv").out))
    assert {row["turn_id"]: (row["cost_usd"], row["credits"]) for row in written} == {
        turn_id: (member(money.usd) or "", member(money.usage.credits) or "")
        for turn_id, money in right.money.items()
    }
    restated = person.json_of("costs")["restatements"]
    assert [(one["old_usd"], one["new_usd"]) for one in restated] == [("0.6", "0.7")]
    assert " ~$0.20" in person.run("costs", "--by", "turn").out
    text = person.run("costs", "--by", "session").out
    assert "~ about" in text
    last = next(line for line in text.splitlines() if line.startswith("total"))
    for shown in (right.usd().cell(), right.credits().cell(Unit.CREDITS)):
        assert shown in " ".join(last.split()), last
    report = person.home / "report.html"
    assert person.run("costs", "--report", str(report)).code == 0
    plain = re.sub(r"<[^>]*>", "", report.read_text("utf-8"))
    assert right.usd().cell() in plain


def check_sessions(person: Person, right: Right) -> None:
    """`sessions`, `sessions show` and `export`."""
    rows = person.json_of("sessions")["sessions"]
    assert {row["session_id"]: sums(row) for row in rows} == {
        session.session_id: members(right.usd(session), right.credits(session)) for session in right.sessions
    }
    assert {row["session_id"]: row["doubtful"] for row in rows} == doubts(right, "session")
    listed = person.run("sessions").out
    for session in right.sessions:
        assert f" {right.usd(session).words()} " in listed
        shown = person.run("sessions", "show", session.session_id).out
        exported = person.run("export", session.session_id).out.replace("\\", "")
        for turn in session.turns:
            assert receipt_line(session, turn) in shown
            assert receipt_line(session, turn) in exported
        turns = person.run("sessions", "show", session.session_id, "--json").result["turns"]
        assert [turn["turn_usage"] and turn["turn_usage"]["cost_usd"] for turn in turns] == [
            member(right.money[turn.turn_id].usd) for turn in session.turns
        ]


def check_limits(person: Person, right: Right) -> None:
    """`--dry-run`, which prints the spending of a limit."""
    shown = person.run("-p", "next", "--dry-run", "--json", **DAY).result["limits"]
    (day,) = shown
    assert (day["spent"], day["missing_turns"]) == members(right.usd(), Total(None))[:2]
    assert day["approximate"] is right.usd().doubtful is True


def check_app(shown: Shown, right: Right) -> None:
    """Panel, header, receipt line and page, ledger, and the lines at the end."""
    session = right.sessions[-1]
    *_, exact, shared, pending = right.money.values()
    own, complete = right.usd(session), right.usd()
    most_text = amount_text(shared.most_usd)
    assert (pending.doubtful, shared.doubtful) == (True, True)
    rows = re.findall(r"│ (This turn|Session) +(.*?) +│", shown.panel)
    assert [(name, " ".join(text.split())) for name, text in rows] == [
        ("This turn", pending.total(Unit.USD).words()),
        ("Session", own.words()),
    ]
    assert f"today {complete.words()}" in shown.header
    assert f"session {own.words()} " in shown.header
    assert f"· {amount_text(exact.usd)}" in shown.transcript
    assert f"· up to {most_text}" in shown.transcript
    assert re.search(rf"│ +Cost +up to {re.escape(most_text)} so far  shared", shown.receipt)
    assert f"  {complete.words()} " in shown.ledger
    assert re.search(r" ~2…? +~\$0\.20…? +││", shown.ledger)
    for amount in (amount_text(exact.usd), f"~{most_text}", pending.total(Unit.USD).cell()):
        assert re.search(rf" {re.escape(amount)}…? +││", shown.ledger), amount
    assert f"Cost:                 {own.words()} · " in shown.farewell
    # The turns without credits are others than those without a cost.
    credit = f"{right.credits().about(Unit.CREDITS)} {right.credits().gap_words}"
    assert credit == "about 5 credits + 4 unknown"
    assert f"Today:                {complete.words()} · {credit} · 6 turns" in shown.farewell
