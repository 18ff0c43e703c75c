"""Words that are commands, or nearly are: typed as a prompt they are a slip, and would cost money."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_ACTIONS: Final = {
    "sessions": ("list", "show", "search", "rename", "rm"),
    "files": ("list", "get"),
    "schedules": ("list", "add", "cancel"),
    "config": ("path", "show", "schema"),
    "completion": ("bash", "zsh", "fish"),
    "key": ("set", "show", "rm"),
}
_SUBCOMMANDS: Final = (
    "attach", "sessions", "costs", "sources", "email", "schedules", "files", "local", "config", "doctor",
)  # fmt: skip
_SLASH: Final = (
    "archive", "attach", "budget", "budgets", "clear", "config", "continue", "copy", "cost", "costs", "data",
    "detach", "details", "doctor", "download", "edit", "editor", "email", "exit", "export", "file", "files",
    "find", "fork", "help", "history", "keys", "ledger", "limit", "limits", "new", "palette", "panels", "pin",
    "preview", "profile", "quit", "reading", "receipt", "redraw", "rename", "resume", "retry", "runs",
    "schedule", "search", "sessions", "sources", "stats", "theme", "usage",
)  # fmt: skip
"""Commands of the app, those that other versions have included."""
_HELP: Final = "See: handinger-tui --help"
_SESSIONS: Final = "Did you mean `handinger-tui sessions`?"
_KEY: Final = "Set the key with HANDINGER_API_KEY."
_ADVICE: Final = {
    **{name: f"Inside the app it is /{name}." for name in _SLASH},
    **dict.fromkeys(
        ("keys", "edit", "fork", "retry", "archive", "pin", "reading"), "See: handinger-tui --help"
    ),
    **dict.fromkeys(("runs", "replay", "import", "export"), _SESSIONS),
    **dict.fromkeys(("completion", "man", "help", "usage"), "Did you mean `handinger-tui --help`?"),
    **dict.fromkeys(("key", "login", "logout", "auth", "signin"), _KEY),
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
    **dict.fromkeys(("update", "upgrade", "install"), "Update it with the program that installed it."),
    **{name: f"Did you mean `handinger-tui {name}`?" for name in _SUBCOMMANDS},
}
"""What to do instead, for each word that is a command somewhere in this program or in its like."""
COMMAND_WORDS: Final = frozenset(_ADVICE)


def suggestion(words: Sequence[str]) -> str | None:
    """What to do instead of sending `words`; None where they are an ordinary prompt.

    One word may hold blanks, as a prompt in quotes does: then it is only taken for a command when an action
    of that command follows ("session list").
    """
    quoted = len(words) == 1
    pieces = words[0].split() if quoted else list(words)
    if not pieces:
        return None
    name = nearest(pieces[0])
    if name is None:
        return None
    if quoted and len(pieces) > 1:
        actions = _ACTIONS.get(name, ())
        if len(pieces) > 3 or not any(is_near(_plain(pieces[1]), action) for action in actions):
            return None
    # The parser would have taken it in the first place.
    late = " Options follow the command." if pieces[0] in _SUBCOMMANDS and len(pieces) == 1 else ""
    return _ADVICE[name] + late


def nearest(word: str) -> str | None:
    """The command that `word` is, or nearly is; case, and signs around it, do not count."""
    plain = _plain(word)
    if plain in COMMAND_WORDS:
        return plain
    near = [name for name in COMMAND_WORDS if is_near(plain, name)]
    # One of the shell is the likelier; then the fewest slips.
    return min(near, key=lambda name: (distance(plain, name), name not in _SUBCOMMANDS, name), default=None)


def is_near(word: str, name: str) -> bool:
    """Whether `word` is a slip of the finger away from `name`, or its beginning.

    Three letters are too few to tell a slip from another word; two slips need six, and the first one right.
    """
    if word == name:
        return True
    if len(name) < 4 or not word:
        return False
    if len(word) >= 4 and name.startswith(word):
        return True
    slips = distance(word, name)
    return slips == 1 or (slips == 2 and len(name) >= 6 and word[0] == name[0])


def distance(word: str, name: str) -> int:
    """Letters to insert, drop, replace or swap with their neighbor until `word` is `name`."""
    if abs(len(word) - len(name)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(name) + 1))
    for at, letter in enumerate(word, 1):
        before, last, row = row, before, [at]
        for to, wanted in enumerate(name, 1):
            slips = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != wanted))
            if at > 1 and to > 1 and letter == name[to - 2] and word[at - 2] == wanted:
                slips = min(slips, last[to - 2] + 1)
            row.append(slips)
    return row[-1]


def _plain(word: str) -> str:
    """Letters and digits only, in lower case: `Costs.`, `/costs` and `log-in` are costs and login."""
    return "".join(sign for sign in word.casefold() if sign.isalnum())
