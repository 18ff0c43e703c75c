"""Migrations of the database. A released one is never edited: each change is a new one.

`user_version` of the file counts how many have run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache, reduce
from itertools import chain
from typing import Final, NamedTuple

from msgspec import Struct

from handinger_tui.core.errors import TooNew
from handinger_tui.ledger.sql import damaged, prompt_key, transaction


def _append_only(table: str, be: str = "are") -> tuple[str, str]:
    """SQL of the triggers that keep the rows of a table as they are."""
    stay = "stay" if be == "are" else "stays"
    return (
        f"""
    CREATE TRIGGER {table}_{stay} BEFORE UPDATE ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} {be} never changed'); END
    """,
        f"""
    CREATE TRIGGER {table}_{be}_kept BEFORE DELETE ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} {be} never deleted'); END
    """,
    )


# The first migration: sessions, turns, frames and charges.
# Text columns hold TEXT, or a BLOB where the text cannot be encoded as UTF-8 (see `sql.pack`).
# Amounts are INTEGER or NULL, never REAL; the database checks that.
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
    *_append_only("charges"),
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


# The second migration: one row with the cost of each turn, what started a turn, and typed limits.
# `turn_totals` is derived from `charges` only. A trigger updates it in the same transaction, so that
# queries need not add up corrections. The column names are repeated here as they were at the release:
# a migration must not depend on names of other modules, which may change.
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
"""The numbers that are summed. Bit n of `told`: a finished worker reported the n-th of `_NUMBERS`."""


class _Figures(NamedTuple):
    """The numbers of a version, in the order of their bits, and those that are summed."""

    numbers: tuple[str, ...] = _NUMBERS
    summed: tuple[str, ...] = _SUMMED

    @property
    def complete_bits(self) -> int:
        """`told` of a turn of which nothing is missing."""
        return sum(1 << self.numbers.index(name) for name in self.summed)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a row of `charges` begins or changes."""
        return (*_FACTS, *self.numbers)


_FIRST_FIGURES: Final = _Figures()

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
_FACTS: Final = (
    *("place", "at_ms", "simulated", "told", "incomplete", "budget", "started_by", "worker_id", "session_id"),
    *("turn_id", "status", "reading", "final", "corrections", "sources", "elapsed_ms", "base_url"),
)
_NEWEST_KNOWN: Final = ("budget", "started_by", "worker_id", "sources", "elapsed_ms")


def _cells(row: str, figures: _Figures) -> str:
    """SQL for the columns, derived from a row of `charges` with the alias `row`."""
    # Charges from before this migration have no base URL; their session may have it.
    base_url = (
        f"COALESCE({row}.base_url, (SELECT s.base_url FROM sessions s"
        f" WHERE s.session_id = {row}.session_id), '')"
    )
    # In SQLite `|` and `<<` have the same precedence, from left to right.
    reported = " | ".join(
        f"(({row}.{name} IS NOT NULL) << {figures.numbers.index(name)})" for name in figures.summed
    )
    cells = {name: f"{row}.{name}" for name in figures.columns} | {
        "place": f"{row}.id",
        "simulated": f"{base_url} = 'local'",
        "told": f"CASE WHEN {row}.final THEN {reported} ELSE 0 END",
        "incomplete": f"{row}.status IN ('failed', 'incomplete', 'unknown')",
        "corrections": "0",
        "base_url": base_url,
    }
    return ", ".join(cells.values())


def _added(name: str) -> str:
    """SQL that adds a value. NULL plus a value is that value; a sum beyond 64 bits (REAL) becomes NULL."""
    both = f"{name} + excluded.{name}"
    either = f"COALESCE({name}, excluded.{name})"
    return f"{name} = CASE typeof({both}) WHEN 'integer' THEN {both} WHEN 'null' THEN {either} END"


def _into(figures: _Figures) -> str:
    return f"INSERT INTO turn_totals ({', '.join(figures.columns)})"


def _upsert(corrections: str, figures: _Figures) -> str:
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
        {", ".join(map(_added, figures.numbers))}
"""


def totals_trigger(corrections: str, figures: _Figures = _FIRST_FIGURES) -> str:
    """SQL of the trigger that updates `turn_totals`; see `_upsert`."""
    return f"""
    CREATE TRIGGER charges_are_totalled AFTER INSERT ON charges
    BEGIN {_into(figures)} VALUES ({_cells("NEW", figures)}) {_upsert(corrections, figures)}; END
    """


def _extended(trigger: str, statement: str) -> str:
    """SQL of a trigger with one more statement."""
    return f"{trigger.rstrip().removesuffix('; END')};{statement}; END"


SECOND: Final = (
    "ALTER TABLE turns ADD COLUMN started_by TEXT",
    "ALTER TABLE charges ADD COLUMN base_url TEXT",
    "ALTER TABLE charges ADD COLUMN started_by TEXT",
    # As known at the time of the row, not differences (like `exact`).
    "ALTER TABLE charges ADD COLUMN sources INTEGER CHECK (typeof(sources) IN ('integer', 'null'))",
    "ALTER TABLE charges ADD COLUMN elapsed_ms INTEGER CHECK (typeof(elapsed_ms) IN ('integer', 'null'))",
    _TABLE,
    # `WHERE true`: without it the parser takes ON CONFLICT for a join condition.
    f"{_into(_FIRST_FIGURES)} SELECT {_cells('c', _FIRST_FIGURES)} FROM charges c WHERE true"
    f" ORDER BY c.id {_upsert('1', _FIRST_FIGURES)}",
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
    *_append_only("limits"),
)


# The third migration: the frames of a closed turn in a compact form of fewer frames.
# It is derived from `frames` only: rows may be deleted, and are created again when the turn is closed
# again. The first `upto` frames are in the compact form; later ones are read as they are stored.
THIRD: Final = (
    """
    CREATE TABLE gathered (
        turn_id TEXT NOT NULL PRIMARY KEY REFERENCES turns (turn_id) ON DELETE CASCADE,
        rule INTEGER NOT NULL,
        upto INTEGER NOT NULL,
        frames TEXT NOT NULL
    )
    """,
)


# The fourth migration: a remote turn has one entry, and every turn has a charge as soon as it is stored.
# `remote_turns` says which message of which worker each turn is. Its rows are kept when a session is
# deleted, as charges are: a worker that is attached again gets its old entries back. Existing turns get
# an entry in their order. Where a remote turn was stored twice, only the first one gets an entry; the
# others are not changed. The SQL function `asked_key` is `worker_turns.prompt_key`.
_UNLESS_STORED: Final = "(status NOT IN ('queued', 'sending'))"

FOURTH: Final = (
    # `times`: how many earlier user messages of the worker have the same text; with the text that is its
    # position. `message_id` is the id that the service gave to the message, where one was seen.
    """
    CREATE TABLE remote_turns (
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        asked TEXT NOT NULL,
        times INTEGER NOT NULL,
        message_id TEXT,
        turn_id TEXT NOT NULL UNIQUE,
        PRIMARY KEY (base_url, worker_id, asked, times)
    ) WITHOUT ROWID
    """,
    """
    CREATE UNIQUE INDEX remote_turns_by_message
        ON remote_turns (base_url, worker_id, asked, message_id) WHERE message_id IS NOT NULL
    """,
    # A turn that was sent is no longer queued, also if the program that sent it crashed.
    """
    UPDATE turns SET status = 'sending'
     WHERE status = 'queued' AND EXISTS (
        SELECT 1 FROM frames f WHERE f.turn_id = turns.turn_id AND f.framing = 'note' AND f.event = 'sending')
    """,
    """
    INSERT OR IGNORE INTO remote_turns (base_url, worker_id, asked, times, turn_id)
    SELECT base_url, worker_id, asked,
           COALESCE(
               seen_before, ROW_NUMBER() OVER (PARTITION BY base_url, worker_id, asked ORDER BY place) - 1),
           turn_id
      FROM (SELECT s.base_url, t.worker_id, asked_key(t.prompt) AS asked, t.seen_before, t.turn_id, t.place
              FROM turns t JOIN sessions s ON s.session_id = t.session_id
             WHERE t.worker_id IS NOT NULL
               AND t.status NOT IN ('queued', 'not_sent', 'rejected', 'not_delivered'))
     ORDER BY place
    """,
    # The first row only says that the turn was stored; the next one is its first amount, not a correction.
    "DROP TRIGGER charges_are_totalled",
    totals_trigger(_UNLESS_STORED),
    """
    INSERT INTO charges
        (kind, turn_id, session_id, worker_id, base_url, at_ms, status, budget, started_by, reading, final,
         exact, snapshot)
    SELECT 'charge', t.turn_id, t.session_id, t.worker_id, s.base_url, t.created_ms, t.status, t.budget,
           t.started_by, 'none', 0, '{}', 'null'
      FROM turns t JOIN sessions s ON s.session_id = t.session_id
     WHERE NOT EXISTS (SELECT 1 FROM charges c WHERE c.turn_id = t.turn_id)
     ORDER BY t.place
    """,
)


# The fifth migration: what turns under way will probably take, and limits of a week and a month.
# A row of `reservations` exists from the start of a turn until its amount is known. NULL: the turn has no
# cost history in that unit, and reserves all that is left of a limit.
FIFTH: Final = (
    """
    CREATE TABLE reservations (
        turn_id TEXT NOT NULL PRIMARY KEY REFERENCES turns (turn_id) ON DELETE CASCADE,
        reserved_pico INTEGER CHECK (reserved_pico IS NULL OR reserved_pico >= 0),
        reserved_micro INTEGER CHECK (reserved_micro IS NULL OR reserved_micro >= 0)
    )
    """,
    # A CHECK cannot be changed in place. The names of the new scopes are the only difference.
    """
    CREATE TABLE limits_of_all_scopes (
        id INTEGER PRIMARY KEY,
        scope TEXT NOT NULL CHECK (scope IN ('turn', 'session', 'worker', 'day', 'week', 'month')),
        whose TEXT NOT NULL,
        unit TEXT NOT NULL CHECK (unit IN ('usd', 'credits')),
        amount INTEGER CHECK (amount IS NULL OR (typeof(amount) = 'integer' AND amount > 0)),
        set_ms INTEGER NOT NULL
    )
    """,
    "INSERT INTO limits_of_all_scopes SELECT id, scope, whose, unit, amount, set_ms FROM limits ORDER BY id",
    "DROP TABLE limits",
    "ALTER TABLE limits_of_all_scopes RENAME TO limits",
    "CREATE INDEX limits_by_whose ON limits (whose, id)",
    *_append_only("limits"),
)


# The sixth migration: what each turn shows of its worker, for other sessions on the same worker.
# `events` is JSON, see `core/money/turn_events.py`. Rows are kept when a session is deleted, as charges
# are. Existing turns get a row when the costs of their session are written the next time.
SIXTH: Final = (
    """
    CREATE TABLE worker_turns (
        turn_id TEXT NOT NULL PRIMARY KEY,
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        events TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX worker_turns_by_worker ON worker_turns (base_url, worker_id, session_id)",
)


# The seventh migration: amounts that a turn shares with other runs.
# What several runs took together is entered for one of them. `shared_with`: how many other runs may own a
# part of the amounts of a turn (0: only what came before it), NULL: they are its own. `most_pico`: what it
# cost at most. Like `sources`, both are as known at the time of the row of `charges`.
_SHARED: Final = """
    UPDATE turn_totals SET shared_with = NEW.shared_with, most_pico = NEW.most_pico
     WHERE turn_id = NEW.turn_id"""

SEVENTH: Final = (
    *(
        f"ALTER TABLE {table} ADD COLUMN {name} INTEGER CHECK (typeof({name}) IN ('integer', 'null'))"
        for table in ("charges", "turn_totals")
        for name in ("shared_with", "most_pico")
    ),
    "DROP TRIGGER charges_are_totalled",
    _extended(totals_trigger(_UNLESS_STORED), _SHARED),
)


# The eighth migration: what the person decided about the figures of workers.
# A row of `rulings` has a `meaning` of the figures, or the turn (NULL: none) that owns a rise which no turn
# explains; the rise is named by the time of the reading that showed it. Rows are kept
# when a session is deleted. `charges.reason`: why an amount was corrected, NULL: the readings show it.
EIGHTH: Final = (
    """
    CREATE TABLE rulings (
        id INTEGER PRIMARY KEY,
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        meaning TEXT CHECK (meaning IN ('lifetime', 'per_turn', 'auto')),
        seen_ms INTEGER,
        turn_id TEXT,
        CHECK ((meaning IS NULL) <> (seen_ms IS NULL))
    )
    """,
    "CREATE INDEX rulings_by_worker ON rulings (base_url, worker_id, id)",
    *_append_only("rulings"),
    "ALTER TABLE charges ADD COLUMN reason TEXT",
)


# The ninth migration: the earlier message that a turn was made from, by editing, retrying or forking.
NINTH: Final = ("ALTER TABLE turns ADD COLUMN lineage TEXT",)
"""JSON, see `core.prompts.lineage_to_text`."""


# The tenth migration: what the figures of workers rose by and no turn explains.
# Append-only, as charges are: a row is a difference to the sum of the rows before it of the same worker and
# reading (`seen_ms`), so a further row cancels what a turn explains later. `last_turn`, `refused` (JSON),
# `strangers` and `doubtful` are as known at the time of the row.
_RISE_AMOUNTS: Final = ", ".join(
    f"{name} INTEGER CHECK (typeof({name}) IN ('integer', 'null'))" for name in _SUMMED
)

TENTH: Final = (
    f"""
    CREATE TABLE suspense (
        id INTEGER PRIMARY KEY,
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        seen_ms INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        {_RISE_AMOUNTS},
        last_turn TEXT,
        refused TEXT NOT NULL,
        strangers INTEGER,
        doubtful INTEGER NOT NULL CHECK (doubtful IN (0, 1))
    )
    """,
    "CREATE INDEX suspense_by_worker ON suspense (base_url, worker_id, seen_ms)",
    *_append_only("suspense", "is"),
)


# The eleventh migration: sessions whose amounts are computed again by the present rules.
# A row is deleted when that is done, see `ledger/corrections.py`. New sessions never have one.
ELEVENTH: Final = (
    "CREATE TABLE recounts (session_id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
    "INSERT INTO recounts SELECT session_id FROM sessions",
)


# The twelfth migration: numbers that a correction retracts.
# Under another meaning of a worker's figures the amount of a turn may be unknown. `charges.retracted`: bit n
# says that the n-th of `_NUMBERS` is unknown now; the row also has the difference to zero. NULL: none.
def _retracted(figures: _Figures) -> str:
    kept = ", ".join(
        f"{name} = CASE WHEN NEW.retracted >> {bit} & 1 THEN NULL ELSE {name} END"
        for bit, name in enumerate(figures.numbers)
    )
    return f"""
    UPDATE turn_totals SET told = told & ~NEW.retracted, final = NEW.final, {kept}
     WHERE turn_id = NEW.turn_id AND NEW.retracted IS NOT NULL"""


TWELFTH: Final = (
    "ALTER TABLE charges ADD COLUMN retracted INTEGER CHECK (typeof(retracted) IN ('integer', 'null'))",
    "DROP TRIGGER charges_are_totalled",
    _extended(SEVENTH[-1], _retracted(_FIRST_FIGURES)),
)


# The thirteenth migration: amounts that depend on a meaning of the figures that is not decided yet.
# `doubtful` is 1 for such a turn, else NULL; like `shared_with`, as known at the time of the charge.
_DOUBTFUL: Final = "\n    UPDATE turn_totals SET doubtful = NEW.doubtful WHERE turn_id = NEW.turn_id"

THIRTEENTH: Final = (
    *(
        f"ALTER TABLE {table} ADD COLUMN doubtful INTEGER CHECK (doubtful IS NULL OR doubtful = 1)"
        for table in ("charges", "turn_totals")
    ),
    "DROP TRIGGER charges_are_totalled",
    _extended(TWELFTH[-1], _DOUBTFUL),
)


# The fourteenth migration: the stored worker that a session begins from.
# No version has ever written the column that it renames.
FOURTEENTH: Final = ("ALTER TABLE sessions RENAME COLUMN task_id TO template",)


# The fifteenth migration: stored workers as they were read last.
# `members` is JSON, see `ledger/history.py`. `read_ms` NULL: the members were never read.
FIFTEENTH: Final = (
    """
    CREATE TABLE stored_workers (
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        members TEXT NOT NULL,
        read_ms INTEGER,
        gone INTEGER NOT NULL CHECK (gone IN (0, 1)),
        PRIMARY KEY (base_url, worker_id)
    ) WITHOUT ROWID
    """,
)


# The sixteenth migration: the frames of the stream of a closed turn, compressed, see `ledger/frames.py`.
# They are numbered below `upto`, and are no longer in `frames`. `gathered.frames` is compressed from now on.
SIXTEENTH: Final = (
    """
    CREATE TABLE packed (
        turn_id TEXT NOT NULL PRIMARY KEY REFERENCES turns (turn_id) ON DELETE CASCADE,
        upto INTEGER NOT NULL,
        frames BLOB NOT NULL
    )
    """,
)


# The seventeenth migration: the searched texts of each turn, see `ledger/search.py`.
# `texts` is compressed JSON without prompt and answer. Turns without a row get one later. The full text index
# (`search_words`) is no part of the schema: a SQLite without FTS5 cannot have it. `indexed` is 1 where it has
# the present texts of the row, else 0; `old` is the other text that it has. An id is never used twice: what
# the index still has of a removed row means nothing.
SEVENTEENTH: Final = (
    """
    CREATE TABLE search_entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        turn_id TEXT NOT NULL UNIQUE REFERENCES turns (turn_id) ON DELETE CASCADE,
        indexed INTEGER NOT NULL,
        files INTEGER NOT NULL,
        sources INTEGER NOT NULL,
        texts BLOB NOT NULL,
        old BLOB
    )
    """,
    "CREATE INDEX search_entries_to_index ON search_entries (id) WHERE indexed = 0",
)


# The eighteenth migration: tags, and where sessions were begun.
# `tags.id` is that of a session or of a worker. `origins.folder` is the working directory in which a session
# was begun, `profile` the profile with which a turn was sent or read; earlier ones have none. Like charges,
# tags and origins are kept when a session is deleted: reports by tag or project do not change then.
_PROFILE: Final = """
    UPDATE turn_totals SET profile = NEW.profile WHERE turn_id = NEW.turn_id AND NEW.profile IS NOT NULL"""

EIGHTEENTH: Final = (
    """
    CREATE TABLE tags (
        kind TEXT NOT NULL CHECK (kind IN ('session', 'worker')),
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (kind, id, name)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE origins (session_id TEXT NOT NULL PRIMARY KEY, folder TEXT NOT NULL) WITHOUT ROWID",
    *(f"ALTER TABLE {table} ADD COLUMN profile TEXT" for table in ("charges", "turn_totals")),
    "DROP TRIGGER charges_are_totalled",
    _extended(THIRTEENTH[-1], _PROFILE),
)


# The nineteenth migration: turns that were imported from a file.
# Such a turn never gets a row in `charges`, `worker_turns` or `reservations`. NULL: it was not imported.
NINETEENTH: Final = (
    "ALTER TABLE turns ADD COLUMN imported_ms INTEGER",
    "CREATE INDEX turns_imported ON turns (session_id) WHERE imported_ms IS NOT NULL",
)


# The twentieth migration: marks of credits by themselves: the most that a turn took which shares its amounts,
# like `most_pico`, and whether they are doubtful. `doubtful` is about USD from now on; in earlier rows it is
# about credits where the turn has no cost.
_CREDIT_MARKS: Final = """
    UPDATE turn_totals SET most_micro = NEW.most_micro,
           doubtful = CASE WHEN usd_pico IS NULL THEN NULL ELSE doubtful END,
           credits_doubtful = COALESCE(NEW.credits_doubtful, CASE WHEN usd_pico IS NULL THEN doubtful END)
     WHERE turn_id = NEW.turn_id"""

TWENTIETH: Final = (
    *(
        f"ALTER TABLE {table} ADD COLUMN {name} INTEGER"
        for table in ("charges", "turn_totals")
        for name in ("most_micro", "credits_doubtful")
    ),
    "UPDATE turn_totals SET credits_doubtful = 1, doubtful = NULL WHERE doubtful AND usd_pico IS NULL",
    "DROP TRIGGER charges_are_totalled",
    _extended(EIGHTEENTH[-1], _CREDIT_MARKS),
)


# The twenty-first migration: amounts that a later reading has confirmed, and states that are taken back.
# `confirmed` is 1 where the figures of the idle worker stood still after the end of the turn, else NULL: its
# worker is to be read again. `final` is that of the newest row: new readings and decisions of the person may
# take it back; then no number of the turn is complete (`told`). A row that only confirms is no correction.
# Of turns before the migration, those are to be read that are the newest of their worker. `late_reads`: when
# the worker of a session was last tried for the sake of such turns.
def _states(figures: _Figures) -> str:
    unchanged = " AND ".join(f"COALESCE(NEW.{name}, 0) = 0" for name in figures.numbers)
    return f"""
    UPDATE turn_totals SET final = NEW.final, confirmed = NEW.confirmed,
           told = CASE WHEN NEW.final THEN told ELSE 0 END,
           corrections = MAX(0, corrections - (NEW.confirmed IS NOT NULL AND NEW.kind = 'correction'
                                               AND NEW.retracted IS NULL AND {unchanged}))
     WHERE turn_id = NEW.turn_id"""


TWENTY_FIRST: Final = (
    *(
        f"ALTER TABLE {table} ADD COLUMN confirmed INTEGER CHECK (confirmed IS NULL OR confirmed = 1)"
        for table in ("charges", "turn_totals")
    ),
    """
    UPDATE turn_totals SET confirmed = 1
     WHERE final AND (worker_id IS NULL OR EXISTS (
        SELECT 1 FROM turn_totals n
         WHERE n.worker_id = turn_totals.worker_id AND n.base_url = turn_totals.base_url
           AND n.place > turn_totals.place AND n.status NOT IN ('queued', 'not_sent')))
    """,
    "CREATE INDEX totals_unconfirmed ON turn_totals (turn_id) WHERE confirmed IS NULL",
    """
    CREATE TABLE late_reads (
        session_id TEXT NOT NULL PRIMARY KEY REFERENCES sessions (session_id) ON DELETE CASCADE,
        tried_ms INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    # What figures mean is decided by other rules, see the eleventh migration.
    "INSERT OR IGNORE INTO recounts SELECT session_id FROM sessions",
    "DROP TRIGGER charges_are_totalled",
    _extended(TWENTIETH[-1], _states(_FIRST_FIGURES)),
)


# The twenty-second migration: what was not sent is no turn, and what is free is in no sum.
# `turn_totals` has a row for each turn whose request may have left: from the start of a turn on, not while it
# waits in a queue. In the row of a turn that was refused, numbers that are zero are NULL and none is missing.
# `turns.service_ms`: when the service says that the turn of another program began; the least integer where
# that is unknown and the turn was over when its worker was first seen: it belongs to no day. NULL: the time
# at which it was sent or stored is right.
_NOTHING: Final = "NOT (COALESCE(usd_pico, 0) OR COALESCE(micro_credits, 0) OR COALESCE(total_tokens, 0))"


def _neutral(figures: _Figures) -> str:
    """SQL that leaves nothing missing in the row of a turn that was refused."""
    zeros = ", ".join(f"{name} = NULLIF({name}, 0)" for name in figures.summed)
    return f"told = {figures.complete_bits}, {zeros}"


def _unsent(figures: _Figures) -> str:
    return f"""
    DELETE FROM turn_totals WHERE turn_id = NEW.turn_id AND status = 'not_sent' AND {_NOTHING};
    UPDATE turn_totals SET {_neutral(figures)}
     WHERE turn_id = NEW.turn_id AND status IN ('rejected', 'not_delivered');
    UPDATE turn_totals SET at_ms = (SELECT service_ms FROM turns WHERE turn_id = NEW.turn_id)
     WHERE turn_id = NEW.turn_id
       AND EXISTS (SELECT 1 FROM turns WHERE turn_id = NEW.turn_id AND service_ms IS NOT NULL)"""


TWENTY_SECOND: Final = (
    "ALTER TABLE turns ADD COLUMN service_ms INTEGER",
    # What the service says of the target as JSON, see `session.About`; NULL: nothing.
    "ALTER TABLE sessions ADD COLUMN about TEXT",
    # With the status, so that turns are counted without reading their rows.
    "DROP INDEX turns_by_session",
    "CREATE INDEX turns_by_session ON turns (session_id, place, status)",
    f"""
    DELETE FROM turn_totals WHERE status = 'queued' AND {_NOTHING}
       AND NOT EXISTS (SELECT 1 FROM worker_turns w WHERE w.turn_id = turn_totals.turn_id)
       AND NOT EXISTS (SELECT 1 FROM reservations r WHERE r.turn_id = turn_totals.turn_id)
       AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.turn_id = turn_totals.turn_id
                          AND (t.status <> 'queued' OR t.seen_before IS NOT NULL))
    """,
    f"DELETE FROM turn_totals WHERE status = 'not_sent' AND {_NOTHING}",
    f"UPDATE turn_totals SET {_neutral(_FIRST_FIGURES)} WHERE status IN ('rejected', 'not_delivered')",
    "DROP TRIGGER charges_are_totalled",
    _extended(TWENTY_FIRST[-1], _unsent(_FIRST_FIGURES)),
)


# The twenty-third migration: the projects that the person set, and limits of a project. Like tags, projects
# are kept when a session is deleted. A CHECK cannot be changed in place: the name of the new scope is the
# only difference of `limits`. Its `whose` is the name of the project, after "local " for simulated money.
TWENTY_THIRD: Final = (
    """
    CREATE TABLE limits_with_projects (
        id INTEGER PRIMARY KEY,
        scope TEXT NOT NULL
            CHECK (scope IN ('turn', 'session', 'worker', 'project', 'day', 'week', 'month')),
        whose TEXT NOT NULL,
        unit TEXT NOT NULL CHECK (unit IN ('usd', 'credits')),
        amount INTEGER CHECK (amount IS NULL OR (typeof(amount) = 'integer' AND amount > 0)),
        set_ms INTEGER NOT NULL
    )
    """,
    "INSERT INTO limits_with_projects SELECT id, scope, whose, unit, amount, set_ms FROM limits ORDER BY id",
    "DROP TABLE limits",
    "ALTER TABLE limits_with_projects RENAME TO limits",
    "CREATE INDEX limits_by_whose ON limits (whose, id)",
    *_append_only("limits"),
    "CREATE TABLE projects (session_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID",
)


# The twenty-fourth migration: columns are named by what they hold. SQLite renames them in the triggers, too.
# A program of an earlier version that is still running meets an unknown column: it can neither count charges
# nor close a turn, and starts none under a limit. What it stores of an answer is in no renamed column.
TWENTY_FOURTH: Final = (
    "ALTER TABLE turn_totals RENAME COLUMN told TO reported",
    "ALTER TABLE remote_turns RENAME COLUMN asked TO prompt_key",
)


# The twenty-fifth migration: what the person did on the runs board, and schedules as they were read last.
# `read_ms`: when the person marked the session as read the last time, or opened it; NULL: never. What was
# unassigned before the migration counts as read. `snoozed_ms`: until when it needs nothing. A row of
# `planned_runs` has the schedules of a worker as JSON, see `ledger/runs.py`.
TWENTY_FIFTH: Final = (
    *(f"ALTER TABLE sessions ADD COLUMN {name} INTEGER" for name in ("read_ms", "pinned_ms", "snoozed_ms")),
    "UPDATE sessions SET read_ms = (SELECT MAX(seen_ms) FROM suspense)",
    """
    CREATE TABLE planned_runs (
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        read_ms INTEGER NOT NULL,
        schedules TEXT NOT NULL,
        PRIMARY KEY (base_url, worker_id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX sessions_in_sight ON sessions (session_id) WHERE unread OR pinned_ms IS NOT NULL",
    "CREATE INDEX turns_left_running ON turns (session_id) WHERE status = 'running'",
)


# The twenty-sixth migration: queued messages that their program offers to the one that watches the session.
TWENTY_SIXTH: Final = (
    """
    CREATE TABLE offers (
        turn_id TEXT NOT NULL PRIMARY KEY REFERENCES turns (turn_id) ON DELETE CASCADE,
        run TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)


# The twenty-seventh migration: months that a statement closed. `charge` and `rise` are the newest ids of
# charges and suspense then: later rows about that month are corrections in another one. `bundle`,
# `page` and `program` are the files, compressed: they can be written again to the byte.
TWENTY_SEVENTH: Final = (
    """
    CREATE TABLE closings (
        id INTEGER PRIMARY KEY,
        month TEXT NOT NULL UNIQUE,
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        charge INTEGER NOT NULL,
        rise INTEGER NOT NULL,
        hash TEXT NOT NULL,
        bundle BLOB NOT NULL,
        page BLOB NOT NULL,
        program BLOB NOT NULL
    )
    """,
    *_append_only("closings"),
)


# The twenty-eighth migration: turns that count for limits of a team, see `charges/shared.py`. `server`: in
# which database. `scopes`: a line each. `run`: the program that is about to store the turn, else "".
# `version` grows with every change of what the turn counts for; `stored` is the one that the database has.
TWENTY_EIGHTH: Final = (
    """
    CREATE TABLE shared_turns (
        turn_id TEXT NOT NULL PRIMARY KEY,
        server TEXT NOT NULL,
        run TEXT NOT NULL,
        scopes TEXT NOT NULL,
        account TEXT NOT NULL,
        budget TEXT NOT NULL,
        version INTEGER NOT NULL,
        stored INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX shared_turns_to_enter ON shared_turns (server) WHERE version > stored",
    # The first row of a turn has neither an amount nor an end, and changes nothing that it counts for.
    """
    CREATE TRIGGER charges_are_shared AFTER INSERT ON charges
    WHEN NEW.usd_pico IS NOT NULL OR NEW.micro_credits IS NOT NULL
      OR NEW.status NOT IN ('queued', 'sending', 'accepted', 'checking', 'running')
    BEGIN UPDATE shared_turns SET version = version + 1 WHERE turn_id = NEW.turn_id; END
    """,
    """
    CREATE TRIGGER reservations_are_shared AFTER DELETE ON reservations
    BEGIN UPDATE shared_turns SET version = version + 1 WHERE turn_id = OLD.turn_id; END
    """,
)


# The twenty-ninth migration: the last four characters of the key with which a turn was sent. It stands in the
# row with which the turn starts. NULL: it was not sent by this program, or by an earlier version.
TWENTY_NINTH: Final = ("ALTER TABLE charges ADD COLUMN key_tail TEXT",)


# The thirtieth migration: webhooks as they were read last. `failed`: how many deliveries failed in a row, the
# newest one included, which failed at `failed_ms` for `reason`. `read_ms` 0: not read since the address was
# set. The address may be a secret, and is not kept.
THIRTIETH: Final = (
    """
    CREATE TABLE webhooks (
        base_url TEXT NOT NULL,
        worker_id TEXT NOT NULL,
        read_ms INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        failed_ms INTEGER,
        reason TEXT NOT NULL,
        PRIMARY KEY (base_url, worker_id)
    ) WITHOUT ROWID
    """,
)


class AddedFigure(Struct, frozen=True):
    """The migration of a figure (`core/figures.py`). Its bit is the next one. `summed`: it is added up."""

    column: str
    summed: bool = False


def _trigger(figures: _Figures) -> str:
    """The trigger that adds up, as the migrations above have made it, for these figures."""
    extensions = (
        *(_SHARED, _retracted(figures), _DOUBTFUL, _PROFILE, _CREDIT_MARKS),
        *(_states(figures), _unsent(figures)),
    )
    trigger = reduce(_extended, extensions, totals_trigger(_UNLESS_STORED, figures))
    return trigger.replace("told", "reported")


def _statements(added: AddedFigure, figures: _Figures) -> Iterator[str]:
    """The statements that add a figure. `figures`: all of its version."""
    name = added.column
    for table in ("charges", "turn_totals", *(["suspense"] if added.summed else [])):
        yield f"ALTER TABLE {table} ADD COLUMN {name} INTEGER CHECK (typeof({name}) IN ('integer', 'null'))"
    if added.summed:
        # Of a turn that was refused, nothing is missing.
        free, complete = "status IN ('rejected', 'not_delivered')", figures.complete_bits
        yield f"UPDATE turn_totals SET reported = {complete} WHERE {free}"
        yield "DROP INDEX totals_with_gaps"
        yield f"CREATE INDEX totals_with_gaps ON turn_totals (at_ms) WHERE reported <> {complete}"
    yield "DROP TRIGGER charges_are_totalled"
    yield _trigger(figures)


def statements_of(*migrations: tuple[str, ...] | AddedFigure) -> tuple[tuple[str, ...], ...]:
    """The statements of each migration. That of a figure depends on the figures before it."""
    statements: list[tuple[str, ...]] = []
    figures = _FIRST_FIGURES
    for one in migrations:
        if isinstance(one, AddedFigure):
            summed = (*figures.summed, one.column) if one.summed else figures.summed
            figures = _Figures((*figures.numbers, one.column), summed)
            statements.append(tuple(_statements(one, figures)))
        else:
            statements.append(one)
    return tuple(statements)


# A migration that extends the trigger that adds up drops it, and creates it again as `_trigger` does. The
# migrations of figures behind it have to keep its statement.
MIGRATIONS: Final = statements_of(
    *(_FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH, NINTH, TENTH, ELEVENTH, TWELFTH),
    *(THIRTEENTH, FOURTEENTH, FIFTEENTH, SIXTEENTH, SEVENTEENTH, EIGHTEENTH, NINETEENTH),
    *(TWENTIETH, TWENTY_FIRST, TWENTY_SECOND, TWENTY_THIRD, TWENTY_FOURTH, TWENTY_FIFTH, TWENTY_SIXTH),
    *(TWENTY_SEVENTH, TWENTY_EIGHTH, TWENTY_NINTH, THIRTIETH),
)


def version_of(connection: sqlite3.Connection) -> int:
    """The number of migrations that have run on the file."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def check_version(connection: sqlite3.Connection) -> int:
    """The number of migrations that have run on the file.

    Raises:
        TooNew: there are more than this program has.
        Damaged: the tables are not those of that version; the migrations would fail on them.
    """
    version = version_of(connection)
    if version < 1 and connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'charges'").fetchone():
        raise damaged()
    if 1 <= version < len(MIGRATIONS) and fitting_version(connection, version) != version:
        raise damaged()
    if version > len(MIGRATIONS):
        raise TooNew(
            "The history was written by a newer version of handinger-tui.",
            "Update handinger-tui, or name another folder with HANDINGER_TUI_HOME.",
        )
    return version


def fitting_version(connection: sqlite3.Connection, version: int) -> int:
    """The version whose columns are most like those of the file.

    `version`, that of its header, is preferred to others that are as like. Each migration adds or renames
    columns or tables. The first call takes some tens of milliseconds.
    """
    schemas = _schemas()
    theirs = {name: _columns(connection, name) for name in {*chain.from_iterable(schemas)}}

    def difference(at: int) -> tuple[int, int, bool, int]:
        # A missing table may be a damaged entry of the schema, so it counts last.
        schema = schemas[at - 1]
        columns = sum(len(own ^ schema.get(name, set())) for name, own in theirs.items() if own)
        return columns, sum(not theirs[name] for name in schema), at != version, -at

    return min(range(1, len(MIGRATIONS) + 1), key=difference)


@cache
def _schemas() -> list[dict[str, set[str]]]:
    """The tables of each version, the first one first, with their columns."""
    schemas = []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as ours:
        for at in range(len(MIGRATIONS)):
            _run(ours, at, at + 1)
            tables = ours.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            schemas.append({name: _columns(ours, name) for (name,) in tables})
    return schemas


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """The columns of a table; none where there is no such table, or its entry is damaged."""
    try:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return set()


def begin_at(connection: sqlite3.Connection, version: int) -> None:
    """Give an empty database the schema of a version, for rows of a file of that version."""
    for statement in _schema(version):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")


@cache
def _schema(version: int) -> tuple[str, ...]:
    """The statements that make the schema of a version at once, in a twentieth of the time of its migrations.

    None of these adds a row to an empty database.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as ours:
        _run(ours, 0, version)
        query = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
        return tuple(sql for name, sql in ours.execute(query) if name != "sqlite_sequence")


def migrate(connection: sqlite3.Connection) -> None:
    """Run the missing migrations in one transaction. This also checks that the file can be written.

    Raises:
        TooNew: a newer version upgraded it in the meantime.
        sqlite3.Error: not translated; the transaction has been rolled back.
    """
    with transaction(connection):
        if version := check_version(connection):
            _run(connection, version, len(MIGRATIONS))
        else:
            begin_at(connection, len(MIGRATIONS))


def _run(connection: sqlite3.Connection, first: int, end: int) -> None:
    connection.create_function("asked_key", 1, prompt_key, deterministic=True)
    for statements in MIGRATIONS[first:end]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {end}")
