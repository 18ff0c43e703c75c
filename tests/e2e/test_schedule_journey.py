"""A schedule with its price, and a webhook with its deliveries, in a real terminal (tasks generation)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.terminal import Terminal, terminal
from tests.web import receiving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.terminal
SCHEDULE = "/schedule every 1d Report on tea"


def send(window: Terminal, text: str) -> None:
    window.type(text)
    window.shows(text[:60])
    window.press("Enter")


def add_a_schedule(window: Terminal) -> None:
    """An accidental Enter adds nothing."""
    send(window, SCHEDULE)
    window.until(
        lambda screen: (
            "Add this schedule?" in screen and "credits a month" in screen and "Next run: " in screen
        ),
        "the question with the price",
    )
    window.press("Enter")
    window.shows("Nothing was added.")
    send(window, SCHEDULE)
    window.shows("Add this schedule?")
    window.press("Right", "Enter")
    window.shows("Added. Next run: ")
    send(window, "/schedule")
    window.until(
        lambda screen: (
            "every 1 d" in screen and "Report on tea" in screen and "1 schedule · about " in screen
        ),
        "the page with one schedule",
    )
    window.press("Escape")
    window.until(lambda screen: "Report on tea" not in screen, "the page is closed")


def look_at_deliveries(window: Terminal, address: str, tokens: list[str]) -> None:
    """The first delivery fails, and the page says why."""
    send(window, f"/webhook {address}")
    window.shows("The address was set.")
    send(window, "echo two")
    window.until(lambda _: len(tokens) == 1, "the delivery")
    window.until(lambda text: "completed" in text, "the answer")
    send(window, "/webhook")
    window.shows("Webhook   worker")

    def has_failed(text: str) -> bool:
        # The service records a delivery after the receiver has answered.
        if "No deliveries yet." in text:
            window.press("r")
        return "✗ 500" in text and "The receiver responded with status 500." in text

    screen = window.until(has_failed, "the reason")
    assert "hidden, ends in" in screen
    assert tokens[0] not in screen
    window.press("t")
    window.shows(tokens[0])


def test_a_schedule_and_a_webhook(tmux: str, tmp_path: Path) -> None:
    with receiving(500) as receiver, terminal(tmux, 100, 32) as window:
        window.run("--local", home=tmp_path, HANDINGER_GENERATION="tasks", HANDINGER_LOCAL_PACE="0")
        window.shows("LOCAL")
        send(window, "echo one")
        window.until(lambda screen: "completed" in screen and "1 turn" in screen, "the answer and its price")
        add_a_schedule(window)
        look_at_deliveries(window, receiver.url, receiver.tokens)
