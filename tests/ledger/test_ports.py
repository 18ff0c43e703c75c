"""The ledger is what the engine and the app expect of it: the type checker holds it to that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from handinger_tui.engine.ports import TurnLog
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.ui.launch import Shelf

AS_LOG: Callable[[Path | None], TurnLog] = Ledger
AS_SHELF: Callable[[Path | None], Shelf] = Ledger


def test_the_ledger_has_every_method_of_its_ports() -> None:
    for port in (TurnLog, Shelf):
        wanted = {name for name in vars(port) if not name.startswith("_")}
        assert wanted
        assert wanted <= set(dir(Ledger))
