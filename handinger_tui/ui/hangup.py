"""Hang-up: a terminal that is closed takes no more, and nobody may wait for it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


class Written(Protocol):
    """What Textual's writing thread needs of a terminal."""

    def write(self, text: str, /) -> int:
        """Take text."""
        ...

    def flush(self) -> None:
        """Have it shown."""
        ...

    def fileno(self) -> int:
        """The descriptor."""
        ...


class Outlasting:
    """A terminal; once it is gone, what is written goes nowhere.

    An error would end the thread that writes. Its queue holds 30 texts: whoever puts the next
    one, the app on its way out included, would wait for ever.
    """

    def __init__(self, terminal: Written) -> None:
        self._terminal = terminal
        self.fileno = terminal.fileno

    def write(self, text: str, /) -> int:
        """Write, or do not."""
        with suppress(OSError):
            self._terminal.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or do not."""
        with suppress(OSError):
            self._terminal.flush()


class OutlastingDriver(LinuxDriver):
    """Ends in order also when the terminal was closed.

    A terminal that hangs up may continue its programs (SIGCONT), which has Textual start anew
    with another writing thread: on a terminal that is no more.
    """

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        if self._file is not None:
            # All that Textual uses of a file is there.
            self._file = Outlasting(self._file)  # type: ignore[assignment]  # see above
