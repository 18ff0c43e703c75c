"""Attachments: look at a file before anything is sent."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import stat
from pathlib import Path
from typing import Final

from handinger_tui.core.errors import AttachmentProblem
from handinger_tui.core.turn import Attachment

MAX_BYTES: Final = 512 << 20
_BLOCK: Final = 1 << 20


def attachment(path_text: str) -> Attachment:
    """The identity of a file: size, type and digest as they are now.

    Raises:
        AttachmentProblem: missing, no plain file, unreadable, too large.
    """
    path = Path(path_text).expanduser()
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise AttachmentProblem(f"{path_text} is no plain file; nothing was sent.", "Choose a file.")
        if found.st_size > MAX_BYTES:
            raise AttachmentProblem(
                f"{path_text} is {found.st_size:,} bytes; at most {MAX_BYTES:,} are sent. Nothing was sent.",
                "Send a smaller part of it.",
            )
        digest = _digest(path)
    except OSError as problem:
        reason = os.strerror(problem.errno) if problem.errno else str(problem)
        raise AttachmentProblem(
            f"{path_text} cannot be read: {reason}. Nothing was sent.", "Check the path."
        ) from None
    media_type = mimetypes.guess_type(path.name)[0] or _EXTRA.get(
        path.suffix.lower(), "application/octet-stream"
    )
    return Attachment(str(path.resolve()), path.name, found.st_size, media_type, digest)


_EXTRA: Final = {".jsonl": "application/x-ndjson", ".md": "text/markdown", ".toml": "application/toml"}


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
