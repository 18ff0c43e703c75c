"""A word that is, or nearly is, a command is never sent as a paid prompt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from handinger_tui.cli.args import COMMAND_WORDS, command_parser, distance, nearest, suggestion
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.ui.commands import COMMANDS
from tests.cli.program import service
from tests.e2e.runner import run

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

SLIPS = (
    "session", "sesions", "Sessions", "costs.", "/costs", "export", "expotr", "login", "log-in", "help",
    "hepl", "cost", "stats", "completion", "replay", "key", "man", "import", "atach", "dctor",
    "confg", "schedule", "usage", "version", "sess", "“sessions”",
)  # fmt: skip
PROMPTS = (
    "hello", "hi", "hey", "thanks", "why", "tea", "poem", "joke", "test", "time", "report", "story",
    "translate", "help me with a poem", "import duties of Peru", "list files", "run the tests",
    "costs of heat pumps", "/etc",
)  # fmt: skip


@pytest.mark.parametrize("word", SLIPS)
def test_a_mistyped_command_is_refused_and_nothing_is_sent(word: str, tmp_path: Path) -> None:
    with service() as (player, url):
        ran = run("--json", word, home=tmp_path, base_url=url)
    assert (ran.code, player.requests) == (2, [])
    assert f"-- {word}" in ran.err
    assert (ran.result["status"], ran.result["error"]["kind"]) == ("not_sent", "settings")


@pytest.mark.parametrize("argv", [("session",), ("sessions ",), ("-c", "session"), ("-w", "w1", "costs")])
def test_a_mistyped_command_is_refused_with_the_screen_too(argv: tuple[str, ...], tmp_path: Path) -> None:
    with service() as (player, url):
        ran = run(*argv, home=tmp_path, base_url=url)
    assert (ran.code, ran.out, player.requests) == (2, "", [])
    assert "Did you mean `handinger-tui" in ran.err


@pytest.mark.parametrize("argv", [("session", "list"), ("session list",), ("file", "get", "w1")])
def test_a_mistyped_command_with_an_action_is_refused(argv: tuple[str, ...], tmp_path: Path) -> None:
    ran = run(*argv, home=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean `handinger-tui" in ran.err


@pytest.mark.parametrize("argv", [("session", "-p"), ("-p", "--json", "costs"), ("usage", "--json", "-p")])
def test_a_mistyped_command_with_an_empty_p_is_refused(argv: tuple[str, ...], tmp_path: Path) -> None:
    with service() as (player, url):
        ran = run(*argv, home=tmp_path, base_url=url)
    assert (ran.code, player.requests) == (2, [])
    assert "looks like a command" in ran.err


@pytest.mark.parametrize("argv", [("-p", "session"), ("--json", "-p", "costs"), ("--json", "--", "session")])
def test_an_explicit_prompt_is_sent(argv: tuple[str, ...], tmp_path: Path) -> None:
    with service() as (player, url):
        assert run(*argv, home=tmp_path, base_url=url).code == 0
    assert player.posts == 1


@pytest.mark.parametrize(
    "argv", [("hdg_live_0123456789",), ("-c", " hdg_live_0123456789"), ("--json", "hdg_x")]
)
def test_a_key_is_not_sent_as_a_prompt_and_not_shown(argv: tuple[str, ...], tmp_path: Path) -> None:
    with service() as (player, url):
        ran = run(*argv, home=tmp_path, base_url=url)
    assert (ran.code, player.requests) == (2, [])
    assert "HANDINGER_API_KEY" in ran.err
    assert "hdg_" not in ran.err


@pytest.mark.parametrize("prompt", PROMPTS)
def test_an_ordinary_prompt_is_not_a_command(prompt: str) -> None:
    assert suggestion([prompt]) is None


def test_every_command_of_the_shell_and_of_the_app_is_recognized() -> None:
    slash = {name for command in COMMANDS for name in (command.name, *command.aliases)}
    assert slash | SUBCOMMANDS.keys() <= COMMAND_WORDS
    advised = {name for word in COMMAND_WORDS for name in re.findall(r"/(\w+)", suggestion([word]) or "")}
    assert advised <= slash
    assert all(nearest(name) == name for name in SUBCOMMANDS)


@pytest.mark.parametrize(
    ("word", "name", "slips"),
    [
        ("costs", "costs", 0),
        ("cost", "costs", 1),
        ("csots", "costs", 1),
        ("cots", "costs", 1),
        ("x", "costs", 3),
    ],
)
def test_the_distance_of_mistyped_words(word: str, name: str, slips: int) -> None:
    assert distance(word, name) == slips


@pytest.mark.parametrize("option", ["--dry", "--max-co", "--loc", "--de", "--js", "--work"])
def test_options_are_not_abbreviated(option: str, tmp_path: Path) -> None:
    with service() as (player, url):
        ran = run("-p", "hi", option, home=tmp_path, base_url=url)
    assert (ran.code, player.requests) == (2, [])
    assert "unrecognized arguments" in ran.err


@pytest.mark.parametrize("argv", [("costs", "--js"), ("sessions", "list", "--js"), ("attach", "w", "--js")])
def test_options_of_commands_are_not_abbreviated(argv: tuple[str, ...], tmp_path: Path) -> None:
    assert run(*argv, home=tmp_path).code == 2


def test_every_argument_of_every_command_has_help() -> None:
    parsers: list[tuple[str, argparse.ArgumentParser]] = [
        (name, command_parser(name)) for name in SUBCOMMANDS
    ]
    for name, parser in parsers:
        # argparse has no public list of its arguments.
        for argument in parser._actions:
            assert argument.help, f"{name} {argument.dest}"
            choices = argument.choices
            if isinstance(choices, dict):
                parsers += [(f"{name} {action}", below) for action, below in choices.items()]
