"""What the program printed, held against the schema that it names."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from handinger_tui.cli.commands.schema import DOCUMENTS, EVENTS, schema_id, type_of


class _Types:
    """The classes of all documents, each imported when it is first seen."""

    def __init__(self) -> None:
        self._by_id: dict[str, Any] = {}
        self._events: Any = None

    def document(self, named: str) -> Any:
        family = named.split("/")[1]
        assert family in DOCUMENTS, f"no schema {named}"
        if family not in self._by_id:
            self._by_id[family] = type_of(family)
            assert named == schema_id(family)
        return self._by_id[family]

    def event(self) -> Any:
        self._events = self._events or type_of(EVENTS)
        return self._events


_TYPES = _Types()


def schemas_in(out: str) -> set[str]:
    """The schemas of the documents in an output, line by line, each of which must be as its schema says.

    Raises:
        ValidationError: a member is missing, is not in the schema, or has another type.
    """
    seen = set()
    for line in out.splitlines():
        if not line.startswith(('{"schema":"handinger-tui/', '{"type":"')):
            continue
        value = json.loads(line)
        if "schema" in value and "type" not in value:
            seen.add(str(value["schema"]))
            msgspec.convert(value, _TYPES.document(value["schema"]))
        elif "seq" in value:
            seen.add(schema_id(EVENTS))
            msgspec.convert(value, _TYPES.event())
    return seen
