"""The current address of a worker's file: download links are signed and expire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from handinger_tui.api.client import WorkerClient


class Named(Protocol):
    """A file reported by a turn or a worker."""

    @property
    def url(self) -> str:
        """The download address; it may be signed and may expire."""

    @property
    def filename(self) -> str | None:
        """The file name, None if the service gave none."""


def refresher(client: WorkerClient, worker_id: str, file: Named) -> Callable[[], Awaitable[str | None]]:
    """Return a function that `save` calls when the address of `file` may have expired.

    It reads the worker, which is free, and returns the current address; None if the worker no longer
    has the file, or several files match.
    """

    async def current_url() -> str | None:
        return find_current_url(file, (await client.read_worker(worker_id)).snapshot.files)

    return current_url


def find_current_url(file: Named, files: Sequence[Named]) -> str | None:
    """Return the current address of `file`, matched by name and path, then by path, then by name.

    None if no file matches, or several with different addresses do.
    """
    path = _url_path(file.url)
    rules: list[Callable[[Named], bool]] = [
        lambda candidate: candidate.filename == file.filename and _url_path(candidate.url) == path,
        lambda candidate: _url_path(candidate.url) == path,
        lambda candidate: file.filename is not None and candidate.filename == file.filename,
    ]
    for rule in rules:
        urls = {candidate.url for candidate in files if rule(candidate)}
        if urls:
            return urls.pop() if len(urls) == 1 else None
    return None


def _url_path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return url
