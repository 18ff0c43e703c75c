"""The n-th read, write, sync, rename, unlink, open, connect, send or receive fails, for each n.

    python -m tests.chaos.failing_system_calls [--quick]

`failing_calls` sees what Python is about to do; this sees each call of the C library, those of SQLite, too:
a shared library in C (`failing_system_calls.c`) stands before it. Each command runs in a process of its own,
with a history of one turn, until one run ends without a failure; it is judged as there. `--quick`: one code
of each kind, and at most 6 calls spread over those that there are. Linux with a C compiler.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import errno
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from tests.chaos.failing_calls import COMMANDS, SENDS, judged
from tests.cli.program import PLAIN
from tests.e2e.runner import Ran, run
from tests.wire.recordings import Recording
from tests.wire.replay import Player, finished_worker, playing

SOURCE: Final = Path(__file__).with_suffix(".c")
SHORT: Final = -1
"""Not a failure: only a part is written."""


class Kind(IntEnum):
    """The calls, in the order of the library."""

    READ = 0
    WRITE = 1
    SYNC = 2
    RENAME = 3
    UNLINK = 4
    OPEN = 5
    TRUNCATE = 6
    CONNECT = 7
    SEND = 8
    RECEIVE = 9


CODES: Final = {
    Kind.READ: (errno.EIO, errno.EINTR),
    Kind.WRITE: (errno.ENOSPC, errno.EIO, errno.EINTR, SHORT),
    Kind.SYNC: (errno.EIO, errno.ENOSPC),
    Kind.RENAME: (errno.EACCES, errno.ENOSPC),
    Kind.UNLINK: (errno.EACCES, errno.EIO),
    Kind.OPEN: (errno.EMFILE, errno.EACCES, errno.ENOSPC),
    Kind.TRUNCATE: (errno.EIO,),
    Kind.CONNECT: (errno.ETIMEDOUT, errno.EMFILE),
    Kind.SEND: (errno.ECONNRESET, errno.EPIPE),
    Kind.RECEIVE: (errno.ECONNRESET, errno.ETIMEDOUT),
}
LASTING: Final = {Kind.WRITE: errno.ENOSPC, Kind.SYNC: errno.EIO, Kind.OPEN: errno.EMFILE}
"""What also fails from the n-th call on: a full disk stays full."""
MOST_CALLS: Final = 400
DOUBT: Final = "nothing was sent, and it says that it may have been"
NAME: Final = "wrk_1"
WORKER, FILE, OUT = "WORKER", "FILE", "OUT"
"""Stand for the worker of the first turn, an exported session, and a file to be written."""
ALL: Final[tuple[tuple[str, ...], ...]] = (
    *COMMANDS,
    ("-c", "-p", "hello", "--json"),
    ("attach", WORKER, "-p", "--json"),
    ("import", FILE, "--json"),
    ("export", "ses", "--format", "json", "-o", OUT, "--json"),
)
SENDING: Final = SENDS | {("-c", "-p", "hello", "--json")}


class Case(NamedTuple):
    """The call number `at` of a kind fails with `code`; with `lasting` all later ones, too."""

    argv: tuple[str, ...]
    kind: Kind
    at: int
    code: int
    lasting: bool = False


class Outcome(NamedTuple):
    """How many calls failed, and what was wrong."""

    failed: int
    wrong: tuple[str, ...]


# -- the process that the library is loaded into -------------------------------------------
def serve_cases() -> None:
    """Read orders as lines of JSON, run each in a fork, and write what it returned."""
    library = ctypes.CDLL(None)
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            where = os.fsencode(order["home"])
            library.fail_arm(where, order["kind"], order["at"], order["code"], order["lasting"])
            try:
                ran = run(*order["argv"], home=Path(order["home"]), base_url=order["url"])
            except BaseException as problem:  # noqa: BLE001 - what leaves `main` is a traceback to the person
                ran = Ran(1, "", f"Traceback: {problem!r}")
            answer = json.dumps([library.fail_count(), ran.code, ran.out, ran.err])
            with os.fdopen(writing, "w") as sink:
                sink.write(answer)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as source:
            text = source.read().decode()
        os.waitpid(child, 0)
        print(text or '[1, 1, "", "Traceback: it died"]', flush=True)


@contextmanager
def forks() -> Iterator[subprocess.Popen[str]]:
    """A process with the library, which takes orders.

    Raises:
        OSError, CalledProcessError: there is no compiler, or it cannot make the library.
    """
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "fail.so")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"],
            check=True,
            capture_output=True,
        )
        environ = {**os.environ, "LD_PRELOAD": str(library), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "tests.chaos.failing_system_calls", "--serve"]
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
class Named(Recording):
    """A recording whose answer names its worker."""

    @cached_property
    def meta(self) -> dict[str, Any]:
        own = Recording(self.path).meta
        return {**own, "headers": {**own["headers"], "x-worker-id": NAME}}


class OneWorker(Player):
    """A service with one worker, which lists every message that arrived."""

    async def _reply(self, writer: asyncio.StreamWriter, target: str, *, streamed: bool) -> None:
        if streamed:
            await super()._reply(writer, target, streamed=True)
            return
        worker = finished_worker(self.recording, f"/api/workers/{NAME}")
        texts = [body["input"] for method, _, body in self.requests if method == "POST"]
        for number, text in enumerate(texts):
            for role, words in (("user", text), ("assistant", worker["output_text"])):
                part = {"type": "text", "text": words}
                worker["messages"].append({"id": f"msg_{number}_{role}", "role": role, "parts": [part]})
        head = {"content-type": "application/json"}
        await self._reply_with(writer, 200, head, json.dumps(worker).encode())


class Bench:
    """A service, a history with one turn to be copied, and the process that runs the cases."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._folder = folder
        self._process = stack.enter_context(forks())
        self._player = OneWorker(Named(PLAIN.path))
        self._url = stack.enter_context(playing(self._player))
        self._first = folder / "first"
        self._first.mkdir()
        assert run("-p", "first", "--json", home=self._first, base_url=self._url).result["worker_id"] == NAME
        file = folder / "session.json"
        run("export", "ses", "--format", "json", "-o", str(file), home=self._first)
        # Other ids, so that it is a session that this history does not have.
        content = json.loads(file.read_text())
        text = file.read_text().replace(content["session_id"], "ses_other")
        self._file = folder / "other.json"
        self._file.write_text(text.replace(content["turns"][0]["turn_id"], "turn_other"))

    def tried(self, case: Case) -> Outcome:
        """Run a case, and judge it."""
        home = self._folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self._first, home)
        names = {WORKER: NAME, FILE: str(self._file), OUT: str(home / "out.json")}
        order: dict[str, Any] = {**case._asdict(), "home": str(home), "url": self._url}
        order["argv"] = [names.get(word, word) for word in case.argv]
        # The service as it was after the first turn.
        del self._player.requests[1:]
        print(json.dumps(order), file=_pipe(self._process.stdin), flush=True)
        failed, code, out, err = json.loads(_pipe(self._process.stdout).readline())
        ran = Ran(code, out, err)
        faults = judged(case.argv, ran, self._player.posts - 1, ["it"] * failed, SENDING)
        # Whether a part had left before a send failed cannot be known here: "may have been" is right.
        wrong = [one for one in faults if case.kind is not Kind.SEND or not one.startswith(DOUBT)]
        return Outcome(failed, (*wrong, *self._wrong_afterward(case, home, code)))

    def _wrong_afterward(self, case: Case, home: Path, code: int) -> Iterator[str]:
        after = run("sessions", "--json", home=home, base_url=self._url)
        if after.code != 0 or (not after.result["sessions"] and "rm" not in case.argv):
            yield f"the next start: {after.code} {after.err[-200:]}"
        if run("costs", "--json", home=home, base_url=self._url).code != 0:
            yield "costs fail afterward"
        written = home / "out.json"
        if written.exists():
            try:
                json.loads(written.read_text())
            except ValueError:
                yield "a part of a file was left"
        elif code == 0 and OUT in case.argv:
            yield "nothing was written"
        if code == 0 and FILE in case.argv and len(after.result["sessions"]) != 2:
            yield "nothing was imported"


# -- all cases -------------------------------------------------------------------------------
def plans(*, quick: bool) -> Iterator[tuple[tuple[str, ...], Kind, int, bool]]:
    """Each command with each kind and code."""
    for argv in ALL:
        for kind in Kind:
            for code in CODES[kind][: 1 if quick else None]:
                yield argv, kind, code, False
            if kind in LASTING and not quick:
                yield argv, kind, LASTING[kind], True


def all_of(bench: Bench, plan: tuple[tuple[str, ...], Kind, int, bool]) -> Iterator[tuple[Case, Outcome]]:
    """The case for each number of a call, until a run ends without a failure."""
    argv, kind, code, lasting = plan
    for at in range(1, MOST_CALLS):
        case = Case(argv, kind, at, code, lasting)
        outcome = bench.tried(case)
        yield case, outcome
        if not outcome.failed:
            return


def sampled(
    bench: Bench, plan: tuple[tuple[str, ...], Kind, int, bool], chance: random.Random
) -> Iterator[tuple[Case, Outcome]]:
    """The first calls, and some later ones."""
    argv, kind, code, lasting = plan
    for at in (1, 2, *sorted(chance.sample(range(3, 60), 4))):
        case = Case(argv, kind, at, code, lasting)
        outcome = bench.tried(case)
        yield case, outcome
        if not outcome.failed:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Every command, kind, code and call; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="commands that begin with this word")
    given = parser.parse_args(arguments)
    if given.serve:
        serve_cases()
        return 0
    runs: Counter[str] = Counter()
    wrong = 0
    chance = random.Random(33)
    with ExitStack() as stack:
        bench = Bench(stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        for plan in plans(quick=given.quick):
            if not " ".join(plan[0]).startswith(given.only):
                continue
            before = runs.total()
            for case, outcome in sampled(bench, plan, chance) if given.quick else all_of(bench, plan):
                runs[case.kind.name] += 1
                for fault in outcome.wrong:
                    wrong += 1
                    print(f"{_words(case)}: {fault}", flush=True)
            print(f"{' '.join(plan[0])} · {plan[1].name.lower()}: {runs.total() - before} runs", flush=True)
    counts = ", ".join(f"{kind.lower()} {number}" for kind, number in runs.items())
    print(f"{sum(runs.values())} runs ({counts}), {wrong} violations")
    return min(wrong, 1)


def _words(case: Case) -> str:
    code = "a part" if case.code == SHORT else errno.errorcode[case.code]
    since = " and later ones" if case.lasting else ""
    return f"{' '.join(case.argv)} · {case.kind.name.lower()} {case.at}{since} · {code}"


if __name__ == "__main__":
    sys.exit(main())
