"""Foreground: another program has the terminal until it ends, as a job that a shell started has it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from handinger_tui.core.secret import without_secrets

SETTLES_IN_S: Final = 0.5
"""Ctrl+C while the terminal is being handed over reaches us, though it is meant for the program."""
POSIX: Final = sys.platform != "win32"


class Foreground:
    """One program. `run` waits for it, in a thread; `end` may be called meanwhile.

    It is the terminal's foreground job: Ctrl+C reaches it and not us, so that a signal to us still ends us.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = list(argv)
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False
        self._given_at: float | None = None
        self._interrupted = False
        self._terminal = sys.__stdin__.fileno() if sys.__stdin__ is not None else 0

    def run(self) -> int:
        """The exit code, negative for the signal that ended it. The terminal is as it was before.

        Raises:
            OSError: it could not be started.
        """
        attributes = self._attributes()
        environ = without_secrets(os.environ)
        # The person's own program, by argument list, no shell.
        self._process = process = subprocess.Popen(  # noqa: S603 - as said above
            self._argv, env=environ, process_group=0 if POSIX else None
        )
        try:
            if self._unwanted:
                self.end()
            if not POSIX:
                return process.wait()
            self._give(process.pid)
            self._given_at = monotonic()
            if self._interrupted:
                self._interrupt(process)
            process.returncode = self._ended(process.pid, attributes)
            return process.returncode
        finally:
            self._give(os.getpgrp() if POSIX else 0)
            self._put_back(attributes)

    def takes_interrupt(self) -> bool:
        """Pass an interrupt on that came to us while the program was starting; False: it was meant for us."""
        process = self._process
        settled = self._given_at is not None and monotonic() - self._given_at > SETTLES_IN_S
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
        """Ask it to end, or end it."""
        self._unwanted = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        if not POSIX:
            process.terminate()
            return
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL if at_once else signal.SIGTERM)
            # One that was stopped would never hear of it.
            os.killpg(process.pid, signal.SIGCONT)

    def _ended(self, pid: int, attributes: list[Any] | None) -> int:
        while True:
            _, status = os.waitpid(pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                return os.waitstatus_to_exitcode(status)
            touched = os.WSTOPSIG(status) in (signal.SIGTTIN, signal.SIGTTOU)
            if not touched and os.getpgrp() != os.getsid(0):
                # Ctrl+Z in it: the shell gets the terminal, and `fg` comes back here.
                self._give(os.getpgrp())
                self._put_back(attributes)
                os.killpg(os.getpgrp(), signal.SIGSTOP)
            self._give(pid)
            with suppress(OSError):
                os.killpg(pid, signal.SIGCONT)

    def _give(self, group: int) -> None:
        """The terminal's keys and signals are for this group of processes."""
        if not POSIX:
            return
        # Whoever gives it away from the background would be stopped for that.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            # A terminal that is not ours to give has no jobs.
            with suppress(OSError):
                os.tcsetpgrp(self._terminal, group)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _attributes(self) -> list[Any] | None:
        if not POSIX:
            return None
        import termios  # noqa: PLC0415 - there is none on Windows

        try:
            return termios.tcgetattr(self._terminal)
        except termios.error:
            return None

    def _put_back(self, attributes: list[Any] | None) -> None:
        """Who was killed leaves the terminal raw."""
        if attributes is None:
            return
        import termios  # noqa: PLC0415 - there is none on Windows

        with suppress(termios.error):
            termios.tcsetattr(self._terminal, termios.TCSANOW, attributes)
