"""What a person reads in the line below the prompt: which messages leave by the next Enter.

Read from the screen, not asked of the program: words that mislead are a fault, too.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Promise(StrEnum):
    """What the line says that Enter does."""

    NOTHING = "nothing leaves"
    THIS = "this message leaves, now or behind the turn that runs"
    QUEUE = "all queued messages leave"


_READINGS: Final = (
    (re.compile(r"Enter to (send|try again: send) (the )?(\d+ )?queued message"), Promise.QUEUE),
    (re.compile(r"Enter to (send|try again: send) it (now|and \d+ more)"), Promise.QUEUE),
    (re.compile(r"Enter to (queue behind|queue; it waits)"), Promise.NOTHING),
    (re.compile(r"Enter to put it back in the held"), Promise.NOTHING),
    (re.compile(r"Enter to (send|queue|resend)|then send this|put it back in the queue"), Promise.THIS),
    (re.compile(r"Press Enter (again )?to send (it|your message)"), Promise.THIS),
    (re.compile(r"Type ahead: Enter queues it"), Promise.THIS),
)


def promised(hint: str) -> Promise:
    """What the line promises."""
    return next((promise for pattern, promise in _READINGS if pattern.search(hint)), Promise.NOTHING)


MARKER: Final = re.compile(r"m\d+q")
"""The mark of a message, which its text contains."""


def marks(text: str) -> list[str]:
    """The marks in a text, in order."""
    return MARKER.findall(text)


def mark_of(text: str) -> str:
    """The mark of a message: the last one, since a fork carries the conversation before its own text.

    A text without a mark, such as a suggestion of the first screen, stands for itself.
    """
    all_marks = marks(text)
    return all_marks[-1] if all_marks else text.strip()
