"""Exports: a session, a turn or its sources in formats for other programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from handinger_tui.core.evidence.sources_and_files import Source
from handinger_tui.core.export.sources import Days, bibtex, csl_json, footnotes, markdown_list


@dataclass(frozen=True, slots=True)
class SourceExporter:
    """One format of a source list. `title` is shown to the user; `suffix` ends the file name."""

    name: str
    title: str
    suffix: str
    render: Callable[[Sequence[Source], Days], str]


SOURCE_EXPORTERS: Final = (
    SourceExporter("markdown", "Markdown list", ".md", markdown_list),
    SourceExporter("footnotes", "Footnotes", ".md", footnotes),
    SourceExporter("csl", "CSL-JSON", ".json", csl_json),
    SourceExporter("bibtex", "BibTeX", ".bib", bibtex),
)
"""All formats in which sources can be copied and saved."""
