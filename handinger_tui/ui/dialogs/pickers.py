"""Lists that are filtered while typing: the sessions stored on this computer, and the prompt history."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.cells import set_cell_size
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from handinger_tui.core.amounts import Total, total_text
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import ago, plural
from handinger_tui.core.money.spending import LOCAL
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.dialogs.confirm import Ask, Confirm
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.widgets.footer import FooterLine
from handinger_tui.ui.widgets.status_text import (
    STATUS_WORDS,
    WORKED_ON,
    going_for,
    lineage_words,
    so_far,
    under_way,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from handinger_tui.core.turns.session import Session, SessionSummary
    from handinger_tui.ui.ports import StoredSessions


class Picker(ModalScreen[str]):
    """A field above a list. Typing filters the list; the arrow keys move its highlight."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DIALOG)

    def __init__(self, title: str, placeholder: str) -> None:
        super().__init__()
        self._title, self._placeholder = title, placeholder

    def compose(self) -> ComposeResult:
        """Lay out the title, the field and the list."""
        with Vertical(id="picker"):
            yield Static(Content.styled(self._title, "bold"), classes="dialog-title")
            yield Input(placeholder=self._placeholder)
            yield OptionList(id="rows")
            yield self.foot()

    def foot(self) -> Widget:
        """The line below the list."""
        raise NotImplementedError

    def options(self, query: str) -> Sequence[Option]:
        """The options that match what was typed, in lower case; a disabled one says why there is none."""
        raise NotImplementedError

    @property
    def option_list(self) -> OptionList:
        """The list."""
        return self.query_one("#rows", OptionList)

    @on(Input.Changed)
    def fill(self) -> None:
        """List what matches, and highlight the first."""
        options = self.options(self.query_one(Input).value.lower())
        self.option_list.clear_options()
        self.option_list.add_options(options)
        if not options[0].disabled:
            self.option_list.highlighted = 0

    def action_move(self, by: int) -> None:
        """Move the highlight; the focus stays in the field."""
        if by > 0:
            self.option_list.action_cursor_down()
        else:
            self.option_list.action_cursor_up()

    def action_close(self) -> None:
        """Close without a choice."""
        self.dismiss(None)


def _nothing(message: str) -> Option:
    return Option(Content.styled(message, "$text-muted"), disabled=True)


class SessionPicker(Picker):
    """Lists sessions, newest first. The result is the id of the chosen one, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.SESSIONS)

    def __init__(
        self,
        history: StoredSessions,
        now_ms: Callable[[], int],
        current: str,
        opened: Callable[[], Iterable[Session]] = tuple,
        *,
        running_only: bool = False,
    ) -> None:
        """`opened` returns sessions in memory, whose state is newer than that of their rows on disk.

        `running_only`: list only sessions whose worker runs, or was running when it was last read.
        """
        super().__init__("Runs" if running_only else "Sessions", "Filter by title or worker")
        self._running_only = running_only
        self._opened = opened
        self._history = history
        self._now_ms = now_ms
        self._current = current
        self._rows: Sequence[SessionSummary] = ()

    def foot(self) -> Widget:
        """The keys."""
        return FooterLine()

    def on_mount(self) -> None:
        """Read the sessions."""
        self._do(self._read())

    @work(group="do")
    async def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Await a coroutine and show its error; the list stays."""
        try:
            await coroutine
        except HandingerError as problem:
            self.notify(f"{problem.summary} {problem.hint}", severity="error", markup=False)

    def reload(self) -> None:
        """Read the changed history again; the highlight stays on its session."""
        # Without rows, the first read has not finished yet, or there is nothing to update.
        if self._rows:
            self._do(self._read(self._highlighted))

    async def _read(self, highlighted: SessionSummary | None = None) -> None:
        self._rows = await self._history.sessions()
        self.fill()
        if highlighted is not None:
            ids = [option.id for option in self.option_list.options]
            self.option_list.highlighted = (
                ids.index(highlighted.session_id) if highlighted.session_id in ids else 0
            )

    def on_resize(self) -> None:
        """Rebuild the rows, which depend on the width."""
        self.fill()

    def options(self, query: str) -> Sequence[Option]:
        """The sessions whose title or worker has every typed word."""
        words, width, now = query.split(), max(40, self.option_list.size.width - 4), self._now_ms()
        opened = {session.session_id: session for session in self._opened()}
        rows = [
            row
            for row in self._rows
            if _matches(row, words)
            and (not self._running_only or _is_running(row, opened.get(row.session_id)))
        ]
        if not rows:
            none = "No matches." if self._rows else "No sessions yet. Your first message starts one."
            return [_nothing("No worker is running." if self._running_only and not words else none)]
        current = self._current
        return [
            Option(
                _format_row(
                    row, opened.get(row.session_id), now, width, is_current=row.session_id == current
                ),
                row.session_id,
            )
            for row in rows
        ]

    @property
    def _highlighted(self) -> SessionSummary | None:
        option = self.option_list.highlighted_option
        return next((row for row in self._rows if option is not None and row.session_id == option.id), None)

    def action_open(self) -> None:
        """Choose the highlighted session."""
        if self._highlighted is not None:
            self.dismiss(self._highlighted.session_id)

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_rename(self) -> None:
        """Ask for a new title."""
        self._do(self._rename())

    async def _rename(self) -> None:
        row = self._highlighted
        if row is None:
            return
        title = await self.app.push_screen_wait(Ask("Rename the session", clean_line(row.title)))
        if title:
            await self._history.rename(row.session_id, title)
            await self._read()

    def action_delete(self) -> None:
        """Ask for confirmation, then delete the local copy of the session."""
        self._do(self._delete())

    async def _delete(self) -> None:
        row = self._highlighted
        if row is None:
            return
        question = Confirm(
            "Delete this session?",
            f"This deletes “{clean_line(row.title or row.session_id, 60)}” from this computer. "
            "The worker and its charges are not affected.",
            yes="Delete",
            no="Cancel",
        )
        if row.session_id == self._current:
            self.notify("This session is open. Open another one first.", markup=False)
        elif await self.app.push_screen_wait(question):
            await self._history.delete(row.session_id)
            await self._read()


def _matches(row: SessionSummary, words: Sequence[str]) -> bool:
    text = f"{row.title} {row.worker_id or ''} {row.session_id}".lower()
    return all(word in text for word in words)


def _is_running(row: SessionSummary, opened: Session | None) -> bool:
    """Whether a turn of the session runs, as far as is known; queued messages alone do not count."""
    if opened is None:
        # A local worker ended with the program that started it.
        return row.base_url != LOCAL and (row.live or row.last_status is TurnStatus.RUNNING)
    turn = under_way(opened)
    return turn is not None and (turn.status in WORKED_ON or turn.status is TurnStatus.RUNNING)


def cost_words(row: SessionSummary) -> str:
    """The cost of a session with its gaps: "$1.20", "$1.20 + 2 turns unknown", "not reported"."""
    if row.cost_usd is None:
        return "not reported" if row.turns else ""
    simulated = " simulated" if row.base_url == LOCAL else ""
    return total_text(Total(row.cost_usd, row.unpriced)) + simulated


_SHORT: Final = MappingProxyType({TurnStatus.RUNNING: "still running", TurnStatus.CHECKING: "checking"})


def _status(row: SessionSummary, opened: Session | None, now_ms: int) -> tuple[str, str, str]:
    """The status, its style and the cost. A running turn adds its elapsed time, and its cost is "so far"."""
    turn = under_way(opened) if opened is not None else None
    if opened is not None and turn is not None and (turn.live or turn.status is TurnStatus.RUNNING):
        words = _SHORT.get(turn.status, STATUS_WORDS[turn.status])
        return f"{words} · {going_for(turn, now_ms)}", "$warning", so_far(opened, turn)
    if row.last_status is None:
        return "empty", "$text-muted", cost_words(row)
    if row.last_status is TurnStatus.RUNNING and row.base_url == LOCAL:
        return STATUS_WORDS[TurnStatus.INCOMPLETE], "$warning", cost_words(row)
    if row.last_status is TurnStatus.RUNNING:
        # The worker was not read since: the turn may have ended long ago.
        return "was running", "$warning", cost_words(row)
    words = _SHORT.get(row.last_status, STATUS_WORDS[row.last_status])
    style = "$text-muted" if row.last_status is TurnStatus.COMPLETED else "$warning"
    return words, style, cost_words(row)


def _format_row(
    row: SessionSummary, opened: Session | None, now_ms: int, width: int, *, is_current: bool
) -> Content:
    """The two lines of a row: title and age; then worker, status, turns and cost."""
    mark, style = ("●", "$accent") if row.unread else ("›" if is_current else " ", "$primary")
    when = ago(row.updated_ms or row.created_ms, now_ms)
    title = set_cell_size(clean_line(row.title or "Untitled", 200), max(10, width - len(when) - 4))
    status, status_style, cost = _status(row, opened, now_ms)
    totals = " · ".join(piece for piece in (plural(row.turns, "turn"), cost) if piece)
    worker = clean_line(row.worker_id or "no worker yet", 28)
    return Content.assemble(
        (f"{mark} ", style),
        (title, "bold" if row.unread else ""),
        (f" {when}", "$text-muted"),
        (f"\n  {worker} · ", "$text-muted"),
        (f"{lineage_words(row.lineage)} · " if row.lineage is not None else "", "$text-muted"),
        (status, status_style),
        (f" · {totals}", "$text-muted"),
    )


# -- prompt history ---------------------------------------------------------------------
MAX_ROWS: Final = 200
"""Most messages listed at once; typing filters all of them."""


class HistorySearch(Picker):
    """Lists earlier messages, newest first. The result is the chosen text, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.HISTORY)

    def __init__(self, past: Sequence[str]) -> None:
        super().__init__("Prompt history", "Filter")
        self._past = list(dict.fromkeys(reversed(past)))
        self._rows: list[str] = []

    def foot(self) -> Widget:
        """A hint."""
        return Static(Content.styled("Enter to use · Esc to close", "$text-muted"))

    def options(self, query: str) -> Sequence[Option]:
        """The messages that have the typed text."""
        self._rows = [text for text in self._past if query in text.lower()][:MAX_ROWS]
        return [Option(Content(clean_line(text, 300))) for text in self._rows] or [_nothing("No matches.")]

    def on_mount(self) -> None:
        """List all messages before anything is typed."""
        self.fill()

    @on(Input.Submitted)
    def _submit(self) -> None:
        if self._rows and self.option_list.highlighted is not None:
            self.dismiss(self._rows[self.option_list.highlighted])

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._rows[event.option_index])
