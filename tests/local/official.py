"""The vendor's own clients, each installed into its own folder; if one is missing, its tests are skipped."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent
INSTALL_SECONDS = 240
RUN_SECONDS = 120


def python_with(home: Path, version: str) -> Path:
    """Return the Python of a new environment with that version of the vendor's client."""
    venv.create(home, with_pip=True)
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install([str(python), "-m", "pip", "install", "--quiet", f"handinger=={version}"], home)
    return python


def npm_with(home: Path, version: str) -> str:
    """Install that version of the vendor's npm package into a folder, and return the path of node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    install([npm, "install", "--silent", "--no-audit", f"@ramensoft/handinger@{version}"], home)
    return node


def install(command: list[str], folder: Path) -> None:
    """Run a package manager; skip the test if there is no network."""
    try:
        ran = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the client could not be installed in time")
    if ran.returncode != 0:
        pytest.skip(f"the client could not be installed: {ran.stderr.strip()[-300:]}")


def journey(*command: str | Path, folder: Path = FOLDER) -> dict[str, Any]:
    """Run a journey and return its results."""
    ran = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=RUN_SECONDS
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    values: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return values
