"""Sources as CSL-JSON (citation style language, 1.0.2), as reference managers read it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from handinger_tui.core.evidence import Source
from handinger_tui.core.export.citable import Citable, Days, citables
from handinger_tui.core.jsontext import Json


def csl_json(sources: Iterable[Source], days: Days) -> str:
    """An array of items: web pages, and documents where there is no web address."""
    return json.dumps([_item(one) for one in citables(sources, days)], indent=2, ensure_ascii=True) + "\n"


def _item(one: Citable) -> dict[str, Json]:
    item: dict[str, Json] = {"id": f"source-{one.number}", "type": "webpage", "title": one.title}
    if one.url is None:
        return item | {"type": "document"}
    item |= {"container-title": one.host, "URL": one.url}
    if one.accessed is not None:
        item["accessed"] = {"date-parts": [[int(piece) for piece in one.accessed.split("-")]]}
    return item
