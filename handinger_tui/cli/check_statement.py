"""Check a statement of handinger-tui: python3 check.py [HASH]. Uses the standard library only.

It reads bundle.jsonl and statement.html beside it. HASH is what the program printed when it wrote them: keep
it elsewhere, for whoever changes the files could compute the chain anew.

Checked, to the pico-dollar and micro-credit to which the program rounds each amount:
1. No byte of the bundle, of the page and of this file has changed since the bundle was written.
2. The changes of the entries add up to the total of the month, and each is booked in one month.
3. Per worker and unit, the amounts of all turns and what is unassigned add up to what its readings rose by,
   no more and no less. Each fall of the figures is named: a reading that is set aside (rounding, lag, an
   outage), a reset to zero, figures that were lowered, or a correction of what was entered.
4. Where a worker reports each turn by itself, the amount of a turn is a figure of one of its readings,
   or, while it is undecided what the figures mean, a rise between two of them.
It says how many turns equal the difference of two readings by themselves, and how many only together with
others that ran at the same time. Which of those took how much is a rule of the program, and not proven here.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from decimal import Decimal, getcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

getcontext().prec = 400
UNITS = {"cost_usd": Decimal(1).scaleb(-12), "credits": Decimal(1).scaleb(-6)}
SET_ASIDE, RESET, LOWERED, CORRECTED = "aside", "reset", "lowered", "corrected"
Record = dict[str, Any]


class Changed(Exception):
    """The files are not what the program wrote."""


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def chained(data: bytes) -> tuple[str, list[Record]]:
    """The records of a bundle. Each line begins with the hash of the hash before it and of its own text."""
    head, records = "", list[Record]()
    if not data.endswith(b"\n"):
        raise Changed("the bundle does not end with a line end")
    for number, line in enumerate(data[:-1].split(b"\n"), 1):
        stated, text = line[:64], line[65:]
        head = digest(head.encode() + b"\n" + text)
        if line[64:65] != b" " or stated != head.encode():
            raise Changed(f"line {number} of the bundle was changed")
        records.append(json.loads(text))
    return head, records


def of_kind(records: list[Record], kind: str) -> list[Record]:
    return [record for record in records if record["kind"] == kind]


def amount(record: Record, unit: str) -> Decimal:
    return Decimal(record[unit] or 0)


# -- 2: the total of the month -----------------------------------------------------------------
def check_total(records: list[Record]) -> Iterator[str]:
    (statement,), (total,) = of_kind(records, "statement"), of_kind(records, "total")
    entries = of_kind(records, "entry")
    for unit in UNITS:
        booked = [one for one in entries if one["booked"] == statement["month"]]
        if sum(amount(one, unit) for one in booked) != amount(total, unit):
            yield f"the entries of {statement['month']} do not add up to its total in {unit}"
    numbers = [(one["entry"], one["number"]) for one in entries if one["number"]]
    if len(numbers) != len(set(numbers)):
        yield "a number stands for two entries"


# -- 3 and 4: each worker ------------------------------------------------------------------------
def rises(readings: list[Record], unit: str, *, created: bool) -> Iterator[Decimal | None]:
    """What a worker took altogether at each of its readings, by the named use of each."""
    level = Decimal(0) if created else None
    total = Decimal(0)
    for read in readings:
        value, use = read[unit], read["use"][unit]
        if value is not None and use != SET_ASIDE:
            value = Decimal(value)
            level = value if level is None else level
            level = {RESET: Decimal(0), LOWERED: value}.get(use, level)
            if value < level and use != CORRECTED:
                yield None
                return
            total, level = total + value - level, value
        yield total


def check_lifetime(
    worker: str, unit: str, turns: list[Record], readings: list[Record], unassigned: list[Any], result: Record
) -> None:
    """Compare the amounts of a worker that reports totals with the rises of its readings."""
    items = sorted([(one["sent_ms"], one["sums"][unit]) for one in turns] + unassigned)
    created = any(one["creates"] for one in turns)
    totals = list(rises(readings, unit, created=created))
    slack = UNITS[unit] / 2 * len(items)
    if not totals or None in totals or abs(totals[-1] - sum(value for _, value in items)) > slack:
        result["unexplained"] += [f"{worker}: {unit} of {len(items)} amounts"]
        return
    # Between two moments at which all that was entered equals all that was read, the amounts are proven.
    counted, proven, together = Decimal(0), 0, 0
    for at, (_, value) in enumerate(items):
        counted, together = counted + value, together + 1
        most = UNITS[unit] / 2 * (at + 1)
        following = items[at + 1][0] if at + 1 < len(items) else None
        risen = [
            total
            for read, total in zip(readings, totals, strict=False)
            if following is None or read["at_ms"] <= following
        ]
        if abs((risen[-1] if risen else 0) - counted) <= most:
            result["alone" if together == 1 else "together"] += together
            proven, together = at + 1, 0
    result["together"] += len(items) - proven


def check_turn(worker: str, unit: str, turn: Record, readings: list[Record], result: Record) -> None:
    """Compare the amount of a turn that is reported by itself with the figures of its readings."""
    value = turn["sums"][unit]
    reported = [read for read in readings if read[unit] is not None]
    first = sum(read["at_ms"] < turn["sent_ms"] for read in reported)
    own = [Decimal(read[unit]) for read in reported[first:]]
    # While it is not decided what the figures mean, an amount may be a rise.
    own += [new - old for old, new in pairwise(Decimal(read[unit]) for read in reported[max(0, first - 1) :])]
    own += [Decimal(turn["own"][unit])] if turn["own"] and turn["own"][unit] is not None else []
    if any(abs(one - value) <= UNITS[unit] / 2 for one in own):
        result["alone"] += 1
    else:
        result["unexplained"] += [f"{worker}: {unit} of {turn['turn_id']}"]


def check_workers(records: list[Record]) -> Record:
    result: Record = {"alone": 0, "together": 0, "unexplained": [], "named": 0}
    entries, readings = of_kind(records, "entry"), of_kind(records, "reading")
    result["named"] = sum(use is not None for read in readings for use in read["use"].values())
    turns = {
        one["turn_id"]: dict(one, sums=dict.fromkeys(UNITS, Decimal(0))) for one in of_kind(records, "turn")
    }
    of_rise: dict[Any, Any] = {}
    for one in entries:
        if one["turn_id"] is None:
            key = one["host"], one["worker_id"], one["counted_ms"]
            sums = of_rise.setdefault(key, dict.fromkeys(UNITS, 0))
        else:
            sums = turns[one["turn_id"]]["sums"]
        for unit in UNITS:
            sums[unit] += amount(one, unit)
    workers = {(one["host"], one["worker_id"]) for one in (*entries, *turns.values())}
    for host, worker in sorted(workers, key=str):
        own = [one for one in turns.values() if (one["host"], one["worker_id"]) == (host, worker)]
        reads = [one for one in readings if (one["host"], one["worker_id"]) == (host, worker)]
        for unit in UNITS:
            unassigned = [(key[2], sums[unit]) for key, sums in of_rise.items() if key[:2] == (host, worker)]
            lifetime = [one for one in own if one["basis"] == "lifetime"]
            if any(one["sums"][unit] for one in lifetime) or any(value for _, value in unassigned):
                check_lifetime(worker, unit, lifetime, reads, unassigned, result)
            for turn in own:
                if turn["basis"] != "lifetime" and turn["sums"][unit]:
                    check_turn(worker, unit, turn, reads, result)
    return result


def check(
    bundle: bytes, page: bytes, program: bytes, expected: str | None = None
) -> tuple[list[str], Record]:
    """Everything; returns the problems, and counts of what is right. `program`: the bytes of this file."""
    try:
        head, records = chained(bundle)
        (stated,), (statement,) = of_kind(records, "page"), of_kind(records, "statement")
        if expected and expected != head:
            raise Changed("the hash of the bundle is another one than yours")
        if digest(page) != stated["sha256"]:
            raise Changed("the page was changed")
        if digest(program) != statement["check"]:
            raise Changed("this program was changed, or is that of another statement")
        problems = list(check_total(records))
    except (Changed, ValueError, KeyError, TypeError) as problem:
        return [str(problem) or "the bundle is damaged"], {}
    result = check_workers(records)
    return problems + [f"unexplained: {one}" for one in result["unexplained"]], dict(result, hash=head)


def main(arguments: list[str]) -> int:
    folder = os.path.dirname(os.path.abspath(__file__))
    data: list[bytes] = []
    for name in ("bundle.jsonl", "statement.html", os.path.basename(__file__)):
        with open(os.path.join(folder, name), "rb") as file:
            data.append(file.read())
    problems, result = check(data[0], data[1], data[2], arguments[0] if arguments else None)
    for problem in problems:
        print(f"NOT RIGHT: {problem}")
    if result:
        print(f"{result['alone']} amounts equal the difference of two readings, or one figure of their own.")
        print(f"{result['together']} amounts do so together with others of the same time.")
        print(f"{result['named']} falls of figures are named (set aside, reset, lowered, or corrected).")
        print(f"{len(result['unexplained'])} unexplained. Hash: {result['hash']}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
