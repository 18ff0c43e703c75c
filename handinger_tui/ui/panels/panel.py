"""The base of the panels beside the transcript: class, entry, texts, messages to the screen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar

from msgspec import Struct
from textual.content import Content
from textual.message import Message

from handinger_tui.core.citations import Mention
from handinger_tui.core.evidence import Source
from handinger_tui.core.stream import FilePart
from handinger_tui.core.turns.session import PerTurn, Session
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.widgets.virtual_list import RowsT, VirtualList

FAINT: Final = ".panel--faint"
STRONG: Final = ".panel--strong"
ACCENT: Final = ".panel--accent"
MARK: Final = ".panel--mark"
GOOD: Final = ".panel--good"
Value = TypeVar("Value")
Key = tuple[object, ...]


class Panel(VirtualList[RowsT]):
    """A list that shows one part of the newest session.

    The session is its only input: no deltas, no files, no network. Its actions are messages to the screen.
    """

    DEFAULT_CLASSES = "panel"
    CURSOR_WITHOUT_FOCUS = False
    NEEDS_ITEMS: ClassVar[bool] = True
    """Whether the panel is empty without items; else it shows something in every session with turns."""
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        name.removeprefix(".") for name in (FAINT, STRONG, ACCENT, MARK, GOOD)
    }

    _had_items = False

    class Counted(Message):
        """The `summary` of the panel changed, or it got its first item, or lost its last one."""

    @abstractmethod
    def show(self, session: Session) -> None:
        """Show the newest session; cheap when nothing changed that the panel shows."""

    def show_soon(self, session: Session) -> None:
        """Show the session without delaying the current paint: a subclass may defer long work."""
        self.show(session)

    def tick(self, now_ms: int) -> None:
        """Update what depends on the clock; most panels have nothing that does."""

    def update(self) -> None:
        """Redraw what changed, and write the summary into the border."""
        super().update()
        summary = self.rows.summary(max(0, self.outer_size.width - 6))
        # Another text of the border redraws the entire panel.
        is_other = summary != str(self.border_subtitle or "")
        if is_other:
            self.border_subtitle = Content(summary) if summary else None
        has_items = self.rows.count > 0
        if is_other or has_items is not self._had_items:
            self._had_items = has_items
            self.post_message(self.Counted())


class TurnMemo(Generic[Value]):
    """Calls `compute(session)` only when the `key` of some turn differs from the last call.

    The keys of turns that are the same objects are not computed again, so that a long session
    costs hardly more than a short one while its last turn streams.
    """

    def __init__(self, key: Callable[[Turn], Key], compute: Callable[[Session], Value]) -> None:
        self._keys_of = PerTurn(lambda turn: (turn.turn_id, *key(turn)))
        self._compute = compute
        self._basis: tuple[object, ...] = ()
        self._value: Value | None = None

    def __call__(self, session: Session) -> Value:
        """The value for `session`: the same object as before when no key changed."""
        basis = session.session_id, session.elsewhere, self._keys_of(session.turns)
        if self._value is None or basis != self._basis:
            self._basis, self._value = basis, self._compute(session)
        return self._value


class PanelEntry(Struct, frozen=True):
    """One entry of `PANELS`. Its key is the row `panel.<name>` of the key table."""

    name: str
    """The id of the panel is `panel-<name>`."""
    make: Callable[[], Panel[Any]]


def with_right(left: Content, right: Content, width: int) -> Content:
    """A line of `width` cells: `left`, cut to fit, and `right` at the right edge."""
    if not right.plain:
        return left.truncate(width, ellipsis=True)
    room = max(0, width - right.cell_length - 1)
    return Content.assemble(left.truncate(room, ellipsis=True, pad=True), " ", right)


def cut_left(text: str, width: int) -> str:
    """The end of `text` in `width` cells, with an ellipsis before it where it is cut."""
    if Content(text).cell_length <= width:
        return text
    tail = text[-max(1, width - 1) :]
    while tail and Content(tail).cell_length > width - 1:
        tail = tail[1:]
    return f"…{tail}"


class OpenLink(Message):
    """Open `url`, unchanged and not checked yet; `shown` is the link text that the user sees."""

    def __init__(self, url: str, shown: str) -> None:
        super().__init__()
        self.url = url
        self.shown = shown


class CopyLink(Message):
    """Copy the URL to the clipboard, unchanged."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url


class ShowMention(Message):
    """Show mention number `at` of `places`, all mentions of `source` in the answers; there may be none."""

    def __init__(self, source: Source, places: Sequence[Mention], at: int) -> None:
        super().__init__()
        self.source = source
        self.places = places
        self.at = at


SourcesAction = Literal["footnotes", "export"]


class SourcesRequest(Message):
    """Copy all sources as footnotes ("footnotes"), or save them in a form that the person chooses."""

    def __init__(self, action: SourcesAction, sources: Sequence[Source]) -> None:
        super().__init__()
        self.action = action
        self.sources = sources


FileAction = Literal["preview", "save", "save_into", "open", "copy"]


class FileRequest(Message):
    """Do something with files.

    "save" downloads them into the download folder, one after another. The others are about one file:
    "save_into" asks for the folder, "open" uses the system's program, and "copy" copies the path of a saved
    file, else its URL.
    """

    def __init__(self, action: FileAction, parts: Sequence[FilePart]) -> None:
        super().__init__()
        self.action = action
        self.parts = parts
