"""The fourth migration: a remote turn has one entry, and every turn has a charge as soon as it is stored.

`remote_turns` says which message of which worker each turn is. Its rows are kept when a session is
deleted, as charges are: a worker that is attached again gets its old entries back. Existing turns get
an entry in their order. Where a remote turn was stored twice, only the first one gets an entry; the
others are not changed. The SQL function `asked_key` is `remote_turns.asked_key`.
"""

from __future__ import annotations

from typing import Final

from handinger_tui.ledger.migrations.m0002_turn_totals import totals_trigger

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
    totals_trigger("(status NOT IN ('queued', 'sending'))"),
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
