"""Subcommands: each is one line in `SUBCOMMANDS`, and an `Implementation` in `COMMANDS` of its module.

A module has its subcommand, or those of one subject. It is imported when one of its commands is typed: this
table is read before the early prompt and for `--help`, so it imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping


class Subcommand(NamedTuple):
    """One line of the table. `takes` and `summary` are shown by `--help`."""

    name: str
    takes: str
    summary: str
    actions: tuple[str, ...] = ()
    """The words that may follow the name, in the order of the help."""
    module: str = ""
    """The module in this folder, unless it has the name of the subcommand."""
    only_lists: bool = False
    """Whether it only lists data: a reader that closes the pipe early is then no error."""
    watches_turn: bool = False
    """Whether it prints the result of a turn. It handles signals itself."""
    has_screen: bool = False
    """Whether it shows the screen unless its options ask for output."""


class Implementation(NamedTuple):
    """What a subcommand does. `run` returns the exit code."""

    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    examples: tuple[str, ...] = ()
    """Command lines for the help, without the name of the program; each action has one."""
    takes: Mapping[str, str] | None = None
    """By option, or action: the other arguments that have an effect beside it; the rest is refused. Each is
    written as in the help: `--json`, `URL`. An action with a parser of its own needs none.

    "": without any of these options. Options of the service say where, not what, and stand beside all.
    """


_TABLE: Final = (
    Subcommand(
        "attach", "ID", "watch a running worker", watches_turn=True, has_screen=True, module="watching"
    ),
    Subcommand("send", "ID TEXT", "send a message into a session", watches_turn=True),
    Subcommand(
        "sessions",
        "…",
        "the sessions on this computer",
        actions=("list", "show", "search", "rename", "tag", "untag", "rm", "compact"),
        only_lists=True,
    ),
    Subcommand("runs", "", "what runs, what needs you and what each run costs", only_lists=True),
    Subcommand("costs", "", "show costs by day, worker, project, tag and more", only_lists=True),
    Subcommand(
        "sources", "ID", "list or export the sources of a session", only_lists=True, module="sessions"
    ),
    Subcommand("export", "ID", "export a session as a document", only_lists=True, module="sessions"),
    Subcommand("import", "FILE", "import an exported session; it is never charged again", module="sessions"),
    Subcommand(
        "replay", "ID", "play a session again as it came", only_lists=True, has_screen=True, module="watching"
    ),
    Subcommand("email", "ID", "show the worker's email address", only_lists=True),
    Subcommand("schedules", "…", "a worker's schedules", actions=("list", "add", "cancel")),
    Subcommand(
        "webhook",
        "…",
        "a stored worker's webhook",
        actions=("show", "set", "clear", "token", "deliveries"),
    ),
    Subcommand(
        "workers",
        "…",
        "stored workers (tasks generation)",
        actions=("list", "show", "new", "edit", "rm", "archive"),
    ),
    Subcommand("files", "…", "a worker's files", actions=("list", "get")),
    Subcommand("acp", "", "talk to workers in an editor (ACP)"),
    Subcommand("mcp", "", "workers as tools of another agent (MCP)"),
    Subcommand("local", "", "run the local worker in the foreground"),
    Subcommand(
        "config",
        "…",
        "list, change and check the settings",
        actions=("show", "set", "unset", "edit", "init", "schema", "validate", "path"),
        only_lists=True,
    ),
    Subcommand("login", "", "store your API key, once it was checked", module="key"),
    Subcommand("key", "…", "the API key: set, show or remove it", actions=("show", "set", "rm")),
    Subcommand("doctor", "", "diagnose the setup"),
    Subcommand("schema", "NAME", "the JSON Schema of what --json prints", only_lists=True),
    Subcommand(
        "completion",
        "SHELL",
        "complete commands, options and ids by Tab",
        actions=("bash", "zsh", "fish", "powershell"),
        only_lists=True,
    ),
    Subcommand("spec", "", "commands, options and exit codes, also as JSON", only_lists=True, module="man"),
    Subcommand("man", "", "the manual page", only_lists=True),
    Subcommand("help", "COMMAND", "the same as COMMAND --help", only_lists=True, module="man"),
)
SUBCOMMANDS: Final = {command.name: command for command in _TABLE}
"""All subcommands by name, in the order of the help."""
