"""The session pane: transcript, queue, and the prompt with its suggestions and hints."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.notifications import SeverityLevel
from textual.timer import Timer
from textual.widgets import TextArea

from handinger_tui.core.acts import PromptState, SessionState, Typed, enter, typed_in
from handinger_tui.core.attention import ShownOffer
from handinger_tui.core.money.limits import Gauge, Scope
from handinger_tui.core.prompts import Prompt, message_of_fork
from handinger_tui.core.turns.session import Session, identical_prefix, same_readings
from handinger_tui.core.turns.turn import Lineage, Turn, TurnStatus
from handinger_tui.ui.panels import Sidebar
from handinger_tui.ui.panels.usage import UsagePanel
from handinger_tui.ui.transcript.transcript import Transcript
from handinger_tui.ui.widgets.completion import Completion, Suggestions
from handinger_tui.ui.widgets.frame import Rows
from handinger_tui.ui.widgets.prompt import MUTED, Card, HintLine, PromptBox
from handinger_tui.ui.widgets.status_text import (
    Advice,
    advice,
    hold_advice,
    is_newest_message,
    newest_shown,
    next_step,
    shown_turns,
)
from handinger_tui.ui.widgets.strips import Chips, QueueStrip, limit_rows
from handinger_tui.ui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from textual.layout import Layout
    from textual.widget import Widget

    from handinger_tui.core.money.attribution import MoneyIndex
    from handinger_tui.core.money.typical_cost import TypicalCost
    from handinger_tui.engine.replay import Replay
    from handinger_tui.ui.ports import LocalFiles
    from handinger_tui.ui.widgets.find_bar import FindBar

HINT_CELLS: Final = 30
"""Cells of the line below the prompt that are reserved for what Enter does, before limits are shown there."""
UNFINISHED: Final = frozenset({TurnStatus.FAILED, TurnStatus.INCOMPLETE})
"""Statuses of a turn that may be worth another try."""
FINDING: Final = "find"
"""The name of the find bar among what is browsed."""
FIRST_SCREEN: Final = "first screen"
"""The name of the first screen among what is browsed."""
ACKNOWLEDGED_S: Final = 4.0
"""Seconds for which a line that answers an action stands in place of the hint."""
MARGINS: Final = 5
"""Cells of the margins of that line."""
BARS: Final = 4
"""Rows of the header, the hint and the footer, and the one that Textual always gives to the transcript."""
PEEK_ROWS: Final = 7
"""Most rows of a panel above the transcript."""


def share_rows(room: int, wanted: Sequence[int]) -> list[int]:
    """Divide `room` rows: one to each, the first ones first, then one more to each that wants more."""
    given = [0] * len(wanted)
    while room > 0 and given != list(wanted):
        for at, most in enumerate(wanted):
            if room > 0 and given[at] < most:
                given[at] += 1
                room -= 1
    return given


class PaneState(Struct, frozen=True):
    """What the session pane shows besides the session itself."""

    is_connected: bool = False
    state: SessionState = SessionState()
    queued: tuple[Turn, ...] = ()
    editing: str | None = None
    """The id of the queued turn whose message is in the prompt."""
    gauges: tuple[Gauge, ...] = ()
    """The limits and how far each is used."""
    budget: str = "standard"
    """The level of the next turn of the session."""
    elsewhere: str | None = None
    """Title of the newest run in another session that continues unwatched."""
    replay: str = ""
    """How far a replay is, and what the keys do; "" for none."""


class SessionPane(Rows):
    """Shows one session. It only displays: the screen acts on what the prompt submits."""

    session_since = math.inf
    """Since when the terminal shows the session (monotonic)."""
    _is_text_back = False
    """Whether the prompt held the newest message when the transcript was last shown."""
    _waiting: Advice | None = None
    take_back: Callable[[], None] = staticmethod(lambda: None)
    """Takes back the last of the lines that wait."""
    origin: Callable[[], Lineage | None] = staticmethod(lambda: None)
    """The earlier message that is edited in the prompt."""
    is_leaving: Callable[[], bool] = staticmethod(lambda: False)
    """Whether a message was entered that is not stored yet: another Enter does nothing."""

    def __init__(
        self,
        commands: Callable[[str], list[tuple[str, str]]],
        files: LocalFiles,
        keys: Sequence[tuple[str, str]],
        *,
        local: bool,
        compact: bool = False,
        id: str | None = None,
    ) -> None:
        """`commands` returns (name, summary) of the commands with a prefix; `keys`: the remapped ones."""
        super().__init__(id=id)
        self.sidebar = Sidebar(keys, self._handle_panels, compact=compact, id="side")
        self._usage = self.sidebar.panel(UsagePanel)
        self.transcript = Transcript(
            self._receipt,
            lambda session, turn: next_step(session, turn, is_text_back=self._is_text_back),
            compact=compact,
            id="transcript",
        )
        self.prompt = PromptBox(id="prompt")
        self.welcome = Welcome(local=local, id="welcome")
        self.card, self.queue = Card(id="card"), QueueStrip(id="queue")
        self._suggestions, self._hint = Suggestions(id="offers"), HintLine(id="hint")
        self.chips = Chips(id="chips")
        self.completion = Completion(self.prompt, self._suggestions, commands, files, self._run_lookup)
        self._entry = Vertical(id="entry")
        self._compact = compact
        self._find_bar: FindBar | None = None
        self._now_ms = 0
        self._session: Session | None = None
        self._budget = "standard"
        self._trouble: Advice | None = None
        self._dismissed: Advice | None = None
        self._browsed = ""
        self._state = PaneState()
        self._opening_text = ""
        self._acknowledged: tuple[str, str, str] | None = None
        """A line that answers an action, in place of the hint for a short time; its style, and the text of
        the prompt when it came."""
        self._acknowledgment_timer: Timer | None = None
        self._cost_text = ""
        self._typical_costs: Mapping[str, TypicalCost] = {}
        """What turns of this worker usually cost, by budget; those of other budgets are not known."""
        self.shown = ShownOffer(enter(PromptState()))
        """What Enter does, as the line below the prompt says, and since when."""
        self._hint.sight.painted = self._handle_painted
        self._subtitle = Content("")
        self._cost_key: tuple[object, ...] = ()
        self._cost_turns: tuple[Turn, ...] = ()
        """The turns that `_cost_text` was computed from."""

    @property
    def money(self) -> MoneyIndex:
        """The usage and cost of each turn of the session shown."""
        return self._usage.money

    def _receipt(self, session: Session, turn: Turn) -> str:
        from handinger_tui.core.receipts import receipt_line  # no money before the first turn

        # The transcript omits withdrawn turns; costs are attributed over all turns.
        return receipt_line(self._session or session, turn, self.money)

    def _run_lookup(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the reading of file names in the background, then update the hint on what Enter does."""

        async def run() -> None:
            await work
            self._refresh_lines()

        self.run_worker(run(), group="offering")

    def compose(self) -> ComposeResult:
        """At the right the panels. From the top: answer, advice, queue, suggestions, chips, prompt, hint."""
        yield self.sidebar
        yield self.welcome
        yield self.transcript
        yield self.card
        yield self.queue
        yield self._suggestions
        yield self.chips
        with self._entry:
            yield self.prompt
        yield self._hint

    def pre_layout(self, layout: Layout) -> None:
        """Divide the rows of a low screen: first the prompt, then what has the focus."""
        wanted: dict[Widget, int] = {
            self.prompt: self.prompt.wrapped_document.height,
            self._suggestions: len(self._suggestions.rows),
            self.card: self.card.get_content_height(self.size, self.app.size, self.card.content_size.width),
            self.queue: len(self.queue.queue),
            self.chips: self.chips.row_count,
            self.sidebar: PEEK_ROWS if self.sidebar.is_peeking else 0,
        }
        for widget, count in wanted.items():
            cap = widget.styles.base.max_height
            most = count if cap is None else min(count, int(cap.value))
            wanted[widget] = most if widget.display else 0
        ranked = sorted(wanted, key=lambda widget: widget is not self.prompt and not widget.has_focus)
        is_finding = self._find_bar is not None and self._find_bar.display
        # A panel in place of the transcript has a row of tabs.
        bars = BARS + is_finding + (self.sidebar.in_front is not None)
        room = self.app.size.height - bars - self._entry.gutter.height
        for widget, rows in zip(ranked, share_rows(room, [wanted[one] for one in ranked]), strict=True):
            limit_rows(widget, rows if rows < wanted[widget] else None)

    @property
    def has_answers(self) -> bool:
        """Whether there is a transcript to read, even if a panel is shown in its place."""
        return self._session is not None and bool(self._session.turns)

    def _handle_panels(self) -> None:
        """Show the transcript, without turns the welcome text, or neither behind a panel; and the cost."""
        is_behind = self.sidebar.in_front is not None
        self.transcript.display = self.has_answers and not is_behind
        self.welcome.display = not (self.has_answers or is_behind)
        if self._session is not None:
            self._update_cost(self._session)
            self._refresh_lines()

    # -- content -------------------------------------------------------------------------
    def budget(self, name: str) -> None:
        """Show the budget of the next turn."""
        if name != self._budget:
            self._budget = name
        self._refresh_lines()

    def show_typical_costs(self, costs: Mapping[str, TypicalCost]) -> None:
        """Show what a turn at this budget, and the queued messages, usually cost, by budget."""
        self._typical_costs = costs
        self._refresh_lines()

    def show(self, session: Session, state: PaneState, now_ms: int) -> None:
        """Show the newest value of the session; the panels show it when the screen passes it to them."""
        if self._session is None or self._session.session_id != session.session_id:
            self._dismissed = None
            # The same words are about another queue now.
            self.shown, self.session_since = ShownOffer(self.shown.offer), math.inf
        self._session, self._state = session, state
        self._is_text_back = is_newest_message(session, self.prompt.text)
        self.sidebar.show_turns(self.has_answers)
        if self.has_answers:
            self.transcript.show(shown_turns(session, state.queued))
            if self._find_bar is not None:
                self._find_bar.follow()
        self.queue.show(state.queued, state.editing)
        self.budget(state.budget)
        # A replay queues nothing.
        running = state.state.running
        self.prompt.busy, self.prompt.waiting = running and not state.replay, bool(state.queued)
        self.prompt.ideas = not self.has_answers
        self.advise(now_ms)
        self._handle_panels()

    def _update_cost(self, session: Session) -> None:
        """Compute the cost line only when a turn's readings changed: text grows far more often."""
        if self.sidebar.shows(self._usage):
            self._cost_text, self._cost_key = "", ()
            return
        # What is browsed stays in sight beside it.
        most = self.size.width - MARGINS - (len(f"Browsing: {self._browsed}  ") if self._browsed else 0)
        room = self.size.width - HINT_CELLS
        old, self._cost_turns = self._cost_turns, session.turns
        front = identical_prefix(old, session.turns)
        key: tuple[object, ...] = (session.session_id, room, most, session.elsewhere, *self._state.gauges)
        if key != self._cost_key or not same_readings(old[front:], session.turns[front:]):
            self._cost_key = key
            from handinger_tui.core.money import usage_lines  # no money before the first turn

            self._cost_text = usage_lines.compact_line(session, self._state.gauges, room, most, self.money)

    def advise(self, now_ms: int) -> None:
        """Update the card: a failure to send first, else advice on the newest turn or the held queue."""
        self._now_ms = now_ms
        newest = self._trouble or self._waiting or self._advice()
        if newest is None:
            self._dismissed = None
        self.card.show(None if newest == self._dismissed else newest, now_ms)

    def _advice(self) -> Advice | None:
        # Nothing can be done about a turn that is replayed.
        if self._session is None or self._state.replay:
            return None
        state = self._state
        hold, running = state.state.hold, state.state.running
        if hold is not None and state.queued and not running:
            return hold_advice(self._session, hold, len(state.queued), self._now_ms)
        return advice(self._session, running=running, now_ms=self._now_ms)

    def opening(self, text: str) -> None:
        """Show which session is being opened; "" when it is open."""
        self._opening_text = text
        self._refresh_lines()

    def trouble(self, text: str | None) -> None:
        """Show that a message was not sent and why, until the next message; None removes it."""
        self._trouble = Advice("error", text) if text else None
        self.advise(self._now_ms)

    def wait(self, text: str) -> None:
        """Show the lines that wait for the connection; "" when none do."""
        self._waiting = Advice("info", text) if text else None
        self.advise(self._now_ms)

    def acknowledge(self, text: str, severity: SeverityLevel) -> bool:
        """Show a short line in place of the hint for a moment; False where it does not fit.

        A hint about what may cost money is not replaced.
        """
        if self._browsed:
            text = f"Browsing: {self._browsed} · {text}"
        width = self._hint.content_size.width
        if self._is_hint_firm or cell_len(self._with_act(text)) > width:
            # The line about an earlier action would be read as one about this.
            self.end_acknowledgment()
            return False
        style = "$warning" if severity == "warning" else "$foreground"
        self._acknowledged = text, style, self.prompt.text
        if self._acknowledgment_timer is not None:
            self._acknowledgment_timer.stop()
        self._acknowledgment_timer = self.set_timer(ACKNOWLEDGED_S, self.end_acknowledgment)
        self._refresh_lines()
        return True

    def end_acknowledgment(self) -> None:
        """Show the hint again. With the next Enter the line would be read as an answer to that."""
        self._acknowledged = None
        self._refresh_lines()

    def browse(self, name: str) -> None:
        """Show in a word what single keys browse now; "" when they go to the prompt."""
        if name != self._browsed:
            self._browsed, self._acknowledged = name, None
            self._refresh_lines()

    async def find_bar(self) -> FindBar:
        """The find bar above the prompt."""
        if self._find_bar is None:
            from handinger_tui.ui.widgets.find_bar import FindBar  # not before the first frame

            self._find_bar = FindBar(self.transcript.search, id="find")
            await self.mount(self._find_bar, before=self._suggestions)
        return self._find_bar

    def close_find_bar(self) -> None:
        """Hide the find bar."""
        if self._find_bar is not None:
            self._find_bar.close()

    # -- closing with Esc --------------------------------------------------------------------
    @property
    def open(self) -> bool:
        """Whether Esc has something to close here."""
        return self._suggestions.display or self.card.display

    def close_one(self) -> None:
        """Close the suggestions, else the card."""
        if self._suggestions.display:
            self.completion.close()
            self._refresh_lines()
        elif self._trouble is not None:
            self.trouble(None)
        elif self._waiting is not None:
            self.take_back()
        else:
            self._dismissed = self.card.advice
            self.card.show(None, 0)

    # -- the prompt ------------------------------------------------------------------------
    @on(TextArea.Changed, "#prompt")
    def _handle_text_change(self) -> None:
        self.completion.changed()
        is_text_back = is_newest_message(self._session, self.prompt.text)
        if is_text_back != self._is_text_back:
            # Enter sends the newest message again only while its text is in the prompt: its line says so.
            self._is_text_back = is_text_back
            self.transcript.update_texts()
        # What was typed before an Enter may be reported after the answer to it.
        if self._acknowledged is not None and self.prompt.text not in ("", self._acknowledged[2]):
            # What Enter does with a text that was just typed must stand below it.
            self._acknowledged = None
        self._refresh_lines()

    @on(TextArea.SelectionChanged, "#prompt")
    def _handle_cursor_move(self) -> None:
        self.completion.moved()

    @on(Chips.Toggled)
    def _handle_chips(self, event: Chips.Toggled) -> None:
        event.stop()
        self._refresh_lines()

    @on(PromptBox.Marked)
    def _handle_mark(self, event: PromptBox.Marked) -> None:
        event.stop()
        self.completion.move(event.by)
        self._refresh_lines()

    @on(PromptBox.Completing)
    def _handle_complete(self, event: PromptBox.Completing) -> None:
        event.stop()
        # The suggestions may belong to an earlier text.
        self.completion.changed()
        if event.entered and not self.completion.enter_accepts:
            self.prompt.entered()
        elif not self.completion.accept() and self.welcome.display:
            self.prompt.put(self.welcome.next_idea())

    # -- lines ---------------------------------------------------------------------------------
    def _facts(self) -> tuple[str, ...]:
        """What a turn usually costs, and what is left of the nearest limit, as shortly as the line asks."""
        typical = self._typical_costs.get(self._budget)
        usual = "" if typical is None else typical.chip
        limiting = Gauge.tightest(self._state.gauges)
        if limiting is None:
            return (usual,)
        # What is left comes before how certain the usual cost is.
        median = usual.partition(" (")[0]
        left = limiting.free_text
        # "cannot be enforced" alone does not say what.
        short = limiting.left_text if limiting.reported else left
        for facts in ((usual, left), (median, left), (median, short)):
            if sum(cell_len(one) + 3 for one in (self._budget, *facts)) <= self._entry.size.width:
                return facts
        return ("", short)

    def _refresh_lines(self) -> None:
        unlimited = self._budget == "unlimited"
        chip = Content.assemble((self._budget, "bold $background on $warning" if unlimited else "$accent"))
        facts = self._facts()
        subtitle = Content.assemble(chip, *((f" · {fact}", "$text-muted") for fact in facts if fact))
        if not subtitle.is_same(self._subtitle):
            self._subtitle = subtitle
            # A compact prompt has only the line above it.
            if self._compact:
                self._entry.border_title = Content.assemble(" ", subtitle, " ")
            else:
                self._entry.border_subtitle = subtitle
        shown, offer = self.shown, enter(self.prompt_state)
        # The line depends on it.
        self.shown = replace(shown, offer=offer)
        text, firm, style = self._hint_for_keys(), self._is_hint_firm or bool(self._state.replay), MUTED
        if self._acknowledged is not None and not self._is_hint_firm:
            (text, style, _over), firm = self._acknowledged, True
            text = self._with_act(text)
        self.shown = shown.then(offer, in_line=offer.act_words in text)
        self._hint.show(text, self._cost_text, firm=firm, style=style)
        if math.isinf(self.shown.since) or self.session_since == math.inf:
            self._hint.sight.renew()

    def _handle_painted(self, at: float) -> None:
        """A frame with the newest line is written."""
        self.shown = self.shown.painted(at)
        self.session_since = min(self.session_since, at)

    def _with_act(self, text: str) -> str:
        """A line that answers an action, with what Enter sends now: that must not stand hidden behind it."""
        offer = self.shown.offer
        needs_none = not offer.sends or "Press Enter" in text or self.is_leaving()
        return text if needs_none else f"{text} · {offer.act_words}"

    @property
    def _is_hint_firm(self) -> bool:
        """Whether the hint comes before the cost: what Enter does with a queue may cost money."""
        state = self._state.state
        is_held = state.hold is not None and bool(state.waiting) and not state.running
        is_editing = state.edited is not None or self.origin() is not None
        return bool(self._opening_text or is_held or is_editing or self.shown.offer.asks)

    @property
    def prompt_state(self) -> PromptState:
        """What decides what Enter does, as it is shown."""
        state, session = self._state, self._session
        newest = None if session is None else newest_shown(session)
        # What a fork carries over is no message, and takes no command along.
        is_empty = not isinstance(message_of_fork(self.prompt.text, self.prompt.pasted.texts), Prompt | None)
        return PromptState(
            Typed.NOTHING if is_empty else typed_in(self.prompt.text),
            state.state,
            files=self.chips.display or is_empty,
            is_connected=state.is_connected,
            is_doubtful=is_newest_message(session, self.prompt.text)
            and newest is not None
            and newest.status is TurnStatus.UNKNOWN,
            is_unfinished=newest is not None and newest.status in UNFINISHED,
            elsewhere=state.elsewhere or "",
            is_limited=any(
                gauge.reached and gauge.limit.is_raised_here and gauge.limit.scope is not Scope.TURN
                for gauge in state.gauges
            ),
            queue_cost=self._queue_cost() if state.queued else "cost unknown",
        )

    def _queue_cost(self) -> str:
        from handinger_tui.core.money.typical_cost import TypicalCost  # few queues

        budgets = (turn.request.budget or self._budget for turn in self._state.queued)
        return TypicalCost.together(map(self._typical_costs.get, budgets))

    def _hint_for_keys(self) -> str:
        if self._browsed == FINDING:
            return "Enter for the next match · ↑ for the previous · Esc to close"
        if self._browsed == FIRST_SCREEN:
            return "↑↓ to choose · Enter to select · Esc to return to the prompt"
        if self._browsed:
            return f"Browsing: {self._browsed} · Esc to return to the prompt"
        if self.prompt.choosing:
            return "Enter to attach · ↑↓ to choose · Esc to close"
        if self._state.replay and not self.prompt.text.startswith("/"):
            return self._state.replay
        hint = self.shown.offer.hint
        if (origin := self.origin()) is not None:
            editing, act = f"Editing message {origin.number}", hint.partition(" · ")[0]
            if cell_len(f"{editing} · {act}") > self._hint.content_size.width:
                # What stays held is above the prompt.
                act = act.partition(";")[0]
            hint = f"{editing} · {act} · Esc to cancel"
        return " · ".join(filter(None, (self._opening_text, hint)))


def replay_hint(replay: Replay | None) -> str:
    """What a replay plays, and what the keys do; "" where there is none."""
    if replay is None:
        return ""
    turn = f"turn {replay.number} of {len(replay.turns)}"
    if replay.is_over:
        return "End of the replay · ^C twice to quit"
    if replay.is_paused:
        return f"Replay paused, {turn} · Space to continue · ^C twice to quit"
    return f"Replay, {turn} · Space to pause · Esc to skip the turn"
