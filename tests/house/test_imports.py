"""Imports point down only, and heavy ones happen only where they are needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.house.project import ROOT, pyproject

if TYPE_CHECKING:
    from pathlib import Path

LINT = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache'])"

# Runs `python -m handinger_tui ARGS`, then writes the names of all loaded modules to a file.
WATCHED_RUN = """
import json, pathlib, runpy, sys
out, sys.argv = sys.argv[1], ["handinger_tui", *sys.argv[2:]]
try:
    runpy.run_module("handinger_tui", run_name="__main__", alter_sys=True)
finally:
    pathlib.Path(out).write_text(json.dumps(sorted(sys.modules)), "utf-8")
"""

# rich alone is no sign: httpx loads it for a command line of its own wherever click and rich are installed.
SCREEN = {"textual", "handinger_tui.ui"}
NETWORK = {"httpx", "httpx_sse", "pydantic", "starlette", "uvicorn"}
# Modules that are loaded with a connection, an answer, a file, or a question.
LATER = NETWORK | {
    "handinger_tui.api",
    "handinger_tui.core.dialects",
    "handinger_tui.core.turns.fold",
    "handinger_tui.engine",
    "handinger_tui.ledger",
    "handinger_tui.local",
    "handinger_tui.ui.dialogs",
    "handinger_tui.ui.spending",
    "handinger_tui.ui.pages",
    "importlib.metadata",
    "markdown_it",
    "pygments",
    "rich.markdown",
    "sqlite3",
    "webbrowser",
}
OURS_AT_FIRST_FRAME = 100
"""Of our own modules; a new one costs half a millisecond of every start, so what a key or a command asks for
later is imported then."""
EARLY = 7
"""Modules beyond an empty Python's when the version is printed: four of ours, and three small ones."""
EARLY_PROMPT = {"handinger_tui", "cli", "main", "early_prompt", "early_text"}
"""Our own modules that are loaded before the early prompt is painted."""
BEFORE_THE_EARLY_PROMPT = "__future__, fcntl, gc, select, signal, termios, threading"
"""All that is loaded of the standard library before the early prompt is painted, with what these import
themselves: which that is differs from Python to Python."""


def run(command: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command at the top of the project, with nothing to read."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def loaded_by(out: Path, *arguments: str) -> set[str]:
    """The modules that a run of the program had loaded when it ended; the run must succeed."""
    names = out / "modules.json"
    command = [sys.executable, "-c", WATCHED_RUN, str(names), *arguments]
    ended = run(command, os.environ | {"PYTHONWARNINGS": "error"})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return set(json.loads(names.read_text("utf-8")))


def test_the_contracts_hold() -> None:
    ended = run([sys.executable, "-c", LINT])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    contracts = len(pyproject()["tool"]["importlinter"]["contracts"])
    assert f"{contracts} kept, 0 broken" in ended.stdout


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_neither_screen_nor_network(option: str, tmp_path: Path) -> None:
    assert loaded_by(tmp_path, option).isdisjoint(SCREEN | NETWORK | {"rich"})


def test_the_headless_module_loads_no_screen() -> None:
    code = "import sys, handinger_tui.cli.headless; print(*sys.modules)"
    ended = run([sys.executable, "-c", code])
    assert ended.returncode == 0, ended.stderr
    loaded = set(ended.stdout.split())
    assert "handinger_tui.cli.headless" in loaded
    assert loaded.isdisjoint(SCREEN)


def test_a_headless_turn_loads_no_screen(tmp_path: Path) -> None:
    loaded = loaded_by(tmp_path, "-p", "echo hello", "--local")
    assert "httpx" in loaded
    assert loaded.isdisjoint(SCREEN)


@pytest.mark.parametrize(
    "command", [["sessions", "--json"], ["costs", "--json"], ["config", "path"]], ids=str
)
def test_reading_the_history_loads_neither_screen_nor_network(command: list[str], tmp_path: Path) -> None:
    assert loaded_by(tmp_path, *command).isdisjoint(SCREEN | NETWORK)


def loaded_after(statements: str) -> list[str]:
    """The modules that `statements` load in an empty Python, but for those it has anyway."""
    ended = run(
        [
            sys.executable,
            "-c",
            f"import sys; had = set(sys.modules)\n{statements}\nprint(*set(sys.modules) - had)",
        ]
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


UNTIL_THE_EARLY_FRAME = """
from handinger_tui.cli import early_prompt, main

def begin(**_):
    raise SystemExit

early_prompt.begin = begin
try:
    main.main(TYPED)
except SystemExit:
    pass
"""


@pytest.mark.parametrize("typed", [[], ["--continue", "--local"]], ids=str)
def test_the_early_prompt_is_painted_before_anything_large_is_loaded(typed: list[str]) -> None:
    loaded = loaded_after(UNTIL_THE_EARLY_FRAME.replace("TYPED", repr(typed)))
    ours = {name for name in loaded if name.startswith("handinger_tui")}
    assert {name.rpartition(".")[2] for name in ours} == EARLY_PROMPT
    assert {*loaded} - ours == {*loaded_after(f"import {BEFORE_THE_EARLY_PROMPT}")}
    assert not {"asyncio", "argparse", "dataclasses", "re", "typing"}.intersection(loaded)


THE_VERSION = """
import sys
kept, sys.stdout = sys.stdout, sys.stderr
from handinger_tui.cli import main
main.main(["--version"])
sys.stdout = kept
"""


def test_the_version_is_printed_without_further_modules() -> None:
    loaded = loaded_after(THE_VERSION)
    assert "handinger_tui.cli.main" in loaded
    assert len(loaded) <= EARLY, loaded


def test_the_first_frame_of_the_app_loads_nothing_of_a_connection() -> None:
    first = ("main", "app", "load_settings")
    loaded = loaded_after(f"import {', '.join(f'handinger_tui.cli.{name}' for name in first)}")
    assert "handinger_tui.ui.app" in loaded
    assert set(loaded).isdisjoint(LATER)
    assert len([name for name in loaded if name.startswith("handinger_tui.")]) <= OURS_AT_FIRST_FRAME


def test_a_connection_loads_no_screen_and_no_schedules() -> None:
    loaded = loaded_after("import handinger_tui.cli.wiring, httpx, httpx_sse")
    assert "handinger_tui.api.response" in loaded
    assert set(loaded).isdisjoint(SCREEN | {"cronsim", "pydantic", "handinger_tui.core.schedules"})


ENTERED = """
import asyncio
from handinger_tui.cli.wiring import client_of
from handinger_tui.core.safety import Secret
from handinger_tui.settings import Settings

async def main():
    address, key = "https://v3.handinger.example", "made-up-key"
    async with client_of(Settings(address, Secret(key)), address, key, late=True):
        pass

asyncio.run(main())
"""


def test_an_app_that_has_sent_nothing_has_not_loaded_httpx() -> None:
    """httpx takes 7 MB and 0.1 s, which are spent at the first request."""
    loaded = loaded_after(ENTERED)
    assert "handinger_tui.api.transport" in loaded
    assert set(loaded).isdisjoint(NETWORK | {"http.client", "webbrowser", "pygments"})
