"""Setting and lifting limits by a command, which says what is in force then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.core.amounts import Unit, exact_text
from handinger_tui.core.money.limits import Gauge, GaugeState, Limit, Scope
from handinger_tui.ui.spending.limit_changes import LimitChange, parse_limit_change
from handinger_tui.ui.spending.limit_dialogs import LimitsPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.front import Front, Severity
    from handinger_tui.ui.sessions.controller import SessionController


async def change_limit(controller: SessionController, front: Front, argument: str) -> None:
    """Set or lift the limit that the argument names, or that a person types on the page of all limits."""
    actor = controller.shown
    change: LimitChange | None
    if argument:
        change = parse_limit_change(argument)
    else:
        gauges = await actor.recount()
        change = await front.ask(LimitsPage(gauges, simulated=controller.connection.limits.simulated))
    if change is not None:
        front.say(*await _apply(controller, actor, change))


async def _apply(
    controller: SessionController, actor: SessionActor, change: LimitChange
) -> tuple[str, Severity]:
    """Set or lift a limit of a session; returns what to say of it. A held queue stays held.

    Raises:
        HandingerError: a worker limit in a session without a worker, or the session was deleted.
        LedgerError: the limit could not be stored.
    """
    store, session = controller.connection.limits, actor.session
    before = await store.limits(session)
    # The message below reports the state of the limit, so no warning is shown for it.
    with controller.warned.held():
        for unit in [change.unit] if change.unit else list(Unit):
            await store.set_limit(session, change.scope, unit, change.amount)
        now = await actor.recount()
        for gauge in now:
            if _applies_to(change, gauge.limit.scope, gauge.limit.unit):
                controller.warned.mark_shown(session.session_id, gauge)
    return _format_result(change, before, now)


def _format_result(
    change: LimitChange, before: Sequence[Limit], now: Sequence[Gauge]
) -> tuple[str, Severity]:
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
    if gauge.reached:
        return gauge.warning, "error"
    if not gauge.reported:
        return f"Saved. {gauge.unmeasured_text} {gauge.other_unit_hint}".rstrip(), "warning"
    used = "" if gauge.percent is None else f" ({gauge.percent_text} used)"
    severity: Severity = "warning" if gauge.state is GaugeState.NEAR else "information"
    return f"{change.scope.heading} set to {exact_text(change.amount, unit)}{used}.", severity


def _format_lifted(
    change: LimitChange, before: Sequence[Limit], in_force: Sequence[Limit]
) -> tuple[str, Severity]:
    if in_force:
        return f"Still in force: {', '.join(map(_describe_limit, in_force))}.", "warning"
    if not any(_applies_to(change, limit.scope, limit.unit) for limit in before):
        return f"There was no {change.scope.limit}.", "information"
    return f"The {change.scope.limit} was removed.", "information"


def _applies_to(change: LimitChange, scope: Scope, unit: Unit) -> bool:
    return scope is change.scope and change.unit in (None, unit)


def _describe_limit(limit: Limit) -> str:
    name = f"the {limit.scope.limit} {limit.origin.words}".rstrip()
    return f"{name} ({limit.text})"
