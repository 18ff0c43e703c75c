"""A picture in a terminal that speaks kitty's graphics protocol: the program's bytes, and what it hears."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from handinger_tui.core.safety.cleaning import PLACEHOLDER
from handinger_tui.ui.terminal.images import ASK
from tests.chaos.rawterm import PATIENCE_S, RawTerminal
from tests.ui.kitty import KITTY, Gallery

pytestmark = pytest.mark.timeout(120)

OWN = {
    "TERM": "xterm-kitty",
    "COLORTERM": "truecolor",
    "TMUX": "",
    "STY": "",
    "TERM_PROGRAM": "",
    "NO_COLOR": "",
}


class Kitty(RawTerminal):
    """Answers in two pieces, between keys that a person presses."""

    def __init__(self, *argv: str, home: Path, **environ: str) -> None:
        self.gallery = Gallery()
        self.most = 0
        self._read_to = 0
        super().__init__(*argv, home=home, rows=30, columns=100, **environ)

    def _read(self) -> bool:
        came = super()._read()
        text = self.seen.decode("utf-8", "ignore")
        if ASK in text[self._read_to :]:
            told = "".join(KITTY)
            os.write(self._fd, told[:7].encode())
            # The program has read that, or reads both as one: neither may be typed.
            os.write(self._fd, told[7:].encode())
        # Whole sequences only.
        end = text.rfind("\x1b\\") + 2
        if end > self._read_to:
            self.gallery.read(text[self._read_to : end])
            self._read_to = end
        self.most = max(self.most, len(self.gallery.pictures))
        return came

    def until(self, what: str, holds: Any) -> None:
        """Read until it is so, or nobody waits any longer."""
        quiet = 0
        while not holds():
            quiet = 0 if self._read() else quiet + 1
            assert quiet < PATIENCE_S / 0.3, f"never so: {what}"


def test_a_picture_is_asked_for_sent_shown_and_taken_back(tmp_path: Path) -> None:
    table = tmp_path / "sales.csv"
    table.write_text("month,units\n" + "".join(f"2026-{n:02},{n * 7}\n" for n in range(1, 13)))
    argv = ("--local", "-f", str(table), "Summarise it")
    terminal = Kitty(*argv, home=tmp_path / "home", HANDINGER_LOCAL_PACE="0.05", **OWN)
    try:
        terminal.shows("completed")
        # Nobody is asked before there is a picture to show.
        assert ASK.encode() not in terminal.seen
        terminal.press("/preview 1\r")
        terminal.until("the picture", lambda: terminal.gallery.pictures and PLACEHOLDER in terminal.latest())
        ((number, png),) = terminal.gallery.pictures.items()
        with Image.open(io.BytesIO(png)) as sent:
            assert sent.format == "PNG"
        columns, rows = terminal.gallery.places[number]
        colour = f"38;2;{number >> 16};{number >> 8 & 255};{number & 255}"
        assert f"{colour};48;2;" in terminal.seen.decode("utf-8", "ignore")
        terminal.until("all of it", lambda: terminal.latest().count(PLACEHOLDER) >= columns * rows)
        terminal.press("\x1b")
        terminal.until("it is taken back", lambda: not terminal.gallery.pictures)
        # The answers were typed nowhere: this is all that stands in the prompt.
        terminal.reach("/preview 1\r", PLACEHOLDER)
        assert terminal.seen.count(ASK.encode()) == 1
        assert "Gi=31" not in terminal.latest()
        # Leaving while it is looked at takes it back, too.
        assert terminal.gallery.pictures
        terminal.signal(signal.SIGTERM)
        assert terminal.ends() == 143
        terminal.until("the last bytes", lambda: not terminal.gallery.pictures)
        assert not terminal.gallery.pictures
        assert terminal.most == 1
    finally:
        terminal.close()
