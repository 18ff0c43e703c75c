"""What every test may rely on: no key, no service and no data of the person who runs it."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

import pytest


def pytest_collection_finish() -> None:
    """Thousands of collected tests would be walked through at every full collection, in each process."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty data folder; a key in the environment could make a test pay for a turn."""
    for name in list(os.environ):
        if name.startswith("HANDINGER_") or name in {"NO_COLOR", "FORCE_COLOR", "TEXTUAL"}:
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HANDINGER_TUI_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def tmux() -> str:
    """The path of tmux. A journey that nobody could watch has not passed, so there is no skip."""
    found = shutil.which("tmux")
    if found is None:
        pytest.fail(
            "the tests marked `terminal` need tmux: install it, or deselect them with -m 'not terminal'"
        )
    return found
