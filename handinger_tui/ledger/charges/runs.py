"""The runs board as the history has it: sessions in sight with their newest run, schedules and webhooks.

A session is in sight while a turn of it is open or was left running, while it is unread or pinned, while a
cost of its worker is unassigned, and while the webhook of its worker fails. All others are quiet, and only
counted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.core.jsontext import (
    Json,
    JsonObject,
    NotJson,
    as_list,
    as_object,
    dump,
    parse,
    string_at,
    text_at,
)
from handinger_tui.core.runs import Board, PlannedRun, SessionRun, Usual
from handinger_tui.core.stream import Marker
from handinger_tui.core.turns.session import LOCAL, Session, SessionSummary
from handinger_tui.core.turns.turn import (
    DEFAULT_BUDGET,
    FREE,
    NO_DAY,
    UNSENT,
    Fault,
    TurnStatus,
    fault_of,
)
from handinger_tui.core.webhooks import FailedDeliveries, WebhookReading
from handinger_tui.ledger.charges.grouping import typical_cost
from handinger_tui.ledger.charges.run_figures import BoardLimits, RunLimits, run_cost, unassigned, usual
from handinger_tui.ledger.sql import (
    Row,
    int_or_none,
    int_or_zero,
    listed,
    pack,
    parsed,
    status_of,
    trigger_of,
    unpack,
    unpack_optional,
)

if TYPE_CHECKING:
    import sqlite3
    from datetime import tzinfo

    from handinger_tui.ledger.charges.limits import LimitService
    from handinger_tui.ledger.database import Database
    from handinger_tui.ledger.history import SessionHistory

MOST_QUIET: Final = 500
"""Quiet sessions that are listed where the person asks for them: the newest ones."""
_NO_LIMITS: Final = RunLimits()
_OPEN_SCHEDULES_MS: Final = 3_600_000
"""A schedule that runs once is listed for so long after its time."""
_WEBHOOKS: Final = """
    SELECT w.*, (SELECT s.session_id FROM sessions s
                  WHERE s.base_url = w.base_url AND w.worker_id IN (s.worker_id, s.template)
                  ORDER BY s.updated_ms DESC LIMIT 1) AS session_id
      FROM webhooks w
"""
_IN_SIGHT: Final = f"""
    SELECT session_id FROM sessions WHERE unread OR pinned_ms IS NOT NULL
     UNION SELECT session_id FROM turns WHERE settled_ms IS NULL
     UNION SELECT session_id FROM turns WHERE status = 'running'
     UNION SELECT s.session_id FROM suspense u
             JOIN sessions s ON s.worker_id = u.worker_id AND s.base_url = u.base_url
            WHERE NOT EXISTS (SELECT 1 FROM sessions r WHERE r.worker_id = u.worker_id
                                 AND r.base_url = u.base_url AND r.read_ms >= u.seen_ms)
     UNION SELECT session_id FROM ({_WEBHOOKS}) WHERE failed AND session_id IS NOT NULL
"""
# The run of a session: the turn that was left running, else the newest that is no longer queued. A turn under
# way has the status "queued" in `turns` until it is closed, and a row in `turn_totals`.
_RUN: Final = f"""
    COALESCE(
        (SELECT CASE t.status WHEN '{TurnStatus.RUNNING}' THEN t.place END FROM turns t
          WHERE t.session_id = s.session_id AND t.status NOT IN ({listed(FREE | UNSENT)})
          ORDER BY t.place DESC LIMIT 1),
        (SELECT t.place FROM turns t
          WHERE t.session_id = s.session_id AND t.status <> '{TurnStatus.NOT_SENT}'
            AND (t.status <> '{TurnStatus.QUEUED}'
                 OR EXISTS (SELECT 1 FROM turn_totals c WHERE c.turn_id = t.turn_id))
          ORDER BY t.place DESC LIMIT 1))
"""
# Entries of earlier versions count texts, two of most sources. Imported turns have no charge.
_RUNS: Final = f"""
    SELECT m.*, '' AS title, '' AS prompt, s.session_id AS whose, s.pinned_ms, s.snoozed_ms,
           n.turn_id AS run_turn, n.status AS run_status, n.created_ms, n.settled_ms, n.run AS run_id,
           n.budget AS run_budget, n.started_by AS run_trigger, n.imported_ms,
           l.tried_ms, e.files AS new_files,
           COALESCE(m.sources, e.sources) AS new_sources,
           (SELECT f.at_ms FROM frames f WHERE f.turn_id = n.turn_id AND f.framing <> 'note'
             ORDER BY f.seq DESC LIMIT 1) AS event_ms,
           CASE WHEN m.status = '{TurnStatus.SENDING}' THEN EXISTS (
               SELECT 1 FROM frames f WHERE f.turn_id = n.turn_id AND f.framing <> 'note'
                  AND f.seq > (SELECT o.seq FROM frames o
                                WHERE o.turn_id = n.turn_id AND o.framing = 'note'
                                  AND o.event = '{Marker.SENDING}' ORDER BY o.seq LIMIT 1)
               ) END AS is_answered,
           CASE WHEN n.status IN ('{TurnStatus.FAILED}', '{TurnStatus.REJECTED}') THEN
               (SELECT f.data FROM frames f
                 WHERE f.turn_id = n.turn_id AND f.framing = 'note' AND f.event = 'settled'
                 ORDER BY f.seq DESC LIMIT 1) END AS outcome
      FROM sessions s
      LEFT JOIN turns n ON n.place = {_RUN}
      LEFT JOIN turn_totals m ON m.turn_id = n.turn_id
      LEFT JOIN search_entries e ON e.turn_id = n.turn_id
      LEFT JOIN late_reads l ON l.session_id = s.session_id
     WHERE s.session_id IN ({{which}})
"""
_QUIET: Final = f"SELECT session_id FROM sessions ORDER BY updated_ms DESC, rowid DESC LIMIT {MOST_QUIET}"
_COUNT: Final = "SELECT COUNT(*) FROM sessions"
_ENDED: Final = "SELECT (SELECT MAX(place) FROM turns), (SELECT COUNT(*) FROM turns WHERE settled_ms IS NULL)"
"""Is another row once a turn was entered or has ended."""
RENEWED_MS: Final = 10_000
"""So old may limits of a day and usual costs be where nothing else has changed."""
_PLANNED: Final = """
    SELECT p.*, (SELECT s.session_id FROM sessions s WHERE p.worker_id IN (s.worker_id, s.template)
                  ORDER BY s.updated_ms DESC LIMIT 1) AS session_id
      FROM planned_runs p
"""
_PUT_PLANNED: Final = """
    INSERT OR REPLACE INTO planned_runs (base_url, worker_id, read_ms, schedules) VALUES (?, ?, ?, ?)
"""
_PUT_WEBHOOK: Final = """
    INSERT OR REPLACE INTO webhooks (base_url, worker_id, read_ms, failed, failed_ms, reason)
    VALUES (?, ?, ?, ?, ?, ?)
"""


class RunHistory:
    """Reads the board, and remembers schedules and webhooks. Every method raises LedgerError."""

    def __init__(
        self,
        database: Database,
        history: SessionHistory,
        limits: LimitService,
        is_watched: Callable[[str], bool],
        zone: tzinfo | None = None,
    ) -> None:
        """`is_watched(run)`: whether this or another run of the program that has a turn still runs."""
        self._database = database
        self._history = history
        self._limits = limits
        self._is_watched = is_watched
        self._zone = zone
        self._newest: tuple[object, Board] | None = None
        self._usual: dict[tuple[object, ...], Usual] = {}
        self._usual_for: tuple[object, ...] = ()
        """The moment and the turns for which `_usual` was read."""
        self._known_runs: dict[str, tuple[object, SessionRun]] = {}
        """The run of a session, and what it comes from: in a second most have not changed."""

    async def board(self, *, everything: bool = False, also: Collection[str] = ()) -> Board:
        """The board; the same object as the last time where nothing was written since then.

        `everything`: with the newest quiet sessions. `also`: the ids of others that are listed.
        """

        def work(connection: sqlite3.Connection) -> Board:
            version = connection.execute("PRAGMA data_version").fetchone()[0]
            now_ms = self._limits.rules.now_ms()
            # Limits begin again at midnight, and a program may end without a word.
            key = version, connection.total_changes, everything, frozenset(also), now_ms // RENEWED_MS
            if self._newest is None or self._newest[0] != key:
                self._newest = key, self._read(connection, now_ms, also, everything=everything)
            return self._newest[1]

        return await self._database.read(work)

    def _read(
        self, connection: sqlite3.Connection, now_ms: int, also: Collection[str], *, everything: bool
    ) -> Board:
        limits = BoardLimits(connection, self._limits.rules, self._zone)
        ended = now_ms // RENEWED_MS, *connection.execute(_ENDED).fetchone()
        if ended != self._usual_for:
            self._usual_for = ended
            self._usual.clear()
            self._known_runs.clear()
        which = f"{_IN_SIGHT} UNION SELECT session_id FROM ({_QUIET})" if everything else _IN_SIGHT
        cells = [pack(session_id) for session_id in [*also][:MOST_QUIET]]
        if cells:
            which += (
                f" UNION SELECT session_id FROM sessions WHERE session_id IN ({', '.join('?' * len(cells))})"
            )
        rows = {unpack(row["whose"]): row for row in connection.execute(_RUNS.format(which=which), cells)}
        summaries = self._history.summaries(connection, f"WHERE s.session_id IN ({which})", (*cells, -1))
        webhooks = tuple(_webhooks(connection))
        failing = {one.session_id: one for one in webhooks if one.failed.count}
        runs = tuple(self._runs(connection, limits, rows, summaries, failing))
        total = int(connection.execute(_COUNT).fetchone()[0])
        planned = tuple(self._planned(connection, limits, now_ms))
        return Board(
            runs,
            planned,
            limits.reached,
            webhooks,
            limits.today,
            simulated=self._limits.simulated,
            others=max(0, total - len(runs)),
        )

    def _runs(
        self,
        connection: sqlite3.Connection,
        limits: BoardLimits,
        rows: Mapping[str, Row],
        summaries: Iterator[SessionSummary],
        failing: Mapping[str, WebhookReading],
    ) -> Iterator[SessionRun]:
        is_watched = lru_cache(None)(self._is_watched)
        rises = unassigned(connection)
        for one in summaries:
            row = rows[one.session_id]
            inputs = one, is_watched(str(row["run_id"])), self._limits.rules.prices, *row
            before = self._known_runs.get(one.session_id)
            if before is None or before[0] != inputs:
                before = inputs, self._run(connection, one, row, is_watched)
                self._known_runs[one.session_id] = before
            run = before[1]
            # The newest session of a worker has them.
            unexplained = rises.pop((one.base_url, one.worker_id or ""), None)
            own = limits.of_run(_session(one)) if run.under_way or run.waiting else _NO_LIMITS
            webhook = failing.get(one.session_id)
            if unexplained is None and webhook is None and own == _NO_LIMITS:
                yield run
            else:
                yield replace(
                    run, unassigned=unexplained, left=own.left, reached=own.reached, webhook=webhook
                )

    def _run(
        self, connection: sqlite3.Connection, one: SessionSummary, row: Row, is_watched: Callable[[str], bool]
    ) -> SessionRun:
        pinned = row["pinned_ms"] is not None
        run = SessionRun(
            one.session_id,
            one.name,
            one.project,
            one.base_url,
            one.generation,
            one.worker_id,
            one.about.url,
            began_ms=one.created_ms,
            waiting=one.queued,
            held=bool(one.queued),
            unread=one.unread,
            pinned=pinned,
            snoozed_ms=int_or_zero(row["snoozed_ms"]),
        )
        if row["run_turn"] is None:
            return run
        is_open, has_charge = row["settled_ms"] is None, row["turn_id"] is not None
        turn_id, status = unpack(row["run_turn"]), status_of(row["run_status"])
        if is_open and has_charge:
            status = status_of(row["status"])
            if status is TurnStatus.SENDING and row["is_answered"]:
                # The row of its cost says so only once a reading has brought one.
                status = TurnStatus.ACCEPTED
        is_there = is_watched(str(row["run_id"]))
        watched = is_open and is_there
        began_ms = int_or_zero(row["at_ms"]) if has_charge else NO_DAY
        began_ms = int_or_zero(row["created_ms"]) if began_ms == NO_DAY else began_ms
        budget = unpack_optional(row["run_budget"]) or DEFAULT_BUDGET
        simulated = one.base_url == LOCAL
        worker_id = one.stored_worker_id or one.worker_id
        seen_ms = max(int_or_zero(row["event_ms"]), int_or_zero(row["tried_ms"]))
        usd, credited, took_ms = run_cost(row) if has_charge else (run.usd, run.credits, None)
        run = replace(
            run,
            status=status,
            watched=watched,
            alive=is_there and status is TurnStatus.RUNNING,
            trigger=trigger_of(row["run_trigger"]),
            fault=parsed(_fault_in, row["outcome"], None),
            began_ms=began_ms,
            ended_ms=int_or_none(row["settled_ms"]),
            took_ms=took_ms,
            usd=usd,
            credits=credited,
            priced=self._limits.rules.prices.cost([(began_ms, credited.value)]),
            usual=self._usual_of(connection, worker_id, budget, turn_id, simulated=simulated),
            files=int_or_zero(row["new_files"]),
            sources=int_or_zero(row["new_sources"]),
        )
        # While a turn is watched its queue goes on by itself.
        held = bool(one.queued) and not (run.under_way and watched)
        event_ms = (seen_ms or None) if run.under_way else run.ended_ms
        return replace(run, held=held, event_ms=event_ms or run.began_ms)

    def _usual_of(
        self,
        connection: sqlite3.Connection,
        worker_id: str | None,
        budget: str,
        turn_id: str,
        *,
        simulated: bool,
    ) -> Usual:
        """What is usual for a turn, see `usual`: with many runs most of a reading went into that."""
        key = worker_id, budget, turn_id, simulated
        if key not in self._usual:
            self._usual[key] = usual(connection, worker_id, budget, turn_id, simulated=simulated)
        return self._usual[key]

    # -- schedules -------------------------------------------------------------------------------
    async def keep_schedules(
        self, base_url: str, worker_id: str, schedules: Sequence[JsonObject], read_ms: int
    ) -> None:
        """Remember the schedules of a worker as they were read."""
        cells = pack(base_url), pack(worker_id), read_ms, dump([*schedules])

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_PUT_PLANNED, cells)

        await self._database.change(work)

    async def keep_webhook(
        self, base_url: str, worker_id: str, failed: FailedDeliveries | None, *, is_read: bool = True
    ) -> None:
        """Remember a webhook as it is; None: there is none. `is_read`: False where its address was set."""
        key = pack(base_url), pack(worker_id)

        def work(connection: sqlite3.Connection) -> None:
            if failed is None:
                connection.execute("DELETE FROM webhooks WHERE base_url = ? AND worker_id = ?", key)
                return
            read_ms = self._limits.rules.now_ms() if is_read else 0
            cells = *key, read_ms, failed.count, failed.newest_ms, pack(failed.reason)
            connection.execute(_PUT_WEBHOOK, cells)

        await self._database.change(work)

    def _planned(
        self, connection: sqlite3.Connection, limits: BoardLimits, now_ms: int
    ) -> Iterator[PlannedRun]:
        for row in connection.execute(_PLANNED):
            worker_id, base_url = unpack(row["worker_id"]), unpack(row["base_url"])
            for fields in _schedules_in(row["schedules"]):
                next_ms = _next_ms(fields, now_ms)
                if next_ms is None:
                    continue
                budget = string_at(fields, "budget") or DEFAULT_BUDGET
                cost = typical_cost(connection, worker_id, budget, simulated=base_url == LOCAL)
                over = limits.crossed_by(cost, next_ms) if next_ms > now_ms else None
                yield PlannedRun(
                    string_at(fields, "id"),
                    worker_id,
                    string_at(fields, "instruction"),
                    next_ms,
                    string_at(fields, "rule"),
                    cost.about,
                    over,
                    base_url,
                    unpack(row["session_id"] or ""),
                    int_or_zero(row["read_ms"]),
                )


def _webhooks(connection: sqlite3.Connection) -> Iterator[WebhookReading]:
    for row in connection.execute(_WEBHOOKS):
        yield WebhookReading(
            unpack(row["base_url"]),
            unpack(row["worker_id"]),
            int_or_zero(row["read_ms"]),
            FailedDeliveries(
                int_or_zero(row["failed"]), int_or_none(row["failed_ms"]), unpack(row["reason"])
            ),
            unpack(row["session_id"] or ""),
        )


def _session(one: SessionSummary) -> Session:
    """The session of a summary, without its turns."""
    return Session(
        one.session_id,
        one.created_ms,
        one.worker_id,
        one.stored_worker_id,
        one.generation,
        one.base_url,
        one.title,
    )


def _fault_in(text: str) -> Fault | None:
    return fault_of(as_object(as_object(parse(text)).get("fault")))


def _schedules_in(stored: object) -> list[JsonObject]:
    try:
        return [as_object(one) for one in as_list(parse(unpack(stored)))]
    except NotJson:
        # A damaged row: the schedules can be read again.
        return []


def _next_ms(fields: JsonObject, now_ms: int) -> int | None:
    """The next run by what was read: a remembered one, or further ones at its interval; None: it is over."""
    runs: list[Json] = as_list(fields.get("runs"))
    times = sorted(ms for ms in runs if isinstance(ms, int))
    if not times:
        return None
    later = next((ms for ms in times if ms > now_ms), None)
    if later is not None:
        return later
    every_ms = fields.get("every_ms")
    if isinstance(every_ms, int) and every_ms > 0:
        return times[-1] + every_ms * ((now_ms - times[-1]) // every_ms + 1)
    is_once = text_at(fields, "rule") == "once"
    return None if is_once and now_ms - times[-1] > _OPEN_SCHEDULES_MS else times[-1]
