"""The files of a worker, in memory: a mapping from path to bytes, so that no path can lead outside."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass, field
from hashlib import sha256

from msgspec import Struct

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_LONGEST_NAME = 200
_FALLBACK_TYPE = "application/octet-stream"
_TYPES = {
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".log": "text/plain",
}
_NAMELESS = "attachment"


class WorkspaceFullError(Exception):
    """The file does not fit into the size limit of the workspace."""


def clean_name(name: str) -> str:
    """Return the last component of a file name, without control and direction characters; never empty."""
    last = _CONTROL.sub("", re.split(r"[\\/]", name)[-1]).strip()[:_LONGEST_NAME]
    return _NAMELESS if last.strip(".") == "" else last


def media_type_of(name: str) -> str:
    """Return the media type for the suffix of a name."""
    for suffix, media_type in _TYPES.items():
        if name.lower().endswith(suffix):
            return media_type
    return mimetypes.guess_type(name)[0] or _FALLBACK_TYPE


class StoredFile(Struct, frozen=True):
    """A file: path inside the workspace, media type, bytes, and whether the worker created it."""

    path: str
    media_type: str
    content: bytes
    published: bool

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the bytes."""
        return sha256(self.content).hexdigest()


@dataclass(slots=True)
class Workspace:
    """The files of one worker, at most `limit` bytes; a file is never overwritten."""

    limit: int
    _files: dict[str, StoredFile] = field(default_factory=dict)

    def attach(self, name: str, content: bytes) -> StoredFile:
        """Store an attachment of the user under its cleaned name.

        Raises:
            WorkspaceFullError: the bytes do not fit.
        """
        path = clean_name(name)
        return self._store(path, media_type_of(path), content, published=False)

    def publish(self, path: str, media_type: str, content: bytes) -> StoredFile:
        """Store a file that the worker created; it is listed in `Worker.files`.

        Raises:
            WorkspaceFullError: the bytes do not fit.
        """
        return self._store(path, media_type, content, published=True)

    def get(self, path: str) -> StoredFile | None:
        """Return the file with exactly this path, None if there is none."""
        return self._files.get(path)

    def files(self) -> list[StoredFile]:
        """Return all files, oldest first."""
        return list(self._files.values())

    def has_room_for(self, size: int) -> bool:
        """Return whether that many bytes still fit."""
        return size + sum(len(file.content) for file in self._files.values()) <= self.limit

    def _store(self, requested_path: str, media_type: str, content: bytes, *, published: bool) -> StoredFile:
        if not self.has_room_for(len(content)):
            raise WorkspaceFullError(requested_path)
        path = self._free_path(requested_path)
        file = StoredFile(path, media_type, content, published)
        self._files[path] = file
        return file

    def _free_path(self, requested_path: str) -> str:
        """Return the path, with a number (as in `name-2.txt`) if it exists."""
        if requested_path not in self._files:
            return requested_path
        folder, slash, name = requested_path.rpartition("/")
        stem, dot, suffix = name.rpartition(".") if "." in name.lstrip(".") else (name, "", "")
        number = 2
        while (path := f"{folder}{slash}{stem}-{number}{dot}{suffix}") in self._files:
            number += 1
        return path
