"""How a program of Unix behaves, tried on every subcommand: `python -m tests.probe [SUBCOMMAND...]`.

Each runs with its reader gone, with a descriptor that is closed or leads to a full device, in a locale
without UTF-8, in a home that cannot be written, and, where it lasts, with signals. It never prints a
traceback or what Python says of pipes; exit code and output are those of an undisturbed run, and what
cannot be printed is an error in words. Its help fits into 80 columns. In a terminal NO_COLOR leaves no
color, and columns stand below each other behind texts of every width. Some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rich.cells import cell_len

from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.local.server import LocalServer
from tests.doc_commands import Reader
from tests.house.test_site import PROGRAM

COMMANDS: Final = {
    "": ("--version", "-p 'echo a' --local --json", "-p x --local --dry-run"),
    "attach": ("attach wrk_1",),
    "send": ("send nowhere 'echo b'",),
    "sessions": ("sessions", "sessions show ID", "sessions search primes", "sessions compact"),
    "runs": ("runs",),
    "costs": ("costs --by turn", "costs --json", "costs --csv", "costs --journal"),
    "sources": ("sources ID",),
    "export": ("export ID", "export ID --format json"),
    "import": ("import session.json --json",),
    "replay": ("replay ID --speed max",),
    "email": ("email wrk_1",),
    "schedules": ("schedules list wrk_1", "schedules add wrk_1 tidy --every 1d --dry-run"),
    "webhook": ("webhook show wrk_1", "webhook deliveries wrk_1"),
    "workers": ("workers list", "workers show wrk_1"),
    "files": ("files list wrk_1",),
    "mcp": ("mcp --max-cost 5",),
    "acp": ("acp",),
    "local": ("local --port 99999",),
    "config": ("config", "config schema", "config path", "config validate"),
    "login": ("login --file",),
    "key": ("key show",),
    "doctor": ("doctor", "doctor --report"),
    "schema": ("schema", "schema result"),
    "completion": ("completion bash", "completion --words costs --by ''"),
    "spec": ("spec", "spec --json"),
    "man": ("man",),
    "help": ("help", "help costs"),
}
"""At least one line of each subcommand: what it prints, or how it refuses."""
ACTS: Final = frozenset({"-p", "attach", "import", "doctor", "login", "mcp", "acp"})
"""What is not done again by the next call, or whose exit code is its answer."""
STREAM: Final = "--output-format stream-json"
HELLO: Final = (
    '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18",'
    ' "capabilities": {}, "clientInfo": {"name": "probe", "version": "1"}}}\n'
)
LASTING: Final = {
    f"-p 'silent 300' --local {STREAM}": (130, 143),
    f"attach BUSY {STREAM}": (130, 143),
    "runs --watch --json": (130, 143),
    "mcp --max-cost 5": (130, 143),
    "acp": (130, 143),
    # To interrupt it is how it is ended.
    "local --json": (0, 0),
}
"""What runs until it is interrupted, and its exit codes after SIGINT and SIGTERM. Each has printed a line."""
NOISE: Final = re.compile(r"Traceback|Exception ignored|Broken ?Pipe|BrokenPipe|Errno", re.IGNORECASE)
COLOR: Final = re.compile(r"\x1b\[[\d;]*[34]\d[\d;]*m")
TITLES: Final = (
    "plain", "\u6f22\u5b57", "\U0001f44d\U0001f3fd tea", "\U0001f468\u200d\U0001f469\u200d\U0001f467 tea",
    "e\u0301te\u0301", "\u0634\u0627\u064a", "\uff34\uff25\uff21", "\U0001f1e9\U0001f1ea \u2764\ufe0f",
)  # fmt: skip


class Ended:
    """How a run ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def problems(self, usual: Ended | None = None) -> Iterator[str]:
        """What is always wrong; and what differs from the usual run."""
        if noise := NOISE.search(self.out + self.err):
            yield f"says {noise[0]!r}"
        # doctor lists what is wrong on stdout.
        words = self.err.strip() or '"error"' in self.out or "\u2717" in self.out
        if self.code < 0 or (self.code and not words):
            yield f"ends with {self.code} and no word"
        if usual is not None and self.code != usual.code:
            yield f"ends with {self.code}, and usually with {usual.code}"


class Probe:
    """One line, run under each condition."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def filled(self, line: str) -> str:
        for stand_in, real in self.reader.stand_ins.items():
            line = re.sub(stand_in, real, line)
        return f"{PROGRAM} {line}"

    def run(self, line: str, **settings: Any) -> Ended:
        environ = self.reader.environ | settings.pop("environ", {})
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
        ended = subprocess.run(
            ["bash", "-c", self.filled(line)],
            cwd=self.reader.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
            **pipes,
        )
        out, err = ((text or b"").decode("utf-8", "replace") for text in (ended.stdout, ended.stderr))
        return Ended(ended.returncode, out, err)

    def of(self, line: str) -> Iterator[str]:
        """All that is wrong with a line."""
        usual = self.run(line)
        yield from (f"usually {one}" for one in usual.problems())
        reading, writing = os.pipe()
        os.close(reading)
        unread = self.run(line, stdout=writing)
        os.close(writing)
        # A reader that leaves early has what it wanted, unless something was done or paid for.
        acts = line.split(maxsplit=1)[0] in ACTS and "--dry-run" not in line
        usual_code = usual.code or (10 if acts and usual.out else 0)
        if unread.code != usual_code or NOISE.search(unread.err):
            yield f"without a reader: ends with {unread.code}, not {usual_code}: {unread.err[-200:]!r}"
        for name, redirection in (("stdin", "<&-"), ("stdout", ">&-"), ("stderr", "2>&-")):
            ended = self.run(f"{line} {redirection}")
            problems = ended.problems(usual)
            yield from (
                f"{name} closed: {one}" for one in problems if name != "stderr" or "no word" not in one
            )
            if name != "stdout" and bool(ended.out) != bool(usual.out):
                yield f"{name} closed: prints {len(ended.out)} characters instead of {len(usual.out)}"
        with Path("/dev/full").open("wb") as full:
            ended = self.run(line, stdout=full.fileno())
            yield from (f"full: {one}" for one in ended.problems())
            if ended.code == usual.code and usual.out:
                yield f"full: ends with {ended.code} and {ended.err!r}"
        c = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
        for environ in (c, {"LC_ALL": "C"}):
            yield from (f"{environ}: {one}" for one in self.run(line, environ=environ).problems(usual))
        for home in ("/dev/null", "/proc/nowhere"):
            yield from (f"HOME={home}: {one}" for one in self.run(line, environ={"HOME": home}).problems())
        if not line.startswith(("-p", "completion --words")):
            page = self.run(f"{line.split(maxsplit=1)[0]} --help", environ={"COLUMNS": "80"})
            widest = max(page.out.splitlines(), key=len)
            if len(widest) > 80 or page.code or NOISE.search(page.err):
                yield f"--help: ends with {page.code}; its widest line is {widest!r}"

    def signals(self, line: str, codes: tuple[int, int]) -> Iterator[str]:
        for number, code in zip((signal.SIGINT, signal.SIGTERM), codes, strict=True):
            pipes: dict[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
            # A prompt would wait for the end of a pipe.
            pipes["stdin"] = subprocess.PIPE if line.startswith(("mcp", "acp")) else subprocess.DEVNULL
            command = ["bash", "-c", f"exec {self.filled(line)}"]
            pipes |= {"cwd": self.reader.folder, "env": self.reader.environ, "text": True}
            with subprocess.Popen(command, **pipes) as process:
                assert process.stdout is not None
                if process.stdin is not None:
                    process.stdin.write(HELLO)
                    process.stdin.flush()
                first = process.stdout.readline()
                process.send_signal(number)
                # Its input stays open: it ends by the signal alone.
                ended = process.wait(60)
                err = process.communicate()[1]
            if (ended, bool(first)) != (code, True) or NOISE.search(err):
                yield f"{number.name}: ends with {ended}, not {code}: {err[-300:]!r}"

    def colors(self) -> Iterator[str]:
        """With NO_COLOR a terminal gets none."""
        for line in ("costs", "sessions", "-p 'echo a' --local", "doctor"):
            reading, terminal = pty.openpty()
            environ = {"NO_COLOR": "1", "TERM": "xterm-256color"}
            ended = self.run(line, stdout=terminal, stderr=terminal, environ=environ)
            os.close(terminal)
            printed = b""
            try:
                while piece := os.read(reading, 65536):
                    printed += piece
            except OSError:
                # The end of a terminal.
                os.close(reading)
            if not printed or COLOR.search(printed.decode("utf-8", "replace")):
                yield f"NO_COLOR, {line}: ends with {ended.code} and {printed[-200:]!r}"

    def widths(self) -> Iterator[str]:
        """Ids stand below each other behind titles of every width."""
        for at, title in enumerate(TITLES):
            turn = json.loads(self.run(f"-p 'echo {at}' --json").out)
            self.run(f"sessions rename {turn['session_id']} '{title}'")
        rows = self.run("sessions").out.splitlines()
        begins = {cell_len(row[: row.index("ses_")]) for row in rows if " ses_" in row}
        if len(begins) != 1:
            yield f"sessions: ids begin at {sorted(begins)}\n" + "\n".join(rows)


def faults(lines: list[str], lasting: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """All that is wrong, as it is found."""
    with LocalServer.start(pace=0) as server, tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), server, "tasks")
        probe = Probe(reader)
        if lasting:
            yield from (*probe.colors(), *probe.widths())
            with LocalServer.start() as slow:
                service = {"HANDINGER_BASE_URL": slow.tasks_url, "HANDINGER_API_KEY": slow.api_key}
                reader.environ |= service
                worker = json.loads(reader.do(f"{PROGRAM} workers new tea --json"))["worker_id"]
                busy = reader.do(f"{PROGRAM} -p 'silent 300' -w {worker} --detach --json")
                reader.stand_ins[r"\bBUSY\b"] = json.loads(busy)["task_id"]
                for line, codes in lasting.items():
                    yield from (f"{line}: {one}" for one in probe.signals(line, codes))
            service = {"HANDINGER_BASE_URL": server.tasks_url, "HANDINGER_API_KEY": server.api_key}
            reader.environ |= service
        yield from (f"{line}: {one}" for line in lines for one in probe.of(line))


def main() -> int:
    """Probe all subcommands, or those that are named; return 1 if one does not behave."""
    parser = argparse.ArgumentParser(prog="python -m tests.probe", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD")
    words = parser.parse_args().words
    assert COMMANDS.keys() - {""} == set(SUBCOMMANDS), COMMANDS.keys() ^ SUBCOMMANDS.keys()
    lines = [line for name, ones in COMMANDS.items() if not words or name in words for line in ones]
    count = 0
    for fault in faults(lines, lasting={} if words else LASTING):
        count += 1
        print(fault, flush=True)
    print(f"{len(lines)} lines, {count} faults")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
