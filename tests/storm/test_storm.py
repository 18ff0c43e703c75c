"""One short storm."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.storm.__main__ import main


@pytest.mark.slow
@pytest.mark.terminal
@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_a_short_storm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["storm", "--minutes", "0.3", "--seed", "1"])
    assert main() == 0
