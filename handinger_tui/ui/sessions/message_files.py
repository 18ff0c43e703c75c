"""The files of a message: each is checked once more before it leaves, whichever front sends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from handinger_tui.core.errors import AttachmentProblem, NoSuchFile
from handinger_tui.core.prompts import compose, file_mentions
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import Attachment

AS_TEXT: Final = r"Check the path, or type \@ to send it as text."

FileCheck = Attachment | AttachmentProblem
"""The result of checking a file: the attachment, or the reason why it cannot be sent."""


class Message(Struct, frozen=True):
    """What is sent. Files mentioned in the text appear in it by their plain names."""

    text: str
    files: tuple[Attachment, ...]

    @classmethod
    def of(cls, text: str, files: Iterable[Attachment]) -> Message:
        """A text with its files, each once."""
        return cls(text, tuple({file.path: file for file in files}.values()))


async def check_file(attach: Callable[[str], Attachment], path: str) -> FileCheck:
    """Check a file, in a thread: `attach` reads all of it."""
    try:
        return await asyncio.to_thread(attach, path)
    except AttachmentProblem as problem:
        return problem


def sendable(checks: Sequence[FileCheck]) -> list[Attachment]:
    """The checked files. Raises the first AttachmentProblem among them."""
    for check in checks:
        if isinstance(check, AttachmentProblem):
            raise check
    return [check for check in checks if isinstance(check, Attachment)]


async def with_mentions(
    text: str,
    check: Callable[[str], Awaitable[FileCheck]],
    pasted: Sequence[str] = (),
    earlier: Mapping[str, FileCheck] = MappingProxyType({}),
) -> tuple[str, list[Attachment]]:
    """What is sent for `text`, and the files it mentions (`@path`), each checked.

    Raises:
        AttachmentProblem: a file cannot be sent, or has changed since its `earlier` check.
    """
    now = {path: await check(path) for path in file_mentions(text).paths}
    sent = compose(text, pasted, lambda path: not isinstance(now[path], NoSuchFile))
    return sent.text, [_require_sendable(now[path], earlier.get(path)) for path in sent.paths]


def _require_sendable(now: FileCheck, before: FileCheck | None) -> Attachment:
    if isinstance(now, AttachmentProblem):
        raise AttachmentProblem(now.summary, AS_TEXT if isinstance(now, NoSuchFile) else now.hint)
    if isinstance(before, Attachment):
        require_same(before, now)
    return now


def require_same(before: Attachment, now: Attachment) -> None:
    """Refuse a file whose contents changed.

    Raises:
        AttachmentProblem: size or hash differ.
    """
    if before.sha256 and (before.size, before.sha256) != (now.size, now.sha256):
        sizes = "" if before.size == now.size else f" (from {before.size:,} to {now.size:,} bytes)"
        raise AttachmentProblem(
            f"{clean_line(now.name, 120)} changed since it was attached{sizes}. Nothing was sent.",
            "Press Enter to send the current version.",
        )
