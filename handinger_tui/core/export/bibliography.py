"""Source lists as footnotes, Markdown, BibTeX and CSL-JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from handinger_tui.core.evidence.sources import Source, title_of, written_url

if TYPE_CHECKING:
    from handinger_tui.core.jsontext import JsonObject
    from handinger_tui.core.turns.session import Session

Days = Mapping[str, str]
"""turn_id → the day on which the worker read the sources, in ISO 8601; a missing day is not written."""


def read_days(session: Session, zone: tzinfo | None = None) -> dict[str, str]:
    """The day of each turn, on which the worker read its sources. `zone` None: the zone of the machine."""
    return {turn.turn_id: _day(turn.order.created_ms, zone) for turn in session.turns}


def _day(at_ms: int, zone: tzinfo | None) -> str:
    return datetime.fromtimestamp(at_ms / 1000, zone).astimezone(zone).date().isoformat()


class Citable(Struct, frozen=True):
    """One source, each text in a single line. `url` is the result of `written_url`, which may be None."""

    number: int
    title: str
    host: str
    url: str | None
    accessed: str | None


def citables(sources: Iterable[Source], days: Days) -> Iterator[Citable]:
    """The sources in the form that all formats use."""
    for source in sources:
        url = written_url(source.part.url)
        host = source.host if url is not None else ""
        yield Citable(source.number, title_of(source.part), host, url, days.get(source.turn_id))


def footnotes(sources: Iterable[Source], days: Days) -> str:
    """Markdown footnotes, one per line: `[^1]: Title. Host. <address>`."""
    lines = []
    for one in citables(sources, days):
        pieces = [f"{markdown_text(one.title).rstrip('.')}."]
        pieces += [f"{markdown_text(one.host)}."] if one.host else []
        pieces += [f"<{one.url}>"] if one.url else []
        lines.append(f"[^{one.number}]: {' '.join(pieces)}\n")
    return "".join(lines)


_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "#$%&_"},
}
_ESCAPE: Final = str.maketrans(_SPECIAL)
_NO_KEY: Final = re.compile(r"[^a-z0-9]+")


def bibtex(sources: Iterable[Source], days: Days) -> str:
    """BibTeX: one `@misc` entry per source. Keys are unique: the host and the number of the source."""
    return "\n".join(_entry(one) for one in citables(sources, days))


def _entry(one: Citable) -> str:
    key = _NO_KEY.sub("", one.host.removeprefix("www.")) or "source"
    fields = {"title": f"{{{one.title.translate(_ESCAPE)}}}"}
    if one.url is not None:
        fields |= {"howpublished": one.host.translate(_ESCAPE), "url": one.url}
        if one.accessed is not None:
            fields["urldate"] = one.accessed
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@misc{{{key}-{one.number},\n{lines}}}\n"


def csl_json(sources: Iterable[Source], days: Days) -> str:
    """CSL-JSON: an array of items of type webpage, or document where there is no web address."""
    return json.dumps([_item(one) for one in citables(sources, days)], indent=2, ensure_ascii=True) + "\n"


def _item(one: Citable) -> JsonObject:
    item: JsonObject = {"id": f"source-{one.number}", "type": "webpage", "title": one.title}
    if one.url is None:
        return item | {"type": "document"}
    item |= {"container-title": one.host, "URL": one.url}
    if one.accessed is not None:
        item["accessed"] = {"date-parts": [[int(piece) for piece in one.accessed.split("-")]]}
    return item


_MARKUP: Final = re.compile(r"[\\`*_\[\]<>&|~#!(){}$@^]|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
_OPENING: Final = re.compile(r"^([-+=]|\d{1,9}(?=[.)]))")


def markdown_text(text: str) -> str:
    """One line of text, escaped so that Markdown shows exactly that text."""
    escaped = _MARKUP.sub(r"\\\g<0>", text)
    opening = _OPENING.match(escaped)
    if opening is None:
        return escaped
    at = 0 if opening[1] in "-+=" else opening.end()
    return f"{escaped[:at]}\\{escaped[at:]}"


def markdown_list(sources: Iterable[Source], days: Days) -> str:
    """A Markdown list: `1. [Title](<address>) · host`. The numbers are those of the sources, with gaps."""
    return "".join(map(list_entry, citables(sources, days)))


def list_entry(one: Citable) -> str:
    """One line of `markdown_list`, with its end."""
    title = markdown_text(one.title)
    if one.url is None:
        return f"{one.number}. {title}\n"
    accessed = f" · accessed {one.accessed}" if one.accessed else ""
    return f"{one.number}. [{title}](<{one.url}>) · {markdown_text(one.host)}{accessed}\n"
