"""Scenes about what answers rest on: sources, and data beside the text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screenshots.scene import Scene

MONTHS = ("January", "February", "March", "April", "May", "June")
ORDERS = "order,month,country,amount\n" + "".join(
    f"A-{1000 + at},{MONTHS[at % 6]},{('FR', 'NO', 'IN', 'BR')[at % 4]},{(at * 37) % 400 + 0.5}\n"
    for at in range(240)
)


async def sources(scene: Scene) -> None:
    """The panel by host, and the place in the answer that names the source under its cursor."""
    for count, prompt in enumerate(
        ("cite sources about http and streaming", "sources about csv and json"), 1
    ):
        await scene.say(prompt)
        await scene.answered(count)
    await scene.pilot.press("f3")
    await scene.pilot.pause(0.1)
    await scene.pilot.press("g", "home", "down", "m")
    await scene.pilot.pause(0.3)


async def data(scene: Scene) -> None:
    """The columns of an attached table, as the worker measured them."""
    await scene.connected()
    path = Path(os.environ["HANDINGER_TUI_HOME"], "orders.csv")
    path.write_text(ORDERS, encoding="utf-8")
    await scene.say(f"summarize @{path}")
    await scene.answered()
    await scene.command("/data")
    await scene.pilot.press("tab")
    await scene.pilot.pause(0.3)


SCENES = {"sources": sources, "data": data}
