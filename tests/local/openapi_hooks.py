"""Hooks of schemathesis (loaded by it, not by pytest): rules that a schema cannot express.

A request that is valid by the schema may still have a past day, an invalid cron expression, or an
address that is not https. The local worker refuses these with 422, and the check of accepted requests would
demand that it stores a schedule that can never run. In valid requests such a value becomes one that means
something; invalid requests stay as they are.
"""

from datetime import UTC, datetime
from typing import Any

import schemathesis


def is_future(text: str) -> bool:
    try:
        return datetime.fromisoformat(text.upper()) > datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return False


def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    when = case.body.get("when")
    if isinstance(when, dict):
        if when.get("type") == "scheduled" and not is_future(when["date"]):
            when["date"] = "2099-01-01T00:00:00Z"
        if when.get("type") == "cron":
            when["cron"] = "0 9 * * 1"
    if case.operation.path.endswith("/webhook") and isinstance(case.body.get("url"), str):
        case.body["url"] = "https://example.com/hook"


schemathesis.hook(before_call)
