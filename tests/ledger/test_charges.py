"""One charge per turn, later corrections, and an unreported figure never becomes a number."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.figures import CATEGORIES, FIGURES
from handinger_tui.core.jsontext import as_object, dump, parse
from handinger_tui.core.money.attribution import AmountBasis
from handinger_tui.core.money.spending import SUMS, ChargeFilter, GroupBy, SpendingSums
from handinger_tui.core.stream import Framing, Marker
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import StartPolicy, TurnStatus
from handinger_tui.ledger.ledger import Ledger
from tests.ledger.charge_rows import charges, spent
from tests.ledger.samples import WORKER, answered, look, opened, play, session, turn_request
from tests.wire.recordings import Tape


async def test_a_completed_turn_has_one_exact_charge(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(), turn_request(budget="high"), answered("0.012345678901234567"))
        ordered, charge = await charges(ledger)
    assert (ordered.usd, ordered.credits, ordered.final, ordered.status) == (
        None,
        None,
        False,
        TurnStatus.QUEUED,
    )
    assert (charge.turn_id, charge.session_id, charge.worker_id) == ("turn_1", "ses_1", WORKER)
    assert (charge.status, charge.budget, charge.reading) == (
        TurnStatus.COMPLETED,
        "high",
        AmountBasis.TOTAL,
    )
    assert charge.final
    assert [row.correction for row in (ordered, charge)] == [False, True]
    assert charge.usd == Decimal("0.012345678901")
    assert charge.credits == 8
    assert charge.usage.cost_usd == Decimal("0.012345678901234567")
    assert charge.usage.total_tokens == 12
    assert charge.usage.input_tokens is None
    ((snapshot, kind),) = look(
        tmp_path / "h.db", "SELECT snapshot, typeof(usd_pico) FROM charges WHERE final"
    )
    assert '"cost_usd":"0.012345678901234567"' in snapshot
    assert kind == "integer"


async def test_every_figure_of_a_turn_comes_back_and_so_does_its_correction(tmp_path: Path) -> None:
    def ended(first: int) -> Session:
        usage = {figure.wire: number for number, figure in enumerate(FIGURES, first)}
        costs = {figure.wire: usage.pop(figure.wire) for figure in CATEGORIES}
        frames = [
            one._replace(data=dump(as_object(parse(one.data)) | {"usage": usage, "costs": costs}))
            if one.framing is Framing.JSON
            else one
            for one in answered()
        ]
        return put_turn(session(), fold(turn_request(), frames))

    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session(), turn_request(), start=StartPolicy.UNMEASURED)
        for first in (100, 300):
            await ledger.close_turn(ended(first), "turn_1")
            (charge,) = await ledger.charges.turn_charges()
            came_back = [figure.read(charge.usage, charge.costs) for figure in FIGURES]
            assert came_back == [*range(first, first + len(FIGURES))]


async def test_closing_again_with_nothing_new_adds_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(), turn_request(), answered())
        await ledger.close_turn(now, "turn_1")
        await ledger.close_turn(now, "turn_1")
        assert len(await charges(ledger)) == 2


async def test_a_later_amount_is_a_correction(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        unknown = fold(turn_request(), answered("null", status="unknown"))
        await ledger.open_turn(session(), turn_request(), start=StartPolicy.UNMEASURED)
        await ledger.close_turn(put_turn(session(), replace(unknown, snapshot=None, reads=())), "turn_1")
        assert await spent(ledger) == SpendingSums(1, Total(None, 1), Total(None, 1))
        for usd in ("0.5", "0.75"):
            await ledger.close_turn(put_turn(session(), fold(turn_request(), answered(usd))), "turn_1")
        rows = await charges(ledger)
        assert [row.correction for row in rows] == [False, True, True, True]
        assert [row.usd for row in rows] == [None, None, Decimal("0.5"), Decimal("0.25")]
        assert [row.final for row in rows] == [False, False, True, True]
        assert await spent(ledger) == SpendingSums(1, Total(Decimal("0.75")), Total(Decimal(8)))


async def test_a_later_unknown_amount_removes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(), turn_request(), answered("0.5"))
        await ledger.close_turn(put_turn(now, replace(now.turns[0], snapshot=None)), "turn_1")
        assert await spent(ledger) == SpendingSums(1, Total(Decimal("0.5")), Total(Decimal(8)))


async def test_a_decided_meaning_corrects_the_earlier_turns(tmp_path: Path) -> None:
    """A service that reports each turn by itself: at first its figures could also be totals."""
    # Nobody read the worker before these turns, so each fall weighs little.
    ends = ("0.5", "0.75", "0.25", "0.2", "0.1", "0.09", "0.08", "0.07")
    async with opened(tmp_path / "h.db") as ledger:
        now = session()
        for number, usd in enumerate(ends, 1):
            worker_id = WORKER if number > 1 else None
            now = await play(ledger, now, turn_request(f"turn_{number}", target_id=worker_id), answered(usd))
            if number == 2:
                assert (await spent(ledger)).usd == Total(Decimal("0.75"), doubtful=True)
        in_all = await spent(ledger)
        assert in_all.usd == Total(Decimal("2.04"))
        # The credits, 8 at each reading, show nothing: 8 of one turn, or of each.
        assert in_all.credits == Total(Decimal(8), doubtful=True)
        charged = await ledger.charges.turn_charges()
        assert [(one.doubtful, one.credits_doubtful) for one in charged] == [(False, True)] * 7 + [
            (False, False)
        ]
        rows = [(row.turn_id, row.usd, row.reading) for row in await charges(ledger) if row.final]
    assert ("turn_2", Decimal("0.25"), AmountBasis.TOTAL) in rows
    assert ("turn_2", Decimal("0.5"), AmountBasis.PER_TURN) in rows


async def test_a_running_turn_is_not_final(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        busy = answered("0.5", status="running")
        await play(ledger, session(), turn_request(), busy)
        await ledger.close_turn(session(), "turn_1")
        rows = await charges(ledger)
        assert rows[-1].final
        busy = [one._replace(data=one.data.replace('"running": false', '"running": true')) for one in busy]
        await play(ledger, session("ses_2"), turn_request("turn_2"), busy)
        assert await spent(ledger, ChargeFilter(session_id="ses_2")) == SpendingSums(
            1, Total(Decimal("0.5"), 1), Total(Decimal(8), 1)
        )
        (summary, _) = await ledger.history.sessions()
        assert (summary.usd, summary.credits.missing_turns) == (
            Total(Decimal("0.5"), 1, open_turns=1, unsettled=True),
            1,
        )
        same = fold(turn_request("turn_2"), answered("0.5"))
        await ledger.close_turn(put_turn(session("ses_2"), same), "turn_2")
        assert await spent(ledger, ChargeFilter(session_id="ses_2")) == SpendingSums(
            1, Total(Decimal("0.5")), Total(Decimal(8))
        )


@pytest.mark.parametrize("status", ["rejected", "not_sent", "not_delivered"])
async def test_a_turn_that_never_started_costs_zero(tmp_path: Path, status: str) -> None:
    """One that was not sent is no turn at all."""
    async with opened(tmp_path / "h.db") as ledger:
        turn = replace(fold(turn_request(), []), status=TurnStatus(status))
        await ledger.open_turn(session(), turn_request(), start=StartPolicy.UNMEASURED)
        await ledger.close_turn(put_turn(session(), turn), "turn_1")
        turns = int(status != "not_sent")
        assert await spent(ledger) == SpendingSums(turns, Total(Decimal(0)), Total(Decimal(0)))
        assert [one.usd for one in await ledger.charges.turn_charges()] == [Decimal(0)] * turns
        (summary,) = await ledger.history.sessions()
        assert (summary.turns, summary.usd) == (turns, Total(Decimal(0) if turns else None))


@pytest.mark.parametrize("status", ["rejected", "not_sent", "not_delivered"])
async def test_a_free_turn_makes_no_unit_reported(tmp_path: Path, status: str) -> None:
    """Of a service that reports credits only, the cost in USD stays unknown in every sum, and not $0.00."""
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(), turn_request(), answered("null"))
        before = await _sums(ledger)
        (listed,) = await ledger.history.sessions()
        assert (await spent(ledger)).usd == Total(None, 1)
        free = turn_request("turn_2", target_id=WORKER)
        await ledger.open_turn(now, free, start=StartPolicy.UNMEASURED)
        refused = replace(fold(free, []), status=TurnStatus(status))
        await ledger.close_turn(put_turn(now, refused), "turn_2")
        assert await _sums(ledger) == before
        (now_listed,) = await ledger.history.sessions()
        assert (now_listed.usd, now_listed.credits) == (listed.usd, listed.credits)
        rows = await charges(ledger)
        await ledger.charge(put_turn(now, refused))
        assert await charges(ledger) == rows, "nothing is corrected again"


async def _sums(ledger: Ledger) -> list[Any]:
    """All sums of every grouping, without the numbers of turns."""
    total = await spent(ledger)
    groups = [await ledger.charges.buckets(by) for by in GroupBy if by is not GroupBy.TURN]
    members = [[(one.key, [getattr(one, name) for name in SUMS]) for one in each] for each in groups]
    return [total.usd, total.credits, *members]


@pytest.mark.parametrize("usd", ["null", '"0.5"', "-1", "true", "NaN", "Infinity", "1e400", "[1]"])
async def test_an_invalid_amount_is_unknown(tmp_path: Path, usd: str) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(), turn_request(), answered(usd))
        assert (await spent(ledger)).usd == Total(None, 1)
    assert look(tmp_path / "h.db", "SELECT usd_pico FROM charges") == [(None,)] * 2


async def test_an_amount_beyond_64_bits_is_exact_only_in_the_text_and_a_lower_bound_elsewhere(
    tmp_path: Path,
) -> None:
    huge, largest = "123456789012345678901234567890.5", Decimal("9223372.036854775807")
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(), turn_request(), answered(huge))
        _, charge = await charges(ledger)
        assert (charge.usd, charge.final) == (largest, False)
        assert charge.usage.cost_usd == Decimal(huge)
        assert (await spent(ledger)).usd == Total(largest, 1)
        # Nothing is written again, and a smaller amount that is read later is a correction.
        await ledger.charge(now)
        assert len(await charges(ledger)) == 2
        turn = replace(fold(turn_request(), answered("2")), ended_ms=10_000)
        await ledger.close_turn(put_turn(now, turn), "turn_1")
        assert (await spent(ledger)).usd == Total(Decimal(2))


async def test_sums_of_the_largest_amounts_do_not_overflow(tmp_path: Path) -> None:
    edge = "9223372.036854775807"
    async with opened(tmp_path / "h.db") as ledger:
        for number in range(3):
            await play(ledger, session(f"ses_{number}"), turn_request(f"turn_{number}"), answered(edge))
        assert (await spent(ledger)).usd == Total(3 * Decimal(edge))
        assert [summary.usd.value for summary in await ledger.history.sessions()] == [Decimal(edge)] * 3


async def test_charges_are_never_changed_deleted_or_doubled(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        await play(ledger, session(), turn_request(), answered())
    columns = "kind, turn_id, session_id, at_ms, status, reading, final, exact, snapshot"
    for sql in (
        "UPDATE charges SET usd_pico = 0",
        "DELETE FROM charges",
        f"INSERT INTO charges ({columns}) SELECT {columns} FROM charges",  # noqa: S608  # a constant of this test
        f"INSERT INTO charges ({columns}, usd_pico) SELECT 'correction', {columns[6:]}, 0.5 FROM charges",  # noqa: S608  # same
    ):
        with pytest.raises(sqlite3.IntegrityError):
            look(path, sql)


async def test_charges_stay_after_a_session_is_deleted(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(), turn_request(), answered("0.5"))
        await ledger.history.delete("ses_1")
        assert await ledger.history.sessions() == []
        assert (await spent(ledger)).usd == Total(Decimal("0.5"))
    assert look(tmp_path / "h.db", "SELECT COUNT(*) FROM frames") == [(0,)]


async def test_a_turn_deleted_while_it_ran_is_still_charged(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await ledger.open_turn(session(), turn_request(), start=StartPolicy.UNMEASURED)
        await ledger.history.delete("ses_1")
        frames = answered("0.5")
        for one in frames:
            ledger.append("turn_1", one)
        await ledger.close_turn(put_turn(session(), fold(turn_request(), frames)), "turn_1")
        assert await ledger.history.sessions() == []
        assert (await spent(ledger)).usd == Total(Decimal("0.5"))


async def test_charges_are_filtered_by_time_session_and_worker(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        for number in (1, 2):
            what = turn_request(f"turn_{number}", created_ms=number * 100)
            turn = replace(fold(what, answered(number)), ended_ms=number * 100, worker_id=f"wrk_{number}")
            await ledger.open_turn(session(f"ses_{number}"), what, start=StartPolicy.UNMEASURED)
            await ledger.close_turn(put_turn(session(f"ses_{number}"), turn), what.turn_id)
        for which in (
            ChargeFilter(since_ms=200),
            ChargeFilter(session_id="ses_2"),
            ChargeFilter(worker_id="wrk_2"),
        ):
            assert {row.turn_id for row in await charges(ledger, which)} == {"turn_2"}
            assert (await spent(ledger, which)).usd == Total(Decimal(2))
        assert await spent(ledger, ChargeFilter(since_ms=201)) == SpendingSums(
            0, Total(Decimal(0)), Total(Decimal(0))
        )


amount = st.none() | st.decimals(min_value=0, max_value=10**6, places=12)


@given(st.lists(st.lists(amount, min_size=1, max_size=3), min_size=1, max_size=4))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_the_sum_is_always_that_of_the_newest_amounts(histories: list[list[Decimal | None]]) -> None:
    """Each session: one turn that is read several times."""
    async with opened(None) as ledger:
        newest: list[Decimal | None] = []
        for number, history in enumerate(histories):
            what = turn_request(f"turn_{number}")
            await ledger.open_turn(session(f"ses_{number}"), what, start=StartPolicy.UNMEASURED)
            for usd in history:
                await _close(
                    ledger, session(f"ses_{number}"), what, "null" if usd is None else format(usd, "f")
                )
            newest.append(next((usd for usd in reversed(history) if usd is not None), None))
        amounts = [usd for usd in newest if usd is not None]
        expected = Total(sum(amounts, Decimal(0)) if amounts else None, newest.count(None))
        assert (await spent(ledger)).usd == expected
        firsts = [row for row in await charges(ledger) if not row.correction]
        assert len(firsts) == len(histories)


async def _close(ledger: Ledger, into: Session, what: Any, usd: str) -> None:
    await ledger.close_turn(put_turn(into, fold(what, answered(usd))), what.turn_id)


async def test_exact_numbers_are_json(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(), turn_request(), answered("1e-7"))
    ((exact,),) = look(tmp_path / "h.db", "SELECT exact FROM charges WHERE final")
    numbers = parse(exact)
    assert isinstance(numbers, dict)
    assert numbers["cost_usd"] == "0.0000001"
    assert numbers["total_tokens"] == "12"
    assert numbers["model_usd"] is None


async def test_a_turn_without_a_worker_is_not_a_turn_of_the_next_worker(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        lost = Tape().note(Marker.SENDING).note(Marker.SETTLED, status="unknown", recovered=False, fault=None)
        now = await play(ledger, session(), turn_request(), lost.frames)
        await play(ledger, replace(now, worker_id=WORKER), turn_request("turn_2"), answered("0.5"))
        await ledger.close_turn(replace(now, worker_id=WORKER), "turn_1")
        workers = {row.turn_id: row.worker_id for row in await ledger.charges.turn_charges()}
        assert workers == {"turn_1": None, "turn_2": WORKER}
        assert (await spent(ledger, ChargeFilter(worker_id=WORKER))).usd == Total(Decimal("0.5"))
