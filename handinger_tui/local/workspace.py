"""A worker's files: a table from path to bytes, in memory, so no path can lead out of it."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass, field
from hashlib import sha256

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
    """The file does not fit into the worker's bounded memory."""


def clean_name(name: str) -> str:
    """Return the last component of a file name, without control and direction signs; never empty."""
    last = _CONTROL.sub("", re.split(r"[\\/]", name)[-1]).strip()[:_LONGEST_NAME]
    return _NAMELESS if last.strip(".") == "" else last


def media_type_of(name: str) -> str:
    """Return the media type that the ending of the name stands for."""
    for ending, media_type in _TYPES.items():
        if name.lower().endswith(ending):
            return media_type
    return mimetypes.guess_type(name)[0] or _FALLBACK_TYPE


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file: path inside the workspace, media type, bytes, and whether the worker made it."""

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
    """The files of one worker, at most `limit` bytes; nothing is ever overwritten."""

    limit: int
    _files: dict[str, StoredFile] = field(default_factory=dict)

    def attach(self, name: str, content: bytes) -> StoredFile:
        """Keep what a person sent, under the cleaned name.

        Raises:
            WorkspaceFullError: when the bytes do not fit.
        """
        path = clean_name(name)
        return self._keep(path, media_type_of(path), content, published=False)

    def publish(self, path: str, media_type: str, content: bytes) -> StoredFile:
        """Keep what the worker made; it is listed in `Worker.files`.

        Raises:
            WorkspaceFullError: when the bytes do not fit.
        """
        return self._keep(path, media_type, content, published=True)

    def get(self, path: str) -> StoredFile | None:
        """Return the file with exactly this path."""
        return self._files.get(path)

    def files(self) -> list[StoredFile]:
        """Return all files, oldest first."""
        return list(self._files.values())

    def room_for(self, size: int) -> bool:
        """Tell whether that many bytes still fit."""
        return size + sum(len(file.content) for file in self._files.values()) <= self.limit

    def _keep(self, wanted: str, media_type: str, content: bytes, *, published: bool) -> StoredFile:
        if not self.room_for(len(content)):
            raise WorkspaceFullError(wanted)
        path = self._free_path(wanted)
        file = StoredFile(path, media_type, content, published)
        self._files[path] = file
        return file

    def _free_path(self, wanted: str) -> str:
        """Number the name (`report-2.md`) when the path is taken."""
        if wanted not in self._files:
            return wanted
        folder, slash, name = wanted.rpartition("/")
        stem, dot, ending = name.rpartition(".") if "." in name.lstrip(".") else (name, "", "")
        number = 2
        while (path := f"{folder}{slash}{stem}-{number}{dot}{ending}") in self._files:
            number += 1
        return path
