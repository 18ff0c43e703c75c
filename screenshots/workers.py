"""Scenes about workers: what one does without a message here (schedules, a webhook), and the gallery."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from msgspec import UNSET

from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.stored_workers import WorkerMembers

if TYPE_CHECKING:
    from screenshots.scene import Scene

NEW = (
    "cron 0 9 * * 1-5 Summarize the orders of yesterday by country",
    "every 6h Check the prices of the three heat pumps and say what changed",
    "in 2h Remind me of the open questions in the report",
)


async def _turns(scene: Scene, *prompts: str) -> None:
    for prompt in prompts:
        done = len(scene.turns) if scene.work.controller.session_id else 0
        await scene.say(prompt)
        await scene.answered(done + 1)


async def question(scene: Scene) -> None:
    """Before a schedule is added: its next run and its price."""
    await _turns(
        scene, "report on tea", "cite sources about tea", "report on prices", "report on primes", "hello"
    )
    await scene.command(f"/schedule {NEW[0]}")
    await scene.pilot.pause(0.3)


async def schedules(scene: Scene) -> None:
    """The schedules of a worker, each with its price."""
    await question(scene)
    await scene.pilot.press("right", "enter")
    for text in NEW[1:]:
        await scene.pilot.pause(0.3)
        await scene.command(f"/schedule {text}")
        await scene.pilot.press("right", "enter")
    await scene.pilot.pause(0.3)
    await scene.command("/schedule")
    await scene.pilot.pause(0.3)


async def webhook(scene: Scene) -> None:
    """The webhook of a stored worker: one delivery failed, and says why."""
    numbers = count()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        status = b"503 Service Unavailable" if next(numbers) == 1 else b"204 No Content"
        writer.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(receive, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await _turns(scene, "hello")
        await scene.command(f"/webhook http://localhost:{port}/handinger")
        await _turns(scene, "report on tea", "cite sources about tea", "report on primes, with a chart")
        await scene.command("/webhook")
        await scene.pilot.press("down")
        await scene.pilot.pause(0.3)


WORKERS: tuple[tuple[str, str, str, JsonObject | None], ...] = (
    (
        "Price watch",
        "Heat pumps in three shops",
        "Read the prices of the three heat pumps in the shops that I name.\n\n"
        "Say what changed since the last time, in one table, and name your sources.",
        {"type": "object", "properties": {"answer": {"type": "string"}, "changed": {"type": "boolean"}}},
    ),
    ("Order desk", "Answers questions about orders", "Answer questions about the orders of the shop.", None),
    ("Minutes", "", "Write the minutes of a meeting from its notes.", None),
)


async def stored_workers(scene: Scene) -> None:
    """Stored workers, and the tasks of one."""
    await scene.connected()
    workers = scene.work.controller.connection.stored_workers
    assert workers is not None
    for title, summary, text, schema in reversed(WORKERS):
        await workers.store(WorkerMembers(title=title, summary=summary, text=text, schema=schema or UNSET))
    for prompt in ("report on prices", "cite sources about heat pumps and json"):
        await scene.command("/workers")
        await scene.pilot.press("home", "enter")
        await scene.pilot.pause(0.3)
        await scene.say(prompt)
        await scene.answered()
    await scene.command("/workers")
    await scene.pilot.pause(0.3)


async def tasks(scene: Scene) -> None:
    """The tasks of a stored worker."""
    await stored_workers(scene)
    await scene.pilot.press("tab", "tab")
    await scene.pilot.pause(0.3)


async def editing(scene: Scene) -> None:
    """The form of a stored worker."""
    await stored_workers(scene)
    await scene.pilot.press("e")
    await scene.pilot.pause(0.5)


async def making(scene: Scene) -> None:
    """A new worker from a prompt."""
    await scene.command("/workers")
    await scene.pilot.press("n")
    await scene.pilot.pause(0.3)
    prompt = "Watch the prices of heat pumps and say what changed"
    await scene.pilot.press(*("space" if sign == " " else sign for sign in prompt))
    await scene.pilot.pause(0.3)


SCENES = {
    "schedule-price": question,
    "schedules": schedules,
    "webhook": webhook,
    "gallery": stored_workers,
    "gallery-tasks": tasks,
    "gallery-edit": editing,
    "gallery-new": making,
}
WITH_TASKS = (webhook, stored_workers, tasks, editing, making)
"""These need the tasks generation."""
