"""What is claimed about Pythons and systems is what CI runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.house.project import ROOT, pyproject

PYTHON = "Programming Language :: Python :: "
WORKFLOW = ROOT / ".github" / "workflows" / "checks.yml"


def claimed() -> list[str]:
    """The versions of Python that the classifiers name, in their order."""
    names = [name.removeprefix(PYTHON) for name in pyproject()["project"]["classifiers"] if PYTHON in name]
    return [name for name in names if re.fullmatch(r"\d+\.\d+", name)]


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_the_versions_are_claimed_from_the_lowest_without_a_gap() -> None:
    first, *_, last = claimed()
    assert pyproject()["project"]["requires-python"] == f">={first}"
    assert [number(name) for name in claimed()] == [
        (3, minor) for minor in range(number(first)[1], number(last)[1] + 1)
    ]


def search_result(*versions: str, path: str = os.environ["PATH"]) -> dict[str, str]:
    """What CI says about each version: the path of an interpreter, or that there is none."""
    command = ["bash", ".ci/run", "--list", *versions]
    environment = os.environ | {"PATH": path}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return dict(line.removeprefix("Python ").split(": ", 1) for line in ended.stdout.splitlines())


MISSING = "not found, so not tried"


def test_ci_tries_each_claimed_version_that_it_finds_and_names_the_others() -> None:
    result = search_result()
    assert list(result) == claimed()
    assert all(how.startswith("/") or how == MISSING for how in result.values())


def test_ci_asks_an_interpreter_what_it_is(tmp_path: Path) -> None:
    """A command may be a shim that refuses, or stands for another version."""
    this = f"3.{sys.version_info.minor}"
    shims = {
        this: f'exec "{sys.executable}" "$@"',
        "3.98": f'exec "{sys.executable}" "$@"',
        "3.99": "exit 127",
    }
    for version, does in shims.items():
        shim = tmp_path / f"python{version}"
        shim.write_text(f"#!/bin/sh\n{does}\n")
        shim.chmod(0o755)
    result = search_result(*shims, path=f"{tmp_path}:{os.environ['PATH']}")
    assert result == {this: sys.executable, "3.98": MISSING, "3.99": MISSING}


def test_no_system_is_claimed() -> None:
    assert not [name for name in pyproject()["project"]["classifiers"] if name.startswith("Operating System")]


def test_the_workflow_of_the_forge_runs_each_claimed_version() -> None:
    _, job, _ = re.split(r"^  (?:claimed|not-claimed):$", WORKFLOW.read_text("utf-8"), flags=re.MULTILINE)
    matrix = re.search(r"python: \[(.*)\]", job)
    assert matrix
    assert re.findall(r"[\d.]+", matrix[1]) == claimed()
    assert "bash .ci/run ${{ matrix.python }}" in job
    assert "continue-on-error" not in job
