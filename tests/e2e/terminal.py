"""A real terminal: the program in tmux, observed like a person does."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from handinger_tui.core.attention import READ_S
from handinger_tui.ui.terminal.input import TWICE_S
from handinger_tui.ui.type_ahead import ENTER_TOO_EARLY

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.02
ASKS_AGAIN = ENTER_TOO_EARLY.partition(".")[0]
"""What the app says of an Enter that came too early; a notification breaks the line behind it."""
REQUESTED_LONG_AGO = 50
"""Looks without that sentence after which it is a new one."""
WITHOUT_ACCOUNT = "env -u HANDINGER_API_KEY -u HANDINGER_BASE_URL"


class Client:
    """One client of tmux for all looks and keys: a program for each took longer than what it saw.

    So the pieces of a split key arrive one right after the other, too.
    """

    def __init__(self, tmux: list[str]) -> None:
        # It has no size, which would be that of the window, and no output but answers.
        attach = [*tmux, "-u", "-C", "attach-session", "-t", "it", "-f", "ignore-size,no-output"]
        self._client = subprocess.Popen(attach, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command: str) -> str:
        """The output of a command of tmux."""
        source, sink = self._client.stdout, self._client.stdin
        assert source is not None
        assert sink is not None
        sink.write(command + "\n")
        sink.flush()
        end, lines = "", list[str]()
        for line in source:
            # The last member is 1 for an answer to a command of this client, 0 for that of its own start.
            name, _, numbers = line.rstrip("\n").partition(" ")
            if not end and name == "%begin" and numbers.endswith(" 1"):
                end = numbers
            elif end and numbers == end and name in {"%end", "%error"}:
                assert name == "%end", lines
                return "".join(lines)
            elif end:
                lines.append(line)
        raise AssertionError(f"tmux is gone: {command}")

    def close(self) -> None:
        """End the client, whose server may be gone."""
        self._client.kill()
        self._client.communicate()


class Terminal:
    """One tmux window on a server of its own."""

    _client: Client | None = None
    _has_entered = False
    """Whether the last key was Enter."""
    _looks_since_request = REQUESTED_LONG_AGO
    """How often the screen was looked at since the app asked for another Enter, which was pressed then."""

    def __init__(self, tmux: str, columns: int, rows: int, cwd: Path | None) -> None:
        self._tmux = [tmux, "-L", f"handinger-{uuid.uuid4().hex[:8]}", "-f", "/dev/null"]
        self._size = ["-x", str(columns), "-y", str(rows)]
        self._place = [] if cwd is None else ["-c", str(cwd)]

    def run(self, *argv: str, home: Path, **environ: str) -> None:
        """Start `handinger-tui ARGV`; the window stays open after its end and shows its exit code."""
        variables = {"HANDINGER_TUI_HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", **environ}
        pairs = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
        program = shlex.join([sys.executable, "-m", "handinger_tui", *argv])
        # An outdated size, as a shell may export it: the size of the window itself has to apply.
        clean = f"{WITHOUT_ACCOUNT} COLUMNS=47 LINES=11"
        # An interrupt from the terminal may reach the shell, too, before an editor has the foreground.
        line = f"trap : INT; {clean} {' '.join(pairs)} {program}; echo exit=$?; read -r _"
        self.run_line(line)

    def run_line(self, line: str) -> None:
        """Run a command of the shell in the window."""
        self._call("new-session", "-d", "-s", "it", *self._size, *self._place, line)

    def run_in_shell(self, *argv: str, home: Path, **environ: str) -> None:
        """Start `handinger-tui ARGV` from a shell with job control, whose prompt is `shell>`."""
        pairs = {"HANDINGER_TUI_HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", **environ}
        variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in pairs.items())
        self._call(
            "new-session",
            *("-d", "-s", "it"),
            *self._size,
            f"{WITHOUT_ACCOUNT} {variables} PS1='shell> ' bash --norc --noprofile -i",
        )
        self.shows("shell>")
        self.type(shlex.join([sys.executable, "-m", "handinger_tui", *argv]) + "\r")

    def _call(self, *words: str) -> str:
        return subprocess.run(
            [*self._tmux, *words], check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def _ask(self, command: str) -> str:
        self._client = self._client or Client(self._tmux)
        return self._client.ask(command)

    @property
    def screen(self) -> str:
        """The text of the screen, without colors."""
        return self._ask("capture-pane -p -t it")

    @property
    def colored(self) -> str:
        """The text of the screen, with colors as escape sequences."""
        return self._call("capture-pane", "-p", "-e", "-t", "it")

    def type(self, text: str) -> None:
        """Type text in one burst."""
        self._has_entered = False
        self._ask(f"send-keys -t it -H {text.encode().hex(' ')}")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        if self._has_entered and keys[0] == "Enter":
            # A second one comes as late as that of a person who means it.
            time.sleep(2 * TWICE_S)
        self._has_entered = keys[-1] == "Enter"
        self._ask(f"send-keys -t it {shlex.join(keys)}")

    def paste(self, text: str) -> None:
        """Paste text, bracketed if the program enabled bracketed paste."""
        self._call("set-buffer", text)
        self._call("paste-buffer", "-p", "-r", "-t", "it")

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as when a person drags the edge of the window."""
        self._call("resize-window", "-t", "it", "-x", str(columns), "-y", str(rows))

    @property
    def modes(self) -> set[str]:
        """The active modes of the terminal, by tmux's names."""
        names = ("alternate_on", "cursor_flag", "bracket_paste_flag", "mouse_any_flag")
        values = self._call("display-message", "-p", "-t", "it", ",".join(f"#{{{name}}}" for name in names))
        return {name for name, on in zip(names, values.strip().split(","), strict=True) if on == "1"}

    @property
    def wraps_lines(self) -> bool:
        """Whether long lines continue in the next row, as shells want it and this program does not."""
        return self._call("display-message", "-p", "-t", "it", "#{wrap_flag}").strip() == "1"

    def wrap_lines(self) -> None:
        """Set that mode, as a shell does while the program is stopped."""
        tty = self._call("display-message", "-p", "-t", "it", "#{pane_tty}").strip()
        Path(tty).write_text("\x1b[?7h")
        self.until(lambda _screen: self.wraps_lines, "wrapped lines")

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and row of the terminal's own cursor."""
        x, y = self._call("display-message", "-p", "-t", "it", "#{cursor_x},#{cursor_y}").split(",")
        return int(x), int(y)

    @property
    def above(self) -> list[str]:
        """The lines that have moved up out of the window."""
        return self._call("capture-pane", "-p", "-S", "-", "-E", "-1", "-t", "it").splitlines()

    @property
    def copied(self) -> str:
        """The newest buffer of tmux; "" if nothing was copied."""
        return self._call("show-buffer") if self._call("list-buffers") else ""

    def until(self, holds: Callable[[str], bool], what: str = "") -> str:
        """Poll until `holds(screen)`; returns that screen. Fails with the last screen after a deadline.

        On a busy machine an Enter may come before what it was pressed for is open. The app says so, and Enter
        is pressed again, as a person would.
        """
        end = time.monotonic() + PATIENCE_S
        while True:
            screen = self.screen
            if holds(screen):
                return screen
            if ASKS_AGAIN not in screen:
                self._looks_since_request += 1
            else:
                # The notification is away for a moment where a screen opens or closes below it.
                if self._has_entered and self._looks_since_request >= REQUESTED_LONG_AGO:
                    self.press("Enter")
                self._looks_since_request = 0
            assert time.monotonic() < end, f"never on the screen: {what}\n{screen}"
            time.sleep(LOOK_EVERY_S)

    def shows(self, text: str) -> str:
        """Poll until `text` is on the screen; what Enter does there is read before it is pressed."""
        screen = self.until(lambda screen: text in screen, text)
        if text.startswith("Enter to "):
            time.sleep(READ_S)
        return screen

    @property
    def programs(self) -> list[int]:
        """The ids of the processes in the window."""
        shell = int(self._call("list-panes", "-t", "it", "-F", "#{pane_pid}"))
        return [int(pid) for pid in Path(f"/proc/{shell}/task/{shell}/children").read_text().split()]

    def kill(self) -> None:
        """kill -9 the program: it has no chance to write anything."""
        self.signal(signal.SIGKILL)
        self.shows("exit=137")

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        for pid in self.programs:
            os.kill(pid, number)

    def stopped(self) -> None:
        """Wait until the program is stopped, as a shell does before it continues a job.

        The terminal is given back shortly before: a SIGCONT in between would continue nothing, and the stop
        would last.
        """
        states = [Path(f"/proc/{pid}/stat") for pid in self.programs]
        self.until(
            lambda _screen: all(state.read_text().rpartition(")")[2].split()[0] == "T" for state in states),
            "a stopped program",
        )

    def close(self) -> None:
        """Close the window and every process in it."""
        if self._client is not None:
            self._client.close()
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True, timeout=60)


@contextmanager
def terminal(tmux: str, columns: int, rows: int, cwd: Path | None = None) -> Iterator[Terminal]:
    """A terminal of that size, in that folder, closed at the end."""
    window = Terminal(tmux, columns, rows, cwd)
    try:
        yield window
    finally:
        window.close()
