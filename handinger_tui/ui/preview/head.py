"""The head of a preview: file name, kind, available views and notes."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from handinger_tui.core.formatting import size
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import FilePart
from handinger_tui.ui.panels.files.panel import file_name
from handinger_tui.ui.preview.load import Loaded


def head_lines(part: FilePart, beside: Sequence[str], loaded: Loaded | None, facet: int) -> list[Content]:
    """Return the head lines: the name followed by `beside`; kind, extent and views; one line per note.

    With `loaded` None only the facts reported by the worker are shown.
    """
    more = "".join(f"   {word}" for word in beside)
    name = Content.assemble((file_name(part), "bold"), (more, "$text-muted"))
    if loaded is None:
        summary = f"{clean_line(part.media_type, 60) or 'type not reported'} · {size(part.size)}"
        return [name, Content.styled(summary, "$text-muted")]
    notes = [Content.styled(f"! {note}", "$text-warning") for note in loaded.notes]
    return [name, _summary(loaded, facet), *notes]


def _summary(loaded: Loaded, facet: int) -> Content:
    pieces = [piece for piece in (loaded.what, loaded.counted, size(loaded.size)) if piece]
    line = Content.styled(" · ".join(pieces), "$text-muted")
    if len(loaded.facets) == 1:
        return line
    names = [
        (f" {one.name} ", "reverse" if at == facet else "$text-muted") for at, one in enumerate(loaded.facets)
    ]
    return Content.assemble(line, "   ", *names)
