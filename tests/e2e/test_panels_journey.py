"""The panels in a real terminal: tabs instead of the answer, another width, Esc while a turn runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.terminal import Terminal, terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.terminal
TABS = "Usage & cost F2   Sources"


def ask_for_sources(window: Terminal) -> None:
    window.shows("LOCAL")
    window.type("Find sources about terminals")
    window.press("Enter")
    window.until(
        lambda screen_text: "completed" in screen_text and "5 sources" in screen_text,
        "the answer with its sources",
    )


def go_through_the_tabs(window: Terminal, total: str) -> None:
    """F keys, Tab and Esc, with an unfinished message in the prompt."""
    window.type("half a message")
    window.shows("half a message")
    for key, words in (("F2", total), ("F3", "docs.python.org"), ("F4", "No files yet.")):
        window.press(key)
        expected = (TABS, words, "half a message", "Browsing: ", "Esc Back")
        window.until(lambda screen_text: all(one in screen_text for one in expected), words)  # noqa: B023 - called at once
    window.press("Tab")
    window.shows(total)
    window.press("Escape")
    window.until(
        lambda screen_text: TABS not in screen_text and "Built-in links" in screen_text, "the answer again"
    )
    window.type(", and its end")
    window.shows("half a message, and its end")
    window.press("C-c")
    window.until(lambda screen_text: "half a message" not in screen_text, "the prompt is cleared")


def change_the_width(window: Terminal) -> None:
    """The panel and its cursor stay at every width."""
    window.press("F3", "Down")
    window.until(lambda screen_text: TABS in screen_text and "›2 " in screen_text, "the second source")
    window.resize(120, 40)
    window.until(
        lambda screen_text: (
            "─ Sources F3 ─" in screen_text and "›2 " in screen_text and "Built-in links" in screen_text
        ),
        "beside it",
    )
    window.resize(60, 20)
    window.until(
        lambda screen_text: (
            TABS in screen_text and "›2 " in screen_text and "Built-in links" not in screen_text
        ),
        "in its place",
    )
    window.resize(80, 24)
    window.press("F3")
    window.until(
        lambda screen_text: TABS not in screen_text and "Built-in links" in screen_text, "the same key closes"
    )


def leave_a_panel_while_a_turn_runs(window: Terminal) -> None:
    """Esc closes the panel before it asks about the turn."""
    window.type("long 60")
    window.press("Enter")
    window.shows("Esc Stop watching")
    window.press("F2")
    window.until(
        lambda screen_text: TABS in screen_text and "Esc Back" in screen_text and "working" in screen_text,
        "the figures",
    )
    window.press("Escape")
    window.until(
        lambda screen_text: TABS not in screen_text and "Esc Stop watching" in screen_text, "the answer again"
    )
    window.press("Escape")
    window.shows("keeps running")
    window.press("Escape")
    window.until(lambda screen_text: "keeps running" not in screen_text, "the question is gone")


@pytest.mark.parametrize(
    ("density", "generation"),
    [pytest.param("normal", "workers", marks=pytest.mark.slow), ("compact", "tasks")],
)
def test_panels_of_a_narrow_terminal(tmux: str, density: str, generation: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f'density = "{density}"\n')
    with terminal(tmux, 80, 24) as window:
        window.run(home=tmp_path, HANDINGER_GENERATION=generation)
        ask_for_sources(window)
        assert ("╭" in window.screen) is (density == "normal")
        go_through_the_tabs(window, "Cost basis: ")
        if density == "normal":
            change_the_width(window)
        leave_a_panel_while_a_turn_runs(window)
        window.press("C-c", "C-c")
        window.shows("exit=")
