"""What the panel of sources asks of the screen."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from handinger_tui.core.evidence import Source
from handinger_tui.core.mentions import Mention


class ShowMention(Message):
    """Show place `at` of all `places` where the answer speaks of `source`; there may be none."""

    def __init__(self, source: Source, places: Sequence[Mention], at: int) -> None:
        super().__init__()
        self.source = source
        self.places = places
        self.at = at


class CopyFootnotes(Message):
    """Put these sources on the clipboard as footnotes."""

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__()
        self.sources = sources


class ExportSources(Message):
    """Save these sources in a form to be chosen."""

    def __init__(self, sources: Sequence[Source]) -> None:
        super().__init__()
        self.sources = sources
