"""Input: what a line typed into the prompt box is. Pure."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.record import dataclass


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing but white space."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Text for the worker. `sign`: it begins with one that means something else in other programs."""

    text: str
    sign: str = ""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A slash command, known or not: `name` without its slash, in lower case; `rest` stripped."""

    name: str
    rest: str = ""


Typed = Empty | Prompt | CommandLine

BARE: Final = frozenset({"exit", "quit", ":q"})
"""Words that mean leaving in every program of this kind; nobody pays to send them."""


def is_leaving(text: str) -> bool:
    """The text is a bare word that leaves the program."""
    return text.strip().lower() in BARE


SIGNS: Final = {
    "!": "It runs no shell command here.",
    "#": "It adds nothing to a memory here.",
}
"""What a text may begin with by habit, and what it does not do."""


def classify(text: str) -> Typed:
    """Tell prompt, command and nothing apart.

    Whatever begins with a slash is a command, so that a mistyped one is never
    sent as paid text; two slashes send a text that begins with one.
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
