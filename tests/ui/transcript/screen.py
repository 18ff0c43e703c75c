"""An app with only a transcript, and sample turns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from textual import on
from textual.app import App, ComposeResult
from textual.filter import LineFilter

from handinger_tui.core.turns.session import Session, put_turn
from handinger_tui.core.turns.turn import Part, Rope, TextPart, Turn, TurnRequest, TurnStatus
from handinger_tui.ui.app import STYLESHEET
from handinger_tui.ui.themes import DARK, LIGHT
from handinger_tui.ui.transcript.painting import ControlFilter, Row
from handinger_tui.ui.transcript.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Sequence

RULES = re.compile(r"/\* transcript:begin \*/.*/\* transcript:end \*/", re.DOTALL)


def transcript_rules() -> str:
    """Our section of the style sheet."""
    match = RULES.search(STYLESHEET.read_text("utf-8"))
    assert match is not None
    return match.group()


def look(row: Row) -> tuple[object, ...]:
    """Everything visible of a row in comparable form (`Content` compares only its text)."""
    pieces = tuple((piece.plain, tuple(piece.spans)) for piece in (row.first, row.content, row.hanging))
    return (*pieces, row.style, row.wrap, row.band, row.wide, row.code)


def text_part(text: str, *, open_: bool = False) -> TextPart:
    return TextPart(Rope() + text, open_)


def turn(number: int, *parts: Part, prompt: str = "A question?", **members: Any) -> Turn:
    request = TurnRequest(f"turn-{number}", prompt, created_ms=number)
    return Turn(request, **{"status": TurnStatus.COMPLETED, "parts": tuple(parts), **members})


def session(*turns: Turn) -> Session:
    return Session("session", 0, turns=turns)


def grown(shown: Session, part: TextPart) -> Session:
    """The session with the last turn's last part replaced."""
    last = shown.turns[-1]
    return put_turn(shown, replace(last, parts=(*last.parts[:-1], part)))


class Stage(App[None]):
    """The transcript fills the screen. Opened links and actions are recorded."""

    CSS = transcript_rules()
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, shown: Session | None = None, receipt: str = "") -> None:
        super().__init__()
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name
        self.shown = shown
        self.guard = ControlFilter()
        self.links: list[tuple[str, str]] = []
        self.transcript = Transcript(lambda _session, turn: "" if turn.live else receipt)

    def compose(self) -> ComposeResult:
        yield self.transcript

    def on_mount(self) -> None:
        if self.shown is not None:
            self.transcript.show(self.shown)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self.guard]

    @on(Transcript.LinkClicked)
    def _handle_link(self, message: Transcript.LinkClicked) -> None:
        self.links.append((message.href, message.shown))


def screen_lines(app: Stage) -> list[str]:
    """The text of the screen, line by line, as it is painted: lines that did not change come from a cache."""
    return [strip.text.rstrip() for strip in app.transcript.render_lines(app.transcript.size.region)]
