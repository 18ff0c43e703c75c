"""Uploads: a prompt with files as multipart/form-data, streamed from disk.

Parts (facts sheet, section 8): the text parts, then one part `files` for a
single file or a part `files[]` for each of several, with base name and type.
Every file is opened and compared with what was chosen before anything is sent.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePath
from typing import BinaryIO, Final

from handinger_tui.core.errors import AttachmentProblem
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import Attachment

BLOCK: Final = 256 << 10
_MEDIA_TYPE: Final = re.compile(
    r"[a-zA-Z0-9!#$&^_.+-]{1,64}/[a-zA-Z0-9!#$&^_.+-]{1,64}(; ?[a-z]+=[a-zA-Z0-9-]+)?"
)
_ESCAPES: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}


class ChangedWhileSending(OSError):
    """The file on disk changed under the upload; the request is torn, so no server can take it for whole."""


@dataclass(frozen=True, slots=True)
class _Opened:
    head: bytes
    file: BinaryIO
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart body of known length that can be produced more than once."""

    content_type: str
    length: int
    _text: bytes
    _files: tuple[_Opened, ...]
    _end: bytes

    async def stream(self, progress: Callable[[], None]) -> AsyncIterator[bytes]:
        """The body; `progress` is called before each block leaves.

        Raises:
            ChangedWhileSending
        """
        yield self._text
        for opened in self._files:
            progress()
            yield opened.head
            await asyncio.to_thread(opened.file.seek, 0)
            left = opened.size
            while left:
                block = await asyncio.to_thread(opened.file.read, min(BLOCK, left))
                left -= len(block)
                now = os.fstat(opened.file.fileno())
                if not block or (now.st_size, now.st_mtime_ns) != (opened.size, opened.mtime_ns):
                    raise ChangedWhileSending
                progress()
                yield block
            yield b"\r\n"
        yield self._end


@contextmanager
def upload(fields: dict[str, str], attachments: tuple[Attachment, ...]) -> Iterator[Upload]:
    """Open and check all files; reads them once, so call it in a thread.

    Raises:
        AttachmentProblem: unreadable, no plain file, or changed since it was chosen.
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
        length = len(text) + sum(len(o.head) + o.size + 2 for o in files) + len(end)
        yield Upload(f"multipart/form-data; boundary={boundary}", length, text, files, end)


def _open(stack: ExitStack, attachment: Attachment, boundary: str, part: str) -> _Opened:
    shown = clean_line(attachment.name, 120)
    try:
        # Without O_NONBLOCK, opening a pipe that took the file's place would wait for ever.
        descriptor = os.open(
            attachment.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        file = stack.enter_context(os.fdopen(descriptor, "rb"))
        found = os.fstat(file.fileno())
        same = stat.S_ISREG(found.st_mode) and found.st_size == attachment.size
        if same and attachment.sha256:
            import hashlib  # noqa: PLC0415 - 10 ms and 1 MB, for turns with files

            same = hashlib.file_digest(file, "sha256").hexdigest() == attachment.sha256
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or "no usable path"
        raise AttachmentProblem(
            f"{shown} cannot be read: {why}. Nothing was sent.", "Attach it again."
        ) from None
    if not same:
        raise AttachmentProblem(
            f"{shown} changed since it was attached. Nothing was sent.", "Attach it again."
        )
    named = _file_name(attachment.name)
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="{named}"\r\n'
        f"Content-Type: {_media_type(attachment.media_type)}\r\n\r\n"
    )
    return _Opened(head.encode("utf-8", "replace"), file, found.st_size, found.st_mtime_ns)


def _file_name(name: str) -> str:
    """The base name, escaped as browsers do; folders of this machine are nobody's business."""
    base = PurePath(name.replace("\\", "/")).name or "file"
    return "".join(_ESCAPES.get(sign, sign) for sign in base)


def _media_type(name: str) -> str:
    return name if _MEDIA_TYPE.fullmatch(name) else "application/octet-stream"
