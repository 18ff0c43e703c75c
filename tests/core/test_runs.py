"""The runs board: sections, order, what needs the person, words; each complaint about boards is a test."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.jsontext import JsonObject, as_list, as_object
from handinger_tui.core.runs import (
    COLUMNS,
    FRESH_MS,
    RUNAWAY,
    Board,
    Entry,
    PlannedRun,
    ReachedLimit,
    Reason,
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
from handinger_tui.core.turns.session import LOCAL
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

NOW = 1_800_000_000_000
few = settings(max_examples=40, deadline=None)
LIMIT = ReachedLimit("Daily limit reached: $5.00 of $5.00.", "To raise it, use /limit day AMOUNT in the app.")


def usd(value: str | None, *, open_turns: int = 0) -> Total:
    return Total(None if value is None else Decimal(value), open_turns, open_turns=open_turns)


USUAL = Usual(Unit.USD, Decimal("0.10"), Decimal("0.20"), 90_000)
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
BOARDS = st.builds(
    Board,
    st.lists(RUNS, unique_by=lambda run: run.key, max_size=8).map(tuple),
    st.lists(PLANS, unique_by=lambda plan: plan.key, max_size=2).map(tuple),
    st.lists(st.just(LIMIT), max_size=1).map(tuple),
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
    assert value["needs_you"] == len(needs) == in_rows + len(board.limits)
    assert board.head(NOW).startswith(needs_words(len(needs)) or "nothing needs you")
    assert all(need.text and need.act.endswith(".") and ".." not in need.act for need in needs)
    assert {entry.key for entry in entries if section_of(entry, NOW) is Section.NEEDS} == {
        need.key for need in needs if need.key
    }
    assert value["complete"] is False


@few
@given(BOARDS)
def test_activity_alone_does_not_count(board: Board) -> None:
    """A badge that counts running agents says nothing about what waits for the person."""
    calm = [
        replace(run, unread=False, held=False, unassigned=None, reached=None, usual=Usual(), event_ms=NOW)
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


def test_simulated_money_is_never_added_to_real_money() -> None:
    local = replace(RUNNING, session_id="ses_2", base_url=LOCAL)
    head = Board((RUNNING, local)).head(NOW)
    assert "$0.31 so far · $0.31 so far simulated" in head


def test_an_unknown_cost_is_not_zero() -> None:
    unknown = replace(RUNNING, usd=Total(None, 1))
    assert "unknown" in " ".join(board_row(unknown, NOW).cells)
    assert "$" not in Board((unknown,)).head(NOW)
    assert run_object(unknown)["cost_usd"] is None


def test_a_status_has_the_last_event_and_its_age() -> None:
    assert RUNNING.event_text(NOW) == "web_search, 40 s ago"
    assert replace(RUNNING, activity="").event_text(NOW) == "40 s ago"


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
        (replace(RUNNING, usd=runaway, held=True, waiting=1, reached=LIMIT),
         [Reason.LIMIT, Reason.HELD, Reason.COST]),
    ]  # fmt: skip
    for entry, expected in cases:
        assert reasons(entry) == expected
    assert {reason for _, expected in cases for reason in expected} == {*Reason} - {Reason.SCHEDULE}


def test_a_cost_is_unusual_beyond_three_times_the_90th_percentile_alone() -> None:
    bar = Decimal("0.20") * RUNAWAY
    assert not replace(RUNNING, usd=usd(str(bar))).is_runaway
    run = replace(RUNNING, usd=usd(str(bar + Decimal("0.01")), open_turns=1))
    (need,) = needs_of(run, NOW)
    assert need.text == "$0.61 so far: nine of ten of its turns cost at most $0.20."
    assert run.times_usual == "6.1"
    assert not replace(run, usual=Usual()).is_runaway
    assert not replace(run, usual=replace(USUAL, high=Decimal(0))).is_runaway


def test_silence_counts_only_where_something_listens() -> None:
    quiet = replace(RUNNING, event_ms=NOW - 3_600_000)
    assert reasons(quiet) == [Reason.SILENT]
    assert reasons(replace(quiet, watched=False, status=TurnStatus.RUNNING)) == []
    assert reasons(replace(RUNNING, event_ms=NOW - 599_000, usual=Usual())) == []


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
