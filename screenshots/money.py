"""Scenes about money: the cost of turns while they run, afterwards, and in total."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.ui.spending.limit_dialogs import RaiseLimit

if TYPE_CHECKING:
    from screenshots.scene import Scene


async def spending(scene: Scene) -> None:
    """The panel of usage and cost while a turn runs, with turns before it."""
    for count, prompt in enumerate(("hello", "cite sources about tea", "report on tea"), 1):
        await scene.say(prompt)
        await scene.answered(count)
    await scene.command("/limit session 0.05")
    await scene.say("report on primes, with a chart")
    await scene.until(lambda: len(scene.turns) == 4 and scene.turns[-1].snapshot is not None)
    await scene.until(lambda: len(scene.turns[-1].text) > 200)
    scene.app.clear_notifications()
    if scene.narrow:
        await scene.pilot.press("ctrl+b")
    await scene.pilot.pause(0.3)


async def receipt(scene: Scene) -> None:
    """Everything about one turn."""
    for count, prompt in enumerate(
        ("report on tea", "cite sources", "report on prices", "report on primes"), 1
    ):
        await scene.say(prompt)
        await scene.answered(count)
    await scene.command("/receipt")


async def ledger(scene: Scene) -> None:
    """All spending, day by day."""
    await scene.command("/limit day 0.50")
    await scene.command("/ledger")
    await scene.pilot.pause(0.3)


async def charts(scene: Scene) -> None:
    """Its charts, where there is no room for them beside the table."""
    await ledger(scene)
    await scene.pilot.press("c")
    await scene.pilot.pause(0.3)


async def turns(scene: Scene) -> None:
    """Turn by turn."""
    await ledger(scene)
    await scene.pilot.press("t")
    await scene.pilot.pause(0.3)


async def suspense(scene: Scene) -> None:
    """Suspense by worker, and the question which turn it belongs to."""
    await ledger(scene)
    await scene.pilot.press("w")
    await scene.pilot.pause(0.3)
    await scene.pilot.press("a")
    await scene.pilot.pause(0.3)


async def restated(scene: Scene) -> None:
    """A decision on what the figures mean changes closed amounts: the session says so."""
    for count, prompt in enumerate(("report on tea", "cite sources about tea"), 1):
        await scene.say(prompt)
        await scene.answered(count)
    await scene.command("/reading per-turn")
    await scene.until(lambda: bool(scene.app._notifications))
    await scene.pilot.pause(0.3)


async def reserved(scene: Scene) -> None:
    """Limits while a turn runs: what it has reserved is not free."""
    for wish in ("day 2", "month 30"):
        await scene.command(f"/limit {wish}")
    await scene.say("long 400")
    await scene.until(lambda: len(scene.turns[-1].text) > 200)
    await scene.pilot.pause(1.2)
    await scene.command("/limit")


async def budgets(scene: Scene) -> None:
    """The levels of budget side by side, and the month's end."""
    await scene.command("/budgets")
    await scene.pilot.pause(0.3)


async def limits(scene: Scene) -> None:
    """Every limit and how far it is used."""
    for wish in ("turn 0.05", "session 100 credits", "day 0.20"):
        await scene.command(f"/limit {wish}")
    await scene.say("report on primes, with a chart")
    await scene.answered()
    await scene.command("/limit worker 0.008")
    await scene.command("/limit")


async def raising(scene: Scene) -> None:
    """A message that a limit holds back."""
    # Such a report costs some $0.008, and a part of that depends on how long its chart takes.
    await scene.command("/limit day 0.007")
    await scene.say("report on primes, with a chart")
    await scene.answered()
    await scene.command("cite sources about python and http")
    await scene.until(lambda: isinstance(scene.app.screen, RaiseLimit))


async def unlimited(scene: Scene) -> None:
    """The budget without a bound asks first."""
    await scene.command("/budget unlimited")
    await scene.pilot.pause(0.3)


SCENES = {
    "spending": spending,
    "receipt": receipt,
    "ledger": ledger,
    "charts": charts,
    "turns": turns,
    "suspense": suspense,
    "restated": restated,
    "reserved": reserved,
    "budgets": budgets,
    "limits": limits,
    "raise": raising,
    "unlimited": unlimited,
}
"""Scenes that are also taken without colors."""
WITH_A_PAST = (ledger, charts, turns, suspense, reserved, budgets, unlimited)
