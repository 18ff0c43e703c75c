"""Screens without animation, tasks as Textual makes them, and days in UTC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

_run_test = App.run_test


@asynccontextmanager
async def run_with_eager_tasks(app: App[Any], **options: Any) -> AsyncIterator[Pilot[Any]]:
    """As `run_test`, with the task factory that `run_async` sets where Python has it: from 3.12 on.

    A task then begins in the line that makes it.
    """
    if (factory := getattr(asyncio, "eager_task_factory", None)) is not None:
        asyncio.get_running_loop().set_task_factory(factory)
    async with _run_test(app, **options) as pilot:
        yield pilot


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the color and theme settings of the machine."""
    monkeypatch.setattr(App, "run_test", run_with_eager_tasks)
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
