"""The runs board: rows stay under the cursor, one count everywhere, and no key of it sends a message."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING
from unittest.mock import patch

from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.runs import SNOOZE_MS, Board, PlannedRun, SessionRun, Usual
from handinger_tui.core.schedules import Every, Schedule, ScheduleList
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.core.webhooks import (
    RENEWED_MS,
    Delivery,
    DeliveryPage,
    FailedDeliveries,
    Webhook,
    WebhookReading,
)
from handinger_tui.ui.pages.runs import NO_SESSION, NO_TURNS
from handinger_tui.ui.ports import NoticeOptions, Opening
from handinger_tui.ui.terminal.notices import NOTHING_RUNS, ProgramState, ProgramStatus
from tests.engine.fakes import PLACE, FakeApi, worker
from tests.ui.fake_money import charge
from tests.ui.fakes import (
    CALM,
    NOW_MS,
    PRICED,
    REMOTE,
    Desktop,
    FakeRuns,
    FakeSchedules,
    FakeWebhooks,
    answers,
    launch,
)
from tests.ui.screens.test_queue import running

if TYPE_CHECKING:
    from textual.pilot import Pilot

FAILED = SessionRun(
    "ses_copper",
    "Copper prices",
    "metals",
    PLACE,
    "wrk_1",
    status=TurnStatus.FAILED,
    began_ms=NOW_MS - 600_000,
    ended_ms=NOW_MS - 300_000,
    event_ms=NOW_MS - 300_000,
    usd=Total(Decimal("0.25")),
    unread=True,
)
RUNS = tuple(
    SessionRun(
        f"ses_topic{at}",
        f"Topic {at}",
        base_url=PLACE,
        status=TurnStatus.ACCEPTED,
        watched=True,
        began_ms=NOW_MS - at * 60_000,
        event_ms=NOW_MS - 40_000,
        activity="web_search",
        usd=Total(Decimal("0.10"), 1, open_turns=1),
    )
    for at in range(1, 4)
)
PLAN = PlannedRun("sch_1", "wrk_9", "Summarize the news", NOW_MS + 7_200_000, "every 1 d", "about $0.04")
BOARD = Board((FAILED, *RUNS), (PLAN,), today="$2.10 of $5.00", others=2)


def titles(desktop: Desktop) -> list[str]:
    """The titles in the order of the rows, and which has the cursor."""
    lines = desktop.text_of("#runs-list").split("\n")[1:]
    return [f"{'›' if '›' in line else ''}{name}" for line in lines for name in NAMES if name in line]


NAMES = ("Copper prices", "Topic 1", "Topic 2", "Topic 3", "Summarize the news")


async def opened(desktop: Desktop, pilot: Pilot[None], board: Board = BOARD) -> None:
    desktop.runs.value = board
    await pilot.press("f7")
    await desktop.shows(pilot, "known on this computer", "Topic 1")


async def test_each_row_has_its_state_its_last_event_and_its_cost() -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        await opened(desktop, pilot)
        await desktop.shows(pilot, "1 needs you · 3 running · $0.30 so far · today $2.10 of $5.00 · 2 quiet")
        rows = [" ".join(line.split()) for line in desktop.text_of("#runs-list").split("\n")]
        assert rows[1] == "›! needs you failed Copper prices metals 5 m ago 5 m $0.25"
        assert rows[2] == "● running working Topic 1 web_search, 40 s ago 1 m $0.10 so far"
        assert rows[5] == "◷ next in 2 h Summarize the news read 19675 d ago about $0.04"
        await desktop.shows(pilot, "! failed: The run failed. Enter opens it; u marks it as read.")
        await pilot.press("escape")
        # The header has the same count.
        await desktop.shows(pilot, "1 needs you")


async def test_f_unfolds_quiet_sessions_and_q_closes_the_board_as_any_list() -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        await opened(desktop, pilot)
        await pilot.press("f")
        await desktop.until(pilot, lambda: desktop.runs.everything)
        await pilot.press("f")
        await desktop.until(pilot, lambda: not desktop.runs.everything)
        await pilot.press("q")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)


async def test_a_narrow_header_has_the_title_and_what_needs_the_person_before_the_whole_account() -> None:
    desktop = Desktop(api=answers("Hello"), badge=replace(REMOTE, profile=""))
    async with desktop.running(60, 20) as pilot:
        desktop.runs.value = BOARD
        await desktop.send(pilot, "About copper")
        await desktop.shows(pilot, "✓ completed", "1 needs you")
        words = " ".join(desktop.text_of("#header").split())
        assert words == "About copper ✓ completed · 0.0 s 1 needs you …f00d"


async def test_counts_and_facts_fit_each_size_also_before_the_next_look() -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        await opened(desktop, pilot)
        await desktop.shows(pilot, "1 needs you · 3 running · $0.30 so far · today $2.10 of $5.00 · 2 quiet")
        desktop.runs.gate = asyncio.Event()
        for size in ((80, 40), (60, 20), (120, 40)):
            await pilot.resize_terminal(*size)
            await desktop.settle(pilot)
            lines = desktop.text_of("#runs-title").rstrip().split("\n")[1:]
            assert " · ".join(lines).startswith("1 needs you · 3 running"), desktop.text()
            assert "$0.30 so far · today $2.10 of $5.00" in " · ".join(lines), desktop.text()
            # On a narrow screen the amounts have a line of their own.
            assert len(lines) == (2 if size == (60, 20) else 1), desktop.text()
            assert ("project metals" in desktop.text_of("#runs-foot")) is (size[1] == 40), desktop.text()
        desktop.runs.gate.set()


async def test_a_small_board_has_rows() -> None:
    desktop = Desktop()
    async with desktop.running(60, 20) as pilot:
        await opened(desktop, pilot)
        await pilot.resize_terminal(40, 12)
        await desktop.settle(pilot)
        # Below the heads of the columns.
        assert desktop.app.screen.query_one("#runs-list").size.height >= 2, desktop.text()


async def test_no_row_moves_until_the_person_sorts() -> None:
    desktop = Desktop()
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot)
        await pilot.press("down", "down")
        await desktop.until(pilot, lambda: titles(desktop)[2] == "›Topic 2")
        before = titles(desktop)
        # The first is read, the last needs the person by now, and a new run has begun.
        held = replace(RUNS[2], waiting=1, held=True)
        new = replace(RUNS[0], session_id="ses_new", title="A new run", began_ms=NOW_MS)
        desktop.runs.value = replace(BOARD, runs=(replace(FAILED, unread=False), *RUNS[:2], held, new))
        await desktop.shows(pilot, "queue held", "A new run", "s sorts")
        assert titles(desktop) == before
        await pilot.press("s")
        await desktop.until(pilot, lambda: titles(desktop)[0] == "Topic 3")
        assert "›Topic 2" in titles(desktop)
        assert "s sorts" not in desktop.text()


async def test_a_row_that_comes_to_an_empty_board_has_its_keys_in_the_footer() -> None:
    desktop = Desktop()
    async with desktop.running(100, 30) as pilot:
        desktop.runs.value = Board()
        await pilot.press("f7")
        await desktop.shows(pilot, "Nothing runs, and nothing needs you.")
        assert "Space Peek" not in desktop.text()
        desktop.runs.value = BOARD
        await desktop.shows(pilot, "Topic 1", "Enter Open", "Space Peek")


async def test_a_click_on_a_row_selects_it_and_one_on_the_heads_moves_no_row() -> None:
    desktop = Desktop()
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot)
        await pilot.click("#runs-list", offset=(20, 3))
        await desktop.until(pilot, lambda: titles(desktop)[2] == "›Topic 2")
        before = titles(desktop)
        await pilot.click("#runs-list", offset=(20, 0))
        await desktop.settle(pilot)
        assert titles(desktop) == before
        await pilot.click("#runs-list", offset=(20, 5), times=2)
        await desktop.shows(pilot, NO_SESSION)


async def test_the_keys_of_the_board_mark_and_explain_and_send_nothing() -> None:
    desktop = Desktop(api=answers("Hello"))
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot)
        await pilot.press("p")
        await desktop.shows(pilot, "Pinned.")
        await pilot.press("z")
        await desktop.shows(pilot, "Snoozed for an hour.")
        await pilot.press("u")
        await desktop.shows(pilot, "Marked as read.")
        await pilot.press("o")
        await desktop.shows(pilot, "The service named no address for this run.")
        await pilot.press("x")
        await desktop.shows(pilot, "No stop key: the service has no request that stops a run.")
        await pilot.press("O")
        marks = [("pin", "ses_copper", NOW_MS), ("snooze", "ses_copper", NOW_MS + SNOOZE_MS)]
        assert (desktop.history.marks, desktop.history.read) == (marks, ["ses_copper"])
        assert titles(desktop)[0] == "›Copper prices"
        # A schedule is no run.
        await pilot.press("end", "u", "enter")
        await desktop.shows(pilot, "No session of its worker is on this computer.")
        assert (desktop.api.posts, desktop.api.reads) == ([], 0)


class Adopting(FakeRuns):
    """Has a row for each session that it is asked for."""

    async def board(self, *, everything: bool = False, also: Collection[str] = ()) -> Board:
        listed = {run.session_id for run in self.value.runs} | {PLAN.key}
        added = (SessionRun(one, "Made elsewhere") for one in also if one not in listed)
        return replace(self.value, runs=(*self.value.runs, *added))


async def test_a_run_that_is_not_known_here_is_added_by_its_id_and_nothing_is_sent() -> None:
    desktop = Desktop(api=FakeApi(workers=[worker("There", prompt="Asked elsewhere")]), runs=Adopting())
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot)
        shown = desktop.session.session_id
        await pilot.press("a")
        await desktop.shows(pilot, "Add a run", "id or dashboard address")
        await pilot.press("enter")
        await desktop.shows(pilot, "known on this computer")
        assert desktop.api.reads == 0
        await pilot.press("a")
        await desktop.shows(pilot, "Add a run")
        await pilot.press(*"wrk_9", "enter")
        await desktop.shows(pilot, "Added. Nothing was sent.", "Made elsewhere")
        assert "›·" in desktop.text_of("#runs-list")
        assert (desktop.api.posts, desktop.session.session_id) == ([], shown)


async def test_an_id_without_turns_is_not_called_added() -> None:
    desktop = Desktop(api=FakeApi(workers=[worker("")]))
    async with desktop.running(100, 30) as pilot:
        await opened(desktop, pilot)
        await pilot.press("a")
        await desktop.shows(pilot, "Add a run")
        await pilot.press(*"wrk_9", "enter")
        await desktop.shows(pilot, NO_TURNS)
        assert "Added" not in desktop.text()


async def test_a_look_and_a_reply_show_what_there_is_and_send_nothing() -> None:
    desktop = Desktop(api=answers("The answer"))
    async with desktop.running(100, 30) as pilot:
        await desktop.send(pilot, "A question")
        await desktop.shows(pilot, "✓ completed")
        first = desktop.session.session_id
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != first)
        await opened(desktop, pilot, Board((replace(RUNS[0], session_id=first),)))
        await pilot.press("space")
        await desktop.shows(pilot, "The answer", "$0.0123", "Close")
        await pilot.press("escape")
        await desktop.shows(pilot, "known on this computer")
        await pilot.press("r")
        await desktop.shows(pilot, "Nothing is sent until Enter. Your reply: ")
        assert desktop.session.session_id == first
        assert desktop.app.focused is desktop.work.prompt
        assert len(desktop.api.posts) == 1


async def begun(desktop: Desktop, pilot: Pilot[None]) -> str:
    """Send a message whose turn goes on; returns the id of its session."""
    await desktop.send(pilot, "first")
    await desktop.until(pilot, lambda: desktop.session.busy)
    return desktop.session.session_id


async def test_what_ends_behind_a_page_is_unread_until_that_is_closed() -> None:
    desktop, gate = running(worker("Half and whole", prompt="first", **PRICED))
    async with desktop.running(100, 30) as pilot:
        session_id = await begun(desktop, pilot)
        await opened(desktop, pilot)
        desktop.history.read.clear()
        gate.set()
        await desktop.until(pilot, lambda: desktop.history.unread == [session_id])
        assert desktop.history.read == []
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.history.read == [session_id])


async def test_behind_a_page_nothing_is_drawn_or_counted_until_that_is_closed() -> None:
    desktop, gate = running(worker("Half and whole", prompt="first", **PRICED))
    async with desktop.running(100, 30) as pilot:
        session_id = await begun(desktop, pilot)
        await opened(desktop, pilot)
        await desktop.settle(pilot)
        pane, ledger = desktop.work.pane, desktop.ledger
        with (
            patch.object(pane, "show", wraps=pane.show) as show,
            patch.object(ledger, "spent", wraps=ledger.spent) as spent,
        ):
            gate.set()
            await desktop.until(pilot, lambda: desktop.history.unread == [session_id])
            ledger.write(charge("other", "4.56"))
            looks = ledger.looks
            # At the second one, what the first one found was done.
            await desktop.until(pilot, lambda: ledger.looks > looks + 1)
            assert (show.call_count, spent.call_count) == (0, 0)
            await pilot.press("escape")
            await desktop.shows(pilot, "Half and whole", "✓ completed", "today $4.56")


async def test_an_end_that_the_board_shows_is_not_reported_over_it() -> None:
    desktop, gate = running(worker("Half and whole", prompt="first", **PRICED))
    async with desktop.running(100, 30) as pilot:
        session_id = await begun(desktop, pilot)
        await pilot.press("ctrl+n")
        await desktop.until(pilot, lambda: desktop.session.session_id != session_id)
        await opened(desktop, pilot, replace(BOARD, runs=(*RUNS, replace(FAILED, session_id=session_id))))
        await desktop.until(pilot, lambda: desktop.work.controller.is_on_board(session_id))
        await pilot.press("w")
        await desktop.shows(pilot, "Stop watching “first”?")
        await pilot.press("escape")
        gate.set()
        await desktop.until(pilot, lambda: desktop.history.unread == [session_id])
        await desktop.settle(pilot)
        assert "finished" not in desktop.notices()


async def test_a_runaway_is_announced_once_and_rings() -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        usual = Usual(Unit.USD, Decimal("0.01"), Decimal("0.02"))
        desktop.runs.value = replace(BOARD, runs=(replace(RUNS[0], usual=usual), RUNS[1]))
        words = "“Topic 1”: $0.10 so far: its turns usually cost about $0.01. Press F7."
        await desktop.until(pilot, lambda: words in desktop.notices())
        await opened(desktop, pilot, desktop.runs.value)
        await desktop.shows(pilot, "unusual cost", "z snoozes it.", "1 needs you")
        await desktop.until(pilot, lambda: desktop.work.controller.is_on_board(RUNS[1].session_id))
        both = tuple(replace(run, usual=usual) for run in RUNS[:2])
        desktop.runs.value = replace(BOARD, runs=both)
        await desktop.shows(pilot, "2 need you")
        await pilot.press("escape")
        assert "“Topic 2”" not in desktop.notices(), "the board shows it"
        assert desktop.notices().count(words) == 1


async def test_the_status_that_the_terminal_shows_has_the_count_of_the_board() -> None:
    desktop = Desktop(launch=launch(Opening.FRESH, notices=NoticeOptions("auto")))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: desktop.work.notices is not None)
        assert desktop.work.notices is not None
        written: list[str] = []
        # The driver of tests has no terminal.
        desktop.app._driver.mark = lambda sequence, _undo: written.append(sequence)  # type: ignore[union-attr]
        desktop.work.notices.takes_status()
        desktop.runs.value = BOARD
        blocked = ProgramStatus(ProgramState.BLOCKED, message="1 needs you").sequence
        await desktop.until(pilot, lambda: blocked in written)
        desktop.runs.value = replace(BOARD, runs=RUNS)
        await desktop.until(pilot, lambda: written[-1] == NOTHING_RUNS.sequence)


async def test_a_webhook_that_fails_is_shown_from_its_row_and_read_again_only_while_somebody_looks() -> None:
    failed = FailedDeliveries(2, NOW_MS - 60_000, "Status 500.")
    old = WebhookReading(PLACE, "wrk_hook", NOW_MS - RENEWED_MS, failed, RUNS[0].session_id)
    desktop = Desktop(retry_policy=replace(CALM, reads_per_s=1.0))
    delivery = Delivery(is_delivered=False, reason="Status 500.", url="https://receiver.example/hook")
    desktop.webhooks = FakeWebhooks(Webhook(delivery.url), [DeliveryPage((delivery,))])
    board = Board(
        (replace(RUNS[0], webhook=old), RUNS[1]), webhooks=(old, replace(old, base_url="https://other"))
    )
    desktop.runs.value = board
    async with desktop.running(120, 40) as pilot:
        await desktop.shows(pilot, "1 needs you")
        assert desktop.webhooks.reads == [], "nobody looks at the board"
        await opened(desktop, pilot, board)
        await desktop.shows(
            pilot, "webhook failing", "! webhook failing: The last 2 deliveries of its webhook"
        )
        one = FailedDeliveries(1, None, "Status 500.")
        await desktop.until(pilot, lambda: desktop.runs.webhooks == [("wrk_hook", one, True)])
        assert desktop.webhooks.reads == ["wrk_hook"]
        await pilot.press("h")
        await desktop.shows(pilot, "Webhook   worker wrk_hook", "✗ no answer", "receiver.example")
        await pilot.press("escape")
        await desktop.shows(pilot, "known on this computer")
        await pilot.press("down", "h")
        await desktop.shows(pilot, "Its webhook does not fail, as far as is known")
        assert desktop.api.posts == []


async def test_a_schedule_is_changed_from_its_row() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.schedules = FakeSchedules(
        ScheduleList((Schedule("sch_1", "Summarize the news", None, None, Every(86_400)),))
    )
    async with desktop.running(120, 40) as pilot:
        here = replace(PLAN, base_url=PLACE)
        await opened(desktop, pilot, replace(BOARD, planned=(here,)))
        # On a run the key does nothing.
        await pilot.press("e")
        await pilot.press(*["down"] * 4)
        await desktop.until(pilot, lambda: "›Summarize the news" in titles(desktop))
        await pilot.press("e")
        await desktop.shows(pilot, "Change the schedule", "every 1d Summarize the news")
        await pilot.press("end", "!", "enter")
        await desktop.shows(pilot, "Change this schedule?", "“Summarize the news!”")
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "The old one was canceled.")
        assert [one.instruction for one in desktop.schedules.added] == ["Summarize the news!"]
        assert desktop.schedules.canceled == ["sch_1"]
        assert desktop.api.posts == []
