"""Hang-up: a terminal that is closed takes no more, and nobody may wait for it."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.app import App
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver

from handinger_tui.ui.terminal.hearing import HearingDriver, HearingParser


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


class OutlastingDriver(HearingDriver, LinuxDriver):
    """Ends in order also when the terminal was closed, and hears what the terminal answers.

    A terminal that hangs up may continue its programs (SIGCONT), which has Textual start anew
    with another writing thread: on a terminal that is no more.
    """

    def __init__(self, app: App[Any], **settings: Any) -> None:
        super().__init__(app, **settings)
        if self._file is not None:
            # All that Textual uses of a file is there.
            self._file = Outlasting(self._file)  # type: ignore[assignment]  # see above
        self._paint: list[str] | None = None

    def write(self, data: str) -> None:
        """As Textual's own, but a paint goes to the writing thread in one piece.

        Textual hands over its beginning, itself and its end: three times that thread would be woken, and
        the terminal shows nothing before the end.
        """
        if data == SYNC_START and self._paint is None:
            self._paint = [data]
            return
        if self._paint is not None:
            self._paint.append(data)
            if data != SYNC_END:
                return
            data, self._paint = "".join(self._paint), None
        super().write(data)

    def run_input_thread(self) -> None:
        """As Textual's own, with a parser that keeps answers out of what is typed."""
        # It makes one by this name; there is one driver in a program.
        vars(linux_driver)["XTermParser"] = partial(HearingParser, self.ears)
        super().run_input_thread()

    def stop_application_mode(self) -> None:
        """As Textual's own, after the last word: at the end, and before a shell or an editor."""
        if self._paint is not None:
            # Whatever broke off in the middle of a paint: what follows is no part of it.
            self.write(SYNC_END)
        if last := self.parting():
            self.write(last)
        super().stop_application_mode()

    def cell_pixels(self) -> tuple[int, int]:
        """As the terminal's line discipline tells them, over ssh, too."""
        import fcntl  # noqa: PLC0415 - needed for pictures only
        import struct  # noqa: PLC0415 - as above
        import termios  # noqa: PLC0415 - as above

        with suppress(OSError):
            told = fcntl.ioctl(self.fileno, termios.TIOCGWINSZ, bytes(8))
            rows, columns, width, height = struct.unpack("HHHH", told)
            if rows and columns and width >= columns and height >= rows:
                return width // columns, height // rows
        return super().cell_pixels()
