"""A terminal that speaks kitty's graphics protocol, as far as we use it, and tells what it holds."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any, Final

from handinger_tui.ui.terminal.images import ASK
from handinger_tui.ui.terminal.terminal_replies import ReplyDriver, TerminalAnswer
from tests.ui.emulator import EmulatedDriver

GRAPHICS: Final = "\x1b_Gi=31;OK\x1b\\"
NAMED: Final = "\x1bP>|{}\x1b\\"
DONE: Final = "\x1b[?62;22c"
KITTY: Final = (GRAPHICS, NAMED.format("kitty(0.35.2)"), DONE)
SEQUENCE: Final = re.compile(r"\x1b_G([^;\x1b]*)(?:;([^\x1b]*))?\x1b\\")
MOST: Final = 4096


class Gallery:
    """The pictures that a terminal holds. `read` fails on a sequence that breaks the protocol."""

    def __init__(self) -> None:
        self.pictures: dict[int, bytes] = {}
        self.places: dict[int, tuple[int, int]] = {}
        """Columns and rows, by number."""
        self._begun: dict[str, str] | None = None
        self._body = ""

    def read(self, data: str) -> str:
        """Take every sequence of graphics; what is left."""
        for told, body in SEQUENCE.findall(data):
            self._one(dict(pair.split("=") for pair in told.split(",")), body)
        return SEQUENCE.sub("", data)

    def _one(self, told: dict[str, str], body: str) -> None:
        assert len(body) <= MOST
        if self._begun is not None:
            assert set(told) <= {"m", "q"}, "all pieces of a picture come before anything else"
        match told.get("a"):
            case "q":
                return
            case "d":
                assert told["d"] == "I"
                self.pictures.pop(int(told["i"]))
                return
            case "T":
                assert (told["U"], told["f"], told["t"], told["q"]) == ("1", "100", "d", "2")
                self._begun, self._body = told, ""
            case _:
                pass
        assert self._begun is not None
        self._body += body
        if told["m"] == "0":
            number = int(self._begun["i"])
            self.pictures[number] = b64decode(self._body, validate=True)
            self.places[number] = int(self._begun["c"]), int(self._begun["r"])
            self._begun = None


class KittyDriver(ReplyDriver, EmulatedDriver):
    """Answers as kitty does; `answers` may be changed before a picture is looked at."""

    answers: tuple[str, ...] = KITTY

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.gallery = Gallery()
        self.asked = 0

    def write(self, data: str) -> None:
        """What is no text goes no further."""
        if ASK in data:
            self.asked += 1
            self.answer(*self.answers)
        super().write(self.gallery.read(data.replace(ASK, "")))

    def answer(self, *answers: str) -> None:
        """As the parser tells them."""
        for answer in answers:
            self.process_message(TerminalAnswer(answer))

    def stop_application_mode(self) -> None:
        """As the driver of the program."""
        self.write(self.exit_sequence())
        super().stop_application_mode()
