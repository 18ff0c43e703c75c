"""What panels ask of the screen. They decide nothing: the screen judges, saves and opens."""

from __future__ import annotations

from textual.message import Message

from handinger_tui.core.turns.turn import FilePart


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


class SaveFiles(Message):
    """Download these files into the download folder, one after the other."""

    def __init__(self, parts: list[FilePart]) -> None:
        super().__init__()
        self.parts = parts


class SaveInto(Message):
    """Download a file into a folder that has to be asked for."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part


class PreviewFile(Message):
    """Show a file inside the program."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part


class OpenFile(Message):
    """Open a file with the system's program, once it is saved and judged."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part


class CopyFile(Message):
    """Put the path of a saved file, else its address, on the clipboard."""

    def __init__(self, part: FilePart) -> None:
        super().__init__()
        self.part = part
