"""The runs board as the history has it: what is in sight, its figures, and what the person did with it."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Unit
from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.jsontext import Json, JsonObject
from handinger_tui.core.money.limits import Limit, Scope
from handinger_tui.core.money.prediction import unusual_above
from handinger_tui.core.runs import Board, PlannedRun, Reason, Section, SessionRun, section_of
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import LOCAL, put_turn
from handinger_tui.core.turns.turn import Attachment, StartPolicy, TurnStatus
from handinger_tui.core.webhooks import FailedDeliveries, WebhookReading
from handinger_tui.ledger.charges.limits import LimitRules
from handinger_tui.ledger.ledger import FileAccess
from tests.ledger.raw_rows import DAY_MS, NOON_MS, cells, put_in
from tests.ledger.samples import WORKER, answered, opened, play, session, turn_request
from tests.ledger.test_suspense import refused
from tests.wire.recordings import Tape

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.ledger.ledger import Ledger

HERE = "https://one.example"


def rules(ledger: Ledger, *limits: Limit) -> None:
    ledger.limits.rules = LimitRules(limits, now_ms=lambda: NOON_MS)


async def start(ledger: Ledger, name: str = "ses_1", turn_id: str = "turn_1", **members: Any) -> None:
    """A turn that is under way: it was sent, and has received one event."""
    turn = turn_request(turn_id, "research", created_ms=NOON_MS - 60_000, budget="low", **members)
    await ledger.open_turn(session(name, base_url=HERE), turn, start=StartPolicy.UNMEASURED)
    ledger.append(turn_id, Frame(0, NOON_MS - 59_000, Framing.NOTE, "{}", Marker.SENDING))
    ledger.append(turn_id, Frame(1, NOON_MS - 40_000, Framing.SSE, "{}"))
    await ledger.flush()


def only(board: Board) -> SessionRun:
    (run,) = board.runs
    return run


async def test_new_files_and_sources_are_counted_as_the_receipt_counts_them(tmp_path: Path) -> None:
    frames = answered(
        "0.25",
        sources=[{"id": f"s{at}", "title": f"Source {at}", "url": f"{HERE}/{at}"} for at in range(3)],
        files=[{"filename": "made.csv", "url": f"{HERE}/made.csv", "mediaType": "text/csv"}],
    )
    attached = Attachment("/tmp/mine.csv", "mine.csv", 1, "text/csv")
    async with opened(tmp_path / "h.db") as ledger:
        what = turn_request(attachments=(attached,))
        stored = await play(ledger, session(), what, frames)
        await ledger.history.mark_unread("ses_1")
        (turn,) = stored.turns
        counts = len(files_of_turn(turn)), len(sources_of_turn(turn))
        assert counts == (1, 3)
        run = only(await ledger.runs.board())
        assert (run.files, run.sources) == counts
        preview = await ledger.history.preview("ses_1")
        assert (preview.files, preview.sources) == counts
        # Of an earlier version.
        await ledger.database.change(lambda db: db.execute("UPDATE search_entries SET sources = 6").rowcount)
        assert (await ledger.history.preview("ses_1")).sources == 3
        assert only(await ledger.runs.board()).sources == 3


async def test_a_turn_under_way_is_running_with_its_last_event(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        rules(ledger)
        await start(ledger)
        run = only(await ledger.runs.board())
        assert (run.watched, run.under_way, run.waiting, run.held) == (True, True, 0, False)
        assert (run.began_ms, run.event_ms) == (NOON_MS - 60_000, NOON_MS - 40_000)
        assert run.cost == "unknown so far"
        assert section_of(run, NOON_MS) is Section.RUNNING
        # Another program sees that this one works on it. What is left of a dead one is not called working.
        async with opened(tmp_path / "h.db", access=FileAccess.READ) as other:
            rules(other)
            assert only(await other.runs.board()).watched
    async with opened(tmp_path / "h.db", access=FileAccess.READ) as later:
        rules(later)
        assert only(await later.runs.board()).word(NOON_MS + DAY_MS) == "was running"


async def test_what_a_local_worker_was_left_running_runs_as_long_as_its_program(tmp_path: Path) -> None:
    frames = Tape().note(Marker.SENDING).note(Marker.SETTLED, status="running", recovered=False).frames
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(base_url=LOCAL), turn_request(), frames)
        async with opened(tmp_path / "h.db", access=FileAccess.READ) as other:
            for board in (await ledger.runs.board(), await other.runs.board()):
                assert (only(board).watched, only(board).under_way) == (False, True)
                assert "1 running" in board.head(NOON_MS)
    async with opened(tmp_path / "h.db", access=FileAccess.READ) as later:
        assert not only(await later.runs.board()).under_way


async def test_a_turn_is_sending_until_the_service_answers_also_where_no_reading_brings_a_cost(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        rules(ledger)
        turn = turn_request("turn_1", "research", created_ms=NOON_MS - 60_000)
        await ledger.open_turn(session("ses_1", base_url=HERE), turn, start=StartPolicy.UNMEASURED)
        # What its worker was like before.
        ledger.append("turn_1", Frame(0, NOON_MS - 59_500, Framing.JSON, "{}", ReadReason.BEFORE))
        ledger.append("turn_1", Frame(1, NOON_MS - 59_000, Framing.NOTE, "{}", Marker.SENDING))
        await ledger.flush()
        assert only(await ledger.runs.board()).status is TurnStatus.SENDING
        ledger.append("turn_1", Frame(2, NOON_MS - 58_000, Framing.JSON, "{}", ReadReason.ANSWER))
        await ledger.flush()
        assert only(await ledger.runs.board()).status is TurnStatus.ACCEPTED


async def test_what_ended_is_in_sight_until_it_was_read(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        await play(ledger, session(base_url=HERE), turn_request(), answered("0.25"))
        quiet = await ledger.runs.board()
        assert (quiet.runs, quiet.others) == ((), 1)
        assert (await ledger.runs.board()) is quiet
        await ledger.history.mark_unread("ses_1")
        board = await ledger.runs.board()
        run = only(board)
        assert (run.status, run.usd.value, board.others) == (TurnStatus.COMPLETED, Decimal("0.25"), 0)
        assert section_of(run, NOON_MS) is Section.ENDED
        await ledger.history.mark_read("ses_1")
        assert (await ledger.runs.board()).runs == ()
        # What is shown stays, with its new state; the person may ask for all quiet ones.
        assert only(await ledger.runs.board(also=["ses_1", "none"])).unread is False
        assert only(await ledger.runs.board(everything=True)).session_id == "ses_1"


async def test_pins_snoozes_and_read_marks_are_kept(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(base_url=HERE), turn_request(), answered())
        await ledger.history.pin("ses_1", 5)
        await ledger.history.snooze("ses_1", NOON_MS)
    async with opened(tmp_path / "h.db") as ledger:
        run = only(await ledger.runs.board())
        assert (run.pinned, run.snoozed_ms) == (True, NOON_MS)
        await ledger.history.pin("ses_1", None)
        assert (await ledger.runs.board()).runs == ()


async def test_a_queue_of_which_nothing_runs_is_held(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(base_url=HERE), turn_request(), answered())
        await ledger.open_turn(session(base_url=HERE), turn_request("turn_2", "next"))
        run = only(await ledger.runs.board())
        assert (run.waiting, run.held, run.status) == (1, True, TurnStatus.COMPLETED)
        await start(ledger, turn_id="turn_3")
        run = only(await ledger.runs.board())
        assert (run.waiting, run.held, run.under_way) == (1, False, True)


async def test_a_refused_key_is_named_by_the_fault_that_is_stored(tmp_path: Path) -> None:
    tape = Tape().note(Marker.SENDING)
    fault = {"kind": "auth", "message": "The key was refused.", "http_status": 401}
    frames = tape.note(Marker.SETTLED, status="rejected", recovered=False, fault=fault).frames
    async with opened(tmp_path / "h.db") as ledger:
        await play(ledger, session(base_url=HERE), turn_request(), frames)
        await ledger.history.mark_unread("ses_1")
        (need,) = (await ledger.runs.board()).needs(NOON_MS)
        assert (need.reason, need.text, need.key) == (Reason.KEY, "The key was refused.", "ses_1")


async def test_what_is_usual_comes_from_other_turns_of_the_worker(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        rules(ledger)
        head: dict[str, Any] = {"base_url": HERE, "budget": "low", "worker_id": WORKER, "session_id": "old"}
        history = [
            cells(f"t{number}", usd_pico=number * 10**11, at_ms=NOON_MS - DAY_MS, elapsed_ms=60_000, **head)
            for number in range(1, 9)
        ]
        await put_in(ledger, *history)
        await start(ledger, target_id=WORKER)
        run = only(await ledger.runs.board())
        bar = unusual_above([Decimal(number) / 10 for number in range(1, 9)])
        assert (run.usual.unit, run.usual.median, run.usual.bar) == (Unit.USD, Decimal("0.45"), bar)


async def test_a_reached_limit_is_one_reason_however_many_run(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        await start(ledger)
        await start(ledger, "ses_2", "turn_2")
        await put_in(ledger, cells("t1", usd_pico=10**12, at_ms=NOON_MS - 5, base_url=HERE, budget="low"))
        rules(ledger, Limit(Scope.DAY, Unit.USD, Decimal(1)))
        board = await ledger.runs.board()
        (need,) = board.needs(NOON_MS)
        assert (need.reason, need.key) == (Reason.LIMIT, "")
        assert board.today == "$1.00 so far + 2 unknown of $1.00"
        assert [one.is_today for one in board.limits] == [True]
        assert "today" not in board.head(NOON_MS)
        assert {run.left for run in board.runs} == {
            "daily limit: none of $1.00 left, 2 running without cost history"
        }


async def test_a_new_unassigned_cost_is_a_reason_until_it_was_read(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        await refused(ledger)
        (need,) = (await ledger.runs.board()).needs(NOON_MS)
        assert (need.reason, need.text) == (
            Reason.UNASSIGNED,
            "About $0.06 of its worker belongs to no turn here.",
        )
        await ledger.history.mark_read("ses_a")
        assert (await ledger.runs.board()).needs(NOON_MS) == ()


async def test_remembered_schedules_come_next_at_their_interval(tmp_path: Path) -> None:
    daily: JsonObject = {"id": "sch_1", "instruction": "news", "rule": "every 1 d", "every_ms": DAY_MS}
    once: JsonObject = {"id": "sch_2", "instruction": "report", "rule": "once", "runs": [NOON_MS - DAY_MS]}
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        rules(ledger, Limit(Scope.DAY, Unit.USD, Decimal("0.1")))
        runs: list[Json] = [NOON_MS - 3 * DAY_MS - 60_000, NOON_MS - 2 * DAY_MS - 60_000]
        await ledger.runs.keep_schedules(HERE, WORKER, [{**daily, "runs": runs}, once], NOON_MS - DAY_MS)
        (plan,) = (await ledger.runs.board()).planned
        assert (plan.schedule_id, plan.next_ms) == ("sch_1", NOON_MS + DAY_MS - 60_000)
        soon: JsonObject = {**daily, "runs": [NOON_MS + 60_000]}
        await put_in(ledger, cells("t1", usd_pico=10**12, at_ms=NOON_MS - DAY_MS, worker_id=WORKER,
                                   base_url=HERE, budget="standard"))  # fmt: skip
        await ledger.runs.keep_schedules(HERE, WORKER, [soon], NOON_MS)
        (need,) = (await ledger.runs.board()).needs(NOON_MS)
        assert need.reason is Reason.SCHEDULE
        assert need.text == "About $1.00 a run, and daily limit: $0.10 of $0.10 left."
        await ledger.runs.keep_schedules(HERE, WORKER, [], NOON_MS)
        assert (await ledger.runs.board()).planned == ()


async def test_a_failing_webhook_stands_in_the_row_of_the_newest_session_of_its_worker(
    tmp_path: Path,
) -> None:
    failed = FailedDeliveries(2, NOON_MS - 5, "Status 500.")
    async with opened(tmp_path / "h.db", zone=UTC) as ledger:
        rules(ledger)
        for at, name in enumerate(("ses_1", "ses_2", "ses_3")):
            # The worker of a session is what it talks to, or what its task was made from.
            own = session(name, worker_id=WORKER if at == 0 else f"tsk_{at}", base_url=HERE)
            own = replace(own, stored_worker_id=None if at == 0 else WORKER)
            other = replace(own, base_url="https://two.example") if at == 2 else own
            await play(ledger, other, turn_request(f"turn_{at}", created_ms=NOON_MS + at), answered())
        keep = ledger.runs.keep_webhook
        await keep(HERE, WORKER, FailedDeliveries(), is_read=False)
        board = await ledger.runs.board()
        assert (board.runs, board.needs(NOON_MS)) == ((), ())
        assert [(one.read_ms, one.is_due(NOON_MS)) for one in board.webhooks] == [(0, True)]
        await keep(HERE, WORKER, failed)
        await keep("https://two.example", "wrk_9", failed)
        board = await ledger.runs.board()
        run = only(board)
        assert (run.session_id, section_of(run, NOON_MS)) == ("ses_2", Section.NEEDS)
        assert run.webhook == WebhookReading(HERE, WORKER, NOON_MS, failed, "ses_2")
        needs = board.needs(NOON_MS)
        assert [(need.reason, need.key) for need in needs] == [
            (Reason.WEBHOOK, "ses_2"),
            (Reason.WEBHOOK, ""),
        ]
        assert "the webhook of wrk_9" in needs[1].text
        await keep(HERE, WORKER, FailedDeliveries())
        assert [need.key for need in (await ledger.runs.board()).needs(NOON_MS)] == [""]
        await keep("https://two.example", "wrk_9", None)
        board = await ledger.runs.board()
        assert (board.runs, board.needs(NOON_MS), len(board.webhooks)) == ((), (), 1)


async def test_a_damaged_webhook_fails_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        row = (HERE, WORKER, "x", "x", 2.5, b"\xff")
        put = "INSERT INTO webhooks VALUES (?, ?, ?, ?, ?, ?)"
        await ledger.database.run(lambda db: db.execute(put, row))
        board = await ledger.runs.board()
        assert (board.needs(NOON_MS), board.webhooks[0].failed.count) == ((), 0)


@pytest.mark.parametrize("stored", ["", "[", "{}", '[1, {"runs": "x"}, {"runs": [null]}]'])
async def test_damaged_schedules_are_left_out(tmp_path: Path, stored: str) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        row = (HERE, WORKER, 1, stored)
        await ledger.database.run(lambda db: db.execute("INSERT INTO planned_runs VALUES (?, ?, ?, ?)", row))
        assert (await ledger.runs.board()).planned == ()


async def test_work_grows_with_what_is_in_sight_and_not_with_the_history(tmp_path: Path) -> None:
    """The plan of the query is what is tested: it visits no turn of a quiet session."""
    async with opened(tmp_path / "h.db") as ledger:
        first = turn_request()
        done = await play(ledger, session(base_url=HERE), first, answered())
        turn = fold(first, answered())
        assert put_turn(done, turn).turns

        def fill(db: Any) -> None:
            db.execute("BEGIN")
            rows = range(10_000)
            db.executemany(
                "INSERT INTO sessions (session_id, generation, base_url, title, created_ms, updated_ms)"
                " VALUES (?, 'workers', ?, 't', 1, 1)",
                [(f"s{at}", HERE) for at in rows],
            )
            db.executemany(
                "INSERT INTO turns (turn_id, session_id, prompt, created_ms, attachments, status, settled_ms,"
                " run) VALUES (?, ?, 'p', 1, '[]', 'completed', 2, 'r')",
                [(f"t{at}", f"s{at}") for at in rows],
            )
            db.execute("COMMIT")

        await ledger.database.run(fill)
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        await ledger.database.run(lambda db: db.set_progress_handler(count, 1_000))
        began = perf_counter()
        board = await ledger.runs.board()
        took = perf_counter() - began
        assert board.others == 10_001
        assert steps < 100, f"{steps},000 steps of SQLite, {took * 1000:.0f} ms"


def test_a_planned_run_is_no_session() -> None:
    plan = PlannedRun("sch_1", "wrk_1", "news", 5)
    assert plan.key != replace(plan, schedule_id="sch_2").key
