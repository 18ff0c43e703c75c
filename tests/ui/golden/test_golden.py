"""Every main state of the app at four sizes, as text that people read in a diff.

`UPDATE_GOLDEN=1 pytest tests/ui/golden` writes the text again. Only the dark theme is stored as text: the
words and places of the others are the same, so what they may get wrong, colors, is checked by rules.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.pilot import Pilot

from handinger_tui.ui.panels import Sidebar
from handinger_tui.ui.panels.usage import UsagePanel
from tests.ui.fakes import Desktop
from tests.ui.golden.rules import (
    NO_COLOR,
    Screen,
    broken_rules,
    links_and_money_have_their_colors,
    text_is_legible,
)
from tests.ui.golden.states import STATES, Kind, State

FOLDER: Final = Path(__file__).parent / "screens"
SIZES: Final = ((60, 20), (80, 24), (200, 60), (120, 40))
"""The one with all panels beside the answer comes last: light and without colors it is looked at, too."""
THEME: Final = "handinger-dark"
LIGHT: Final = "handinger-light"


async def settle(desktop: Desktop, pilot: Pilot[None]) -> None:
    """Wait until everything is painted, no notice remains, and the panels have the time of a running turn."""
    desktop.app.clear_notifications()
    await desktop.settle(pilot)
    # A dialog scrolls smoothly to the field that gets the focus.
    await pilot.wait_for_scheduled_animations()
    await desktop.until(pilot, lambda: has_time(desktop.work.sidebar))


def has_time(sidebar: Sidebar) -> bool:
    """Whether the clock of a running turn has ticked for the usage panel since it is displayed."""
    rows = sidebar.panel(UsagePanel).rows
    began_ms = rows.view.began_ms if rows.view is not None else None
    return not sidebar.display or began_ms is None or rows.now_ms is not None


async def looked_at(desktop: Desktop, pilot: Pilot[None], state: State, theme: str = "") -> Screen:
    """The current screen in that state."""
    await settle(desktop, pilot)
    return Screen.of(desktop.app, state.name, theme, state.kind)


@pytest.mark.usefixtures("greenwich")
@pytest.mark.parametrize("state", STATES, ids=[state.name for state in STATES])
async def test_the_screen_is_as_kept_and_follows_the_rules(state: State) -> None:
    desktop = state.desktop()
    screens: list[Screen] = []
    async with desktop.running(*SIZES[0]) as pilot:
        await state.steps(desktop, pilot)
        for size in SIZES:
            await pilot.resize_terminal(*size)
            if state.show:
                await settle(desktop, pilot)
                await pilot.press(*state.show)
            screens.append(await looked_at(desktop, pilot, state))
            if state.leave and size != SIZES[-1]:
                await pilot.press(*state.leave)
        kept = [line for screen in sorted(screens, key=lambda one: one.width) for line in screen.page()]
        desktop.app.theme = LIGHT
        screens.append(await looked_at(desktop, pilot, state, LIGHT))
        desktop.app.no_color, desktop.app.theme = True, THEME
        screens.append(await looked_at(desktop, pilot, state, NO_COLOR))
    path = FOLDER / f"{state.name}.txt"
    text = "\n".join(kept) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
    broken = [f"{screen.title}: {rule}" for screen in screens for rule in broken_rules(screen)]
    assert not broken, "\n".join(broken)
    assert text == path.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("greenwich")
@pytest.mark.parametrize("size", SIZES[:-1], ids=str)
@pytest.mark.parametrize("state", STATES, ids=[state.name for state in STATES])
async def test_the_rules_hold_at_every_size_light_and_without_colors(
    state: State, size: tuple[int, int]
) -> None:
    desktop = state.desktop()
    async with desktop.running(*SIZES[0]) as pilot:
        await state.steps(desktop, pilot)
        await pilot.resize_terminal(*size)
        if state.show:
            await settle(desktop, pilot)
            await pilot.press(*state.show)
        desktop.app.theme = LIGHT
        screens = [await looked_at(desktop, pilot, state, LIGHT)]
        desktop.app.no_color, desktop.app.theme = True, THEME
        screens.append(await looked_at(desktop, pilot, state, NO_COLOR))
    broken = [f"{screen.title}: {rule}" for screen in screens for rule in broken_rules(screen)]
    assert not broken, "\n".join(broken)


def test_no_screen_is_kept_that_no_state_shows() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {state.name for state in STATES}


BOX: Final = ("╭──────╮", "│ Type │", "╰──────╯")


def drawn(*lines: str, kind: Kind = Kind.WORK, theme: str = "") -> Screen:
    """A screen of these lines, with the prompt in the three lines before the last two."""
    width = max(map(len, lines))
    rows = tuple((Segment(line.ljust(width), Style(color="#ffffff", bgcolor="#000000")),) for line in lines)
    prompt = Region(0, len(lines) - 5, len(BOX[0]), 3)
    return Screen("made", theme, rows, width, Region(0, 0, width, len(lines)), kind, prompt, lines[-2])


@pytest.mark.parametrize(
    ("screen", "broken"),
    [
        (drawn(*BOX, "? help", " Enter Send  F1 Help"), ""),
        (drawn("╭────╭─╮", "│ Ty │ │", "╰────╰─╯", "", " Enter Send  F1 Help"), "the prompt is covered"),
        (drawn("╭──╮", *BOX, "", " Enter Send  F1 Help"), "leads to nothing"),
        (drawn(*BOX, "", " Enter Send"), "no footer"),
        (drawn(*BOX, "", " Enter Send  Enter Open"), "Enter stands 2 times"),
        (drawn(*BOX, "Enter sends · ? help", " Enter Send  F1 Help"), "said twice: enter send"),
        (drawn("Browsing: Usag", *BOX, "", " Enter Send  F1 Help"), "cut: “Usag”"),
        (
            drawn("turn unknown so far · session unknown so far", *BOX, "", " Enter Send  F1 Help"),
            "“unknown so far” is said 2 times",
        ),
        (
            drawn("╭─ Help ─╮", "│        │", "╰────────╯", *BOX, "", " Enter Send  F1 Help"),
            "an empty panel: ╭─ Help",
        ),
        (drawn(*BOX, "", " Enter Send  F1 Help", theme=NO_COLOR), "a color"),
        (drawn(*BOX, "", " Enter Send  F1 Help", theme=LIGHT), "0 of 100 cells are light"),
    ],
)
def test_every_rule_can_be_broken(screen: Screen, broken: str) -> None:
    violations = list(broken_rules(screen))
    assert bool(violations) == bool(broken)
    assert broken in "\n".join(violations)


def test_a_color_with_two_meanings_is_noticed() -> None:
    screen = drawn(*BOX, "", " Enter Send  F1 Help")
    for segment in (
        Segment(" 1 ", Style(color="#000000", bgcolor="#93b7ff")),
        Segment(" new", Style(color="#f2bd6b", bgcolor="#000000")),
    ):
        assert list(links_and_money_have_their_colors(screen._replace(rows=((segment,),)))) != []


def test_faint_text_is_noticed() -> None:
    screen = drawn(*BOX, "", " Enter Send  F1 Help")
    faint = Segment("faint", Style(color="#444444", bgcolor="#000000"))
    assert list(text_is_legible(screen._replace(rows=((faint,),)))) != []
