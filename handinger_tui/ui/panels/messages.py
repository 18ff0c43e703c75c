"""What panels ask of the screen. They decide nothing: the screen judges, saves and opens."""

from __future__ import annotations

from textual.message import Message

from handinger_tui.core.turn import FilePart


class OpenLink(Message):
    """Open `url`, exactly as it came from outside; `shown` is the text it stood behind. Not judged yet."""

    def __init__(self, url: str, shown: str) -> None:
        super().__init__()
        self.url = url
        self.shown = shown


class CopyLink(Message):
    """Put the address on the clipboard, exactly as it came from outside."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url


class SaveFile(Message):
    """Download one file into the download folder."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part
