"""Money against the fault server: counters move while a turn runs, gaps stay gaps, and a limit holds."""

from __future__ import annotations

import os
import threading
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.cli.app import app_options
from handinger_tui.cli.args import parse
from handinger_tui.cli.load_settings import settings_for
from handinger_tui.core.money.usage_view import UsageView
from handinger_tui.ui.app import HandingerApp
from tests.chaos.test_app import service
from tests.e2e.runner import Ran, run
from tests.ui.pilot import running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.server import FaultServer
    from tests.chaos.world import World

__all__ = ["service"]

POLL = {"HANDINGER_POLL_INTERVAL": "0.03"}
DELTAS = 9


def reading(usd: float | None, **members: Any) -> list[dict[str, Any]]:
    usage = {"totalTokens": 10, **({} if usd is None else {"costUsd": usd}), **members}
    return [{"worker": {"usage": usage, "costs": {}}}]


def slow_turn(
    *readings: list[dict[str, Any]],
    before: list[dict[str, Any]] | None = None,
    may_end: threading.Event | None = None,
) -> dict[str, Any]:
    """A worker that reports `readings` one after the other, and a stream that continues as they are read.

    It ends after that, or once `may_end` is set.
    """
    stream: list[dict[str, Any]] = [{"head": {}}, {"accept": {}}, {"open": 1}]
    for at in range(DELTAS):
        stream += [{"deltas": [at, at + 1]}, {"after_gets": min(at + 1, len(readings))}]
    ends: list[dict[str, Any]] = [
        *([] if may_end is None else [{"event": may_end}]),
        {"sse": {"type": "text-end", "id": "t1"}},
        {"sse": {"type": "finish"}},
        {"complete": 1},
        {"end": 1},
    ]
    looks = {"pre_get": [before or reading(0)], "get": list(readings)}
    return {"id": "slow", "op": "continue", "server": {"continue": [stream + ends], **looks}}


def headless(world: World, server: FaultServer, home: Path, *argv: str, **environ: str) -> Ran:
    base_url = server.base_of(world)
    return run("-w", world.worker_id, "-p", "go", *argv, home=home, base_url=base_url, **POLL | environ)


def test_a_cost_limit_is_reported_while_the_turn_runs(server: FaultServer, tmp_path: Path) -> None:
    world = server.begin(slow_turn(reading(0.2), reading(0.5), reading(0.85), reading(1.1), reading(1.2)))
    # Longer than output waits: each reading is printed before the next one, on a slow machine too.
    rarely = {"HANDINGER_POLL_INTERVAL": "0.2"}
    ran = headless(world, server, tmp_path, "--output-format", "stream-json", "--max-cost", "1", **rarely)
    lines = [line["type"] for line in ran.lines]
    costs = [
        line["usage"]["cost_usd"] for line in ran.lines[: lines.index("finish")] if line["type"] == "usage"
    ]
    assert len(set(costs)) >= 3, costs
    assert (ran.err.count("limit near"), ran.err.count("limit reached")) == (1, 1)
    assert (ran.code, ran.result["status"], world.posts) == (5, "completed", 1)
    again = headless(world, server, tmp_path, "--json", "--max-cost", "1")
    assert (again.code, again.result["error"]["kind"], world.posts) == (5, "cost_limit", 1)


def test_an_unreported_cost_is_not_zero_and_blocks_nothing(server: FaultServer, tmp_path: Path) -> None:
    world = server.begin(slow_turn(reading(None), before=reading(None)))
    ran = headless(world, server, tmp_path, "--json", "--max-cost", "1")
    assert (ran.code, ran.result["usage"]["cost_usd"], ran.result["turn_usage"]["cost_usd"]) == (
        0,
        None,
        None,
    )
    assert "the cost is unknown" in ran.err
    total = run("costs", "--json", home=tmp_path).result["total"]
    assert (total["cost_usd"], total["unpriced_turns"]) == (None, 1)


def test_a_decreasing_figure_is_read_as_the_cost_of_each_turn(server: FaultServer, tmp_path: Path) -> None:
    world = server.begin(slow_turn(reading(0.3), before=reading(5)))
    ran = headless(world, server, tmp_path, "--json", "--max-cost", "4")
    assert (ran.code, ran.result["turn_usage"]["cost_usd"]) == (0, "0.3")
    assert run("costs", "--json", home=tmp_path).result["total"]["cost_usd"] == "0.3"


async def test_counters_move_on_the_screen_and_the_limit_holds(
    server: FaultServer,
    service: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HANDINGER_POLL_INTERVAL", "0.2")
    monkeypatch.setenv("HANDINGER_LIMIT_SESSION_USD", "1")
    may_end = threading.Event()
    scenario = slow_turn(reading(0.2), reading(0.5), reading(0.85), may_end=may_end)
    world = server.begin(scenario)
    os.environ["HANDINGER_BASE_URL"] = server.base_of(world)
    args = parse(["-w", world.worker_id])
    async with AsyncExitStack() as stack:
        app = HandingerApp(app_options(args, settings_for(args), stack))
        async with running(app, size=(120, 40), notifications=True) as pilot:
            while not app.work.controller.session_id:
                await pilot.pause()
            desk = app.work.controller
            figures: list[str] = []

            def look(session_id: str) -> None:
                figure = UsageView.of(desk.engine.session(session_id)).own.money.usd
                figures.extend([str(figure)] if desk.session.busy and figure is not None else [])

            # Every published value is painted next; sampling the paints would miss some under load.
            desk.engine.subscribe(look)
            app.work.prompt.text = "go"
            await pilot.press("enter")
            # A notice disappears after a while: each is collected as it appears.
            notices: dict[str, str] = {}
            while not any(turn.request.prompt == "go" for turn in desk.session.turns) or desk.session.busy:
                await pilot.pause()
                notices |= {note.identity: note.message for note in app._notifications}
                if not may_end.is_set() and any("limit near" in line for line in notices.values()):
                    # A busy machine reads the limits less often than the worker, and each has to be seen.
                    scenario["server"]["get"].append(reading(1.2))
                    may_end.set()
            assert len(set(figures)) >= 3, set(figures)
            await desk.engine.actor(desk.session_id).settled()
            app.work.prompt.text = "once more"
            await pilot.press("enter")
            while app.screen is app.work:
                await pilot.pause()
            assert world.posts == 1
            assert app.work.prompt.text == "once more"
            notices |= {note.identity: note.message for note in app._notifications}
            assert sum("limit near" in line for line in notices.values()) == 1, notices
