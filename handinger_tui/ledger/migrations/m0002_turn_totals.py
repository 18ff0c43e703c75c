"""The second migration: what each turn took in one row, what started a turn, and typed limits.

`turn_totals` is derived from `charges` alone and kept by a trigger in the same
transaction, so that pages need not add up corrections. It says what its columns
were when this was released: nothing here is built from names that may change.
"""

from __future__ import annotations

from typing import Final

_NUMBERS: Final = (
    "usd_pico",
    "micro_credits",
    "model_pico",
    "tool_pico",
    "sandbox_pico",
    "internal_pico",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "steps",
    "duration_ms",
)
_SUMMED: Final = _NUMBERS[:7]
"""The numbers that pages add up; bit n of `told` says that a finished worker reported the n-th."""

# What pages add up stands first: a row is read from its start. `place` is the id of the first charge.
_TABLE: Final = f"""
    CREATE TABLE turn_totals (
        place INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        simulated INTEGER NOT NULL,
        told INTEGER NOT NULL,
        incomplete INTEGER NOT NULL,
        {" INTEGER, ".join(_SUMMED)} INTEGER,
        budget TEXT,
        started_by TEXT,
        worker_id TEXT,
        session_id TEXT NOT NULL,
        turn_id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        reading TEXT NOT NULL,
        final INTEGER NOT NULL,
        corrections INTEGER NOT NULL,
        sources INTEGER,
        elapsed_ms INTEGER,
        {" INTEGER, ".join(_NUMBERS[7:])} INTEGER,
        base_url TEXT NOT NULL
    )
"""
_COLUMNS: Final = (
    *("place", "at_ms", "simulated", "told", "incomplete", "budget", "started_by", "worker_id", "session_id"),
    *("turn_id", "status", "reading", "final", "corrections", "sources", "elapsed_ms", "base_url"),
    *_NUMBERS,
)
_NEWEST_KNOWN: Final = ("budget", "started_by", "worker_id", "sources", "elapsed_ms")


def _cells(row: str) -> str:
    """The columns as they follow from a row of `charges` that is called `row`."""
    # Charges from before this migration do not say which service they are of; their session may.
    base_url = (
        f"COALESCE({row}.base_url, (SELECT s.base_url FROM sessions s"  # noqa: S608  # a name of this module
        f" WHERE s.session_id = {row}.session_id), '')"
    )
    # In SQLite `|` and `<<` bind alike, from the left.
    told = " | ".join(f"(({row}.{name} IS NOT NULL) << {bit})" for bit, name in enumerate(_SUMMED))
    cells = {name: f"{row}.{name}" for name in _COLUMNS} | {
        "place": f"{row}.id",
        "simulated": f"{base_url} = 'local'",
        "told": f"CASE WHEN {row}.final THEN {told} ELSE 0 END",
        "incomplete": f"{row}.status IN ('failed', 'incomplete', 'unknown')",
        "corrections": "0",
        "base_url": base_url,
    }
    return ", ".join(cells[name] for name in _COLUMNS)


def _added(name: str) -> str:
    """Unknown plus known is known. A sum beyond 64 bits would turn REAL: it is unknown instead."""
    both = f"{name} + excluded.{name}"
    known = f"COALESCE({name}, excluded.{name})"
    return f"{name} = CASE typeof({both}) WHEN 'integer' THEN {both} WHEN 'null' THEN {known} END"


_INTO: Final = f"INSERT INTO turn_totals ({', '.join(_COLUMNS)})"


def _upsert(corrections: str) -> str:
    """`corrections`: SQL for how many corrections one more row counts as."""
    return f"""
    ON CONFLICT (turn_id) DO UPDATE SET
        {", ".join(f"{name} = COALESCE(excluded.{name}, {name})" for name in _NEWEST_KNOWN)},
        {", ".join(f"{name} = excluded.{name}" for name in ("status", "incomplete", "reading"))},
        simulated = CASE excluded.base_url WHEN '' THEN simulated ELSE excluded.simulated END,
        base_url = CASE excluded.base_url WHEN '' THEN base_url ELSE excluded.base_url END,
        final = MAX(final, excluded.final),
        told = told | excluded.told,
        corrections = corrections + {corrections},
        {", ".join(map(_added, _NUMBERS))}
"""


def totals_trigger(corrections: str) -> str:
    """The trigger that keeps `turn_totals`; see `_upsert`."""
    return f"""
    CREATE TRIGGER charges_are_totalled AFTER INSERT ON charges
    BEGIN {_INTO} VALUES ({_cells("NEW")}) {_upsert(corrections)}; END
    """  # noqa: S608  # names of this module


SECOND: Final = (
    "ALTER TABLE turns ADD COLUMN started_by TEXT",
    "ALTER TABLE charges ADD COLUMN base_url TEXT",
    "ALTER TABLE charges ADD COLUMN started_by TEXT",
    # As known at the row's time, no differences (like `exact`).
    "ALTER TABLE charges ADD COLUMN sources INTEGER CHECK (typeof(sources) IN ('integer', 'null'))",
    "ALTER TABLE charges ADD COLUMN elapsed_ms INTEGER CHECK (typeof(elapsed_ms) IN ('integer', 'null'))",
    _TABLE,
    # `WHERE true`: without it the parser takes ON CONFLICT for the condition of a join.
    f"{_INTO} SELECT {_cells('c')} FROM charges c WHERE true ORDER BY c.id {_upsert('1')}",  # noqa: S608  # names of this module
    totals_trigger("1"),
    "CREATE INDEX totals_by_time ON turn_totals (at_ms)",
    "CREATE INDEX totals_by_session ON turn_totals (session_id, at_ms)",
    "CREATE INDEX totals_by_worker ON turn_totals (worker_id, at_ms)",
    "CREATE INDEX totals_with_gaps ON turn_totals (at_ms) WHERE told <> 127",
    "DROP VIEW turn_sums",
    # `whose`: a session's or worker's id; for turns and days 'real' or 'local' (pretend money has limits
    # of its own). `amount` in pico-USD or micro-credits, NULL: lifted. The newest row of each counts.
    """
    CREATE TABLE limits (
        id INTEGER PRIMARY KEY,
        scope TEXT NOT NULL CHECK (scope IN ('turn', 'session', 'worker', 'day')),
        whose TEXT NOT NULL,
        unit TEXT NOT NULL CHECK (unit IN ('usd', 'credits')),
        amount INTEGER CHECK (amount IS NULL OR (typeof(amount) = 'integer' AND amount > 0)),
        set_ms INTEGER NOT NULL
    )
    """,
    "CREATE INDEX limits_by_whose ON limits (whose, id)",
    """
    CREATE TRIGGER limits_stay BEFORE UPDATE ON limits
    BEGIN SELECT RAISE(ABORT, 'limits are never changed'); END
    """,
    """
    CREATE TRIGGER limits_are_kept BEFORE DELETE ON limits
    BEGIN SELECT RAISE(ABORT, 'limits are never deleted'); END
    """,
)
