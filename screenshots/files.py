"""Scenes about files: a table, a chart and a document, looked at inside the program."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from handinger_tui.core.stream import FilePart
from handinger_tui.ui.commands.files import show_preview

if TYPE_CHECKING:
    from screenshots.scene import Scene

CITIES = ("Lisbon", "Kraków", "Łódź", "Oslo", "Porto", "Graz", "Genève", "Turku", "Århus", "Brno")
GOODS = ("heat pump", "boiler", "valve", "radiator", "thermostat", "buffer tank", "pipe, insulated")


def orders(count: int) -> list[dict[str, object]]:
    """Orders of a shop, the same every time."""
    return [
        {
            "order": f"A-{10_000 + at * 7}",
            "date": f"2026-{at % 11 + 1:02d}-{at * 5 % 28 + 1:02d}",
            "city": CITIES[at * 7 % len(CITIES)],
            "item": GOODS[at * 3 % len(GOODS)],
            "pieces": at * 11 % 19 + 1,
            "price": f"{at * 7919 % 90_000 / 100 + 12:.2f}",
            "share": f"{at * 31 % 100}%",
            "note": "" if at % 3 else f"call before delivery, gate {at % 9}",
        }
        for at in range(count)
    ]


def csv_of(rows: list[dict[str, object]]) -> bytes:
    """Those as CSV."""
    lines = [",".join(rows[0]), *(",".join(f'"{value}"' for value in row.values()) for row in rows)]
    return "\n".join(lines).encode()


def file_of(name: str, media_type: str, data: bytes) -> FilePart:
    """A file that lies in its own address, as workers may give small ones."""
    url = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    return FilePart(url, media_type, name, len(data))


async def look(scene: Scene, part: FilePart, *keys: str) -> None:
    """Open a preview and press keys in it."""
    await scene.connected()
    scene.work.interaction.run(show_preview(scene.work.context, part))
    await scene.pilot.pause(1)
    for key in keys:
        await scene.pilot.press(key)
    await scene.pilot.pause(0.6)


async def table(scene: Scene) -> None:
    """A CSV file, sorted by a column of amounts."""
    part = file_of("orders-2026.csv", "text/csv", csv_of(orders(1200)))
    await look(scene, part, *["right"] * 5, "s", "s", "down", "down")


async def tree(scene: Scene) -> None:
    """A JSON document, partly opened."""
    document = {
        "shop": "Pumps & Pipes",
        "currency": "EUR",
        "totals": {"orders": 1200, "turnover": 541_203.75, "returned": None, "audited": True},
        "cities": list(CITIES),
        "orders": orders(1200),
    }
    part = file_of("orders-2026.json", "application/json", json.dumps(document).encode())
    opened = ("down", "down", "down", "right", "end", "right", "down", "down", "right", "down")
    await look(scene, part, *opened)


async def chart(scene: Scene) -> None:
    """A picture that the worker drew, as half blocks."""
    await scene.say("report on primes, with a chart")
    await scene.answered()
    await scene.command("/preview 1")
    await scene.pilot.pause(1)


SCENES = {"preview-table": table, "preview-tree": tree, "preview-chart": chart}
