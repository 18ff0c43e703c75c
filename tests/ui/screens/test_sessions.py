"""The session list, and the ways to open a stored session."""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.turns.session import LOCAL as SIMULATED
from handinger_tui.core.turns.session import Session, SessionPreview
from handinger_tui.core.turns.turn import Turn, TurnStatus
from handinger_tui.ui.dialogs import TextQuestion
from handinger_tui.ui.dialogs.pickers import MOST_MATCHES
from handinger_tui.ui.panels.usage import UsagePanel
from handinger_tui.ui.ports import Account, Opening
from handinger_tui.ui.widgets.column_list import ColumnList
from handinger_tui.ui.widgets.session_rows import preview_text, rows_of, session_cost, session_details
from handinger_tui.ui.work.limit_watcher import reload
from handinger_tui.ui.work.screen import WorkScreen
from tests.engine.fakes import PLACE, FakeApi, worker
from tests.ui.fakes import LOCAL, Desktop, answers, launch, summary
from tests.ui.panels.stage import NOON, reading, turn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handinger_tui.core.money.reconciliation import Restatement
    from handinger_tui.core.money.spending import ChargeFilter
    from handinger_tui.core.search import Query, SearchHit
    from handinger_tui.core.turns.session import SessionSummary

HEAT = summary("heat", unread=True, usd=Total(Decimal("0.0123")), last_status=TurnStatus.COMPLETED)
PUMPS = summary("pumps", last_status=TurnStatus.RUNNING)
TEA = summary("tea", last_status=TurnStatus.UNKNOWN, usd=Total(Decimal("1.2"), 2))


def listed(**members: object) -> Desktop:
    desktop = Desktop(**members)  # type: ignore[arg-type]  # members under their own names
    desktop.history.rows = [HEAT, PUMPS, TEA]
    return desktop


async def stored(opening: Opening, session: str | None = None, badge: Account | None = None) -> Desktop:
    """A second run of the program over the history of a first one."""
    first = Desktop(api=answers("An answer from before"))
    async with first.running() as pilot:
        await first.send(pilot, "A question from before")
        await first.until(pilot, lambda: first.session.turns and not first.session.busy)
    again = Desktop(log=first.log, launch=launch(opening, session=session), badge=badge or first.badge)
    again.history.rows = [summary("x", session_id=first.session.session_id, worker_id="w1")]
    return again


async def test_the_list_shows_title_worker_age_status_and_cost() -> None:
    desktop = listed(launch=launch(Opening.PICKER))
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "○ About heat", "✓ completed", "$0.0123", "1 h ago", "worker wrk_heat")
        rows = [" ".join(row.split()) for row in desktop.text_of("#rows").split("\n")]
        assert rows[:4] == [
            "Today",
            "›○ About heat ✓ completed $0.0123 1 h ago",
            "About pumps ◌ was running unknown 1 h ago",
            "About tea ✗ delivery unknown $1.20 + 2 unknown 1 h ago",
        ]


async def test_ids_and_the_exact_cost_are_shown_for_the_highlighted_session_only() -> None:
    desktop = listed(launch=launch(Opening.PICKER))
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "worker wrk_heat · session ses_heat")
        assert "wrk_tea" not in desktop.text()
        await pilot.press("down", "down")
        await desktop.shows(pilot, "worker wrk_tea", "delivery unknown · 2 turns · $1.20 + 2 unknown")
        assert "wrk_heat" not in desktop.text()


async def test_similar_rows_are_distinguished_by_the_ends_of_their_ids() -> None:
    desktop = Desktop(launch=launch(Opening.PICKER))
    twins = [summary("x", session_id=f"ses_01KB00000000{end}") for end in ("AAAA11", "BBBB22")]
    desktop.history.rows = [*twins, summary("other", session_id="ses_01KB00000000CCCC33")]
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "…AAAA11", "…BBBB22", "About other")
        assert desktop.text().count("…") == 2
        await pilot.press("down", "down")
        await desktop.shows(pilot, "session ses_01KB00000000CCCC33")


@pytest.mark.parametrize("width", [60, 80, 120])
async def test_every_row_of_the_list_is_one_line_with_title_cost_and_age(width: int) -> None:
    desktop = Desktop(launch=launch(Opening.PICKER))
    wide = summary("x", title="漢字 " * 40, last_status=TurnStatus.COMPLETED, usd=Total(Decimal("0.0123")))
    desktop.history.rows = [wide, TEA]
    async with desktop.running(width, 20) as pilot:
        await desktop.shows(pilot, "About tea")
        _, first, second, third = desktop.text_of("#rows").split("\n")[:4]
        assert re.search(r"漢字? ?… +✓.* \$0\.0123 +1 h ago\b", first)
        assert re.search(r"About tea +✗ .* \$1\.20 \+ 2 unknown  1 h ago\b", second)
        assert not third.strip(" │")


async def test_recent_sessions_are_on_the_first_screen_and_opened_by_key() -> None:
    desktop = await stored(Opening.FRESH)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Recent sessions", "About x")
        assert "worker w1" not in desktop.text()
        await pilot.press("down", "down", "down", "down")
        await desktop.shows(pilot, "› About x", "↑↓ to choose")
        await pilot.press("enter")
        await desktop.shows(pilot, "An answer from before")
        assert desktop.api.posts == []


async def test_recent_sessions_open_by_click() -> None:
    desktop = await stored(Opening.FRESH)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Recent sessions", "About x")
        rows = desktop.text().split("\n")
        at = next(number for number, row in enumerate(rows) if "About x" in row)
        await pilot.click(offset=(8, at))
        await desktop.shows(pilot, "An answer from before")


async def test_a_clicked_prompt_to_try_is_put_into_the_prompt_and_not_sent() -> None:
    desktop = Desktop(badge=LOCAL)
    async with desktop.running() as pilot:
        rows = desktop.text().split("\n")
        at = next(number for number, row in enumerate(rows) if "Show me around" in row)
        await pilot.click(offset=(8, at))
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "Show me around")
        assert desktop.work.prompt.has_focus
        assert desktop.api.posts == []


async def test_a_clicked_prompt_to_try_replaces_no_typed_text() -> None:
    desktop = Desktop(badge=LOCAL)
    async with desktop.running() as pilot:
        await pilot.press(*"my own")
        rows = desktop.text().split("\n")
        at = next(number for number, row in enumerate(rows) if "Show me around" in row)
        await pilot.click(offset=(8, at))
        await desktop.until(pilot, lambda: "The prompt has text already." in desktop.notices())
        assert desktop.work.prompt.text == "my own"


async def test_the_first_screen_follows_the_history_and_keeps_its_order() -> None:
    desktop = listed(launch=launch(Opening.FRESH))
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "About pumps", "◌ was running")
        done = summary("pumps", last_status=TurnStatus.COMPLETED, usd=Total(Decimal("0.0456")))
        desktop.history.rows = [done, HEAT, TEA]
        desktop.work.reload()
        await desktop.shows(pilot, "$0.0456")
        rows = [row.split()[1] for row in desktop.text().split("\n") if "About" in row.split()[:1]]
        assert rows == ["heat", "pumps", "tea"]


async def test_while_texts_are_indexed_the_list_is_read_once_and_not_at_each_change() -> None:
    desktop = listed()
    history, is_indexed, reads = desktop.history, asyncio.Event(), 0
    sessions = history.sessions

    async def index_some(most: int = 20) -> int:
        await is_indexed.wait()
        return 0

    async def counted(limit: int = -1, **which: Any) -> list[SessionSummary]:
        nonlocal reads
        reads += 1
        return await sessions(limit, **which)

    history.index_some = index_some  # type: ignore[method-assign]  # a slow index
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About heat", "About pumps")
        history.sessions = counted  # type: ignore[method-assign]  # counts
        history.rows = [HEAT, PUMPS, TEA, summary("steam")]
        for _ in range(3):
            reload([desktop.app.screen])
        is_indexed.set()
        await desktop.shows(pilot, "About steam")
        assert reads == 1


async def test_a_letter_typed_on_the_first_screen_goes_to_the_prompt_and_esc_returns_there() -> None:
    desktop = await stored(Opening.FRESH)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Recent sessions")
        await pilot.press("down")
        await desktop.shows(pilot, "↑↓ to choose")
        await pilot.press("h", "i")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "hi")
        await pilot.press("ctrl+u", "down", "escape")
        await desktop.until(pilot, lambda: desktop.work.prompt.has_focus)
        await desktop.shows(pilot, "? help")


async def test_without_sessions_of_this_service_the_first_screen_lists_none() -> None:
    desktop = Desktop(launch=launch(Opening.FRESH))
    elsewhere = summary("elsewhere", base_url="https://other.test")
    desktop.history.rows = [elsewhere, summary("empty", turns=0)]
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Three things to try")
        assert "Recent sessions" not in desktop.text()


async def test_the_first_screen_lists_at_most_five_and_nothing_above_them_moves() -> None:
    desktop = Desktop(launch=launch(Opening.FRESH), gate=asyncio.Event())
    desktop.history.rows = [summary(f"s{number}") for number in range(9)]
    async with desktop.running(120, 40) as pilot:
        await desktop.shows(pilot, "Connecting…")
        before = desktop.text().split("\n")
        assert desktop.gate is not None
        desktop.gate.set()
        await desktop.shows(pilot, "Recent sessions", "About s4")
        assert "About s5" not in desktop.text()
        tried = [row for row in before if "Make a spreadsheet" in row]
        assert tried
        assert before.index(tried[0]) == desktop.text().split("\n").index(tried[0])


async def test_a_session_deleted_in_the_list_is_removed_from_the_first_screen() -> None:
    desktop = listed(launch=launch(Opening.FRESH))
    async with desktop.running(120, 40) as pilot:
        await desktop.shows(pilot, "Recent sessions", "About tea")
        await pilot.press("ctrl+s", *"tea", "ctrl+x")
        await desktop.shows(pilot, "No matches.")
        assert desktop.history.deleted == []
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.history.deleted == ["ses_tea"])
        # The message about it names the session, too.
        notices = desktop.notices()
        assert notices.count("About tea") == 1
        await desktop.until(
            pilot, lambda: "About heat" in desktop.text() and desktop.text().count("About tea") == 1
        )
        assert "wrk" not in desktop.text()


async def test_typing_filters_and_a_deleted_session_comes_back_until_the_list_closes() -> None:
    desktop = listed(launch=launch(Opening.FRESH))
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About heat")
        await pilot.press("t", "e", "a")
        await desktop.until(pilot, lambda: "About heat" not in desktop.text())
        await pilot.press("ctrl+x")
        await desktop.shows(pilot, "No matches.")
        await desktop.until(pilot, lambda: "its charges are not affected" in desktop.notices())
        await pilot.press("alt+z")
        await desktop.shows(pilot, "›  About tea")
        await pilot.press("escape")
        await desktop.settle(pilot)
        assert desktop.history.deleted == []
        assert not desktop.history.marks


async def test_a_session_is_renamed_in_the_list() -> None:
    desktop = listed(launch=launch(Opening.FRESH))
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About heat")
        await pilot.press("f2")
        await desktop.shows(pilot, "Rename the session")
        await pilot.press("end", "!", "enter")
        await desktop.shows(pilot, "About heat!")


async def test_hostile_titles_are_shown_as_text() -> None:
    desktop = Desktop(launch=launch(Opening.PICKER))
    desktop.history.rows = [summary("x", title="[b]bold[/] [/] \x1b]0;title\x07\u202eevil")]
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "[b]bold[/] [/] ]0;titleevil")


@pytest.mark.parametrize("opening", [Opening.LAST, Opening.LAST_OR_FRESH])
async def test_the_last_session_opens(opening: Opening) -> None:
    desktop = await stored(opening)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "A question from before", "An answer from before")
    assert desktop.api.posts == []


async def test_what_was_opened_is_painted_before_its_figures_are_worked_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop, order = await stored(Opening.LAST), list[str]()
    paint, show = WorkScreen._compositor_refresh, UsagePanel.show_soon

    def painted(screen: WorkScreen) -> None:
        paint(screen)
        if "An answer from before" in desktop.text():
            order.append("painted")

    def figures(panel: UsagePanel, session: Session) -> None:
        if session.turns:
            order.append("figures")
        show(panel, session)

    monkeypatch.setattr(WorkScreen, "_compositor_refresh", painted)
    monkeypatch.setattr(UsagePanel, "show_soon", figures)
    async with desktop.running(140, 40) as pilot:
        await desktop.shows(pilot, "An answer from before", "$0.0123")
    assert order[0] == "painted"
    assert "figures" in order


async def test_what_was_opened_does_not_wait_for_older_prompts_and_they_stay_older(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop, released = await stored(Opening.LAST), asyncio.Event()

    async def prompts(_limit: int = 500) -> list[str]:
        await released.wait()
        return ["older"]

    monkeypatch.setattr(desktop.history, "prompts", prompts)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "An answer from before")
        desktop.work.prompt.message_history.add("newer")
        released.set()
        await desktop.until(pilot, lambda: "older" in desktop.work.prompt.message_history.texts)
        await pilot.press("up")
        assert desktop.work.prompt.text == "newer"
        await pilot.press("up")
        assert desktop.work.prompt.text == "older"


async def test_a_chosen_session_opens_by_a_prefix() -> None:
    desktop = await stored(Opening.CHOSEN, "ses_")
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "An answer from before")


async def test_an_unknown_or_ambiguous_prefix_is_reported() -> None:
    desktop = listed(launch=launch(Opening.CHOSEN, session="nothing"))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "No session starts with nothing" in desktop.notices())
    desktop = listed(launch=launch(Opening.CHOSEN, session="ses_"))
    async with desktop.running() as pilot:
        await desktop.until(pilot, lambda: "3 sessions start with ses_" in desktop.notices())


async def test_the_local_worker_begins_fresh_since_it_has_forgotten_its_workers() -> None:
    desktop = await stored(Opening.LAST_OR_FRESH, badge=LOCAL)
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "Three things to try", "The local worker answers")


async def test_enter_in_the_list_opens_the_session() -> None:
    desktop = await stored(Opening.FRESH)
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About x")
        await pilot.press("enter")
        await desktop.shows(pilot, "An answer from before")


def test_costs_with_gaps_say_so_and_unknown_is_not_zero() -> None:
    assert session_cost(HEAT) == "$0.0123"
    assert session_cost(PUMPS) == "unknown"
    assert session_cost(TEA) == "$1.20 + 2 unknown"
    assert session_cost(replace(TEA, base_url=SIMULATED)) == "$1.20 + 2 unknown (simulated)"
    assert session_cost(summary("new", turns=0)) == ""


def test_an_imported_session_is_marked_and_has_only_the_cost_of_its_own_turns() -> None:
    row = summary("tea", imported=2, last_status=TurnStatus.COMPLETED)
    assert session_cost(row) == "imported"
    assert session_details(row, None, 0, 200).plain.splitlines()[0] == (
        "completed · 2 turns · 2 turns imported, not charged here"
    )
    later = replace(row, turns=3, usd=Total(Decimal("0.5")))
    assert session_cost(later) == "$0.50 + imported"
    unknown = replace(row, turns=3, usd=Total(None, 1), credits=Total(None, 1))
    assert session_cost(unknown) == "unknown + imported", "an unknown cost is not the absence of one"


def test_an_id_is_cut_only_where_both_have_no_room() -> None:
    row = replace(summary("tea"), session_id="ses_1a23853a18480e9898b4335fea5c0f3a", worker_id=None)
    complete = "worker none yet · session ses_1a23853a18480e9898b4335fea5c0f3a"
    assert session_details(row, None, 0, len(complete)).plain.splitlines()[1] == complete
    # One cell less costs one letter, and the sign for it.
    assert len(session_details(row, None, 0, len(complete) - 1).plain.splitlines()[1]) == len(complete) - 1
    long = replace(row, worker_id="t_org_8f2k_w_01HZY2ZJQ8G7K42W2D7WF6V4G1")
    ids = session_details(long, None, 0, 80).plain.splitlines()[1]
    assert ids.count("…") == 2
    assert len(ids) <= 80


def test_a_running_row_says_that_its_money_is_simulated_as_ended_ones_do() -> None:
    own = summary("x", base_url=SIMULATED)

    def cost(*turns: Turn) -> tuple[str, str]:
        opened = Session(own.session_id, 0, base_url=SIMULATED, turns=turns)
        (row,) = rows_of([own], {own.session_id: opened}, NOON)
        return row.cells[6], row.briefs[6]

    running = turn(0, status=TurnStatus.ACCEPTED, after=reading("0.25", busy=True), seconds=None)
    assert cost(running) == ("$0.25 so far simulated", "$0.25… sim.")
    assert cost(replace(running, snapshot=None))[0] == "cost unknown so far"


def test_messages_that_wait_are_part_of_the_status() -> None:
    own = summary("tea", last_status=TurnStatus.COMPLETED, queued=2)

    def status(opened: Mapping[str, Session], row: SessionSummary = own) -> str:
        return rows_of([row], opened, NOON)[0].cells[5]

    assert status({}) == "completed · 2 queued"
    assert status({}, replace(own, last_status=TurnStatus.QUEUED)) == "2 queued"
    waiting, ended = turn(1, status=TurnStatus.QUEUED, seconds=None), turn(0)
    opened = Session(own.session_id, 0, turns=(ended, waiting))
    assert status({own.session_id: opened}) == "completed · 1 queued", "memory is newer"
    assert status({own.session_id: replace(opened, turns=(ended,))}) == "completed"


async def test_an_imported_session_is_marked_and_sends_no_request() -> None:
    desktop = await stored(Opening.FRESH)
    desktop.log.requests = {
        name: replace(request, imported_ms=1) for name, request in desktop.log.requests.items()
    }
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About x")
        await pilot.press("enter")
        await desktop.shows(pilot, "A question from before · imported", "An answer from before", "· imported")
        turns, actor = desktop.session.turns, desktop.engine.actor(desktop.session.session_id)
        await actor.watch()
        assert not await actor.refresh()
        assert desktop.session.turns == turns
        assert (desktop.api.reads, desktop.api.posts) == (0, [])


async def test_the_list_also_searches_what_was_answered() -> None:
    desktop = listed(launch=launch(Opening.PICKER))
    desktop.history.answers["ses_pumps"] = "The largest of them is in Friuli."
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "About heat", "About tea")
        await pilot.press(*"friu")
        await desktop.shows(pilot, "About pumps", "turn 1: The largest of them is in Friuli.")
        assert "About heat" not in desktop.text_of("#rows")
        await desktop.shows(pilot, "session ses_pumps")


async def test_a_search_says_that_only_the_newest_matches_are_listed() -> None:
    desktop = Desktop(launch=launch(Opening.PICKER))
    desktop.history.rows = [summary(f"{number:02}") for number in range(60)]
    desktop.history.answers = {row.session_id: "It is in Friuli." for row in desktop.history.rows}
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "About 00")
        await pilot.press(*"friu")
        await desktop.shows(pilot, "Sessions   the 50 newest whose texts match", "turn 1: It is in Friuli.")
        await pilot.press("ctrl+u")
        await desktop.until(pilot, lambda: "newest whose" not in desktop.text())


async def test_a_filter_that_does_not_exist_is_named_in_the_list() -> None:
    desktop = listed(launch=launch(Opening.PICKER))
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "About heat")
        await pilot.press(*"stat:x")
        await desktop.shows(pilot, "Unknown filter: stat.", "Did you mean status:?")


async def test_enter_goes_to_the_match_in_the_transcript() -> None:
    desktop = await stored(Opening.FRESH)
    desktop.history.answers[desktop.history.rows[0].session_id] = "An answer from before"
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About x")
        await pilot.press(*"answer")
        await desktop.shows(pilot, "turn 1: An answer from before")
        await pilot.press("enter")
        await desktop.shows(pilot, "A question from before", "An answer from before")
        search = desktop.work.transcript.search
        await desktop.until(pilot, lambda: (search.number, search.total) == (1, 1))


async def test_an_empty_list_offers_nothing_to_rename_or_delete() -> None:
    desktop = Desktop(paints=True)
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "No sessions yet", "Esc Close")
        assert not any(word in desktop.text() for word in ("Open", "Rename", "Delete"))
    desktop = listed(paints=True)
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About tea", "Rename", "Delete")
        await pilot.press(*"nothing like it")
        await desktop.shows(pilot, "No matches.")
        await desktop.until(pilot, lambda: "Rename" not in desktop.text())


async def test_the_footer_below_a_dialog_names_no_keys_and_then_those_from_before() -> None:
    """Esc closes the dialog: what it does to the screen below stands there only when it does that."""
    desktop = Desktop(paints=True)
    async with desktop.running() as pilot:
        footer = desktop.text().split("\n")[-1]
        assert "Enter Send" in footer
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "No sessions yet")
        await pilot.resize_terminal(80, 23)
        await desktop.settle(pilot)
        assert not desktop.text().split("\n")[-1].strip()
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.text().split("\n")[-1] == footer)


async def test_a_session_that_came_to_the_screen_after_it_was_deleted_is_kept() -> None:
    desktop = await stored(Opening.FRESH)
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About x")
        await pilot.press("ctrl+x")
        await desktop.shows(pilot, "No matches.")
        desktop.work.run_command("sessions", desktop.history.rows[0].session_id)
        await desktop.until(pilot, lambda: desktop.session.turns)
        await pilot.press("escape")
        await desktop.until(pilot, lambda: "it is in use again" in desktop.notices())
        assert desktop.history.deleted == []


async def test_the_list_has_days_and_pins_sorts_archives_and_previews() -> None:
    desktop = listed(launch=launch(Opening.PICKER))
    day_ms = 86_400_000
    old = replace(HEAT, session_id="ses_old", title="Old", updated_ms=HEAT.updated_ms - day_ms, unread=False)
    desktop.history.rows.append(old)
    desktop.history.answers = {"ses_tea": "the last line"}
    async with desktop.running(120, 40) as pilot:

        def shown() -> list[str]:
            rows = desktop.text_of("#rows").split("\n")
            return [" ".join(row.strip("›○◆ ").split()[:2]) for row in rows if row.strip()]

        await desktop.shows(pilot, "About heat", "Question of ses_heat?")
        assert shown() == ["Today", "About heat", "About pumps", "About tea", "Yesterday", "Old ✓"]
        await pilot.press("down", "down")
        await desktop.shows(pilot, "Question of ses_tea?", "the last line")
        await pilot.press("f4")
        await desktop.until(pilot, lambda: shown()[:3] == ["Pinned", "About tea", "Today"])
        await desktop.shows(pilot, "Question of ses_tea?")
        await pilot.press("f3")
        await desktop.until(pilot, lambda: shown() == ["About tea", "About heat", "Old ✓", "About pumps"])
        await pilot.press("f6")
        await desktop.shows(pilot, "1 archived: type “archived”")
        assert desktop.history.tagged["ses_tea"] == {"archived"}
        assert "About tea" not in shown()
        await pilot.press(*"archived")
        await desktop.until(pilot, lambda: shown() == ["About tea"])
        await pilot.press("f6")
        await desktop.until(pilot, lambda: desktop.history.tagged["ses_tea"] == set())


async def test_a_list_that_is_closed_while_charges_are_read_is_not_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop = listed(launch=launch(Opening.FRESH))
    reading, release = asyncio.Event(), asyncio.Event()

    async def news(_which: ChargeFilter) -> list[Restatement]:
        reading.set()
        await release.wait()
        return []

    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About pumps")
        monkeypatch.setattr(desktop.ledger, "news", news)
        await desktop.until(pilot, reading.is_set)
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        release.set()
        await desktop.settle(pilot)
        assert desktop.app.is_running
        assert desktop.work.prompt.has_focus


async def test_a_search_ends_with_its_list_and_not_after_its_rows_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desktop = listed(launch=launch(Opening.FRESH))
    searching, rows_at_end = asyncio.Event(), list[int]()

    async def search(_query: Query, _limit: int = 200) -> list[SearchHit]:
        searching.set()
        try:
            await asyncio.Event().wait()
        finally:
            rows_at_end.append(len(picker.query("#rows")))
        return []

    async with desktop.running() as pilot:
        monkeypatch.setattr(desktop.history, "search", search)
        await pilot.press("ctrl+s", "p")
        picker = desktop.app.screen
        await desktop.until(pilot, searching.is_set)
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work and bool(rows_at_end))
        assert rows_at_end == [1]


async def test_a_new_title_from_the_list_is_also_that_of_the_open_session() -> None:
    desktop = await stored(Opening.LAST)
    async with desktop.running(120, 40) as pilot:
        await desktop.shows(pilot, "An answer from before")
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "About x")
        await pilot.press("f2")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, TextQuestion))
        await pilot.press(*"Better", "enter")
        await desktop.shows(pilot, "Better")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        await desktop.until(pilot, lambda: "Better" in desktop.text().splitlines()[0])


async def test_a_long_list_is_whole() -> None:
    desktop = Desktop(launch=launch(Opening.PICKER))
    desktop.history.rows = [summary(f"{number:03}") for number in range(450)]
    async with desktop.running() as pilot:
        await desktop.shows(pilot, "About 000")
        # From the first one up to the last one.
        await pilot.press("up")
        await desktop.shows(pilot, "About 449", "session ses_449")
        await pilot.press("down", *"447")
        await desktop.shows(pilot, "session ses_447")


async def test_a_worker_is_opened_by_its_session_at_this_service_however_old() -> None:
    first = Desktop(api=answers("An answer from before"))
    async with first.running() as pilot:
        await first.send(pilot, "A question from before")
        await first.until(pilot, lambda: first.session.turns and not first.session.busy)
    again = Desktop(
        api=FakeApi(workers=[worker("An answer from before", prompt="A question from before")]),
        log=first.log,
        launch=launch(Opening.WORKER, worker="w1"),
    )
    elsewhere = summary("other", worker_id="w1", base_url="https://other.example")
    newer = [summary(f"{number}") for number in range(250)]
    mine = summary("x", session_id=first.session.session_id, worker_id="w1", base_url=PLACE)
    again.history.rows = [elsewhere, *newer, mine]
    async with again.running() as pilot:
        await again.shows(pilot, "A question from before", "An answer from before")
        assert again.session.session_id == first.session.session_id


async def test_what_is_typed_lists_the_newest_of_many_thousands_and_says_so() -> None:
    desktop = Desktop()
    desktop.history.rows = [summary(f"{at}", title=f"title {at}") for at in range(MOST_MATCHES + 3)]
    async with desktop.running() as pilot:
        await pilot.press("ctrl+s")
        await desktop.shows(pilot, "title 0")
        table = desktop.app.screen.query_one(ColumnList)
        await desktop.until(pilot, lambda: table.rows.count == MOST_MATCHES + 3)
        await pilot.press("t")
        await desktop.shows(pilot, "the 2,000 newest that match")
        assert table.rows.count == MOST_MATCHES
        # One that is not among them is found by more of its title.
        await pilot.press(*f"itle {MOST_MATCHES + 2}")
        await desktop.shows(pilot, f"title {MOST_MATCHES + 2}")
        assert table.rows.count == 1
        assert "newest" not in desktop.text()


@pytest.mark.parametrize(("waits", "says"), [(True, "Not sent yet."), (False, "No answer yet.")])
def test_a_preview_of_a_queued_message_promises_no_answer(*, waits: bool, says: str) -> None:
    assert preview_text(SessionPreview("Hi", waits=waits), 40, 10).plain == f"Hi\n\n{says}"
