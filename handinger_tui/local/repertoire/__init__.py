"""The rules of the local worker, matched in this order; the tour matches everything.

To add a rule, write a module with a `RULE` and list it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.local.repertoire import attachments, echo, failure, long_answer, report, sources, tour

if TYPE_CHECKING:
    from handinger_tui.local.turn_context import Rule

REPERTOIRE: tuple[Rule, ...] = (
    failure.RULE,
    echo.RULE,
    long_answer.RULE,
    attachments.RULE,
    sources.RULE,
    report.RULE,
    tour.RULE,
)
