"""One call of the operating system fails, or ends the program: the bench on which that is tried and judged.

A shared library in C (`failing_calls.c`) stands before that of the system, and sees the calls of SQLite, too:
reads, writes, syncs, renames, links, unlinks, files that are opened or truncated, folders, locks,
connections, what is sent and received. Each command runs in a process of its own, with a history of one
turn, and so does the app in a terminal, with its screen and in lines: started, a message typed and entered,
answered, left.
Then: no traceback, a documented exit code, one JSON object that says what is so, no message twice, none
lost, no paid turn outside the sums, and the next start is right.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from copy import deepcopy
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import handinger_tui
from handinger_tui.cli.exit_codes import Exit
from tests.chaos.call_sites import UNKNOWN, Call, calls_in, tell
from tests.chaos.failing_remote import REMOTE, REMOVING, Remote
from tests.chaos.failing_talk import TALKING, talked, untrue_answers
from tests.chaos.rawterm import RawTerminal, rawterm, words
from tests.e2e.runner import KEY, Ran, run
from tests.ledger.samples import look
from tests.ledger.test_proof import change
from tests.money.paid_service import WORDS, PaidService, paid_service

SOURCE: Final = Path(__file__).with_name("failing_calls.c")
SHORT: Final = -1
"""Not a failure: only a part is written."""
KILLED: Final = -2
"""The process is killed before the call."""
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
FIRST: Final = "first message"
"""The message of the turn that is in each history."""
DAMAGE: Final = "UPDATE sqlite_schema SET sql = replace(sql, 'NEW', 'OLD') WHERE type = 'trigger'"
HELLO, WORKER, SESSION, FILE, OUT, LIMIT = "HELLO", "WORKER", "SESSION", "FILE", "OUT", "LIMIT"
"""Stand for a new message, the worker and the session of the first turn, an exported session, a file to
be written, and what an agent may spend in a day."""
PAYING: Final = ("-p", HELLO, "--json")
APP, PLAIN = ("the app",), ("the app", "--plain")
JOURNEYS: Final = (APP, PLAIN)
"""Typed in a terminal."""
LEAVING: Final = (("send", SESSION, HELLO, "--json"), ("-p", HELLO, "--detach", "--json"))
"""They end before the answer does."""
TALKS: Final = (("acp",), ("mcp", LIMIT))
SENDING: Final = (
    *(PAYING, ("-p", HELLO, "--no-history", "--json"), ("-c", "-p", HELLO, "--json")),
    *(*LEAVING, *TALKS, *JOURNEYS),
)
SETTLING: Final = (("costs", "--settle", "--json"), ("attach", WORKER, "-p", "--json"))
COMMANDS: Final[tuple[tuple[str, ...], ...]] = (
    *SENDING[: -len(JOURNEYS)],
    *SETTLING,
    ("sessions", "--json"),
    ("sessions", "show", SESSION, "--json"),
    ("sessions", "search", "first", "--json"),
    ("sessions", "rename", SESSION, "a name", "--json"),
    ("sessions", "tag", SESSION, "x", "--json"),
    ("sessions", "compact", "--json"),
    ("sessions", "rm", SESSION, "--yes", "--json"),
    ("import", FILE, "--json"),
    ("export", SESSION, "--format", "json", "-o", OUT, "--force"),
    ("costs", "--json"),
    ("costs", "--report", OUT, "--force"),
    ("sources", SESSION, "--json"),
    ("runs", "--json"),
    ("replay", SESSION, "--speed", "max", "--json"),
    ("doctor", "--json"),
    ("doctor", "--repair", "--yes", "--json"),
    ("config", "show", "--json"),
    ("config", "set", "theme", "dark", "--json"),
    ("key", "show", "--json"),
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
    """Read orders as lines of JSON, run each in a fork, and write what it returned."""
    library = ctypes.CDLL(None)
    for module in pkgutil.walk_packages(handinger_tui.__path__, "handinger_tui."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
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
        # The next fork has what this one had to import: it took most of its time.
        for name in loaded:
            with suppress(ImportError):
                importlib.import_module(name)


def _ran_here(order: dict[str, Any]) -> Ran:
    """Run the command of an order in this process."""
    argv, environ = order["argv"], order["environ"]
    if argv[0] not in TALKING:
        place = {"home": Path(order["home"]), "base_url": order["base_url"], "key": order["key"]}
        return run(*argv, **place, **environ)
    os.environ |= {"HANDINGER_TUI_HOME": order["home"], "HANDINGER_POLL_INTERVAL": "0.05", **environ}
    os.environ |= {"HANDINGER_BASE_URL": order["base_url"], "HANDINGER_API_KEY": order["key"]}
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


@contextmanager
def forks(library: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with the library, which takes orders."""
    environ = {**os.environ, "LD_PRELOAD": str(library), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "tests.chaos.failing_bench"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True
    ) as process:
        try:
            yield process
        finally:
            _pipe(process.stdin).close()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


# -- one case --------------------------------------------------------------------------------
class Bench:
    """A service, a history with one turn to be copied, and the process that runs the cases."""

    def __init__(self, stack: ExitStack, folder: Path, *, tasks: bool = False) -> None:
        how: dict[str, Any] = {"tasks": True, "cost_usd": None, "credits": 3} if tasks else {}
        self._service: PaidService = stack.enter_context(paid_service(**how))
        self._library = make_library(folder)
        self._process = stack.enter_context(forks(self._library))
        self._environ = {"HANDINGER_GENERATION": self._service.generation, "HANDINGER_RECOVERY_WINDOW": "1"}
        self._home, self._first, self._number = folder / "home", folder / "first", 0
        self._remote = Remote(stack, folder, tasks=tasks)
        self._told = folder / "told"
        self._first.mkdir()
        (self._first / "config.toml").write_text('keep_frames = "1 day"')
        first = self._run("-p", FIRST, "--json", home=self._first).result
        (self._worker,) = self._service.workers.values()
        file = folder / "session.json"
        self._run("export", first["session_id"], "--format", "json", "-o", str(file), home=self._first)
        # Other ids, so that it is a session that this history does not have.
        text = file.read_text().replace(first["session_id"], "ses_other")
        file.write_text(text.replace(first["turn_id"], "turn_other"))
        self._names = {
            WORKER: first["task_id" if tasks else "worker_id"],
            SESSION: first["session_id"],
            LIMIT: "--max-credits=1000" if tasks else "--max-cost=1000",
            FILE: str(file),
            OUT: str(self._home / "out.json"),
        }

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
            faults = [] if ran.code == -9 or not failed else [f"it was not killed, but ended with {ran.code}"]
        else:
            faults = [*judged(case, ran, self._service.posts.count(message), failed=bool(failed))]
        wrong = (*faults, *self._wrong_afterward(case, ran, message))
        return Outcome(failed, wrong, sites[0] if sites else UNKNOWN)

    def _begin(self, argv: tuple[str, ...]) -> str:
        """Make the history anew; returns a message of its own: a request of the case before may be late."""
        self._told.unlink(missing_ok=True)
        shutil.rmtree(self._home, ignore_errors=True)
        shutil.copytree(self._first, self._home)
        if "--repair" in argv:
            change(self._home / "history.db", DAMAGE)
        if "compact" in argv:
            change(self._home / "history.db", AGED)
        self._service.workers = {self._worker.worker_id: deepcopy(self._worker)}
        if argv in REMOTE:
            self._names |= self._remote.begin(argv, self._home)
        self._number += 1
        return f"message {self._number}"

    def _ran(self, argv: tuple[str, ...], how: tuple[int, ...], message: str) -> tuple[int, list[int], Ran]:
        """Run a command; returns how many calls failed, and how many of each kind there were."""
        if argv in JOURNEYS:
            return self._journey(argv[1:], how, message)
        named = [{**self._names, HELLO: message}.get(word, word) for word in argv]
        order: dict[str, Any] = {"argv": named, "how": how, "home": str(self._home), **self._place(argv)}
        order |= {"environ": self._environ, "told": str(self._told)}
        order |= {"message": message, "session": self._names[SESSION]}
        print(json.dumps(order), file=_pipe(self._process.stdin), flush=True)
        failed, calls, *ended = json.loads(_pipe(self._process.stdout).readline())
        return failed, calls, Ran(*ended)

    def _place(self, argv: tuple[str, ...]) -> dict[str, str]:
        """The service of a command, and its key."""
        if argv in REMOTE:
            return {"base_url": self._remote.url, "key": self._remote.key}
        return {"base_url": self._service.url, "key": KEY}

    def _journey(
        self, argv: tuple[str, ...], how: tuple[int, ...], message: str
    ) -> tuple[int, list[int], Ran]:
        """Open the app, type a message, send it, wait for its answer, and quit."""
        note = self._home.with_name("note")
        note.unlink(missing_ok=True)
        environ: dict[str, Any] = {"HANDINGER_BASE_URL": self._service.url, "HANDINGER_API_KEY": KEY}
        environ |= {**self._environ, "LD_PRELOAD": str(self._library), "FAIL_WHERE": str(self._home)}
        environ |= {"FAIL_HOW": " ".join(str(int(one)) for one in how), "FAIL_NOTE": str(note)}
        environ |= {"FAIL_TOLD": str(self._told)}
        with rawterm(
            *argv, home=self._home, module="tests.chaos.call_sites", in_control=True, **environ
        ) as app:
            since = 0
            for text, keys in ((FIRST, message), (message, "\r"), (WORDS[-1].strip(), "")):
                _wait(app, text, since, note)
                since = len(app.output)
                app.send(keys.encode())
            end = time.monotonic() + PATIENCE_S
            while app.is_running and time.monotonic() < end:
                # Ctrl+C twice quits from every screen, and once more changes nothing.
                app.send(b"\x03")
                app.drain()
            code = NEVER_ENDED if app.is_running else app.ends()
            ran = Ran(code, "", words(bytes(app.output)))
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
        if after.code != 0 or not (sessions or names_the_damage or "rm" in case.argv):
            yield f"the next start: {after.code}, {sessions} sessions {after.err[-200:]}"
            return
        yield from self._wrong_content(case, ran, message, sessions)
        if case.argv in REMOTE:
            may_leave_parts = case.code == KILLED or case.kind is Kind.UNLINK
            yield from self._remote.wrong_afterward(
                case.argv, ran, self._names, may_leave_parts=may_leave_parts
            )
        if case.argv[0] in TALKING:
            yield from untrue_answers(ran, self._service.posts.count(message))
        if (case.code == KILLED or ran.code != 0) and case.argv not in SENDING:
            named = (self._names.get(word, word) for word in case.argv)
            again = run(*named, home=self._home, **self._place(case.argv), **self._environ)
            is_deleted = "rm" in case.argv and not sessions
            if again.code != 0 and not is_deleted and case.argv[:2] not in REMOVING:
                yield f"it does not run again: {again.code} {again.err[-200:]}"
            if names_the_damage and not self._run("sessions", "--json").result["sessions"]:
                yield "a second repair does not save it"
        yield from self._wrong_sums(case, message)

    def _wrong_content(self, case: Case, ran: Ran, message: str, sessions: int) -> Iterator[str]:
        """What is missing in the history or in a file, although the program said or promised it."""
        if sessions and (TEXT,) not in look(self._home / "history.db", "SELECT text FROM answers"):
            yield "the answer of the first turn is lost"
        written = Path(self._names[OUT])
        if written.exists():
            try:
                json.loads(written.read_text())
            except ValueError:
                yield "a part of a file was left"
        elif ran.code == 0 and OUT in case.argv:
            yield "nothing was written"
        if ran.code == 0 and FILE in case.argv and sessions != 2:
            yield "nothing was imported"
        has_left = case.argv in JOURNEYS and ran.code in {0, Exit.INTERRUPTED}
        if has_left and message not in self._service.posts:
            query = "SELECT prompt FROM turns UNION SELECT text FROM drafts"
            kept = [str(text) for (text,) in look(self._home / "history.db", query)]
            # What was typed before there was a connection is in a file of its own.
            kept += [early.read_text() for early in self._home.glob("early-*")]
            kept += re.findall(r"(?i:not saved): .*", ran.err)
            if not any(message in text for text in kept):
                yield "what was typed is lost"

    def _wrong_sums(self, case: Case, message: str) -> Iterator[str]:
        """What the next start says of the turns that were paid, and of the message."""
        settled = self._run("costs", "--settle", "--json")
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
        paid, at_least = price * (1 + kept), Decimal(total[amount] or 0)
        if not at_least <= paid <= at_least + total[missing] * price:
            yield f"{paid} was paid, and costs say {at_least} and {total[missing]} turns"
        if kept and (message,) not in look(self._home / "history.db", "SELECT prompt FROM turns"):
            yield "a message that was sent is in no history"


def _wait(app: RawTerminal, text: str, since: int, note: Path) -> None:
    """Wait until the app writes a text behind so many bytes, has ended, or rests since a call has failed."""
    begun = drawn = time.monotonic()
    length = 0
    while app.is_running and text not in words(bytes(app.output[since:])):
        now = time.monotonic()
        if len(app.output) > length:
            length, drawn = len(app.output), now
        if now > begun + PATIENCE_S or (note.exists() and now > drawn + RESTS_S):
            return
        app.drain()


def judged(case: Case, ran: Ran, posts: int, *, failed: bool) -> Iterator[str]:
    """What is wrong with a run that sent so many messages, and in which a call `failed` or none."""
    if any(word in ran.err + ran.out for word in ("Traceback", "crashed")):
        yield f"a traceback: {ran.err[-300:]}"
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
    has_reason = ran.err.strip() and (error or result.get("status") in complete)
    if ran.code != 0 and "doctor" not in case.argv and not has_reason:
        yield f"exit code {ran.code} without a reason"
    if case.argv in SENDING:
        yield from _untrue(case, ran, result, posts)


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
