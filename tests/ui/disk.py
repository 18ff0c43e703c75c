"""The port of the disk as the screen uses it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handinger_tui.cli.local_files import attachment, list_directory
from handinger_tui.ui.ports import Opening
from tests.ui.fakes import Desktop, answers, launch

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.core.turns.turn import Attachment


@dataclass
class Disk:
    """Reads the real disk. `gate` delays every read until it is set, like a slow disk."""

    gate: threading.Event | None = None
    looks: list[str] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def attachment(self, path: str) -> Attachment:
        self._look(path)
        return attachment(path)

    def listing(self, folder: str, prefix: str, *, hidden: bool) -> tuple[str, ...]:
        self._look(f"{folder}*")
        return list_directory(folder, prefix=prefix, hidden=hidden)

    def _look(self, what: str) -> None:
        self.looks.append(what)
        self.threads.add(threading.get_ident())
        if self.gate is not None:
            assert self.gate.wait(60)


def desktop_with(*texts: str, disk: Disk | None = None, **members: object) -> Desktop:
    return Desktop(api=answers(*texts), launch=launch(Opening.FRESH, disk=disk or Disk(), **members))


def chips(desktop: Desktop) -> list[str]:
    return [f"{chip.name} {chip.facts}" for chip in desktop.work.pane.chips.chips]


def posts(desktop: Desktop) -> list[str]:
    return [request.prompt for request in desktop.api.posts]


def count_is(what: Callable[[Desktop], list[str]], desktop: Desktop, count: int) -> bool:
    return len(what(desktop)) == count


def files_of(desktop: Desktop, at: int = 0) -> list[str]:
    return [file.name for file in desktop.api.posts[at].attachments]
