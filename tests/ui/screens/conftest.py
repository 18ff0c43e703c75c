"""A folder to start in."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the program is started."""
    place = tmp_path / "here"
    (place / "reports").mkdir(parents=True)
    (place / "sales.csv").write_text("day,units\nmon,4\ntue,6\n")
    (place / "sales old.csv").write_text("day\n")
    (place / ".secret").write_text("s")
    (place / "reports" / "q3.md").write_text("# Q3\n")
    monkeypatch.chdir(place)
    return place
