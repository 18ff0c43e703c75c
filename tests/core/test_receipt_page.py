"""The receipt of one turn as a page, as Markdown and as JSON."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from handinger_tui.core.export.result import result_object
from handinger_tui.core.figures import Costs, Usage, numbered
from handinger_tui.core.formatting import utc_text
from handinger_tui.core.jsontext import as_object, dump
from handinger_tui.core.money.typical_cost import TypicalCost
from handinger_tui.core.receipt_page import Receipt, receipt_json, receipt_markdown, receipt_page
from handinger_tui.core.receipts import NEWEST, Times, change_text, facts_of, times_of
from handinger_tui.core.stream import FilePart, Frame, Framing, Marker, ReadReason, Snapshot, SourcePart
from handinger_tui.core.turns.session import LOCAL, Session
from handinger_tui.core.turns.turn import (
    FREE,
    ErrorKind,
    Fault,
    Rope,
    TextPart,
    Trigger,
    Turn,
    TurnRequest,
    TurnStatus,
)

EXACTLY = "0.01234567890123456"
AT = 1_795_600_800_123


def read(usd: str | None = None, *, credits_used: str | None = None, busy: bool = False) -> Snapshot:
    amounts = [None if text is None else Decimal(text) for text in (credits_used, usd)]
    return Snapshot("wrk_1", running_flag=busy, usage=Usage(credits=amounts[0], cost_usd=amounts[1]))


def turn(
    number: int,
    after: Snapshot | None,
    before: Snapshot | None = None,
    *,
    status: TurnStatus = TurnStatus.COMPLETED,
) -> Turn:
    request = TurnRequest(f"turn_{number}", "hi", AT, None if number == 1 else "wrk_1")
    return Turn(request, status=status, snapshot=after, before=before, worker_id="wrk_1")


def chat(*costs: str | None) -> Session:
    """Turns with these costs, each with a reading before it that makes its own cost certain."""
    turns, level = [], Decimal(0)
    for number, cost in enumerate(costs, 1):
        before, level = level, level + Decimal(cost or 0)
        after = None if cost is None else read(str(level))
        turns.append(turn(number, after, read(str(before)) if number > 1 and cost is not None else None))
    return Session("ses_1", AT, "wrk_1", turns=tuple(turns))


def alone(own: Turn, *, base_url: str = "") -> Receipt:
    return receipt_page(Session("ses_1", AT, "wrk_1", base_url=base_url, turns=(own,)), own)


def row(receipt: Receipt, label: str) -> tuple[str, str]:
    rows = [row for section in receipt.sections for row in section.rows if row.label == label]
    return rows[0].value, rows[0].note


FULL = replace(
    turn(1, None),
    snapshot=Snapshot(
        "wrk_1",
        running_flag=False,
        usage=Usage(1000, 200, 30, 4, 5, 1239, 7, Decimal("12.5"), Decimal(EXACTLY), 5400),
        costs=Costs(Decimal("0.01"), Decimal("0.002"), Decimal("0.0003"), Decimal("0.00004567890123456")),
        files=(FilePart("https://example.test/f", "application/pdf", "report.pdf", 2048),),
        sources=(SourcePart("s1", "https://example.test/a", "A title"),),
    ),
    parts=(TextPart(Rope() + "answer"),),
    message_id="msg_1",
    ended_ms=AT + 12_300,
    read_ms=AT + 12_000,
    posts=1,
)


def test_a_full_receipt() -> None:
    receipt = alone(FULL)
    assert [section.title for section in receipt.sections] == [
        *("Cost", "By category", "Tokens and steps", "Time", "Sources and files", "Identity"),
        *("How costs were attributed", "As reported by the worker"),
    ]
    assert row(receipt, "Cost") == ("$0.0123 so far", f"exactly ${EXACTLY}")
    assert row(receipt, "Credits") == ("12.5 so far", "")
    assert row(receipt, "Input tokens") == ("1,000", "")
    assert row(receipt, "Steps") == ("7", "")
    assert row(receipt, "Model") == ("$0.01", "81%")
    assert row(receipt, "Internal") == ("$0.000046", "<1%")
    assert row(receipt, "Duration") == ("5.4 s", "as reported")
    assert row(receipt, "Elapsed") == ("12 s", "local clock")
    assert row(receipt, "Ended") == ("2026-11-25T10:00:12.423Z", "")
    assert row(receipt, "Source 1") == ("A title", "https://example.test/a")
    assert row(receipt, "File 1") == ("report.pdf", "application/pdf, 2.0 kB")
    assert row(receipt, "Message") == ("msg_1", "")
    assert row(receipt, "Cost in USD") == (f"not read → {EXACTLY}", "before → after")
    assert "worker total" in row(receipt, "Cost basis")[0]


def test_unreported_figures_are_named_and_never_zero() -> None:
    receipt = alone(turn(1, None))
    for label in ("Cost", "Credits", "Model", "Input tokens", "Steps", "Duration", "Figures"):
        assert row(receipt, label) == ("unknown", "")
    assert "$0" not in receipt_markdown(receipt)
    as_json = receipt_json(receipt)
    assert (as_json["cost_usd"], as_json["credits"], as_json["after"], as_json["before"]) == (None,) * 4


def test_possible_late_figures_are_pending_and_present_ones_are_so_far() -> None:
    receipt = alone(turn(1, read("0.5", busy=True), status=TurnStatus.RUNNING))
    assert row(receipt, "Cost") == ("$0.50 so far", "")
    assert row(receipt, "Credits") == ("unknown so far", "")
    assert row(receipt, "State")[0] == "so far"
    assert receipt_json(receipt)["final"] is False


@pytest.mark.parametrize("status", sorted(FREE))
def test_a_turn_that_never_started_costs_zero(status: TurnStatus) -> None:
    own = replace(turn(1, None, status=status), fault=Fault(ErrorKind.CONNECT, "no \x1b[31mroute"))
    receipt = alone(own)
    assert row(receipt, "Cost") == ("$0.00", "never started, so nothing was charged")
    assert row(receipt, "Problem") == ("no [31mroute", "")
    assert receipt_json(receipt)["cost_usd"] == "0"


def test_a_refused_turn_may_have_been_charged_where_the_figures_rose_at_that_time() -> None:
    fault = Fault(ErrorKind.PAYMENT, "No.", may_have_been_charged=False)
    refused = replace(
        turn(2, read("0.16"), read("0.10"), status=TurnStatus.REJECTED), fault=fault, sent_ms=AT + 1
    )
    session = Session("ses_1", AT, "wrk_1", turns=(turn(1, read("0.10")), refused))
    receipt = receipt_page(session, refused)
    assert row(receipt, "Cost")[1] == "rejected; its cost cannot be ruled out"
    for value in (receipt_json(receipt), result_object(session, refused)):
        assert as_object(value["error"])["may_have_been_charged"] is True


def test_simulated_money_is_marked() -> None:
    assert row(alone(FULL, base_url=LOCAL), "Money")[0] == "simulated"
    assert receipt_json(alone(FULL, base_url=LOCAL))["simulated"] is True
    assert receipt_json(alone(FULL))["simulated"] is False


def test_a_sum_that_differs_from_its_categories_is_reported() -> None:
    assert FULL.snapshot is not None
    usage = replace(FULL.snapshot.usage, cost_usd=Decimal("0.02"))
    receipt = alone(replace(FULL, snapshot=replace(FULL.snapshot, usage=usage)))
    assert row(receipt, "Sum") == ("$0.0123", "the reported cost is $0.02")
    bare = replace(FULL.snapshot, usage=replace(usage, cost_usd=None))
    assert row(alone(replace(FULL, snapshot=bare)), "Cost")[1].endswith("sum of the categories")


def test_a_typical_range_is_a_row_if_it_exists() -> None:
    session = Session("ses_1", AT, turns=(FULL,))
    receipt = receipt_page(session, FULL, TypicalCost("standard"))
    assert row(receipt, "Typical cost") == ("no cost history at standard yet", "")
    usual = receipt_json(receipt)["usual"]
    assert isinstance(usual, dict)
    assert usual["other_workers"] is False
    assert receipt_json(alone(FULL))["usual"] is None


# -- the change ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("costs", "text"),
    [
        (["1", "1", "1", "1.35"], "+35%"),
        (["1", "1", "1", "0.92"], "-8%"),
        (["1", "2", "3", "2"], "±0%"),
        (["1", "1", "1", "1000"], "+99,900%"),
        (["1", "1", "1", None], ""),
        (["1", "1", "2"], ""),
        (["0", "0", "0", "2"], ""),
        (["2"], ""),
    ],
)
def test_the_change_against_earlier_turns(costs: list[str | None], text: str) -> None:
    session = chat(*costs)
    assert change_text(facts_of(session, session.turns[-1]).change.percent) == text


def test_later_turns_do_not_change_an_earlier_receipt() -> None:
    session = chat("1", "1", "1", "1.35", "9", "9", "9", "9")
    assert change_text(facts_of(session, session.turns[3]).change.percent) == "+35%"


def test_refused_and_running_turns_are_not_compared() -> None:
    session = chat("1", "1", "2", "2")
    refused = replace(session.turns[1], status=TurnStatus.REJECTED)
    turns = (session.turns[0], refused, *session.turns[2:])
    assert facts_of(replace(session, turns=turns), turns[-1]).change.turns == 2


def test_credits_are_compared_where_no_cost_was_reported() -> None:
    levels = [read(credits_used=str(2 * number)) for number in range(4)]
    turns = [turn(n + 1, levels[n + 1], levels[n] if n else None) for n in range(3)]
    last = turn(4, read(credits_used="10"), levels[3])
    session = Session("ses_1", AT, "wrk_1", turns=(*turns, last))
    receipt = receipt_page(session, last)
    assert row(receipt, "Vs. median") == ("+100%", "median 2 credits of 3 turns")


def test_the_page_explains_a_missing_change() -> None:
    for costs, expected in (
        (["1"], ("no earlier turn", "")),
        (["1", "1", "2"], ("only 2 earlier turns", "needs 3")),
        (["1", "1", "1", None], ("unknown", "median $1.00 of 3 turns")),
        (["1", "1", "1", "1.35"], ("+35%", "median $1.00 of 3 turns")),
    ):
        session = chat(*costs)
        assert row(receipt_page(session, session.turns[-1]), "Vs. median") == expected


def test_a_long_session_is_compared_with_its_newest_turns() -> None:
    session = chat(*["9"] * 5, *["1"] * NEWEST, "2")
    change = facts_of(session, session.turns[-1]).change
    assert (change.turns, change.percent, change.median) == (NEWEST, 100, Decimal(1))


# -- times -----------------------------------------------------------------------------
def test_times_come_from_the_frames() -> None:
    frames = [
        Frame(0, 1, Framing.JSON, "{}", ReadReason.BEFORE),
        Frame(1, 2, Framing.NOTE, "{}", Marker.SENDING),
        Frame(2, 3, Framing.NOTE, "{}", Marker.OPENED),
        Frame(3, 4, Framing.JSON, "{}", ReadReason.MONEY),
        Frame(4, 5, Framing.SSE, "x"),
        Frame(5, 6, Framing.SSE, "y"),
    ]
    assert times_of(frames) == Times(2, 5)
    assert times_of(frames[:4]) == Times(2)
    assert times_of(frames[:1]) == Times()
    assert times_of([*frames[:2], Frame(2, 9, Framing.JSON, "{}", ReadReason.ANSWER)]) == Times(2, 9)
    receipt = receipt_page(Session("ses_1", AT, turns=(FULL,)), FULL, times=Times(AT, AT + 1))
    assert row(receipt, "First answer") == ("2026-11-25T10:00:00.124Z", "")


@pytest.mark.parametrize(
    ("ms", "text"), [(None, None), (0, "1970-01-01T00:00:00.000Z"), (10**15, None), (-(10**17), None)]
)
def test_moments_in_utc(ms: int | None, text: str | None) -> None:
    assert utc_text(ms) == text


# -- JSON and Markdown -----------------------------------------------------------------
def test_json_keeps_money_exact_and_unknown_null() -> None:
    receipt: dict[str, Any] = json.loads(dump(receipt_json(alone(FULL))))
    assert receipt["schema"] == numbered("receipt", 1)
    assert receipt["cost_usd"] == EXACTLY
    assert receipt["usage"]["input_tokens"] == 1000
    assert receipt["costs"]["internal_usd"] == "0.00004567890123456"
    assert receipt["after"]["usage"]["cost_usd"] == EXACTLY
    assert receipt["before"] is None
    assert receipt["times"]["sent"] is None
    assert receipt["change"] == {"percent": None, "median": None, "unit": "usd", "turns": 0}
    assert receipt["sources"] == [{"title": "A title", "url": "https://example.test/a"}]


def numbers_in(value: object) -> list[object]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [number for item in inner for number in numbers_in(item)]
    return [value]


HOSTILE = "\x1b]0;x\x07[click](javascript:x) <b> \u202eevil\n# big *bold* `code` &lt;"


def test_remote_text_is_cleaned() -> None:
    own = replace(
        FULL,
        request=replace(FULL.request, prompt=HOSTILE, budget=HOSTILE, trigger=Trigger.APP),
        parts=(SourcePart("s", HOSTILE, HOSTILE),),
        message_id=HOSTILE,
        worker_id=HOSTILE,
        fault=Fault(ErrorKind.STREAM_ERROR, HOSTILE),
        snapshot=Snapshot(files=(FilePart(HOSTILE, HOSTILE, HOSTILE),)),
    )
    receipt = receipt_page(Session(HOSTILE, AT, turns=(own,)), own, TypicalCost(HOSTILE))
    for section in receipt.sections:
        for line in section.rows:
            assert (line.value + line.note).isprintable()
    text = receipt_markdown(receipt)
    assert all(line.isprintable() for line in text.split("\n"))
    assert not re.search(r"(?<!\\)[<>`\[\]]|(?<![\\*])\*(?!\*)|(?<!\\)&lt;", text)
    assert all(line.startswith(("# Receipt", "## ", "- **")) for line in text.split("\n") if line)
    assert len([line for line in text.split("\n") if line.startswith("# ")]) == 1
    written = json.loads(dump(receipt_json(receipt)))
    assert not [
        one for one in numbers_in(written) if isinstance(one, str) and re.search("[\x1b\x07\u202e]", one)
    ]


@pytest.mark.parametrize("link", ["www.evil.example", "https://evil.example/x", "me@evil.example", "![i](x)"])
def test_remote_text_makes_no_link_in_markdown(link: str) -> None:
    own = replace(FULL, request=replace(FULL.request, prompt=link), parts=(SourcePart("s", None, link),))
    tokens = MarkdownIt("gfm-like").parse(receipt_markdown(alone(own)))
    inner = {child.type for token in tokens for child in token.children or ()}
    assert inner <= {"text", "text_special", "strong_open", "strong_close"}


amounts = st.none() | st.decimals(min_value=0, max_value=10**40, places=17)
counts = st.none() | st.integers(0, 10**40)


@given(
    st.lists(amounts, min_size=6, max_size=6),
    st.lists(counts, min_size=8, max_size=8),
    st.sampled_from(TurnStatus),
)
def test_any_figures_make_a_receipt_without_floats(
    money: list[Decimal | None], numbers: list[int | None], status: TurnStatus
) -> None:
    first, second, third, fourth, fifth, sixth, seventh, _ = numbers
    usage = Usage(first, second, third, fourth, fifth, sixth, seventh)
    usage = replace(usage, credits=money[0], cost_usd=money[1], duration_ms=numbers[7])
    own = replace(
        FULL, status=status, snapshot=Snapshot(running_flag=False, usage=usage, costs=Costs(*money[2:]))
    )
    receipt = alone(own)
    assert "None" not in receipt_markdown(receipt)
    written = json.loads(dump(receipt_json(receipt)))
    assert not [one for one in numbers_in(written) if isinstance(one, float)]
    if status not in FREE and money[1] is not None:
        assert Decimal(written["cost_usd"]) == money[1]


def test_a_worker_without_an_earlier_reading_leaves_the_part_of_the_turn_unknown() -> None:
    own = replace(turn(2, read("3.9")), read_ms=AT)
    receipt = alone(own)
    labels = [row.label for section in receipt.sections for row in section.rows]
    assert row(receipt, "Before") == ("not read", "so this turn's share is unknown")
    assert "State" not in labels, "it was seen to have finished"
    assert row(receipt, "Cost in USD") == ("not read → 3.9", "before → after")
