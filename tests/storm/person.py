"""One person at one terminal, who does what people do, at random."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.e2e.terminal import Terminal
from tests.storm.proxy import Proxy

NAME: Final = re.compile(r"m\d+[a-z]x")
"""The name of a message, which its text contains."""
SIZES: Final = ((60, 20), (80, 24), (100, 30), (40, 12), (110, 45))
"""Below the width at which panels stand beside the transcript."""
TEXTS: Final = (
    "echo {0} here", "echo {0} here", "long 3 {0}", "long 20 {0}", "fail {0}", "silent 2 {0}",
    "report on primes {0}", "sources about csv {0}", "hello {0}",
)  # fmt: skip
WALK: Final = (
    "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F1", "C-s", "C-t", "C-o", "C-f", "C-p", "C-r", "C-l",
    "Up", "Down", "PPage", "NPage", "Tab", "BTab", "Left", "Right", "Home", "End", "C-Up", "?",
)  # fmt: skip
COMMANDS: Final = (
    *("/attach", "/detach", "/runs", "/reading", "/receipt", "/costs", "/ledger", "/details"),
    *("/budget low", "/budget high", "/archive", "/pin", "/rename storm", "/workers"),
)
START: Final = (("-c",), ("-c",), ("-c",), (), ("-r",))
BAD: Final = ("Traceback (most recent call last)", "handinger-tui failed", "unexpected error")


@dataclass
class Book:
    """What all persons on one history have typed and confirmed."""

    entered: Counter[str] = field(default_factory=Counter)
    """How often Enter was pressed on a text, by the name of the message."""
    blind: int = 0
    """How often Enter was pressed while the screen may not have shown yet what it would send."""
    stopped: float = 0.0
    """When a program was last stopped or continued (monotonic)."""
    lines: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def note(self, text: str) -> None:
        """One line of the diary."""
        self.lines.append(f"{time.monotonic() - self.began:7.2f} {text}")


class Person:
    """Drives one program; looks at the screen before each Enter."""

    def __init__(self, letter: str, home: Path, proxy: Proxy, book: Book, environ: dict[str, str]) -> None:
        self.letter, self.home, self.proxy, self.book = letter, home, proxy, book
        self.random = Random(f"{proxy.seed}{letter}")
        self._tmux, self._environ = shutil.which("tmux") or "tmux", environ
        self.window: Terminal | None = None
        self._number = 0
        self._fresh: set[str] = set()
        """Names typed since the last Enter, which the screen may not show yet."""
        self._in_shell = False
        self.wrong: list[str] = []
        self.ends: list[str] = []

    # -- the program ---------------------------------------------------------------------
    def start(self, *argv: str) -> None:
        """Start the program in a new terminal."""
        self.close()
        self.note(f"start {argv}")
        self.window = Terminal(self._tmux, *self.random.choice(SIZES), None)
        self._in_shell = self.random.random() < 0.3
        run = self.window.run_in_shell if self._in_shell else self.window.run
        run(*argv, home=self.home, **self._environ)
        self._fresh.clear()

    def close(self) -> None:
        """Close the terminal: the program is hung up if it runs."""
        if self.window is not None:
            self.window.close()
            self.window = None

    def note(self, text: str) -> None:
        self.book.note(f"{self.letter} {text}")

    @property
    def screen(self) -> str:
        assert self.window is not None
        screen = self.window.screen
        for bad in BAD:
            assert bad not in screen, screen
        return screen

    @property
    def runs(self) -> bool:
        """Whether the program has not ended."""
        if self.window is None:
            return False
        screen = self.screen
        if self._in_shell:
            return bool(self.window.programs)
        if (code := re.search(r"exit=(\d+)", screen)) is not None:
            assert code[1] in {"0", "130", "131", "137", "143", "129"}, screen
            return False
        return True

    # -- keys ----------------------------------------------------------------------------
    def boxed(self) -> str:
        """The text in boxes: the prompt, or a question."""
        return "\n".join(line for line in self.screen.splitlines() if "│" in line)

    def enter(self, why: str) -> None:
        """Press Enter, mostly when the screen is still, and note what it may send."""
        assert self.window is not None
        box, still, end = self.boxed(), 0, time.monotonic() + 2
        while still < 4 and time.monotonic() < end and self.random.random() < 0.97:
            time.sleep(0.06)
            before, box = box, self.boxed()
            still = still + 1 if box == before else 0
        self.book.blind += still < 4
        names = set(NAME.findall(box)) | self._fresh
        self.note(f"Enter ({why}) on {sorted(names)}")
        self.book.entered.update(names)
        self._fresh.clear()
        self.window.press("Enter")

    def press(self, *keys: str) -> None:
        assert self.window is not None
        self.note(" ".join(keys))
        self.window.press(*keys)

    def type(self, text: str) -> None:
        assert self.window is not None
        self.note(repr(text))
        # What stands in the prompt already may scroll out of sight.
        self._fresh.update(NAME.findall(text + self.prompt))
        self.window.type(text)

    def text(self) -> str:
        """A new message."""
        self._number += 1
        name = f"m{self._number}{self.letter}x"
        return self.random.choice(TEXTS).format(name)

    # -- what people do ------------------------------------------------------------------
    def say(self) -> None:
        """Type a message, mostly wait until it is seen, and press Enter."""
        text = self.text()
        self.type(text)
        name = NAME.findall(text)[0]
        if self.random.random() < 0.8:
            self.look(lambda screen: name in screen)
        self.enter("say")
        if self.random.random() < 0.1:
            self.enter("twice")

    def paste(self) -> None:
        """Paste some lines; the person sends them, or not."""
        assert self.window is not None
        text = self.text() + "\nand a second line\n"
        self.note(f"paste {text!r}")
        self._fresh.update(NAME.findall(text + self.prompt))
        self.window.paste(text)
        if self.random.random() < 0.7:
            time.sleep(0.2)
            self.enter("paste")

    def attach(self) -> None:
        """A message with a file."""
        (self.home / "table.csv").write_text("a,b\n1,2\n3,4\n")
        text = self.text()
        self.type(f"/file {self.home / 'table.csv'}")
        self.enter("file")
        time.sleep(0.3)
        self.type(text)
        self.enter("with file")

    def draft(self) -> None:
        """Type and leave it."""
        self.type(self.text() + " ")

    def wait(self) -> None:
        time.sleep(self.random.choice((0.05, 0.3, 1, 3)))

    def look(self, holds: Callable[[str], bool], seconds: float = 3.0) -> bool:
        """Wait some time until something is on the screen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if holds(self.screen):
                return True
            time.sleep(0.03)
        return False

    def resume(self) -> None:
        """Enter on an empty prompt: the held queue, or the turn that is not watched."""
        self.press("Escape")
        self.press("C-u")
        self.enter("empty")

    def walk(self) -> None:
        """Open something, press a key or two there, close it."""
        for _ in range(self.random.randint(1, 3)):
            self.press(self.random.choice(WALK))
            time.sleep(self.random.choice((0, 0.1)))
        for _ in range(self.random.randint(0, 3)):
            self.press("Escape")
            time.sleep(0.1)

    def switch(self) -> None:
        """Another session."""
        kind = self.random.randrange(4)
        if kind == 0:
            self.press("C-n")
        elif kind == 1:
            self.press(self.random.choice(("M-Up", "M-Down")))
        else:
            self.press("C-s" if kind == 2 else "F7")
            time.sleep(0.3)
            for _ in range(self.random.randint(0, 4)):
                self.press("Down")
            self.enter("session")

    def queue(self) -> None:
        """Edit, move, remove or release a queued message."""
        self.press("Up")
        time.sleep(0.2)
        kind = self.random.choice(("edit", "x", "move", "s", "leave"))
        if kind == "edit":
            self.enter("edit")
            time.sleep(0.2)
            self.type(" changed")
            time.sleep(0.2)
            self.enter("put back")
        elif kind == "move":
            self.press(self.random.choice(("M-Up", "M-Down")))
        elif kind == "leave":
            self.press("Escape")
        else:
            # Where no queue has the focus, it is a letter of the prompt.
            self.press(kind)
            time.sleep(0.3)
            if kind == "s":
                self.press("Left") if self.random.random() < 0.3 else self.press("Right")
                self.enter("release")

    def again(self) -> None:
        """Retry, edit or fork an earlier message."""
        kind = self.random.choice(("/retry", "/retry", "/edit last", "/fork"))
        self.press("Escape")
        self.press("C-u")
        self.type(kind)
        self.enter(kind)
        if kind == "/retry":
            if self.look(lambda screen: "Try again?" in screen, 1):
                self.press("Right")
                self.enter("retry")
            else:
                self.press("Escape")
        elif kind == "/edit last":
            self.type(" edited")
            time.sleep(0.3)
            self.enter("edited")

    def resend(self) -> None:
        """Enter on what came back into the prompt, and the word where it is asked for."""
        self.enter("resend")
        if self.look(lambda screen: "type again" in screen, 0.5):
            self.type("again")
            self.enter("again")

    def detach(self) -> None:
        self.press("Escape")
        if self.look(lambda screen: "Stop watching?" in screen, 1):
            self.press("Right")
            self.enter("detach")

    def command(self) -> None:
        self.press("C-u")
        command = self.random.choice(COMMANDS)
        self.type(command)
        self.enter(command)
        time.sleep(0.3)
        self.press("Escape")

    def resize(self) -> None:
        assert self.window is not None
        self.window.resize(*self.random.choice(SIZES))

    def suspend(self) -> None:
        """^Z, the shell, and back."""
        assert self.window is not None
        if not self._in_shell:
            return
        self.press("C-z")
        self.book.stopped = time.monotonic()
        if self.look(lambda screen: "Stopped" in screen, 2):
            self.window.stopped()
            time.sleep(self.random.choice((0, 1, 6)))
            self.note("fg")
            self.window.type("fg\r")
            self.book.stopped = time.monotonic()
            time.sleep(0.5)

    def sleep(self) -> None:
        """The machine stands still, and its connections are dead afterwards."""
        assert self.window is not None
        if self._in_shell:
            return
        self.note("SIGSTOP")
        self.book.stopped = time.monotonic()
        self.window.signal(signal.SIGSTOP)
        self.proxy.drop_connections()
        time.sleep(self.random.choice((1, 7)))
        self.window.signal(signal.SIGCONT)
        self.book.stopped = time.monotonic()

    def quit(self) -> None:
        """End in one of many ways, and start again."""
        assert self.window is not None
        how = self.random.choice(("C-d", "C-c", "/quit", "TERM", "HUP", "INT", "KILL", "KILL", "close"))
        self.note(f"quit by {how}")
        leaves_draft = how in {"TERM", "HUP", "KILL", "close"} and self.random.random() < 0.5
        name = self.leave_draft() if leaves_draft else ""
        if how == "C-d":
            self.press("Escape")
            self.press("C-u")
            self.press("C-d")
        elif how == "C-c":
            self.press("C-c")
            self.press("C-c")
            self.press("C-c")
        elif how == "/quit":
            self.press("C-u")
            self.type("/quit")
            self.enter("quit")
        elif how != "close":
            with suppress(ProcessLookupError):
                self.window.signal(signal.Signals[f"SIG{how}"])
        if how != "close":
            # A dialog may be in the way: then the terminal is closed.
            end = time.monotonic() + 8
            while self.runs and time.monotonic() < end:
                time.sleep(0.05)
            self.ends.append(how if not self.runs else f"{how}, still there")
        self.close()
        time.sleep(self.random.choice((0, 0, 1)))
        if name:
            self.wrong += self._missing_draft(name)
        self.begin()

    def leave_draft(self) -> str:
        """Type into the prompt until a draft is saved; returns its name, "" where it is elsewhere."""
        for _ in range(3):
            self.press("Escape")
            time.sleep(0.2)
        text = self.text()
        name = NAME.findall(text)[0]
        self.type(text)
        seen = self.look(lambda _screen: name in self.prompt, 3) and "back" not in self.screen
        time.sleep(2.5)
        return name if seen and name in self.prompt else ""

    def _missing_draft(self, name: str) -> list[str]:
        with closing(sqlite3.connect(f"file:{self.home / 'history.db'}?mode=ro", uri=True)) as connection:
            texts = connection.execute("SELECT text FROM drafts UNION SELECT prompt FROM turns").fetchall()
        return [] if any(name in text for (text,) in texts) else [f"the draft {name} is lost"]

    @property
    def prompt(self) -> str:
        """The text of the prompt."""
        box = ""
        for line in self.screen.splitlines():
            box = "" if line.startswith("╭") else box + line
            if line.startswith("╰") and "standard" in line:
                return box
        return ""

    def begin(self) -> None:
        """Start the program and wait for its screen, or type ahead."""
        self.start(*self.random.choice(START))
        if self.random.random() < 0.7:
            self.look(lambda screen: "Help" in screen, 15)
            time.sleep(0.3)

    ACTIONS: Final = {
        "say": 30, "paste": 2, "attach": 2, "draft": 4, "wait": 20, "resume": 8, "walk": 8, "switch": 8,
        "queue": 8, "again": 5, "resend": 6, "detach": 4, "command": 4, "resize": 3, "suspend": 3, "sleep": 1,
        "quit": 5,
    }  # fmt: skip

    def act(self) -> None:
        """Do one thing."""
        if not self.runs:
            self.note("the program has ended")
            self.begin()
        name = self.random.choices([*self.ACTIONS], [*self.ACTIONS.values()])[0]
        self.note(f"-- {name}")
        getattr(self, name)()
        _ = self.screen
