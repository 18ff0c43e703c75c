"""Lines of the sources panel. Of a host that does not fit its end is kept: that part says whose it is."""

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
"""Stands before what is unusual about an address, so that it can be found without colour."""


def heading_line(group: Group, width: int) -> Content:
    """What the group is, and how many there are in it."""
    count = Content.styled(f"{len(group.sources):,}", FAINT)
    return with_right(Content.styled(group.title, GROUP), count, width)


def title_line(source: Source, facts: Facts, digits: int, width: int) -> Content:
    """Number and title."""
    number = Content.styled(f"{source.number:>{digits}} ", FAINT)
    return Content.assemble(number, (facts.title, STRONG)).truncate(width, ellipsis=True)


def place_line(facts: Facts, said: tuple[str, ...], digits: int, width: int, *, new: bool) -> Content:
    """Host; how often it is mentioned, in the longest of the words `said` that leaves the host whole."""
    room = width - digits - 1
    fresh = " new" if new else ""
    fits = (words for words in said if len(facts.place) + 1 + len(words) + len(fresh) <= room)
    words = next(fits, said[-1])
    right = Content.assemble((words, FAINT), (fresh, MARK))
    place = Content.styled(cut_left(facts.place, room - right.cell_length - 1), FAINT)
    return with_right(Content.assemble(" " * (digits + 1), place), right, width)


def marks_line(facts: Facts, digits: int, width: int) -> Content:
    """What is unusual about the address."""
    indent = " " * (digits + 1)
    told = f"{ODD_SIGN} {' · '.join(facts.marks)}"
    return Content.assemble(indent, (told, ODD)).truncate(width, ellipsis=True)


def mention_words(count: int, at: int | None) -> tuple[str, ...]:
    """How often, the longest first; `at` where one of the places is shown just now."""
    if at is not None:
        return (f"{at + 1} of {count}", f"{at + 1}/{count}")
    return (f"{count:,}×",) if count else ("not mentioned", "0×")


def count_words(total: int, new: int, silent: int, width: int) -> str:
    """What the border says, in as many words as fit."""
    fresh = f" · {new:,} new" if new else ""
    if not silent:
        return f"{total:,}{fresh}"
    said = (
        f"{total:,}{fresh} · {silent:,} not mentioned",
        f"{total:,}{fresh} · {silent:,} unmentioned",
        f"{total:,} · {silent:,} unmentioned",
    )
    return next((words for words in said if len(words) <= width), said[-1])


def cut_left(text: str, width: int) -> str:
    """The end of a text, in `width` cells."""
    content = Content(text)
    if content.cell_length <= width:
        return text
    kept = text
    while kept and Content(kept).cell_length > width - 1:
        kept = kept[1:]
    return f"…{kept}"


def details_text(source: Source, facts: Facts, mentions: int) -> Content:
    """Everything about a source, for a tooltip."""
    lines = [f"{source.number}. {facts.title}", clean_line(source.part.url or "", 1000) or facts.place]
    own = unicode_host(facts.host)
    if own != facts.host:
        lines.append(f"{facts.host} is written {own}")
    if facts.marks:
        lines.append(f"{ODD_SIGN} {' · '.join(facts.marks)}")
    lines.append(f"mentioned {plural(mentions, 'time')}" if mentions else "not mentioned in the answer")
    return Content("\n".join(lines))
