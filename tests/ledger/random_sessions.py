"""Random sessions, exported and imported: `python -m tests.ledger.random_sessions --sessions 1000 --seed 0`.

Each session is stored as the program stores it, exported, and imported into another history: it must be the
same session, its page must load nothing, and no total of the other history may change.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.export.exporters import SESSION_EXPORTERS
from handinger_tui.core.export.session_document import Contents
from handinger_tui.core.export.session_file import SessionFile, read_session
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.report import Selection
from handinger_tui.core.money.spending import ChargeFilter, GroupBy
from handinger_tui.core.receipts import receipt_line
from handinger_tui.core.safety import clean_json, clean_line
from handinger_tui.core.stream import Frame, Framing, Marker, ReadReason
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import (
    LIVE,
    Attachment,
    Lineage,
    LineageKind,
    StartPolicy,
    Trigger,
    Turn,
    TurnRequest,
    TurnStatus,
)
from tests.core.test_reducer import KINDS
from tests.core.test_session_exports import Page
from tests.ledger.samples import opened
from tests.wire.recordings import Tape, recordings

if TYPE_CHECKING:
    from handinger_tui.ledger.ledger import Ledger

EVERYTHING: Final = ChargeFilter()
NOW: Final = 1_796_000_000_000
EXPORT: Final = {exporter.name: exporter.text for exporter in SESSION_EXPORTERS}
WORDS: Final = (
    *(
        "Which tea?",
        "Go on",
        "Zähle\nbis drei",
        "",
        "\x1b[2J\u202e",
        "日本語 🫖",
        "<script>alert(1)</script>",
    ),
    *("# heading\n```", "=cmd()", "\ud83d", "a" * 3000, "[x](javascript:alert(1)) ![p](https://t.example/p)"),
)
RECORDINGS: Final = recordings()
WORKERS: Final = tuple(f"wrk_{at}" for at in range(3))
"""Workers of the sessions of the history, and of some that are imported."""


# -- random sessions -------------------------------------------------------------------------
class Maker:
    """One random session: its turns go through the ledger as those of the engine do."""

    def __init__(self, dice: random.Random, number: int, worker: str | None = None) -> None:
        self.dice = dice
        self.worker = worker or f"wrk_own_{number}"
        self.at_ms = NOW - dice.randrange(10**9, 10**10)
        self.figures = {"costUsd": 0, "credits": 0, "totalTokens": 0, "inputTokens": 0}
        self.reports = dice.random() < 0.8
        self.number = number
        tasks = dice.random() < 0.2
        self.session = Session(
            f"ses_{number:06}",
            self.at_ms,
            generation="tasks" if tasks else "workers",
            stored_worker_id="tpl_1" if tasks else None,
            base_url=dice.choice(("https://worker.example", "https://worker.example", "local")),
            title=dice.choice(("", "Tea", "T\x1b[2J", "x" * 500)),
        )

    def request(self, at: int) -> TurnRequest:
        dice = self.dice
        files = [
            Attachment(f"/home/me/{name}", name, dice.randrange(10**6), "text/csv", "5e")
            for name in dice.sample(("in.csv", "ü\x1b.txt", "../../etc/passwd"), dice.choice((0, 0, 1, 2)))
        ]
        lineage = Lineage(LineageKind.FORK, "ses_0", "turn_0", 2, "T\x07") if dice.random() < 0.2 else None
        return TurnRequest(
            f"turn_{self.number:06}_{at}",
            dice.choice(WORDS),
            self.at_ms,
            target_id=self.session.worker_id,
            budget=dice.choice((None, "standard", "low")),
            attachments=tuple(files),
            trigger=dice.choice((Trigger.APP, Trigger.HEADLESS, Trigger.SCHEDULE)),
            lineage=lineage,
        )

    def reading(self, *, busy: bool = False, text: str | None = None) -> str:
        body: dict[str, Any] = {"id": self.worker, "object": "worker", "running": busy}
        body["status"] = "running" if busy else "completed"
        if text is not None:
            body["output_text"] = text
            body["sources"] = [{"id": "s", "url": "https://a.example/x", "title": text[:40]}]
            body["files"] = [{"filename": "out.csv", "mediaType": "text/csv", "url": "https://f.example/1"}]
        if self.reports:
            cost = self.figures["costUsd"] / 10**6
            body["usage"] = {**self.figures, "costUsd": cost, "durationMs": 1200}
            body["costs"] = {"modelCostUsd": cost}
        return json.dumps(body)

    def rise(self) -> None:
        for name, most in (("costUsd", 10**6), ("credits", 50), ("totalTokens", 9000), ("inputTokens", 500)):
            self.figures[name] += self.dice.randrange(most)

    def frames(self, request: TurnRequest) -> list[Frame]:
        """The frames of one turn, mostly to its end."""
        dice, tape = self.dice, Tape()
        if request.target_id is not None and dice.random() < 0.8:
            if dice.random() < 0.1:
                self.rise()
            tape.add(Framing.JSON, self.reading(), ReadReason.BEFORE)
            tape.note(Marker.ASKED, times=dice.randrange(3))
        tape.note(Marker.SENDING, worker_id=request.target_id)
        if dice.random() < 0.1:
            end = dice.choice(("rejected", "not_delivered", "unknown"))
            fault = {"kind": "network", "message": "broke\x1b"}
            return self.timed(tape.note(Marker.SETTLED, status=end, recovered=False, fault=fault))
        self.rise()
        if dice.random() < 0.5:
            tape.body(dice.choice(RECORDINGS), until=dice.choice((None, None, dice.randrange(40))))
        else:
            opening = {"via": "post", "status": 200, "content_type": "", "encoding": "ai-ui"}
            tape.note(Marker.OPENED, **opening, worker_id=self.worker)
            kind = dice.choice(tuple(KINDS.values()))
            for event in [event for at in range(dice.randrange(1, 60)) for event in kind(at)]:
                tape.add(Framing.SSE, json.dumps(event))
            tape.add(Framing.SSE, json.dumps({"type": "text-delta", "id": "t", "delta": dice.choice(WORDS)}))
            if dice.random() < 0.3:
                tape.add(Framing.JSON, self.reading(busy=True), ReadReason.MONEY)
            tape.note(Marker.CLOSED, clean=True)
        if dice.random() < 0.9:
            tape.add(Framing.JSON, self.reading(text=dice.choice(WORDS)), ReadReason.AFTER)
        end = dice.choice(("completed", "completed", "completed", "failed", "incomplete", "running"))
        return self.timed(tape.note(Marker.SETTLED, status=end, recovered=dice.random() < 0.2, fault=None))

    def timed(self, tape: Tape) -> list[Frame]:
        frames = []
        for one in tape.frames:
            self.at_ms += self.dice.randrange(1, 900)
            frames.append(one._replace(at_ms=self.at_ms))
        return frames

    async def store(self, ledger: Ledger) -> Session:
        """Store the turns; the last one may be running."""
        turns = self.dice.randrange(1, 7)
        for at in range(turns):
            request = self.request(at)
            frames = self.frames(request)
            if at == turns - 1 and self.dice.random() < 0.2:
                frames = frames[: self.dice.randrange(len(frames))]
            await ledger.open_turn(self.session, request, start=StartPolicy.UNMEASURED)
            for one in frames:
                ledger.append(request.turn_id, one)
            turn = fold(request, frames)
            self.session = put_turn(self.session, turn)
            if turn.live:
                await ledger.flush()
            else:
                others = await ledger.close_turn(self.session, request.turn_id)
                self.session = replace(self.session, elsewhere=others)
            self.at_ms += self.dice.randrange(1, 10**7)
        tags = self.dice.sample(("tea", "日本", "a/b-c.d"), self.dice.choice((0, 0, 1, 3)))
        await ledger.history.tag("session", self.session.session_id, tags)
        loaded = await ledger.load(self.session.session_id)
        assert loaded is not None
        return loaded


async def exported(ledger: Ledger, session: Session, *, costs: bool = True) -> str:
    """The session as a file that can be imported."""
    frames = {turn.turn_id: await ledger.frames(turn.turn_id) for turn in session.turns}
    labels = await ledger.history.labels(session.session_id)
    return EXPORT["json"](session, Contents(costs=costs, labels=labels, frames=frames))


# -- what must be the same -------------------------------------------------------------------
def as_in_a_file(turn: Turn) -> Turn:
    """A turn without the members that a file lacks: paths, and control characters."""
    request = turn.request
    files = []
    for file in request.attachments:
        name = str(clean_json(file.name))
        files.append(replace(file, path="", name=name, sha256=""))
    lineage = request.lineage
    if lineage is not None:
        lineage = replace(lineage, title=clean_line(lineage.title))
    return replace(
        turn, request=replace(request, attachments=tuple(files), lineage=lineage, imported_ms=None)
    )


def assert_same(before: Session, after: Session) -> None:
    """The same session; running turns have ended."""
    head = (
        "session_id",
        "created_ms",
        "worker_id",
        "stored_worker_id",
        "generation",
        "base_url",
        "updated_ms",
    )
    assert [getattr(before, name) for name in head] == [getattr(after, name) for name in head]
    assert clean_line(before.title) == after.title
    assert len(before.turns) == len(after.turns)
    is_open = False
    for old, new in zip(before.turns, after.turns, strict=True):
        assert new.imported
        if old.status in LIVE or old.status is TurnStatus.RUNNING:
            is_open = True
            assert new.status in (TurnStatus.INCOMPLETE, TurnStatus.UNKNOWN, TurnStatus.NOT_SENT)
            assert (new.text, new.request.prompt, new.snapshot) == (
                old.text,
                old.request.prompt,
                old.snapshot,
            )
        else:
            assert as_in_a_file(old) == as_in_a_file(new)
    if not is_open:
        assert receipts(before) == [line.replace(" · imported", "") for line in receipts(after)]


def receipts(session: Session) -> list[str]:
    index = MoneyIndex()
    return [receipt_line(session, turn, index) for turn in session.turns]


async def totals(ledger: Ledger) -> list[object]:
    """Every report of costs, and the spending that limits count."""
    charges = ledger.charges
    reports: list[object] = [await charges.buckets(by, EVERYTHING) for by in GroupBy]
    reports += [await charges.turn_charges(EVERYTHING, -1), await charges.suspense(EVERYTHING)]
    reports += [
        (await charges.report(Selection(which=EVERYTHING))).restated,
        (await charges.report(Selection(which=EVERYTHING))).assigned,
    ]
    tables = ("charges", "turn_totals", "worker_turns", "reservations", "suspense")
    return [*reports, *[await rows_of(ledger, table) for table in tables]]


async def rows_of(ledger: Ledger, table: str) -> list[tuple[object, ...]]:
    sql = f"SELECT * FROM {table} ORDER BY 1"  # noqa: S608  # names of our schema
    return [*map(tuple, await ledger.database.run(lambda db: db.execute(sql).fetchall()))]


async def check_session(seed: int, number: int, mine: Ledger) -> str:
    """Create a session and import it into `mine`; returns the file."""
    dice = random.Random(f"{seed}:{number}")
    maker = Maker(dice, number, dice.choice((None, *WORKERS)))
    async with opened(None) as theirs:
        before = await maker.store(theirs)
        text = await exported(theirs, before)
        bare = await exported(theirs, before, costs=False)
    assert "/home/me" not in text
    async with opened(None) as fresh:
        file = read_session(text.encode(), NOW)
        session, turns, *_ = file
        assert await fresh.history.add_imported(file) is None
        assert await fresh.history.add_imported(file) == session.session_id
        after = await fresh.load(session.session_id)
        assert after is not None
        assert_same(before, after)
        for exported_session in (before, after):
            Page(EXPORT["html"](exported_session, Contents(reasoning=True, tools=True))).check()
        assert read_session((await exported(fresh, after)).encode(), NOW) == file
        (summary,) = await fresh.history.sessions()
        assert list(summary.tags) == json.loads(text)["tags"]
        assert (summary.imported, summary.usd) == (len(turns), Total(None))
    both = [read_session(bare.encode(), NOW).turns, turns]
    figures = [[usage_of(fold(one.request, one.frames)) for one in of] for of in both]
    assert not any(figures[0]), "what was left out is unknown"
    assert await mine.history.add_imported(file) is None
    return text


def usage_of(turn: Turn) -> bool:
    reads = [one for one in (turn.snapshot, turn.before) if one is not None]
    return any(one.usage.reported or one.costs.reported for one in reads)


async def check(sessions: int, seed: int, report: Any = lambda _done: None) -> None:
    """Import random sessions into a history with sessions of its own, many on the same workers."""
    async with opened(None) as mine:
        for at, worker in enumerate(WORKERS):
            await Maker(random.Random(f"{seed}:own:{at}"), 900_000 + at, worker).store(mine)
        await charge_again(mine)
        before = await totals(mine)
        for number in range(sessions):
            await check_session(seed, number, mine)
            report(number + 1)
        assert await totals(mine) == before
        await charge_again(mine)
        assert await totals(mine) == before


async def charge_again(ledger: Ledger) -> None:
    """Compute the amounts of all sessions as after another reading of each."""
    for summary in await ledger.history.sessions(-1):
        session = await ledger.load(summary.session_id)
        assert session is not None
        await ledger.charge(session)
        await ledger.close_turn(session, session.turns[-1].turn_id)


# -- damaged files ---------------------------------------------------------------------------
ODD: Final[tuple[Any, ...]] = (
    *(None, True, -1, 2**63, 10**400, 1e308, "", "\0", "\x1b[2J", "\ud800", "x" * 2000, [], {}, [[]], "null"),
    *(json.loads("[" * 60 + "]" * 60), "handinger-tui/session/2", '{"status": "nothing"}'),
    *('{"http_status": 1e999, "kind": "network"}', '{"fault": {"kind": "x", "retry_after_s": 1}}'),
    '{"status": "failed", "fault": {"kind": "network", "retry_after_s": 1' + "0" * 400 + "}}",
)


def mutated(text: str, dice: random.Random) -> bytes:
    """The file with some random damage."""
    if dice.random() < 0.3:
        content = bytearray(text.encode())
        for _ in range(dice.randrange(1, 5)):
            at = dice.randrange(len(content))
            match dice.randrange(4):
                case 0:
                    del content[at:]
                    content += b"x"
                case 1:
                    content[at] ^= 1 << dice.randrange(8)
                case 2:
                    del content[at : at + dice.randrange(200)]
                    content += b" "
                case _:
                    content[at:at] = content[at : at + dice.randrange(200)]
        return bytes(content)
    value = json.loads(text)
    for _ in range(dice.randrange(1, 4)):
        _damage(value, dice)
    return json.dumps(value).encode()


def _damage(value: Any, dice: random.Random) -> None:
    while isinstance(value, list | dict) and value:
        key = dice.choice([*value]) if isinstance(value, dict) else dice.randrange(len(value))
        inner = value[key]
        if isinstance(inner, list | dict) and inner and dice.random() < 0.8:
            value = inner
            continue
        match dice.randrange(3):
            case 0:
                del value[key]
            case 1 if isinstance(value, list):
                value.append(deepcopy(inner))
            case _:
                value[key] = deepcopy(dice.choice(ODD))
        return


async def check_damaged(files: list[str], number: int, seed: int) -> int:
    """Import damaged files: each is refused with one line, or stored completely;
    returns how many were stored.
    """
    dice, stored = random.Random(f"damage:{seed}"), 0
    async with opened(None) as ledger:
        before = await totals(ledger)
        for _ in range(number):
            data = mutated(dice.choice(files), dice)
            outcome: SessionFile | SettingsError
            try:
                outcome = read_session(data, NOW)
            except SettingsError as problem:
                outcome = problem
            if isinstance(outcome, SettingsError):
                assert outcome.summary.isprintable()
                assert outcome.hint
                continue
            session, turns, *_ = outcome
            held = {one.session_id for one in await ledger.history.sessions(-1)}
            if await ledger.history.add_imported(outcome) is not None:
                assert {one.session_id for one in await ledger.history.sessions(-1)} == held
                continue
            stored += 1
            loaded = await ledger.load(session.session_id)
            assert loaded is not None
            assert len(loaded.turns) == len(turns)
            assert not loaded.busy
            receipts(loaded)
            Page(EXPORT["html"](loaded, Contents(reasoning=True, tools=True))).check()
            await exported(ledger, loaded, costs=False)
            await ledger.history.delete(session.session_id)
        assert await totals(ledger) == before
        assert await ledger.sessions_to_read(NOW) == []
        assert await ledger.unsettled() == []
    return stored


async def create_files(number: int, seed: int) -> list[str]:
    files = []
    for at in range(number):
        async with opened(None) as ledger:
            files.append(await exported(ledger, await Maker(random.Random(f"{seed}:{at}"), at).store(ledger)))
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--damaged", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    begun = time.monotonic()

    def report(done: int) -> None:
        if done % 100 == 0:
            sys.stdout.write(f"{done} sessions are equal after {time.monotonic() - begun:.0f} s\n")

    asyncio.run(check(args.sessions, args.seed, report))
    files = asyncio.run(create_files(20, args.seed))
    stored = asyncio.run(check_damaged(files, args.damaged, args.seed))
    refused = args.damaged - stored
    sys.stdout.write(f"{args.damaged} damaged files: {refused} refused, {stored} stored as a whole\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
