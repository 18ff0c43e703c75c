"""What the history must hold: compared with what the proxy let pass and with what the local worker has."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

from handinger_tui.ledger.frames import stored_frames
from tests.storm.person import NAME, Book
from tests.storm.proxy import Exchange, Proxy

KEPT_S: Final = 4.0
"""What arrived this long ago is on the disk; the machine may be busy."""
ENDED: Final = frozenset({"completed", "failed", "incomplete"})
FREE: Final = frozenset({"rejected", "not_sent", "not_delivered", "queued"})


class History:
    """The history as another process reads it."""

    def __init__(self, home: Path) -> None:
        self.path = home / "history.db"

    def rows(self, query: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(query, values).fetchall()

    def frames(self, turn_id: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=20)) as connection:
            return stored_frames(connection, turn_id)


def check_arrival(history: History, exchange: Exchange) -> Iterator[str]:
    """A request that starts a turn arrives: its prompt and the note that it leaves are on the disk."""
    rows = history.rows("SELECT prompt FROM turns WHERE turn_id = ?", exchange.turn_id)
    if not rows:
        yield f"{exchange.turn_id} is sent, and not in the history"
    elif NAME.findall(rows[0][0]) != NAME.findall(exchange.body.decode("utf-8", "replace")):
        yield f"{exchange.turn_id}: {rows[0][0]!r} is stored, {exchange.body!r} was sent"
    elif "sending" not in {frame.event for frame in history.frames(exchange.turn_id)}:
        yield f"{exchange.turn_id} is sent, and not marked as such"


def check_posts(proxy: Proxy, book: Book) -> Iterator[str]:
    """No request twice, and no text more often than the person confirmed."""
    turns = proxy.turns()
    for turn_id, count in Counter(one.turn_id for one in turns).items():
        if count > 1:
            yield f"{turn_id} was sent {count} times"
    # A fork carries all earlier messages in one.
    bodies = [
        one.body.decode("utf-8", "replace") for one in turns if b"conversation with another" not in one.body
    ]
    sent = Counter(name for body in bodies for name in set(NAME.findall(body)))
    more = [f"{name} {count} times" for name, count in sent.items() if count > book.entered[name]]
    if sum(sent[one.split()[0]] - book.entered[one.split()[0]] for one in more) > book.blind:
        yield f"sent more often than entered: {more}"


def check_frames(history: History, proxy: Proxy, before_s: float | None = None) -> Iterator[str]:
    """The frames of each answer to a POST are what left for the program, in this order.

    What left before `before_s` (monotonic) is on the disk.
    """
    for one in proxy.turns():
        if not one.is_stream or one.fault in {"trouble after", "page after", "reset after", "close after"}:
            continue
        frames = history.frames(one.turn_id)
        if [frame.seq for frame in frames] != list(range(len(frames))):
            yield f"{one.turn_id}: numbers {[frame.seq for frame in frames]}"
        stored = first_stream(frames)
        left = one.events()
        if stored != left[: len(stored)]:
            yield f"{one.turn_id} ({one.fault}): stored {stored[-3:]}, left {left[len(stored) - 3 :][:4]}"
        # A program that stops watching reads no more.
        is_watched = frames[-1].event not in {"settled", "closed"} and "reset" not in one.fault
        before = one.events(before_s) if is_watched and before_s is not None else []
        if len(stored) < len(before):
            yield f"{one.turn_id} ({one.fault}): {len(stored)} of {len(before)} events are on the disk"


def first_stream(frames: list[Any]) -> list[str]:
    """The data of the events of the first response."""
    data: list[str] = []
    opened = False
    for frame in frames:
        if frame.event == "opened":
            if opened:
                break
            opened = '"via":"post"' in frame.data
        elif frame.event in {"closed", "watching"} and opened:
            break
        elif opened and frame.framing == "sse":
            data.append(frame.data)
    return data


def worker_of(proxy: Proxy, target: str) -> dict[str, Any] | None:
    """A worker as the local worker shows it, or a task with its `turns`; None where it does not exist."""
    key = {"Authorization": f"Bearer {proxy.server.api_key}"}
    server = proxy.server
    url = (
        f"{server.tasks_url}/api/tasks/{target}"
        if proxy.has_tasks
        else f"{server.base_url}/api/workers/{target}"
    )
    answer = httpx.get(url, headers=key, timeout=20)
    body: dict[str, Any] = answer.json()
    if answer.status_code != 200:
        return None
    if proxy.has_tasks:
        return {"id": target, "running": body["task"]["status"] == "running", "turns": body["turns"]}
    return body


def answers_of(worker: dict[str, Any]) -> dict[str, list[str]]:
    """The texts of the answers to each prompt."""
    answers: dict[str, list[str]] = defaultdict(list)
    if "turns" in worker:
        for turn in worker["turns"]:
            answers[turn["input"]].append(turn["outputText"])
        return answers
    prompt = ""
    for message in worker["messages"]:
        text = "\n\n".join(part.get("text", "") for part in message["parts"] if part["type"] == "text")
        if message["role"] == "user":
            prompt = text
            answers[prompt].append("")
        else:
            answers[prompt][-1] = text
    return answers


def wait_until_idle(proxy: Proxy, history: History) -> None:
    """Wait until no worker of the history runs."""
    end = time.monotonic() + 60
    ids = [row[0] for row in history.rows("SELECT DISTINCT worker_id FROM turns WHERE worker_id IS NOT NULL")]
    while time.monotonic() < end:
        workers = [worker_of(proxy, one) for one in ids]
        if not any(worker and worker["running"] for worker in workers):
            return
        time.sleep(0.2)


class Stored(NamedTuple):
    """A turn as the history has it after all. `final`: whether its amount is."""

    turn_id: str
    prompt: str
    status: str
    worker_id: str | None
    text: str | None
    pico_usd: int | None
    micro_credits: int | None
    final: bool


TURNS: Final = """
    SELECT t.turn_id, t.prompt, t.status, t.worker_id, a.text, m.usd_pico, m.micro_credits, m.final
      FROM turns t
      LEFT JOIN answers a USING (turn_id) LEFT JOIN turn_totals m USING (turn_id) ORDER BY t.place
"""


def check_truth(history: History, proxy: Proxy) -> Iterator[str]:
    """After all is settled, each turn has a true status, text and amount."""
    if history.rows("PRAGMA integrity_check") != [("ok",)]:
        yield "the file is damaged"
    turns = [Stored(*row) for row in history.rows(TURNS)]
    sent = {one.turn_id: one for one in proxy.turns()}
    yield from (
        f"{one} was sent, and is not in the history" for one in {*sent} - {one.turn_id for one in turns}
    )
    for turn in turns:
        numbers = [frame.seq for frame in history.frames(turn.turn_id)]
        if numbers != list(range(len(numbers))):
            yield f"{turn.turn_id}: numbers {numbers}"
    for worker_id, group in groupby(sorted(turns, key=_worker_id), key=_worker_id):
        worker, own = worker_of(proxy, worker_id) if worker_id else None, [*group]
        for turn in own:
            what = is_wrong(turn, sent.get(turn.turn_id), worker)
            if what:
                yield f"{what}: {turn[:4]} {sent.get(turn.turn_id) and sent[turn.turn_id].fault}"
        if worker is not None and "turns" in worker:
            yield from check_credits(worker, own)
        elif worker is not None and not proxy.is_lost:
            yield from check_amounts(history, proxy, worker, own)


def _worker_id(turn: Stored) -> str:
    return turn.worker_id or ""


def is_wrong(turn: Stored, request: Exchange | None, worker: dict[str, Any] | None) -> str:
    """What is not true of a turn; "" for nothing. `worker`: None where it is unknown or lost."""
    ended, forwarded = (
        turn.status in ENDED or turn.status == "running",
        request is not None and request.forwarded,
    )
    if turn.status in {"sending", "accepted", "checking"}:
        return "stuck"
    if ended and not forwarded:
        return "never arrived"
    started = request is not None and request.started
    if started and turn.status in FREE and worker is not None:
        return "arrived"
    if worker is not None and (turn.status == "running" or (turn.status == "unknown" and started)):
        return "could be known"
    if worker is not None and turn.status == "completed":
        answers = answers_of(worker).get(turn.prompt, [])
        if (turn.text or "").split() not in map(str.split, answers):
            return f"another text: {turn.text!r}"
    return ""


def check_amounts(
    history: History, proxy: Proxy, worker: dict[str, Any], turns: list[Stored]
) -> Iterator[str]:
    """The amounts of its turns, and its suspense, are what a worker charged, unless something is unknown."""
    query = "SELECT COALESCE(SUM(usd_pico), 0) FROM suspense WHERE worker_id = ?"
    ((suspense,),) = history.rows(query, worker["id"])
    entered = suspense + sum(one.pico_usd or 0 for one in turns)
    true = round(sum(worker["costs"].values()) * 1e12)
    has_gaps = any(one.status == "unknown" or (one.status not in FREE and not one.final) for one in turns)
    # Answers to two programs may overtake each other: then more may be entered than was charged.
    if (entered > true and not proxy.is_shared) or (entered < true and not has_gaps):
        yield f"{worker['id']}: {entered} entered, {true} charged, {[one[2:] for one in turns]}"


def check_credits(task: dict[str, Any], turns: list[Stored]) -> Iterator[str]:
    """Each turn of a task has the credits of its own, or none."""
    true = defaultdict(list)
    for turn in task["turns"]:
        true[turn["input"]].append(turn["credits"] * 1_000_000)
    for turn in turns:
        amounts = true[turn.prompt]
        if turn.status in FREE:
            if turn.micro_credits:
                yield f"{turn.turn_id} is {turn.status} and has {turn.micro_credits}"
        elif turn.micro_credits in amounts:
            amounts.remove(turn.micro_credits)
        elif turn.micro_credits is not None and turn.final:
            yield f"{turn.turn_id}: {turn.micro_credits} entered, {amounts} charged, {turn}"
        elif turn.status == "completed":
            yield f"{turn.turn_id} has no amount: {turn}"
    if not any(turn.status == "unknown" for turn in turns) and (
        missing := [one for one in true.values() if one]
    ):
        yield f"{task['id']}: {missing} charged, and not entered"
