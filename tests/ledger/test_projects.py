"""Projects that the person set, and their limits: by every program, and closed where nothing can be read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.core.amounts import Unit
from handinger_tui.core.errors import HandingerError, LedgerError
from handinger_tui.core.money.limits import Gauge, Limit, LimitOrigin, LimitReached, LimitReserved, Scope
from handinger_tui.core.money.spending import GroupBy
from handinger_tui.core.tags import PROJECT_KINDS, TagRules, rules_in
from handinger_tui.core.turns.turn import StartPolicy
from handinger_tui.ledger.charges.limits import LimitRules
from handinger_tui.ledger.migrations import begin_at
from handinger_tui.ledger.repair import repair
from tests.ledger.raw_rows import NOON_MS, cells, put_in
from tests.ledger.samples import answered, look, opened, play, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.core.turns.session import Session
    from handinger_tui.ledger.ledger import Ledger

USD = 10**12
HERE = "https://one.example"
RULES = TagRules(
    projects=rules_in({"acme": ["folder:/srv/acme", "title:*invoice*"]}, str, PROJECT_KINDS, "/")
)
EACH = Limit(Scope.PROJECT, Unit.USD, Decimal(10))


def limited(ledger: Ledger, *configured: Limit, folder: str = "", **members: Any) -> Ledger:
    ledger.apply(RULES)
    ledger.run = ledger.run._replace(folder=folder)
    ledger.limits.rules = LimitRules(
        configured, now_ms=lambda: NOON_MS, tag_rules=RULES, folder=folder, **members
    )
    return ledger


async def project_gauges(ledger: Ledger, of: Session) -> list[Gauge]:
    return [one for one in await ledger.limits.gauges(of) if one.limit.scope is Scope.PROJECT]


async def test_the_project_that_a_person_set_goes_before_a_rule(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        limited(ledger, folder="/srv/acme")
        await play(ledger, session(), turn_request(), answered("0.5"))
        assert (await ledger.history.labels("ses_1")).project == "acme"
        await ledger.history.set_project("ses_1", "thesis")
        await ledger.history.set_project("ses_1", "garden")
        assert (await ledger.history.labels("ses_1")).project == "garden"
        assert [row.project for row in await ledger.history.sessions()] == ["garden"]
        assert [one.key for one in await ledger.charges.buckets(GroupBy.PROJECT)] == ["garden"]
        assert await ledger.history.projects() == ["acme", "garden"]
        await ledger.history.delete("ses_1")
        assert [one.key for one in await ledger.charges.buckets(GroupBy.PROJECT)] == ["garden"]
        await ledger.history.set_project("ses_1", None)
        assert [one.key for one in await ledger.charges.buckets(GroupBy.PROJECT)] == ["acme"]


async def test_a_limit_counts_every_session_of_the_project(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        limited(ledger, EACH, folder="/srv/acme")
        await put_in(
            ledger,
            cells("t1", usd_pico=USD),
            cells("t2", usd_pico=2 * USD, session_id="ses_2", worker_id="wrk_2"),
            cells("t3", usd_pico=4 * USD, session_id="ses_3"),
            cells("t4", usd_pico=8 * USD, session_id="ses_4", base_url="local"),
        )
        for one in ("ses_2", "ses_4"):
            await ledger.history.set_project(one, "acme")
        await ledger.history.set_project("ses_1", "acme")
        (gauge,) = await project_gauges(ledger, session())
        assert (gauge.spent.value, gauge.free) == (Decimal(3), Decimal(7))
        # A session that is not stored yet would begin in this folder.
        (gauge,) = await project_gauges(ledger, session("ses_new"))
        assert gauge.spent.value == 3
        # What a session cost moves with it.
        await ledger.history.set_project("ses_3", "acme")
        assert [one.spent.value for one in await project_gauges(ledger, session())] == [Decimal(7)]
        limited(ledger, EACH)
        assert await project_gauges(ledger, session("ses_new")) == []
        limited(ledger, EACH, simulated=True)
        (gauge,) = await project_gauges(ledger, session("ses_4", base_url="local"))
        assert gauge.spent.value == 8


async def test_a_typed_limit_is_that_of_one_project_in_every_program(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path, zone=UTC) as one, opened(path, zone=UTC) as two:
        for ledger in (one, two):
            limited(ledger, EACH)
        with pytest.raises(HandingerError, match="This session has no project"):
            await one.limits.set_limit(session(), Scope.PROJECT, Unit.USD, Decimal(3))
        for name, project in (("ses_1", "acme"), ("ses_2", "acme"), ("ses_3", "garden")):
            await one.history.set_project(name, project)
        await one.limits.set_limit(session(), Scope.PROJECT, Unit.USD, Decimal(3))
        assert await two.limits.limits(session("ses_2")) == (
            Limit(Scope.PROJECT, Unit.USD, Decimal(3), LimitOrigin.TYPED),
        )
        assert await two.limits.limits(session("ses_3")) == (EACH,)
        await two.limits.set_limit(session("ses_2"), Scope.PROJECT, Unit.USD, None)
        assert await one.limits.limits(session()) == ()


@pytest.mark.parametrize(("folder", "prompt"), [("/srv/acme/docs", "Hello"), ("", "Write the invoice")])
async def test_the_first_message_of_a_session_counts_for_its_project(
    tmp_path: Path, folder: str, prompt: str
) -> None:
    path = tmp_path / "h.db"
    async with opened(path, zone=UTC) as ledger:
        limited(ledger, EACH, folder=folder)
        await put_in(ledger, cells("t1", usd_pico=10 * USD, session_id="ses_old"))
        await ledger.history.set_project("ses_old", "acme")
        turn = turn_request("n1", prompt, created_ms=NOON_MS)
        with pytest.raises(LimitReached, match="Project limit reached"):
            await ledger.open_turn(session("ses_new", base_url=HERE), turn, start=StartPolicy.MEASURED)
        assert look(path, "SELECT session_id FROM sessions") == []
        assert look(path, "SELECT * FROM origins") == []


async def test_two_programs_share_what_a_project_has_left(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path, zone=UTC) as one, opened(path, zone=UTC) as two:
        await put_in(
            one, *(cells(f"t{at}", usd_pico=4 * USD, budget="low", base_url=HERE) for at in range(5))
        )
        for at, ledger in enumerate((one, two)):
            limited(ledger, Limit(Scope.PROJECT, Unit.USD, Decimal(6)))
            await ledger.history.set_project(f"ses_n{at}", "acme")
        turns = [
            turn_request(f"n{at}", target_id="wrk_1", budget="low", created_ms=NOON_MS) for at in range(2)
        ]
        new = [session(f"ses_n{at}", worker_id="wrk_1", base_url=HERE) for at in range(2)]
        await one.open_turn(new[0], turns[0], start=StartPolicy.MEASURED)
        with pytest.raises(LimitReserved, match="1 running"):
            await two.open_turn(new[1], turns[1], start=StartPolicy.MEASURED)


async def test_projects_that_cannot_be_read_forbid_to_send(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path, zone=UTC) as ledger:
        limited(ledger, EACH)
        await ledger.database.run(lambda db: db.execute("DROP TABLE projects"))
        with pytest.raises(LedgerError):
            await ledger.limits.gauges(session())
        with pytest.raises(LedgerError):
            await ledger.open_turn(session(), turn_request(), start=StartPolicy.MEASURED)
        assert look(path, "SELECT turn_id FROM turns") == []


async def test_an_earlier_history_keeps_its_limits_and_a_damaged_one_its_projects(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        begin_at(connection, 22)
        connection.execute("INSERT INTO limits VALUES (7, 'day', 'real', 'usd', 5000000000000, 1)")
    async with opened(path, zone=UTC) as ledger:
        limited(ledger)
        assert await ledger.limits.limits(session()) == (
            Limit(Scope.DAY, Unit.USD, Decimal(5), LimitOrigin.TYPED),
        )
        with pytest.raises(LedgerError):
            await ledger.database.run(lambda db: db.execute("DELETE FROM limits"))
        await ledger.history.set_project("ses_1", "acme")
        await play(ledger, session(), turn_request(), answered("0.5"))
    saved = repair(path)
    assert saved.path is not None
    assert look(saved.path, "SELECT * FROM projects") == [("ses_1", "acme")]
