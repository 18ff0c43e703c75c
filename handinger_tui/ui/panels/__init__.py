"""The panels beside the transcript, and their sidebar: a column on wide terminals, tabs on narrow ones.

To add a panel: a module, its entry in `PANELS`, its keys in `ui/keys.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, TypeVar

from msgspec import Struct
from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from handinger_tui.core.turns.session import Session
from handinger_tui.ui.keys import KEYS, Where, format_keys
from handinger_tui.ui.panels.files import FILES
from handinger_tui.ui.panels.panel import Panel, PanelEntry
from handinger_tui.ui.panels.sources import SOURCES
from handinger_tui.ui.panels.usage import USAGE
from handinger_tui.ui.widgets.frame import Rows

PANELS: Final[tuple[PanelEntry, ...]] = (USAGE, SOURCES, FILES)
PanelT = TypeVar("PanelT", bound=Panel[Any])
WIDE: Final = 116
"""Terminal width in columns from which the panels stand beside the transcript instead of in its place."""
BROAD: Final = 160
"""Terminal width in columns from which the column is `BROAD_WIDTH` wide."""
WIDTH: Final = 38
BROAD_WIDTH: Final = 48
NARROWEST: Final = 26
WIDEST: Final = 90


class Grip(Widget):
    """The draggable line between transcript and sidebar."""

    ALLOW_SELECT = False

    class Dragged(Message):
        """The line was dragged to this column of the screen."""

        def __init__(self, column: int) -> None:
            super().__init__()
            self.column = column

    def render(self) -> str:
        """No text; only the background shows."""
        return ""

    def on_mouse_down(self) -> None:
        """Start dragging: capture the mouse."""
        self.capture_mouse()

    def on_mouse_up(self) -> None:
        """End dragging: release the mouse."""
        self.release_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Report the column while dragging."""
        if self.app.mouse_captured is self:
            self.post_message(self.Dragged(event.screen_x))


class Tab(Struct, frozen=True):
    """One tab: the name of its panel, and its texts."""

    name: str
    title: str
    keys: str
    count: int
    """The number of items in the panel, 0 for none."""

    @property
    def text(self) -> str:
        """What the tab shows: the title, and the number of items if there are any."""
        return f"{self.title} {self.count:,}" if self.count else self.title


class TabBar(Widget):
    """One line with the names of the panels; a click on a name shows its panel.

    Textual's `Tabs` have a widget for each tab and animate the line below them.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"tabs--here", "tabs--other", "tabs--key"}

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabs: Sequence[Tab] = ()
        self._current = ""
        self._summary = ""

    def show(self, tabs: Sequence[Tab], current: str, summary: str) -> None:
        """Show these tabs, with the one of panel `current` marked; `summary`: the counts of that panel."""
        if (tabs, current, summary) != (self._tabs, self._current, self._summary):
            self._tabs, self._current, self._summary = tabs, current, summary
            self.refresh()

    def render(self) -> Content:
        """The tabs, and at the right end the summary if there is room for it."""
        here, other, key = (self.get_visual_style(f"tabs--{name}") for name in ("here", "other", "key"))
        pieces = [
            Content.assemble((tab.text, here if tab.name == self._current else other), (f" {tab.keys}", key))
            for tab in self._tabs
        ]
        line, width = Content("   ").join(pieces), self.content_size.width
        room = width - line.cell_length - 2
        if len(self._summary) <= room:
            line = Content.assemble(line, (self._summary.rjust(room + 2), other))
        return line.truncate(width, ellipsis=True)

    def on_click(self, event: events.Click) -> None:
        """Ask for the panel of the clicked tab."""
        event.stop()
        offset = event.get_content_offset(self)
        x = -1 if offset is None else offset.x
        for tab in self._tabs:
            cells = len(tab.text) + 1 + len(tab.keys)
            if 0 <= x < cells:
                self.post_message(self.Chosen(tab.name))
                return
            x -= cells + 3


class Sidebar(Rows):
    """Holds one widget per entry of `PANELS` and passes the newest session to them while visible.

    On a wide screen it is a column of the panels that have something to show. On a narrow screen it is closed
    until the person opens it; then one panel replaces the transcript.
    """

    def __init__(
        self,
        remapped: Sequence[tuple[str, str]],
        changed: Callable[[], None],
        *,
        compact: bool = False,
        id: str | None = None,
    ) -> None:
        """`remapped`: the remapped keys as (binding id, keys); the title of a panel names its key.

        `changed` is called when other panels may be shown: `in_front` and `shows` tell which.
        """
        super().__init__(id=id)
        self._changed, self._compact = changed, compact
        self.panels: dict[str, Panel[Any]] = {entry.name: entry.make() for entry in PANELS}
        self._keys: dict[str, str] = {}
        for key in KEYS:
            if key.where is Where.ANYWHERE and (name := key.id.removeprefix("panel.")) in self.panels:
                self._keys[name] = format_keys(key, remapped)
                self.panels[name].border_title = self._title(name)
        self._grip, self._tabs = Grip(id="grip"), TabBar(id="tabs")
        self._is_narrow = False
        self._has_turns = False
        self._tab = next(iter(self.panels))
        """The panel that is shown on a narrow screen."""
        self._requested: str | None = None
        """The panel that a wide screen shows even if it is empty."""
        self._is_open = self._is_peeking = self._is_hidden = False
        self._column_width: int | None = None
        """The width that the person gave to the column, None for the usual one."""

    def compose(self) -> ComposeResult:
        """The grip, the tabs, and the panels one below another."""
        yield self._grip
        with Rows(id="panels"):
            yield self._tabs
            yield from self.panels.values()

    def panel(self, kind: type[PanelT]) -> PanelT:
        """The panel of this class."""
        return next(panel for panel in self.panels.values() if isinstance(panel, kind))

    def _title(self, name: str) -> Content:
        """Name and key; in a compact column, where a panel has only the line above it, also its counts."""
        panel = self.panels[name]
        title, keys = str(panel.BORDER_TITLE), f" {self._keys[name]}"
        if not self._compact:
            return Content.assemble(title, (keys, "$text-muted"))
        summary = f" · {panel.border_subtitle}" if panel.border_subtitle else ""
        return Content.assemble(f" {title}", (f"{keys}{summary} ", "$text-muted"))

    # -- what is shown -----------------------------------------------------------------------
    @property
    def is_over(self) -> bool:
        """Whether a panel is shown on a narrow screen."""
        return self._is_narrow and self._is_open

    @property
    def is_peeking(self) -> bool:
        """Whether rows of the transcript are shown below the panel of a narrow screen."""
        return self.is_over and self._is_peeking

    @property
    def in_front(self) -> Panel[Any] | None:
        """The panel in place of the transcript, None while the transcript is visible."""
        return self.panels[self._tab] if self.is_over and not self._is_peeking else None

    def shows(self, panel: Panel[Any]) -> bool:
        """Whether this panel is on the screen."""
        return self.display and panel.display

    def fit(self, width: int) -> None:
        """Take the form for a terminal of `width` columns; which panel is shown stays as it is."""
        self._is_narrow = width < WIDE
        usual = BROAD_WIDTH if width >= BROAD else WIDTH
        self.styles.width = None if self._is_narrow else self._column_width or usual
        self._arrange()

    def reveal(self, name: str) -> Panel[Any]:
        """Show a panel, even an empty one, and return it."""
        self._tab = self._requested = name
        self._is_open, self._is_peeking, self._is_hidden = True, False, False
        self._arrange()
        return self.panels[name]

    def neighbor(self, by: int) -> str:
        """The name of the panel `by` places after the last requested one."""
        names = [name for name, panel in self.panels.items() if self._is_narrow or panel.display]
        return names[(names.index(self._tab) + by) % len(names)] if self._tab in names else self._tab

    def release(self) -> None:
        """The person left the panel: a wide screen shows it only if it is not empty."""
        self._requested = None
        self._is_open = self.is_over
        self._arrange()

    def close(self) -> None:
        """Show the transcript of a narrow screen again."""
        if self.is_over:
            self._is_open = self._is_peeking = False
            self._arrange()

    def peek(self) -> bool:
        """Show rows of the transcript below the panel of a narrow screen; return whether they were hidden."""
        was_hidden = self.in_front is not None
        if was_hidden:
            self._is_peeking = True
            self._arrange()
        return was_hidden

    def toggle(self) -> None:
        """Show or hide the panels; a wide screen without anything to show gets one empty panel."""
        if self._is_narrow:
            self._is_open, self._is_peeking = not self._is_open, False
        elif self.display:
            # Without turns the person opened it; it opens again with the first turn.
            self._is_hidden, self._requested = self._has_turns, None
        else:
            self._is_hidden, self._requested = False, None if self._has_turns else self._tab
        self._arrange()

    def _arrange(self) -> None:
        for name, panel in self.panels.items():
            is_empty = not (panel.rows.count if panel.NEEDS_ITEMS else self._has_turns)
            # Mounting styles it.
            panel.set_class(is_empty, "-empty", update=panel.is_attached)
            panel.display = name == self._tab if self._is_narrow else name == self._requested or not is_empty
        has_some = any(panel.display for panel in self.panels.values())
        self._tabs.display, self._grip.display = self._is_narrow, not self._is_narrow
        self.display = self._is_open if self._is_narrow else has_some and not self._is_hidden
        self.set_class(self.is_peeking, "-peek")
        self._changed()
        if self._is_narrow:
            tabs = [
                Tab(name, str(panel.BORDER_TITLE), self._keys[name], panel.rows.count)
                for name, panel in self.panels.items()
            ]
            self._tabs.show(tabs, self._tab, str(self.panels[self._tab].border_subtitle or ""))

    def on_descendant_focus(self) -> None:
        """Mark the tab of a panel that takes single keys."""
        self._tabs.add_class("-focus")

    def on_descendant_blur(self) -> None:
        """Remove the mark of the tab: the panel no longer takes keys."""
        self._tabs.remove_class("-focus")

    def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        """Show the panel of a clicked tab; the focus of the other panel goes to the prompt."""
        event.stop()
        self._tab, self._is_peeking = event.name, False
        self._arrange()

    def on_panel_counted(self, event: Panel.Counted) -> None:
        """Show a panel with its first content, and the counts of the tabs."""
        event.stop()
        if self._compact:
            for name, panel in self.panels.items():
                panel.border_title = self._title(name)
        self._arrange()

    def show_turns(self, has_turns: bool) -> None:
        """Set whether the session has turns; without any the column is hidden."""
        if has_turns is not self._has_turns:
            self._has_turns = has_turns
            self._arrange()

    def show(self, session: Session) -> None:
        """Show the newest session in all panels; a hidden sidebar computes nothing."""
        if self.display:
            for panel in self.panels.values():
                panel.show_soon(session)

    def tick(self, now_ms: int) -> None:
        """Advance the clock of the panels while a turn runs."""
        if self.display:
            for panel in self.panels.values():
                panel.tick(now_ms)

    # -- width -----------------------------------------------------------------------------------
    def widen(self, by: int) -> None:
        """Widen the column by `by` cells; a negative number narrows it."""
        if not self._is_narrow:
            self._column_width = max(NARROWEST, min(WIDEST, self.outer_size.width + by))
            self.styles.width = self._column_width

    def on_grip_dragged(self, event: Grip.Dragged) -> None:
        """Resize the column to the dragged line."""
        self.widen(self.region.right - event.column - self.outer_size.width)
