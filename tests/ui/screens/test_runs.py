"""The runs board: rows stay under the cursor, one count everywhere, and no key of it sends a message."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.runs import SNOOZE_MS, Board, PlannedRun, SessionRun
from handinger_tui.core.turns.turn import TurnStatus
from tests.engine.fakes import PLACE, worker
from tests.ui.fakes import NOW_MS, PRICED, Desktop, answers
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
        assert rows[1] == "›! needs you failed Copper prices 5 m ago 5 m $0.25"
        assert rows[2] == "● running working Topic 1 web_search, 40 s ago 1 m $0.10 so far"
        assert rows[5] == "◷ next in 2 h Summarize the news read 19675 d ago about $0.04"
        await desktop.shows(pilot, "! failed: The run failed. Enter opens it; u marks it as read.")
        await pilot.press("escape")
        # The header has the same count.
        await desktop.shows(pilot, "1 needs you")


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
        await desktop.shows(pilot, "Your reply: ", "Nothing is sent until you press Enter.")
        assert desktop.session.session_id == first
        assert desktop.app.focused is desktop.work.prompt
        assert len(desktop.api.posts) == 1


async def test_what_ends_behind_a_page_is_unread_until_that_is_closed() -> None:
    desktop, gate = running(worker("Half and whole", prompt="first", **PRICED))
    async with desktop.running(100, 30) as pilot:
        await desktop.send(pilot, "first")
        await desktop.until(pilot, lambda: desktop.session.busy)
        session_id = desktop.session.session_id
        await opened(desktop, pilot)
        desktop.history.read.clear()
        gate.set()
        await desktop.until(pilot, lambda: desktop.history.unread == [session_id])
        assert desktop.history.read == []
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.history.read == [session_id])
