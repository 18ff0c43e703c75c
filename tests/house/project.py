"""The files of the project, as the house tests read them."""

from __future__ import annotations

import ast
import fnmatch
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "handinger_tui"
TESTS = ROOT / "tests"
PICTURES = ROOT / "screenshots"
HAS_PICTURES = any(PICTURES.glob("*.png"))
"""A source archive has none: they are for those who read the documents, and heavier than all the rest."""


@cache
def pyproject() -> dict[str, Any]:
    """pyproject.toml as a dict."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def python_files(folder: Path) -> list[Path]:
    """All Python files under a folder; fails when there are none, so that no check runs over nothing."""
    paths = sorted(folder.rglob("*.py"))
    assert paths, f"no Python files under {folder}"
    return paths


@cache
def tree(path: Path) -> ast.Module:
    """The parsed source of a file."""
    return ast.parse(path.read_text("utf-8"), str(path))


def where(path: Path, node: ast.AST | None = None) -> str:
    """`folder/file.py` or `folder/file.py:12`, from the top of the project."""
    line = getattr(node, "lineno", None)
    return str(path.relative_to(ROOT)) + (f":{line}" if line else "")


def _ignored() -> list[str]:
    lines = (ROOT / ".gitignore").read_text("utf-8").split()
    return [".git", *(line.strip("/") for line in lines)]


def project_files(folder: Path = ROOT) -> Iterator[Path]:
    """All files of the project, without those in .gitignore (a lock of uv, a cache)."""
    ignored = _ignored()
    for path in sorted(folder.iterdir()):
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in ignored):
            continue
        if path.is_dir():
            yield from project_files(path)
        else:
            yield path


def project_texts() -> Iterator[tuple[Path, str]]:
    """The files that are UTF-8 text, with their text."""
    for path in project_files():
        try:
            yield path, path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
