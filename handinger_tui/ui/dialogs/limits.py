"""Limits: the page of all limits, the question when one is reached, and a function to set one."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.notifications import SeverityLevel
from textual.widgets import Button, Input, Static

from handinger_tui.core.amounts import Unit
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.money.limits import (
    STILL,
    UNTIL_RAISED,
    Gauge,
    GaugeState,
    Limit,
    LimitOrigin,
    Scope,
    amount_of,
    free_text,
    raise_hint,
    reached_text,
)
from handinger_tui.core.money.words import exact_text
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.dialogs import Dialog, button
from handinger_tui.ui.widgets.status_text import SET_BY, limit_meter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.work.interaction import Interaction
    from handinger_tui.ui.work.session_controller import SessionController

CREDIT_DECIMALS: Final = 6
"""The history stores credits in millionths."""
OFF: Final = frozenset({"off", "none"})
USAGE: Final = "Examples: /limit day 5, /limit turn 0.50, /limit session 20 credits, /limit day off"
_SCOPES: Final = ", ".join(Scope)
_AMOUNT: Final = re.compile(r"(\$?)\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(usd|dollars?|credits?)?")


class NotAnAmount(HandingerError):
    """The typed text is not a limit or amount; nothing was set."""


class LimitChange(Struct, frozen=True):
    """A limit to set. `amount` None removes it, with `unit` None in both units."""

    scope: Scope
    unit: Unit | None
    amount: Decimal | None


def parse_limit_change(text: str) -> LimitChange:
    """Parse the argument of `/limit`: "day 5", "session 20 credits", "worker $3", "day off".

    Raises:
        NotAnAmount
    """
    name, _, amount_text = " ".join(text.lower().split()).partition(" ")
    if name not in set(Scope):
        raise NotAnAmount(f"Unknown limit {clean_line(name, 20)}. Use one of: {_SCOPES}.", USAGE)
    scope, words = Scope(name), amount_text.split()
    if words and words[0] in OFF:
        return LimitChange(scope, _removed_unit(words[1:]), None)
    if not words:
        raise NotAnAmount(f"The {scope.limit} needs an amount.", USAGE)
    amount, unit = parse_amount(amount_text)
    return LimitChange(scope, unit, amount)


def parse_amount(text: str, expected: Unit = Unit.USD) -> tuple[Decimal, Unit]:
    """Parse an amount: "5", "$0.50", "20 credits"; without sign or word its unit is `expected`.

    Raises:
        NotAnAmount: not a plain decimal number above 0, too many decimals, or too large. A comma is
            never accepted: half the world writes 0,5 and means a half.
    """
    match = _AMOUNT.fullmatch(text.strip().lower())
    quoted = clean_line(text.strip(), 30)
    if match is None:
        raise NotAnAmount(f"“{quoted}” is not an amount.", f"Use digits and one decimal point. {USAGE}")
    sign, digits, word = match.groups()
    in_credits = (word or "").startswith("credit")
    if sign and in_credits:
        raise NotAnAmount(f"“{quoted}” is both dollars and credits.", USAGE)
    unit = Unit.CREDITS if in_credits else Unit.USD if sign or word else expected
    if unit is Unit.CREDITS and len(digits.partition(".")[2].rstrip("0")) > CREDIT_DECIMALS:
        raise NotAnAmount(f"Credits have at most {CREDIT_DECIMALS} decimals.", USAGE)
    try:
        return amount_of(digits), unit
    except ValueError as error:
        reason = str(error)
        raise NotAnAmount(f"{reason[:1].upper()}{reason[1:]}.", USAGE) from None


def parse_raised_amount(text: str, gauge: Gauge) -> Decimal:
    """Parse a new amount for a limit that is reached.

    Raises:
        NotAnAmount: as for `parse_amount`, in another unit than the limit, or not above what is spent.
    """
    amount, unit = parse_amount(text, gauge.limit.unit)
    if unit is not gauge.limit.unit:
        unit_name = "dollars" if gauge.limit.unit is Unit.USD else "credits"
        raise NotAnAmount(f"This limit is in {unit_name}.")
    spent = gauge.spent.value or Decimal(0)
    if amount <= spent:
        raise NotAnAmount(f"The limit must be above what is already spent ({exact_text(spent, unit)}).")
    return amount


def _removed_unit(words: list[str]) -> Unit | None:
    """The unit in which "off" removes a limit, from the words after it; None: in both."""
    match words:
        case []:
            return None
        case ["usd" | "dollars"]:
            return Unit.USD
        case ["credits"]:
            return Unit.CREDITS
        case _:
            pass
    raise NotAnAmount("Nothing may follow “off”.", USAGE)


async def apply_limit(
    controller: SessionController, interaction: Interaction, session: Session, change: LimitChange
) -> None:
    """Set or lift a limit of `session`, and show the one in force. A held queue stays held.

    Raises:
        HandingerError: a worker limit in a session without a worker.
        LedgerError: the limit could not be stored.
    """
    store, session_id = controller.connection.limits, session.session_id
    before = await store.limits(session)
    # The message below reports the state of the limit, so no warning is shown for it.
    with controller.warned.held():
        for unit in [change.unit] if change.unit else list(Unit):
            await store.set_limit(session, change.scope, unit, change.amount)
        now = await controller.engine.actor(session_id).recount()
        for gauge in now:
            if _applies_to(change, gauge.limit.scope, gauge.limit.unit):
                controller.warned.mark_shown(session_id, gauge)
    interaction.say(*_format_result(change, before, now))


def _format_result(
    change: LimitChange, before: Sequence[Limit], now: Sequence[Gauge]
) -> tuple[str, SeverityLevel]:
    """The message about a changed limit, and its severity."""
    in_force = [gauge for gauge in now if _applies_to(change, gauge.limit.scope, gauge.limit.unit)]
    if change.amount is None:
        return _format_lifted(change, before, [gauge.limit for gauge in in_force])
    gauge = next((gauge for gauge in in_force if gauge.limit.amount == change.amount), None)
    unit = change.unit or Unit.USD
    if gauge is None:
        overriding = ", ".join(_describe_limit(gauge.limit) for gauge in in_force)
        stored = f"The {change.scope.limit} of {exact_text(change.amount, unit)} is saved"
        return (f"{stored}, but {overriding} overrides it." if overriding else f"{stored}."), "warning"
    if gauge.state is GaugeState.REACHED:
        return f"{reached_text(gauge)} {UNTIL_RAISED}", "error"
    used = "" if gauge.percent is None else f" ({gauge.percent_text} used)"
    severity: SeverityLevel = "warning" if gauge.state is GaugeState.NEAR else "information"
    return f"{change.scope.limit.capitalize()} set to {exact_text(change.amount, unit)}{used}.", severity


def _format_lifted(
    change: LimitChange, before: Sequence[Limit], in_force: Sequence[Limit]
) -> tuple[str, SeverityLevel]:
    if in_force:
        return f"Still in force: {', '.join(map(_describe_limit, in_force))}.", "warning"
    if not any(_applies_to(change, limit.scope, limit.unit) for limit in before):
        return f"There was no {change.scope.limit}.", "information"
    return f"The {change.scope.limit} was removed.", "information"


def _applies_to(change: LimitChange, scope: Scope, unit: Unit) -> bool:
    return scope is change.scope and change.unit in (None, unit)


def _describe_limit(limit: Limit) -> str:
    name = f"the {limit.scope.limit} {SET_BY[limit.origin]}".rstrip()
    return f"{name} ({exact_text(limit.amount, limit.unit)})"


NOT_SENT: Final = "Nothing was sent. Your text is still in the prompt."
QUEUE_HELD: Final = "The queue is held."
NO_LIMITS: Final = "No limits set. Only the budget caps what a turn may cost."
EXAMPLES: Final = ("day 5", "worker 3", "session 20 credits", "turn 0.50", "day off")
SCROLLS: Final = {"up": -2, "down": 2, "pageup": -8, "pagedown": 8}
"""Lines scrolled by each key; a meter has two lines."""
RULE: Final = "Warns at 80%; blocks new messages at 100%."


class RaiseLimit(Dialog[Decimal]):
    """Asks for a higher amount of a reached limit; the result is None when canceled."""

    def __init__(self, gauge: Gauge, *, sending: bool, simulated: bool = False, about: str = "") -> None:
        """`sending`: the limit blocks a new message, and not only the queue.

        `about`: the title of the session, "" when it is the one on the screen.
        """
        state = "reached" if gauge.state is GaugeState.REACHED else "reserved"
        super().__init__(f"{gauge.limit.scope.limit.capitalize()} {state}")
        self._about = about
        self._gauge, self._sending, self._simulated = gauge, sending, simulated
        # A limit from the command line overrides any amount that is typed here.
        self._raisable = gauge.limit.origin is not LimitOrigin.FLAG

    def compose_body(self) -> ComposeResult:
        """The meter, the consequence, the field and two buttons."""
        yield Static(limit_meter(self._gauge), classes="dialog-body")
        yield Static(Content(self._explanation()), classes="dialog-body")
        if self._raisable:
            yield Input(placeholder=self._placeholder(), id="typed")
            yield Static("", id="limit-problem", classes="dialog-body")
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
        hint = "" if self._raisable else f"\n\n{raise_hint(self._gauge.limit)}"
        # Beside reservations the meter has the free amount.
        is_in_meter = self._gauge.state is GaugeState.REACHED or self._gauge.has_reservations
        free = "" if is_in_meter else f"{free_text(self._gauge)}.\n\n"
        return f"{free}{consequence} {STILL}{simulated}{hint}"

    def _placeholder(self) -> str:
        spent = exact_text(self._gauge.spent.value or Decimal(0), self._gauge.limit.unit)
        return f"New limit (above {spent}), empty to cancel"

    def on_mount(self) -> None:
        """Focus the field."""
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
        """Focus the field."""
        self.set_focus(self.query_one(Input))

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
        self.query_one("#limit-problem", Static).update(Content.styled(text, "$warning"))
