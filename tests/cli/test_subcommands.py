"""Each subcommand is one module and one line of the table; help, parser and checks follow from the two."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

import handinger_tui.cli.commands as folder
from handinger_tui.cli.args import command_module, command_parser, main_parser
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.cli.options import BUDGETS
from handinger_tui.settings import BUDGETS as SETTING_BUDGETS


def choices(parser: argparse.ArgumentParser) -> list[tuple[str, ...]]:
    """The choices of each argument without a dash; argparse has no public list of them."""
    return [tuple(one.choices) for one in parser._actions if one.choices and not one.option_strings]


def test_every_module_of_the_folder_is_in_the_table() -> None:
    files = Path(folder.__path__[0]).iterdir()
    modules = {path.stem.removesuffix("_") for path in files if not path.stem.startswith("_")}
    assert modules == SUBCOMMANDS.keys()


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_subcommand_is_described_and_has_the_actions_of_its_line(name: str) -> None:
    parser = command_parser(name)
    assert parser.prog == f"handinger-tui {name}"
    assert parser.description
    assert callable(command_module(name).run)
    actions = SUBCOMMANDS[name].actions
    assert choices(parser) == ([actions] if actions else [])


def test_the_help_names_each_subcommand_once_with_its_actions() -> None:
    lines = main_parser().format_help().splitlines()
    for name, command in SUBCOMMANDS.items():
        (line,) = (line for line in lines if line.startswith(f"  {name} ") and line.endswith(command.help))
        assert all(action in line for action in command.actions)


def test_budgets_are_those_of_the_settings() -> None:
    assert BUDGETS == SETTING_BUDGETS
