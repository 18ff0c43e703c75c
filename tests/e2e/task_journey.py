"""A journey through the tasks generation in a real terminal, from a new worker to deliveries of its webhook.

`screenshots/terminal.py` takes its pictures along the same journey.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from tests.e2e.runner import run
from tests.e2e.terminal import PATIENCE_S
from tests.web import Receiver, receiving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.accounts import Account
    from tests.e2e.terminal import Terminal

SCHEMA: Final = '{"properties": {"answer": {"type": "string"}}}'
SILENCE_S: Final = 300
"""Seconds at pace 1."""


def listener() -> AbstractContextManager[Receiver]:
    """A webhook that accepts every delivery but the second."""
    return receiving(204, 503, path="/handinger")


def say(window: Terminal, text: str) -> None:
    """Type a line into the empty prompt, and press Enter."""
    window.shows("Ask a worker…")
    window.type(text)
    window.shows(text)
    window.press("Enter")


Photo = Callable[[str], None]


def _nothing(_name: str) -> None:
    """Take no picture."""


def travel(window: Terminal, account: Account, home: Path, hook: str, photo: Photo = _nothing) -> None:
    """Make the complete journey; `photo(name)` is called at every page worth a picture."""
    window.shows("Messages go to")
    _make_worker(window, photo)
    _talk(window, hook, photo)
    _look_at_triggers(window, photo)
    # A task that a schedule started belongs to the same worker.
    say(window, f"/attach {scheduled_task(account, home)}")
    window.shows("started by a schedule")
    photo("8-scheduled")
    say(window, "/workers")
    window.until(
        lambda screen: all(
            words in screen
            for words in ("Tasks", "Output schema", "Esc Close", "nothing changed", "one pump")
        ),
        "both tasks of the worker",
    )
    photo("9-gallery")
    window.press("Escape")
    window.shows("Ask a worker…")


def _make_worker(window: Terminal, photo: Photo) -> None:
    """A worker from a prompt, with an output schema."""
    say(window, "/workers")
    window.shows("No workers yet")
    window.press("n")
    window.shows("What is it for?")
    window.paste("Watch the prices of heat pumps and say what changed.")
    window.press("Tab")
    window.type("Price watch")
    window.press("Tab", "Tab", "Tab")
    window.type(SCHEMA)
    window.shows('"string"')
    photo("1-new")
    window.press("C-s")
    window.shows("Stored: Price watch")
    window.shows("Output schema")
    photo("2-stored")


def _talk(window: Terminal, hook: str, photo: Photo) -> None:
    """A task of the worker with structured output, a follow-up, and minutes without output."""
    window.press("Enter")
    window.shows("New task of “Price watch”")
    say(window, "echo one pump is cheaper")
    window.shows("structured output")
    say(window, f"/webhook {hook}")
    window.shows("The address was set")
    say(window, "report on prices")
    window.until(
        lambda screen: bool(re.search(r"\d credits( so far)? · 3 files", screen)),
        "the receipt with its files",
    )
    photo("3-follow-up")
    window.press("F5")
    window.shows("2 of 2")
    photo("4-structured")
    window.press("Escape")
    say(window, f"silent {SILENCE_S}")
    window.shows("working…")
    photo("5-silent")
    window.shows(f"I said nothing for {SILENCE_S} seconds")


def _look_at_triggers(window: Terminal, photo: Photo) -> None:
    """A schedule, with its price before it is added, and the deliveries of the webhook."""
    say(window, "/schedule every 1d Read the prices and say what changed")
    window.shows("Add schedule")
    photo("6-schedule")
    window.press("Right", "Enter")
    window.until(lambda screen: "a month" not in screen, "the end of the question")
    say(window, "/webhook")
    window.shows("503")
    photo("7-deliveries")
    window.press("Escape")


def scheduled_task(account: Account, home: Path) -> str:
    """The id of a task that a schedule of the worker starts, taken from a delivery of its webhook."""
    [session] = run("sessions", "list", "--json", home=home).result["sessions"]
    path = f"/api/workers/{session['worker_id']}"
    when = {"type": "delayed", "delayInSeconds": 1}
    account.post(f"{path}/schedules", {"input": "echo nothing changed", "when": when})
    end = time.monotonic() + PATIENCE_S
    while True:
        deliveries = account.get(f"{path}/webhook/executions").json()["logs"]
        begun = [one["taskId"] for one in deliveries if one["taskId"] not in (None, session["task_id"])]
        if begun:
            return str(begun[0])
        assert time.monotonic() < end, deliveries
        time.sleep(0.1)
