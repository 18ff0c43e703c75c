"""Limits: the page of all limits, the question when one is reached, and setting or raising one."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Final, Protocol, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, Input, Static

from handinger_tui.core.money.limits import (
    STILL,
    UNTIL_RAISED,
    Gauge,
    Limit,
    Origin,
    Scope,
    State,
    Unit,
    exact_text,
    raise_hint,
    reached_text,
)
from handinger_tui.ui.dialogs.confirm import CLOSE
from handinger_tui.ui.widgets.limit_bar import meter
from handinger_tui.ui.widgets.limit_input import NotAnAmount, Wish, read_raise, read_wish
from handinger_tui.ui.widgets.ordered_input import OrderedInput
from handinger_tui.ui.work.session_controller import SessionController

Answer = TypeVar("Answer")
WHERE: Final = {Origin.FLAG: "of the command line", Origin.CONFIG: "of the settings"}


class Speaking(Protocol):
    """Who can say a line and ask a question."""

    def say(self, text: str, severity: SeverityLevel = "information") -> None:
        """One passing line."""
        ...

    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        """Show a dialog and wait for its answer."""
        ...


async def grant(desk: SessionController, stage: Speaking, wish: Wish) -> None:
    """Set or lift a limit, say what counts now, and let the queue go on where nothing blocks any more.

    Raises:
        HandingerError: a limit of the worker before there is one.
        LedgerError: it is not kept.
    """
    purse, session = desk.connection.purse, desk.session
    session_id = session.session_id
    before = await purse.limits(session)
    for unit in [wish.unit] if wish.unit else list(Unit):
        await purse.set_limit(session, wish.scope, unit, wish.amount)
    now = await desk.limits_changed(session_id)
    for gauge in now:
        if _meant(wish, gauge.limit.scope, gauge.limit.unit):
            # Told right here, and not once more as a warning.
            desk.warned.told(session_id, gauge)
    stage.say(*_told(wish, before, now))


def _told(wish: Wish, before: Sequence[Limit], now: Sequence[Gauge]) -> tuple[str, SeverityLevel]:
    left = [gauge for gauge in now if _meant(wish, gauge.limit.scope, gauge.limit.unit)]
    if wish.amount is None:
        return _lifted(wish, before, [gauge.limit for gauge in left])
    gauge = next((gauge for gauge in left if gauge.limit.amount == wish.amount), None)
    unit = wish.unit or Unit.USD
    if gauge is None:
        stands = ", ".join(_where(gauge.limit) for gauge in left)
        kept = f"The {wish.scope} limit {exact_text(wish.amount, unit)} is kept"
        return (f"{kept}, but {stands} goes before it." if stands else f"{kept}."), "warning"
    if gauge.state is State.REACHED:
        return f"{reached_text(gauge)} {UNTIL_RAISED}", "error"
    used = "" if gauge.percent is None else f": {gauge.percent} % used"
    severity: SeverityLevel = "warning" if gauge.state is State.NEAR else "information"
    return f"The {wish.scope} limit is {exact_text(wish.amount, unit)} now{used}.", severity


def _lifted(wish: Wish, before: Sequence[Limit], left: Sequence[Limit]) -> tuple[str, SeverityLevel]:
    if left:
        return f"Still there: {', '.join(map(_where, left))}.", "warning"
    if not any(_meant(wish, limit.scope, limit.unit) for limit in before):
        return f"There was no {wish.scope} limit.", "information"
    return f"The {wish.scope} limit is lifted.", "information"


def _meant(wish: Wish, scope: Scope, unit: Unit) -> bool:
    return scope is wish.scope and wish.unit in (None, unit)


def _where(limit: Limit) -> str:
    place = WHERE.get(limit.origin, "")
    return f"the {limit.scope} limit {place} ({exact_text(limit.amount, limit.unit)})".replace("  ", " ")


async def raise_limit(
    desk: SessionController, stage: Speaking, session_id: str, gauge: Gauge, *, sending: bool, about: str = ""
) -> bool:
    """Ask for a larger amount and set it; False when the person leaves it as it is.

    `about`: the title of the session, where another one is on the screen.

    Raises:
        LedgerError: it is not kept.
    """
    purse, limit = desk.connection.purse, gauge.limit
    desk.warned.told(session_id, gauge)
    question = RaiseLimit(gauge, sending=sending, simulated=purse.simulated, about=about)
    amount: Decimal | None = await stage.ask(question)
    if amount is None:
        return False
    await purse.set_limit(desk.session_of(session_id), limit.scope, limit.unit, amount)
    return True


KEPT: Final = "Nothing was sent. Your text stays in the prompt."
QUEUED: Final = "The queue waits: nothing more is sent."
NONE_YET: Final = "No limit is set: nothing but the budget bounds what turns take."
EXAMPLES: Final = ("day 5", "worker 3", "session 20 credits", "turn 0.50", "day off")
SCROLLS: Final = {"up": -2, "down": 2, "pageup": -8, "pagedown": 8}
"""Lines; each meter has two."""
RULE: Final = "At 80 % it warns, at 100 % nothing more is sent until raised."


class RaiseLimit(ModalScreen[Decimal]):
    """Asks for a larger amount in place of a limit that is used up; Esc or an empty field leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = CLOSE

    def __init__(self, gauge: Gauge, *, sending: bool, simulated: bool = False, about: str = "") -> None:
        """`sending`: a message is held back, and not only the queue.

        `about`: the title of its session, where another one is on the screen.
        """
        super().__init__()
        self._about = about
        self._gauge, self._sending, self._simulated = gauge, sending, simulated
        # A flag of this start outranks whatever is typed here.
        self._raisable = gauge.limit.origin is not Origin.FLAG

    def compose(self) -> ComposeResult:
        """What is used up, what did not happen, the field, two buttons."""
        scope = self._gauge.limit.scope.capitalize()
        with Vertical(classes="dialog"):
            yield Static(Content.styled(f"{scope} limit reached", "bold"), classes="dialog-title")
            yield Static(meter(self._gauge), classes="dialog-body")
            yield Static(Content(self._told()), classes="dialog-body")
            if self._raisable:
                yield OrderedInput(placeholder=self._asked(), id="typed")
                yield Static("", id="limit-problem", classes="dialog-body")
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content("Leave it"), id="leave", compact=True)
                if self._raisable:
                    deed = "Raise and send" if self._sending else "Raise and go on"
                    yield Button(Content(deed), id="raise", compact=True, disabled=True)

    def _told(self) -> str:
        happened = KEPT if self._sending else QUEUED
        if self._about:
            happened = f"Session: “{self._about}”. Nothing was sent."
        simulated = " Simulated: the local worker charges nothing." if self._simulated else ""
        hint = "" if self._raisable else f"\n\n{raise_hint(self._gauge.limit)}"
        return f"{happened} {STILL}{simulated}{hint}"

    def _asked(self) -> str:
        spent = exact_text(self._gauge.spent.value or Decimal(0), self._gauge.limit.unit)
        return f"a new amount above {spent}; Enter alone leaves it"

    def on_mount(self) -> None:
        """The amount can be typed at once; no passing line that told the same covers the question."""
        self.app.clear_notifications()
        self.query_one("#typed" if self._raisable else "#leave").focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._read(event.value)

    def _read(self, text: str) -> Decimal | None:
        """The amount; what is wrong with it stands below the field."""
        amount, problem = None, ""
        try:
            amount = read_raise(text, self._gauge) if text.strip() else None
        except NotAnAmount as why:
            problem = why.summary
        self.query_one("#raise", Button).disabled = amount is None
        self.query_one("#limit-problem", Static).update(Content.styled(problem, "$warning"))
        return amount

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        amount = self._read(event.value)
        if amount is not None or not event.value.strip():
            self.dismiss(amount)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "raise":
            self.dismiss(self._read(self.query_one(Input).value))
        else:
            self.dismiss(None)

    def action_close(self) -> None:
        """Nothing is set."""
        self.dismiss(None)


class LimitsPage(ModalScreen[Wish]):
    """Every limit in force with how far it is used, and a field that takes what `/limit` takes."""

    BINDINGS: ClassVar[list[BindingType]] = CLOSE

    def __init__(self, gauges: Sequence[Gauge], *, simulated: bool = False) -> None:
        super().__init__()
        self._gauges, self._simulated = tuple(gauges), simulated

    def compose(self) -> ComposeResult:
        """The meters, then how to set one, then the field."""
        with Vertical(classes="dialog", id="limits"):
            simulated = "  simulated" if self._simulated else ""
            title = Content.assemble(("Limits", "bold"), (simulated, "$text-muted"))
            yield Static(title, classes="dialog-title")
            with VerticalScroll(id="limit-meters", can_focus=False):
                yield Static(self._meters())
            yield Static(self._examples(), id="limit-examples")
            yield OrderedInput(placeholder="a limit to set, as above; Esc closes", id="typed")
            yield Static("", id="limit-problem")

    def _meters(self) -> Content:
        if not self._gauges:
            return Content(NONE_YET)
        return Content("\n").join([meter(gauge) for gauge in self._gauges])

    def _examples(self) -> Content:
        typed = Content.styled(" · ", "$text-muted").join(Content.styled(one, "$accent") for one in EXAMPLES)
        return Content("\n").join([Content.styled(RULE, "$text-muted"), typed])

    def on_mount(self) -> None:
        """A limit can be typed at once; passing lines about limits do not cover them."""
        self.app.clear_notifications()
        self.query_one(Input).focus()

    def on_key(self, event: Key) -> None:
        """The meters scroll while the cursor stays in the field, which has but one line."""
        lines = SCROLLS.get(event.key)
        if lines is not None:
            event.stop()
            self.query_one("#limit-meters").scroll_relative(y=lines, animate=False)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            self.dismiss(None)
            return
        try:
            self.dismiss(read_wish(event.value))
        except NotAnAmount as why:
            self._problem(f"{why.summary} {why.hint}".strip())

    @on(Input.Changed)
    def _changed(self) -> None:
        self._problem("")

    def _problem(self, text: str) -> None:
        # It tells how to write a limit as well, and a small screen has no room for both.
        self.query_one("#limit-examples").display = not text
        self.query_one("#limit-problem", Static).update(Content.styled(text, "$warning"))

    def action_close(self) -> None:
        """Nothing is set."""
        self.dismiss(None)
