"""Sources: what the worker read, by title and by the host it really lies on."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content

from handinger_tui.core.evidence import Source, sources_of
from handinger_tui.core.safety import clean_line, host_of
from handinger_tui.core.session import Session
from handinger_tui.core.turn import SourcePart, Turn
from handinger_tui.ui.panels.listing import (
    FAINT,
    MARK,
    STRONG,
    Items,
    Listing,
    one_line,
    turn_in_view,
    with_right,
)
from handinger_tui.ui.panels.memo import Key, Memo
from handinger_tui.ui.panels.messages import CopyLink, OpenLink
from handinger_tui.ui.panels.panel import PanelEntry


class SourcesPanel(Listing[Source]):
    """Numbered sources. Opening and copying are asked of the screen, which judges the address."""

    name_of_panel = "sources"
    BORDER_TITLE = "Sources"
    EMPTY = "No sources yet. Pages and documents that the worker uses will be listed here."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="Open the source in the browser", id="sources.open"),
        Binding("y", "copy", "Copy link", tooltip="Copy the address of the source", id="sources.copy"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._sources = Memo(_key, sources_of)

    def select(self, session: Session) -> Items[Source]:
        """Every distinct source of the session, and whose sources are new."""
        turn = turn_in_view(session)
        return Items(self._sources(session), turn.turn_id if turn else None)

    def key_of(self, item: Source) -> Hashable:
        """The same number of the same turn is the same source."""
        return item.number, item.turn_id

    def turn_of(self, item: Source) -> str:
        """The turn that named it first."""
        return item.turn_id

    def item_line(self, at: int, row: int, width: int) -> Content:
        """Number and title; below them the host, and whether it is new."""
        source = self.items[at]
        digits = len(f"{len(self.items)}")
        if row == 0:
            number = Content.styled(f"{source.number:>{digits}} ", FAINT)
            return Content.assemble(number, (title_of(source.part), STRONG)).truncate(width, ellipsis=True)
        place = Content.assemble(" " * (digits + 1), (place_of(source.part), FAINT))
        return with_right(place, Content.styled("new" if self.is_new(source) else "", MARK), width)

    def details(self, item: Source) -> Content:
        """The whole title and the whole address."""
        address = clean_line(item.part.url or "", 1000) or place_of(item.part)
        return Content(f"{item.number}. {title_of(item.part)}\n{address}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a source with an address can be opened or copied."""
        if action in ("open", "copy"):
            return True if self.current is not None and self.current.part.url else None
        return super().check_action(action, parameters)

    def action_open(self) -> None:
        """Ask the screen to open the source under the cursor."""
        source = self.current
        if source is not None and source.part.url:
            self.post_message(OpenLink(source.part.url, title_of(source.part)))

    def action_copy(self) -> None:
        """Ask the screen to copy its address."""
        source = self.current
        if source is not None and source.part.url:
            self.post_message(CopyLink(source.part.url))

    def on_click(self, event: events.Click) -> None:
        """A click on a source opens it."""
        at = self.item_at(event)
        if at is not None:
            self.move_to(at)
            self.action_open()


def title_of(part: SourcePart) -> str:
    """The title to show: cleaned, in one line, and never empty."""
    named = (part.title, part.filename, part.url, part.source_id)
    return next((text for name in named if name and (text := one_line(name))), "untitled")


def place_of(part: SourcePart) -> str:
    """Where it really lies: the host in ASCII, or what kind of document it is."""
    if part.url:
        return host_of(part.url) or "no web address"
    kind = one_line(part.filename or part.media_type or "")
    return f"document · {kind}" if kind else "document"


def _key(turn: Turn) -> Key:
    """Everything of a turn that `sources_of` looks at."""
    streamed = tuple(part for part in turn.parts if isinstance(part, SourcePart))
    return streamed, turn.snapshot and turn.snapshot.sources, turn.before and turn.before.sources


SOURCES: Final = PanelEntry("sources", "Sources", "f3", "Pages and documents the worker used", SourcesPanel)
