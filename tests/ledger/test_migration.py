"""A file of the first version, with data, becomes one of the second."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from handinger_tui.core.amounts import Total
from handinger_tui.core.money.spending import ChargeFilter, GroupBy, SpendingSums
from handinger_tui.core.turns.turn import Trigger, TurnStatus
from tests.ledger.charge_rows import charges, spent
from tests.ledger.raw_rows import cells, old_file, put
from tests.ledger.samples import WORKER, answered, look, opened, play, turn_request

NEW = ("base_url", "started_by")


def old(turn_id: str, kind: str = "charge", **members: object) -> dict[str, object]:
    return {name: value for name, value in cells(turn_id, kind, **members).items() if name not in NEW}


def create_old_history(path: Path) -> None:
    file = old_file(path)
    for name, url in (("ses_1", "https://one.example"), ("ses_2", "local")):
        file.execute(
            "INSERT INTO sessions"
            " (session_id, generation, base_url, worker_id, title, created_ms, updated_ms)"
            " VALUES (?, 'workers', ?, ?, 'a title', 1, 2)",
            (name, url, WORKER),
        )
    file.execute(
        "INSERT INTO turns (turn_id, session_id, prompt, created_ms, attachments, status, run, settled_ms)"
        " VALUES ('t1', 'ses_1', 'hello', 5, '[]', 'completed', 'r', 9)"
    )
    put(
        file,
        old("t1", at_ms=10, usd_pico=500, final=0, status="unknown"),
        old("t2", at_ms=20, session_id="ses_2", usd_pico=7, micro_credits=3),
        old("t1", "correction", at_ms=30, usd_pico=-100, micro_credits=9, steps=4),
        old("t3", at_ms=40, session_id="deleted", worker_id=None, budget=None, final=0),
    )
    file.close()


async def test_totals_are_computed_from_the_existing_charges(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    create_old_history(path)
    async with opened(path) as ledger:
        assert ledger.problem is None
        third, second, first = await ledger.charges.turn_charges()
        assert (first.turn_id, first.at_ms, first.status, first.corrections) == (
            "t1",
            10,
            TurnStatus.COMPLETED,
            1,
        )
        assert (first.usd, first.credits) == (Decimal("4E-10"), Decimal("0.000009"))
        assert (first.usage.steps, first.usage.input_tokens, first.final) == (4, None, True)
        assert (first.base_url, first.trigger, first.title) == (
            "https://one.example",
            Trigger.UNKNOWN,
            "a title",
        )
        assert (first.sources, first.elapsed_ms) == (None, None)
        assert second.base_url == "local"
        assert (third.base_url, third.usd, third.final, third.title) == ("", None, False, "")
        assert await spent(ledger, ChargeFilter(simulated=True)) == SpendingSums(
            1, Total(Decimal("7E-12")), Total(Decimal("0.000003"))
        )
        assert await spent(ledger, ChargeFilter(simulated=False)) == SpendingSums(
            2, Total(Decimal("4E-10"), 1), Total(Decimal("0.000009"), 1)
        )
        assert [row.base_url for row in await charges(ledger)] == ["", "", "", ""]


async def test_an_old_session_can_be_continued(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    create_old_history(path)
    async with opened(path) as ledger:
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        assert loaded.turns[0].request.trigger is Trigger.UNKNOWN
        new = turn_request("t9", target_id=WORKER, trigger=Trigger.APP)
        await play(ledger, loaded, new, answered("0.5"))
        again = await ledger.load("ses_1")
        assert again is not None
        assert [turn.request.trigger for turn in again.turns] == [Trigger.UNKNOWN, Trigger.APP]
        groups = {bucket.key: bucket.turns for bucket in await ledger.charges.buckets(GroupBy.TRIGGER)}
        assert groups == {"app": 1, "unknown": 3}
    assert look(path, "SELECT name FROM sqlite_schema WHERE type = 'view'") == []


async def test_charges_of_a_running_program_of_the_first_version_are_added_up(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    create_old_history(path)
    async with opened(path) as ledger:
        await ledger.database.run(lambda db: put(db, old("t4", session_id="ses_2", usd_pico=1)))
        (bucket,) = await ledger.charges.buckets(GroupBy.TURN, ChargeFilter(simulated=True, since_ms=30))
        assert (bucket.key, bucket.usd.value) == ("t4", Decimal("1E-12"))
