"""Money at a glance: the header shows the spending, and no notice covers an amount."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from handinger_tui.core.money.limits import Scope
from handinger_tui.ui.widgets.frame import HeaderLine
from tests.ui.fakes import LOCAL, NOW_MS, Desktop, answers, charge
from tests.ui.screens.test_limits import CREDITS

DAY_MS = 86_400_000


def head(desktop: Desktop) -> str:
    return desktop.text_of("#header")


async def test_the_header_shows_today_and_the_session_and_follows_other_programs() -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.limits.limit(Scope.DAY, "2")
    desktop.ledger.charges += [
        charge("a", "1.10", session_id="another"),
        charge("b", "50", session_id="another", at_ms=NOW_MS - DAY_MS),
    ]
    async with desktop.running(120, 40) as pilot:
        await desktop.until(pilot, lambda: "today $1.10 of $2.00 " in head(desktop))
        assert "· session" not in head(desktop), "nothing was spent in it"
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        desktop.ledger.write(charge("c", "0.25", session_id=desktop.session.session_id), charge("d"))
        await desktop.until(
            pilot, lambda: "today $1.35 + 1 unknown of $2.00 · session $0.25 " in head(desktop)
        )


@pytest.mark.parametrize(
    ("width", "shown_money"),
    [
        (120, "today $1.35 of $2.00 · session $0.25 "),
        (112, "today $1.35 · session $0.25 "),
        (84, "today $1.35 of $2.00 "),
        (76, "today $1.35 "),
        (66, ""),
    ],
)
async def test_the_money_in_the_header_leaves_room_for_the_title(width: int, shown_money: str) -> None:
    desktop = Desktop(api=answers("Hello"))
    desktop.limits.limit(Scope.DAY, "2")
    async with desktop.running(120, 24) as pilot:
        await desktop.send(pilot, "What is a heat pump and what is it not?")
        await desktop.shows(pilot, "✓ completed")
        own = charge("c", "0.25", session_id=desktop.session.session_id)
        desktop.ledger.write(own, charge("a", "1.10", session_id="another"))
        await desktop.until(pilot, lambda: "session $0.25 " in head(desktop))
        await pilot.resize_terminal(width, 24)
        await desktop.settle(pilot)
        assert shown_money in head(desktop)
        assert ("today" in head(desktop)) is bool(shown_money)
        assert "What is a heat" in head(desktop)


@pytest.mark.parametrize(
    ("width", "shown_money"),
    [(110, "simulated today $1.1023 so far "), (84, " today $1.1023 so far "), (75, "today $1.1023… ")],
)
async def test_the_words_so_far_get_room_before_the_word_simulated(width: int, shown_money: str) -> None:
    desktop = Desktop(api=answers("Hello"), badge=LOCAL)
    async with desktop.running(width, 24) as pilot:
        await desktop.send(pilot, "What is a heat pump and what is it not?")
        await desktop.shows(pilot, "✓ completed")
        desktop.work.query_one(HeaderLine).set_money(("$1.1023 so far", "$1.1023…"))
        await desktop.until(pilot, lambda: shown_money in head(desktop))
        assert head(desktop).endswith("LOCAL"), head(desktop)


async def test_the_header_shows_credits_if_no_cost_is_reported() -> None:
    desktop = Desktop()
    desktop.limits.limit(Scope.DAY, "2")
    desktop.limits.limit(Scope.DAY, "20", CREDITS)
    desktop.ledger.charges.append(charge("a", credits=Decimal(8), final=True))
    async with desktop.running(120, 40) as pilot:
        await desktop.until(pilot, lambda: "today 8 of 20 credits " in head(desktop))


def covered(desktop: Desktop) -> Sequence[str]:
    """The places with amounts that a notice covers."""
    toasts = [toast.region for toast in desktop.app.screen.query("Toast")]
    assert toasts
    screen = desktop.app.screen
    widgets = {name: screen.query_one(name) for name in ("#header", "#entry", "#hint", "#side")}
    places = {name: one.region for name, one in widgets.items() if one.display}
    transcript = screen.query_one("#transcript").region
    # The newest receipt, and the line below it.
    places["receipt"] = transcript.crop_size((transcript.width, 2)).translate((0, transcript.height - 2))
    return [name for name, place in places.items() for toast in toasts if place.overlaps(toast)]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_passing_lines_cover_no_amount(size: tuple[int, int]) -> None:
    desktop = Desktop(api=answers("Hello. " * 400))
    async with desktop.running(*size) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        for kind in ("information", "warning", "error"):
            desktop.work.interaction.announce(f"Daily limit near: $4.25 of $5.00 (85%), {kind[:4]}.", kind)
        await desktop.until(pilot, lambda: len(desktop.app.screen.query("Toast")) == 3)
        await desktop.settle(pilot)
        assert covered(desktop) == []


async def test_a_first_turn_without_figures_is_counted_in_dollars() -> None:
    desktop = Desktop(api=answers("Hi"))
    desktop.ledger.charges = [
        charge("a", "0", credits=Decimal(0), final=True),
        charge("b", final=False),
    ]
    async with desktop.running(120, 40) as pilot:
        await desktop.until(pilot, lambda: "today $0.00 + 1 unknown " in head(desktop))


async def test_a_message_that_was_never_sent_does_not_hide_the_credits() -> None:
    desktop = Desktop()
    desktop.ledger.charges += [
        charge("a", credits=Decimal(8), final=True),
        charge("b", "0", credits=Decimal(0), final=True),
    ]
    async with desktop.running(120, 40) as pilot:
        await desktop.until(pilot, lambda: "today 8 credits " in head(desktop))
