"""The lines of the sources panel. A host that does not fit keeps its end, which shows its owner."""

from __future__ import annotations

from typing import Final

from textual.content import Content

from handinger_tui.core.evidence.source_addresses import unicode_host
from handinger_tui.core.evidence.sources_and_files import Source
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.ui.panels.list_panel import FAINT, MARK, STRONG, with_right
from handinger_tui.ui.panels.sources.facts import Facts, Group

GROUP: Final = ".sources--group"
ODD: Final = ".sources--odd"
ODD_SIGN: Final = "▲"
"""Marks what is unusual about an address, so that it is recognizable without color."""


def heading_line(group: Group, width: int) -> Content:
    """The title of a group and the number of its sources."""
    count = Content.styled(f"{len(group.sources):,}", FAINT)
    return with_right(Content.styled(group.title, GROUP), count, width)


def title_line(source: Source, facts: Facts, digits: int, width: int) -> Content:
    """The number and title of a source; numbers are right-aligned to `digits` cells."""
    number = Content.styled(f"{source.number:>{digits}} ", FAINT)
    return Content.assemble(number, (facts.title, STRONG)).truncate(width, ellipsis=True)


def place_line(facts: Facts, mentions: tuple[str, ...], digits: int, width: int, *, new: bool) -> Content:
    """The host and how often it is mentioned: the longest text of `mentions` that leaves the host uncut."""
    room = width - digits - 1
    badge = " new" if new else ""
    fitting = (text for text in mentions if len(facts.place) + 1 + len(text) + len(badge) <= room)
    text = next(fitting, mentions[-1])
    right = Content.assemble((text, FAINT), (badge, MARK))
    place = Content.styled(cut_left(facts.place, room - right.cell_length - 1), FAINT)
    return with_right(Content.assemble(" " * (digits + 1), place), right, width)


def marks_line(facts: Facts, digits: int, width: int) -> Content:
    """The warnings about the address."""
    indent = " " * (digits + 1)
    text = f"{ODD_SIGN} {' · '.join(facts.marks)}"
    return Content.assemble(indent, (text, ODD)).truncate(width, ellipsis=True)


def mention_words(count: int, at: int | None) -> tuple[str, ...]:
    """Texts for `count` mentions, the longest first; `at`: the position of the mention on the screen now."""
    if at is not None:
        return (f"{at + 1} of {count}", f"{at + 1}/{count}")
    return (f"{count:,}×",) if count else ("not mentioned", "0×")


def count_words(total: int, new: int, silent: int, width: int) -> str:
    """The text of the border: the longest that fits `width`.

    `silent`: how many sources the answer does not mention.
    """
    new_text = f" · {new:,} new" if new else ""
    if not silent:
        return f"{total:,}{new_text}"
    candidates = (
        f"{total:,}{new_text} · {silent:,} not mentioned",
        f"{total:,}{new_text} · {silent:,} unmentioned",
        f"{total:,} · {silent:,} unmentioned",
    )
    return next((text for text in candidates if len(text) <= width), candidates[-1])


def cut_left(text: str, width: int) -> str:
    """The end of `text` in `width` cells, with an ellipsis before it where it is cut."""
    content = Content(text)
    if content.cell_length <= width:
        return text
    tail = text
    while tail and Content(tail).cell_length > width - 1:
        tail = tail[1:]
    return f"…{tail}"


def details_text(source: Source, facts: Facts, mentions: int) -> Content:
    """All facts about a source, for its tooltip."""
    lines = [f"{source.number}. {facts.title}", clean_line(source.part.url or "", 1000) or facts.place]
    unicode = unicode_host(facts.host)
    if unicode != facts.host:
        lines.append(f"{facts.host} is written {unicode}")
    if facts.marks:
        lines.append(f"{ODD_SIGN} {' · '.join(facts.marks)}")
    lines.append(f"mentioned {plural(mentions, 'time')}" if mentions else "not mentioned in the answer")
    return Content("\n".join(lines))
