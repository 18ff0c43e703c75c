"""The first migration, and the list of all migrations. `user_version` of the file counts how many have run.

A released migration is never edited; each change of the schema is a new one. Text columns hold TEXT, or
a BLOB where the text cannot be encoded as UTF-8 (see `rows.pack`). Amounts are INTEGER or NULL, never
REAL; the database checks that.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from handinger_tui.core.errors import TooNew
from handinger_tui.ledger.migrations.m0002_turn_totals import SECOND
from handinger_tui.ledger.migrations.m0003_compact_frames import THIRD
from handinger_tui.ledger.migrations.m0004_remote_turns import FOURTH
from handinger_tui.ledger.migrations.m0005_reservations import FIFTH
from handinger_tui.ledger.migrations.m0006_worker_turns import SIXTH
from handinger_tui.ledger.migrations.m0007_shared_amounts import SEVENTH
from handinger_tui.ledger.migrations.m0008_rulings import EIGHTH
from handinger_tui.ledger.migrations.m0009_lineage import NINTH
from handinger_tui.ledger.migrations.m0010_suspense import TENTH
from handinger_tui.ledger.migrations.m0011_recounts import ELEVENTH
from handinger_tui.ledger.migrations.m0012_retracted import TWELFTH
from handinger_tui.ledger.migrations.m0013_doubtful import THIRTEENTH
from handinger_tui.ledger.migrations.m0014_template import FOURTEENTH
from handinger_tui.ledger.remote_turns import asked_key

_FIRST: Final = (
    """
    CREATE TABLE sessions (
        session_id TEXT NOT NULL PRIMARY KEY,
        generation TEXT NOT NULL,
        base_url TEXT NOT NULL,
        worker_id TEXT,
        task_id TEXT,
        title TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        updated_ms INTEGER NOT NULL,
        unread INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX sessions_by_worker ON sessions (worker_id)",
    "CREATE INDEX sessions_by_age ON sessions (updated_ms)",
    # No reference to sessions: a draft may be stored before the first turn of its session.
    "CREATE TABLE drafts (session_id TEXT NOT NULL PRIMARY KEY, text TEXT NOT NULL)",
    # `ordered_worker_id` is the worker that was requested (NULL: a new worker), `worker_id` the one that
    # answered. `settled_ms` NULL: the turn is open. `run` identifies the process that has the turn.
    """
    CREATE TABLE turns (
        place INTEGER PRIMARY KEY,
        turn_id TEXT NOT NULL UNIQUE,
        session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
        prompt TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        ordered_worker_id TEXT,
        worker_id TEXT,
        budget TEXT,
        attachments TEXT NOT NULL,
        seen_before INTEGER,
        status TEXT NOT NULL,
        settled_ms INTEGER,
        run TEXT NOT NULL
    )
    """,
    "CREATE INDEX turns_by_session ON turns (session_id, place)",
    "CREATE INDEX turns_by_worker ON turns (worker_id, place)",
    "CREATE INDEX turns_open ON turns (place) WHERE settled_ms IS NULL",
    """
    CREATE TABLE frames (
        turn_id TEXT NOT NULL REFERENCES turns (turn_id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        framing TEXT NOT NULL,
        event TEXT NOT NULL,
        id TEXT,
        data TEXT NOT NULL,
        UNIQUE (turn_id, seq)
    )
    """,
    "CREATE INDEX frames_of_workers ON frames (turn_id, seq) WHERE framing = 'json'",
    """
    CREATE TABLE answers (
        turn_id TEXT NOT NULL PRIMARY KEY REFERENCES turns (turn_id) ON DELETE CASCADE,
        text TEXT NOT NULL
    )
    """,
    # No references: charges are kept when a session is deleted. `exact` holds the numbers of the turn as
    # known at that time (not differences) as decimal text, `snapshot` those of the worker as read.
    """
    CREATE TABLE charges (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('charge', 'correction')),
        turn_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        worker_id TEXT,
        at_ms INTEGER NOT NULL,
        status TEXT NOT NULL,
        budget TEXT,
        reading TEXT NOT NULL CHECK (reading IN ('total', 'per_turn', 'none')),
        final INTEGER NOT NULL CHECK (final IN (0, 1)),
        usd_pico INTEGER CHECK (typeof(usd_pico) IN ('integer', 'null')),
        micro_credits INTEGER CHECK (typeof(micro_credits) IN ('integer', 'null')),
        model_pico INTEGER CHECK (typeof(model_pico) IN ('integer', 'null')),
        tool_pico INTEGER CHECK (typeof(tool_pico) IN ('integer', 'null')),
        sandbox_pico INTEGER CHECK (typeof(sandbox_pico) IN ('integer', 'null')),
        internal_pico INTEGER CHECK (typeof(internal_pico) IN ('integer', 'null')),
        input_tokens INTEGER CHECK (typeof(input_tokens) IN ('integer', 'null')),
        output_tokens INTEGER CHECK (typeof(output_tokens) IN ('integer', 'null')),
        reasoning_tokens INTEGER CHECK (typeof(reasoning_tokens) IN ('integer', 'null')),
        cache_read_tokens INTEGER CHECK (typeof(cache_read_tokens) IN ('integer', 'null')),
        cache_write_tokens INTEGER CHECK (typeof(cache_write_tokens) IN ('integer', 'null')),
        total_tokens INTEGER CHECK (typeof(total_tokens) IN ('integer', 'null')),
        steps INTEGER CHECK (typeof(steps) IN ('integer', 'null')),
        duration_ms INTEGER CHECK (typeof(duration_ms) IN ('integer', 'null')),
        exact TEXT NOT NULL,
        snapshot TEXT NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX one_charge_per_turn ON charges (turn_id) WHERE kind = 'charge'",
    "CREATE INDEX charges_by_session ON charges (session_id, turn_id)",
    "CREATE INDEX charges_by_time ON charges (at_ms)",
    """
    CREATE TRIGGER charges_stay BEFORE UPDATE ON charges
    BEGIN SELECT RAISE(ABORT, 'charges are never changed'); END
    """,
    """
    CREATE TRIGGER charges_are_kept BEFORE DELETE ON charges
    BEGIN SELECT RAISE(ABORT, 'charges are never deleted'); END
    """,
    # Sums are split in millions and rest: SUM raises on integer overflow, and hostile amounts reach 2^63.
    """
    CREATE VIEW turn_sums AS
    SELECT turn_id,
           session_id,
           MAX(worker_id) AS worker_id,
           MIN(at_ms) AS at_ms,
           SUM(usd_pico / 1000000) AS usd_high,
           SUM(usd_pico % 1000000) AS usd_low,
           SUM(micro_credits / 1000000) AS credits_high,
           SUM(micro_credits % 1000000) AS credits_low,
           MAX(final AND usd_pico IS NOT NULL) AS usd_known,
           MAX(final AND micro_credits IS NOT NULL) AS credits_known
      FROM charges
     GROUP BY turn_id
    """,
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    *(
        _FIRST,
        SECOND,
        THIRD,
        FOURTH,
        FIFTH,
        SIXTH,
        SEVENTH,
        EIGHTH,
        NINTH,
        TENTH,
        ELEVENTH,
        TWELFTH,
        THIRTEENTH,
        FOURTEENTH,
    ),
)


def version_of(connection: sqlite3.Connection) -> int:
    """The number of migrations that have run on the file."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def check_version(connection: sqlite3.Connection) -> int:
    """The number of migrations that have run on the file.

    Raises:
        TooNew: there are more than this program has.
    """
    version = version_of(connection)
    if version > len(MIGRATIONS):
        raise TooNew(
            "The history was written by a newer version of handinger-tui.",
            "Update handinger-tui, or name another folder with HANDINGER_TUI_HOME.",
        )
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Run the missing migrations in one transaction. This also checks that the file can be written.

    Raises:
        TooNew: a newer version upgraded it in the meantime.
        sqlite3.Error: not translated; the transaction has been rolled back.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.create_function("asked_key", 1, asked_key, deterministic=True)
        for number in range(check_version(connection), len(MIGRATIONS)):
            for statement in MIGRATIONS[number]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
