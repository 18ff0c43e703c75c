"""Patterns that are compiled when they are first used: at once, those of a start took 12 ms of it."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def late(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, for a pattern that stands in a module; one that is wrong shows when it is used."""
    return cast("re.Pattern[AnyStr]", _Late(pattern, flags))


class _Late:
    """Takes over what is asked of the pattern: the second time nothing stands in between."""

    def __init__(self, pattern: Any, flags: int) -> None:
        self._told = pattern, flags

    def __getattr__(self, name: str) -> Any:
        value = getattr(re.compile(*self._told), name)
        setattr(self, name, value)
        return value
