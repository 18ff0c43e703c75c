"""Screens without animation, and days in UTC."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from handinger_tui.ui import interaction
from handinger_tui.ui.sessions import farewell


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore how fast the machine is, and its color and theme settings."""
    monkeypatch.setattr(farewell, "DAY_TIMEOUT_S", 60.0)
    monkeypatch.setattr(interaction, "MAX_HOLD_S", 60.0)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for name in ("NO_COLOR", "COLORFGBG", "EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Days are those of the machine, here in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
