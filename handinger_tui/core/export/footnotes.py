"""Sources as footnotes of Markdown, to be pasted under a text."""

from __future__ import annotations

from collections.abc import Iterable

from handinger_tui.core.evidence import Source
from handinger_tui.core.export.citable import Days, citables
from handinger_tui.core.export.sources_markdown import markdown_text


def footnotes(sources: Iterable[Source], days: Days) -> str:
    """`[^1]: Title. Host. <address>`, one in a line."""
    lines = []
    for one in citables(sources, days):
        pieces = [f"{markdown_text(one.title).rstrip('.')}."]
        pieces += [f"{markdown_text(one.host)}."] if one.host else []
        pieces += [f"<{one.url}>"] if one.url else []
        lines.append(f"[^{one.number}]: {' '.join(pieces)}\n")
    return "".join(lines)
