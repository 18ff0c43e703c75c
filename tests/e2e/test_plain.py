"""Plain mode over a pseudo-terminal: what it writes, byte by byte, and what becomes of what is typed."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.main import plain_reason
from handinger_tui.core.money.limits import Scope
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.local.server import LocalServer
from handinger_tui.plain.commands import PlainCommands
from handinger_tui.plain.conversation import Conversation
from handinger_tui.plain.terminal import PASTE_S, Entered, LineReader, Output
from handinger_tui.ui.commands import COMMANDS
from handinger_tui.ui.ports import AppOptions
from tests.cli.program import environ, start
from tests.e2e.accounts import Account
from tests.e2e.held import held_worker
from tests.ui.fakes import Desktop, NoFiles
from tests.ui.screens.test_limit_dialogs import DAY_MS, queueing

pytestmark = pytest.mark.terminal

PATIENCE_S = 60.0
READY = "\nyou> "
LINE = re.compile(r"(?:[A-Za-z][a-z ]*[a-z](?: \d+)?|\d+): ")
PROMPT = re.compile(r"(?:.*> )?")


class Plain:
    """The program in a terminal, read line by line as a screen reader does."""

    def __init__(self, pid: int, terminal: int) -> None:
        self._pid, self._terminal = pid, terminal
        self.output = b""
        self._seen = 0
        self.code: int | None = None

    def reads(self, text: str) -> str:
        """Wait until a text comes behind what was read before; returns all up to it."""
        give_up = time.monotonic() + PATIENCE_S
        while (end := self._text.find(text, self._seen)) < 0:
            assert time.monotonic() < give_up, f"{text!r} is not in {self._text[self._seen :]!r}"
            assert self._read() or text in self._text[self._seen :], f"ended without {text!r}: {self._text!r}"
        before, self._seen = self._seen, end + len(text)
        return self._text[before : self._seen]

    @property
    def _text(self) -> str:
        text = self.output.decode("utf-8", "ignore").replace("\r\n", "\n")
        # The bell stands behind the line of an end, and a prompt may follow it at once.
        return text.replace("\n\a", "\a\n")

    def _read(self) -> bool:
        """Read all that is there, and wait for it; False at the end."""
        wait_s = 1.0
        while select.select([self._terminal], [], [], wait_s)[0]:
            try:
                data = os.read(self._terminal, 1 << 16)
            except OSError:
                return False
            self.output += data
            wait_s = 0.0
        return True

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def enters(self, text: str) -> None:
        """Type a line behind a prompt."""
        self.reads(READY)
        self.type(f"{text}\n")

    def kill(self, number: signal.Signals) -> None:
        os.kill(self._pid, number)

    @property
    def is_running(self) -> bool:
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    @property
    def used(self) -> tuple[float, int]:
        """CPU seconds by now, and kB of memory at most (Linux)."""
        of = Path(f"/proc/{self._pid}")
        ticks = of.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
        most = re.search(r"VmHWM:\s*(\d+)", of.joinpath("status").read_text())
        assert most is not None
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), int(most[1])

    def ends(self) -> int:
        """Wait for the end, check every byte, and return the exit code."""
        while self._read():
            pass
        self.code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        self._check()
        return self.code

    def _check(self) -> None:
        rows = self.output.decode().split("\r\n")
        for row in rows:
            # The bell is the only control character; the terminal itself echoes a Ctrl+C as ^C.
            assert not re.search("[\x00-\x06\x08-\x1f\x7f\u2500-\u259f]", row), ascii(row)

    @property
    def lines(self) -> list[str]:
        """The lines of the program, without what was typed."""
        return [row for row in self._text.replace("\a", "").split("\n") if not PROMPT.fullmatch(row)]


@contextmanager
def plain(home: Path, *argv: str, server: LocalServer | None = None, **more: str) -> Iterator[Plain]:
    """Start `handinger-tui --plain ARGV` with a local worker of its own, or with one that outlives it."""
    account = {} if server is None else {"HANDINGER_API_KEY": server.api_key}
    variables = environ(
        home, None if server is None else server.base_url, TERM="xterm", HANDINGER_LOCAL_PACE="0", **more
    )
    variables |= account
    pid, terminal = pty.fork()
    if not pid:
        program = [sys.executable, "-m", "handinger_tui", *argv]
        os.execve(sys.executable, program, variables)  # noqa: S606 - in the child of the fork
    # Of what is typed only the line breaks come back, so that all other bytes are those of the program.
    attributes = termios.tcgetattr(terminal)
    attributes[3] = attributes[3] & ~termios.ECHO | termios.ECHONL
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    child = Plain(pid, terminal)
    try:
        yield child
    finally:
        if child.code is None:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        os.close(terminal)


def test_a_conversation_in_lines(tmp_path: Path) -> None:
    with plain(tmp_path, "--plain", "--local", HOME=str(tmp_path)) as it:
        first = it.reads(READY)
        assert first.startswith("plain mode: on, by --plain. ")
        assert "\nready: Enter to send, cost unknown, budget standard\n" in first
        it.type("report about csv\n")
        answer = it.reads("done: turn 1, ")
        assert "sent: turn 1" in answer
        assert "\nfile 1: charts/chart.png\n" in answer
        it.reads("\a")
        it.reads("you> ")
        it.type("/files\n")
        assert "\nfile 1: " in it.reads("you> ")
        it.type("/download 1\n")
        it.reads("note: Saved ")
        it.enters("sources about csv")
        it.reads("source 1: ")
        it.reads("done: turn 2, ")
        it.enters("/receipt 1")
        it.reads("receipt: Cost: ")
        # The lines of a paste are one message, and its Enter is the one behind it.
        it.reads(READY)
        it.type("echo one\ntwo\nthr")
        it.reads("pasted: 2 lines. ")
        it.reads("you> ")
        it.type("ee\n")
        it.reads("worker: one two three\n")
        it.reads("done: turn 3, ")
        it.enters("/rename Tables")
        it.reads("note: Renamed: “Tables”.")
        it.enters("/new")
        it.enters("/sessions")
        it.reads("session 1: Tables, ")
        it.enters("/open 1")
        it.reads("session: “Tables”, 3 turns. ")
        it.enters("/read 3")
        it.reads("worker: one two three\n")
        it.enters("fail")
        it.reads("ended: turn 4, failed, ")
        it.enters("/quit")
        assert it.ends() == 0
    assert not [row for row in it.lines if not LINE.match(row)]


NEEDS_SCREEN = "This needs the screen. Nothing was sent."
TYPED: Mapping[str, Sequence[tuple[str, str]]] = {
    "sessions": [
        ("", "note: No other sessions."),
        ("zzz", "error: No session starts with zzz."),
        ("ses", "session: "),
    ],
    "attach": [("", "note: Updated."), ("nobody", "error: Not found (404)")],
    "detach": [("", "note: Nothing is running in this session.")],
    "rename": [
        ("", "note: Renamed: “report about csv”."),
        ("Tables ──", "note: Renamed: “Tables ”."),
        ("", "Enter for: Tables> "),
    ],
    "tag": [
        ("", "note: Tags: none."),
        ("csv", "note: Tags: csv."),
        ("!", "error: “!” cannot name a tag"),
        ("--worker", "note: Tags: csv."),
    ],
    "untag": [("csv", "note: Tags: none."), ("", "note: Tags: none.")],
    "project": [
        ("", "note: This session has no project."),
        ("home", "note: Project: home."),
        ("!", "error: “!” cannot name a tag"),
        ("off", "note: This session has no project."),
    ],
    "export": [
        ("", "note: Saved to "),
        ("zzz", "warning: Unknown format zzz."),
        ("a/b.md", "warning: Use a name without a folder"),
    ],
    "workers": [("", NEEDS_SCREEN), ("x", NEEDS_SCREEN)],
    "archive": [("", "warning: This service has no stored workers")],
    "edit": [("", NEEDS_SCREEN), ("1", NEEDS_SCREEN)],
    "retry": [
        ("", "answer: Cancel"),
        ("1 low", "question: Try again?"),
        ("99", "warning: No message 99."),
        ("zzz", "warning: No message zzz."),
    ],
    "fork": [("99", "warning: No message 99.")],
    "schedule": [
        ("", NEEDS_SCREEN),
        ("zzz", "error: A schedule starts with"),
        ("every 1d look", "note: Nothing was added."),
    ],
    "webhook": [
        ("", NEEDS_SCREEN),
        ("https://example.com", "warning: This account uses the workers generation"),
    ],
    "email": [("", "note: Every message to this address starts a turn, which may cost money.\n")],
    "file": [
        ("", "note: Which file? Use /file PATH, or type @ in your message.\n"),
        ("/nowhere", "error: File not found: /nowhere."),
    ],
    "budget": [
        ("", "note: The budget is standard.\n"),
        ("low", "note: Budget: low."),
        ("zzz", "warning: Unknown budget zzz."),
        ("unlimited", "answer: Cancel"),
        ("next", "note: Budget: standard."),
    ],
    "limit": [
        ("", "note: There are no limits."),
        ("day 5", "note: Daily limit set to $5.00"),
        ("", "limit: daily limit: "),
        ("day", "error: The daily limit needs an amount."),
        ("zzz 5", "error: Unknown limit zzz."),
        ("day off", "note: The daily limit was removed."),
        ("day off", "note: There was no daily limit."),
    ],
    "reading": [
        ("", "note: Figures of worker "),
        ("zzz", "warning: Unknown reading zzz."),
        ("lifetime", "note: Pinned by you"),
        ("auto", "note: No longer pinned"),
    ],
    "costs": [("", "session cost: ")],
    "receipt": [
        ("", "receipt 2: "),
        ("1", "receipt 1: report about csv\n"),
        ("last", "receipt 2: "),
        ("99", "warning: No message 99."),
        ("zzz", "warning: No message zzz."),
    ],
    "budgets": [("", NEEDS_SCREEN)],
    "spending": [("", "spending: Today, cost ")],
    "sources": [
        ("", "source 1: "),
        ("hosts", "source 1: "),
        ("copy", "text: [^1]: "),
        ("copy zzz", "warning: Unknown option copy zzz."),
        ("export", "answer: none"),
        ("export bibtex", "note: Saved to "),
        ("export a/b.bib", "warning: Use a name without a folder"),
        ("zzz", "warning: Unknown option zzz."),
    ],
    "files": [("", "file 1: ")],
    "download": [
        ("", "warning: Use /download with a number"),
        ("1", "note: Saved "),
        ("99", "warning: File not found: 99."),
        ("new", "warning: There are no new files"),
        ("all", "note: Saved 3 files"),
    ],
    "preview": [("", NEEDS_SCREEN), ("1", NEEDS_SCREEN)],
    "data": [("", NEEDS_SCREEN), ("1", NEEDS_SCREEN)],
    "runs": [("", "runs: nothing needs you")],
    "find": [("", NEEDS_SCREEN), ("x", NEEDS_SCREEN)],
    "copy": [("", "note: To copy, the last answer:\ntext: ")],
    "details": [("", NEEDS_SCREEN)],
    "panels": [("", NEEDS_SCREEN), ("wider", NEEDS_SCREEN)],
    "history": [("", NEEDS_SCREEN)],
    "editor": [("", NEEDS_SCREEN)],
    "pager": [("", NEEDS_SCREEN)],
    "redraw": [("", NEEDS_SCREEN)],
    "theme": [("", NEEDS_SCREEN), ("dark", NEEDS_SCREEN)],
    "settings": [("", NEEDS_SCREEN)],
    "help": [("", "help: /quit: ")],
    "palette": [("", NEEDS_SCREEN)],
    "read": [
        ("", "turn 2: sources about csv\n"),
        ("1", "turn 1: report about csv\n"),
        ("99", "warning: No message 99."),
    ],
    "open": [
        ("", "note: Use /sessions or /runs first"),
        ("99", "note: Use /sessions or /runs first"),
        ("zzz", "error: No session starts with zzz."),
    ],
    "queue": [
        ("", "queue: 0 queued."),
        ("send", "note: The queue is empty."),
        ("drop 1", "note: Use /queue"),
        ("zzz", "note: Use /queue"),
    ],
    "send": [("", "note: There is no message that was not sent.")],
    "drop": [("", "note: Nothing was pasted.")],
    "clearfiles": [("", "note: Nothing is attached now.")],
    # Only what runs here is suggested, and of that what is nearest.
    "edt": [("", "error: Unknown command /edt. Did you mean /")],
    "pagr": [("", "Nothing was sent.")],
    "qeue": [("", "Did you mean /queue?")],
    "clearfile": [("", "Did you mean /clearfiles?")],
    "ledgr": [("", "error: Unknown command /ledgr.")],
    "new": [("", "session: new.")],
    "quit": [],
}
"""Every command, with arguments and what is said of it. Enter alone answers each question."""
KEYS = re.compile(r"\^[A-Z]|\bF\d\b|Ctrl\+|Shift\+|\bPress |\bClick ")


def test_every_command_has_an_answer_and_none_sends(tmp_path: Path) -> None:
    on_screens = "|".join(name for one in COMMANDS if one.refusal("an argument") for name in one.names)
    elsewhere = re.compile(rf"Did you mean /({on_screens})\?")
    commands: Any = None
    here = PlainCommands(commands, commands).by_name.values()
    assert TYPED.keys() >= {command.name for command in (*COMMANDS, *here)}
    with (
        LocalServer.start(pace=0) as server,
        plain(tmp_path, "--plain", server=server, HOME=str(tmp_path)) as it,
    ):
        for message in ("report about csv", "sources about csv"):
            it.enters(message)
            it.reads("done: turn ")
        it.reads("you> ")
        for name, arguments in TYPED.items():
            for argument, answer in arguments:
                it.type(f"/{name} {argument}\n")
                reply = it.reads("> ")
                while not reply.endswith("you> "):
                    it.type("\n")
                    reply += it.reads("> ")
                if answer not in reply:
                    # News came before it, and the prompt behind them.
                    reply += it.reads(answer) + it.reads("you> ")
                assert not KEYS.search(reply), reply
                assert not elsewhere.search(reply), reply
        it.type("\x04")
        assert it.ends() == 0
    assert not [row for row in it.lines if re.match("(sending|sent|queued): turn 3", row)]


def test_what_no_history_has_is_named_by_its_id_behind_a_label(tmp_path: Path) -> None:
    with (
        LocalServer.start(pace=1) as server,
        plain(tmp_path, "--plain", "--no-history", server=server) as it,
    ):
        it.enters("silent 600")
        it.reads("sent: turn 1")
        it.type("/new\n")
        it.reads("session: new.")
        it.type("silent 600\n")
        it.reads("sent: turn 1")
        it.type("echo behind it\n")
        it.reads("queued: ")
        it.type("/quit\n")
        assert it.ends() == Exit.LOCAL_IO
    assert it.lines[-1] == "not saved: echo behind it"
    rows = [row.partition("handinger-tui attach ")[0] for row in it.lines if " attach " in row]
    assert rows == ["2 still running: "] * 2
    assert not [row for row in it.lines if "--resume" in row or "-c" in row.split()]


def test_a_script_that_ends_with_a_question_ends(tmp_path: Path) -> None:
    with start(environ(tmp_path), "--plain", "--local", stdin=subprocess.PIPE) as child:
        out, _ = child.communicate("!ls\n", timeout=PATIENCE_S)
    assert child.returncode == 0
    assert "answer: Do not send\n" in out
    assert "sent: " not in out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_lines_that_cannot_be_written_are_no_success(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "handinger_tui", "--plain", "--local"]
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            program, env=environ(tmp_path), stdin=subprocess.DEVNULL, stdout=full, check=False
        )
    assert ran.returncode == Exit.LOCAL_IO


def test_what_runs_and_waits_survives_the_end_of_its_terminal(tmp_path: Path) -> None:
    with LocalServer.start(pace=1) as server:
        with plain(tmp_path, "--plain", server=server) as it:
            it.enters("silent 600")
            it.reads("sent: turn 1")
            it.type("echo second\n")
            it.reads("queued: 1 queued message waits.")
            it.type("\x03")
            it.reads("Press Ctrl+C again to quit. The worker keeps running and may keep charging.")
            it.kill(signal.SIGHUP)
            assert it.ends() == 143
            it.reads("Resume this session: handinger-tui --plain -c\n")
            it.reads("Not sent yet: 1 queued message, kept for handinger-tui --plain -c\n")
            it.reads("still running: it may keep charging. Watch it: handinger-tui --plain, then /runs\n")
        with plain(tmp_path, "-c", server=server, HANDINGER_PLAIN="1") as it:
            it.reads("plain mode: on, by HANDINGER_PLAIN. ")
            it.reads("session: “silent 600”, 1 turn")
            it.reads("queue: 1 queued message waits until you send it")
            it.reads("watching: turn 1. What you type now is queued.")
            it.type("/detach\n")
            it.reads("1 to 2, Enter for 2> ")
            it.type("1\n")
            it.reads("left running: turn 1, ")
            # What is typed and not sent is kept.
            it.enters("/queue drop 1")
            it.reads("Withdrawn. /send sends it.")
            it.reads("you> ")
            it.type("half a line\x04")
            it.type("\x04")
            assert it.ends() == 0
    assert asyncio.run(kept_texts(tmp_path))[-2:] == ["echo second", "half a line"]


async def kept_texts(home: Path) -> list[str]:
    ledger = Ledger(home / "history.db")
    await ledger.start()
    try:
        return await ledger.history.prompts()
    finally:
        await ledger.aclose()


def test_a_limit_that_is_reached_refuses_and_the_text_is_kept(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('plain = "on"\n')
    with plain(tmp_path, "--local") as it:
        it.reads("plain mode: on, by the config file. ")
        it.enters("/limit session 0.0001")
        it.enters("echo a")
        it.reads("limit: Session limit reached: ")
        it.enters("echo b")
        it.reads("limit: Session limit reached: ")
        reply = it.reads("note: Not sent. The text is kept: /send sends it.")
        assert "To raise it, use /limit session AMOUNT.\n" in reply
        it.enters("/limit session 5")
        it.enters("/send")
        it.reads("worker: b\n")
        it.reads("done: turn 2, ")
        it.kill(signal.SIGINT)
        it.reads("Press Ctrl+C again to quit.")
        it.kill(signal.SIGINT)
        assert it.ends() == 130


def test_a_queue_that_a_limit_stops_is_announced_and_no_key_is_named_that_raises_it(tmp_path: Path) -> None:
    with held_worker() as (server, may_end), plain(tmp_path, "--plain", server=server) as it:
        it.enters("long 2")
        it.reads("Paragraph 1.")
        it.type("echo later\n")
        it.reads("queued: 1 queued message waits.")
        it.type("/limit day 0.00001\n")
        it.reads("error: Daily limit reached: ")
        may_end.set()
        it.reads("done: turn 1, ")
        lines = it.reads("ready: A limit is reached: nothing is sent until it is raised with /limit.")
        assert lines.count("\nqueue: Queue held: daily limit reached: ") == 1
        assert "To raise it, use /limit day AMOUNT." in lines, lines
        it.enters("/limit day 5")
        it.reads(
            "queue: Queue held; the limit no longer stops it. 1 queued message waits. /queue send sends it."
        )
        it.enters("/queue send")
        it.reads("1 to 2, Enter for 2> ")
        it.type("1\n")
        it.reads("worker: later\n")
        it.enters("/quit")
        assert it.ends() == 0
    assert "Enter to raise" not in "\n".join(it.lines)
    assert sum(row.startswith("queue: Queue held: daily limit reached") for row in it.lines) == 1


def test_a_file_is_mentioned_and_hooks_hear_of_the_end_and_of_a_limit(tmp_path: Path) -> None:
    (tmp_path / "my notes.txt").write_text("here")
    done, limit = tmp_path / "done.json", tmp_path / "limit.json"
    hooks = [f"on_{one.stem} = ['cp', '/dev/stdin', '{one}']" for one in (done, limit)]
    (tmp_path / "config.toml").write_text("\n".join(hooks))
    with plain(tmp_path, "--plain", "--local") as it:
        it.enters("echo @/nowhere/at/all.txt")
        it.reads("File not found: ")
        it.enters("/limit session 0.0001")
        it.enters(f'echo @"{tmp_path}/my notes.txt" @nobody')
        it.reads("worker: my notes.txt @nobody\n")
        it.reads("done: turn 1, ")
        it.reads("limit: Session limit reached: ")
        give_up = time.monotonic() + PATIENCE_S
        while not all(written := [one.read_text() if one.exists() else "" for one in (done, limit)]):
            assert time.monotonic() < give_up
        it.reads("you> ")
        it.type("/quit\n")
        assert it.ends() == 0
    assert [json.loads(one)["event"] for one in written] == ["done", "limit"]


def test_a_file_that_has_changed_since_it_was_attached_is_sent_only_as_it_is_now(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("before")
    with LocalServer.start(pace=0) as server, plain(tmp_path, "--plain", server=server) as it:
        it.enters(f"/file {notes}")
        it.reads("attached: notes.txt. ")
        notes.write_text("after that")
        it.enters("echo one")
        it.reads("error: notes.txt changed since it was attached (from 6 to 10 bytes). Nothing was sent.\n")
        it.reads("you> ")
        it.type("/send\n")
        it.reads("done: turn 1, ")
        it.enters("/quit")
        assert it.ends() == 0


def test_what_was_left_running_in_another_session_is_reported_and_followed(tmp_path: Path) -> None:
    with LocalServer.start(pace=0.2) as server:
        with plain(tmp_path, "--plain", server=server) as it:
            it.enters("long 12")
            it.reads("sent: turn 1")
            it.type("/quit\n")
            assert it.ends() == 0
        with plain(tmp_path, "--plain", "echo two", server=server) as it:
            # It may have ended by now.
            if "Still running: " in it.reads("“long 12”"):
                it.reads("note: “long 12”: finished in ")
            it.type("/quit\n")
            assert it.ends() == 0


def test_lines_of_a_script_and_what_another_program_sends(tmp_path: Path) -> None:
    with LocalServer.start(pace=0) as server:
        variables = environ(tmp_path, server.base_url, HANDINGER_API_KEY=server.api_key)
        with start(variables, "--plain", "long 20", stdin=subprocess.PIPE) as child:
            assert child.stdin
            assert child.stdout
            lines = iter(child.stdout.readline, "")
            texts = [next(line for line in lines if line.startswith("done: turn 1"))]
            child.stdin.write("/usage\n")
            child.stdin.flush()
            texts.append(next(line for line in lines if line.startswith("session cost: ")))
            # In a script the next line is the answer to a question, whenever it comes.
            child.stdin.write("/retry 1\n1\n")
            child.stdin.flush()
            texts.append(next(line for line in lines if line.startswith("done: turn 2")))
            child.stdin.write("/retry 1\n\n/sessions zzz\n")
            child.stdin.flush()
            texts.append(next(line for line in lines if line.startswith("error: No session starts with")))
            child.stdin.close()
            texts += lines
        assert child.returncode == 0
    assert not [line for line in texts if line.startswith("sending: turn 3")]
    assert "Resume this session: " in "".join(texts)


def test_of_two_programs_each_says_once_what_either_sends(tmp_path: Path) -> None:
    with (
        held_worker() as (server, may_end),
        plain(tmp_path, "--plain", server=server) as one,
    ):
        one.enters("long 3")
        one.reads("Paragraph 2.")
        with plain(tmp_path, "--plain", "-c", server=server) as other:
            other.reads("Paragraph 2.")
            other.type("echo from the other\n")
            other.reads("queued: 1 queued message waits.")
            may_end.set()
            other.reads("done: turn 2, ")
            one.reads("done: turn 2, ")
            for it in (one, other):
                it.type("/quit\n")
                assert it.ends() == 0
                starts = [row.partition(".")[0] for row in it.lines if row.startswith(("worker: ", "done: "))]
                assert [one.partition(", ")[0] for one in starts] == [
                    *(f"worker: Paragraph {number}" for number in (1, 2, 3)),
                    "done: turn 1",
                    "worker: from the other",
                    "done: turn 2",
                ]
        assert Account(server, "workers").prompts(tmp_path) == ["long 3", "echo from the other"]


def test_another_interrupt_while_the_program_ends_changes_nothing(tmp_path: Path) -> None:
    with plain(tmp_path, "--plain", "--local") as it:
        it.enters("echo one")
        it.reads("done: turn 1, ")
        it.enters("/quit")
        it.reads("Resume this session: ")
        while it.is_running:
            it.kill(signal.SIGINT)
            time.sleep(0.001)
        assert it.ends() == 0
    assert "Today: " in it.lines[-1]


def test_a_script_ends_when_its_last_message_is_answered(tmp_path: Path) -> None:
    with LocalServer.start(pace=0) as server:
        account = Account(server, "workers")
        variables = environ(tmp_path, server.base_url, HANDINGER_API_KEY=server.api_key)
        with start(variables, "--plain", "echo one", stdin=subprocess.PIPE) as child:
            out, _ = child.communicate("echo two\n/usage\necho three\n")
        assert child.returncode == 0
        assert account.prompts(tmp_path) == ["echo one", "echo two", "echo three"]
    for number, word in enumerate(("one", "two", "three"), 1):
        assert out.count(f"worker: {word}\n") == 1
        assert out.count(f"done: turn {number}, ") == 1


class Screen(io.StringIO):
    """A terminal that keeps what was written, and echoes nothing."""

    def isatty(self) -> bool:
        return True


class Interrupted(Output):
    """In the moment of an Enter comes a Ctrl+C, after which the prompt is shown again."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self.press = lambda: None
        self.is_ready = asyncio.Event()

    def entered(self, at_s: float) -> None:
        super().entered(at_s)
        asyncio.get_running_loop().call_soon(self.press)

    def prompt(self, text: str = "you") -> None:
        super().prompt(text)
        self.is_ready.set()


async def test_no_prompt_comes_between_a_line_and_its_answer() -> None:
    desktop, screen = Desktop(), Screen()
    terminal, typing = pty.openpty()
    out = Interrupted(screen)
    talk = Conversation(AppOptions(desktop.connect, NoFiles()), out, typing, reads_at_end=False, rings=False)
    running = asyncio.create_task(talk.run())
    async with asyncio.timeout(PATIENCE_S):
        await out.is_ready.wait()
        out.press = talk.interrupt
        os.write(terminal, b"/attach\n")
        out.is_ready.clear()
        await out.is_ready.wait()
        talk.quit()
        assert await running == 0
    out.close()
    os.close(terminal)
    os.close(typing)
    assert "again to quit.\nwarning: This session has no worker." in screen.getvalue(), screen.getvalue()
    await desktop.engine.aclose()


class ListeningOutput(Output):
    """Says when something was told that the test waits for."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._lines = ""
        self._waits_for: dict[str, asyncio.Event] = {}

    def put(self, *lines: str) -> None:
        super().put(*lines)
        self._lines += "\n".join((*lines, ""))
        for words, event in self._waits_for.items():
            if words in self._lines:
                event.set()

    async def tells(self, words: str) -> None:
        if words not in self._lines:
            await self._waits_for.setdefault(words, asyncio.Event()).wait()


async def test_at_midnight_a_limit_of_the_day_holds_nothing_though_nothing_was_written() -> None:
    (desktop, may_end), (reads, writes) = queueing(), os.pipe()
    out = ListeningOutput(Screen())
    talk = Conversation(AppOptions(desktop.connect, NoFiles()), out, reads, reads_at_end=False, rings=False)
    running = asyncio.create_task(talk.run())
    async with asyncio.timeout(PATIENCE_S):
        os.write(writes, b"first\n")
        await out.tells("sent: turn 1, ")
        os.write(writes, b"second\n")
        await out.tells("queued: 1 queued message waits.")
        desktop.limits.spend(Scope.DAY, "5.02")
        may_end.set()
        await out.tells("queue: Queue held: daily limit reached: ")
        desktop.limits.spend(Scope.DAY, "0")
        desktop.limits.now_ms += DAY_MS
        await out.tells("queue: Queue held; the limit no longer stops it.")
        talk.quit()
        await running
    out.close()
    os.close(writes)
    assert len(desktop.api.posts) == 1
    await desktop.engine.aclose()


@pytest.mark.parametrize(
    ("option", "setting", "variables", "terminal", "why"),
    [
        (True, "off", {}, False, "--plain"),
        (False, "on", {"ACCESSIBLE": "1", "TERM": "dumb"}, True, ""),
        (None, "on", {"HANDINGER_PLAIN": "1"}, False, "HANDINGER_PLAIN"),
        (None, "off", {"HANDINGER_PLAIN": "0", "ACCESSIBLE": "1"}, True, ""),
        (None, "auto", {"ACCESSIBLE": "yes", "TERM": "xterm"}, True, "ACCESSIBLE"),
        (None, "auto", {"ACCESSIBLE": "0", "TERM": "xterm"}, True, ""),
        (None, "auto", {"ACCESSIBLE": "false", "TERM": "xterm"}, True, ""),
        (None, "auto", {"ACCESSIBLE": "1", "TERM": "xterm"}, False, ""),
        (None, "on", {"TERM": "xterm"}, True, "the config file"),
        (None, "auto", {"TERM": "dumb"}, True, "TERM=dumb"),
        (None, "auto", {}, True, "TERM, which is not set"),
        (None, "auto", {"TERM": "dumb"}, False, ""),
        (None, "off", {"TERM": "dumb"}, True, ""),
    ],
)
def test_what_asks_for_plain_mode(
    option: bool | None, setting: str, variables: Mapping[str, str], terminal: bool, why: str
) -> None:
    assert plain_reason(option, setting, variables, is_terminal=terminal) == why


async def test_a_paste_that_comes_in_pieces_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece with a single line would be the Enter that sends all."""
    typing, terminal = pty.openpty()
    lines: asyncio.Queue[Entered | None] = asyncio.Queue()
    pieces = [b"three\n", b"four\n"]
    wait = select.select

    def wait_for_pieces(*of: Any) -> Any:
        if of[3] == PASTE_S and pieces:
            os.write(typing, pieces.pop(0))
        return wait(*of)

    monkeypatch.setattr(select, "select", wait_for_pieces)
    try:
        os.write(typing, b"one\ntwo\n")
        LineReader(terminal, lines.put_nowait).start()
        async with asyncio.timeout(60):
            entered = [await lines.get() for _ in range(4)]
    finally:
        os.close(typing)
    assert [one and (one.text, one.is_pasted) for one in entered] == [
        (text, True) for text in ("one", "two", "three", "four")
    ]
    assert await lines.get() is None
    os.close(terminal)
