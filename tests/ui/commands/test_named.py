"""Every command that a text of the screen recommends exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from handinger_tui.cli.args import main_parser
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.ui.commands import command_named
from tests.house.project import PACKAGE, python_files, tree, where

SLASH = re.compile(r"(?<![^\s(“])/([a-z]{2,})\b(?!/)")
PROGRAM = re.compile(r"handinger-tui (--?[a-z][a-z-]*|[a-z]+)")
VERBS = {"cannot", "crashed"}
"""Verbs after the name of the program in a text: "handinger-tui crashed"."""
OPTIONS = {option for action in main_parser()._actions for option in action.option_strings}


def texts() -> Iterator[tuple[str, str]]:
    """(place, text) of every text of the screen except docstrings."""
    for path in python_files(PACKAGE / "ui"):
        module = tree(path)
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        remarks = {
            id(statement.value)
            for node in ast.walk(module)
            if isinstance(node, documented)
            for statement in node.body
            if isinstance(statement, ast.Expr)
        }
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in remarks:
                yield where(path, node), node.value


def test_every_slash_command_that_a_text_names_exists() -> None:
    named = [(place, name) for place, text in texts() for name in SLASH.findall(text)]
    assert {"attach", "limit"} <= {name for _, name in named}
    assert [(place, name) for place, name in named if command_named(name) is None] == []


def test_every_subcommand_and_option_that_a_text_names_exists() -> None:
    named = [(place, word) for place, text in texts() for word in PROGRAM.findall(text)]
    assert {"config", "attach"} <= {word for _, word in named}
    existing = {*SUBCOMMANDS, *OPTIONS, *VERBS}
    assert [(place, word) for place, word in named if word not in existing] == []
