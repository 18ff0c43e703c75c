"""The n-th use of the disk or the network fails, for each n until a command ends cleanly.

    python -m tests.chaos.failing_calls

What is tried is what Python reports to an audit hook before it does it: files of the history's folder that
are opened, made, renamed, locked or deleted, databases that are opened, and connections. Each command runs
with a failure at the first such call, then at the second, and so on. Then: no traceback, a documented exit
code, one JSON object that says what is so, no message twice, and the next start is right.
"""

from __future__ import annotations

import argparse
import errno
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeGuard

from handinger_tui.cli.exit_codes import Exit
from tests.cli.program import service
from tests.e2e.runner import Ran, run

CODES: Final = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EROFS)
NETWORK_CODES: Final = (errno.ECONNRESET, errno.ETIMEDOUT, errno.EMFILE, errno.EACCES)
ON_DISK: Final = frozenset(
    {
        *("open", "sqlite3.connect", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.chmod"),
        *("os.truncate", "os.listdir", "os.scandir", "os.utime", "fcntl.flock", "fcntl.lockf"),
    }
)
NETWORK: Final = frozenset({"socket.connect", "socket.getaddrinfo"})
MOST_CALLS: Final = 200
"""A command that uses the disk more often is not a small one."""


@dataclass
class Failure:
    """The failure that is due. `place`: the folder whose files count; None: nothing fails."""

    place: str | None = None
    at: int = 0
    code: int = 0
    calls: int = 0
    failed: list[str] = field(default_factory=list)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.place is None or not (event in NETWORK or (event in ON_DISK and self._is_here(arguments))):
            return
        self.calls += 1
        if self.calls != self.at:
            return
        code = NETWORK_CODES[self.at % len(NETWORK_CODES)] if event in NETWORK else self.code
        self.failed.append(f"{event} {errno.errorcode[code]}")
        if event == "sqlite3.connect":
            problem = sqlite3.OperationalError("unable to open database file")
            problem.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise problem
        raise OSError(code, os.strerror(code), *(os.fsdecode(one) for one in arguments[:1] if _is_path(one)))

    def _is_here(self, arguments: tuple[Any, ...]) -> bool:
        first = arguments[0] if arguments else None
        if isinstance(first, int):
            # A descriptor: locks are only taken of files here.
            return True
        return _is_path(first) and str(self.place) in os.fsdecode(first)


def _is_path(value: object) -> TypeGuard[str | bytes]:
    return isinstance(value, str | bytes)


_failure: Final = Failure()
_hooks: Final[list[bool]] = []
"""One entry once the hook is there: Python never removes one."""


@contextmanager
def failing(place: Path, at: int, code: int) -> Iterator[Failure]:
    """Let the call number `at` fail with `code`."""
    if not _hooks:
        _hooks.append(True)
        sys.addaudithook(_failure.audit)
    _failure.place, _failure.at, _failure.code, _failure.calls = str(place), at, code, 0
    _failure.failed = []
    try:
        yield _failure
    finally:
        _failure.place = None


PAYING: Final = ("-p", "hello", "--json")
COMMANDS: Final[tuple[tuple[str, ...], ...]] = (
    PAYING,
    ("-p", "hello", "--no-history", "--json"),
    ("sessions", "--json"),
    ("sessions", "show", "ses", "--json"),
    ("sessions", "rename", "ses", "a name", "--json"),
    ("sessions", "tag", "ses", "x", "--json"),
    ("sessions", "compact", "--json"),
    ("sessions", "rm", "ses", "--yes", "--json"),
    ("costs", "--json"),
    ("costs", "--settle", "--json"),
    ("replay", "ses", "--speed", "max", "--json"),
    ("doctor", "--json"),
    ("doctor", "--repair", "--yes", "--json"),
    ("config", "show", "--json"),
)
SENDS: Final = frozenset({PAYING, COMMANDS[1]})


@dataclass(frozen=True)
class Outcome:
    """What became of one run: its violations, and whether anything failed in it."""

    argv: tuple[str, ...]
    at: int
    failed: tuple[str, ...]
    wrong: tuple[str, ...]


def tried(argv: tuple[str, ...], at: int, code: int, folder: Path) -> Outcome:
    """One command on a history with one turn, whose call number `at` fails."""
    home = folder / f"{COMMANDS.index(argv)}-{at}-{code}"
    home.mkdir()
    with service() as (player, url):
        first = run("-p", "first", "--json", home=home, base_url=url)
        assert first.code == 0, first
        sent = player.posts
        with failing(home, at, code) as failure:
            ran = run(*argv, home=home, base_url=url)
        failed, posts = tuple(failure.failed), player.posts - sent
        wrong = [*judged(argv, ran, posts, failed)]
        after = run("sessions", "--json", home=home, base_url=url)
        if after.code != 0 or (not after.result["sessions"] and "rm" not in argv):
            wrong.append(f"the next start: {after.code} {after.err[-200:]}")
        if run("costs", "--json", home=home, base_url=url).code != 0:
            wrong.append("costs fail afterward")
    return Outcome(argv, at, failed, tuple(wrong))


def judged(
    argv: tuple[str, ...],
    ran: Ran,
    posts: int,
    failed: Sequence[str],
    sends: frozenset[tuple[str, ...]] = SENDS,
) -> Iterator[str]:
    """What is wrong with a run. `sends`: the commands that send a message."""
    if "Traceback" in ran.err or "Traceback" in ran.out:
        yield f"a traceback: {ran.err[-300:]}"
        return
    if ran.code not in set(Exit):
        yield f"exit code {ran.code}"
    if not failed and ran.code != 0:
        yield f"exit code {ran.code} without a failure: {ran.err[-200:]}"
    if posts > (argv in sends):
        yield f"{posts} messages were sent"
    try:
        result = ran.result
    except (ValueError, IndexError):
        yield f"no JSON object: {ran.out[-100:]!r}, code {ran.code}, {ran.err[-200:]}"
        return
    error = result.get("error")
    if ran.code != 0 and "doctor" not in argv and not (error and ran.err.strip()):
        yield f"exit code {ran.code} without a reason"
    if argv in sends:
        yield from _untrue(ran, result, posts)


def _untrue(ran: Ran, result: dict[str, Any], posts: int) -> Iterator[str]:
    """What is not true in the result of a message."""
    error = result.get("error")
    if ran.code == 0 and (posts != 1 or result["text"] != _plain_text()):
        yield f"exit code 0, {posts} messages, text {result['text']!r}"
    if not posts and error and error.get("may_have_been_charged"):
        yield f"nothing was sent, and it says that it may have been: {error}"
    if posts and error and error.get("may_have_been_charged") is False:
        yield f"it was sent, and it says that nothing was charged: {error}"


@cache
def _plain_text() -> str:
    with tempfile.TemporaryDirectory() as folder, service() as (_, url):
        text: str = run("-p", "hello", "--json", home=Path(folder), base_url=url).result["text"]
        return text


def all_of(argv: tuple[str, ...], folder: Path, code: int) -> Iterator[Outcome]:
    """The command with each of its calls failing, until one run ends without a failure."""
    for at in range(1, MOST_CALLS):
        outcome = tried(argv, at, code, folder)
        yield outcome
        if not outcome.failed:
            return


def main() -> int:
    """Every command, call and code; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", nargs="*", default=[errno.errorcode[code] for code in CODES])
    codes = [getattr(errno, name) for name in parser.parse_args().codes]
    runs, wrong = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for code in codes:
            for argv in COMMANDS:
                outcomes = [*all_of(argv, Path(folder), code)]
                runs += len(outcomes)
                print(f"{errno.errorcode[code]}: {' '.join(argv)}, {len(outcomes)} runs", flush=True)
                for one in outcomes:
                    for fault in one.wrong:
                        wrong += 1
                        print(
                            f"{' '.join(argv)} · call {one.at} · {', '.join(one.failed)}: {fault}", flush=True
                        )
    print(f"{runs} runs, {wrong} violations")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
