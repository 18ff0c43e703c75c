"""The rules of the local worker, matched in this order; the last one matches everything.

To add a rule, write a module with a `RULE` and list it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.local.repertoire import answers, file_summaries, report

if TYPE_CHECKING:
    from handinger_tui.local.turn_context import Rule

REPERTOIRE: tuple[Rule, ...] = (
    answers.FAIL,
    answers.ECHO,
    answers.LONG,
    answers.SILENT,
    file_summaries.RULE,
    answers.SOURCES,
    report.RULE,
    answers.RULE,
    answers.OTHER,
)
