"""Real documents of every kind, held against the shipped schemas by a validator of others.

    python -m tests.real_documents [--of-each 200] [--seed 0]

It needs the package jsonschema, which the tests do not: `pip install jsonschema` in an environment of its
own. Each round is a history of its own: every command that has a document prints it, with other prompts, from
this one process. Those of the screen (receipts, and what a hook is given) are made of the same history by the
functions that the screen calls. The schemas are those that `handinger-tui schema` prints. Exit code 1: a
document is not as its schema says. TMPDIR=/dev/shm is faster.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from handinger_tui.cli.commands.schema import EVENTS, NAMES, schema_id, schema_of
from handinger_tui.cli.main import main as program
from handinger_tui.core.documents import members
from handinger_tui.core.export.result import notice_of_end
from handinger_tui.core.jsontext import dump
from handinger_tui.core.receipt_page import receipt_json, receipt_page
from handinger_tui.core.safety import clean_json
from handinger_tui.core.turns.session import Session
from handinger_tui.local.server import LocalServer
from tests.cli.document_tour import printed_documents
from tests.cli.program import run_on
from tests.ledger.damage import damaged
from tests.ledger.samples import opened
from tests.web import receiving

PROMPTS: Final = (
    "tour", "fail", "echo **bold** text", "long 3", "cite sources about csv and json", "hello",
    "echo \u6f22\u5b57 \U0001f44d\u200d", "report on primes", "summarize this", "echo " + "x" * 3_000,
)  # fmt: skip

OF_A_TEAM: Final = {"shared-limits"}
"""They need a PostgreSQL server, as tests/money/test_shared_limits.py has one, and are not tried here."""


def round_of_all(server: LocalServer, place: Path, dice: random.Random) -> Iterator[dict[str, Any]]:
    """At least one document of each kind."""
    printed = [*printed_documents(server, place, *dice.sample(PROMPTS, 2))]
    yield from printed
    history = place / "home" / "history.db"
    for session in asyncio.run(sessions_in(history, {str(one.get("session_id")) for one in printed})):
        for turn in session.turns:
            yield json.loads(dump(receipt_json(receipt_page(session, turn))))
            yield json.loads(dump(clean_json(members(notice_of_end(session, turn)))))
    yield called_webhook(server, place, dice.choice((200, 204, 302, 404, 500)))
    damaged(history, "pages", dice.randrange(1_000_000))
    repaired = run_on(server, place / "home", "doctor", "--repair", "--yes", "--json")
    if repaired.code == 0:
        yield repaired.result
    yield first_line_of_local()


async def sessions_in(history: Path, ids: set[str]) -> list[Session]:
    async with opened(history) as ledger:
        loaded = [await ledger.load(one) for one in sorted(ids)]
    return [one for one in loaded if one is not None]


def called_webhook(server: LocalServer, place: Path, status: int) -> dict[str, Any]:
    """The deliveries of a worker whose receiver answered so."""
    home = place / "called"
    worker = run_on(server, home, "workers", "new", "a worker of tea", "--json").result["worker_id"]
    with receiving(status) as receiver:
        run_on(server, home, "webhook", "set", worker, receiver.url)
        run_on(server, home, "-p", "echo two", "-w", worker)
        page: dict[str, Any] = {"count": 0}
        while page["count"] < 1:
            page = run_on(server, home, "webhook", "deliveries", worker, "--json").result
    return page


class _Interrupting(io.StringIO):
    """A stdout whose reader ends the program after its first line, and reads what follows."""

    ended = False

    def flush(self) -> None:
        if self.getvalue() and not self.ended:
            self.ended = True
            signal.raise_signal(signal.SIGTERM)


def first_line_of_local() -> dict[str, Any]:
    with redirect_stdout(_Interrupting()) as out:
        program(["local", "--json"])
    value: dict[str, Any] = json.loads(out.getvalue())
    return value


def main() -> int:
    """Print rounds until there are enough documents of each kind; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--of-each", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    checker: Any = import_module("jsonschema").Draft202012Validator
    validators = {schema_id(name): checker(schema_of(name)) for name in NAMES if name not in OF_A_TEAM}
    dice, counts, wrong = random.Random(args.seed), Counter[str](), 0
    with LocalServer.start(pace=0) as server:
        while min(counts[name] for name in validators) < args.of_each:
            before = counts.total()
            with tempfile.TemporaryDirectory() as folder:
                for document in round_of_all(server, Path(folder), dice):
                    name = schema_id(EVENTS) if "seq" in document else str(document["schema"])
                    counts[name] += 1
                    for problem in validators[name].iter_errors(document):
                        wrong += 1
                        print(f"{name}: {problem.json_path}: {problem.message[:200]}")
            assert counts.total() > before
    for name, count in sorted(counts.items()):
        print(f"{count:7,} {name}")
    print(f"{counts.total():7,} documents, {wrong} not as their schema says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
