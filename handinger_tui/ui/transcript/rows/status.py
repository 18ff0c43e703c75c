"""Status lines and error cards of a turn: what happened, whether it may cost, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from textual.content import Content

from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import FREE, Fault, Kind, Retry, TurnStatus
from handinger_tui.ui.transcript.row import Row, joined, styled
from handinger_tui.ui.transcript.rows.slots import Ending, ProgressLine

_PROGRESS: Final[Mapping[TurnStatus, str]] = MappingProxyType(
    {
        TurnStatus.QUEUED: "waiting for its turn",
        TurnStatus.SENDING: "sending…",
        TurnStatus.ACCEPTED: "working…",
        TurnStatus.CHECKING: "connection lost: asking the service what became of it; nothing is sent again…",
    }
)
_TITLES: Final[Mapping[TurnStatus, str]] = MappingProxyType(
    {
        TurnStatus.INCOMPLETE: "The answer is incomplete",
        TurnStatus.FAILED: "The worker failed",
        TurnStatus.RUNNING: "No longer watched: the worker goes on",
        TurnStatus.REJECTED: "The service refused the prompt",
        TurnStatus.NOT_SENT: "Not sent",
        TurnStatus.NOT_DELIVERED: "Not delivered",
        TurnStatus.UNKNOWN: "It is not known whether the prompt arrived",
    }
)
_NEXT_BY_KIND: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.AUTH: "Set the right key (handinger-tui config shows its origin) and start again.",
        Kind.PAYMENT: "Add credits to the account, then send the prompt again.",
        Kind.FORBIDDEN: "This key may not do that: set another one (HANDINGER_API_KEY) and start again.",
        Kind.NOT_FOUND: "The worker does not exist (any more): start a new session (/new).",
        Kind.CONFLICT: "The worker is busy with another turn: wait for it (/attach), then send again.",
        Kind.RATE_LIMITED: "Wait, then send the prompt again.",
        Kind.COST_LIMIT: "Lower the budget (/budget), then send again.",
        Kind.SETTINGS: "Correct the settings (handinger-tui config lists them) and start again.",
        Kind.DISK: "Make room on the disk first: nothing is sent that cannot be kept.",
        Kind.UNSAFE_URL: "Check the service's address (handinger-tui config shows it).",
    }
)
_NEXT_BY_STATUS: Final[Mapping[TurnStatus, str]] = MappingProxyType(
    {
        TurnStatus.INCOMPLETE: "What came is kept. Ask the worker to go on.",
        TurnStatus.FAILED: "What came is kept. Ask again, or start a new session (/new).",
        TurnStatus.RUNNING: "/attach watches it again.",
        TurnStatus.REJECTED: "The prompt is kept: edit it and send it again.",
        TurnStatus.NOT_SENT: "The prompt is kept: send it again.",
        TurnStatus.NOT_DELIVERED: "The prompt is kept: send it again.",
        TurnStatus.UNKNOWN: "Look at the dashboard before you send it again: it could run, and cost, twice.",
    }
)


def progress_rows(progress: ProgressLine) -> list[Row]:
    """Return the status line of a live turn; no rows if the growing answer itself shows progress."""
    if progress.status is TurnStatus.ACCEPTED and not progress.quiet and not progress.activity:
        return []
    activity = clean_line(progress.activity or "", 200) or _PROGRESS.get(progress.status, "")
    text = activity if progress.retry is None else _retry_text(progress.retry)
    return [Row(styled(text, "busy"), first=styled("○ ", "busy"), hanging=Content("  "))]


def _retry_text(retry: Retry) -> str:
    wait = max(1, round(retry.wait_ms / 1000))
    reason = clean_line(retry.reason, 160) or "no answer"
    return f"retry {retry.number} after {wait} s: {reason} Nothing is sent again. Esc stops watching."


def ending_rows(ending: Ending) -> list[Row]:
    """Return the rows of the error card."""
    fault = ending.fault if isinstance(ending.fault, Fault) else None
    mark, color = ("○ ", "busy") if ending.status is TurnStatus.RUNNING else ("✗ ", "bad")
    lines = [joined((styled(mark, color), styled(_TITLES[ending.status], "error-title")))]
    lines += [styled(reason) for reason in _reasons(ending, fault)]
    lines.append(
        joined((styled(_cost_text(ending.status, fault)), styled(" " + _next_step(ending.status, fault))))
    )
    bar = styled("▌ ", color)
    return [Row(line, "error", bar, bar) for line in lines]


def _reasons(ending: Ending, fault: Fault | None) -> list[str]:
    texts = [fault.message if fault else None, ending.why, *ending.errors]
    reasons = list(dict.fromkeys(clean_line(text, 1000) for text in texts if text))[:6]
    if fault is not None and fault.http_status is not None:
        http_answer = f"The service answered {fault.http_status}."
        reasons = [*reasons, http_answer] if str(fault.http_status) not in "".join(reasons) else reasons
    return reasons


def _cost_text(status: TurnStatus, fault: Fault | None) -> str:
    if status in FREE or (fault is not None and not fault.may_have_been_charged):
        return "Nothing was charged."
    if status is TurnStatus.RUNNING:
        return "It may go on charging."
    return "It may have cost something."


def _next_step(status: TurnStatus, fault: Fault | None) -> str:
    if fault is not None and fault.retry_after_s is not None and fault.kind is Kind.RATE_LIMITED:
        return f"Wait {fault.retry_after_s:.0f} s, then send the prompt again."
    by_kind = _NEXT_BY_KIND.get(fault.kind) if fault is not None else None
    return by_kind or _NEXT_BY_STATUS[status]
