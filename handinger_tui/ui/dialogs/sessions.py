"""Session picker: every session of this machine, newest first, filtered as one types."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final

from rich.cells import set_cell_size
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import ago, plural
from handinger_tui.core.money.amounts import Total, total_text
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.session import Session, SessionSummary
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.dialogs.confirm import CLOSE, Ask, Confirm
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.ports import SessionStore
from handinger_tui.ui.widgets.footer import FooterLine
from handinger_tui.ui.widgets.status_text import STATUS_WORDS, going_for, so_far, under_way


class SessionPicker(ModalScreen[str]):
    """Returns the id of the chosen session, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *CLOSE,
        *bindings(Where.SESSIONS),
        Binding(
            "down", "move(1)", "Down", show=False, priority=True, id="sessions.down", tooltip="Next session"
        ),
        Binding(
            "up", "move(-1)", "Up", show=False, priority=True, id="sessions.up", tooltip="Session before"
        ),
    ]

    def __init__(
        self,
        shelf: SessionStore,
        now_ms: Callable[[], int],
        current: str,
        met: Callable[[], Iterable[Session]] = tuple,
    ) -> None:
        """`met`: sessions that are known better than their rows on the disk."""
        super().__init__()
        self._met = met
        self._shelf = shelf
        self._now_ms = now_ms
        self._current = current
        self._rows: Sequence[SessionSummary] = ()

    def compose(self) -> ComposeResult:
        """Filter above, list below."""
        with Vertical(id="picker"):
            yield Static(Content.styled("Sessions", "bold"), classes="dialog-title")
            yield Input(placeholder="type to filter by title or worker")
            yield OptionList(id="rows")
            yield FooterLine()

    def on_mount(self) -> None:
        """Read the list once."""
        self._do(self._read())

    @work(group="do")
    async def _do(self, deed: Coroutine[Any, Any, None]) -> None:
        """What goes wrong with the history is said, and the list stays."""
        try:
            await deed
        except HandingerError as problem:
            self.notify(f"{problem.summary} {problem.hint}", severity="error", markup=False)

    def reload(self) -> None:
        """The history has changed: read it again, and keep the mark where it is."""
        # Before its first reading there is nothing on the screen yet, and that reading is to come.
        if self._rows:
            self._do(self._read(self._chosen))

    async def _read(self, marked: SessionSummary | None = None) -> None:
        self._rows = await self._shelf.sessions()
        self._fill()
        if marked is not None:
            listed = self.query_one("#rows", OptionList)
            ids = [option.id for option in listed.options]
            listed.highlighted = ids.index(marked.session_id) if marked.session_id in ids else 0

    def on_resize(self) -> None:
        """Rows are laid out for the width."""
        self._fill()

    @on(Input.Changed)
    def _fill(self) -> None:
        wanted = self.query_one(Input).value.lower().split()
        listed = self.query_one("#rows", OptionList)
        width = max(40, listed.size.width - 4)
        rows = [row for row in self._rows if _matches(row, wanted)]
        listed.clear_options()
        if not rows:
            said = "No session fits." if self._rows else "No session yet: the first message makes one."
            listed.add_option(Option(Content.styled(said, "$text-muted"), disabled=True))
            return
        now = self._now_ms()
        here = self._current
        met = {session.session_id: session for session in self._met()}
        listed.add_options(
            Option(
                _line(row, met.get(row.session_id), now, width, here=row.session_id == here),
                row.session_id,
            )
            for row in rows
        )
        listed.highlighted = 0

    @property
    def _chosen(self) -> SessionSummary | None:
        option = self.query_one("#rows", OptionList).highlighted_option
        return next((row for row in self._rows if option is not None and row.session_id == option.id), None)

    def action_move(self, by: int) -> None:
        """Move the mark while typing goes on."""
        listed = self.query_one("#rows", OptionList)
        if by > 0:
            listed.action_cursor_down()
        else:
            listed.action_cursor_up()

    def action_open(self) -> None:
        """Take the marked session."""
        if self._chosen is not None:
            self.dismiss(self._chosen.session_id)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_rename(self) -> None:
        """Ask for another title."""
        self._do(self._rename())

    async def _rename(self) -> None:
        row = self._chosen
        if row is None:
            return
        title = await self.app.push_screen_wait(Ask("Rename the session", clean_line(row.title)))
        if title:
            await self._shelf.rename(row.session_id, title)
            await self._read()

    def action_delete(self) -> None:
        """Ask, then delete the local copy."""
        self._do(self._delete())

    async def _delete(self) -> None:
        row = self._chosen
        if row is None:
            return
        question = Confirm(
            "Delete this session?",
            f"“{clean_line(row.title or row.session_id, 60)}” and its answers go from this machine. "
            "The worker on the server, and what was charged, stay.",
            yes="Delete",
            no="Keep",
        )
        if row.session_id == self._current:
            self.notify("This session is open: open another one first.", markup=False)
        elif await self.app.push_screen_wait(question):
            await self._shelf.delete(row.session_id)
            await self._read()

    def action_close(self) -> None:
        """Stay where we are."""
        self.dismiss(None)


def _matches(row: SessionSummary, wanted: Sequence[str]) -> bool:
    text = f"{row.title} {row.worker_id or ''} {row.session_id}".lower()
    return all(word in text for word in wanted)


def cost_words(row: SessionSummary) -> str:
    """What the session cost, with its gaps: "$1.20", "$1.20 + 2 turns unknown", "not reported"."""
    if row.cost_usd is None:
        return "not reported" if row.turns else ""
    return total_text(Total(row.cost_usd, row.unpriced))


_SHORT: Final = MappingProxyType({TurnStatus.RUNNING: "still running", TurnStatus.CHECKING: "checking"})


def _status(row: SessionSummary, met: Session | None, now_ms: int) -> tuple[str, str, str]:
    """Status, its style, and the cost: of a run that goes on with the time since its start, "so far"."""
    turn = under_way(met) if met is not None else None
    if met is not None and turn is not None and (turn.live or turn.status is TurnStatus.RUNNING):
        words = _SHORT.get(turn.status, STATUS_WORDS[turn.status])
        return f"{words} · {going_for(turn, now_ms)}", "$warning", so_far(met, turn)
    if row.last_status is None:
        return "empty", "$text-muted", cost_words(row)
    if row.last_status is TurnStatus.RUNNING:
        # Nobody has looked since: it may have ended long ago.
        return "left running", "$warning", cost_words(row)
    words = _SHORT.get(row.last_status, STATUS_WORDS[row.last_status])
    style = "$text-muted" if row.last_status is TurnStatus.COMPLETED else "$warning"
    return words, style, cost_words(row)


def _line(row: SessionSummary, met: Session | None, now_ms: int, width: int, *, here: bool) -> Content:
    """Two lines: title and when; then worker, turns, status and cost."""
    mark, style = ("●", "$accent") if row.unread else ("›" if here else " ", "$primary")
    when = ago(row.updated_ms or row.created_ms, now_ms)
    title = set_cell_size(clean_line(row.title or "Untitled", 200), max(10, width - len(when) - 4))
    status, tone, cost = _status(row, met, now_ms)
    rest = " · ".join(piece for piece in (plural(row.turns, "turn"), cost) if piece)
    worker = clean_line(row.worker_id or "no worker yet", 28)
    return Content.assemble(
        (f"{mark} ", style),
        (title, "bold" if row.unread else ""),
        (f" {when}", "$text-muted"),
        (f"\n  {worker} · ", "$text-muted"),
        (status, tone),
        (f" · {rest}", "$text-muted"),
    )
