"""An invoice compared with the costs of this history, by worker and month.

The file comes from outside: it is a bounded CSV of which each cell is read by its type, or refused with its
line. Nothing in it is ever computed.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, Final

from msgspec import Struct

from handinger_tui.core.amounts import Unit, amount_text, at_price, bare_text
from handinger_tui.core.columns import Align, Column, Row, Tone
from handinger_tui.core.decimals import EXACT, decimal_text, exact_sum, json_amount
from handinger_tui.core.documents import Amount, Document, Millis, Part
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.formatting import local_time, moment_of, plural, time_in_zone
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.money.report import Report
from handinger_tui.core.periods import month_days
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import FREE

MOST_BYTES: Final = 20_000_000
_MOST_ROWS: Final = 200_000
_MOST_CHARS: Final = 500
"""Of a cell."""
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "worker": ("worker", "workerid", "task", "taskid", "resourceid"),
    "month": ("month", "billingmonth", "period", "date", "billingperiodstart"),
    "usd": ("usd", "amount", "amountusd", "cost", "costusd", "billedcost"),
    "credits": ("credits", "xcredits"),
    "currency": ("currency", "billingcurrency"),
}
"""The columns and how their heads may be written, in small letters and digits alone."""
NEEDED: Final = (
    "It needs a CSV with a head line and the columns worker, month (2026-10, or a date), and usd or credits."
)


class InvoiceLine(Struct, frozen=True):
    """A line of an invoice. `number`: of the line in the file. An amount that it does not have is None."""

    number: int
    worker_id: str
    month: str
    usd: Decimal | None
    credits: Decimal | None

    def amount(self, unit: Unit) -> Decimal | None:
        return self.usd if unit is Unit.USD else self.credits


# -- reading ---------------------------------------------------------------------------------
def invoice_lines(data: bytes) -> list[InvoiceLine]:
    """The lines of an invoice.

    Raises:
        SettingsError: it is too large, no CSV with the columns, or a cell is not of the type of its column.
    """
    if len(data) > MOST_BYTES:
        raise SettingsError(f"The invoice is larger than {MOST_BYTES // 1_000_000} MB.", "Split it by month.")
    try:
        # Strict: what is no text must not become a name that looks like one of ours.
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        places = _places(next(reader, []))
        return [*_lines(reader, places)]
    except (UnicodeDecodeError, csv.Error) as problem:
        raise SettingsError(
            f"The invoice is not a CSV file in UTF-8: {clean_line(str(problem), 80)}.", NEEDED
        ) from None


def _places(head: Sequence[str]) -> dict[str, int]:
    """The index of each column. Raises SettingsError: one is missing."""
    plain = [re.sub(r"[^a-z0-9]", "", name.lower()) for name in head]
    pairs = ((column, name) for column, names in _NAMES.items() for name in reversed(names))
    places = {column: plain.index(name) for column, name in pairs if name in plain}
    missing = [name for name in ("worker", "month") if name not in places]
    missing += [] if places.keys() & {"usd", "credits"} else ["usd or credits"]
    if missing:
        heads = ", ".join(clean_line(name, 30) for name in head[:10]) or "nothing"
        raise SettingsError(
            f"The invoice has no column {' and no column '.join(missing)}; it has {heads}.", NEEDED
        )
    return places


def _lines(reader: Any, places: Mapping[str, int]) -> Iterator[InvoiceLine]:
    for count, cells in enumerate(reader):
        if not any(cell.strip() for cell in cells):
            continue
        number = reader.line_num
        if count >= _MOST_ROWS or any(len(cell) > _MOST_CHARS for cell in cells):
            raise SettingsError(
                f"Line {number} of the invoice is too long, or it has over {_MOST_ROWS:,} lines.", NEEDED
            )
        given = {name: cells[at].strip() if at < len(cells) else "" for name, at in places.items()}
        if given.get("currency", "").upper() not in ("", "USD"):
            raise _wrong(number, given["currency"], "USD; amounts in another currency cannot be compared")
        amounts = [_amount(number, given.get(str(unit), "")) for unit in Unit]
        if amounts == [None, None]:
            raise _wrong(number, "", "an amount")
        yield InvoiceLine(number, clean_line(given["worker"]), _month(number, given["month"]), *amounts)


def _wrong(number: int, text: str, wanted: str) -> SettingsError:
    shown = clean_line(text, 40)
    return SettingsError(f"Line {number} of the invoice: {shown!r} is not {wanted}.", "Nothing was compared.")


_PLAIN_MONTH: Final = re.compile(r"([0-9]{4}-[0-9]{2})(?:-[0-9]{2})?", re.ASCII)


def _month(number: int, text: str) -> str:
    """The month of a cell. A time with a zone is in the month that it has here."""
    match = _PLAIN_MONTH.fullmatch(text)
    try:
        if match is not None:
            month_days(match[1])
            return match[1]
        moment = moment_of(text) if len(text) > 10 else None
        if moment is not None:
            return f"{moment.astimezone():%Y-%m}"
    except (ValueError, OverflowError):
        pass
    raise _wrong(number, text, "a month such as 2026-10")


_AMOUNT: Final = re.compile(r"(-?)\$?([0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(\.[0-9]{1,18})?", re.ASCII)


def _amount(number: int, text: str) -> Decimal | None:
    """An amount; None for an empty cell. A comma groups thousands and nothing else: 1,5 is refused."""
    match = _AMOUNT.fullmatch(text)
    if match is None and text:
        raise _wrong(number, text, "an amount such as 1234.56")
    return None if match is None else Decimal(match[1] + match[2].replace(",", "") + (match[3] or ""))


# -- comparing -------------------------------------------------------------------------------
class MatchedTurn(Part, frozen=True):
    """A turn of this history."""

    turn_id: str | None
    at_ms: Millis
    cost_usd: Amount | None
    """Null: unknown, or only credits are reported."""
    credits: Amount | None


class Matched(Part, frozen=True):
    """What an invoice and this history say of a worker in a month."""

    worker_id: str
    month: str
    result: str
    """equal, different, missing_here, or missing_there"""
    invoice_usd: Amount | None
    own_usd: Amount | None
    """With what no turn explains; credits without an amount in USD at your price."""
    difference_usd: Amount | None
    """Ours less the invoice."""
    invoice_credits: Amount | None
    own_credits: Amount | None
    difference_credits: Amount | None
    unassigned_usd: Amount
    unassigned_credits: Amount
    unknown_turns: int
    about: bool
    """Whether an amount of ours is an estimate."""
    turns: list[MatchedTurn]
    lines: list[int]
    """The lines of the file."""


class InvoiceMatch(Document, frozen=True, tag="handinger-tui/match/1"):
    """What `costs --match` prints: every worker in every month of the invoice."""

    months: list[str]
    equal: int
    different: int
    missing_here: int
    missing_there: int
    matches: list[Matched]


_Key = tuple[str, str]
"""Month and worker."""


def match_invoice(
    lines: Iterable[InvoiceLine], report: Report, records: Iterable[JsonObject]
) -> InvoiceMatch:
    """Compare an invoice with the turns of a report, in the months that the invoice names.

    Raises:
        SettingsError: these are simulated costs.
    """
    if report.selection.simulated:
        raise SettingsError("These costs are simulated.", "An invoice is compared with real ones.")
    theirs: dict[_Key, list[InvoiceLine]] = defaultdict(list)
    for one in lines:
        theirs[one.month, one.worker_id].append(one)
    months = sorted({month for month, _ in theirs})
    own: dict[_Key, list[Mapping[str, Any]]] = defaultdict(list)
    charged = (one for one in records if one["status"] not in FREE)
    for record in chain(charged, _rises(report)):
        key = (time_in_zone(record["at_ms"]) or "")[:7], record["worker_id"] or ""
        if key[0] in months:
            own[key].append(record)
    pairs = ((key, theirs.get(key, []), own.get(key, [])) for key in sorted({*theirs, *own}))
    matches = [_compared(*pair, report) for pair in pairs if pair[1] or any(map(_costs, pair[2]))]
    counts = {name: sum(one.result == name for one in matches) for name in _RESULTS}
    return InvoiceMatch(months=months, matches=matches, **counts)


def _rises(report: Report) -> Iterator[Mapping[str, Any]]:
    """What no turn explains, in the form of turns."""
    for rise in (rise for bucket in report.suspense for rise in bucket.rises):
        yield {
            "turn_id": None,
            "worker_id": rise.worker_id,
            "at_ms": rise.seen_ms,
            "cost_usd": json_amount(rise.usd),
            "credits": json_amount(rise.credits),
            "doubtful": rise.doubtful,
            "shared_with": None,
        }


def _costs(record: Mapping[str, Any]) -> bool:
    """Whether an invoice should have it: it cost something, or may have."""
    return _is_unknown(record) or any(Decimal(record[unit] or 0) for unit in ("cost_usd", "credits"))


_RESULTS: Final = ("equal", "different", "missing_here", "missing_there")


def _compared(
    key: _Key, lines: Sequence[InvoiceLine], own: Sequence[Mapping[str, Any]], report: Report
) -> Matched:
    month, worker_id = key
    in_usd, in_credits = (_stated(lines, unit) for unit in Unit)
    own_usd, own_credits = (_own_sum(own, unit, report) for unit in Unit)
    more_usd, more_credits = _difference(own_usd, in_usd, own), _difference(own_credits, in_credits, own)
    unassigned = [record for record in own if record["turn_id"] is None]
    unknown = sum(_is_unknown(one) or (in_usd is not None and _lacks_price(one, report)) for one in own)
    result = "missing_here" if not own else "missing_there" if not lines else "equal"
    is_near = _is_rounded(more_usd, lines, Unit.USD) and _is_rounded(more_credits, lines, Unit.CREDITS)
    if result == "equal" and (unknown or not is_near):
        result = "different"
    return Matched(
        worker_id=clean_line(worker_id),
        month=month,
        result=result,
        invoice_usd=json_amount(in_usd),
        own_usd=decimal_text(own_usd) if own else None,
        difference_usd=json_amount(more_usd),
        invoice_credits=json_amount(in_credits),
        own_credits=decimal_text(own_credits) if own else None,
        difference_credits=json_amount(more_credits),
        unassigned_usd=decimal_text(_own_sum(unassigned, Unit.USD, report)),
        unassigned_credits=decimal_text(_own_sum(unassigned, Unit.CREDITS, report)),
        unknown_turns=unknown,
        about=any(record["doubtful"] or _is_priced(record) for record in own),
        turns=[
            MatchedTurn(record["turn_id"], record["at_ms"], record["cost_usd"], record["credits"])
            for record in sorted(own, key=lambda record: record["at_ms"])
            if record["turn_id"] is not None
        ],
        lines=[one.number for one in lines],
    )


def _difference(own: Decimal, stated: Decimal | None, records: Sequence[object]) -> Decimal | None:
    return None if stated is None or not records else EXACT.subtract(own, stated)


def _is_unknown(record: Mapping[str, Any]) -> bool:
    """Whether nothing is known of a cost. One that is entered for another turn is in the sum."""
    return record["cost_usd"] is record["credits"] is record["shared_with"] is None


def _is_priced(record: Mapping[str, Any]) -> bool:
    return record["cost_usd"] is None and record["credits"] is not None


def _lacks_price(record: Mapping[str, Any], report: Report) -> bool:
    return _is_priced(record) and report.prices.at(record["at_ms"]) is None


def _own_sum(own: Iterable[Mapping[str, Any]], unit: Unit, report: Report) -> Decimal:
    if unit is Unit.CREDITS:
        return exact_sum(Decimal(record["credits"] or 0) for record in own)
    amounts = (
        at_price(Decimal(record["credits"]), report.prices.at(record["at_ms"]))
        if _is_priced(record)
        else Decimal(record["cost_usd"] or 0)
        for record in own
    )
    return exact_sum(one for one in amounts if one is not None)


def _stated(lines: Iterable[InvoiceLine], unit: Unit) -> Decimal | None:
    """What the invoice states altogether; None where it has no such amount."""
    amounts = [amount for one in lines if (amount := one.amount(unit)) is not None]
    return exact_sum(amounts) if amounts else None


def _is_rounded(difference: Decimal | None, lines: Iterable[InvoiceLine], unit: Unit) -> bool:
    """Whether rounding explains a difference: each line may differ by half a unit of its last digit."""
    exponents = (amount.as_tuple().exponent for one in lines if (amount := one.amount(unit)) is not None)
    most = exact_sum(Decimal(5).scaleb(one - 1) for one in exponents if isinstance(one, int))
    return difference is None or abs(difference) <= most


# -- in words --------------------------------------------------------------------------------
COLUMNS: Final = (
    Column("Month"),
    Column("Worker", least=14, ids=True),
    Column("Result", style=Tone.STRONG),
    Column("Invoice", Align.POINT),
    Column("Here", Align.POINT),
    Column("Difference", Align.POINT),
    Column("Turns", Align.RIGHT, rank=2, style=Tone.FAINT),
    Column("Unknown", Align.RIGHT, rank=1),
)
_MOST_LISTED: Final = 10


def match_row(one: Matched) -> Row:
    """The row of a worker in a month."""
    unit = _unit(one)
    amounts = [getattr(one, f"{name}_{unit}") for name in ("invoice", "own", "difference")]
    about = "~" if one.about and amounts[1] is not None else ""
    texts = ["" if text is None else bare_text(Decimal(text), unit) for text in amounts]
    unknown = f"{one.unknown_turns:,}" if one.unknown_turns else ""
    return Row(
        (
            *(one.month, one.worker_id or "(no worker)", one.result.replace("_", " ")),
            *(texts[0], about + texts[1], texts[2], f"{len(one.turns):,}", unknown),
        )
    )


def _unit(one: Matched) -> Unit:
    """The unit of the invoice; where it has no line, that of our amount."""
    if one.invoice_usd is None and (one.invoice_credits is not None or one.own_usd in (None, "0")):
        return Unit.CREDITS
    return Unit.USD


def match_notes(match: InvoiceMatch) -> list[str]:
    """The counts, and the turns behind each difference."""
    counts = ((getattr(match, name), name.replace("_", " ")) for name in _RESULTS)
    lines = ["", ", ".join(f"{count:,} {name}" for count, name in counts if count) + "."]
    for one in match.matches:
        if one.result in ("equal", "missing_here"):
            continue
        lines.append(f"\n{one.month}, {one.worker_id or '(no worker)'}: {one.result.replace('_', ' ')}")
        lines += [f"  {_turn_text(turn)}" for turn in one.turns[:_MOST_LISTED]]
        more = len(one.turns) - _MOST_LISTED
        lines += [f"  and {plural(more, 'more turn')}: see --json"] if more > 0 else []
        unassigned = [(one.unassigned_usd, Unit.USD), (one.unassigned_credits, Unit.CREDITS)]
        lines += [f"  unassigned: {_text(text, unit)}" for text, unit in unassigned if Decimal(text)]
    return lines


def _text(amount: str, unit: Unit) -> str:
    return amount_text(Decimal(amount), unit)


def _turn_text(turn: MatchedTurn) -> str:
    pairs = ((turn.cost_usd, Unit.USD), (turn.credits, Unit.CREDITS))
    amounts = [_text(text, unit) for text, unit in pairs if text]
    return f"{local_time(turn.at_ms):%Y-%m-%d %H:%M}  {turn.turn_id}  {' · '.join(amounts) or 'unknown'}"
