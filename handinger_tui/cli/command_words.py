"""Detects prompts that are, or resemble, a command: sent by mistake they would cost money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from handinger_tui.cli.commands import SUBCOMMANDS

_ACTIONS: Final = {
    **{command.name: command.actions for command in SUBCOMMANDS.values()},
    "completion": ("bash", "zsh", "fish"),
    "key": ("set", "show", "rm"),
}
_APP_COMMANDS: Final = (
    "archive", "attach", "budget", "budgets", "clear", "config", "continue", "copy", "cost", "costs", "data",
    "detach", "details", "doctor", "download", "edit", "editor", "email", "exit", "export", "file", "files",
    "find", "fork", "help", "history", "keys", "ledger", "limit", "limits", "new", "palette", "panels", "pin",
    "preview", "profile", "quit", "reading", "receipt", "redraw", "rename", "resume", "retry", "runs",
    "schedule", "search", "sessions", "sources", "stats", "theme", "usage",
)  # fmt: skip
"""Commands of the app, including those of other versions."""
_SESSIONS_ADVICE: Final = "Did you mean `handinger-tui sessions`?"
_KEY_ADVICE: Final = "Set the key with HANDINGER_API_KEY."
_ADVICE: Final = {
    **{name: f"In the app, use /{name}." for name in _APP_COMMANDS},
    **dict.fromkeys(
        ("keys", "edit", "fork", "retry", "archive", "pin", "reading"), "See: handinger-tui --help"
    ),
    **dict.fromkeys(("runs", "replay", "import"), _SESSIONS_ADVICE),
    **dict.fromkeys(("completion", "man", "help", "usage"), "Did you mean `handinger-tui --help`?"),
    **dict.fromkeys(("key", "login", "logout", "auth", "signin"), _KEY_ADVICE),
    **dict.fromkeys(
        ("history", "list", "show", "search", "rename", "rm"), "Did you mean `handinger-tui sessions`?"
    ),
    **dict.fromkeys(("cost", "stats", "ledger"), "Did you mean `handinger-tui costs`?"),
    **dict.fromkeys(("get", "download"), "Did you mean `handinger-tui files get ID`?"),
    **dict.fromkeys(("settings", "profile"), "Did you mean `handinger-tui config`?"),
    **dict.fromkeys(("serve", "server"), "Did you mean `handinger-tui local`?"),
    "version": "Did you mean `handinger-tui --version`?",
    "resume": "Did you mean `handinger-tui --resume`?",
    "continue": "Did you mean `handinger-tui --continue`?",
    "schedule": "Did you mean `handinger-tui schedules`?",
    "file": "Did you mean `handinger-tui files`, or -f PATH?",
    **dict.fromkeys(("update", "upgrade", "install"), "Update it the way you installed it."),
    **{name: f"Did you mean `handinger-tui {name}`?" for name in SUBCOMMANDS},
}
"""Advice for each word that is a command in this program or in similar programs."""
COMMAND_WORDS: Final = frozenset(_ADVICE)


def suggestion(words: Sequence[str]) -> str | None:
    """Return advice if `words` look like a command; None if they are an ordinary prompt.

    A single word may contain spaces if the prompt was quoted. Then it is only taken for a command if an
    action of that command follows ("session list").
    """
    is_quoted = len(words) == 1
    pieces = words[0].split() if is_quoted else list(words)
    if not pieces:
        return None
    name = nearest(pieces[0])
    if name is None:
        return None
    if is_quoted and len(pieces) > 1:
        actions = _ACTIONS.get(name, ())
        if len(pieces) > 3 or not any(is_near(_normalize(pieces[1]), action) for action in actions):
            return None
    # As the first word, the parser would have accepted it: here it stands after options.
    order_hint = " Options go after the command." if pieces[0] in SUBCOMMANDS and len(pieces) == 1 else ""
    return _ADVICE[name] + order_hint


def nearest(word: str) -> str | None:
    """Return the command that `word` equals or resembles, ignoring case and punctuation, or None."""
    plain = _normalize(word)
    if plain in COMMAND_WORDS:
        return plain
    near = [name for name in COMMAND_WORDS if is_near(plain, name)]
    # The fewest typing errors win; then subcommands of the shell, which are more likely.
    return min(near, key=lambda name: (distance(plain, name), name not in SUBCOMMANDS, name), default=None)


def is_near(word: str, name: str) -> bool:
    """Return whether `word` is a misspelling or an abbreviation of `name`.

    Names of three letters are too short to tell a misspelling from another word. Two typing errors need
    a name of six letters and a correct first letter.
    """
    if word == name:
        return True
    if len(name) < 4 or not word:
        return False
    if len(word) >= 4 and name.startswith(word):
        return True
    errors = distance(word, name)
    return errors == 1 or (errors == 2 and len(name) >= 6 and word[0] == name[0])


def distance(word: str, name: str) -> int:
    """Return the edit distance: insertions, deletions, replacements and swaps of neighbors.

    It returns 3 at once if the lengths differ by more than 2.
    """
    if abs(len(word) - len(name)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(name) + 1))
    for at, letter in enumerate(word, 1):
        before, last, row = row, before, [at]
        for to, wanted in enumerate(name, 1):
            errors = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != wanted))
            if at > 1 and to > 1 and letter == name[to - 2] and word[at - 2] == wanted:
                errors = min(errors, last[to - 2] + 1)
            row.append(errors)
    return row[-1]


def _normalize(word: str) -> str:
    """Return only letters and digits, in lower case: `Costs.`, `/costs` and `log-in` give costs and login."""
    return "".join(char for char in word.casefold() if char.isalnum())
