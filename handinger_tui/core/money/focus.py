"""FOCUS 1.2: the charges of a report as rows of the FinOps Open Cost and Usage Specification.

A row for each turn with a cost, one for each cost that no turn explains, and one for each correction of a
month that a statement had closed. All amounts are in USD; credits are priced by the person. The rows add up
to the amounts of `costs`, to the digit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from handinger_tui.core.amounts import at_price
from handinger_tui.core.decimals import EXACT, decimal_text
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.formatting import local_time, moment_at, plural, time_in_zone, utc_text
from handinger_tui.core.jsontext import JsonObject, dump
from handinger_tui.core.money.closed_months import LateEntry
from handinger_tui.core.money.report import Report
from handinger_tui.core.money.report_json import line
from handinger_tui.core.money.spending import Rise, account_name, host_of
from handinger_tui.core.periods import midnight_ms, month_span
from handinger_tui.core.prices import Prices
from handinger_tui.core.safety import CSV_END, clean_line
from handinger_tui.core.turns.turn import FREE

COLUMNS: Final = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
    *("BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency"),
    *("ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountStatus", "ConsumedQuantity", "ConsumedUnit"),
    "ContractedCost",
    *("EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit"),
    *("ProviderName", "PublisherName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory"),
    *("ServiceName", "ServiceSubcategory", "SubAccountId", "SubAccountName", "Tags", "x_TurnId"),
    *("x_SessionId", "x_Budget", "x_Trigger", "x_Status", "x_State", "x_Certainty", "x_CostBasis"),
    *("x_CreditUsd", "x_Credits", "x_TotalTokens", "x_InputTokens", "x_OutputTokens", "x_ReasoningTokens"),
    *("x_CacheReadTokens", "x_CacheWriteTokens"),
)
LEFT_OUT: Final = ("turn_id", "session_id", "worker_id", "time", "status", "cost_usd", "credits", "reason")
"""The columns of the second file."""
_TOKENS: Final = {
    name: f"{''.join(f'_{char.lower()}' if char.isupper() else char for char in name)[3:]}"
    for name in COLUMNS
    if name.endswith("Tokens")
}
_SAME: Final = {
    "BillingCurrency": "USD",
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "AI workers",
    "ServiceSubcategory": "AI Platforms",
}
_COSTS: Final = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
_CONSUMED: Final = ("ConsumedQuantity", "ConsumedUnit")
REPORTED, AT_PRICE = "reported", "price of credits"


class Focus(NamedTuple):
    """Both files. `rows`: how many charges; `reasons`: why turns are left out, with how many."""

    table: str
    left_out: str
    rows: int
    reasons: Mapping[str, int]
    named: tuple[str, ...]
    """The ids of turns that are left out."""

    @property
    def words(self) -> str:
        """What is left out: "Left out: 2 turns (2 of unknown cost): turn_1, turn_2."; "" for nothing."""
        count = sum(self.reasons.values())
        if not count:
            return ""
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in self.reasons.items())
        more = f" and {count - _MOST_NAMED:,} more" if count > _MOST_NAMED else ""
        names = ", ".join(self.named[:_MOST_NAMED])
        return f"Left out: {plural(count, 'turn')} ({reasons}): {names}{more}."


_MOST_NAMED: Final = 5


def focus(report: Report, records: Iterable[JsonObject]) -> Focus:
    """The files of a report. `records`: its turns, see `turn_record`.

    Raises:
        SettingsError: these are simulated costs, or credits have no price.
    """
    if report.selection.simulated:
        raise SettingsError("These costs are simulated.", "FOCUS is for real costs. Nothing was written.")
    late: dict[Any, list[LateEntry]] = defaultdict(list)
    for entry in report.late:
        late[_key(entry.base_url, entry.worker_id, entry.counted_ms, entry.turn_id)].append(entry)
    charges, left_out = list[_Charge](), list[tuple[JsonObject, str]]()
    for record in records:
        reason, own = _reason(record), late.pop(record["turn_id"], ())
        if reason:
            left_out.append((record, reason))
        # What a closed month has is taken back by a correction, even where nothing is left of it.
        if own or not reason:
            charges.append(_of_turn(record, own))
    rises = [rise for bucket in report.suspense for rise in bucket.rises if rise.usd or rise.credits]
    rises += [
        Rise(one.worker_id or "", one.counted_ms, base_url=one.base_url)
        for key in late.keys() - {_key_of(rise) for rise in rises}
        for one in late[key][:1]
    ]
    charges += [_of_rise(rise, late.get(_key_of(rise), ())) for rise in rises]
    _check_prices(charges, report.prices)
    rows = [row for charge in charges for row in _rows(charge, report.prices)]
    rows.sort(key=lambda row: (str(row["ChargePeriodStart"]), str(row.get("x_TurnId"))))
    return Focus(
        _csv(COLUMNS, ([row.get(name) for name in COLUMNS] for row in rows)),
        _csv(LEFT_OUT, (_left_out(*one) for one in left_out)),
        len(rows),
        Counter(reason for _, reason in left_out),
        tuple(str(record["turn_id"]) for record, _ in left_out),
    )


def _csv(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    return "".join(line(cells) + CSV_END for cells in (head, *rows))


# -- what is left out ------------------------------------------------------------------------
def _reason(record: Mapping[str, Any]) -> str:
    """Why a turn has no row; "" where it has one."""
    if record["status"] in FREE:
        return "free"
    if record["cost_usd"] is record["credits"] is None:
        return "entered for another turn" if record["shared_with"] is not None else "of unknown cost"
    return "" if time_in_zone(record["at_ms"]) is not None else "without a known day"


def _left_out(record: Mapping[str, Any], reason: str) -> list[Any]:
    moment = utc_text(record["at_ms"])
    amounts = (record["cost_usd"], record["credits"])
    return [*(record[name] for name in LEFT_OUT[:3]), moment, record["status"], *amounts, reason]


# -- charges ---------------------------------------------------------------------------------
def _key(base_url: str, worker_id: str | None, seen_ms: int, turn_id: str | None) -> Any:
    """By what the corrections of a turn, or of a cost that no turn explains, are found."""
    return (base_url, worker_id, seen_ms) if turn_id is None else clean_line(turn_id)


def _key_of(rise: Rise) -> Any:
    return _key(rise.base_url, rise.worker_id, rise.seen_ms, None)


class _Charge(NamedTuple):
    """What a row says beside amounts and periods. `late`: its corrections after its month was closed."""

    late: Sequence[LateEntry]
    at_ms: int
    usd: Decimal | None
    credits: Decimal | None
    cells: Mapping[str, Any]
    ms: int = 0
    is_turn: bool = True

    @property
    def in_credits(self) -> bool:
        return self.usd is None and not any(entry.usd for entry in self.late)


def _of_turn(record: Mapping[str, Any], late: Sequence[LateEntry]) -> _Charge:
    usd, credit = (
        None if text is None else Decimal(text) for text in (record["cost_usd"], record["credits"])
    )
    tags = dict.fromkeys(record["tags"], True) | ({"project": record["project"]} if record["project"] else {})
    cells = {
        **_provider(record["host"] or "", record["profile"] or ""),
        **_resource(record["worker_id"]),
        "ChargeCategory": "Usage",
        "ChargeDescription": f"Turn, budget {record['budget'] or 'unknown'}",
        "ChargeFrequency": "Usage-Based",
        "SubAccountId": record["project"],
        "SubAccountName": record["project"],
        "Tags": dump(tags),
        "x_TurnId": record["turn_id"],
        "x_SessionId": record["session_id"],
        "x_Budget": record["budget"],
        "x_Trigger": record["trigger"],
        "x_Status": record["status"],
        "x_State": record["state"],
        "x_Certainty": _certainty(record),
        **{name: record[member] for name, member in _TOKENS.items()},
    }
    credit = _or_zero(credit, late)
    return _Charge(late, record["at_ms"], usd, credit, cells, record["elapsed_ms"] or 0)


def _certainty(record: Mapping[str, Any]) -> str:
    if record["shared_with"] is not None:
        return "up to"
    return "about" if record["doubtful"] else "exact" if record["final"] else "so far"


def _of_rise(rise: Rise, late: Sequence[LateEntry]) -> _Charge:
    cells = {
        **_provider(host_of(rise.base_url), ""),
        **_resource(rise.worker_id),
        # It is no measured usage: which messages it paid for is not known.
        "ChargeCategory": "Adjustment",
        "ChargeDescription": "Unassigned cost: no turn of this history explains it",
        "ChargeFrequency": "Usage-Based",
        "Tags": "{}",
        "x_State": "unassigned",
        "x_Certainty": "about" if rise.doubtful else "exact",
        "x_TotalTokens": rise.tokens,
    }
    return _Charge(late, rise.seen_ms, rise.usd, _or_zero(rise.credits, late), cells, is_turn=False)


def _or_zero(credit: Decimal | None, late: Iterable[LateEntry]) -> Decimal | None:
    """Credits of which corrections are known, though nothing is left of them."""
    return Decimal(0) if credit is None and any(entry.credits for entry in late) else credit


def _provider(host: str, profile: str) -> dict[str, Any]:
    name = "Handinger" if f".{host.partition(':')[0]}".endswith(".handinger.com") else host or "unknown"
    account = account_name(profile, host)
    names = dict.fromkeys(("ProviderName", "PublisherName", "InvoiceIssuerName"), name)
    return {**names, "BillingAccountId": account, "BillingAccountName": account}


def _resource(worker_id: str | None) -> dict[str, Any]:
    return {"ResourceId": worker_id, "ResourceType": None if worker_id is None else "AI worker"}


def _check_prices(charges: Iterable[_Charge], prices: Prices) -> None:
    priced = (one for one in charges if one.in_credits and (one.credits or one.late))
    missing = [one for one in priced if prices.at(one.at_ms) is None]
    if missing:
        day = local_time(min(one.at_ms for one in missing)).date()
        raise SettingsError(
            f"{plural(len(missing), 'charge')} in credits, the first of {day}, without a price of a credit."
            " Nothing was written.",
            "FOCUS needs USD: set credit_usd, such as"
            f' handinger-tui config set spending.credit_usd "0.01 from {day}"',
        )


# -- rows ------------------------------------------------------------------------------------
def _rows(charge: _Charge, prices: Prices) -> Iterator[dict[str, Any]]:
    """The row of a charge as its month was closed, and one for each month in which corrections are booked."""
    corrections: dict[str, tuple[Decimal, Decimal]] = {}
    usd, credit = charge.usd or Decimal(0), charge.credits or Decimal(0)
    for entry in charge.late:
        booked = entry.booked.month
        old = corrections.get(booked, (Decimal(0), Decimal(0)))
        changes = entry.usd or Decimal(0), entry.credits or Decimal(0)
        corrections[booked] = EXACT.add(old[0], changes[0]), EXACT.add(old[1], changes[1])
        usd, credit = EXACT.subtract(usd, changes[0]), EXACT.subtract(credit, changes[1])
    own_month = f"{local_time(charge.at_ms):%Y-%m}"
    if usd or credit or not corrections:
        yield _row(charge, prices, own_month, usd, credit)
    for booked, (more_usd, more_credits) in corrections.items():
        row = _row(charge, prices, booked, more_usd, more_credits)
        names = ("PricingQuantity", "PricingUnit", *(() if charge.credits is not None else _CONSUMED))
        quantities = dict.fromkeys(names)
        yield {
            **row,
            **quantities,
            "ChargeClass": "Correction",
            "ChargeDescription": f"Correction of {own_month}",
        }


def _row(charge: _Charge, prices: Prices, month: str, usd: Decimal, credit: Decimal) -> dict[str, Any]:
    price = prices.at(charge.at_ms) if charge.in_credits else None
    cost = (at_price(credit, price) or Decimal(0)) if charge.in_credits else usd
    start, end = _month(month)
    # A period has at least a second, its smallest part.
    until = moment_at(charge.at_ms - charge.at_ms % 1000) + timedelta(seconds=max(1, -(-charge.ms // 1000)))
    quantity, unit = (credit, "Credits") if charge.credits is not None else (Decimal(1), "Turns")
    row = {
        **_SAME,
        **charge.cells,
        **dict.fromkeys(_COSTS, _number(cost)),
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "ChargePeriodStart": _utc(charge.at_ms),
        "ChargePeriodEnd": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "x_CostBasis": AT_PRICE if charge.in_credits else REPORTED,
        "x_CreditUsd": None if price is None else _number(price),
        "x_Credits": None if charge.credits is None else _number(credit),
    }
    if charge.is_turn:
        row |= {"ConsumedQuantity": _number(quantity), "ConsumedUnit": unit}
        row |= {"PricingQuantity": row["ConsumedQuantity"], "PricingUnit": unit}
    return row


def _number(value: Decimal) -> str:
    """Decimal text with a point: a validator takes "12" for a whole number, which is no Decimal."""
    text = decimal_text(value)
    return text if "." in text else f"{text}.0"


def _utc(at_ms: int) -> str:
    return f"{moment_at(at_ms):%Y-%m-%dT%H:%M:%SZ}"


@lru_cache(64)
def _month(month: str) -> tuple[str, str]:
    """The first moment of a local month and that of the next one, in UTC."""
    first, following = (_utc(midnight_ms(day)) for day in month_span(month, "--focus"))
    return first, following
