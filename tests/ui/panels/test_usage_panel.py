"""The usage panel on a screen."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from handinger_tui.core.amounts import Total
from handinger_tui.core.figures import Usage
from handinger_tui.core.money.limits import Gauge, Limit, Scope, Unit
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.turn import TextPart, TurnStatus
from handinger_tui.ui.panels.usage import STATUS, UsagePanel, limit_lines, usage_lines
from handinger_tui.ui.panels.usage_view import usage_view
from tests.ui.golden.stored import check
from tests.ui.panels.stage import (
    FIRST,
    NOON,
    SECOND,
    Stage,
    count_drawn,
    pinned,
    reading,
    session,
    text_of,
    turn,
    two_turns,
)
from tests.ui.pilot import running

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session

pytestmark = pytest.mark.usefixtures("greenwich")


def lines(shown: Session, width: int) -> list[str]:
    return [line.plain.rstrip() for line in usage_lines(usage_view(shown), width)]


def row(text: str, label: str) -> str:
    return next(line for line in text.splitlines() if line.strip("│ ").startswith(label))


@pytest.mark.parametrize("columns", [30, 34, 44])
async def test_finished_turn(columns: int) -> None:
    panel = UsagePanel()
    app = Stage(panel, columns=columns)
    async with running(app, size=(columns, 40)) as pilot:
        panel.show(two_turns())
        await pilot.pause()
        check(f"panels/usage-finished-{columns}", text_of(app))


@pytest.mark.parametrize("columns", [30, 34, 44])
async def test_running_turn_after_gaps(columns: int) -> None:
    panel = UsagePanel()
    app = Stage(panel, columns=columns)
    third = turn(3, status=TurnStatus.ACCEPTED, seconds=None)
    async with running(app, size=(columns, 40)) as pilot:
        panel.show(session(turn(0, after=reading("0.0377", credit="23")), turn(1), turn(2), third))
        await pilot.pause()
        check(f"panels/usage-running-{columns}", text_of(app))


async def test_values_appear_and_change() -> None:
    panel = UsagePanel()
    app = Stage(panel)
    async with running(app, size=(34, 40)) as pilot:
        panel.show(session())
        await pilot.pause()
        assert "Nothing spent yet." in text_of(app)
        panel.show(session(turn(0, status=TurnStatus.ACCEPTED, seconds=None)))
        await pilot.pause()
        assert "waiting for the first figures…" in text_of(app)
        panel.show(session(turn(0, after=FIRST)))
        await pilot.pause()
        assert "$0.0377" in row(text_of(app), "cost")
        assert "pending" not in text_of(app)
        panel.show(two_turns())
        await pilot.pause()
        assert row(text_of(app), "credits").split() == ["│", "credits", "8", "31", "│"]


def test_unreported_figures_are_never_written_as_zero() -> None:
    for width in (26, 30, 40):
        text = "\n".join(lines(session(turn(0, after=reading("0.01"), seconds=None)), width))
        assert row(text, "cost ").split()[1:] == ["$0.01", "$0.01"]
        assert "credits" not in text
        assert "input" not in text
    later = session(turn(0, after=FIRST), turn(1, seconds=None))
    text = "\n".join(lines(later, 40))
    assert row(text, "input").split()[1] == "—"
    assert "— not reported" in text


def test_pending_and_not_reported_are_distinguished() -> None:
    running = "\n".join(lines(session(turn(0, status=TurnStatus.ACCEPTED, seconds=None)), 40))
    ended = "\n".join(lines(session(turn(0, seconds=None)), 40))
    assert "waiting for the first figures…" in running
    assert row(running, "cost ").split() == ["cost", "…", "…"]
    assert "… pending" in running
    assert row(ended, "cost ").split() == ["cost", "not", "reported"]
    assert "— not reported" in ended
    assert "not reported" not in running
    assert "pending" not in ended


def test_a_row_without_any_value_is_omitted() -> None:
    text = "\n".join(lines(session(turn(0, seconds=None)), 40))
    for label in ("credits", "tokens", "cache", "steps", "model", "cost split"):
        assert label not in text
    one = Snapshot(running_flag=False, usage=Usage(input_tokens=5))
    text = "\n".join(lines(session(turn(0, after=one)), 40))
    assert row(text, "input").split() == ["input", "5", "5"]
    assert "output" not in text


def test_sums_with_gaps_wear_a_plus_and_say_why() -> None:
    text = "\n".join(lines(session(turn(0, after=FIRST), turn(1), turn(2)), 30))
    assert row(text, "cost  ").endswith("$0.0377 +2")
    assert "+n: n turns unknown" in text
    panel_text = "\n".join(lines(two_turns(), 30))
    assert "+" not in panel_text


def test_an_amount_has_the_same_digits_everywhere() -> None:
    sample = session(turn(0, after=reading("0.005608", costs=("0.005", "0.0006", "0.000008", "0"))))
    for width in (34, 40):
        rows = lines(sample, width)
        text = "\n".join(rows)
        assert row(text, "cost  ").split() == ["cost", "$0.005608", "$0.005608"]
        assert row(text, "▒ sandbox").split()[-1] == "$0.000008"
        assert row(text, "█ model").split()[-1] == "$0.005", "no zeros are added"
        assert rows[1] == "$0.005608"


def test_a_sum_with_a_doubtful_amount_is_marked_as_the_amount_is() -> None:
    """Both turns rose by the same: totals of the worker, or figures of each turn by itself."""
    sample = session(turn(0, after=reading("0.3")), turn(1, before=reading("0.3"), after=reading("0.5")))
    text = "\n".join(lines(sample, 40))
    assert row(text, "cost  ").split() == ["cost", "~$0.20", "~$0.50"]
    assert "~ undecided: worker totals or figures per turn" in text.replace("\n", " ")
    only = "\n".join(lines(session(turn(0, after=reading("0.3"))), 40))
    assert row(only, "cost  ").split() == ["cost", "$0.30", "$0.30"]


def test_a_split_beyond_the_cost_is_marked() -> None:
    sample = session(
        turn(0, after=reading("0.10", costs=("0.10", "0", "0", "0"))),
        turn(
            1,
            before=reading("0.10", costs=("0.10", "0", "0", "0")),
            after=reading("0.20", costs=("0.20", "0.05", "0", "0")),
        ),
    )
    assert "split exceeds the total by $0.05" in lines(sample, 36)
    assert not any("split exceeds" in line for line in lines(two_turns(), 36))


def test_the_bar_reads_without_colour() -> None:
    rows = lines(two_turns(), 30)
    bar = next(line for line in rows if line.startswith("██"))
    assert bar == "█" * 22 + "▓" * 5 + "▒" * 2 + "░"
    assert [
        line[0] for line in rows if line[2:].startswith(("model", "tool", "sandbox", "internal"))
    ] == list("█▓▒░")


def test_the_bar_shows_the_worker_where_the_turn_has_no_split() -> None:
    rows = lines(session(turn(0, after=FIRST), turn(1)), 30)
    assert "cost split · this worker" in rows


def test_the_source_of_the_figures_is_shown() -> None:
    assert "Σ worker totals" in lines(session(*two_turns().turns), 30)
    assert "Σ worker totals, pinned by you" in lines(two_turns(), 30)
    assert "as of Nov 25 12:01:12" in lines(two_turns(), 30)
    fallen = session(turn(0, after=reading("0.05")), turn(1, after=reading("0.02")))
    assert "1× reported per turn" in lines(fallen, 30)
    assert "nothing reported" in lines(session(turn(0)), 30)


def test_the_sparkline_shows_a_turn_without_a_cost_as_a_point() -> None:
    turns = (turn(0, after=reading("0.05")), turn(1, after=reading("0.02")), turn(2))
    assert "█▄·" in lines(session(*turns), 30)


def test_every_status_has_a_word() -> None:
    assert set(STATUS) == set(TurnStatus)


@pytest.mark.parametrize("width", [22, 24, 25, 26, 30, 31, 40, 80])
def test_no_line_is_wider_than_the_panel(width: int) -> None:
    tokens = 10**59
    money = Decimal(10) ** 58
    huge = Usage(tokens, tokens, tokens, tokens, tokens, tokens, tokens, money, money, tokens)
    doubtful = session(turn(0, after=FIRST), turn(1, before=FIRST, after=SECOND))
    for shown in (two_turns(), doubtful, session(turn(0, after=Snapshot(running_flag=False, usage=huge)))):
        for line in usage_lines(usage_view(shown), width):
            assert line.cell_length <= width, line.plain


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


def still_running(seconds_read: int = 2) -> Session:
    busy = replace(SECOND, running_flag=True)
    now = turn(1, status=TurnStatus.ACCEPTED, before=FIRST, after=busy, seconds=None)
    read = replace(now, read_ms=now.request.created_ms + seconds_read * 1000)
    return pinned(session(turn(0, after=FIRST), read))


async def test_the_clock_moves_once_a_second_and_only_its_own_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = UsagePanel()
    app = Stage(panel)
    shown = still_running()
    began = shown.turns[1].request.created_ms
    async with running(app, size=(34, 40)) as pilot:
        panel.show(shown)
        await pilot.pause()
        assert row(text_of(app), "elapsed").split()[2] == "…"
        panel.tick(began + 5_400)
        await pilot.pause()
        assert row(text_of(app), "elapsed").split()[2:4] == ["~5", "s"]
        drawn = count_drawn(panel, monkeypatch)
        panel.tick(began + 5_900)
        await pilot.pause()
        assert drawn == []
        panel.tick(began + 6_000)
        await pilot.pause()
        assert row(text_of(app), "elapsed").split()[2:4] == ["~6", "s"]
        assert len(set(drawn)) == 1


async def test_the_bar_moves_while_the_turn_runs_and_the_clock_stops_with_it() -> None:
    panel = UsagePanel()
    app = Stage(panel)
    bars = []
    async with running(app, size=(34, 44)) as pilot:
        for split in (("0.01", "0", "0", "0"), ("0.01", "0.01", "0", "0"), ("0.01", "0.01", "0.02", "0.01")):
            usd = str(sum(map(Decimal, split)))
            snapshot = reading(usd, costs=split, busy=True)
            panel.show(session(turn(0, status=TurnStatus.ACCEPTED, after=snapshot, seconds=None)))
            await pilot.pause()
            rows = [line.strip("│ ") for line in text_of(app).splitlines()]
            bars.append(next(line for line in rows if line.startswith("██")))
        assert bars == ["█" * 30, "█" * 15 + "▓" * 15, "█" * 6 + "▓" * 6 + "▒" * 12 + "░" * 6]
        panel.show(session(turn(0, after=reading("0.05"), seconds=12)))
        panel.tick(NOON + 99_000)
        await pilot.pause()
        assert row(text_of(app), "elapsed").split()[2:4] == ["~12", "s"]


def limits() -> tuple[Gauge, ...]:
    def gauge(scope: Scope, spent: str | None, missing: int = 0, unit: Unit = Unit.USD) -> Gauge:
        limit = Limit(scope, unit, Decimal(1 if unit is Unit.USD else 20))
        return Gauge(limit, Total(None if spent is None else Decimal(spent), missing))

    return (
        gauge(Scope.TURN, "0.0123"),
        gauge(Scope.SESSION, "0.85", missing=2),
        gauge(Scope.WORKER, "25", unit=Unit.CREDITS),
        gauge(Scope.DAY, None, missing=1),
    )


@pytest.mark.parametrize("columns", [30, 38])
async def test_limits_stand_above_the_figures_with_bar_and_word(columns: int) -> None:
    panel = UsagePanel()
    app = Stage(panel, columns=columns)
    async with running(app, size=(columns, 50)) as pilot:
        panel.show(still_running())
        panel.tick(still_running().turns[1].request.created_ms + 90_000)
        panel.show_limits(limits())
        await pilot.pause()
        check(f"panels/usage-limits-{columns}", text_of(app))
        panel.show_limits(())
        await pilot.pause()
        assert "of $1.00" not in text_of(app)


def test_limits_are_shown_before_the_first_turn_too() -> None:
    text = "\n".join(line.plain for line in usage_lines(usage_view(session()), 34, None, limits()))
    assert "session $0.85 +2 of $1.00" in text
    assert "not reported of $1.00" in text
    assert "worker  25 of 20 credits" in text
    task = replace(session(), generation="tasks")
    text = "\n".join(line.plain for line in usage_lines(usage_view(task), 34, None, limits()))
    assert "task    25 of 20 credits" in text
    assert "this worker" not in text


@pytest.mark.parametrize("width", [22, 26, 34, 80])
def test_no_limit_is_wider_than_the_panel(width: int) -> None:
    huge = Gauge(Limit(Scope.SESSION, Unit.USD, Decimal("0.0001")), Total(Decimal(10) ** 50, 3))
    for line in limit_lines((*limits(), huge), width):
        assert line.cell_length <= width, line.plain
