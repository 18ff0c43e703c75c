"""Limits: the page of all limits, and the question when one is reached."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.widgets import Button, Input, Static

from handinger_tui.core.amounts import exact_text
from handinger_tui.core.bars import percent_level
from handinger_tui.core.money.limits import STILL, Gauge
from handinger_tui.ui.dialogs import Dialog, button
from handinger_tui.ui.spending.limit_changes import (
    LimitChange,
    NotAnAmount,
    parse_limit_change,
    parse_raised_amount,
)
from handinger_tui.ui.widgets.status_text import SHAPE, STYLE

NOT_SENT: Final = "Nothing was sent. Your text is still in the prompt."
QUEUE_HELD: Final = "The queue is held."
NO_LIMITS: Final = "No limits set. Only the budget caps what a turn may cost."
EXAMPLES: Final = ("day 5", "worker 3", "session 20 credits", "turn 0.50", "day off")
SCROLLS: Final = {"up": -2, "down": 2, "pageup": -8, "pagedown": 8}
"""Lines scrolled by each key; a meter has two lines."""
LEAST_METERS: Final = 2
"""Lines of the meters on a small screen: those of one."""
RULE: Final = "Warns at 80%; blocks new messages at 100%."


METER_CELLS: Final = 16
"""Cells of the bar of a limit in a dialog."""


def limit_meter(gauge: Gauge) -> Content:
    """A limit in a dialog: its name, bar and origin; the amounts; with reservations also the free amount."""
    limit, style = gauge.limit, STYLE[gauge.state]
    origin = f" · {limit.origin.words}" if limit.origin.words else ""
    first = Content.assemble(
        (f"{SHAPE[gauge.state]} ", style),
        (f"{limit.scope.capitalize():<8}", "bold $foreground"),
        (percent_level(gauge.percent, METER_CELLS), style),
        (f" {gauge.state.word}".rstrip(), f"bold {style}"),
        (origin, "$text-muted"),
    )
    amounts = (Content.styled(f"  {text}", "$foreground") for text in gauge.amounts)
    return Content("\n").join([first, *amounts])


class RaiseLimit(Dialog[Decimal]):
    """Asks for a higher amount of a reached limit; the result is None when canceled."""

    INTERRUPTS = True

    def __init__(self, gauge: Gauge, *, sending: bool, simulated: bool = False, about: str = "") -> None:
        """`sending`: the limit blocks a new message, and not only the queue.

        `about`: the title of the session, "" when it is the one on the screen.
        """
        state = "reached" if gauge.reached else "reserved"
        super().__init__(f"{gauge.limit.heading} {state}")
        self._about = about
        self._gauge, self._sending, self._simulated = gauge, sending, simulated
        # A limit from the command line overrides any amount that is typed here.
        self._raisable = gauge.limit.is_raised_here

    def compose_body(self) -> ComposeResult:
        """The meter, the consequence, the field and two buttons."""
        yield Static(limit_meter(self._gauge), classes="dialog-body")
        yield Static(Content(self._explanation()), classes="dialog-body")
        if self._raisable:
            yield Input(placeholder=self._placeholder(), id="typed")
            yield Static("", id="limit-problem")
        with Horizontal(classes="dialog-buttons"):
            yield button("leave", "Cancel")
            if self._raisable:
                label = "Raise limit and send" if self._sending else "Raise limit"
                yield button("raise", label, disabled=True)

    def _explanation(self) -> str:
        consequence = NOT_SENT if self._sending else QUEUE_HELD
        if self._about:
            consequence = f"Session: “{self._about}”. Nothing was sent."
        simulated = " Simulated: the local worker does not charge real money." if self._simulated else ""
        hint = "" if self._raisable else f"\n\n{self._gauge.limit.raise_hint}"
        # Beside reservations the meter has the free amount.
        is_in_meter = self._gauge.reached or self._gauge.has_reservations
        free = "" if is_in_meter else f"{self._gauge.free_text}.\n\n"
        return f"{free}{consequence} {STILL}{simulated}{hint}"

    def _placeholder(self) -> str:
        spent = exact_text(self._gauge.spent.value or Decimal(0), self._gauge.limit.unit)
        return f"New limit (above {spent}), empty to cancel"

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#typed" if self._raisable else "#leave"))

    def on_resize(self) -> None:
        """On a small screen, show the buttons below the field, too."""
        self.call_after_refresh(self.query_one(".dialog-buttons").scroll_visible, animate=False)

    @on(Input.Changed)
    def _handle_change(self, event: Input.Changed) -> None:
        self._read(event.value)

    def _read(self, text: str) -> Decimal | None:
        """Parse the amount and show an error below the field; None for an empty or invalid text."""
        amount, problem = None, ""
        try:
            amount = parse_raised_amount(text, self._gauge) if text.strip() else None
        except NotAnAmount as why:
            problem = why.summary
        self.query_one("#raise", Button).disabled = amount is None
        self.query_one("#limit-problem", Static).update(Content.styled(problem, "$warning"))
        return amount

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        amount = self._read(event.value)
        if amount is not None or not event.value.strip():
            self.dismiss(amount)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        if event.button.id == "raise":
            self.dismiss(self._read(self.query_one(Input).value))
        else:
            self.dismiss(None)


class LimitsPage(Dialog[LimitChange]):
    """Shows the meter of every limit in force, and a field with the syntax of `/limit`.

    The result is the limit to set or lift, None when closed.
    """

    BOX_CLASSES = "dialog -limits"

    def __init__(self, gauges: Sequence[Gauge], *, simulated: bool = False) -> None:
        suffix = "  simulated" if simulated else ""
        super().__init__(Content.assemble(("Limits", "bold"), (suffix, "$text-muted")))
        self._gauges = tuple(gauges)

    def compose_body(self) -> ComposeResult:
        """The meters, the examples and the field."""
        meters = Content("\n").join([limit_meter(gauge) for gauge in self._gauges])
        with VerticalScroll(id="limit-meters", can_focus=False):
            yield Static(meters or Content(NO_LIMITS))
        separator = Content.styled(" · ", "$text-muted")
        examples = separator.join([Content.styled(text, "$accent") for text in EXAMPLES])
        yield Static(Content.assemble((RULE, "$text-muted"), "\n", examples), id="limit-examples")
        yield Input(placeholder="For example: day 5", id="typed")
        yield Static("", id="limit-problem")

    def on_mount(self) -> None:
        self._show_problem("")
        self.watch(self.query_one(".dialog"), "virtual_size", self._fit, init=False)
        self.set_focus(self.query_one(Input))

    def on_resize(self) -> None:
        self.query_one("#limit-meters").styles.max_height = None

    def _fit(self) -> None:
        """Give the meters the room that the rest leaves: where the box scrolls, its first lines are gone."""
        box, meters = self.query_one(".dialog"), self.query_one("#limit-meters")
        excess = box.virtual_size.height - box.size.height
        if excess > 0:
            meters.styles.max_height = max(LEAST_METERS, meters.size.height - excess)

    def on_key(self, event: Key) -> None:
        """Scroll the meters with up, down and page keys, which the one-line field does not use."""
        lines = SCROLLS.get(event.key)
        if lines is not None:
            event.stop()
            self.query_one("#limit-meters").scroll_relative(y=lines, animate=False)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            self.dismiss(None)
            return
        try:
            self.dismiss(parse_limit_change(event.value))
        except NotAnAmount as why:
            self._show_problem(why.text)

    @on(Input.Changed)
    def _handle_change(self) -> None:
        self._show_problem("")

    def _show_problem(self, text: str) -> None:
        # The error explains the syntax, and a small screen has no room for both.
        self.query_one("#limit-examples").display = not text
        problem = self.query_one("#limit-problem", Static)
        problem.display = bool(text)
        problem.update(Content.styled(text, "$warning"))
