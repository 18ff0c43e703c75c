"""The repertoire of the local worker, asked from the top; the tour matches everything.

To add an entry: one module with a `RULE`, and its line here.
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
