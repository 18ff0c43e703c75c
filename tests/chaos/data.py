"""The lab's data files: facts about faults, no code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "data"


def loaded(name: str, member: str) -> list[dict[str, Any]]:
    """The list `member` of a data file; never empty."""
    return read(FOLDER / f"{name}.json", member)


def read(path: Path, member: str) -> list[dict[str, Any]]:
    """The list `member` of a JSON file; never empty."""
    items: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))[member]
    assert items
    return items


TEXTS: Final = FOLDER.parents[1] / "ui" / "data" / "terminal.shown.json"
"""Hostile texts; the screen is tested with the same ones."""

SCENARIOS: Final = {
    scenario["id"]: scenario for scenario in [*loaded("scenarios", "scenarios"), *loaded("ours", "scenarios")]
}

SHORT: Final = {
    "HANDINGER_CONNECT_TIMEOUT": "2",
    "HANDINGER_FIRST_BYTE_TIMEOUT": "4",
    "HANDINGER_IDLE_TIMEOUT": "1.5",
    "HANDINGER_POLL_INTERVAL": "0.1",
    "HANDINGER_RECOVERY_WINDOW": "2.5",
    "HANDINGER_MAX_WAIT": "6",
    "HANDINGER_MAX_EVENT_BYTES": str(4 << 20),
    "HANDINGER_MAX_TURN_BYTES": str(8 << 20),
    "HANDINGER_MAX_JSON_BYTES": str(24 << 20),
    "HANDINGER_MAX_FILE_BYTES": str(16 << 20),
}
"""Limits so short that a fault takes seconds."""

_GENEROUS: Final = ("CONNECT_TIMEOUT", "FIRST_BYTE_TIMEOUT", "IDLE_TIMEOUT")


def limits_for(scenario: Mapping[str, Any]) -> dict[str, str]:
    """The short limits, where a scenario is about them: a slow machine must not count as a silent service."""
    outcomes, script = set(scenario["expect"]["outcome"]), json.dumps(scenario.get("server", {}))
    long = set() if '"hang"' in script or '"sleep"' in script else set(_GENEROUS)
    if "running" not in outcomes:
        long.add("MAX_WAIT")
    if outcomes <= {"completed", "recovered"}:
        long.add("RECOVERY_WINDOW")
    return SHORT | {f"HANDINGER_{name}": "60" for name in long}
