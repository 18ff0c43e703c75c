"""Sources as BibTeX. Braces are counted even behind a backslash, so none of a title's is ever written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from handinger_tui.core.evidence import Source
from handinger_tui.core.export.citable import Citable, Days, citables

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
    """One `@misc` for each source. Keys are unique: the host, then the number of the source."""
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
