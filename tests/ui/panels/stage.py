"""Sample sessions, and a small app that shows only panels."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from textual.app import App, ComposeResult
from textual.message import Message
from textual.strip import Strip

from handinger_tui.core.figures import Costs, Usage
from handinger_tui.core.stream import FilePart, Snapshot, SourcePart
from handinger_tui.core.turns.session import RelatedHistory, Ruling, Session
from handinger_tui.core.turns.turn import Part, Rope, TextPart, Turn, TurnRequest, TurnStatus
from handinger_tui.ui.themes import THEMES

if TYPE_CHECKING:
    from handinger_tui.ui.panels.panel import CopyLink, FileRequest, OpenLink, ShowMention, SourcesRequest
    from handinger_tui.ui.widgets.virtual_list import VirtualList

SHEET = Path(__file__).parents[3] / "styles.tcss"
BAD = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Characters that no line on a screen may hold."""
NOON = 1_764_072_000_000
"""2025-11-25, 12:00:00 UTC."""


def panels_of_sheet() -> str:
    """The panels' own sections of the style sheet."""
    begun = SHEET.read_text("utf-8").split("/* panels:begin */")[1:]
    return "".join(section.partition("/* panels:end */")[0] for section in begun)


class Stage(App[None]):
    """Panels of `columns` cells, side by side or stacked; records their requests."""

    CSS = "Screen { layout: horizontal; background: $background; }" + panels_of_sheet()

    def __init__(self, *panels: VirtualList[Any], columns: int = 34, stacked: bool = False) -> None:
        super().__init__()
        self.stacked = stacked
        self.panels = panels
        self.columns = columns
        self.requests: list[Message] = []
        self.ran: list[str] = []

    def compose(self) -> ComposeResult:
        yield from self.panels

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name
        for panel in self.panels:
            panel.styles.width = self.columns
            if not self.stacked:
                panel.styles.height = "1fr"
                panel.styles.max_height = "100%"
        if self.stacked:
            self.screen.styles.layout = "vertical"
        self.panels[0].focus()

    def on_open_link(self, message: OpenLink) -> None:
        self.requests.append(message)

    def on_copy_link(self, message: CopyLink) -> None:
        self.requests.append(message)

    def on_show_mention(self, message: ShowMention) -> None:
        self.requests.append(message)

    def on_sources_request(self, message: SourcesRequest) -> None:
        self.requests.append(message)

    def on_file_request(self, message: FileRequest) -> None:
        self.requests.append(message)

    async def run_action(self, action: Any, *args: Any, **kwargs: Any) -> bool:
        """Record every action that ran."""
        self.ran.append(str(action))
        return await super().run_action(action, *args, **kwargs)


def count_drawn(panel: VirtualList[Any], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lines that `panel` draws from now on."""
    drawn: list[int] = []
    draw = panel.render_line

    def counted(y: int) -> Strip:
        drawn.append(y)
        return draw(y)

    monkeypatch.setattr(panel, "render_line", counted)
    return drawn


def reading(
    usd: str | None = None,
    *,
    credit: str | None = None,
    costs: tuple[str, str, str, str] | None = None,
    tokens: tuple[int | None, int | None, int | None, int | None, int | None, int | None] = (None,) * 6,
    steps: int | None = None,
    duration_ms: int | None = None,
    busy: bool = False,
    files: tuple[FilePart, ...] = (),
    sources: tuple[SourcePart, ...] = (),
) -> Snapshot:
    """A worker as read; None is not reported."""
    usage = Usage(
        *tokens,
        steps=steps,
        credits=None if credit is None else Decimal(credit),
        cost_usd=None if usd is None else Decimal(usd),
        duration_ms=duration_ms,
    )
    split = Costs(*map(Decimal, costs)) if costs else Costs()
    return Snapshot("w", running_flag=busy, usage=usage, costs=split, files=files, sources=sources)


def turn(
    at: int,
    *,
    status: TurnStatus = TurnStatus.COMPLETED,
    before: Snapshot | None = None,
    after: Snapshot | None = None,
    parts: tuple[Part, ...] = (),
    seconds: int | None = 12,
) -> Turn:
    """Turn number `at` of worker "w"."""
    result = Turn(
        TurnRequest(f"t{at}", "hello", NOON + at * 60_000, target_id="w" if at else None), worker_id="w"
    )
    ended = None if seconds is None else NOON + at * 60_000 + seconds * 1000
    read = ended or NOON + at * 60_000 + 2000
    return replace(
        result, status=status, before=before, snapshot=after, parts=parts, ended_ms=ended,
        read_ms=read if after else None,
    )  # fmt: skip


def session(*turns: Turn, name: str = "s") -> Session:
    return Session(name, NOON, worker_id="w", turns=turns)


FIRST = reading(
    "0.0377", credit="23", costs=("0.0300", "0.0050", "0.0020", "0.0007"),
    tokens=(7_916, 690, 120, 2_048, 512, 8_726), steps=8, duration_ms=68_000,
)  # fmt: skip
SECOND = reading(
    "0.0500", credit="31", costs=("0.0390", "0.0070", "0.0030", "0.0010"),
    tokens=(9_120, 1_002, 180, 4_096, 512, 10_302), steps=11, duration_ms=80_400,
)  # fmt: skip


def set_by_person(sample: Session) -> Session:
    """The same session, after the person said that the figures are totals: no amount is in doubt."""
    return replace(sample, elsewhere=RelatedHistory(rulings=(Ruling("w", NOON, basis="lifetime"),)))


def two_turns() -> Session:
    """A finished second turn of a worker that reports everything."""
    return set_by_person(session(turn(0, after=FIRST), turn(1, before=FIRST, after=SECOND)))


def source(number: int, **changes: Any) -> SourcePart:
    part = SourcePart(f"src-{number}", f"https://www.example.org/page/{number}", f"Page number {number}")
    return replace(part, **changes)


def says(text: str) -> TextPart:
    return TextPart(Rope() + text, open=False)


def file(name: str | None, size: int | None = 2048, media_type: str = "text/csv") -> FilePart:
    return FilePart(f"https://files.example.org/{name}", media_type, name, size)
