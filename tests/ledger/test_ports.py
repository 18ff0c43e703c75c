"""The ledger is what the engine and the app expect of it: the type checker holds it to that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from handinger_tui.engine import ports
from handinger_tui.engine.ports import TurnHistory
from handinger_tui.ledger.charges.limits import LimitService
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.ui import ports as ui_ports
from handinger_tui.ui.ports import ChargeReader, HistoryOfSessions

AS_LOG: Callable[[Path | None], TurnHistory] = Ledger


def as_ports(ledger: Ledger) -> tuple[HistoryOfSessions, ChargeReader]:
    return ledger.history, ledger.charges


def as_limits(service: LimitService) -> tuple[ports.LimitReader, ui_ports.LimitStore]:
    return service, service


def test_the_ledger_has_every_method_of_its_ports() -> None:
    ledger = Ledger(None)
    for port, part in (
        (TurnHistory, ledger),
        (HistoryOfSessions, ledger.history),
        (ChargeReader, ledger.charges),
    ):
        wanted = {name for name in vars(port) if not name.startswith("_")}
        assert wanted
        assert wanted <= set(dir(part))
