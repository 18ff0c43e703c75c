"""Messages from panels to the screen. Panels only ask: the screen checks, saves and opens."""

from __future__ import annotations

from textual.message import Message

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


class SaveFiles(Message):
    """Download these files into the download folder, one after another."""

    def __init__(self, parts: list[FilePart]) -> None:
        super().__init__()
        self.parts = parts


class SaveInto(Message):
    """Ask the user for a folder and download a file into it."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part


class PreviewFile(Message):
    """Show a file in the preview screen."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part


class OpenFile(Message):
    """Open a file with the system's program for it; the screen saves and checks it first."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part


class CopyFile(Message):
    """Copy the path of a saved file, else its URL, to the clipboard."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part
