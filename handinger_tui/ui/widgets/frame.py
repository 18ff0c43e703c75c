"""The frame of a screen: containers that draw only their background, the header line, the line of keys.

Textual creates a strip with its own caches for each line of each container, and its `Footer` a widget for
each key, again whenever one changes: both take time and memory at the start and while a turn runs. The lines
here are one widget each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.keys import in_footer_order
from handinger_tui.ui.widgets.status_text import (
    elapsed,
    retry_words,
    status_words,
    style_and_sign,
    under_way,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.geometry import Region

    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.ports import Account

    _NoWidget = Widget
else:
    # Textual takes the default CSS of a widget from its first base that is one: the mixin must not be.
    _NoWidget = object


class BareContainer(_NoWidget):
    """A mixin, placed first, for a container without border, padding or text."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """The background color, filtered as every line is (NO_COLOR, a terminal with few colors)."""
        background = self.background_colors[1]
        strip = Strip.blank(crop.width, Style(bgcolor=background.rich_color))
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, background)
        return [strip] * crop.height


class Rows(BareContainer, Vertical):
    """Children one below another."""


Lines = Callable[[int], list[Content]]
"""A function that returns the lines for a width in cells."""


class StaticReflow(Static):
    """A widget as high as its lines, which are computed for its width; `put` sets them."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: Lines = lambda _width: []

    def put(self, lines: Lines) -> None:
        self._lines = lines
        self.refresh(layout=True)

    def put_wrapped(self, lines: Sequence[Content]) -> None:
        """Show other lines, wrapped to the width."""
        self.put(lambda width: [wrapped for line in lines for wrapped in line.wrap(width)])

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The number of lines at `width`."""
        return len(self._lines_at(width))

    def render(self) -> Content:
        """The lines at the present width."""
        return Content("\n").join(self._lines_at(self.size.width))

    def _lines_at(self, width: int) -> list[Content]:
        return self._lines(width) if width > 0 else []


# -- the header ----------------------------------------------------------------------------------
TITLE_CELLS: Final = 24
"""Cells of the title before the money gets room."""
CLEAR_TITLE_CELLS: Final = 16
"""Cells of the title before the account gets more than its shortest form."""
SHORT_TITLE_CELLS: Final = 8
"""Cells of the title before anything else gets room."""
NO_OTHERS: Final = (0, "")
SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class HeaderLine(Widget):
    """One line of text. `show` sets the session, `beat` only advances the clock and the spinner."""

    ALLOW_SELECT = False

    def __init__(self, *, local: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._session: Session | None = None
        self._account: Account | None = None
        self._local = local
        self._took = ""
        self._now_ms = 0
        self._beats = 0
        self._drawn = Content("")
        self._limit_mark = Content("")
        self._spent: Sequence[str] = ()
        self._is_held = False
        self._others = NO_OTHERS
        self._needs = ""

    def set_account(self, account: Account) -> None:
        """Set the account that pays, once connected."""
        self._account = account
        self._draw()

    def set_limits(self, mark: Content, *, held: bool) -> None:
        """Set the mark of the limits, shown at the next `show`. `held`: a limit holds the queue."""
        self._limit_mark, self._is_held = mark, held

    def set_money(self, forms: Sequence[str]) -> None:
        """Set what was spent today, the longest form first."""
        if forms != self._spent:
            self._spent = forms
            self._draw()

    def set_others(self, runs: int, spent: str) -> None:
        """Set how many runs other sessions have, and what they took so far; "" if unknown."""
        self._others = runs, spent
        self._draw()

    def set_needs(self, words: str) -> None:
        """Set what needs the person, in any session: "1 needs you"."""
        self._needs = words
        self._draw()

    def show(self, session: Session, now_ms: int, took: str) -> None:
        """Show the newest value of the session. `took`: the duration of its turn once that has ended."""
        self._session, self._now_ms, self._took = session, now_ms, took
        self._draw()

    def beat(self, now_ms: int) -> None:
        """Advance the clock and the spinner."""
        self._now_ms = now_ms
        self._beats += 1
        self._draw()

    def _draw(self) -> None:
        drawn = self._content(self.size.width)
        if not drawn.is_same(self._drawn):
            self._drawn = drawn
            self.refresh()

    def on_resize(self) -> None:
        """Lay the line out for the new width."""
        self._drawn = self._content(self.size.width)
        self.refresh()

    def render(self) -> Content:
        """The line as last laid out."""
        return self._drawn

    def _content(self, width: int) -> Content:
        state = self._state()
        right = self._limit_mark
        free, title_cells = width - state.cell_length - right.cell_length, cell_len(self._title())
        claimed = min(title_cells, CLEAR_TITLE_CELLS) + (cell_len(self._needs) + 2 if self._needs else 0)
        claimed += 6 if right else 4
        forms = [*self._account_contents(narrow=width < 90)]
        used = min(title_cells, SHORT_TITLE_CELLS) + (2 if right else 1)
        for text in [one for one in forms if claimed + one.cell_length <= free] or forms[-1:]:
            if used + text.cell_length <= free:
                right = Content.assemble(right, "  " if right else "", text)
                break
        needs_cells = cell_len(self._needs) + right.cell_length + state.cell_length + SHORT_TITLE_CELLS + 4
        if self._needs and needs_cells <= width:
            right = Content.assemble((self._needs, "bold $warning"), "  " if right else "", right)
        for others in self._others_texts():
            if cell_len(others) + right.cell_length + state.cell_length + TITLE_CELLS <= width:
                right = Content.assemble((others, "$primary"), "  " if right else "", right)
                break
        needed = min(cell_len(self._title()), TITLE_CELLS) + state.cell_length + 4 + right.cell_length + 2
        for money in self._money():
            if needed + money.cell_length <= width:
                right = Content.assemble(money, "  " if right else "", right)
                break
        room = max(SHORT_TITLE_CELLS, width - right.cell_length - state.cell_length - 4)
        title = Content.styled(self._title(), "bold $foreground").truncate(room, ellipsis=True)
        left = Content.assemble(title, state).truncate(max(0, width - right.cell_length - 1), ellipsis=True)
        gap = max(1, width - left.cell_length - right.cell_length)
        return Content.assemble(left, " " * gap, right)

    def _money(self) -> Iterator[Content]:
        """What was spent, the longest form first: "today $1.40 of $2.00 · session $0.90", "today $1.40"."""
        is_local = self._local if self._account is None else self._account.local
        # The badge beside it says that it is simulated, too: words of the amount do not give way to that one.
        labels = ("simulated today ", "today ") if is_local else ("today ",)
        return (Content.assemble((label, "$text-muted"), text) for text in self._spent for label in labels)

    def _others_texts(self) -> Iterator[str]:
        """What runs in other sessions, the longest form first: "2 others running · $0.31", "2 others"."""
        count, spent = self._others
        if not count:
            return
        words = plural(count, "other")
        if spent:
            yield f"{words} running · {spent}"
        yield f"{words} running"
        yield words

    def _title(self) -> str:
        session = self._session
        if session is None:
            return "Handinger"
        new = f"New task of worker {session.stored_worker_id}" if session.stored_worker_id else "New session"
        title = clean_line(session.title or session.worker_id or new, 200)
        return title if len(session.ours) == len(session.turns) else f"{title} · imported"

    def _state(self) -> Content:
        if self._session is None:
            return Content.styled("  connecting…", "$text-muted")
        if self._is_held:
            return Content.styled("  ■ queue held", "$warning")
        turn = under_way(self._session)
        if turn is None:
            return Content("")
        style, sign = style_and_sign(turn.status)
        if turn.live and turn.status is not TurnStatus.QUEUED:
            # Without animations it stands still.
            sign = SPINNER[self._beats * (self.app.animation_level != "none") % len(SPINNER)]
        duration = elapsed(self._session, self._now_ms, self._took)
        status = retry_words(self._session, self._now_ms) or status_words(self._session)
        words = f"  {sign} {status}" if status else ""
        return Content.assemble((words, style), (f" · {duration}" if duration else "", "$text-muted"))

    def _account_contents(self, *, narrow: bool) -> Iterator[Content]:
        """The account, the longest form first; the line has none where no form fits."""
        account = self._account
        if self._local if account is None else account.local:
            local = Content.styled(" LOCAL ", "bold $background on $accent")
            if account is not None and not narrow:
                yield Content.assemble(("local worker ", "$text-muted"), local)
            yield local
        elif account is not None:
            tail = f" …{account.key_tail}" if account.key_tail else ""
            host = "" if narrow and account.profile else clean_line(account.host, 60)
            names = " · ".join(name for name in (clean_line(account.profile, 30), host) if name)
            for text in (names + tail, names, tail.lstrip()):
                yield Content.styled(text, "$text-muted")


# -- the line of keys ----------------------------------------------------------------------------
class FooterKey(NamedTuple):
    """One key of the line. `key` is spelled as in Textual, `key_text` as shown."""

    key: str
    key_text: str
    label: str
    tooltip: str
    enabled: bool

    @property
    def cells(self) -> int:
        """Its width, with the spaces around its two words."""
        return cell_len(self.key_text) + cell_len(self.label) + 3


class FooterLine(Widget):
    """Shows the bindings of its screen; a click presses the key."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keyline--key", "keyline--label", "keyline--under"}

    def __init__(self) -> None:
        super().__init__()
        self.keys: tuple[FooterKey, ...] = ()
        self._hovered: FooterKey | None = None

    def on_mount(self) -> None:
        """Subscribe to changes of the bindings."""
        self.screen.bindings_updated_signal.subscribe(self, self._handle_bindings_change)
        self.watch(self.screen, "stack_updates", self._handle_stack, init=False)

    def on_unmount(self) -> None:
        """Unsubscribe from changes of the bindings."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _handle_stack(self) -> None:
        self.refresh()

    def _handle_bindings_change(self, screen: Screen[object]) -> None:
        # A terminal without focus changes the bindings; the line keeps the earlier ones.
        if screen.app.app_focus and screen is self.screen:
            self.call_after_refresh(self._update_keys)

    def _update_keys(self) -> None:
        # Below a dialog, Textual asks the dialog which actions of this screen work.
        if not self.is_attached or self.screen is not self.app.screen:
            return
        by_action: dict[str, FooterKey] = {}
        for _node, binding, enabled, tooltip in in_footer_order(self.screen.active_bindings.values()):
            if binding.show and binding.action not in by_action:
                key_text = self.app.get_key_display(binding)
                key = FooterKey(binding.key, key_text, binding.description, tooltip, enabled)
                by_action[binding.action] = key
        keys = tuple(by_action.values())
        if keys != self.keys:
            self.keys, self._hovered = keys, None
            self.refresh()

    @property
    def shown(self) -> list[FooterKey]:
        """The keys that fit: the way out gets room first, then the others in their order. None is cut.

        Below a dialog there are none: its own keys work then.
        """
        if self.screen is not self.app.screen:
            return []
        # The space behind the last one may be cut.
        room, fitting = self.size.width + 1, set[FooterKey]()
        for key in sorted(self.keys, key=lambda key: key.key != "escape"):
            if key.cells <= room:
                room -= key.cells
                fitting.add(key)
        return [key for key in self.keys if key in fitting]

    def render(self) -> Content:
        """The line with the keys that fit."""
        key_style, label_style, hover_style = (
            self.get_visual_style(f"keyline--{name}") for name in ("key", "label", "under")
        )
        pieces = []
        for key in self.shown:
            piece = Content.assemble((f" {key.key_text} ", key_style), (f"{key.label} ", label_style))
            if key == self._hovered:
                piece = piece.stylize(hover_style)
            pieces.append(piece if key.enabled else piece.stylize("dim"))
        return Content("").join(pieces)

    # -- the mouse ------------------------------------------------------------------------------
    def _key_at(self, x: int) -> FooterKey | None:
        """The key in column `x`; None where there is none."""
        for key in self.shown:
            if x < key.cells:
                return key
            x -= key.cells
        return None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Highlight the key under the mouse and show its tooltip."""
        self._set_hovered(self._key_at(event.x))

    def on_leave(self) -> None:
        """Remove the highlight and the tooltip."""
        self._set_hovered(None)

    def _set_hovered(self, key: FooterKey | None) -> None:
        if key != self._hovered:
            self._hovered = key
            self.tooltip = key.tooltip or None if key is not None else None
            self.refresh()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press the clicked key."""
        key = self._key_at(event.x)
        if key is None:
            return
        if key.enabled:
            self.app.simulate_key(key.key)
        else:
            self.app.bell()
