"""What the documents share that are printed as JSON: each is a class whose members are those of the JSON.

The writers make values of these classes, `handinger-tui schema` prints them as JSON Schema, and
docs/documents.md lists them. A document names its schema, with a number that rises when a member changes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, to_builtins

from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.turns.turn import Fault, fault_object

Amount = Annotated[str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""An amount of money as decimal text."""
Millis = int
"""A time in milliseconds since 1970, UTC."""
AnyJson = Any
"""A JSON value from outside."""


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a document. A member that is UNSET is left out."""


class Document(Part, frozen=True, tag_field="schema"):
    """A whole document; its class gives the schema as `tag`."""


def members(value: Struct) -> JsonObject:
    """A document or a part as JSON. A Decimal in data of a worker stays one: it is a number there."""
    fields: JsonObject = to_builtins(value, builtin_types=(Decimal,))
    return fields


class Problem(Part, frozen=True):
    """Why something was not done, or not completed."""

    kind: str
    message: str
    http_status: int | None
    retry_after_s: float | None
    may_have_been_charged: bool


def problem_of(fault: Fault | None) -> Problem | None:
    """A fault as it stands in a document."""
    fields: Any = fault_object(fault)
    return None if fields is None else Problem(**fields)


class Failure(Document, frozen=True, tag="handinger-tui/error/1"):
    """What a command that is no turn prints when it fails."""

    error: Problem | None


class About(Part, frozen=True):
    """What the service says of a worker or task."""

    title: str | None
    url: str | None
    created: str | None
    """UTC, as all times that are text."""
    completed: str | None


class Origin(Part, frozen=True):
    """The earlier message from which a message was made."""

    kind: str
    """edit, retry or fork"""
    session_id: str
    turn_id: str
    number: int
    """Its position in its session, from 1."""
    title: str | None


class LimitPart(Part, frozen=True):
    """A limit, and how much of it is left."""

    scope: str
    unit: str
    amount: Amount
    spent: Amount | None
    missing_turns: int
    reserved: Amount
    free: Amount
    running: int
    assumed: Amount
    unknown: int
    unmeasured: int
    reported: bool
    approximate: bool
    state: str
    origin: str


class SpreadPart(Part, frozen=True):
    """How amounts of earlier turns are distributed; null where there are too few."""

    turns: int
    not_reported: int
    """Turns without this amount."""
    low: Amount | None
    median: Amount | None
    high: Amount | None
    p90: Amount | None
    most: Amount | None


class PricePart(Part, frozen=True):
    """What the runs of a schedule may cost, by earlier turns."""

    unit: str
    budget: str
    per_run: Amount | None
    per_run_low: Amount | None
    per_run_high: Amount | None
    per_month: Amount | None
    credit_usd: Amount | None
    runs_per_month: float | None
    turns: int
    """So many turns the amounts are of."""
    of_other_workers: bool


__all__ = [
    "UNSET",
    "About",
    "Amount",
    "AnyJson",
    "Document",
    "Failure",
    "LimitPart",
    "Millis",
    "Origin",
    "Part",
    "PricePart",
    "Problem",
    "SpreadPart",
    "UnsetType",
    "members",
    "problem_of",
]
