"""One call of the operating system fails, or ends the program: the bench on which that is tried and judged.

A shared library in C (`failing_calls.c`) stands before that of the system, and sees the calls of SQLite, too:
reads, writes, syncs, renames, links, unlinks, files that are opened or truncated, folders, locks,
connections, what is sent and received. Each command runs in a fork of a process that has imported all, with
a history of one turn or without one, and so does the app in a terminal, with its screen and in lines:
started, a message typed and entered, answered, left; with its screen also: a session renamed, tagged,
exported or deleted. Then: no traceback and no crash report, a documented exit code, one JSON object that
says what is so, no message twice, none lost, no paid turn outside the sums, and the next start is right:
that of the app, too, where a command that sends was killed.
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import gc
import importlib
import json
import logging
import os
import pkgutil
import re
import select
import shutil
import subprocess
import sys
import threading
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext, suppress
from copy import deepcopy
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from unittest.mock import patch

import handinger_tui
from handinger_tui.cli.commands import costs
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.main import main
from tests.chaos.call_sites import UNKNOWN, Call, calls_in, tell
from tests.chaos.failing_remote import REMOTE, REMOVING, Remote
from tests.chaos.failing_talk import TALKING, talked, untrue_answers
from tests.chaos.rawterm import TERMINAL, RawTerminal, words
from tests.e2e.runner import KEY, Ran, run
from tests.ledger.samples import look
from tests.ledger.test_proof import change
from tests.money.paid_service import WORDS, PaidService, RemoteWorker, paid_service
from tests.money.postgres import Postgres, binaries, postgres, rows

SOURCE: Final = Path(__file__).with_name("failing_calls.c")
SHORT: Final = -1
"""Not a failure: only a part is written."""
KILLED: Final = -2
"""The process is killed before the call."""
CONFIG: Final = "config.toml"
AGED: Final = "UPDATE turns SET settled_ms = settled_ms - 200000000"
"""The frames of the first turn are old enough to be removed by `sessions compact`."""
NEVER_ENDED: Final = -3
"""In place of an exit code."""
TEXT: Final = "".join(WORDS)


class Kind(IntEnum):
    """The calls, in the order of the library."""

    READ = 0
    WRITE = 1
    SYNC = 2
    RENAME = 3
    UNLINK = 4
    OPEN = 5
    TRUNCATE = 6
    FOLDER = 7
    LOCK = 8
    CONNECT = 9
    SEND = 10
    RECEIVE = 11


CODES: Final = {
    Kind.READ: (errno.EIO, errno.EINTR),
    Kind.WRITE: (errno.ENOSPC, errno.EIO, errno.EINTR, SHORT),
    Kind.SYNC: (errno.EIO, errno.ENOSPC),
    Kind.RENAME: (errno.EACCES, errno.ENOSPC),
    Kind.UNLINK: (errno.EACCES, errno.EIO),
    Kind.OPEN: (errno.EMFILE, errno.EACCES, errno.ENOSPC, errno.EROFS),
    Kind.TRUNCATE: (errno.EIO,),
    Kind.FOLDER: (errno.EACCES, errno.EMFILE),
    Kind.LOCK: (errno.ENOLCK, errno.EAGAIN),
    Kind.CONNECT: (errno.ETIMEDOUT, errno.EMFILE),
    Kind.SEND: (errno.ECONNRESET, errno.EPIPE),
    Kind.RECEIVE: (errno.ECONNRESET, errno.ETIMEDOUT),
}
LASTING: Final = {Kind.WRITE: errno.ENOSPC, Kind.SYNC: errno.EIO, Kind.OPEN: errno.EMFILE}
"""What also fails from the n-th call on: a full disk stays full."""
CHANGING: Final = tuple(kind for kind in Kind if kind not in {Kind.READ, Kind.LOCK})
"""Between two of these calls nothing changes, so a kill there is no other one."""
MEMORY: Final = Path("/dev/shm")
"""Histories are written there: no disk has to be waited for."""
PROGRESS: Final = 100
"""After so many runs a line says how far it is."""
PATIENCE_S: Final = 60.0
RESTS_S: Final = 3.0
"""So long the app draws nothing, which it does while it works: something else than the answer is shown."""
LONGEST_S: Final = 12.0
"""So long that is waited for at most: below a question something may be drawn again and again."""
FIRST: Final = "first message"
"""The message of the turn that is in each history."""
DAMAGE: Final = "UPDATE sqlite_schema SET sql = replace(sql, 'NEW', 'OLD') WHERE type = 'trigger'"
HELLO, WORKER, SESSION, FILE, OUT, LIMIT = "HELLO", "WORKER", "SESSION", "FILE", "OUT", "LIMIT"
"""Stand for a new message, the worker and the session of the first turn, an exported session, a file to
be written, and what an agent may spend in a day."""
MONTH, PLACE, TABLE, MEANING = "MONTH", "PLACE", "TABLE", "MEANING"
"""Stand for the present month, a folder and a table to be written, and what figures of the worker mean."""
OWNER, INVOICE, ADDRESS = "OWNER", "INVOICE", "ADDRESS"
"""Stand for an unassigned cost with its turn, an invoice, and the address of the local worker."""
NOTHING: Final = (-1, 0, 0, False)
"""No call fails, and none is told."""
LATER: Final = timedelta(days=40)
"""So much later a statement is written: the month is over then."""
TAG: Final = "old"
"""The tag of the first session."""
PAYING: Final = ("-p", HELLO, "--json")
DRY_RUN: Final = ("-p", HELLO, "--dry-run", "--json")
APP, PLAIN = ("the app",), ("the app", "--plain")
KEEPING, DELETING = ("the app, which renames, tags and exports",), ("the app, which deletes",)
AGAIN = ("the app, after a kill",)
FIRST_APP: Final = ("the app", "--no-mouse")
FIRST_STARTS: Final = (("-p", HELLO, "-q", "--json"), FIRST_APP)
"""These find no history."""
OF_TEAM: Final = (("-p", HELLO, "-b", "standard", "--json"), ("costs", "--shared-limit", "day 5", "--json"))
"""These ask the database of a team, which has a limit of 1,000 a day."""
TYPED: Final = "Enter to run the command"
EMPTY: Final = "Ask a worker"
CONNECTED: Final = "Enter Send"
STEPS: Final = {
    APP: ((FIRST, HELLO), (HELLO, "\r"), (WORDS[-1].strip(), "")),
    FIRST_APP: ((EMPTY, HELLO), (HELLO, "\r"), (WORDS[-1].strip(), "")),
    PLAIN: ((FIRST, HELLO), (HELLO, "\r"), (WORDS[-1].strip(), "")),
    KEEPING: (
        *((FIRST, "/rename another name"), (TYPED, "\r"), (EMPTY, "/tag x"), (TYPED, "\r")),
        *(("Tags: ", "/export out.json"), (TYPED, "\r"), ("Saved to ", "")),
    ),
    DELETING: (
        *((FIRST, "/new"), (TYPED, "\r"), ("Recent sessions", "/sessions"), (TYPED, "\r")),
        *(("^X Delete", "\x18"), ("is deleted", "\x1b"), (EMPTY, "")),
    ),
    AGAIN: ((CONNECTED, ""),),
}
"""What is typed in a terminal once a text is shown."""
JOURNEYS: Final = (*(journey for journey in STEPS if journey != AGAIN),)
WRITING: Final = (APP, FIRST_APP, PLAIN)
"""A message is typed in these."""
LEAVING: Final = (("send", SESSION, HELLO, "--json"), ("-p", HELLO, "--detach", "--json"))
"""They end before the answer does."""
TALKS: Final = (("acp",), ("mcp", LIMIT))
SENDING: Final = (
    *(PAYING, ("-p", HELLO, "--no-history", "--json"), ("-c", "-p", HELLO, "--json")),
    ("-p", HELLO, "-f", FILE, "-o", OUT, "--debug", PLACE, "--force", "--json"),
    *(FIRST_STARTS[0], *OF_TEAM[:1] * (binaries() is not None)),
    *(*LEAVING, *TALKS, *WRITING),
)
SETTLING: Final = (("costs", "--settle", "--json"), ("attach", WORKER, "-p", "--json"))
STATEMENT: Final = ("bundle.jsonl", "check.py", "statement.html")
"""The files of a statement."""
OF_WORKERS: Final[tuple[tuple[str, ...], ...]] = (
    ("costs", "--focus", TABLE, "--force"),
    ("costs", "--assign", OWNER, "--json"),
)
"""The tasks generation has none of these: credits have no price, and a task names what each turn cost."""
LOGIN: Final = ("login", "--file", "--base-url", ADDRESS, "--json")
COMMANDS: Final[tuple[tuple[str, ...], ...]] = (
    *SENDING[: -len(WRITING)],
    *SETTLING,
    ("sessions", "--json"),
    ("sessions", "show", SESSION, "--json"),
    ("sessions", "search", "first", "--json"),
    ("sessions", "rename", SESSION, "a name", "--json"),
    ("sessions", "tag", SESSION, "x", "--json"),
    ("sessions", "untag", SESSION, TAG, "--json"),
    ("sessions", "compact", "--json"),
    ("sessions", "rm", SESSION, "--yes", "--json"),
    ("import", FILE, "--json"),
    ("export", SESSION, "--format", "json", "-o", OUT, "--force"),
    ("costs", "--json"),
    ("costs", "--report", OUT, "--force"),
    ("costs", "--match", INVOICE, "--json"),
    *OF_TEAM[1:] * (binaries() is not None),
    ("costs", "--reading", MEANING, "--json"),
    ("costs", "--statement", MONTH, "-o", PLACE, "--force"),
    *OF_WORKERS,
    ("sources", SESSION, "--json"),
    ("runs", "--json"),
    ("replay", SESSION, "--speed", "max", "--json"),
    ("doctor", "--json"),
    ("doctor", "--repair", "--yes", "--json"),
    ("config", "show", "--json"),
    ("config", "set", "theme", "dark", "--json"),
    ("config", "unset", "keep_frames", "--json"),
    ("config", "init", "--force"),
    ("key", "show", "--json"),
    ("key", "rm", "--yes", "--json"),
    LOGIN,
    ("-p", "report on primes", "--local", "--json"),
    DRY_RUN,
    *REMOTE,
    *JOURNEYS,
)


class Case(NamedTuple):
    """The call number `at` of a kind fails with `code`; with `lasting` all later ones, too.

    `site`: where that call was when the command was watched, which differs where threads take turns.
    """

    argv: tuple[str, ...]
    kind: Kind
    at: int
    code: int
    lasting: bool = False
    site: str = UNKNOWN

    def __str__(self) -> str:
        ways = {SHORT: "a part", KILLED: "killed"}
        since = " and later ones" if self.lasting else ""
        how = ways.get(self.code) or errno.errorcode[self.code]
        return f"{' '.join(self.argv)} · {self.kind.name.lower()} {self.at}{since} · {how}"


class History(NamedTuple):
    """A folder to be copied, the workers of the service, and how many turns were paid."""

    folder: Path
    workers: dict[str, RemoteWorker]
    turns: int


class Outcome(NamedTuple):
    """How many calls failed, what was wrong, and the site of the first call that failed."""

    failed: int
    wrong: tuple[str, ...]
    site: str = UNKNOWN


class Watched(NamedTuple):
    """A command in which nothing fails: how many calls of each kind it makes, and their sites."""

    calls: list[int]
    sites: list[Call]


# -- the process that the library is loaded into -------------------------------------------
def serve_cases() -> None:
    """Read orders as lines of JSON, run each in a fork, and write what it returned.

    Of a program in a terminal the lines are its id and its exit code.
    """
    library = ctypes.CDLL(None)
    for module in pkgutil.walk_packages(handinger_tui.__path__, "handinger_tui."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        if "terminal" in order:
            if not _serve_in_terminal(order):
                sys.exit(_in_terminal(library, order))
            continue
        reading, writing = os.pipe()
        loaded_before = set(sys.modules)
        child = os.fork()
        if not child:
            os.close(reading)
            tell(library, order["told"])
            library.fail_arm(os.fsencode(order["home"]), *order["how"])
            try:
                ran = _ran_here(order)
            except BaseException as problem:  # noqa: BLE001 - what leaves `main` is a traceback to the person
                ran = Ran(1, "", f"Traceback: {problem!r}")
            calls = [library.fail_calls(kind) for kind in Kind]
            loaded = sorted(set(sys.modules) - loaded_before)
            with os.fdopen(writing, "w") as sink:
                json.dump([[library.fail_count(), calls, ran.code, ran.out, ran.err], loaded], sink)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as source:
            text = source.read().decode()
        _, status = os.waitpid(child, 0)
        ended, loaded = json.loads(text or f'[[1, [], {os.waitstatus_to_exitcode(status)}, "", ""], []]')
        print(json.dumps(ended), flush=True)
        _load(loaded)


def _serve_in_terminal(order: dict[str, Any]) -> int:
    """Run the program in a terminal, in a fork; returns its id, or 0 in the fork."""
    # The fork opens it before the other side is told that it may close it.
    terminal = os.open(order["terminal"], os.O_RDWR | os.O_NOCTTY)
    loaded_before = set(sys.modules)
    child = os.fork()
    if not child:
        os.login_tty(terminal)
        atexit.register(lambda: _write_loaded(Path(order["loaded"]), loaded_before))
        return 0
    os.close(terminal)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
    with suppress(FileNotFoundError):
        _load(json.loads(Path(order["loaded"]).read_text()))
    return child


def _keep_tracebacks(path: str) -> None:
    """Write to a file what a screen hides: exceptions of tasks, threads and destructors."""

    def keep(problem: BaseException | None) -> None:
        with open(path, "a", encoding="utf-8") as sink:
            sink.write("".join(traceback.format_exception(problem)))

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            keep(record.exc_info[1] if record.exc_info else RuntimeError(record.getMessage()))

    logging.getLogger().addHandler(Kept(logging.ERROR))
    threading.excepthook = lambda problem: keep(problem.exc_value)
    # The program passes on what it does not keep itself.
    sys.__unraisablehook__ = lambda problem: keep(problem.exc_value)


def _write_loaded(path: Path, before: set[str]) -> None:
    path.write_text(json.dumps(sorted(set(sys.modules) - before)))


def _in_terminal(library: ctypes.CDLL, order: dict[str, Any]) -> int:
    """Run the program on the terminal of this process, as in a process of its own; returns its exit code."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        stream = os.fdopen(descriptor, mode, buffering=1, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.argv = ["handinger-tui", *order["argv"]]
    _keep_tracebacks(order["tracebacks"])
    tell(library, order["told"])
    library.fail_note(os.fsencode(order["note"]))
    library.fail_arm(os.fsencode(order["environ"]["HANDINGER_TUI_HOME"]), *order["how"])
    return main(order["argv"])


def _load(names: list[str]) -> None:
    """Import what a fork had to import, for the next one: it took most of its time."""
    for name in names:
        with suppress(ImportError):
            importlib.import_module(name)


class Later(datetime):
    """A clock that is ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp((datetime.now(tz) + LATER).timestamp(), tz)


def _at_its_time(argv: Sequence[str]) -> AbstractContextManager[object]:
    """A month is closed when it is over."""
    return patch.object(costs, "datetime", Later) if "--statement" in argv else nullcontext()


def _ran_here(order: dict[str, Any]) -> Ran:
    """Run the command of an order in this process."""
    argv, environ = order["argv"], order["environ"]
    if argv[0] not in TALKING:
        with _at_its_time(argv):
            return run(*argv, home=Path(order["home"]), **order["place"], **environ)
    os.environ |= {"HANDINGER_TUI_HOME": order["home"], "HANDINGER_POLL_INTERVAL": "0.05", **environ}
    place = order["place"]
    os.environ |= {"HANDINGER_BASE_URL": place["base_url"], "HANDINGER_API_KEY": place["key"]}
    return talked(argv, order["message"], order["session"])


def make_library(folder: Path) -> Path:
    """Make the library.

    Raises:
        OSError, CalledProcessError: there is no compiler, or it cannot make it.
    """
    library = folder / "fail.so"
    words = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(words, check=True, capture_output=True)
    return library


class Forks:
    """A process with the library, which takes orders; the end of the block ends it."""

    def __init__(self, stack: ExitStack, library: Path) -> None:
        # What modules read when they are imported is that of the terminal.
        environ = {**os.environ, **TERMINAL, "LD_PRELOAD": str(library), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "tests.chaos.failing_bench"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = stack.enter_context(process)
        stack.callback(process.stdin.close)
        self._orders, self._answers = process.stdin, process.stdout.fileno()
        self._unread = b""

    def send(self, order: dict[str, Any]) -> None:
        """Give an order."""
        self._orders.write(json.dumps(order).encode() + b"\n")
        self._orders.flush()

    def answer(self, within_s: float | None = None) -> str | None:
        """The next line of its answer; None if it does not come in that time.

        Raises:
            EOFError: it has ended.
        """
        while b"\n" not in self._unread:
            if not select.select([self._answers], [], [], within_s)[0]:
                return None
            data = os.read(self._answers, 1 << 16)
            if not data:
                raise EOFError
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()


class Fork:
    """A program that runs in a terminal, in a fork of the process with the library."""

    def __init__(self, forks: Forks, order: dict[str, Any]) -> None:
        self._forks = forks
        self._code: int | None = None
        forks.send(order)
        self.pid = int(forks.answer() or "")

    def poll(self) -> int | None:
        """The exit code, once it has ended."""
        if self._code is None and (line := self._forks.answer(0)) is not None:
            self._code = int(line)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code."""
        if self._code is None:
            self._code = int(self._forks.answer(timeout) or "")
        return self._code

    def send_signal(self, sig: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, sig)


# -- one case --------------------------------------------------------------------------------
class Bench:
    """A service, a history with one turn to be copied, and the process that runs the cases."""

    def __init__(self, stack: ExitStack, folder: Path, *, tasks: bool = False) -> None:
        how: dict[str, Any] = {"tasks": True, "cost_usd": None, "credits": 3} if tasks else {}
        self._service: PaidService = stack.enter_context(paid_service(**how))
        self._forks = Forks(stack, make_library(folder))
        self._environ = {"HANDINGER_GENERATION": self._service.generation, "HANDINGER_RECOVERY_WINDOW": "1"}
        self._environ |= {"HANDINGER_LOCAL_PACE": "0"}
        self._home, self._number = folder / "home", 0
        self._remote = Remote(stack, folder, tasks=tasks)
        self._told, self._stack = folder / "told", stack
        home = folder / "first"
        home.mkdir()
        (home / CONFIG).write_text(f'keep_frames = "1 day"\ndownload_dir = "{self._home}"\n')
        first = self._run("-p", FIRST, "--json", home=home).result
        # In the history's folder: failures are those of its files.
        file = home / "session.json"
        self._run("export", first["session_id"], "--format", "json", "-o", str(file), home=home)
        # Other ids, so that it is a session that this history does not have.
        text = file.read_text().replace(first["session_id"], "ses_other")
        file.write_text(text.replace(first["turn_id"], "turn_other"))
        self._run("sessions", "tag", first["session_id"], TAG, home=home)
        worker = first["task_id" if tasks else "worker_id"]
        self._names = {
            WORKER: worker,
            SESSION: first["session_id"],
            LIMIT: "--max-credits=1000" if tasks else "--max-cost=1000",
            FILE: str(self._home / file.name),
            OUT: str(self._home / "out.json"),
            MONTH: datetime.now().astimezone().strftime("%Y-%m"),
            PLACE: str(self._home / "place"),
            TABLE: str(self._home / "table.csv"),
            MEANING: f"{worker}=per-turn",
            INVOICE: str(self._home / "invoice.csv"),
            ADDRESS: self._remote.url,
        }
        (home / "invoice.csv").write_text(f"worker,month,usd\n{worker},{self._names[MONTH]},1\n")
        self._first = self._history = History(home, deepcopy(self._service.workers), 1)
        self._unassigned = self._first if tasks else self._with_unassigned_cost(worker, first["turn_id"])

    def _with_unassigned_cost(self, worker: str, turn: str) -> History:
        """The history with a message of somebody else and one more turn."""
        home = self._first.folder.with_name("unassigned")
        shutil.copytree(self._first.folder, home)
        self._service.start_turn(worker, "of somebody else")
        self._service.finish()
        self._run("-p", "second message", "-w", worker, home=home)
        (row,) = self._run("costs", "--json", home=home).result["suspense"]
        self._names[OWNER] = f"{row['rises'][0]['number']}={turn}"
        return History(home, deepcopy(self._service.workers), 3)

    @cached_property
    def _team(self) -> Postgres:
        return self._stack.enter_context(postgres())

    def _run(self, *argv: str, home: Path | None = None) -> Ran:
        return run(*argv, home=home or self._home, base_url=self._service.url, **self._environ)

    def watched(self, argv: tuple[str, ...]) -> Watched:
        """The calls of a command where none fails."""
        _, calls, ran = self._ran(argv, (len(Kind), 0, 0, False), self._begin(argv))
        assert len(calls) == len(Kind), f"{ran.code} {ran.err[-2000:]}"
        return Watched(calls, calls_in(self._told))

    def tried(self, case: Case) -> Outcome:
        """Run a case, and judge it."""
        message = self._begin(case.argv)
        failed, _, ran = self._ran(case.argv, case[1:5], message)
        sites = [call.site for call in calls_in(self._told)]
        if case.code == KILLED:
            faults = [*tracebacks(ran)]
            if failed and ran.code != -9:
                faults.append(f"it was not killed, but ended with {ran.code}")
        else:
            faults = [*judged(case, ran, self._service.posts.count(message), failed=bool(failed))]
        wrong = (*faults, *self._wrong_afterward(case, ran, message), *crash_reports(self._home))
        return Outcome(failed, wrong, sites[0] if sites else UNKNOWN)

    def _begin(self, argv: tuple[str, ...]) -> str:
        """Make the history anew; returns a message of its own: a request of the case before may be late."""
        self._told.unlink(missing_ok=True)
        shutil.rmtree(self._home, ignore_errors=True)
        if argv in FIRST_STARTS:
            self._history = History(Path(), {}, 0)
        else:
            self._history = self._unassigned if OWNER in argv else self._first
            shutil.copytree(self._history.folder, self._home)
        if "--repair" in argv:
            change(self._home / "history.db", DAMAGE)
        if "compact" in argv:
            change(self._home / "history.db", AGED)
        if argv[:2] == ("key", "rm"):
            with (self._home / CONFIG).open("a") as config:
                config.write(f'api_key = "{KEY}"\n')
        self._service.workers = deepcopy(self._history.workers)
        self._environ["HANDINGER_SHARED_URL"] = self._team.new_url() if argv in OF_TEAM else ""
        if argv in OF_TEAM:
            self._run("costs", "--shared-limit", "day 1000 credits" if self._service.tasks else "day 1000")
        if argv in REMOTE:
            self._names |= self._remote.begin(argv, self._home)
        self._number += 1
        return f"message {self._number}"

    def _ran(self, argv: tuple[str, ...], how: tuple[int, ...], message: str) -> tuple[int, list[int], Ran]:
        """Run a command; returns how many calls failed, and how many of each kind there were."""
        if argv in JOURNEYS:
            return self._journey(argv, how, {**self._names, HELLO: message})
        named = [{**self._names, HELLO: message}.get(word, word) for word in argv]
        order: dict[str, Any] = {"argv": named, "how": how, "home": str(self._home)}
        order |= {"place": self._place(argv)}
        order |= {"environ": self._environ, "told": str(self._told)}
        order |= {"message": message, "session": self._names[SESSION]}
        self._forks.send(order)
        failed, calls, *ended = json.loads(self._forks.answer() or "")
        return failed, calls, Ran(*ended)

    def _place(self, argv: tuple[str, ...]) -> dict[str, str]:
        """The service of a command, and its key, which is typed where it is to be stored."""
        if argv == LOGIN:
            return {"stdin": f"{self._remote.key}\n"}
        if argv in REMOTE:
            return {"base_url": self._remote.url, "key": self._remote.key}
        return {"base_url": self._service.url, "key": KEY}

    def _journey(
        self, journey: tuple[str, ...], how: tuple[int, ...], names: dict[str, str]
    ) -> tuple[int, list[int], Ran]:
        """Open the app, type what belongs to a journey, and quit."""
        note = self._home.with_name("note")
        note.unlink(missing_ok=True)
        loaded = self._home.with_name("loaded")
        loaded.unlink(missing_ok=True)
        hidden = self._home.with_name("tracebacks")
        hidden.unlink(missing_ok=True)
        order = {"how": how, "note": str(note), "told": str(self._told), "loaded": str(loaded)}
        order |= {"tracebacks": str(hidden)}

        def start(argv: tuple[str, ...], terminal: str, environ: dict[str, str]) -> Fork:
            return Fork(self._forks, {**order, "argv": argv, "terminal": terminal, "environ": environ})

        environ: dict[str, Any] = {
            **self._environ,
            "HANDINGER_BASE_URL": self._service.url,
            "HANDINGER_API_KEY": KEY,
        }
        with closing(
            RawTerminal(*journey[1:], home=self._home, rows=40, columns=120, start=start, **environ)
        ) as app:
            since = 0
            for text, keys in STEPS[journey]:
                _wait(app, names.get(text, text), since, rests=lambda: journey == AGAIN or note.exists())
                since = len(app.output)
                words_typed = (names.get(word, word) for word in keys.split(" "))
                app.send(" ".join(words_typed).encode())
            end = time.monotonic() + PATIENCE_S
            while app.is_running and time.monotonic() < end:
                # Ctrl+C twice quits from every screen. Behind the screen it would be a signal: exit code 130.
                if not has_left_screen(app):
                    app.send(b"\x03")
                app.drain()
            code = NEVER_ENDED if app.is_running else app.ends()
            ran = Ran(code, hidden.read_text() if hidden.exists() else "", words(bytes(app.output)))
        noted = note.read_text() if note.exists() else ""
        return (
            noted.count("x"),
            [int(number) for number in noted.split()[-len(Kind) :] if "x" not in number],
            ran,
        )

    def _wrong_afterward(self, case: Case, ran: Ran, message: str) -> Iterator[str]:
        after = self._run("sessions", "--json")
        sessions = len(after.result["sessions"]) if after.code == 0 else 0
        # Between the two names of a repair the next start says so, and a second repair ends it.
        names_the_damage = "--repair" in case.argv and "was damaged and is kept as" in after.err
        deletes = case.argv == DELETING or case.argv[:2] == ("sessions", "rm")
        may_be_empty = names_the_damage or deletes or case.argv in FIRST_STARTS
        if after.code != 0 or not (sessions or may_be_empty):
            yield f"the next start: {after.code}, {sessions} sessions {after.err[-200:]}"
            return
        yield from tracebacks(after)
        yield from self._wrong_content(case, ran, message, sessions)
        if case.code == KILLED and case.argv in (*SENDING, *JOURNEYS):
            _, _, opened = self._journey(AGAIN, NOTHING, self._names)
            yield from tracebacks(opened)
            if opened.code != 0:
                yield f"the next start of the app: {opened.code} {opened.err[-200:]}"
        if case.argv in REMOTE:
            may_leave_parts = case.code == KILLED or case.kind is Kind.UNLINK
            yield from self._remote.wrong_afterward(
                case.argv, ran, self._names, may_leave_parts=may_leave_parts
            )
        if case.argv[0] in TALKING:
            yield from untrue_answers(ran, self._service.posts.count(message))
        if (case.code == KILLED or ran.code != 0) and case.argv not in (*SENDING, *JOURNEYS):
            named = (self._names.get(word, word) for word in case.argv)
            with _at_its_time(case.argv):
                again = run(*named, home=self._home, **self._place(case.argv), **self._environ)
            yield from tracebacks(again)
            is_deleted = deletes and not sessions
            if again.code != 0 and not is_deleted and case.argv[:2] not in REMOVING:
                yield f"it does not run again: {again.code} {again.err[-200:]}"
            if names_the_damage and not self._run("sessions", "--json").result["sessions"]:
                yield "a second repair does not save it"
        yield from self._wrong_sums(case, ran, message)

    def _wrong_content(self, case: Case, ran: Ran, message: str, sessions: int) -> Iterator[str]:
        """What is missing in the history or in a file, although the program said or promised it."""
        if sessions and self._history.turns and (TEXT,) not in self._look("SELECT text FROM answers"):
            yield "the answer of the first turn is lost"
        yield from self._wrong_files(case.argv, ran)
        yield from self._wrong_config(case.argv, ran)
        if ran.code == 0 and "import" in case.argv and sessions != 2:
            yield "nothing was imported"
        is_tagged = (ran.code == 0 and "tag" in case.argv) or (case.argv == KEEPING and "Tags: " in ran.err)
        is_untagged = ran.code == 0 and "untag" in case.argv
        if is_tagged or is_untagged:
            tags = [tag for (tag,) in self._look("SELECT name FROM tags ORDER BY name")]
            if tags != ([TAG, "x"] if is_tagged else []):
                yield f"it says that the tags were changed, and they are {tags}"
        has_left = case.argv in WRITING and ran.code in {0, Exit.INTERRUPTED}
        if has_left and message not in self._service.posts:
            query = "SELECT prompt FROM turns UNION SELECT text FROM drafts"
            kept = [str(text) for (text,) in self._look(query)]
            # What was typed before there was a connection is in a file of its own.
            kept += [early.read_text() for early in self._home.glob("early-*")]
            kept += re.findall(r"(?i:not saved): .*", ran.err)
            if not any(message in text for text in kept):
                yield "what was typed is lost"

    def _wrong_files(self, argv: tuple[str, ...], ran: Ran) -> Iterator[str]:
        """A part of a file, or one that is not there although the program said so."""
        written = Path(self._names[OUT])
        if written.exists():
            text = written.read_text()
            if not (text.strip() == TEXT.strip() if argv[0] == "-p" else _is_json(text)):
                yield "a part of a file was left"
        elif (ran.code == 0 and OUT in argv) or (argv == KEEPING and "Saved to " in ran.err):
            yield "nothing was written"
        table = Path(self._names[TABLE])
        if table.exists() and not table.read_text().endswith("\n"):
            yield "a part of a table was left"
        if ran.code == 0 and TABLE in argv and not table.exists():
            yield "no table was written"
        statement = [file.name for file in Path(self._names[PLACE]).glob("*")]
        if ran.code == 0 and MONTH in argv and sorted(statement) != list(STATEMENT):
            yield f"the statement is {statement}"

    def _wrong_config(self, argv: tuple[str, ...], ran: Ran) -> Iterator[str]:
        """What the config file has lost, or has not although the program said so."""
        if argv in FIRST_STARTS:
            return
        config = tomllib.loads((self._home / CONFIG).read_text())
        changed: dict[tuple[str, ...], bool] = {
            ("config", "set"): config.get("theme") == "dark",
            ("config", "unset"): "keep_frames" not in config,
            ("config", "init"): "keep_frames" not in config,
            ("key", "rm"): "api_key" not in config,
            LOGIN[:2]: config.get("api_key") == self._remote.key,
        }
        if argv == LOGIN and "api_key" in config and (self._home / CONFIG).stat().st_mode & 0o77:
            yield "others can read the key"
        has_changed = changed.get(argv[:2])
        if ran.code == 0 and has_changed is False:
            yield f"exit code 0, and the config file is as it was: {config}"
        others_stay = not has_changed or argv[:2] in {("config", "set"), ("key", "rm"), LOGIN[:2]}
        if others_stay and config.get("keep_frames") != "1 day":
            yield f"the config file has lost a setting: {config}"

    def _wrong_sums(self, case: Case, ran: Ran, message: str) -> Iterator[str]:
        """What the next start says of the turns that were paid, and of the message."""
        settled = self._run("costs", "--settle", "--json")
        yield from tracebacks(settled)
        posts = self._service.posts.count(message)
        if posts > (case.argv in SENDING):
            yield f"{posts} messages were sent"
        if settled.code != 0:
            yield f"costs fail afterward: {settled.code} {settled.err[-200:]}"
            return
        kept = posts * ("--no-history" not in case.argv)
        amount, missing = (
            ("credits", "uncredited_turns") if self._service.tasks else ("cost_usd", "unpriced_turns")
        )
        total, price = settled.result["total"], self._service.price
        paid, at_least = price * (self._history.turns + kept), Decimal(total[amount] or 0)
        if not at_least <= paid <= at_least + total[missing] * price:
            yield f"{paid} was paid, and costs say {at_least} and {total[missing]} turns"
        if kept and (message,) not in self._look("SELECT prompt FROM turns"):
            yield "a message that was sent is in no history"
        if case.argv in OF_TEAM:
            yield from self._wrong_entries(case, ran, posts)

    def _wrong_entries(self, case: Case, ran: Ran, posts: int) -> Iterator[str]:
        """What the database of the team has not, although it was paid or the program said so."""
        url = self._environ["HANDINGER_SHARED_URL"]
        entered = [state for _, scope, state, *_ in rows(url) if scope.startswith("day")]
        if posts and "released" in (entered or ["released"]):
            yield f"it was sent, and the team's entries are {entered}"
        limit = self._run("costs", "--shared", "--json").out
        if ran.code == 0 and "--shared-limit" in case.argv and "5" not in limit:
            yield f"exit code 0, and the limits are {limit}"

    def _look(self, query: str) -> list[tuple[Any, ...]]:
        """What the history has; nothing where there is none yet."""
        history = self._home / "history.db"
        return look(history, query) if history.exists() else []


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _wait(app: RawTerminal, text: str, since: int, rests: Callable[[], bool]) -> None:
    """Wait until the app writes a text behind so many bytes, has ended, or rests and that is an end, too.

    It may show something else where a call has failed, or the app before was killed.
    """
    begun = drawn = time.monotonic()
    length = 0
    while app.is_running and text not in words(bytes(app.output[since:])):
        now = time.monotonic()
        if len(app.output) > length:
            length, drawn = len(app.output), now
        is_over = now > drawn + RESTS_S or now > begun + LONGEST_S
        if now > begun + PATIENCE_S or (is_over and rests()):
            return
        app.drain()


def has_left_screen(app: RawTerminal) -> bool:
    """Whether the app has had a screen, and the terminal is again as it was before."""
    return app.output.rfind(b"\x1b[?1049l") > app.output.rfind(b"\x1b[?1049h")


def tracebacks(ran: Ran) -> Iterator[str]:
    """What a run tells of a crash, or of an exception that nothing has caught."""
    if any(word in ran.err + ran.out for word in ("Traceback", "crashed")):
        yield f"a traceback: {ran.out[-1500:]}{ran.err[-300:]}"


def crash_reports(home: Path) -> Iterator[str]:
    """What crash reports say at their end."""
    for report in home.glob("crash-*.txt"):
        yield f"a crash report: {report.read_text()[-1500:]}"


def judged(case: Case, ran: Ran, posts: int, *, failed: bool) -> Iterator[str]:
    """What is wrong with a run that sent so many messages, and in which a call `failed` or none."""
    if traced := [*tracebacks(ran)]:
        yield from traced
        return
    if ran.code not in set(Exit):
        yield f"exit code {ran.code}"
    # Plain mode reports the Ctrl+C that ends it.
    if not failed and ran.code not in {0, Exit.INTERRUPTED if case.argv == PLAIN else 0}:
        yield f"exit code {ran.code} without a failure: {ran.err[-200:]}"
    if "--json" not in case.argv:
        if ran.code != 0 and not ran.err.strip():
            yield f"exit code {ran.code} without a reason"
        return
    try:
        result = ran.result
    except (ValueError, IndexError):
        yield f"no JSON object: {ran.out[-100:]!r}, code {ran.code}, {ran.err[-200:]}"
        return
    # One file of several may have failed.
    error = result.get("error") or any(file.get("error") for file in result.get("files", ()))
    # A result that is complete was printed before what failed later.
    complete = {"completed", "running"} if case.argv in LEAVING else {"completed"}
    has_ended = result.get("status") in complete or would_not_send(result)
    has_reason = ran.err.strip() and (error or has_ended)
    if ran.code != 0 and "doctor" not in case.argv and not has_reason:
        yield f"exit code {ran.code} without a reason"
    if case.argv in SENDING:
        yield from _untrue(case, ran, result, posts)


def would_not_send(result: dict[str, Any]) -> bool:
    """A dry run whose answer is that the message would not be sent; why not is on stderr."""
    return str(result.get("schema")).startswith("handinger-tui/dry-run/") and result["would_send"] is False


def _untrue(case: Case, ran: Ran, result: dict[str, Any], posts: int) -> Iterator[str]:
    """What is not true in the result of a message."""
    error = result.get("error")
    if ran.code == 0 and (posts != 1 or (result["text"] != TEXT and case.argv not in LEAVING)):
        yield f"exit code 0, {posts} messages, text {result['text']!r}"
    # Whether a part had left before a send failed cannot be known here: "may have been" is right.
    if not posts and error and error.get("may_have_been_charged") and case.kind is not Kind.SEND:
        yield f"nothing was sent, and it says that it may have been: {error}"
    if posts and error and error.get("may_have_been_charged") is False:
        yield f"it was sent, and it says that nothing was charged: {error}"


if __name__ == "__main__":
    serve_cases()
