"""The runs board: sections, order, what needs the person, words; each complaint about boards is a test."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.formatting import local_time, moment_text
from handinger_tui.core.jsontext import JsonObject, as_list, as_object
from handinger_tui.core.runs import (
    COLUMNS,
    FRESH_MS,
    Board,
    Entry,
    PlannedRun,
    ReachedLimit,
    Reason,
    Runaways,
    Section,
    SessionRun,
    Usual,
    activity_of,
    board_object,
    board_row,
    entry_lines,
    in_place,
    needs_of,
    needs_words,
    section_of,
)
from handinger_tui.core.turns.session import LOCAL, Session
from handinger_tui.core.turns.turn import (
    ErrorKind,
    Fault,
    ReasoningPart,
    TextPart,
    ToolPart,
    Trigger,
    Turn,
    TurnRequest,
    TurnStatus,
)
from handinger_tui.core.webhooks import (
    RENEWED_MS,
    Delivery,
    DeliveryPage,
    FailedDeliveries,
    Webhook,
    WebhookReading,
    failed_deliveries,
)
from handinger_tui.ui.widgets.status_text import runs_cost

NOW = 1_800_000_000_000
few = settings(max_examples=40, deadline=None)
LIMIT = ReachedLimit("Daily limit reached: $5.00 of $5.00.", "To raise it, use /limit day AMOUNT in the app.")


def usd(value: str | None, *, open_turns: int = 0) -> Total:
    return Total(None if value is None else Decimal(value), open_turns, open_turns=open_turns)


USUAL = Usual(Unit.USD, Decimal("0.10"), Decimal("0.60"), 90_000)
RUNNING = SessionRun(
    "ses_1",
    "A report",
    base_url="https://one.example",
    worker_id="wrk_1",
    status=TurnStatus.ACCEPTED,
    watched=True,
    trigger=Trigger.APP,
    began_ms=NOW - 65_000,
    event_ms=NOW - 40_000,
    activity="web_search",
    usd=usd("0.31", open_turns=1),
    usual=USUAL,
)
ENDED = replace(
    RUNNING, status=TurnStatus.COMPLETED, watched=False, ended_ms=NOW - 5_000, usd=usd("0.05"), unread=True
)
PLAN = PlannedRun("sch_1", "wrk_1", "Summarize the news", NOW + 7_200_000, "every 1d", "about $0.04")
HOOK = WebhookReading("https://one.example", "wrk_1", NOW, FailedDeliveries(2, NOW, "Status 500."), "ses_1")

TOTALS = st.builds(
    usd, st.sampled_from((None, "0", "0.05", "0.61", "7")), open_turns=st.integers(min_value=0, max_value=1)
)
TIMES = st.integers(min_value=NOW - 10**8, max_value=NOW)
RUNS = st.builds(
    SessionRun,
    st.sampled_from([f"ses_{number}" for number in range(12)]),
    st.text(max_size=8),
    base_url=st.sampled_from(("https://one.example", LOCAL)),
    status=st.none() | st.sampled_from(TurnStatus),
    watched=st.booleans(),
    fault=st.none() | st.builds(Fault, st.sampled_from(ErrorKind), st.text(max_size=8)),
    began_ms=TIMES,
    ended_ms=st.none() | TIMES,
    event_ms=st.none() | TIMES,
    usd=TOTALS,
    credits=TOTALS,
    usual=st.sampled_from((Usual(), USUAL)),
    reached=st.none() | st.just(LIMIT),
    waiting=st.integers(min_value=0, max_value=2),
    held=st.booleans(),
    unassigned=st.none() | TOTALS,
    webhook=st.none() | st.just(HOOK),
    unread=st.booleans(),
    pinned=st.booleans(),
    snoozed_ms=st.sampled_from((0, NOW + 1_000)),
)
PLANS = st.builds(
    PlannedRun,
    st.sampled_from(("sch_1", "sch_2")),
    st.just("wrk_1"),
    st.text(max_size=8),
    TIMES,
    over=st.none() | st.just(LIMIT),
)
ROWLESS = replace(HOOK, session_id="")
WEBHOOKS = st.sampled_from((HOOK, ROWLESS, replace(ROWLESS, failed=FailedDeliveries())))


def with_own_webhook(run: SessionRun) -> SessionRun:
    """A webhook names the session in whose row it stands."""
    return replace(run, webhook=run.webhook and replace(run.webhook, session_id=run.key))


BOARDS = st.builds(
    Board,
    st.lists(RUNS.map(with_own_webhook), unique_by=lambda run: run.key, max_size=8).map(tuple),
    st.lists(PLANS, unique_by=lambda plan: plan.key, max_size=2).map(tuple),
    st.lists(st.just(LIMIT), max_size=1).map(tuple),
    st.lists(WEBHOOKS, max_size=2).map(tuple),
    others=st.integers(min_value=0, max_value=9),
)


def keys(entries: list[Entry]) -> list[str]:
    return [entry.key for entry in entries]


def reasons(entry: Entry, now_ms: int = NOW) -> list[Reason]:
    return [need.reason for need in needs_of(entry, now_ms)]


def run_object(run: SessionRun, now_ms: int = NOW) -> JsonObject:
    return as_object(as_list(board_object(Board((run,)), [run], now_ms)["runs"])[0])


# -- the count ----------------------------------------------------------------------------------
@few
@given(BOARDS)
def test_the_count_is_the_length_of_the_list_of_reasons_everywhere(board: Board) -> None:
    needs = board.needs(NOW)
    entries = board.entries(NOW)
    value = board_object(board, entries, NOW)
    in_rows = sum(len(needs_of(entry, NOW)) for entry in entries)
    rowless = board.webhooks.count(ROWLESS)
    assert value["needs_you"] == len(needs) == in_rows + len(board.limits) + rowless
    assert board.head(NOW).startswith(needs_words(len(needs)) or "nothing needs you")
    assert all(need.text and need.act.endswith(".") and ".." not in need.act for need in needs)
    assert {entry.key for entry in entries if section_of(entry, NOW) is Section.NEEDS} == {
        need.key for need in needs if need.key
    }
    assert value["complete"] is False


@few
@given(
    BOARDS,
    st.sampled_from((("", False), ("$2.10 of $5.00", False), ("$0.0029 so far", True))),
    st.sampled_from((52, 72, 112)),
)
def test_the_head_fits_the_width_and_says_once_that_money_is_simulated(
    board: Board, spent: tuple[str, bool], width: int
) -> None:
    today, simulated = spent
    board = replace(board, today=today, simulated=simulated)
    lines = board.head_lines(NOW, width)
    head = " · ".join(lines)
    assert max(map(len, lines)) <= width
    assert len(lines) <= 2
    needs = needs_words(len(board.needs(NOW)))
    assert needs in head
    running = [run for run in board.runs if run.under_way]
    assert f"{len(running)} running" in head
    if all(run.simulated for run in running) and simulated:
        assert board.head(NOW).count("simulated") == 1


def test_a_narrow_head_keeps_the_words_of_its_amounts() -> None:
    board = Board((RUNNING,), today="about $2.10 so far of $5.00", others=4)
    running, today = "1 running · $0.31 so far", "today about $2.10 so far of $5.00"
    assert board.head_lines(NOW, 90) == [f"nothing needs you · {running} · {today} · 4 quiet"]
    assert board.head_lines(NOW, 64) == [f"{running} · {today}"]
    assert board.head_lines(NOW, 52) == [
        "nothing needs you · 1 running · 4 quiet",
        f"$0.31 so far · {today}",
    ]


@few
@given(BOARDS)
def test_activity_alone_does_not_count(board: Board) -> None:
    """A badge that counts running agents says nothing about what waits for the person."""
    calm = [
        replace(
            run,
            unread=False,
            held=False,
            unassigned=None,
            webhook=None,
            reached=None,
            usual=Usual(),
            event_ms=NOW,
        )
        for run in board.runs
    ]
    assert Board(tuple(calm)).needs(NOW) == ()


@few
@given(BOARDS)
def test_what_is_snoozed_or_read_needs_nothing_by_its_end(board: Board) -> None:
    for run in board.runs:
        if run.snoozed_ms > NOW:
            assert section_of(run, NOW) is not Section.NEEDS
        ends = {Reason.DOUBT, Reason.KEY, Reason.FAILED}
        assert run.unread or not ends & {*reasons(run)}


# -- order --------------------------------------------------------------------------------------
@few
@given(BOARDS, BOARDS)
def test_no_row_changes_its_place_while_the_board_changes(before: Board, after: Board) -> None:
    shown = keys(before.entries(NOW))
    then = keys(in_place(shown, after.entries(NOW + 60_000)))
    assert sorted(then) == sorted(keys(after.entries(NOW)))
    stayed = [key for key in shown if key in then]
    assert then[: len(stayed)] == stayed


@few
@given(BOARDS, st.integers(min_value=0, max_value=59_000))
def test_the_order_is_that_of_the_start_and_not_of_the_last_event(board: Board, since: int) -> None:
    later = tuple(replace(run, event_ms=NOW - since, activity="text") for run in board.runs)
    calm = tuple(replace(run, event_ms=NOW) for run in board.runs)
    moved = replace(board, runs=later).entries(NOW)
    assert keys(moved) == keys(replace(board, runs=calm).entries(NOW))
    places = [list(Section).index(section_of(entry, NOW)) for entry in moved]
    assert places == sorted(places)


@few
@given(BOARDS)
def test_each_row_fits_the_columns_and_everything_has_words(board: Board) -> None:
    for entry in board.entries(NOW):
        assert len(board_row(entry, NOW).cells) == len(COLUMNS)
        lines = entry_lines(entry, NOW)
        assert len(lines) == len(needs_of(entry, NOW)) + 2
        assert all("\n" not in line for line in lines)


# -- what the complaints name -------------------------------------------------------------------
def test_each_run_and_all_together_have_their_cost() -> None:
    other = replace(RUNNING, session_id="ses_2", usd=usd("0.19", open_turns=1))
    board = Board((RUNNING, other), today="$2.10 of $5.00", others=4)
    assert board.head(NOW) == (
        "nothing needs you · 2 running · $0.50 so far · today $2.10 of $5.00 · 4 quiet"
    )
    assert "$0.31 so far" in board_row(RUNNING, NOW).cells
    assert "$0.19 so far" in board_row(other, NOW).cells


def test_what_today_cost_is_not_repeated_where_a_reached_limit_says_it() -> None:
    today = "95 of 20 credits"
    reached = (ReachedLimit(f"Daily limit reached: {today} (475%).", "Raise it.", is_today=True),)
    for simulated in (False, True):
        board = Board((RUNNING,), limits=reached, today=today, simulated=simulated)
        for head in (board.head(NOW), "\n".join(board.head_lines(NOW, 40))):
            assert today not in head
    # Another limit may have the same amount in its text.
    month = (ReachedLimit("Monthly limit reached: $5.00 of $5.00 (100%).", "Raise it."),)
    assert "today $5.00" in Board((RUNNING,), limits=month, today="$5.00").head(NOW)


def test_a_cost_is_written_shorter_whether_the_service_reports_credits_too_or_not() -> None:
    both = replace(RUNNING, credits=Total(Decimal(31), 1, open_turns=1))
    for run, brief in (
        (RUNNING, "$0.31…"),
        (both, "$0.31…"),
        (replace(both, usd=Total(None, 1)), "31 credits…"),
        (replace(RUNNING, usd=Total(None, 1, unsettled=True)), "unknown…"),
    ):
        assert board_row(run, NOW).briefs[7] == brief


def test_simulated_money_is_never_added_to_real_money() -> None:
    local = replace(RUNNING, session_id="ses_2", base_url=LOCAL)
    head = Board((RUNNING, local)).head(NOW)
    assert "$0.31 so far · $0.31 so far simulated" in head
    row = board_row(local, NOW)
    assert row.cells[7].endswith(" sim."), row
    assert row.briefs[7] == "$0.31… sim.", "also where it is written shorter"


def test_an_unknown_cost_is_not_zero() -> None:
    unknown = replace(RUNNING, usd=Total(None, 1))
    assert "unknown" in " ".join(board_row(unknown, NOW).cells)
    assert "$" not in Board((unknown,)).head(NOW)
    assert run_object(unknown)["cost_usd"] is None


def test_a_status_has_the_last_event_and_its_age() -> None:
    assert RUNNING.event_text(NOW) == "web_search, 40 s ago"
    assert replace(RUNNING, activity="").event_text(NOW) == "40 s ago"
    assert RUNNING.event_text(NOW + 9_000) == "web_search, 40 s ago"
    assert RUNNING.event_text(NOW - 31_000) == "web_search, just now"
    assert RUNNING.event_text(NOW + 20_000) == "web_search, 1 m ago"


def test_what_nothing_watches_says_of_when_it_is() -> None:
    """Ended work must not stand there as running for days."""
    left = replace(RUNNING, status=TurnStatus.RUNNING, watched=False, event_ms=NOW - 30_000)
    assert (left.word(NOW), left.event_text(NOW)) == ("still running", "read 30 s ago")
    later = NOW - 30_000 + FRESH_MS + 1
    assert (left.word(later), left.event_text(later)) == ("was running", "as of 2 m ago")
    assert run_object(left, later)["as_of"] is not None
    assert run_object(left)["as_of"] is None


def test_a_turn_of_a_program_that_died_is_not_called_working() -> None:
    dead = replace(RUNNING, watched=False, event_ms=NOW - FRESH_MS - 1)
    assert dead.word(NOW) == "was running"


def test_what_a_local_worker_ran_ended_with_its_program() -> None:
    local = replace(RUNNING, base_url=LOCAL, status=TurnStatus.RUNNING, watched=False)
    assert not local.under_way
    assert section_of(local, NOW) is Section.QUIET
    assert local.word(NOW) == "incomplete"
    # In the program that has it, it goes on when it is not watched.
    assert section_of(replace(local, alive=True), NOW) is Section.RUNNING


def test_a_run_that_ended_is_never_running() -> None:
    for status in set(TurnStatus) - {TurnStatus.RUNNING}:
        run = replace(ENDED, status=status)
        live = status in (TurnStatus.SENDING, TurnStatus.ACCEPTED, TurnStatus.CHECKING)
        assert (section_of(run, NOW) is Section.RUNNING) <= live


def test_a_scheduled_run_is_in_sight_before_it_spends() -> None:
    row = board_row(PLAN, NOW)
    assert section_of(PLAN, NOW) is Section.NEXT
    assert {"in 2 h", "about $0.04", "schedule"} <= {*row.cells}
    over = replace(PLAN, over=ReachedLimit("About $9.00 a run, and daily limit: none left.", "Raise it."))
    assert reasons(over) == [Reason.SCHEDULE]


def test_a_run_that_a_schedule_started_says_so() -> None:
    assert "schedule" in board_row(replace(ENDED, trigger=Trigger.SCHEDULE), NOW).cells


# -- reasons ------------------------------------------------------------------------------------
def test_each_reason_arises_and_stands_in_a_fixed_order() -> None:
    refused = Fault(ErrorKind.AUTH, "The key was refused.", 401, may_have_been_charged=False)
    runaway = usd("0.61", open_turns=1)
    cases: list[tuple[Entry, list[Reason]]] = [
        (replace(ENDED, status=TurnStatus.UNKNOWN), [Reason.DOUBT]),
        (replace(ENDED, status=TurnStatus.REJECTED, fault=refused), [Reason.KEY]),
        (replace(ENDED, status=TurnStatus.FAILED), [Reason.FAILED]),
        (replace(ENDED, status=TurnStatus.FAILED, unread=False), []),
        (replace(RUNNING, reached=LIMIT), [Reason.LIMIT]),
        (replace(ENDED, unread=False, waiting=2, held=True), [Reason.HELD]),
        (replace(RUNNING, usd=runaway), [Reason.COST]),
        (replace(RUNNING, event_ms=NOW - 91_000), [Reason.SILENT]),
        (replace(ENDED, unread=False, unassigned=usd("0.06")), [Reason.UNASSIGNED]),
        (replace(ENDED, unread=False, webhook=HOOK), [Reason.WEBHOOK]),
        (replace(RUNNING, usd=runaway, held=True, waiting=1, reached=LIMIT),
         [Reason.LIMIT, Reason.HELD, Reason.COST]),
    ]  # fmt: skip
    for entry, expected in cases:
        assert reasons(entry) == expected
    assert {reason for _, expected in cases for reason in expected} == {*Reason} - {Reason.SCHEDULE}


def test_a_cost_above_the_bar_of_its_turns_is_unusual() -> None:
    assert not replace(RUNNING, usd=usd("0.60")).is_runaway
    run = replace(RUNNING, usd=usd("0.61", open_turns=1))
    (need,) = needs_of(run, NOW)
    assert need.text == "$0.61 so far: its turns usually cost about $0.10."
    assert run.times_usual == "6.1"
    assert not replace(run, usual=Usual()).is_runaway


def test_a_runaway_rings_once_says_what_can_be_done_and_is_quiet_while_it_is_snoozed() -> None:
    wild = replace(RUNNING, usd=usd("0.61", open_turns=1), url="https://one.example/worker/wrk_1")
    runaways = Runaways()
    assert not runaways.take_new(Board((RUNNING, replace(wild, snoozed_ms=NOW + 1))), NOW)
    ((run, need),) = runaways.take_new(Board((RUNNING, wild)), NOW)
    assert run is wild
    assert need.text == "$0.61 so far: its turns usually cost about $0.10."
    assert need.act == "Enter opens it; o opens its dashboard, which may stop it; z snoozes it."
    dearer = replace(wild, usd=usd("9", open_turns=1))
    assert not runaways.take_new(Board((dearer,)), NOW)
    # Marked for as long as it runs, and until its end was seen; it rings no more.
    ended = replace(dearer, status=TurnStatus.COMPLETED, watched=False, unread=True)
    assert reasons(dearer) == reasons(ended) == [Reason.COST]
    assert not runaways.take_new(Board((ended,)), NOW)
    # Another run of the session is another one.
    assert runaways.take_new(Board((replace(wild, began_ms=NOW),)), NOW)


def test_silence_counts_only_where_something_listens() -> None:
    quiet = replace(RUNNING, event_ms=NOW - 3_600_000)
    assert reasons(quiet) == [Reason.SILENT]
    assert reasons(replace(quiet, watched=False, status=TurnStatus.RUNNING)) == []
    assert reasons(replace(RUNNING, event_ms=NOW - 599_000, usual=Usual())) == []


def test_a_failing_webhook_says_how_often_when_and_why_and_of_when_that_is() -> None:
    def text(webhook: WebhookReading, now_ms: int = NOW) -> str:
        return webhook.failing_text(now_ms)

    when = moment_text(local_time(NOW), local_time(NOW))
    assert text(HOOK) == (
        f"The last 2 deliveries of its webhook failed, most recently on {when}: Status 500."
    )
    once = replace(HOOK, failed=FailedDeliveries(1, None, "No answer."))
    assert text(once) == "The last delivery of its webhook failed: No answer."
    assert text(once, NOW + 2 * RENEWED_MS) == text(once)
    assert text(once, NOW + 2 * RENEWED_MS + 1) == f"{text(once)} As of {when}."
    (need,) = Board(webhooks=(replace(once, session_id=""),)).needs(NOW)
    assert need.text == "The last delivery of the webhook of wrk_1 failed: No answer."
    assert (need.key, need.act) == ("", "handinger-tui webhook deliveries wrk_1 lists them (free).")
    assert (HOOK.is_due(NOW + RENEWED_MS - 1), HOOK.is_due(NOW + RENEWED_MS)) == (False, True)


@pytest.mark.parametrize(
    ("outcomes", "count"),
    [("", 0), ("x", 1), ("xxx", 3), ("xx.x", 2), (".xx", 0), ("?xx", 0), ("x?x", 1), ("xo", 1), ("ox", 0)],
)
def test_only_deliveries_to_the_present_address_that_failed_up_to_the_newest_one_count(
    outcomes: str, count: int
) -> None:
    """`x` failed, `.` arrived, `?` is not reported, `o` failed at an earlier address."""
    kinds = {"x": (False, "u"), ".": (True, "u"), "?": (None, "u"), "o": (False, "before")}
    moment = local_time(NOW)
    listed = [
        Delivery(moment=moment, is_delivered=is_delivered, reason=f"reason {at}", url=url)
        for at, (is_delivered, url) in enumerate(kinds[one] for one in outcomes)
    ]
    failed = failed_deliveries(Webhook("u"), DeliveryPage(tuple(listed)))
    assert failed == (FailedDeliveries(count, NOW, "reason 0") if count else FailedDeliveries())


def test_what_the_worker_does_is_the_newest_part() -> None:
    turn = Turn(TurnRequest("turn_1", "", 0))
    assert activity_of(turn) == ""
    for part, word in (
        (ToolPart("c1", "web_search"), "web_search"),
        (TextPart(), "text"),
        (ReasoningPart(), "reasoning"),
    ):
        assert activity_of(replace(turn, parts=(part,))) == word
    assert activity_of(replace(turn, activity="Reading pages", parts=(TextPart(),))) == "Reading pages"


def test_simulated_money_of_other_runs_stands_by_itself() -> None:
    def pair(base_url: str) -> tuple[Session, Turn]:
        turn = Turn(TurnRequest("t", "x", 0), TurnStatus.ACCEPTED)
        return Session("s", 0, base_url=base_url, turns=(turn,)), turn

    both = [pair("https://a.example"), pair(LOCAL)]
    assert runs_cost(both) == "cost unknown so far · cost unknown so far simulated"
    simulated = Board((SessionRun("s", base_url=LOCAL, status=TurnStatus.ACCEPTED, watched=True),))
    assert simulated.elsewhere("other") == (1, "cost unknown simulated")
    assert replace(simulated, today="$0.01", simulated=True).elsewhere("other") == (1, "cost unknown")
    assert simulated.elsewhere("s") == (0, "")
