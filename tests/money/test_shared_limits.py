"""Limits of a team on a real PostgreSQL server: what is sent, what is entered, and what is shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from handinger_tui.core.errors import SharedUnreachable
from handinger_tui.core.money.limits import LimitReached
from handinger_tui.core.safety import Secret
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import StartPolicy, TurnRequest
from handinger_tui.ledger.charges.shared import shared_gauges
from handinger_tui.ledger.charges.shared_report import SharedReport, set_limit
from handinger_tui.ledger.charges.shared_server import (
    EntryState,
    SharedServer,
    SharedState,
    TurnState,
    cut_after,
    scopes_at,
    utc,
    with_defaults,
)
from handinger_tui.ledger.ledger import Ledger
from tests.cli.program import environ
from tests.cli.test_mcp import serving
from tests.e2e.runner import KEY
from tests.e2e.test_plain import plain
from tests.money.opened_app import opened_app
from tests.money.paid_service import PaidService
from tests.money.postgres import PASSWORD, QUOTED, Postgres, postgres, rows, wire
from tests.money.programs import Person

DOLLAR = 10**12
NOW_MS = 1_796_000_000_000


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """One server for all tests of a process."""
    with postgres() as running:
        yield running


@pytest.fixture
def url(server: Postgres) -> str:
    return server.new_url()


def team(url: str, host: str = "one") -> SharedServer:
    return SharedServer(Secret(url), host)


def turn(turn_id: str, pico: int | None = DOLLAR, **more: object) -> TurnState:
    scopes = scopes_at(utc(NOW_MS), "")
    return TurnState(turn_id, scopes, "default at host", "standard", 1, EntryState.RESERVED, pico, None)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def state_of(url: str, turn_id: str) -> set[tuple[str, int | None]]:
    """State and amount of a turn in all its scopes."""
    return {(state, pico) for own, _, state, pico, *_ in rows(url) if own == turn_id}


def days(url: str) -> dict[str, tuple[str, int | None]]:
    """State and amount of each turn, by the entry of its day."""
    return {own: (state, pico) for own, scope, state, pico, *_ in rows(url) if scope.startswith("day")}


# -- the server ------------------------------------------------------------------------------
def test_of_starts_at_once_as_many_reserve_as_the_limit_has_room_for(url: str) -> None:
    set_limit(team(url), "day 5.5")

    def starts(number: int) -> bool:
        own = turn(f"turn_{number}")

        def decide(state: SharedState) -> TurnState:
            gauges = shared_gauges(state, own.scopes)
            if gauges[0].free < 1:
                raise LimitReached(gauges[0])
            return own

        try:
            team(url, f"host {number % 3}").reserve(own, utc(now_ms()), (), decide)
        except LimitReached:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(starts, range(24))) == 5
    assert len(days(url)) == 5


def test_the_newest_version_wins_whichever_arrives_last(url: str) -> None:
    set_limit(team(url), "day 5")
    reserved = turn("turn_1")
    team(url).put([replace(reserved, version=2, state=EntryState.RELEASED, pico=0)])
    # A COMMIT whose answer was lost may arrive after that.
    team(url).put([reserved])
    assert state_of(url, "turn_1") == {("released", 0)}
    with pytest.raises(SharedUnreachable, match="another program has entered this turn"):
        team(url).reserve(reserved, utc(now_ms()), (), lambda _state: reserved)


def test_a_lapsed_reservation_still_counts(url: str) -> None:
    set_limit(team(url), "day 5")
    team(url, "ci\udcff\n7").put([turn("turn_1", 4 * DOLLAR)])
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE shared_entries SET expires = now() - interval '1 s'")
    (line,) = SharedReport(team(url), NOW_MS).lines
    assert line == "Shared daily limit: $0.00 of $5.00 (0%); $1.00 of $5.00 left, 1 of unknown cost."


def test_a_limit_counts_for_its_period_and_project(url: str) -> None:
    set_limit(team(url), "project Acme 20 credits")
    set_limit(team(url), "month 7.25")
    set_limit(team(url), "day 1")
    set_limit(team(url), "day off")
    assert [line.partition(";")[0] for line in SharedReport(team(url), NOW_MS).lines] == [
        "Shared monthly limit: $0.00 of $7.25 (0%)",
        "Shared project limit: 0 of 20 credits (0%)",
    ]
    assert scopes_at(utc(NOW_MS), "acme")[-2:] == ("month 2026-11", "project acme")


def test_a_wire_that_is_cut_or_silent_ends_a_call(server: Postgres, url: str) -> None:
    connection = psycopg.connect(url)
    with cut_after(0.05, connection), pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT pg_sleep(60)")
    connection.close()
    with wire(server.port) as proxy:
        own = turn("turn_1")
        through = team(url.replace(f":{server.port}/", f":{proxy.own_port}/"))
        set_limit(through, "day 5")

        def cut(_state: SharedState) -> TurnState:
            proxy.cut()
            return own

        with pytest.raises(SharedUnreachable, match="Nothing was sent"):
            through.reserve(own, utc(now_ms()), (), cut)
    assert rows(url) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"postgresql://team:{QUOTED}@127.0.0.1:1/limits", "Connection refused"),
        (f"postgresql://team:{QUOTED}@127.0.0.1:1/limits?nonsense=1", "nonsense"),
    ],
)
def test_errors_do_not_show_the_password(url: str, reason: str) -> None:
    with pytest.raises(SharedUnreachable) as caught:
        SharedReport(team(url), NOW_MS)
    assert reason in caught.value.summary
    assert "127.0.0.1:1/limits" in caught.value.summary
    for secret in (PASSWORD, QUOTED):
        assert secret not in caught.value.text
    assert caught.value.__cause__ is None


def test_another_machine_is_reached_encrypted() -> None:
    assert with_defaults("postgresql://db.example.com/x").endswith("/x?sslmode=require")
    for url in ("postgresql://127.0.0.1/x", "postgresql://db.example.com/x?sslmode=disable"):
        assert with_defaults(url) == url


# -- the programs of a team --------------------------------------------------------------------
def test_two_computers_share_a_limit(service: PaidService, url: str, tmp_path: Path) -> None:
    ann, ben = (Person(service, tmp_path / name) for name in ("ann", "ben"))
    shared = {"HANDINGER_SHARED_URL": url}
    assert ann.run("costs", "--shared-limit", "day 1.50", **shared).code == 0
    for person, host in ((ann, "ann"), (ben, "ben")):
        assert person.run("-p", host, HANDINGER_SHARED_HOST=host, **shared).code == 0
    refused = ann.run("-p", "three", "--json", **shared)
    assert (refused.code, refused.result["posts_sent"], service.posts) == (5, 0, ["ann", "ben"])
    assert "Shared daily limit reached: $2.00 of $1.50" in refused.err
    dry = ben.run("-p", "three", "--dry-run", **shared)
    assert (dry.code, "Shared daily limit reached" in dry.out) == (5, True)
    assert set(days(url).values()) == {("settled", DOLLAR)}
    shown = ben.json_of("costs", "--shared", **shared)
    (limit,) = shown["limits"]
    assert (limit["scope"], limit["spent"], limit["origin"]) == ("day", "2", "shared")
    assert {(one["host"], one["usd"], one["open_turns"]) for one in shown["spenders"]} == {
        ("ann", "1", 0),
        ("ben", "1", 0),
    }
    doctor, config = ben.run("doctor", **shared), ben.run("config", "show", **shared)
    assert "Shared daily limit: $2.00 of $1.50" in doctor.out
    assert "postgresql://team:…@127.0.0.1" in config.out
    for text in [one.out + one.err for one in (doctor, config, refused, dry)]:
        assert PASSWORD not in text
        assert QUOTED not in text


def test_while_the_database_is_away_nothing_is_sent_unless_the_person_says_so(
    server: Postgres, service: PaidService, url: str, tmp_path: Path
) -> None:
    person = Person(service, tmp_path)
    with wire(server.port) as proxy:
        shared = {"HANDINGER_SHARED_URL": url.replace(f":{server.port}/", f":{proxy.own_port}/")}
        assert person.run("costs", "--shared-limit", "day 9", **shared).code == 0
        there, proxy.port = proxy.port, 1
        away = person.run("-p", "one", "--json", **shared)
        assert (away.code, service.posts) == (10, [])
        assert "The shared limits cannot be checked" in away.err
        assert "--allow-unshared" in away.err
        assert person.run("-p", "one", "--dry-run", **shared).code == 10
        allowed = person.run("-p", "two", "--allow-unshared", **shared)
        assert (allowed.code, service.posts) == (0, ["two"])
        assert "even while the shared limits cannot be checked (--allow-unshared)" in allowed.err
        assert rows(url) == []
        proxy.port = there
        # The next program enters what was sent, and that the other message was not.
        assert person.run("-p", "three", **shared).code == 0
        assert sorted(days(url).values()) == [("released", 0), ("settled", DOLLAR), ("settled", DOLLAR)]


async def test_a_reservation_of_a_program_that_was_killed_is_released_by_the_next(
    url: str, tmp_path: Path
) -> None:
    set_limit(team(url), "day 5")
    # What its computer does not know, the team does: five turns at this budget.
    earlier = [replace(turn(f"turn {number}"), state=EntryState.SETTLED) for number in range(5)]
    team(url).put([replace(one, scopes=("month 2026-10",)) for one in earlier])
    session = Session("session_1", 1, base_url="https://host")
    request = TurnRequest("turn_1", "hi", now_ms(), budget="standard")

    async def opened() -> Ledger:
        ledger = Ledger(tmp_path / "history.db")
        ledger.join(team(url), is_required=True)
        await ledger.start()
        return ledger

    killed = await opened()
    assert killed.shared is not None
    # Between the reservation and the transaction that stores the turn.
    start = killed.shared.reserved(session, request, StartPolicy.MEASURED)
    await start.__aenter__()
    assert days(url) == {"turn_1": ("reserved", DOLLAR)}
    # Its own pushes leave it alone.
    await killed.shared.push()
    assert days(url) == {"turn_1": ("reserved", DOLLAR)}
    await killed.aclose()
    following = await opened()
    try:
        assert following.shared is not None
        await following.shared.push()
        assert days(url) == {"turn_1": ("released", 0)}
        del start
    finally:
        await following.aclose()


def test_a_cost_that_is_known_late_reaches_the_team(service: PaidService, url: str, tmp_path: Path) -> None:
    person, shared = Person(service, tmp_path), {"HANDINGER_SHARED_URL": url}
    set_limit(team(url), "day 5")
    service.figures_after = 3600
    assert person.run("-p", "one", **shared).code == 0
    # What it cost is not known, so it counts as all that is left.
    assert list(days(url).values()) == [("unknown", None)]
    for worker in service.workers.values():
        worker.counted_s = [0.0]
    assert person.run("costs", "--settle", **shared).code == 0
    assert list(days(url).values()) == [("settled", DOLLAR)]


@pytest.fixture
def used_up(url: str) -> str:
    """A database whose daily limit another computer has used up."""
    set_limit(team(url), "day 2")
    settled = replace(turn("turn_of_another", 2 * DOLLAR), state=EntryState.SETTLED)
    team(url).put([replace(settled, scopes=scopes_at(utc(now_ms()), ""))])
    return url


REACHED = "Shared daily limit reached"


async def test_the_app_obeys_and_offers_nothing_that_it_cannot_do(
    service: PaidService, used_up: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDINGER_SHARED_URL", used_up)
    async with opened_app(Person(service, tmp_path), monkeypatch) as opened:
        await opened.send("from the app")
        await opened.shows(REACHED)
        assert "Raise limit" not in opened.text
        assert "costs --shared" in opened.text
    assert service.posts == []
    assert days(used_up) == {"turn_of_another": ("settled", 2 * DOLLAR)}


async def test_tools_of_an_agent_obey(
    service: PaidService, used_up: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ(tmp_path, service.url, HANDINGER_SHARED_URL=used_up).items():
        monkeypatch.setenv(name, value)
    async with serving(tmp_path, "--max-cost", "5") as tools:
        assert REACHED in await tools.refused("start_turn", text="from an agent", max_cost="5")
    assert service.posts == []


@pytest.mark.slow
@pytest.mark.terminal
def test_plain_mode_obeys(service: PaidService, used_up: str, tmp_path: Path) -> None:
    account: dict[str, Any] = {"HANDINGER_BASE_URL": service.url, "HANDINGER_API_KEY": KEY}
    account["HANDINGER_SHARED_URL"] = used_up
    with plain(tmp_path, "--plain", **account) as it:
        it.enters("from a line")
        it.reads(REACHED)
        it.enters("/quit")
        assert it.ends() == 0
    assert service.posts == []


def test_psycopg_is_loaded_with_the_setting_only(
    service: PaidService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    person = Person(service, tmp_path)
    assert person.run("-p", "one").code == 0
    refused = person.run("-p", "two", HANDINGER_SHARED_URL="postgresql://team@127.0.0.1/limits")
    assert (refused.code, service.posts) == (10, ["one"])
    assert "psycopg is not installed" in refused.err
    assert "pip install 'handinger-tui[shared]'" in refused.err
