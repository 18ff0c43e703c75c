"""Request bodies of a turn: JSON, and multipart/form-data for a prompt with files, streamed from disk.

Multipart has the text fields, then one part `files` for a single file or a part `files[]` for each of
several, with base name and type. Every file is opened and compared with the chosen attachment before
anything is sent. These are not pydantic models: our own values need no validation, and pydantic takes 10 MB.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from contextlib import ExitStack, contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, BinaryIO, Final

from msgspec import Struct
from msgspec.structs import force_setattr

from handinger_tui.core.errors import AttachmentProblem
from handinger_tui.core.safety import clean_line, encodable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from handinger_tui.core.turns.turn import Attachment

BLOCK: Final = 256 << 10
_MEDIA_TYPE: Final = re.compile(
    r"[a-zA-Z0-9!#$&^_.+-]{1,64}/[a-zA-Z0-9!#$&^_.+-]{1,64}(; ?[a-z]+=[a-zA-Z0-9-]+)?"
)
_ESCAPES: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}


class TurnBody(Struct, frozen=True):
    """The body of a turn's request, of either generation."""

    input: str

    def __post_init__(self) -> None:
        force_setattr(self, "input", encodable(self.input))

    def members(self) -> dict[str, str | bool | None]:
        """The members in order; those that are None are not sent."""
        raise NotImplementedError

    def body(self) -> bytes:
        """Compact JSON."""
        members = {name: value for name, value in self.members().items() if value is not None}
        return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()

    def fields(self) -> dict[str, str]:
        """The text fields of a multipart body."""
        members = self.members().items()
        return {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in members
            if value is not None
        }


class StartTurn(TurnBody, frozen=True):
    """The body that creates a worker or continues one."""

    budget: str | None = None
    stream: bool = True

    def members(self) -> dict[str, str | bool | None]:
        """The members in order."""
        return {"input": self.input, "budget": self.budget, "stream": self.stream}


class ChangedWhileSending(OSError):
    """A file changed during its upload. The request is aborted, so that no server accepts it as complete."""


class _OpenFile(Struct, frozen=True):
    """An open attachment with the head of its part, and its size and time when it was opened."""

    head: bytes
    file: BinaryIO
    size: int
    mtime_ns: int


class Upload(Struct, frozen=True):
    """A multipart body of known length that can be streamed more than once."""

    content_type: str
    length: int
    _text: bytes
    _files: tuple[_OpenFile, ...]
    _end: bytes

    async def stream(self, progress: Callable[[], None]) -> AsyncIterator[bytes]:
        """The body in blocks; `progress` is called before each block is sent.

        Raises:
            ChangedWhileSending: a file has changed since it was opened.
        """
        yield self._text
        for part in self._files:
            progress()
            yield part.head
            await asyncio.to_thread(part.file.seek, 0)
            remaining = part.size
            while remaining:
                block = await asyncio.to_thread(part.file.read, min(BLOCK, remaining))
                remaining -= len(block)
                status = os.fstat(part.file.fileno())
                if not block or (status.st_size, status.st_mtime_ns) != (part.size, part.mtime_ns):
                    raise ChangedWhileSending
                progress()
                yield block
            yield b"\r\n"
        yield self._end


@contextmanager
def upload(fields: dict[str, str], attachments: tuple[Attachment, ...]) -> Iterator[Upload]:
    """Open and check all files. It reads every file once, so call it in a thread.

    Raises:
        AttachmentProblem: unreadable, not a regular file, or changed since it was chosen.
    """
    boundary = f"handinger-{os.urandom(16).hex()}"
    text = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ).encode()
    end = f"--{boundary}--\r\n".encode()
    part = "files" if len(attachments) == 1 else "files[]"
    with ExitStack() as stack:
        files = tuple(_open(stack, attachment, boundary, part) for attachment in attachments)
        length = len(text) + sum(len(file.head) + file.size + 2 for file in files) + len(end)
        yield Upload(f"multipart/form-data; boundary={boundary}", length, text, files, end)


def _open(stack: ExitStack, attachment: Attachment, boundary: str, part: str) -> _OpenFile:
    shown = clean_line(attachment.name, 120)
    try:
        # Without O_NONBLOCK, opening a pipe that replaced the file would block without end.
        descriptor = os.open(
            attachment.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        file = stack.enter_context(os.fdopen(descriptor, "rb"))
        status = os.fstat(file.fileno())
        is_unchanged = stat.S_ISREG(status.st_mode) and status.st_size == attachment.size
        if is_unchanged and attachment.sha256:
            import hashlib  # loads OpenSSL, 2 MB, which a start has no use for

            is_unchanged = hashlib.file_digest(file, "sha256").hexdigest() == attachment.sha256
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "not a usable path"
        raise AttachmentProblem(
            f"Cannot read {shown}: {why}. Nothing was sent.", "Attach it again."
        ) from None
    if not is_unchanged:
        raise AttachmentProblem(
            f"{shown} changed since it was attached. Nothing was sent.", "Attach it again."
        )
    file_name = _file_name(attachment.name)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="{file_name}"\r\n'
        f"Content-Type: {_media_type(attachment.media_type)}\r\n\r\n"
    )
    return _OpenFile(head.encode("utf-8", "replace"), file, status.st_size, status.st_mtime_ns)


def _file_name(name: str) -> str:
    """The base name, escaped as in browsers. Folder names of this machine are never sent."""
    base = PurePath(name.replace("\\", "/")).name or "file"
    return "".join(_ESCAPES.get(character, character) for character in base)


def _media_type(name: str) -> str:
    return name if _MEDIA_TYPE.fullmatch(name) else "application/octet-stream"
