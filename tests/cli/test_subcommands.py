"""Each subcommand is one line of the table, and has an implementation; the help follows from the two."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import handinger_tui.cli.commands as folder
from handinger_tui.cli.args import BUDGETS, command_parser, implementation, main_parser, parse
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.settings.table import BUDGETS as SETTING_BUDGETS
from tests.e2e.runner import run


def choices(parser: argparse.ArgumentParser) -> list[tuple[str, ...]]:
    """The choices of each argument without a dash; argparse has no public list of them."""
    return [tuple(one.choices) for one in parser._actions if one.choices and not one.option_strings]


def test_every_module_of_the_folder_is_in_the_table() -> None:
    files = Path(folder.__path__[0]).iterdir()
    names = [path.stem for path in files if not path.stem.startswith("_")]
    modules = [importlib.import_module(f"{folder.__name__}.{name}") for name in names]
    assert sorted(name for module in modules for name in module.COMMANDS) == sorted(SUBCOMMANDS)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_subcommand_is_described_and_has_the_actions_of_its_line(name: str) -> None:
    parser = command_parser(name)
    assert parser.prog == f"handinger-tui {name}"
    assert parser.description
    assert callable(implementation(name).run)
    actions = SUBCOMMANDS[name].actions
    assert choices(parser) == ([actions] if actions else [])


def test_the_help_names_each_subcommand_once() -> None:
    lines = main_parser().format_help().splitlines()
    for name, command in SUBCOMMANDS.items():
        assert sum(line.startswith(f"  {name} ") and line.endswith(command.summary) for line in lines) == 1


def pages() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every help page: of the program, of each subcommand and of each of its actions."""
    yield "", main_parser()
    for name in SUBCOMMANDS:
        parser = command_parser(name)
        yield name, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from ((f"{name} {word}", inner) for word, inner in action.choices.items())


def test_every_help_page_has_an_example_and_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = dict(pages())
    assert len(shown) > 30
    for name, parser in shown.items():
        text = parser.format_help()
        assert max(map(len, text.splitlines())) <= 80, text
        start = f"  handinger-tui {name}".rstrip()
        examples = [line.strip() for line in text.splitlines() if line.startswith(start)]
        assert examples, name
        for example in examples:
            words = shlex.split(re.split(r" [|>]", example)[0])[1:]
            assert parse(words).command == (name.split() or [""])[0]


def test_help_of_a_command_is_its_help_page(tmp_path: Path) -> None:
    assert run("help", "costs", home=tmp_path).out == run("costs", "--help", home=tmp_path).out
    assert run("help", home=tmp_path).out == run("--help", home=tmp_path).out
    ran = run("help", "cots", home=tmp_path)
    assert (ran.code, "Did you mean costs?" in ran.err) == (2, True)


def test_budgets_are_those_of_the_settings() -> None:
    assert BUDGETS == SETTING_BUDGETS


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("sessions", "tag", "ses_1", "tea", "green"), ("--worker",)),
        (("sessions", "untag", "ses_1", "tea"), ("--json",)),
        (("files", "get", "w1", "a.csv", "2"), ("--dir", "reports")),
        (("schedules", "add", "w1", "Report on sales"), ("--every", "1d")),
        (("schedules", "cancel", "w1", "sch_1"), ("--json",)),
        (("webhook", "set", "w1", "https://example.com/hook"), ("--show-token",)),
    ],
)
def test_an_option_may_stand_anywhere_behind_the_action(
    words: tuple[str, ...], option: tuple[str, ...]
) -> None:
    at_the_end = parse([*words, *option])
    for place in range(2, len(words)):
        assert parse([*words[:place], *option, *words[place:]]) == at_the_end


@pytest.mark.parametrize(
    "argv", [("hello", "world"), ("sessions", "rename", "ses_1", "Green", "tea"), ("costs", "today")]
)
def test_several_words_need_quotes(argv: tuple[str, ...], tmp_path: Path) -> None:
    ran = run(*argv, home=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert f"unrecognized arguments: {argv[-1]}" in ran.err
    assert "A text of several words needs quotes." in ran.err
