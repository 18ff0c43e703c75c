"""The second migration: one row with the cost of each turn, what started a turn, and typed limits.

`turn_totals` is derived from `charges` only. A trigger updates it in the same transaction, so that
queries need not add up corrections. The column names are repeated here as they were at the release:
a migration must not depend on names of other modules, which may change.
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
"""The numbers that are summed. Bit n of `told`: a finished worker reported the n-th of them."""

# The summed columns come first: SQLite reads a row from its start. `place` is the id of the first charge.
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
    """SQL for the columns, derived from a row of `charges` with the alias `row`."""
    # Charges from before this migration have no base URL; their session may have it.
    base_url = (
        f"COALESCE({row}.base_url, (SELECT s.base_url FROM sessions s"
        f" WHERE s.session_id = {row}.session_id), '')"
    )
    # In SQLite `|` and `<<` have the same precedence, from left to right.
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
    """SQL that adds a value. NULL plus a value is that value; a sum beyond 64 bits (REAL) becomes NULL."""
    both = f"{name} + excluded.{name}"
    known = f"COALESCE({name}, excluded.{name})"
    return f"{name} = CASE typeof({both}) WHEN 'integer' THEN {both} WHEN 'null' THEN {known} END"


_INTO: Final = f"INSERT INTO turn_totals ({', '.join(_COLUMNS)})"


def _upsert(corrections: str) -> str:
    """The upsert clause. `corrections`: SQL for the number of corrections that one more row counts as."""
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
    """SQL of the trigger that updates `turn_totals`; see `_upsert`."""
    return f"""
    CREATE TRIGGER charges_are_totalled AFTER INSERT ON charges
    BEGIN {_INTO} VALUES ({_cells("NEW")}) {_upsert(corrections)}; END
    """


SECOND: Final = (
    "ALTER TABLE turns ADD COLUMN started_by TEXT",
    "ALTER TABLE charges ADD COLUMN base_url TEXT",
    "ALTER TABLE charges ADD COLUMN started_by TEXT",
    # As known at the time of the row, not differences (like `exact`).
    "ALTER TABLE charges ADD COLUMN sources INTEGER CHECK (typeof(sources) IN ('integer', 'null'))",
    "ALTER TABLE charges ADD COLUMN elapsed_ms INTEGER CHECK (typeof(elapsed_ms) IN ('integer', 'null'))",
    _TABLE,
    # `WHERE true`: without it the parser takes ON CONFLICT for a join condition.
    f"{_INTO} SELECT {_cells('c')} FROM charges c WHERE true ORDER BY c.id {_upsert('1')}",
    totals_trigger("1"),
    "CREATE INDEX totals_by_time ON turn_totals (at_ms)",
    "CREATE INDEX totals_by_session ON turn_totals (session_id, at_ms)",
    "CREATE INDEX totals_by_worker ON turn_totals (worker_id, at_ms)",
    "CREATE INDEX totals_with_gaps ON turn_totals (at_ms) WHERE told <> 127",
    "DROP VIEW turn_sums",
    # `whose`: the id of a session or worker; for turns and days 'real' or 'local' (simulated money has its
    # own limits). `amount` in pico-USD or micro-credits, NULL: lifted. Only the newest row of each counts.
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
