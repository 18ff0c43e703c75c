"""Subcommands: each is one module here, and one line in `SUBCOMMANDS`.

The module of a subcommand has its name and defines `DESCRIPTION`, `add_arguments(parser)` and
`run(args)`, which returns the exit code. It is imported when its command is typed: this table is
read before the early prompt and for `--help`, so it imports nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Subcommand(NamedTuple):
    """One line of the table. `takes` and `summary` are shown by `--help`."""

    name: str
    takes: str
    summary: str
    actions: tuple[str, ...] = ()
    """The words that may follow the name, in the order of the help."""
    only_lists: bool = False
    """Whether it only lists data: a reader that closes the pipe early is then no error."""
    watches_turn: bool = False
    """Whether it prints the result of a turn. It handles signals itself."""

    @property
    def help(self) -> str:
        """The text of the line in `--help`."""
        return f"{', '.join(self.actions)}: {self.summary}" if self.actions else self.summary


_TABLE: Final = (
    Subcommand("attach", "ID", "watch a worker that may be running: replay, then live", watches_turn=True),
    Subcommand(
        "sessions",
        "…",
        "the local history",
        actions=("list", "show", "search", "rename", "rm"),
        only_lists=True,
    ),
    Subcommand(
        "costs", "", "what turns took: by day, worker, budget, session, trigger or turn", only_lists=True
    ),
    Subcommand(
        "sources",
        "ID",
        "what a session's answers rest on, as a list or for other programs",
        only_lists=True,
    ),
    Subcommand("export", "ID", "a session as a document", only_lists=True),
    Subcommand("email", "ID", "the worker's inbound e-mail address"),
    Subcommand("schedules", "…", "the worker's schedules", actions=("list", "add", "cancel")),
    Subcommand("files", "…", "the worker's files now", actions=("list", "get")),
    Subcommand("local", "", "serve the local worker in the foreground"),
    Subcommand("config", "…", "settings with their origin", actions=("path", "show"), only_lists=True),
    Subcommand("doctor", "", "checks that explain themselves"),
)
SUBCOMMANDS: Final = {command.name: command for command in _TABLE}
"""All subcommands by name, in the order of the help."""
