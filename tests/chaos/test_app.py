"""The failure table through the screen: the real app, typed into, against the fault server."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from handinger_tui.cli.app import app_options
from handinger_tui.cli.args import parse
from handinger_tui.cli.load_settings import settings_for
from handinger_tui.core.export.result import result_object
from handinger_tui.core.jsontext import dump
from handinger_tui.core.jsontext import parse as parse_json
from handinger_tui.core.stream import ReadReason
from handinger_tui.core.turns.turn import DRAFT
from handinger_tui.ui.app import HandingerApp
from tests.chaos.adapter import outcome_of_turn
from tests.chaos.data import SCENARIOS, SHORT, limits_for
from tests.chaos.judge import broken, prompt_for
from tests.chaos.server import FaultServer
from tests.chaos.world import World
from tests.e2e.runner import KEY
from tests.ui.fakes import unpainted
from tests.ui.pilot import running, text_of

PATIENCE_S = 90.0
ON_SCREEN = (
    *("ok-stream", "ok-json-running", "two-text-parts", "slow-20-deltas", "lone-surrogate", "negative-costs"),
    *("null-everywhere", "error-event", "worker-error-object", "422-zod", "429-seconds"),
    *("503-retry-after-not-accepted", "200-html-captive-portal", "307-cross-origin-post"),
    *("rst-while-sending-body", "hang-before-headers-accepted", "drop-after-3-deltas", "drop-then-404"),
    *("drop-then-dead", "drop-then-key-refused", "drop-then-replays-that-grow", "replay-whole-history"),
    *("stall-worker-keeps-running", "two-turns-only-ours", "ours-waits-behind-another"),
    *("doubt-then-pending-for-ever", "doubt-then-busy-with-another-for-ever", "doubt-then-another-wording"),
)
"""Each kind of end, of error and of doubt that a screen shows. `test_scenarios.py` runs all scenarios."""
HEAVY = ("endless-stream", "gzip-bomb", "huge-event-50mb", "huge-json-body", "many-tiny-deltas")
"""Their limits are measured in a separate process, without a screen."""
NAMES = [
    pytest.param(name, marks=[] if name in ON_SCREEN else [pytest.mark.slow])
    for name, scenario in SCENARIOS.items()
    if scenario["op"] == "continue" and scenario.get("base") != "closed" and name not in HEAVY
]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of its own and the lab's short limits."""
    for name, value in {**SHORT, "HANDINGER_API_KEY": KEY, "HANDINGER_TUI_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


async def through_the_screen(world: World, base_url: str) -> tuple[list[str], str, str]:
    """Type the prompt and wait for the end; returns the failures,
    the text of the prompt and of the screen.
    """
    os.environ["HANDINGER_BASE_URL"] = base_url
    args = parse(["-w", world.worker_id])
    async with AsyncExitStack() as stack:
        app = HandingerApp(app_options(args, settings_for(args), stack))
        stack.enter_context(unpainted())
        async with running(app, size=(100, 60)) as pilot:
            begun = time.monotonic()
            async with asyncio.timeout(PATIENCE_S):
                while not app.work.controller.session_id:
                    await pilot.pause()
                app.work.prompt.text = prompt_for(world)
                await pilot.press("enter")
                engine, session_id = app.work.controller.engine, app.work.controller.session_id
                while not any(
                    t.request.prompt == prompt_for(world) for t in engine.session(session_id).turns
                ):
                    await pilot.pause()
                session = await engine.actor(app.work.controller.session_id).settled()
                turn = next(t for t in session.turns if t.request.prompt == prompt_for(world))
                seconds = time.monotonic() - begun
                while not app.work.scheduler.is_idle or (turn.status in DRAFT and not app.work.prompt.text):
                    await pilot.pause()
                screen_text = text_of(app)
            result = parse_json(dump(result_object(session, turn)))
            assert isinstance(result, dict)
            looks = await live_looks(app, turn.turn_id)
            return broken(world, outcome_of_turn(result), seconds, looks), app.work.prompt.text, screen_text


async def live_looks(app: HandingerApp, turn_id: str) -> int:
    """How many GETs brought figures to the screen while the turn ran: each is stored as a frame."""
    frames = await app.work.controller.engine.frames(turn_id)
    return sum(frame.event == ReadReason.MONEY for frame in frames)


@pytest.mark.parametrize("name", NAMES)
async def test_scenario_on_the_screen(
    name: str, server: FaultServer, service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, value in limits_for(SCENARIOS[name]).items():
        monkeypatch.setenv(limit, value)
    world = server.begin(SCENARIOS[name])
    failures, typed, screen_text = await through_the_screen(world, server.base_of(world))
    assert not failures, "\n".join(failures)
    expect = world.scenario["expect"]
    if expect.get("draft_preserved"):
        assert typed == prompt_for(world)
    final = expect.get("final_text")
    if final and final.isascii() and len(final) < 80:
        assert screen_text.count(final) == 1
    assert KEY not in screen_text
