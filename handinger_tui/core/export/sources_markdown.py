"""Sources as a numbered Markdown list. Nothing in a title becomes markup of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from handinger_tui.core.evidence import Source
from handinger_tui.core.export.citable import Citable, Days, citables

_MARKUP: Final = re.compile(r"[\\`*_\[\]<>&|~#!(){}$@^]|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
_OPENING: Final = re.compile(r"^([-+=]|\d{1,9}(?=[.)]))")


def markdown_text(text: str) -> str:
    """One line of text as Markdown that shows just that text."""
    escaped = _MARKUP.sub(r"\\\g<0>", text)
    opening = _OPENING.match(escaped)
    if opening is None:
        return escaped
    at = 0 if opening[1] in "-+=" else opening.end()
    return f"{escaped[:at]}\\{escaped[at:]}"


def markdown_list(sources: Iterable[Source], days: Days) -> str:
    """`1. [Title](<address>) · host`. The numbers are those of the sources, also where one is missing."""
    return "".join(f"{one.number}. {_entry(one)}\n" for one in citables(sources, days))


def _entry(one: Citable) -> str:
    title = markdown_text(one.title)
    if one.url is None:
        return title
    read = f" · read {one.accessed}" if one.accessed else ""
    return f"[{title}](<{one.url}>) · {markdown_text(one.host)}{read}"
