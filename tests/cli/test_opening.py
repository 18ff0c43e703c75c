"""Openers and browsers: their environment, and the handling of one that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from handinger_tui.cli.connection import open_link
from handinger_tui.core.safety import without_secrets

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://example.test/a"
SECRETS = {"HANDINGER_API_KEY": "sk-very-secret", "HANDINGER_CUSTOM_HEADERS": "X-Gateway: very-secret"}


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


def test_only_secrets_are_removed() -> None:
    assert without_secrets({**SECRETS, "handinger_api_key": "x", "PATH": "/bin"}) == {"PATH": "/bin"}


@pytest.mark.parametrize("how", ["browser", "opener"])
async def test_started_programs_do_not_get_the_key(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_line = tmp_path / "environ"
    script = f'env > "{read_line}.part"; mv "{read_line}.part" "{read_line}"'
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":0")
    if how == "browser":
        monkeypatch.setenv("BROWSER", str(program(tmp_path, "browser", script)))
    else:
        monkeypatch.delenv("BROWSER", raising=False)
        program(tmp_path, "xdg-open", script)
    assert await open_link(URL)
    variables = read_line.read_text()
    assert "PATH=" in variables
    assert "very-secret" not in variables


@pytest.mark.parametrize(
    "browser", ["/nowhere/browser", "browser 'x", "", " ", "FAILS", "DIRECTORY", "NO_PROGRAM"]
)
async def test_a_missing_or_failing_browser_counts_as_no_browser(
    browser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    (tmp_path / "no-program").write_bytes(b"\0\1")
    (tmp_path / "no-program").chmod(0o700)
    named = {
        "FAILS": str(program(tmp_path, "fails", "exit 3")),
        "DIRECTORY": str(tmp_path),
        "NO_PROGRAM": str(tmp_path / "no-program"),
    }
    monkeypatch.setenv("BROWSER", named.get(browser, browser))
    assert not await open_link(URL)
