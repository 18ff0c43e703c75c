"""Session pane: transcript, what waits, and the prompt with its offers and hints."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import TextArea

from handinger_tui.core.commands import is_leaving
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.turns.session import Session, same_front
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.panels import compact_line
from handinger_tui.ui.panels.usage.totals import WorkerTotals
from handinger_tui.ui.ports import Account, LocalFiles
from handinger_tui.ui.transcript.transcript import Transcript
from handinger_tui.ui.widgets.chips import Chips
from handinger_tui.ui.widgets.completion import Completion
from handinger_tui.ui.widgets.containers import Rows
from handinger_tui.ui.widgets.prompt import PromptBox
from handinger_tui.ui.widgets.prompt_lines import Card, HintLine, Suggestions
from handinger_tui.ui.widgets.queue_strip import QueueStrip
from handinger_tui.ui.widgets.status_text import (
    Advice,
    advice,
    hold_advice,
    resume_hint,
    shown_turns,
    unwatched,
)
from handinger_tui.ui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from handinger_tui.core.receipts.line import Receipts
    from handinger_tui.engine.holds import Hold

HINT_CELLS: Final = 30
"""So much of the line below the prompt is left to what Enter does, before limits are told there too."""
MARGINS: Final = 5
"""Cells at the ends of that line."""


class SessionPane(Rows):
    """Shows one session. It decides nothing: the screen does what the prompt submits."""

    def __init__(
        self,
        offers: Callable[[str], list[tuple[str, str]]],
        files: LocalFiles,
        *,
        local: bool,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
    ) -> None:
        """`offers`: (name, summary) of the commands that begin with what is typed behind the slash."""
        super().__init__(id=id)
        self.money = MoneyIndex()
        """What each turn of the session shown took."""
        self._tally = WorkerTotals(self.money)
        self._receipts: Receipts | None = None
        self.transcript = Transcript(self._receipt, id="transcript")
        self.prompt = PromptBox(id="prompt")
        self._welcome = Welcome(local=local, id="welcome")
        self.card, self.queue = Card(id="card"), QueueStrip(id="queue")
        self._offers, self._hint = Suggestions(id="offers"), HintLine(id="hint")
        self.chips = Chips(id="chips")
        self.offering = Completion(self.prompt, self._offers, offers, files, self._look_up)
        self._entry = Vertical(id="entry")
        self._session: Session | None = None
        self._budget = "standard"
        self._trouble: Advice | None = None
        self._dismissed: Advice | None = None
        self._browsed = ""
        self.elsewhere: str | None = None
        """Title of the newest run that goes on unwatched in some session."""
        self.running = False
        """A turn is being sent or watched."""
        self.hold: Hold | None = None
        """What holds the queue."""
        self.queued: tuple[Turn, ...] = ()
        """The queue."""
        self.editing: str | None = None
        """The queued turn that the prompt holds."""
        self._opening = ""
        self.gauges: tuple[Gauge, ...] = ()
        """How far the limits are used."""
        self._money = self._usual = ""
        self._told = Content("")
        self._figures_of: tuple[object, ...] = ()
        self._counted: tuple[Turn, ...] = ()

    def _receipt(self, session: Session, turn: Turn) -> str:
        if self._receipts is None:
            # Needed once there is a turn: 2 ms that the first screen need not wait for.
            from handinger_tui.core.receipts.line import Receipts  # noqa: PLC0415 - as said above

            self._receipts = Receipts(self.money)
        # The transcript leaves out what was withdrawn; what turns took is worked out over all of them.
        return self._receipts.line(self._session or session, turn)

    def _look_up(self, work: Coroutine[Any, Any, None]) -> None:
        """Have names read from the disk, then say what Enter does with them."""

        async def told() -> None:
            await work
            self._refresh_lines()

        self.run_worker(told(), group="offering")

    def compose(self) -> ComposeResult:
        """From the top: answer, advice, queue, offers, what goes along, prompt, hint."""
        yield self._welcome
        yield self.transcript
        yield self.card
        yield self.queue
        yield self._offers
        yield self.chips
        with self._entry:
            yield self.prompt
        yield self._hint

    def on_mount(self) -> None:
        """Nothing is known yet."""
        self.transcript.display = False
        self._refresh_lines()

    # -- what is shown -------------------------------------------------------------------
    def account(self, badge: Account) -> None:
        """Connected."""
        self._welcome.account(badge)

    def budget(self, name: str) -> None:
        """The budget of the next turn."""
        if name != self._budget:
            # What another level usually takes must not stand beside this one.
            self._budget, self._usual = name, ""
        self._refresh_lines()

    def usual(self, text: str) -> None:
        """What a turn at this budget usually takes, or that nobody knows."""
        self._usual = text
        self._refresh_lines()

    def show(self, session: Session, now_ms: int, *, money: bool) -> None:
        """The newest value of the session; `money`: the figures have no panel now."""
        if self._session is None or self._session.session_id != session.session_id:
            self._dismissed = None
        self._session = session
        begun = bool(session.turns)
        if self.transcript.display is not begun:
            self.transcript.display, self._welcome.display = begun, not begun
        if begun:
            self.transcript.show(shown_turns(session, self.queued))
        self.queue.show(self.queued, self.editing)
        self.prompt.busy, self.prompt.waiting, self.prompt.ideas = self.running, bool(self.queued), not begun
        self.advise(now_ms)
        self._count(session, money=money)
        self._refresh_lines()

    def _count(self, session: Session, *, money: bool) -> None:
        """Figures are made anew only when some turn's readings changed: text grows far more often."""
        if not money:
            self._money, self._figures_of = "", ()
            return
        most = self.size.width - MARGINS
        room = self.size.width - HINT_CELLS
        old, self._counted = self._counted, session.turns
        front = same_front(old, session.turns)
        made_of: tuple[object, ...] = (session.session_id, room, *self.gauges)
        if made_of != self._figures_of or not _read_alike(old[front:], session.turns[front:]):
            self._figures_of = made_of
            self._money = compact_line(session, self.gauges, room, most, self._tally)

    def advise(self, now_ms: int) -> None:
        """The card: trouble of our own first, else what the newest turn asks for."""
        newest = self._trouble or self._advice()
        if newest is None:
            self._dismissed = None
        self.card.show(None if newest == self._dismissed else newest, now_ms)

    def _advice(self) -> Advice | None:
        if self._session is None:
            return None
        if self.hold is not None and not self.running:
            return hold_advice(self._session, self.hold, len(self.queued))
        return advice(self._session, running=self.running)

    def opening(self, text: str) -> None:
        """Say which session is being opened; "" when that is over."""
        self._opening = text
        self._refresh_lines()

    def trouble(self, text: str | None) -> None:
        """Say until the next message that something was not sent, and why."""
        self._trouble = Advice("error", text) if text else None
        self.advise(0)

    def browse(self, name: str) -> None:
        """What single keys are for now, in a word; "" for the prompt."""
        if name != self._browsed:
            self._browsed = name
            self._refresh_lines()

    # -- what is open ------------------------------------------------------------------------
    @property
    def open(self) -> bool:
        """Esc has something to close here."""
        return self._offers.display or self.card.display

    def close_one(self) -> None:
        """Close the offers, else the card."""
        if self._offers.display:
            self.offering.close()
            self._refresh_lines()
        elif self._trouble is not None:
            self.trouble(None)
        else:
            self._dismissed = self.card.advice
            self.card.show(None, 0)

    # -- the prompt ------------------------------------------------------------------------
    @on(TextArea.Changed, "#prompt")
    def _typed(self) -> None:
        self.offering.changed()
        self._refresh_lines()

    @on(TextArea.SelectionChanged, "#prompt")
    def _moved(self) -> None:
        self.offering.moved()

    @on(PromptBox.Marked)
    def _mark(self, event: PromptBox.Marked) -> None:
        event.stop()
        self.offering.move(event.by)
        self._refresh_lines()

    @on(PromptBox.Completing)
    def _complete(self, event: PromptBox.Completing) -> None:
        event.stop()
        # The list may be that of a text before this one.
        self.offering.changed()
        if event.entered and not self.offering.chooses:
            self.prompt.submit()
        elif not self.offering.take() and self._welcome.display:
            self.prompt.put(self._welcome.next_idea())

    # -- lines ---------------------------------------------------------------------------------
    def _refresh_lines(self) -> None:
        unlimited = self._budget == "unlimited"
        chip = Content.assemble((self._budget, "bold $background on $warning" if unlimited else "$accent"))
        told = Content.assemble(chip, (f" · {self._usual}", "$text-muted")) if self._usual else chip
        if not told.is_same(self._told):
            self._told = told
            self._entry.border_subtitle = told
        # What Enter does with a queue may cost: it is shown whole.
        firm = bool(self._opening or self.editing or (self.hold is not None and not self.running))
        self._hint.show(self._what_keys_do(), self._money, firm=firm)

    def _what_keys_do(self) -> str:
        if self._browsed:
            return f"Browsing {self._browsed} · Esc or typing returns to the prompt"
        choosing = "Enter takes the file · ↑↓ choose · Esc closes the list"
        return choosing if self.prompt.choosing else self._what_enter_does()

    def _what_enter_does(self) -> str:
        text = self.prompt.text
        if text.startswith("/") and not text.startswith("//"):
            return "Enter runs the command · // sends a text that begins with a slash"
        if is_leaving(text):
            return "Enter quits"
        return self._state_hint(typed=bool(text.strip())) or self._idle_hint(typed=bool(text.strip()))

    def _state_hint(self, *, typed: bool) -> str:
        """What is special now; "" when nothing is."""
        if self._opening:
            return self._opening
        if self.editing is not None:
            does = "Enter puts it back in the queue" if typed else "Enter leaves it as it was"
            return f"{does} · Esc leaves the queued message as it was"
        if self.running:
            queue = "↑ edits the queue · " if self.queued and not typed else ""
            return "Enter queues it" if typed else f"{queue}Type ahead: Enter queues it"
        if self.hold is not None and self._session is not None:
            return self._hold_hint(self._session, self.hold, typed=typed)
        return ""

    def _hold_hint(self, session: Session, hold: Hold, *, typed: bool) -> str:
        count = len(self.queued)
        if not typed:
            return f"{resume_hint(session, hold, count)} · ↑ edits the queue"
        if hold.reason == "limit":
            return "Enter asks to raise the limit, then sends"
        if hold.reason == "detached" and unwatched(session) is not None:
            return "Enter adds it to the queue, which waits until you come back"
        kept = "the queued message stays" if count == 1 else f"the {count} queued messages stay"
        return f"Enter sends this now; {kept} held"

    def _idle_hint(self, *, typed: bool) -> str:
        if self.chips.display:
            does = "Enter sends" if typed else "Add a message, then Enter"
            return f"{does} · F8 what goes along"
        if typed:
            return "Enter sends · ^J new line"
        if self._session is not None and unwatched(self._session) is not None:
            return "Enter watches the worker again"
        if self.elsewhere is not None:
            return f"Enter watches “{self.elsewhere}”, still going · ? help"
        return "? help · / commands · ↑ messages sent before"


def _read_alike(old: Sequence[Turn], new: Sequence[Turn]) -> bool:
    """The very same readings of as many turns."""
    told = (
        [read for turn in turns for read in (turn.status, turn.snapshot, turn.before)] for turns in (old, new)
    )
    return len(old) == len(new) and all(map(is_, *told))
