"""What is typed before the history is open: on disk at once, for the next program if this one is killed.

Each program has a file of its own beside the history, and holds its lock: no other one takes the text of a
program that lives. Only small modules are imported, since the early prompt writes here, too. No error is
raised: a text that cannot be written is still in the prompt. On Windows, nothing is kept.
"""

from __future__ import annotations

import os
import sys
import threading
import time

if sys.platform != "win32":
    import fcntl

TYPE_CHECKING = False
"""Type checkers treat this name like `typing.TYPE_CHECKING`; importing `typing` takes 3 ms."""
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

NAME: Final = "early-"
"""The beginning of the names of these files."""
END: Final = b"\0"
"""Ends each text in the file, of which the last complete one counts: a kill may cut off what is behind."""
LARGE_BYTES: Final = 1 << 20
"""A longer file is replaced: each text goes behind the one before."""
MAX_BYTES: Final = 64 << 20
"""A longer file is not ours."""


def folder_of(environ: Mapping[str, str]) -> str:
    """The folder of the history as `cli.local_files.default_paths` finds it; "" where there is none."""
    home = environ.get("HANDINGER_TUI_HOME", "").strip()
    data = "~/Library/Application Support" if sys.platform == "darwin" else "~/.local/share"
    named = "" if sys.platform == "darwin" else environ.get("XDG_DATA_HOME", "").strip()
    folder = os.path.expanduser(home or os.path.join(named or data, "handinger-tui"))
    return "" if folder.startswith("~") or sys.platform == "win32" else os.path.abspath(folder)


class EarlyText:
    """The file of this program, and those of programs that were killed; "" as a folder: none."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._own: tuple[str, int] | None = None
        """Path and descriptor; None before anything was typed."""
        self._left: list[tuple[str, int]] = []
        self._busy = threading.Lock()
        self._kept = ""
        self._is_cut = False
        """Whether the last text was not written to its end."""
        self._has_app = False
        """Whether the app keeps its draft, which has all that the early prompt has read."""

    def keep_early(self, text: str) -> bool:
        """As `keep`, for what the app has not in its prompt yet; False once it has."""
        with self._busy:
            # Looked at with the lock: the app may begin to keep its draft in this moment.
            if not self._has_app:
                self._put(text)
            return not self._has_app

    def keep(self, text: str) -> bool:
        """Put the text on disk, in place of the one before; False where it cannot be."""
        with self._busy:
            self._has_app = True
            self._put(text)
            return text == self._kept

    def _put(self, text: str) -> None:
        if not self._folder or text == self._kept:
            return
        data = (END if self._is_cut else b"") + text.replace("\0", "").encode(errors="replace") + END
        try:
            self._write(data)
        except OSError:
            # The end of what a full disk took is missing.
            self._is_cut = True
            return
        self._kept, self._is_cut = text, False

    def _write(self, data: bytes) -> None:
        """Write behind the text before, or to a new file where that is large. Raises OSError."""
        before = self._own
        if before is None or os.fstat(before[1]).st_size > LARGE_BYTES:
            self._own = self._create()
        while data and self._own is not None:
            data = data[os.write(self._own[1], data) :]
        if before is not None and before is not self._own:
            _end(before)

    def _create(self) -> tuple[str, int]:
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        path = os.path.join(self._folder, f"{NAME}{os.getpid()}-{time.time_ns()}")
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        unnamed = f"{path}.new"
        descriptor = os.open(unnamed, flags, 0o600)
        # Locked before it gets the name under which other programs look for it.
        if not _lock(descriptor):
            _end((unnamed, descriptor))
            raise OSError
        os.rename(unnamed, path)
        return path, descriptor

    def take(self) -> list[str]:
        """The texts of programs that were killed, oldest first. Their files stay until `forget`."""
        with self._busy:
            try:
                names = sorted(os.listdir(self._folder), key=_started) if self._folder else []
            except OSError:
                return []
            texts = [self._take(os.path.join(self._folder, name)) for name in names if _started(name)]
        return [text for text in texts if text.strip()]

    def _take(self, path: str) -> str:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return ""
        # Another program may have taken and removed it between the list and the lock.
        if not _lock(descriptor) or not _is_at(path, descriptor):
            os.close(descriptor)
            return ""
        self._left.append((path, descriptor))
        try:
            complete = os.read(descriptor, MAX_BYTES).split(END)[:-1]
        except OSError:
            return ""
        return complete[-1].decode(errors="replace") if complete else ""

    def close(self) -> None:
        """Leave the files to the next program, as the end of this one does."""
        with self._busy:
            if self._own is not None and not self._kept:
                _end(self._own)
            elif self._own is not None:
                os.close(self._own[1])
            for _, descriptor in self._left:
                os.close(descriptor)
            self._own, self._left, self._folder = None, [], ""

    def forget(self) -> None:
        """Remove the files: what was in them is in the history, or nobody wants it."""
        with self._busy:
            own = [] if self._own is None else [self._own]
            for file in own + self._left:
                _end(file)
            self._own, self._left, self._kept = None, [], ""
            self._has_app = True


def _end(file: tuple[str, int]) -> None:
    """Remove a file, and then its lock."""
    path, descriptor = file
    _remove(path)
    os.close(descriptor)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _started(name: str) -> int:
    """The time in the name of a file, by which they are ordered; 0 for other files."""
    numbers = name.removeprefix(NAME).split("-") if name.startswith(NAME) else []
    return int(numbers[1]) if len(numbers) == 2 and all(map(str.isdecimal, numbers)) else 0


def _lock(descriptor: int) -> bool:
    """Lock a file; False where another program has it, or there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(path: str, descriptor: int) -> bool:
    try:
        there, here = os.lstat(path), os.fstat(descriptor)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def as_read(typed: bytes) -> str:
    """What a person reads in bytes of keys that the app will interpret: text, and a line for each Enter."""
    text, sequence = "", ""
    for letter in typed.decode(errors="ignore"):
        if sequence:
            sequence += letter
            # ESC [ ends with a letter or tilde, ESC O with the next letter, a reply with BEL or ESC and
            # a backslash; ESC and any other character are one key.
            if sequence[1] in "]P_":
                is_over = letter == "\x07" or sequence.endswith("\x1b\\")
            else:
                is_over = sequence[1] not in "[O" or (len(sequence) > 2 and "@" <= letter <= "~")
            sequence = "" if is_over else sequence
        elif letter == "\x1b":
            sequence = letter
        elif letter in "\x7f\b":
            text = text[:-1]
        elif letter in "\r\n":
            text += "\n"
        elif letter.isprintable():
            text += letter
    return text
