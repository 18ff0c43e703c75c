"""Messages from panels to the screen. Panels only ask: the screen checks, saves and opens."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from handinger_tui.core.evidence.citations import Mention
from handinger_tui.core.evidence.sources_and_files import Source
from handinger_tui.core.turns.turn import FilePart


class OpenLink(Message):
    """Open `url`, unchanged and not checked yet; `shown` is the link text that the user sees."""

    def __init__(self, url: str, shown: str) -> None:
        super().__init__()
        self.url = url
        self.shown = shown


class CopyLink(Message):
    """Copy the URL to the clipboard, unchanged."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url


class ShowMention(Message):
    """Show mention number `at` of `places`, all mentions of `source` in the answers; there may be none."""

    def __init__(self, source: Source, places: Sequence[Mention], at: int) -> None:
        super().__init__()
        self.source = source
        self.places = places
        self.at = at


class CopyFootnotes(Message):
    """Copy these sources to the clipboard as footnotes."""

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__()
        self.sources = sources


class ExportSources(Message):
    """Save these sources in a format that the user chooses."""

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__()
        self.sources = sources


class SaveFiles(Message):
    """Download these files into the download folder, one after another."""

    def __init__(self, parts: list[FilePart]) -> None:
        super().__init__()
        self.parts = parts


class _FileMessage(Message):
    """A request about one file."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part


class SaveInto(_FileMessage):
    """Ask the user for a folder and download a file into it."""


class PreviewFile(_FileMessage):
    """Show a file in the preview screen."""


class OpenFile(_FileMessage):
    """Open a file with the system's program for it; the screen saves and checks it first."""


class CopyFile(_FileMessage):
    """Copy the path of a saved file, else its URL, to the clipboard."""
