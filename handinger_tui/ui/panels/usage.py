"""Usage & cost: what this turn and this worker took, as the service reported it."""

from __future__ import annotations

from datetime import tzinfo
from decimal import Decimal
from typing import ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content

from handinger_tui.core.money import credits_text, usd_text
from handinger_tui.core.session import Session
from handinger_tui.core.turn import Turn
from handinger_tui.core.words import NOT_REPORTED, PENDING, number
from handinger_tui.ui.panels.figures import CATEGORIES, Figure, UsageView, usage_view
from handinger_tui.ui.panels.memo import Key, Memo
from handinger_tui.ui.panels.panel import Panel, PanelEntry
from handinger_tui.ui.panels.usage_lines import BLANK, gap_text, usage_lines


class UsagePanel(Panel[UsageView]):
    """Figures in two columns, the cost split, the cost of each turn, and how all this is known.

    `zone`: the time zone of "as of"; None is the machine's own.
    """

    name_of_panel = "usage"
    BORDER_TITLE = "Usage & cost"
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"usage--{name}" for name in (*CATEGORIES, "rest")}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "Up", show=False, tooltip="Scroll up", id="usage.up"),
        Binding("down", "scroll_down", "Down", show=False, tooltip="Scroll down", id="usage.down"),
        Binding("pageup", "page_up", "Page up", show=False, tooltip="A page up", id="usage.page_up"),
        Binding(
            "pagedown", "page_down", "Page down", show=False, tooltip="A page down", id="usage.page_down"
        ),
        Binding("home", "scroll_home", "Top", show=False, tooltip="To the top", id="usage.top"),
        Binding("end", "scroll_end", "End", show=False, tooltip="To the end", id="usage.end"),
    ]

    def __init__(self, zone: tzinfo | None = None) -> None:
        super().__init__()
        self.tooltip = "Figures come from the service. What it did not report is never shown as zero."
        self._zone = zone
        self._view = Memo(_key, usage_view)
        self._lines: list[Content] = []
        self._drawn: tuple[UsageView | None, int] = (None, 0)

    def select(self, session: Session) -> UsageView:
        """The figures of the session."""
        return self._view(session)

    def line_count(self, width: int) -> int:
        """As many lines as the figures take at this width."""
        if self._shown is None:
            return 0
        if (self._shown, width) != self._drawn:
            self._lines = usage_lines(self._shown, width, self._zone)
            self._drawn = (self._shown, width)
        return len(self._lines)

    def line(self, y: int, width: int) -> Content:
        """One of them."""
        return self._lines[y] if y < self.line_count(width) else BLANK


def compact_line(session: Session) -> str:
    """One line for narrow screens: "turn $0.0123 · 8 credits · worker $0.05+ (2 turns not reported)"."""
    view = usage_view(session)
    if view.status is None:
        return ""
    cost, credit, tokens = (view.this_turn(name) for name in ("cost", "credits", "total"))
    pieces = [f"turn {_word(cost) or usd_text(Decimal(cost.value or 0))}"]
    if credit.value is not None:
        pieces.append(f"{credits_text(Decimal(credit.value))} credits")
    if tokens.value is not None:
        pieces.append(f"{number(int(tokens.value))} tokens")
    whole = view.this_worker("cost")
    if whole.value is None:
        return " · ".join([*pieces, f"worker {_word(whole)}"])
    gap = gap_text(UsageView(worker=(whole,), so_far=view.so_far))
    return " · ".join([*pieces, f"worker {usd_text(Decimal(whole.value))}{gap}"])


def _word(figure: Figure) -> str:
    """The word for a figure without a value; "" when it has one."""
    return "" if figure.value is not None else PENDING if figure.pending else NOT_REPORTED


def _key(turn: Turn) -> Key:
    """Everything of a turn that its figures are made from; never its text."""
    readings = tuple((read.usage, read.costs, read.busy) for read in (turn.before, turn.snapshot) if read)
    whose = (turn.before is None, turn.snapshot is None, turn.order.worker_id, turn.worker_id)
    return turn.status, whose, readings, turn.read_ms, turn.ended_ms, turn.order.created_ms


USAGE: Final = PanelEntry("usage", "Usage & cost", "f2", "What this turn and this worker took", UsagePanel)
