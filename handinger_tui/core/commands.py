"""Classification of the text typed into the prompt box: a prompt, a command or nothing."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Empty(Struct, frozen=True):
    """Nothing was typed except white space."""


class Prompt(Struct, frozen=True):
    """Text for the worker. `sign` is its first character if that has a meaning in other programs, else ""."""

    text: str
    sign: str = ""


class CommandLine(Struct, frozen=True):
    """A slash command, known or not: `name` in lower case without the slash, `rest` stripped."""

    name: str
    rest: str = ""


Typed = Empty | Prompt | CommandLine

LEAVE_WORDS: Final = frozenset({"exit", "quit", ":q"})
"""Words that leave most programs of this kind. They are never sent as paid text."""


def is_leaving(text: str) -> bool:
    """Whether the text is a bare word that leaves the program."""
    return text.strip().lower() in LEAVE_WORDS


SIGNS: Final = {
    "!": "Shell commands do not run here.",
    "#": "Nothing is added to a memory here.",
}
"""First characters that are commands in other programs, and what they do not do here."""


def classify(text: str) -> Typed:
    """Classify a typed text as prompt, command or nothing.

    Every text that begins with a slash is a command, so that a mistyped command is
    never sent as paid text. Two slashes send a text that begins with one slash.
    """
    stripped = text.strip()
    if not stripped:
        return Empty()
    if stripped.startswith("//"):
        return Prompt(stripped[1:])
    if stripped.startswith("/"):
        name, _, rest = stripped[1:].replace("\n", " ").partition(" ")
        return CommandLine(name.lower(), rest.strip())
    if is_leaving(stripped):
        return CommandLine("quit")
    return Prompt(text.strip("\n"), stripped[0] if stripped[0] in SIGNS else "")
