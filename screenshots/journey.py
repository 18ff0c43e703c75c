"""Scenes of one way: a table is attached, the result is viewed and saved, the sources are opened."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from textual.events import Paste

if TYPE_CHECKING:
    from collections.abc import Iterator

    from screenshots.scene import Scene

CITIES = ("Graz", "Oslo", "Turku")


@contextmanager
def folder() -> Iterator[Path]:
    """A folder with files, and in it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        rows = [
            f"2026-10-{day:02},{CITIES[day * day % 7 % 3]},{day * 7 % 23 + 3},{day * 13 % 40 / 10 + 2:.2f}"
            for day in range(1, 31)
        ]
        (place / "sales.csv").write_text("\n".join(["day,city,units,price", *rows]) + "\n", encoding="utf-8")
        (place / "sales 2025.csv").write_text("day,city,units,price\n", encoding="utf-8")
        (place / "scan of the contract.pdf").write_bytes(b"%PDF-1.7\n" + bytes(482_000))
        (place / "sent").mkdir()
        os.chdir(place)
        try:
            yield place
        finally:
            os.chdir(before)


async def typed(scene: Scene, text: str) -> None:
    """Type letter by letter, like a person."""
    await scene.connected()
    await scene.pilot.press(*("space" if sign == " " else sign for sign in text))


async def ask_about_table(scene: Scene) -> None:
    """Ask about the attached table, and wait for the answer."""
    await typed(scene, "Summarize @sales.csv")
    await scene.pilot.press("space", "enter")
    await scene.until(lambda: bool(scene.turns))
    await scene.answered()


async def shown(scene: Scene, name: str) -> None:
    """The preview of a file that the worker made."""
    await scene.command(f"/preview {name}")
    await scene.pilot.pause(1)


async def completing(scene: Scene) -> None:
    """Names are offered behind an `@`."""
    with folder():
        await typed(scene, "Summarize @s")
        await scene.until(lambda: scene.work.pane.completion.open)
        await scene.pilot.pause(0.3)


async def chips(scene: Scene) -> None:
    """Attachments: a named file, a dropped one, one that is not there, and a long text."""
    with folder() as place:
        await typed(scene, "Compare @sales.csv")
        await scene.pilot.press("space")
        await typed(scene, "with @sales2024.csv")
        await scene.pilot.press("space")
        scene.app.post_message(Paste(f"'{place / 'scan of the contract.pdf'}' "))
        await scene.until(lambda: len(scene.work.pane.chips.chips) == 3)
        scene.app.post_message(Paste("a line of minutes that somebody took\n" * 120))
        await scene.until(lambda: len(scene.work.pane.chips.chips) == 4)
        await scene.pilot.pause(0.3)


async def summary(scene: Scene) -> None:
    """The answer, with its tables, tool calls and files."""
    with folder():
        await ask_about_table(scene)


async def table(scene: Scene) -> None:
    """The table that the worker made."""
    with folder():
        await ask_about_table(scene)
        await shown(scene, "summary.csv")


async def chart(scene: Scene) -> None:
    """The chart that it drew."""
    with folder():
        await ask_about_table(scene)
        await shown(scene, "chart.png")


async def saved(scene: Scene) -> None:
    """All of them on the disk."""
    with folder():
        await ask_about_table(scene)
        await scene.pilot.press("f4")
        await scene.pilot.press("a")
        await scene.pilot.pause(1)


async def sources(scene: Scene) -> None:
    """The sources of the next answer."""
    with folder():
        await ask_about_table(scene)
        await scene.say("Find sources about python and http")
        await scene.answered(2)
        await scene.pilot.press("f3")
        await scene.pilot.pause(0.3)


SCENES = {
    "summary": summary,
    "journey-1-completion": completing,
    "journey-2-chips": chips,
    "journey-3-table": table,
    "journey-4-chart": chart,
    "journey-5-saved": saved,
    "journey-6-sources": sources,
}
