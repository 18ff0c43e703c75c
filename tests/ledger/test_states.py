"""The state of an amount in the history: which turns are to be read again, and what takes a state back."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.core.money.amount_state import AmountState
from handinger_tui.core.money.spending import ChargeFilter, GroupBy, TurnCharge
from handinger_tui.core.stream import Frame, Framing, ReadReason
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import LATE_MS, SETTLE_MS, TurnRequest
from tests.ledger.samples import WORKER, answered, look, opened, play, session, turn_request, worker

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.ledger.ledger import Ledger

END = 1_004
"""When the worker is read at the end of a turn (`answered`)."""

PROMPTS = [{"id": "msg_1", "role": "user", "parts": [{"type": "text", "text": "hello"}]}]


async def read_again(
    ledger: Ledger, now: Session, request: TurnRequest, usd: str, *at_ms: int, credited: int = 8
) -> Session:
    """Read the worker again at these times, with one amount."""
    for ms in at_ms:
        stored = await ledger.frames(request.turn_id)
        body = worker(usd, credited=credited, messages=PROMPTS)
        frame = Frame(len(stored), ms, Framing.JSON, body, ReadReason.AFTER)
        ledger.append(request.turn_id, frame)
        turn = fold(request, [*stored, frame])
        now = put_turn(now, replace(turn, ended_ms=END))
        await ledger.close_turn(now, request.turn_id)
    return now


async def charge_of(ledger: Ledger, turn_id: str = "turn_1") -> TurnCharge:
    return next(one for one in await ledger.charges.turn_charges() if one.turn_id == turn_id)


async def to_read(ledger: Ledger, due_ms: int | None = None) -> list[str]:
    return [one.session_id for one in await ledger.sessions_to_read(due_ms)]


async def test_an_amount_is_to_be_read_again_until_it_is_settled(tmp_path: Path) -> None:
    request = turn_request(created_ms=900)
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(ledger, session(worker_id=WORKER), request, answered("0.1", messages=PROMPTS))
        assert (await charge_of(ledger)).state is AmountState.PROVISIONAL
        assert await to_read(ledger) == ["ses_1"]
        assert await to_read(ledger, 10**15) == ["ses_1"], "however old it is"
        now = await read_again(ledger, now, request, "0.1", END + 5_000)
        assert await to_read(ledger) == ["ses_1"]
        now = await read_again(ledger, now, request, "0.1", END + SETTLE_MS)
        settled = await charge_of(ledger)
        assert (settled.state, settled.corrections) == (AmountState.SETTLED, 0)
        assert await to_read(ledger) == []
        # Late costs of an hour later: the amount is open to news again.
        now = await read_again(ledger, now, request, "0.25", END + 3_600_000)
        late = await charge_of(ledger)
        assert (late.usd, late.state, late.corrections) == (Decimal("0.25"), AmountState.PROVISIONAL, 1)
        assert len(await ledger.charges.restated("ses_1")) == 1
        assert await to_read(ledger) == ["ses_1"]
        await read_again(ledger, now, request, "0.25", END + 3_700_000)
        assert (await charge_of(ledger)).state is AmountState.SETTLED
        assert len(await ledger.charges.restated("ses_1")) == 1


async def test_a_cost_of_zero_is_not_settled_before_late_costs_would_be_known(tmp_path: Path) -> None:
    """A service whose figures come 90 seconds late: two equal readings, and then another amount."""
    request = turn_request(created_ms=900)
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(
            ledger, session(worker_id=WORKER), request, answered("0", credited=0, messages=PROMPTS)
        )
        now = await read_again(ledger, now, request, "0", END + SETTLE_MS, END + 2 * SETTLE_MS, credited=0)
        assert (await charge_of(ledger)).state is AmountState.PROVISIONAL
        assert await to_read(ledger) == ["ses_1"]
        await read_again(ledger, now, request, "0.25", END + 3 * SETTLE_MS, END + 4 * SETTLE_MS)
        charge = await charge_of(ledger)
        assert (charge.usd, charge.state) == (Decimal("0.25"), AmountState.SETTLED)


async def test_a_cost_of_zero_is_settled_after_an_hour(tmp_path: Path) -> None:
    request = turn_request(created_ms=900)
    async with opened(tmp_path / "h.db") as ledger:
        now = await play(
            ledger, session(worker_id=WORKER), request, answered("0", credited=0, messages=PROMPTS)
        )
        times = (END + SETTLE_MS, END + LATE_MS // 2, END + LATE_MS)
        await read_again(ledger, now, request, "0", *times, credited=0)
        charge = await charge_of(ledger)
        assert (charge.usd, charge.state) == (Decimal(0), AmountState.SETTLED)


async def test_workers_of_settled_turns_are_read_for_an_hour(tmp_path: Path) -> None:
    """Their costs may come later than the two readings that settled them."""
    request = turn_request(created_ms=900)
    settled_ms, read_at = END + SETTLE_MS, list[int]()
    async with opened(tmp_path / "h.db") as ledger:

        async def due(at_ms: int | None, recent_ms: int = 0) -> list[str]:
            return [one.session_id for one in await ledger.sessions_to_read(at_ms, recent_ms)]

        now = await play(ledger, session(worker_id=WORKER), request, answered("0.1", messages=PROMPTS))
        await read_again(ledger, now, request, "0.1", settled_ms)
        assert (await charge_of(ledger)).state is AmountState.SETTLED
        await play(ledger, session("ses_0", worker_id="wrk_9"), turn_request("turn_0"), answered())
        await ledger.note_late_read("ses_0", 10**15, answered=True)
        assert await due(None) == ["ses_0", "ses_1"], "what is not settled comes first"
        await ledger.history.delete("ses_0")
        assert await due(None) == await due(settled_ms + 1) == ["ses_1"]
        assert await due(None, recent_ms=request.created_ms + 1_000_000) == [], "too old"
        for at_ms in range(settled_ms, settled_ms + 5 * LATE_MS, 60_000):
            if await due(at_ms):
                await ledger.note_late_read("ses_1", at_ms, answered=True)
                read_at.append((at_ms - settled_ms) // 60_000)
        assert read_at == [0, 1, 2, 4, 8, 16, 32, 64]
        assert await due(None) == []


async def test_a_session_that_was_tried_is_the_last_one_the_next_time(tmp_path: Path) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        for number in (1, 2, 3):
            request = turn_request(f"turn_{number}")
            await play(ledger, session(f"ses_{number}", worker_id=WORKER), request, answered())
        assert await to_read(ledger) == ["ses_3", "ses_2", "ses_1"], "the newest first"
        await ledger.note_late_read("ses_1", 9, answered=True)
        await ledger.note_late_read("ses_3", 5, answered=False)
        assert await to_read(ledger) == ["ses_2", "ses_3", "ses_1"]
        await ledger.note_late_read("ses_1", 3, answered=True)
        await ledger.history.delete("ses_2")
        assert await to_read(ledger) == ["ses_1", "ses_3"]


async def test_a_worker_without_figures_is_read_ever_more_rarely_and_its_amount_is_never_final(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "h.db") as ledger:
        request = turn_request(created_ms=900)
        frames = [
            one._replace(data=one.data.partition(', "usage"')[0] + "}") if '"usage"' in one.data else one
            for one in answered()
        ]
        await play(ledger, session(worker_id=WORKER), request, frames)
        ended_ms = (await charge_of(ledger)).at_ms
        read_at, now_ms = [], ended_ms
        while now_ms < ended_ms + 10 * 365 * 86_400_000:
            if await to_read(ledger, now_ms):
                await ledger.note_late_read("ses_1", now_ms, answered=True)
                read_at.append(now_ms - ended_ms)
            now_ms = ended_ms + max(30_000, (now_ms - ended_ms) * 5 // 4)
        assert 15 < len(read_at) < 60
        charge = await charge_of(ledger)
        assert (charge.usd, charge.final, charge.state) == (None, False, AmountState.PROVISIONAL)
        # The person may always ask, and a reading that was not answered is no reading.
        assert await to_read(ledger) == ["ses_1"]
        assert await to_read(ledger, now_ms) == []
        await ledger.note_late_read("ses_1", now_ms, answered=False)
        assert await to_read(ledger, now_ms) == ["ses_1"]


async def test_a_pin_that_is_removed_leaves_what_would_stand_there_without_it(tmp_path: Path) -> None:
    """The figures were reset inside the second turn: nobody knows what it took, with or without a pin."""
    path = tmp_path / "h.db"
    async with opened(path) as ledger:
        now = await play(ledger, session(), turn_request(), answered("1.7"))
        second = turn_request("turn_2", target_id=WORKER, created_ms=70_000)
        reads = [
            (70_000, ReadReason.BEFORE, worker("1.7")),
            (71_000, ReadReason.DURING, worker("2.1", status="running", running=True)),
            (72_000, ReadReason.AFTER, worker("0.4")),
            (75_000, ReadReason.AFTER, worker("0.4")),
        ]
        end = json.dumps({"status": "completed", "recovered": False, "fault": None})
        frames = [
            Frame(0, 69_000, Framing.NOTE, "{}", "sending"),
            *(Frame(at, ms, Framing.JSON, text, why) for at, (ms, why, text) in enumerate(reads, 1)),
            Frame(9, 76_000, Framing.NOTE, end, "settled"),
        ]
        await play(ledger, now, second, frames)
        before = await charge_of(ledger, "turn_2")
        sums = await ledger.charges.buckets(GroupBy.DAY, ChargeFilter())
        assert not before.final
        assert sums[0].usd.missing_turns == 1
        for basis in ("per_turn", "lifetime", "per_turn", "auto"):
            await ledger.rulings.set_basis("", WORKER, basis, 80_000)
        after = await charge_of(ledger, "turn_2")
        assert replace(after, corrections=0) == replace(before, corrections=0)
        assert await ledger.charges.buckets(GroupBy.DAY, ChargeFilter()) == sums
    assert look(path, "SELECT reported FROM turn_totals WHERE turn_id = 'turn_2'") == [(0,)]
