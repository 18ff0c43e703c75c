"""The forms of a session and of its sources: one function and one line each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from handinger_tui.core.evidence.sources_and_files import Source
from handinger_tui.core.export.session_json import session_json
from handinger_tui.core.export.session_markdown import session_markdown
from handinger_tui.core.export.sources import Days, bibtex, csl_json, footnotes, markdown_list, read_days
from handinger_tui.core.turns.session import Session


class SourceExporter(Struct, frozen=True):
    """One form of a source list. `title` is shown to the user; `suffix` ends the file name."""

    name: str
    title: str
    suffix: str
    render: Callable[[Sequence[Source], Days], str]

    def text(self, sources: Sequence[Source], session: Session) -> str:
        """The text of these sources of a session."""
        return self.render(sources, read_days(session))


class SessionExporter(Struct, frozen=True):
    """One form of a session. `title` is shown to the user; `suffix` ends the file name."""

    name: str
    title: str
    suffix: str
    render: Callable[[Session], str]


SOURCE_EXPORTERS: Final = (
    SourceExporter("markdown", "Markdown list", ".md", markdown_list),
    SourceExporter("footnotes", "Footnotes", ".md", footnotes),
    SourceExporter("csl", "CSL-JSON", ".json", csl_json),
    SourceExporter("bibtex", "BibTeX", ".bib", bibtex),
)
"""All forms in which sources can be copied and saved. Commands and their choices follow from this table."""

SESSION_EXPORTERS: Final = (
    SessionExporter("md", "Markdown", ".md", session_markdown),
    SessionExporter("json", "JSON", ".json", session_json),
)
"""All forms of a session; the first is the default. Commands and their choices follow from this table."""
