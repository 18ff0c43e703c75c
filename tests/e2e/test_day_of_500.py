"""A scripted day of 500 turns: `costs` agrees with sums of the raw snapshots, in every format."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from handinger_tui.cli.commands.schema import schema_id
from tests.e2e.raw_sums import Group, TurnAmounts, all_in_one, every_turn, grouped
from tests.e2e.runner import run
from tests.e2e.scripted_day import write_day

AMOUNTS = ("cost_usd", "credits", "tokens", "model_usd", "tool_usd", "sandbox_usd", "internal_usd")
REPORTS = ("html", "txt", "csv", "json")
GROUPINGS = ("day", "worker", "session", "budget", "trigger", "turn")


@dataclass(frozen=True)
class Day:
    home: Path
    turns: list[TurnAmounts]

    def costs(self, *argv: str) -> str:
        ran = run("costs", *argv, home=self.home)
        assert (ran.code, ran.err) == (0, ""), ran
        return ran.out

    def json(self, *argv: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.costs(*argv, "--json"), parse_float=Fraction)
        return value


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    home = tmp_path_factory.mktemp("day")
    return Day(home, every_turn(asyncio.run(write_day(home / "history.db"))))


def same(row: dict[str, Any], group: Group) -> None:
    """Compare one group of JSON or CSV with the sum computed here."""
    assert int(row["turns"]) == group.turns
    assert int(row["incomplete"]) == group.incomplete
    for name in AMOUNTS:
        shown = row[name] if row[name] != "" else None
        assert (None if shown is None else Fraction(shown)) == group.sum(name), name
    assert int(row["unpriced_turns"]) == group.gaps["cost_usd"]
    assert int(row["uncredited_turns"]) == group.gaps["credits"]
    assert int(row["uncounted_turns"]) == group.gaps["tokens"]
    assert int(row["unsplit_turns"]) == max(group.gaps[name] for name in AMOUNTS[3:])
    assert (int(row["first_ms"]), int(row["last_ms"])) == (min(group.moments), max(group.moments))


def test_the_day_covers_every_case(day: Day) -> None:
    turns = [one.turn for one in day.turns]
    assert len(turns) == 500
    assert len({one.worker_id for one in turns}) == 16
    assert {one.status for one in turns} >= {
        "completed",
        "failed",
        "incomplete",
        "unknown",
        "rejected",
        "running",
    }
    assert sum(one.status == "completed" and len(one.reads) > 1 for one in turns) >= 10, (
        "detached, then finished"
    )
    gaps = all_in_one(day.turns)
    assert 20 <= gaps.gaps["cost_usd"] <= 200
    corrections = [row["corrections"] for row in day.json("--by", "turn")["groups"]]
    assert sum(count > 0 for count in corrections) >= 20
    readings = {row["reading"] for row in day.json("--by", "turn")["groups"]}
    assert readings == {"lifetime", "per_turn", "none"}


@pytest.mark.parametrize("by", GROUPINGS)
def test_json_agrees_in_every_grouping(day: Day, by: str) -> None:
    rows, expected = day.json("--by", by), grouped(day.turns, by)
    assert rows["schema"] == schema_id("costs")
    assert (rows["by"], rows["simulated"]) == (by, False)
    assert sorted(row["key"] for row in rows["groups"]) == sorted(expected)
    for row in rows["groups"]:
        same(row, expected[row["key"]])
    same(rows["total"], all_in_one(day.turns))


@pytest.mark.parametrize("by", GROUPINGS)
def test_csv_agrees_in_every_grouping(day: Day, by: str) -> None:
    text, expected = day.costs("--by", by, "--csv"), grouped(day.turns, by)
    assert text.count("\r\n") == text.count("\n") == len(expected) + 1
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert sorted(row["key"] for row in rows) == sorted(expected)
    for row in rows:
        same(row, expected[row["key"]])


@pytest.mark.parametrize("by", GROUPINGS)
def test_chart_data_agrees(day: Day, by: str) -> None:
    charts, expected = day.json("--by", by)["charts"], grouped(day.turns, "day")
    assert [point["day"] for point in charts["per_day"]] == sorted(expected)
    so_far = Fraction(0)
    for point in charts["per_day"]:
        group = expected[point["day"]]
        so_far += group.sum("cost_usd") or 0
        assert Fraction(point["cost_usd"]) == group.sum("cost_usd")
        assert Fraction(point["cumulative_usd"]) == so_far
        assert point["unpriced_turns"] == group.gaps["cost_usd"]
    for name in charts["categories"].keys() & AMOUNTS:
        assert Fraction(charts["categories"][name]) == all_in_one(day.turns).sum(name)


def test_each_turn_names_its_kind_of_reading(day: Day) -> None:
    by_id = {one.turn.turn_id: one for one in day.turns}
    rows = day.json("--by", "turn")["groups"]
    assert {row["state"] for row in rows} == {"open", "provisional", "settled"}
    for row in rows:
        one = by_id[row["turn_id"]]
        assert row["key"] == row["turn_id"]
        assert (row["session_id"], row["worker_id"]) == (one.turn.session_id, one.turn.worker_id)
        assert (row["status"], row["budget"], row["trigger"]) == (
            one.turn.status, one.turn.budget, one.turn.trigger
        )  # fmt: skip
        assert row["at_ms"] == one.turn.charged_ms
        # One that is complete may still grow.
        assert row["final"] is (row["state"] == "settled")
        assert one.final or not row["final"]
        for name in ("input", "output", "reasoning", "total"):
            assert row[f"{name}_tokens"] == one.numbers[f"{name}Tokens"]
        assert row["cache_read_tokens"] == one.numbers["cacheReadTokens"]
        assert row["cache_write_tokens"] == one.numbers["cacheWriteTokens"]


def test_filters_agree(day: Day) -> None:
    for worker, group in grouped(day.turns, "worker").items():
        same(day.json("--worker", worker)["total"], group)
    for session, group in grouped(day.turns, "session").items():
        same(day.json("--session", session, "--by", "budget")["total"], group)
    for budget in ("low", "standard", "high", "unlimited"):
        same(day.json("--budget", budget, "--by", "worker")["total"], grouped(day.turns, "budget")[budget])
    for name, group in grouped(day.turns, "day").items():
        same(day.json("--since", name, "--until", name)["total"], group)


@pytest.mark.parametrize("by", GROUPINGS)
def test_text_has_the_same_totals(day: Day, by: str) -> None:
    group = all_in_one(day.turns)
    cost = group.sum("cost_usd")
    assert cost is not None
    total = f"${format(round(cost * 100) / 100, ',.2f')}"
    line = next(line for line in day.costs("--by", by).splitlines() if line.startswith("total"))
    # Columns align amounts at their decimal points.
    assert total in " ".join(line.split()), line
    assert str(group.turns) in line


def test_simulated_and_real_money_are_never_added(day: Day) -> None:
    pretend = day.json("--local")
    assert (pretend["simulated"], pretend["total"]["turns"]) == (True, 5)
    assert "wrk_local" not in day.costs("--by", "worker", "--json")
    assert "does not charge real money" in day.costs("--local")


def test_reports_hold_every_group_and_the_total(day: Day, tmp_path: Path) -> None:
    for suffix in REPORTS:
        day.costs("--by", "worker", "--report", str(tmp_path / f"report.{suffix}"))
    texts = {suffix: (tmp_path / f"report.{suffix}").read_text("utf-8") for suffix in REPORTS}
    for worker in grouped(day.turns, "worker"):
        assert all(worker in text for text in texts.values()), worker
    report = json.loads(texts["json"], parse_float=Fraction)
    assert report["total"] == day.json("--by", "worker")["total"]
    total = all_in_one(day.turns)
    without_amount = total.turns - total.free - len(total.amounts["cost_usd"])
    foot = re.search(r"<tfoot>.*?</tfoot>", texts["html"], re.DOTALL)
    assert foot is not None
    amount = f"{float(total.sum('cost_usd') or 0):.2f}"
    assert f'>${amount}… <small class="gap">+ {without_amount} unknown</small>' in foot[0]
