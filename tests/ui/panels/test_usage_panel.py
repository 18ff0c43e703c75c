"""The usage panel: at most eight calm rows at rest, every figure in full, one line on narrow screens."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.columns import text_of as words_of
from handinger_tui.core.figures import FIGURE, FIGURES, Usage
from handinger_tui.core.money.limits import Gauge, Limit, Scope
from handinger_tui.core.money.usage_lines import MOST_ROWS, brief_lines, compact_line, full_lines
from handinger_tui.core.money.usage_view import UsageView, a_minute
from handinger_tui.core.prices import Prices
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.turn import TextPart, Trigger, Turn, TurnRequest, TurnStatus
from handinger_tui.ui.panels.usage import UsagePanel, contents
from tests.ui.golden.stored import check
from tests.ui.panels.stage import (
    FIRST,
    NOON,
    SECOND,
    Stage,
    count_drawn,
    reading,
    session,
    set_by_person,
    turn,
    two_turns,
)
from tests.ui.pilot import running, text_of

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session

pytestmark = pytest.mark.usefixtures("greenwich")
CREDITS_ONLY = Turn(
    TurnRequest("turn_1", "hi", 0, "t1"),
    status=TurnStatus.COMPLETED,
    snapshot=Snapshot("t1", running_flag=False, by_turn=True),
    worker_id="t1",
    own_usage=Usage(credits=Decimal(95)),
)


def brief(shown: Session, width: int = 36, gauges: tuple[Gauge, ...] = ()) -> list[str]:
    return [words_of(line) for line in brief_lines(UsageView.of(shown), width, gauges)]


def full(shown: Session, width: int = 36, now_ms: int | None = None) -> list[str]:
    return [words_of(line) for line in full_lines(UsageView.of(shown), width, (), now_ms)]


def still_running(seconds_read: int = 2) -> Session:
    busy = replace(SECOND, running_flag=True)
    now = turn(1, status=TurnStatus.ACCEPTED, before=FIRST, after=busy, seconds=None)
    read = replace(now, read_ms=now.request.created_ms + seconds_read * 1000)
    return set_by_person(session(turn(0, after=FIRST), read))


def gauge(scope: Scope, spent: str | None, missing: int = 0, unit: Unit = Unit.USD) -> Gauge:
    limit = Limit(scope, unit, Decimal(1 if unit is Unit.USD else 20))
    return Gauge(limit, Total(None if spent is None else Decimal(spent), missing))


LIMITS = (
    gauge(Scope.TURN, "0.0123"),
    gauge(Scope.SESSION, "0.85", missing=2),
    gauge(Scope.WORKER, "15", unit=Unit.CREDITS),
    gauge(Scope.DAY, None, missing=1),
)


# -- at rest --------------------------------------------------------------------------
def test_a_finished_session_at_rest() -> None:
    assert brief(two_turns(), 38, LIMITS) == [
        "This turn $0.0123 so far",
        "Session   $0.05   so far",
        "█" * 28 + "▓" * 6 + "▒" * 3 + "░",
        "█ model ▓ tools ▒ sandbox ░ internal",
        "Credits   8 · session 31",
        "Tokens    1,576 (1,204 in, 312 out)",
        "Session limit $0.15 of $1.00 left",
    ]


def test_a_first_turn_has_no_second_sum() -> None:
    assert brief(session(turn(0, after=reading("0.01"), seconds=None))) == ["This turn $0.01 so far"]


def test_unknown_is_a_word_and_never_zero() -> None:
    assert brief(session(turn(0, status=TurnStatus.ACCEPTED, seconds=None))) == ["This turn unknown so far"]
    assert brief(session(turn(0, seconds=None))) == ["This turn unknown"]
    assert brief(session(turn(0, after=FIRST), turn(1, seconds=None), turn(2, seconds=None)))[:2] == [
        "This turn unknown",
        "Session   $0.0377 so far + 2 unknown",
    ]
    assert brief(session(turn(0, after=FIRST), turn(1), turn(2)), 30)[1:3] == [
        "Session   $0.0377 so far",
        "          + 2 unknown",
    ]


def test_a_running_turn_whose_amount_is_in_the_sum_is_no_gap() -> None:
    assert brief(still_running())[:2] == ["This turn $0.0123 so far", "Session   $0.05   so far"]


def test_an_amount_that_is_not_certain_says_about() -> None:
    sample = session(turn(0, after=reading("0.3")), turn(1, before=reading("0.3"), after=reading("0.5")))
    assert brief(sample)[:2] == ["This turn about $0.20 so far", "Session   about $0.50 so far"]
    assert brief(sample, 26)[:2] == ["This turn ~$0.20…", "Session   ~$0.50…"]
    shared = session(turn(0), turn(1, after=SECOND))
    assert brief(shared)[0] == "This turn up to $0.05 so far"


def test_a_split_of_one_part_has_no_legend_and_one_beyond_the_cost_is_marked() -> None:
    one = session(turn(0, after=reading("0.01", costs=("0.01", "0", "0", "0"))))
    assert brief(one, 20)[1:] == ["█" * 20]
    beyond = session(turn(0, after=reading("0.10", costs=("0.10", "0.05", "0", "0"))))
    assert brief(beyond)[2] == "split exceeds the total by $0.05"
    assert not any("█ model" in line for line in brief(beyond))


def test_credits_come_in_place_of_an_unknown_cost() -> None:
    turns = (CREDITS_ONLY, replace(CREDITS_ONLY, request=replace(CREDITS_ONLY.request, turn_id="turn_2")))
    sample = replace(session(*turns), generation="tasks")
    assert brief(sample)[:2] == ["This turn  95 credits so far", "Session   190 credits so far"]
    priced = replace(sample, prices=Prices((("", Decimal("0.01")),)))
    assert brief(priced)[2] == "          about $1.90 at your price"
    assert compact_line(priced) == (
        "turn 95 credits so far (about $0.95) · session 190 credits so far (about $1.90)"
    )
    # What the service reports in USD is never replaced.
    paid = replace(CREDITS_ONLY, own_usage=Usage(credits=Decimal(95), cost_usd=Decimal("0.5")))
    assert brief(replace(priced, turns=(paid,)))[:2] == ["This turn $0.50 so far", "Credits   95"]


@pytest.mark.parametrize("place", [0, 1])
def test_what_never_started_is_no_gap_and_no_zero(place: int) -> None:
    refused = Turn(TurnRequest("turn_9", "no", 0, "t1"), status=TurnStatus.REJECTED)
    turns = [CREDITS_ONLY, replace(CREDITS_ONLY, request=replace(CREDITS_ONLY.request, turn_id="turn_3"))]
    turns.insert(place, refused)
    assert brief(session(*turns))[:2] == ["This turn  95 credits so far", "Session   190 credits so far"]


def test_the_nearest_limit_alone_is_shown_with_what_is_left() -> None:
    assert brief(session(), 40, LIMITS)[-1] == "Session limit $0.15 of $1.00 left"
    assert brief(session(), 40, LIMITS[-1:])[-1] == "Daily limit unknown of $1.00"
    task = replace(session(), generation="tasks")
    assert brief(task, 40, LIMITS[2:3])[-1] == "Task limit 5 of 20 credits left"
    assert brief(task, 30, LIMITS[2:3])[-1] == "Task limit 5 credits left"
    large = replace(LIMITS[2], limit=replace(LIMITS[2].limit, amount=Decimal(2000)), running=2)
    assert brief(task, 44, (large,))[-1] == "Task limit 1,985 of 2,000 credits left"
    assert brief(task, 32, (large,))[-1] == "Task limit 1,985 credits left", "no comma of a number is an end"
    never = (replace(LIMITS[1], reported=False),)
    assert brief(session(), 36, never)[-1] == "Session limit cannot be enforced"


@pytest.mark.parametrize("width", [22, 24, 25, 26, 30, 34, 44, 80])
def test_the_rows_at_rest_are_few_and_no_line_is_too_wide(width: int) -> None:
    tokens, money = 10**59, Decimal(10) ** 58
    huge = Usage(tokens, tokens, tokens, tokens, tokens, tokens, tokens, money, money, tokens)
    limit = Gauge(Limit(Scope.SESSION, Unit.USD, Decimal("0.0001")), Total(Decimal(10) ** 50, 3))
    doubtful = session(turn(0, after=FIRST), turn(1, before=FIRST, after=SECOND), turn(2))
    samples = (two_turns(), doubtful, session(turn(0, after=Snapshot(running_flag=False, usage=huge))))
    for shown in samples:
        view = UsageView.of(shown)
        brief, full = (contents(view, width, (*LIMITS, limit), full=one) for one in (False, True))
        assert len(brief) <= MOST_ROWS
        for line in (*brief, *full):
            assert line.cell_length <= width, line.plain


# -- in full --------------------------------------------------------------------------
@pytest.mark.parametrize("width", [33, 38, 46])
def test_no_amount_of_the_panel_is_cut(width: int) -> None:
    """A cut amount reads like another one, and "71.…" like one so far."""

    def read(usd: str, credit: str) -> Snapshot:
        return reading(usd, credit=credit)

    turns = [turn(0, after=read("0.30", "30.12"))]
    turns.append(turn(1, before=turns[0].snapshot, after=read("0.7132", "71.32")))
    spent = Total(Decimal("1479.41"), 3, doubtful=True, open_turns=1)
    month = Gauge(Limit(Scope.MONTH, Unit.CREDITS, Decimal(2000)), spent)
    priced = replace(
        session(CREDITS_ONLY, replace(CREDITS_ONLY, request=replace(CREDITS_ONLY.request, turn_id="turn_2"))),
        generation="tasks",
        prices=Prices((("", Decimal("11.1301")),)),
    )
    unread = Gauge(month.limit, Total(None, 2))
    for shown in (session(*turns), priced):
        for gauges in ((month,), (unread,)):
            view = UsageView.of(shown)
            for line in (*brief_lines(view, width, gauges), *full_lines(view, width, gauges)):
                assert len(words_of(line)) <= width


def test_the_credits_of_a_session_say_about_like_its_cost() -> None:
    first = reading("0.3", credit="30")
    sample = session(turn(0, after=first), turn(1, before=first, after=reading("0.5", credit="50")))
    assert "Credits   about 20 · session about 50" in brief(sample, 40)
    assert "Credits   about 20" in brief(sample, 33)


def test_every_figure_that_is_known_has_a_row_and_no_other() -> None:
    lines = full(two_turns(), 44)
    for label in ("Cost", "Credits", "Model", "Tools", "Input", "Cache write", "Total", "Steps", "Duration"):
        assert any(line.startswith(f"{label} ") for line in lines), label
    bare = full(session(turn(0, after=Snapshot(running_flag=False, usage=Usage(input_tokens=5)))))
    assert [line.split() for line in bare if line.startswith(("Input", "Output"))] == [["Input", "5", "5"]]


def test_an_amount_has_one_rounding_in_the_panel() -> None:
    sample = set_by_person(
        session(turn(0, after=reading("0.0056083", costs=("0.0050003", "0.0006", "0.000008", "0"))))
    )
    for width in (34, 44):
        lines = full(sample, width)
        assert lines[0] == "This turn $0.0056 so far"
        assert next(line for line in lines if line.startswith("Cost  ")).split() == [
            "Cost",
            "$0.0056…",
            "$0.0056…",
        ]
        points = {
            line.index(".") for line in lines if line.startswith(("Cost  ", "Model", "Tools", "Sandbox"))
        }
        assert len(points) == 1


def cells_of(label: str, shown: Session) -> list[str]:
    """Those of the table, which follows what is shown at rest."""
    return [line.split()[1:] for line in full(shown, 44) if line.startswith(f"{label}  ")][-1]


def test_amounts_in_full_have_the_signs_of_those_at_rest() -> None:
    about = session(turn(0, after=reading("0.3")), turn(1, before=reading("0.3"), after=reading("0.5")))
    assert cells_of("Cost", about) == ["~$0.20…", "~$0.50…"]
    assert cells_of("Cost", session(turn(0), turn(1, after=SECOND)))[0] == "~$0.05…"
    assert cells_of("Credits", two_turns()) == ["8…", "31…"]
    in_credits = cells_of("Credits", session(CREDITS_ONLY))
    assert in_credits == ["95…", "95…"]
    assert "~ about · … so far" in full(about, 44)


def test_the_notes_say_how_and_when_the_figures_were_read() -> None:
    assert "Cost basis: worker total, pinned by you" in full(two_turns(), 44)
    assert "As of Nov 25 12:01:12" in full(two_turns())
    shared = session(turn(0), turn(1, after=SECOND))
    assert "shared with 1 other run" in full(shared)
    fallen = session(turn(0, after=reading("0.05")), turn(1, after=reading("0.02")), turn(2))
    assert "█▄·" in full(fallen)


def test_times_are_those_of_our_clock() -> None:
    elapsed = [line.split()[1:] for line in full(two_turns(), 44) if line.startswith("Elapsed")]
    assert elapsed == [["12", "s", "24", "s"]]
    began = still_running().turns[1].request.created_ms
    now = [
        line.split()[1:] for line in full(still_running(), 44, began + 5_000) if line.startswith("Elapsed")
    ]
    assert now == [["5", "s", "17", "s"]]
    adopted = replace(still_running().turns[1], read_ms=None)
    adopted = replace(adopted, request=replace(adopted.request, trigger=Trigger.ELSEWHERE))
    assert not any(line.startswith("Elapsed") for line in full(session(adopted), 44, NOON + 60_000))


def test_a_rate_needs_half_a_minute_of_known_cost() -> None:
    view = UsageView.of(still_running(60))
    assert a_minute([view.own], Unit.USD) == Decimal("0.0123")
    assert a_minute(view.turns, Unit.USD) == Decimal("0.05") * 60_000 / 72_000
    early = UsageView.of(still_running(20))
    assert a_minute([early.own], Unit.USD) is None
    assert a_minute(early.turns, Unit.USD) is not None
    assert a_minute(UsageView.of(session(turn(0, after=reading(), seconds=40))).turns, Unit.USD) is None


def test_sums_are_exact_and_unknown_figures_stay_unknown() -> None:
    small, large = "0.000000000000000000000000000000000001", "123456789012345678901234567890.5"
    view = UsageView.of(session(turn(0, after=reading(large)), turn(1, after=reading(small))))
    assert view.session(Unit.USD).value == Decimal(large[:-1] + "500000000000000000000000000000000001")
    empty = UsageView.of(session(turn(0, after=reading(), seconds=None)))
    assert all(empty.of_turn(figure) is empty.of_session(figure).value is None for figure in FIGURES)
    assert UsageView.of(two_turns()).of_turn(FIGURE["cache_write_tokens"]) == 0


def test_queued_and_imported_turns_are_in_no_sum() -> None:
    queued = turn(1, status=TurnStatus.QUEUED, seconds=None)
    view = UsageView.of(session(turn(0, status=TurnStatus.ACCEPTED, seconds=None), queued))
    assert (view.status, len(view.turns)) == (TurnStatus.ACCEPTED, 1)
    own = turn(0, after=FIRST)
    imported = replace(own, request=replace(own.request, imported_ms=1))
    assert brief(session(imported))[0].startswith("This turn $0.0377")
    assert UsageView.of(session(imported)).turns == ()


# -- one line -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (session(), ""),
        (two_turns(), "turn $0.0123 so far · session $0.05 so far"),
        (
            session(turn(0, after=FIRST), turn(1), turn(2)),
            "turn unknown · session $0.0377 so far + 2 unknown",
        ),
        (session(turn(0, status=TurnStatus.ACCEPTED, seconds=None)), "turn unknown so far"),
    ],
)
def test_one_line_for_narrow_screens(shown: Session, line: str) -> None:
    assert compact_line(shown) == line


def test_the_line_shows_the_limit_where_there_is_room_and_keeps_this_turn() -> None:
    limits = [gauge(Scope.SESSION, "0.1"), gauge(Scope.DAY, "0.9"), gauge(Scope.WORKER, None, missing=1)]
    alone = "turn $0.0123 so far · session $0.05 so far"
    longer = f"{alone} · daily limit 90%, near"
    assert compact_line(two_turns(), limits) == longer
    assert compact_line(two_turns(), limits, len(longer) - 1) == alone
    assert compact_line(two_turns(), most=len(alone) - 1) == "turn $0.0123 so far"


# -- on a screen ----------------------------------------------------------------------
@pytest.mark.parametrize("columns", [30, 38])
async def test_at_rest_and_in_full(columns: int) -> None:
    panel = UsagePanel()
    app = Stage(panel, columns=columns)
    async with running(app, size=(columns, 44)) as pilot:
        panel.show(two_turns())
        panel.show_limits(LIMITS)
        await pilot.pause()
        check(f"panels/usage-full-{columns}", text_of(app))
        app.set_focus(None)
        await pilot.pause()
        check(f"panels/usage-rest-{columns}", text_of(app))


async def test_text_that_streams_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = UsagePanel()
    app = Stage(panel)
    shown = two_turns()
    async with running(app, size=(34, 40)) as pilot:
        panel.show(shown)
        await pilot.pause()
        drawn = count_drawn(panel, monkeypatch)
        for _ in range(5):
            longer = replace(shown.turns[1], parts=(*shown.turns[1].parts, TextPart()))
            shown = replace(shown, turns=(shown.turns[0], longer))
            panel.show(shown)
            await pilot.pause()
        assert not drawn
        panel.show(session(turn(0, after=FIRST)))
        await pilot.pause()
        assert drawn


async def test_the_clock_moves_once_a_second_and_only_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = UsagePanel()
    app = Stage(panel)
    shown = still_running()
    began = shown.turns[1].request.created_ms
    async with running(app, size=(34, 40)) as pilot:
        panel.show(shown)
        panel.tick(began + 5_400)
        await pilot.pause()
        assert "5 s" in text_of(app)
        drawn = count_drawn(panel, monkeypatch)
        panel.tick(began + 5_900)
        await pilot.pause()
        assert drawn == []
        panel.tick(began + 6_000)
        await pilot.pause()
        assert "6 s" in text_of(app)
        assert len(set(drawn)) == 1
