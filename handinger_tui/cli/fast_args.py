"""The command line of a plain start, without the parser: to import and to make it takes 7 ms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

UNSAID: Final[dict[str, Any]] = {
    **dict.fromkeys(("prompt", "headless", "output", "output_format", "worker", "resume", "budget")),
    **dict.fromkeys(("max_cost", "max_credits", "timeout", "base_url", "generation", "profile")),
    **dict.fromkeys(
        ("last", "detach", "dry_run", "no_history", "raw", "local", "no_color", "no_mouse"), False
    ),
    "command": "",
}
"""What the parser finds where nothing is said."""


def unparsed(said: Iterable[str]) -> argparse.Namespace:
    """As the parser's; `said` are the names of options that are on."""
    told = SimpleNamespace(**UNSAID | dict.fromkeys(said, True), file=[])
    return cast("argparse.Namespace", told)
