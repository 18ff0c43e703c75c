"""Arguments of a plain start without argparse: importing and building the parser takes 7 ms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

DEFAULTS: Final[dict[str, Any]] = {
    **dict.fromkeys(("prompt", "headless", "output", "output_format", "worker", "resume", "budget")),
    **dict.fromkeys(("max_cost", "max_credits", "timeout", "base_url", "generation", "profile")),
    **dict.fromkeys(
        ("last", "detach", "dry_run", "no_history", "raw", "local", "no_color", "no_mouse"), False
    ),
    "command": "",
}
"""The values that the parser gives to an empty command line."""


def fast_args(enabled: Iterable[str]) -> argparse.Namespace:
    """Return the same namespace as the parser; `enabled` names the options that are set to True."""
    args = SimpleNamespace(**DEFAULTS | dict.fromkeys(enabled, True), file=[])
    return cast("argparse.Namespace", args)
