"""Past: a history of several weeks for the pictures that need one, with simulated money."""

from __future__ import annotations

import random
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from handinger_tui.ledger.database_file import open_database

if TYPE_CHECKING:
    from pathlib import Path

DAY_MS = 86_400_000
DAYS = 26
SUBJECTS = ("Heat pumps", "Tea prices", "Rail timetables", "Solar yield", "Primes", "Grant deadlines")
MODEL_PICO = {"low": 2_100_000_000, "standard": 9_300_000_000, "high": 31_000_000_000}
"""The typical cost of the model at a budget; the other costs follow from it."""
SUSPENSE = """
    INSERT INTO suspense
        (base_url, worker_id, seen_ms, at_ms, usd_pico, micro_credits, last_turn, refused, strangers,
         doubtful)
    VALUES ('local', ?, ?, ?, ?, ?, ?, '[]', ?, 0)
"""
"""A rise of the figures of a worker that no turn explains."""
NUMBERS = (
    *("usd_pico", "micro_credits", "model_pico", "tool_pico", "sandbox_pico", "internal_pico"),
    *("total_tokens", "steps"),
)
SECONDS = {"low": 9, "standard": 38, "high": 140}


def remember(home: Path) -> None:
    """Write `DAYS` days of turns into the history under `home`, the same on every run but for the dates."""
    chance, now_ms = random.Random(11), round(time.time() * 1000)
    with closing(open_database(home / "history.db", 5.0).connection) as connection:
        connection.execute("BEGIN")
        rows = [row for back in range(DAYS, -1, -1) for row in day(chance, now_ms - back * DAY_MS, back)]
        for number, subject in enumerate(SUBJECTS):
            session = (f"ses_{number}", "workers", "local", f"wrk_{number}", subject, now_ms, now_ms)
            names = "session_id, generation, base_url, worker_id, title, created_ms, updated_ms"
            connection.execute(f"INSERT INTO sessions ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", session)  # noqa: S608  # names of ours
        # A closed amount that changed: the worker reported more later.
        late = next(row for row in rows if row["turn_id"] == "turn_0_2")
        rows.append(late | dict.fromkeys(NUMBERS, 0) | {"kind": "correction", "usd_pico": 4_120_000_000})
        for row in rows:
            names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(f"INSERT INTO charges ({names}) VALUES ({marks})", row)  # noqa: S608  # names of ours
        for number, messages, usd_pico in ((1, 2, 48_200_000_000), (4, None, 6_310_000_000)):
            observed_ms = now_ms - number * 7_200_000
            cells = (
                f"wrk_{number}",
                observed_ms,
                observed_ms,
                usd_pico,
                usd_pico // 100,
                "turn_0_1",
                messages,
            )
            connection.execute(SUSPENSE, cells)
        connection.execute("COMMIT")


def day(chance: random.Random, at_ms: int, back: int) -> list[dict[str, Any]]:
    """The turns of one day; some days have none."""
    count = chance.choice((0, 2, 3, 5, 8, 4)) if back else 6
    return [charge(chance, f"{back}_{place}", at_ms - place * 1_500_000) for place in range(count)]


def charge(chance: random.Random, name: str, at_ms: int) -> dict[str, Any]:
    """One turn; a few failed, a few more never reported a cost."""
    subject = chance.randrange(len(SUBJECTS))
    budget = chance.choice(("low", "standard", "standard", "standard", "high"))
    spread = chance.uniform(0.6, 1.6)
    failed, silent = chance.random() < 0.05, chance.random() < 0.04
    model = round(MODEL_PICO[budget] * spread)
    tool, sandbox, internal = (round(model * share * chance.uniform(0.5, 1.5)) for share in (0.4, 0.1, 0.08))
    amounts: dict[str, int] = {
        "usd_pico": model + tool + sandbox + internal,
        "micro_credits": (model + tool + sandbox + internal) // 100_000_000 * 1_000_000,
        "model_pico": model,
        "tool_pico": tool,
        "sandbox_pico": sandbox,
        "internal_pico": internal,
        "total_tokens": model // 1_500_000,
        "steps": chance.randint(2, 4) + (5 if budget == "high" else 0),
    }
    return ({} if silent else amounts) | {
        "kind": "charge",
        "turn_id": f"turn_{name}",
        "session_id": f"ses_{subject}",
        "worker_id": f"wrk_{subject}",
        "base_url": "local",
        "at_ms": at_ms,
        "status": "failed" if failed else "completed",
        "budget": budget,
        "started_by": chance.choice(("app", "app", "headless")),
        "reading": "none" if silent else "total",
        "final": int(not silent),
        "sources": chance.randint(1, 4) + (5 if budget == "high" else 0),
        "elapsed_ms": round(SECONDS[budget] * spread * 1000),
        "exact": "{}",
        "snapshot": "null",
    }
