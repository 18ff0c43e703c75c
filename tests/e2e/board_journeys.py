"""Journeys over the runs board in a real terminal, at three sizes and in three looks.

    python -m tests.e2e.board_journeys [--only NAME] [--into FOLDER]

Each screen is checked, and with `--into` kept as a text to look at. Not part of the usual run: 15 starts of
the program take minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from handinger_tui.core.jsontext import JsonObject, as_object
from handinger_tui.core.money.prediction import ENOUGH_TO_JUDGE
from handinger_tui.core.stream import Frame, Framing, Marker
from handinger_tui.core.turns.session import RemoteTurn, Session
from handinger_tui.core.turns.turn import TurnRequest, TurnStatus, outcome_object
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.local.repertoire import REPERTOIRE
from handinger_tui.local.server import LocalServer
from handinger_tui.local.turn_context import Rule, TurnContext
from tests.e2e.runner import run
from tests.e2e.terminal import Terminal, terminal

SIZES: Final = ((120, 40), (80, 24), (60, 20))
LOOKS: Final = {"dark": 'theme = "dark"', "light": 'theme = "light"', "no-color": ""}
"""The config file of each."""
PAINTED_S: Final = 0.8
DAY_MS: Final = 86_400_000
RELEASED = threading.Event()
"""The runs of `work` end."""


async def _work(context: TurnContext) -> None:
    """Call a tool every 0.3 seconds until the journey lets it end; each call costs $0.001."""
    while not RELEASED.is_set():
        await context.call_tool("web_search", {"query": "copper"}, lambda: "", lambda _result: {})
        await asyncio.sleep(0.3)
    await context.say("Copper rose by 3 percent.\n\nTwo mines closed.")


RULES: Final = (Rule("work", "", "", "", lambda context: context.text.startswith("work"), _work), *REPERTOIRE)


@dataclass
class Journey:
    """One start of the program on a history, in one look."""

    name: str
    look: str
    server: LocalServer
    home: Path
    into: Path | None
    posts: list[str] = field(default_factory=list)

    def request(self, method: str, path: str, body: object = None) -> JsonObject:
        """The answer of the service."""
        headers = {"Authorization": f"Bearer {self.server.api_key}", "Content-Type": "application/json"}
        connection = HTTPConnection(self.server.base_url.removeprefix("http://"))
        connection.request(
            method, f"/api/workers{path}", json.dumps(body).encode() if body else None, headers
        )
        answer = as_object(json.load(connection.getresponse()))
        connection.close()
        return answer

    def leave_running(self, *names: str) -> list[str]:
        """Start workers, and store them as a program that ended last evening left them; returns their ids."""
        prompts = {name: {"input": f"work on {name}", "budget": "unlimited"} for name in names}
        workers = {name: str(self.request("POST", "", body)["id"]) for name, body in prompts.items()}
        asyncio.run(_store(self.home / "history.db", self.server.base_url, workers))
        return [*workers.values()]

    def end(self, workers: list[str]) -> None:
        """Let the workers end, and wait until they have."""
        RELEASED.set()
        while any(self.request("GET", f"/{one}")["running"] for one in workers):
            time.sleep(0.1)

    def headless(self, *argv: str) -> str:
        """Run a command to its end; returns its output."""
        ran = run(*argv, home=self.home, base_url=self.server.base_url, key=self.server.api_key)
        assert ran.code == 0, ran
        return ran.out

    @contextlib.contextmanager
    def running(self, tmux: str, *argv: str) -> Iterator[Terminal]:
        """The program in a terminal."""
        (self.home / "config.toml").write_text(LOOKS[self.look], "utf-8")
        colors = {"NO_COLOR": "1"} if self.look == "no-color" else {}
        with terminal(tmux, *SIZES[0]) as window:
            account = {"HANDINGER_BASE_URL": self.server.base_url, "HANDINGER_API_KEY": self.server.api_key}
            window.run(*argv, home=self.home, **account, **colors)
            yield window

    def look_at(self, window: Terminal, step: str, shows: Callable[[str], bool]) -> None:
        """Check the screen at each size, the widest last again."""
        for columns, rows in (*SIZES, SIZES[0]):
            window.resize(columns, rows)
            # What was on the screen stays there, cut, until it is painted for the new size.
            time.sleep(PAINTED_S)
            screen = window.until(shows, step)
            assert max(map(len, screen.split("\n"))) <= columns, screen
            if self.into is not None:
                colored = window.colored if columns == SIZES[0][0] else screen
                path = self.into / f"{self.name}-{step}-{self.look}-{columns}x{rows}.txt"
                path.write_text(colored, "utf-8")
        has_escapes = "\x1b[38;" in window.colored or "\x1b[48;" in window.colored
        assert has_escapes == (self.look != "no-color"), f"colors of {self.look}"


async def _store(database: Path, base_url: str, workers: dict[str, str]) -> None:
    ledger = Ledger(database)
    await ledger.start()
    now_ms = time.time_ns() // 1_000_000 - DAY_MS // 3
    head = {"via": "post", "status": 200, "content_type": "text/event-stream"}
    end = json.dumps(outcome_object(TurnStatus.RUNNING, None))
    for name, worker_id in workers.items():
        request = TurnRequest(f"turn_{name}", f"work on {name}", now_ms, seen_before=0)
        opened = json.dumps({**head, "worker_id": worker_id})
        frames = (
            Frame(0, now_ms, Framing.NOTE, "{}", Marker.SENDING),
            Frame(1, now_ms, Framing.NOTE, opened, Marker.OPENED),
            Frame(2, now_ms, Framing.NOTE, end, Marker.SETTLED),
        )
        session = Session(f"ses_{name}", now_ms, worker_id, base_url=base_url, title=f"About {name}")
        await ledger.adopt(session, [RemoteTurn(request, frames)])
    await ledger.aclose()


def open_board(window: Terminal) -> None:
    """Open the board; a key that is pressed while the program starts may be meant for another screen."""
    window.until(_has("127.0.0.1", "Enter Send"), "the first session")
    window.press("F7")
    window.shows("known on this computer")


def _has(*texts: str) -> Callable[[str], bool]:
    return lambda screen: all(text in screen for text in texts)


# -- the journeys ----------------------------------------------------------------------------------
def the_morning_after(journey: Journey, tmux: str) -> None:
    """Runs that ended in the night are said with their cost, and are unread on the board."""
    journey.end(journey.leave_running("copper", "tea", "rain"))
    with journey.running(tmux) as window:
        window.until(_has("2 runs", "while you were"), "what ended")
        journey.look_at(window, "start", _has("Ask a worker"))
        open_board(window)
        window.until(_has("About copper", "About tea", "2 unread"), "the board")
        journey.look_at(window, "board", _has("About copper", "unread"))
        window.press("Space")
        window.shows("Two mines closed.")
        journey.look_at(window, "peek", _has("Two mines closed."))
        window.press("Escape")
        window.press("Escape")
        window.press("C-s")
        window.until(_has("Today", "About copper"), "the sessions")
        journey.look_at(window, "sessions", _has("About copper", "Today"))


def ten_runs(journey: Journey, tmux: str) -> None:
    """All of them are followed, each with its last event and its cost."""
    journey.leave_running(*(f"topic{number}" for number in range(10)))
    with journey.running(tmux) as window:
        open_board(window)
        window.until(lambda screen: "10 running" in screen and screen.count("web_search") >= 9, "ten runs")
        journey.look_at(window, "board", _has("10 running"))
        window.press("x")
        window.shows("No stop key")
        journey.look_at(window, "stop", _has("No stop key"))


def a_runaway(journey: Journey, tmux: str) -> None:
    """A run that costs three times what is usual rings, is marked, and offers what can be done."""
    for number in range(ENOUGH_TO_JUDGE):
        journey.headless("-p", f"echo {number}")
    journey.leave_running("copper")
    with journey.running(tmux) as window:
        window.shows("usually")
        journey.look_at(window, "start", _has("1 needs you"))
        open_board(window)
        window.until(_has("unusual cost", "About copper"), "the marked row")
        journey.look_at(window, "board", _has("unusual cost"))
        window.press("z")
        window.until(_has("Snoozed for an hour."), "the snoozed row")
        journey.look_at(window, "snoozed", _has("Snoozed"))


def a_reply_from_the_row(journey: Journey, tmux: str) -> None:
    """`r` opens the session with its prompt and a price; one Enter sends one message, into the queue."""
    journey.leave_running("copper", "tea")
    with journey.running(tmux) as window:
        open_board(window)
        window.until(_has("2 running", "About copper"), "the board")
        window.press("r")
        window.shows("Nothing is sent until Enter.")
        journey.look_at(window, "prompt", _has("Enter"))
        window.type("echo And tin?")
        window.shows("echo And tin?")
        window.press("Enter")
        window.until(_has("1  echo And tin?"), "the queued reply")
        journey.look_at(window, "queued", _has("echo And tin?"))
        RELEASED.set()
        window.until(lambda screen: "❯ echo And tin?" in screen, "the reply, sent once the run has ended")
        journey.look_at(window, "sent", _has("And tin?"))
        assert window.screen.count("❯ echo And tin?") == 1


def a_schedule_that_ran_at_night(journey: Journey, tmux: str) -> None:
    """Its cost is seen as nobody's until what it did is read; the workers generation names no schedule."""
    journey.headless("-p", "echo first")
    session = json.loads(journey.headless("sessions", "--json"))["sessions"][0]
    journey.headless("schedules", "add", session["worker_id"], "echo by night", "--in", "1s", "--yes")
    time.sleep(3)
    with journey.running(tmux, "-c") as window:
        window.shows("1 needs you")
        open_board(window)
        window.until(_has("unassigned cost", "/attach"), "the reason and its act")
        journey.look_at(window, "board", _has("unassigned cost"))
        window.press("Enter")
        window.until(lambda screen: "known on this computer" not in screen, "the session")
        window.type("/attach")
        window.shows("/attach")
        window.press("Enter")
        window.until(_has("❯ echo by night", "sent elsewhere"), "what the schedule started")
        journey.look_at(window, "session", _has("by night", "sent elsewhere"))
        window.until(lambda screen: "needs you" not in screen, "nothing is left")


JOURNEYS: Final = (the_morning_after, ten_runs, a_runaway, a_reply_from_the_row, a_schedule_that_ran_at_night)


def main() -> int:
    """Go on all journeys, or on one; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.board_journeys")
    parser.add_argument("--only", choices=[one.__name__ for one in JOURNEYS])
    parser.add_argument("--look", choices=LOOKS)
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    tmux = shutil.which("tmux")
    if tmux is None:
        print("needs tmux")
        return 1
    if options.into is not None:
        options.into.mkdir(parents=True, exist_ok=True)
    failed = 0
    for one in JOURNEYS:
        for look in LOOKS:
            if options.only in (None, one.__name__) and options.look in (None, look):
                failed += not _went_well(one, look, tmux, options.into)
    print(f"{failed} failed")
    return int(failed > 0)


def _went_well(one: Callable[[Journey, str], None], look: str, tmux: str, into: Path | None) -> bool:
    RELEASED.clear()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, LocalServer.start(pace=0.1, rules=RULES) as server:
        try:
            one(Journey(one.__name__, look, server, Path(home), into), tmux)
        except AssertionError as problem:
            print(f"✗ {one.__name__} {look}: {problem}", flush=True)
            return False
        finally:
            RELEASED.set()
    print(f"✓ {one.__name__} {look}  {time.monotonic() - began:.0f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
