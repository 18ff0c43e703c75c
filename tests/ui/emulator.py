"""An app on an emulated terminal: its real content, compared with the compositor."""

from __future__ import annotations

from typing import Any

import pyte
from textual.app import App
from textual.drivers.headless_driver import HeadlessDriver

from benchmarks.screen import Screen


class EmulatedDriver(HeadlessDriver):
    """Writes to a terminal emulator. `App.run_test(headless=False)` uses it as `driver_class`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.bytes = 0
        """Bytes written so far."""
        self.written: list[str] = []
        """All output, in order."""
        columns, lines = self._get_terminal_size()
        self.terminal = Screen(columns, lines)

    @property
    def is_headless(self) -> bool:
        """The file to which Textual writes."""
        return False

    def write(self, data: str) -> None:
        """The output to a terminal."""
        encoded = data.encode()
        self.bytes += len(encoded)
        self.written.append(data)
        self.terminal.feed(encoded)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal, which keeps its content as terminals do."""
        self.terminal.resize(lines, columns)


def driver_of(app: App[Any]) -> EmulatedDriver:
    """The app's terminal."""
    assert isinstance(app._driver, EmulatedDriver)
    return app._driver


Look = tuple[object, ...]


def cells(screen: pyte.Screen) -> list[list[Look]]:
    """The visible content of every cell of a terminal."""
    return [[_look(screen.buffer[y][x]) for x in range(screen.columns)] for y in range(screen.lines)]


def _look(cell: pyte.screens.Char) -> Look:
    if cell.data == " " and not (cell.underscore or cell.strikethrough or cell.reverse):
        return " ", cell.bg
    return tuple(cell)


def expected(app: App[Any]) -> list[list[Look]]:
    """The result of a full paint by Textual itself on an empty terminal of the same size."""
    terminal = driver_of(app).terminal
    fresh = Screen(terminal.columns, terminal.lines)
    compositor = app.screen._compositor
    for y, line in enumerate(compositor._render_chops(compositor.size.region, lambda _y: True)):
        for x, strip in line.items():
            fresh.feed(f"\x1b[{y + 1};{x + 1}H{strip.render(app.console)}".encode())
    return cells(fresh)
