"""Receipt: everything about what one turn took; the turns beside it are a key away."""

from __future__ import annotations

import json
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.receipt_facts import Times, times_of
from handinger_tui.core.receipt_page import Receipt, receipt_json, receipt_markdown, receipt_page
from handinger_tui.core.session import Session
from handinger_tui.core.turn import Turn, TurnStatus, level_of
from handinger_tui.core.usual import Usual
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.screens.desk import Desk
from handinger_tui.ui.screens.receipt_lines import receipt_lines, receipt_text
from handinger_tui.ui.screens.saving import SavingScreen
from handinger_tui.ui.widgets.keyline import KeyLine
from handinger_tui.ui.widgets.reflow import Reflow

LOOKS_PER_S: Final = 1.0


def sent_turns(session: Session) -> tuple[Turn, ...]:
    """The turns that have a receipt: all but those that still wait to be sent."""
    return tuple(turn for turn in session.turns if turn.status is not TurnStatus.QUEUED)


class ReceiptScreen(SavingScreen):
    """Scrolls; follows the turn while it runs."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.RECEIPT)
    AUTO_FOCUS = "#receipt-body"

    def __init__(self, desk: Desk, turn_id: str) -> None:
        super().__init__()
        self._desk = desk
        self._turn_id = turn_id
        self._usual: Usual | None = None
        self._times = Times()
        self._drawn: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Which turn, its figures, the keys."""
        with Vertical(id="receipt"):
            yield Static(id="receipt-title")
            with VerticalScroll(id="receipt-body"):
                yield Reflow(id="receipt-text")
            yield KeyLine()

    def on_mount(self) -> None:
        """Draw what is known, then read what the history adds; no passing line covers the amount."""
        self.app.clear_notifications()
        self._open(self._turn_id)
        self.set_interval(1 / LOOKS_PER_S, self._draw)

    @property
    def receipt(self) -> Receipt:
        """Of the turn that is shown, as it is now."""
        return receipt_page(self._desk.session, self._turns[self._at], self._usual, self._times)

    @property
    def _turns(self) -> tuple[Turn, ...]:
        return sent_turns(self._desk.session)

    @property
    def _at(self) -> int:
        ids = [turn.turn_id for turn in self._turns]
        return ids.index(self._turn_id) if self._turn_id in ids else len(ids) - 1

    # -- showing -------------------------------------------------------------------------
    def _open(self, turn_id: str) -> None:
        self._turn_id, self._usual, self._times = turn_id, None, Times()
        self._draw()
        self.query_one("#receipt-body").scroll_home(animate=False)
        self._read(self._turns[self._at])

    @work(group="read", exclusive=True)
    async def _read(self, turn: Turn) -> None:
        """Times and usual range come from the history; the rest is on the screen already."""
        try:
            self._times = times_of(await self._desk.engine.frames(turn.turn_id))
            level = level_of(turn.order.budget, turn.order.trigger)
            if level:
                connection = self._desk.connection
                self._usual = await connection.books.usual(
                    turn.worker_id or turn.order.worker_id, level, simulated=connection.purse.simulated
                )
        except HandingerError as problem:
            self.say_problem(problem)
        self._draw()

    def _draw(self) -> None:
        """Nothing, where nothing has changed."""
        turns, at = self._turns, self._at
        drawn = (turns, at, self._usual, self._times)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        receipt = self.receipt
        count = Content.styled(f"   {at + 1} of {len(turns)}", "$text-muted")
        title = Content.assemble(("Receipt", "bold"), count, "\n", (f"“{receipt.title}”", "$text-muted"))
        self.query_one("#receipt-title", Static).update(title)
        self.query_one("#receipt-text", Reflow).put(lambda width: receipt_lines(receipt, width))

    # -- keys ----------------------------------------------------------------------------
    def action_step(self, by: int) -> None:
        """To the receipt of another turn."""
        turns, at = self._turns, self._at + by
        if 0 <= at < len(turns):
            self._open(turns[at].turn_id)
        else:
            self.say("This is the newest turn." if by > 0 else "This is the first turn.")

    def action_copy(self) -> None:
        """As text, by the terminal."""
        text = receipt_text(self.receipt)
        self.app.copy_to_clipboard(text)
        self.say(f"Copied the receipt ({len(text):,} characters) through the terminal.")

    def action_save(self, kind: str) -> None:
        """Into the download folder."""
        receipt = self.receipt
        made = receipt_markdown(receipt) if kind == "md" else _json(receipt)
        self.do(self._save(f"receipt-{self._turns[self._at].turn_id}.{kind}", made))

    async def _save(self, name: str, text: str) -> None:
        path = await self._desk.connection.save_text(name, text)
        self.say(f"Saved as {path}")


def _json(receipt: Receipt) -> str:
    return json.dumps(receipt_json(receipt), indent=2, ensure_ascii=False) + "\n"
