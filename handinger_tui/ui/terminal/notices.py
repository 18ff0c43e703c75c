"""Notices for the terminal around the program: bell, desktop notification, progress and program status.

What a terminal takes is decided by its name, since an unknown sequence would be lost without a word or
shown as text. Inside tmux everything but the bell needs its option `allow-passthrough`; screen and Zellij
pass on nothing else. Program status (OSC 7501) is sent only to a terminal that has answered a query for it.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.safety import clean_line, without_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BELL: Final = "\a"
_END: Final = "\x1b\\"
STATUS_QUERY: Final = f"\x1b]7501;?{_END}"
"""Asks the terminal whether it takes program status; one that does answers with the same."""
NO_STATUS: Final = f"\x1b]7501;state=clear{_END}"
"""Removes the records of this terminal."""
NO_PROGRESS: Final = f"\x1b]9;4;0{_END}"
PROGRESS: Final = f"\x1b]9;4;3{_END}"
"""Indeterminate progress (ConEmu's sequence)."""
NAME_TIMEOUT_S: Final = 1.0
"""Seconds to wait for tmux to name its terminal."""
MAX_TEXT: Final = 200
"""Characters of the text of a notification; terminals cut long ones, each in its own way."""
_MAX_TITLE_BYTES, _MAX_STATUS_BYTES = 192, 2048
_SEGMENT: Final = re.compile(r"[^A-Za-z0-9_.+-]")
_MAX_SEGMENT: Final = 32


class Toast(StrEnum):
    """The sequence with which a terminal shows a desktop notification."""

    NONE = ""
    PLAIN = "9"
    """iTerm2's: one text."""
    TITLED = "777"
    """urxvt's: title and text."""
    KITTY = "99"


class Outside(Struct, frozen=True):
    """What the terminal around the program takes besides the bell. `wrapped`: through tmux."""

    toast: Toast = Toast.NONE
    progress: bool = False
    wrapped: bool = False

    def passed(self, sequence: str) -> str:
        """The sequence as it has to be written."""
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}{_END}" if self.wrapped else sequence

    def notification(self, title: str, text: str) -> str:
        """The sequence for a desktop notification; "" where there is none."""
        title, text = clean_line(title, MAX_TEXT), clean_line(text, MAX_TEXT)
        if self.toast is Toast.PLAIN:
            # Behind a digit and a semicolon, the text would be another command: it begins with a quote.
            return self.passed(f"\x1b]9;“{title}” {text}{_END}")
        if self.toast is Toast.TITLED:
            return self.passed(f"\x1b]777;notify;{title.replace(';', ',')};{text}{_END}")
        if self.toast is Toast.KITTY:
            return self.passed(f"\x1b]99;i=handinger:d=0:p=title;{title}{_END}") + self.passed(
                f"\x1b]99;i=handinger:d=1:p=body;{text}{_END}"
            )
        return ""


_ANY: Final = (0,)
_TERMINALS: Final[Mapping[str, tuple[Toast, tuple[int, ...] | None]]] = {
    "kitty": (Toast.KITTY, None),
    "ghostty": (Toast.TITLED, (1, 2)),
    "wezterm": (Toast.TITLED, None),
    "foot": (Toast.TITLED, None),
    "rxvt": (Toast.TITLED, None),
    # An older one takes the sequence of the progress for a notification.
    "iterm": (Toast.PLAIN, (3, 6, 6)),
    "vte": (Toast.NONE, (8000,)),
    "windows": (Toast.NONE, _ANY),
    "conemu": (Toast.NONE, _ANY),
}
"""By the beginning of its name: how a terminal shows notifications, and since which version the progress."""
_PROGRAMS: Final = {"iterm.app": "iterm", "iterm2": "iterm"}


def takes_nothing(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is one that would show a bell as text, or not known at all."""
    return environ.get("TERM", "") in {"", "dumb"}


def takes_queries(environ: Mapping[str, str]) -> bool:
    """Whether a query is safe: the console of Linux would show it, and screen passes no answer on."""
    return not (takes_nothing(environ) or environ["TERM"].startswith("linux") or environ.get("STY"))


def outside(environ: Mapping[str, str]) -> Outside:
    """What the terminal takes, by the variables that it has set; nothing inside another program."""
    if takes_nothing(environ) or any(environ.get(name) for name in ("TMUX", "STY", "ZELLIJ")):
        return Outside()
    return _by_name(*_name(environ))


def _name(environ: Mapping[str, str]) -> tuple[str, str]:
    """Name and version. The variables of a terminal survive in one that was started from it, but for one."""
    program = environ.get("TERM_PROGRAM", "") or environ.get("LC_TERMINAL", "")
    if program:
        version = environ.get("TERM_PROGRAM_VERSION", "") or environ.get("LC_TERMINAL_VERSION", "")
        return _PROGRAMS.get(program.lower(), program), version
    if environ.get("WT_SESSION"):
        return "windows", "0"
    if environ.get("ConEmuANSI") == "ON":
        return "conemu", "0"
    if environ.get("VTE_VERSION"):
        return "vte", environ["VTE_VERSION"]
    return environ["TERM"].removeprefix("xterm-"), ""


def _by_name(name: str, version: str, *, wrapped: bool = False) -> Outside:
    begin = next((begin for begin in _TERMINALS if name.lower().startswith(begin)), None)
    if begin is None:
        return Outside()
    toast, since = _TERMINALS[begin]
    numbers = tuple(int(number) for number in re.findall(r"\d{1,9}", version)[:3])
    return Outside(toast, since is not None and bool(numbers) and numbers >= since, wrapped)


async def outside_of_tmux(environ: Mapping[str, str]) -> Outside:
    """What the terminal takes that tmux is shown in now, if tmux passes it on; it may change at any time."""
    pane = ["-t", environ["TMUX_PANE"]] if environ.get("TMUX_PANE") else []
    try:
        process = await asyncio.create_subprocess_exec(
            *("tmux", "display-message", "-p", *pane, "#{allow-passthrough};#{client_termtype}"),
            env=without_secrets(environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return Outside()
    try:
        async with asyncio.timeout(NAME_TIMEOUT_S):
            answer, _ = await process.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return Outside()
    return by_answer_of_tmux(answer.decode("utf-8", "replace"))


def by_answer_of_tmux(answer: str) -> Outside:
    """`answer`: its option and the name of the terminal, such as `on;ghostty 1.2.0`."""
    option, _, terminal = answer.strip().partition(";")
    name, _, version = re.sub(r"[(]", " ", terminal).partition(" ")
    return _by_name(name, version, wrapped=True) if option in {"on", "all"} else Outside()


class ProgramState(StrEnum):
    """What the program, or one worker, is doing (OSC 7501)."""

    IDLE = "idle"
    WORKING = "working"
    BLOCKED = "blocked"
    DONE = "done"
    ERROR = "error"


class ProgramStatus(Struct, frozen=True):
    """A record of the program status. `record`: which one; "" is that of the program itself."""

    state: ProgramState
    record: str = ""
    title: str = ""
    message: str = ""

    @property
    def sequence(self) -> str:
        """The report, which replaces the record as a whole."""
        pairs = [f"state={self.state}"]
        if self.record:
            pairs.append(f"id={_SEGMENT.sub('-', self.record)[-_MAX_SEGMENT:]}")
        if self.state is ProgramState.BLOCKED:
            pairs.append("kind=question")
        pairs.append("app=handinger-tui")
        for name, text, most in (
            ("title", self.title, _MAX_TITLE_BYTES),
            ("msg", self.message, _MAX_STATUS_BYTES),
        ):
            # Cut by bytes; half a character at the end is left out.
            data = clean_line(text, MAX_TEXT).encode()[:most].decode("utf-8", "ignore").encode()
            if data:
                pairs.append(f"{name}={b64encode(data).decode('ascii')}")
        return f"\x1b]7501;{':'.join(pairs)}{_END}"


NOTHING_RUNS: Final = ProgramStatus(ProgramState.IDLE)


def status_of_program(needs: str, last: Sequence[ProgramStatus]) -> ProgramStatus:
    """The record of the program: what needs the person comes first, then what runs; else what ended last.

    `needs`: how much that is by the board, see `needs_words`. `last`: the record of each worker, newest last.
    """
    if needs:
        return ProgramStatus(ProgramState.BLOCKED, message=needs)
    for state in (ProgramState.BLOCKED, ProgramState.WORKING):
        if of_state := [one for one in last if one.state is state]:
            return ProgramStatus(state, message=of_state[-1].title)
    newest = last[-1] if last else NOTHING_RUNS
    return ProgramStatus(newest.state, message=newest.message)
