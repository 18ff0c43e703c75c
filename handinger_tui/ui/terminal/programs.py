"""Programs of this machine: one that copies a text, and one that has the terminal for a while.

The terminal (OSC 52) does not report whether the text arrived, and tmux drops it unless its option
`set-clipboard` is `on`; a program reports a failure. It gets the text on standard input, without a shell.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from handinger_tui.core.safety import without_secrets

if sys.platform != "win32":
    import termios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# -- a program that copies -----------------------------------------------------------------------
TIMEOUT_S: Final = 2.0
"""Seconds that a program may take; the clipboard of a display that no longer exists would never answer."""
_REMOTE: Final = ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")
"""Variables of a session on another machine, whose clipboard is not that of the person."""


async def copy_with_program(text: str) -> str:
    """Copy a text; returns the name of the program that took it, "" where there is none."""
    for command in programs(os.environ, shutil.which):
        if await feed(command, text):
            return command[0]
    return ""


def programs(environ: Mapping[str, str], which: Callable[[str], str | None]) -> Iterator[tuple[str, ...]]:
    """The commands to try, in order.

    tmux comes first: it passes the text on to the terminal that is attached now, which may be a remote one,
    and keeps it for pasting.
    """
    if environ.get("TMUX"):
        yield from _installed(which, ("tmux", "load-buffer", "-w", "-"))
        return
    if any(environ.get(name) for name in _REMOTE):
        return
    if environ.get("WAYLAND_DISPLAY"):
        yield from _installed(which, ("wl-copy",))
    if environ.get("DISPLAY"):
        yield from _installed(which, ("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input"))
    # Only macOS has pbcopy, only Windows (also seen from its Linux) has clip.exe; both need no variable.
    yield from _installed(which, ("pbcopy",), ("clip.exe",))


def _installed(which: Callable[[str], str | None], *commands: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (command for command in commands if which(command[0]))


async def feed(command: Sequence[str], text: str, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether a program took the text on standard input, in time and without failing."""
    # clip.exe reads UTF-16 with its mark.
    data = text.encode("utf-16" if command[0] == "clip.exe" else "utf-8", "replace")
    try:
        # Some programs continue in the background to serve the clipboard: a pipe would stay open with them.
        process = await asyncio.create_subprocess_exec(
            *command,
            env=without_secrets(os.environ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(timeout_s):
            await process.communicate(data)
    except (TimeoutError, OSError):
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return process.returncode == 0


# -- a program in the foreground -----------------------------------------------------------------
SETTLES_IN_S: Final = 0.5
"""Seconds after the handover during which an interrupt that reaches us is meant for the program."""
POSIX: Final = sys.platform != "win32"


class ForegroundJob:
    """One program in the foreground. `run` waits for it in a thread; `end` may be called at the same time.

    The program is the foreground job of the terminal: Ctrl+C reaches it and not us, so that a signal to us
    still ends us.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = list(argv)
        self._process: subprocess.Popen[bytes] | None = None
        self._should_end = False
        self._handed_over_at: float | None = None
        self._interrupted = False
        self._terminal = sys.__stdin__.fileno() if sys.__stdin__ is not None else 0

    def run(self) -> int:
        """Run the program and return its exit code, negative for a signal. Terminal settings are restored.

        Raises:
            OSError: the program could not be started.
        """
        attributes = self._attributes()
        environ = without_secrets(os.environ)
        # The user's own program, as an argument list without a shell.
        self._process = process = subprocess.Popen(  # noqa: S603 - chosen by the user
            self._argv, env=environ, process_group=0 if POSIX else None
        )
        try:
            if self._should_end:
                self.end()
            if not POSIX:
                return process.wait()
            self._set_foreground_group(process.pid)
            self._handed_over_at = monotonic()
            if self._interrupted:
                self._interrupt(process)
            process.returncode = self._wait(process.pid, attributes)
            return process.returncode
        finally:
            self._set_foreground_group(os.getpgrp() if POSIX else 0)
            self._restore_attributes(attributes)

    def takes_interrupt(self) -> bool:
        """Forward an interrupt that arrived while the program was starting.

        Returns False if it is meant for us.
        """
        process = self._process
        settled = self._handed_over_at is not None and monotonic() - self._handed_over_at > SETTLES_IN_S
        if settled or (process is not None and process.returncode is not None):
            return False
        self._interrupted = True
        if process is not None:
            self._interrupt(process)
        return True

    def _interrupt(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGINT)

    def end(self, *, at_once: bool = False) -> None:
        """Terminate the program; `at_once` kills it."""
        self._should_end = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        if not POSIX:
            process.terminate()
            return
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL if at_once else signal.SIGTERM)
            # A stopped process would never handle the signal.
            os.killpg(process.pid, signal.SIGCONT)

    def _wait(self, pid: int, attributes: list[Any] | None) -> int:
        while True:
            _, status = os.waitpid(pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                return os.waitstatus_to_exitcode(status)
            touched = os.WSTOPSIG(status) in (signal.SIGTTIN, signal.SIGTTOU)
            if not touched and os.getpgrp() != os.getsid(0):
                # Ctrl+Z in the program: the shell gets the terminal until `fg` continues us here.
                self._set_foreground_group(os.getpgrp())
                self._restore_attributes(attributes)
                os.killpg(os.getpgrp(), signal.SIGSTOP)
            self._set_foreground_group(pid)
            with suppress(OSError):
                os.killpg(pid, signal.SIGCONT)

    def _set_foreground_group(self, group: int) -> None:
        """Make a process group the foreground group of the terminal."""
        if not POSIX:
            return
        # A background process that changes the foreground group would be stopped by SIGTTOU.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            # Fails if this is not our controlling terminal; then there is no job control.
            with suppress(OSError):
                os.tcsetpgrp(self._terminal, group)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _attributes(self) -> list[Any] | None:
        if sys.platform == "win32":
            return None
        try:
            return termios.tcgetattr(self._terminal)
        except termios.error:
            return None

    def _restore_attributes(self, attributes: list[Any] | None) -> None:
        """Restore the terminal settings: a killed program may leave the terminal in raw mode."""
        if attributes is None or sys.platform == "win32":
            return
        with suppress(termios.error):
            termios.tcsetattr(self._terminal, termios.TCSANOW, attributes)


class Foreground:
    """Which program has the terminal beside the app; an exit of the app waits for its end.

    `exit_app` is called with the exit code after the terminal has been taken back.
    """

    def __init__(self, exit_app: Callable[[int], object]) -> None:
        self._exit_app = exit_app
        self._job: ForegroundJob | None = None
        self._exit_code: int | None = None

    @contextmanager
    def lend(self, job: ForegroundJob) -> Iterator[None]:
        """Let `job` have the terminal."""
        self._job = job
        try:
            yield
        finally:
            self._job = None
            if self._exit_code is not None:
                self._exit_app(self._exit_code)

    def delays_exit(self, code: int) -> bool:
        """Whether a job has the terminal: it is terminated, at a second call killed."""
        if self._job is None:
            return False
        is_second_call, self._exit_code = self._exit_code is not None, code
        self._job.end(at_once=is_second_call)
        return True

    def kill(self) -> None:
        """Kill the job that has the terminal, if any."""
        if self._job is not None:
            self._job.end(at_once=True)

    def takes_interrupt(self) -> bool:
        """Whether an interrupt was forwarded to a job that is just being started."""
        return self._job is not None and self._job.takes_interrupt()
