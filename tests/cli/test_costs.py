"""`handinger-tui costs`: refused values, filters, formats, and hostile texts."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from handinger_tui.cli import load_settings
from handinger_tui.cli.commands.doctor import MARKS
from handinger_tui.cli.main import PLAIN
from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.formatting import middle_cut
from handinger_tui.core.money.limits import Scope
from handinger_tui.core.money.report_forms import table
from handinger_tui.core.money.spending import Bucket, GroupBy, sum_buckets
from handinger_tui.core.turns.fold import fold
from handinger_tui.core.turns.session import put_turn
from handinger_tui.core.turns.turn import Trigger
from tests.e2e.runner import run
from tests.house.test_imports import NETWORK, SCREEN, loaded_by
from tests.ledger.samples import answered, opened, play, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path

REAL = "https://worker.example"


@pytest.fixture
def home(own_home: Path) -> Path:
    return own_home


def costs(home: Path, *argv: str) -> str:
    """The output of the command, which must succeed."""
    ran = run("costs", *argv, home=home)
    assert ran.code == 0, ran
    return ran.out


def costs_json(home: Path, *argv: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(costs(home, *argv, "--json"))
    return values


async def spend(home: Path, name: str, *amounts: str, base_url: str = REAL, **members: Any) -> None:
    """A session with these totals after each turn; by default each turn is the first of a new worker."""
    async with opened(home / "history.db") as ledger:
        for at, usd in enumerate(amounts):
            into = session(f"ses_{name}{at}", base_url=base_url, title=members.get("title", ""))
            what = turn_request(
                f"turn_{name}{at}", budget=members.get("budget"), trigger=members.get("trigger", Trigger.APP)
            )
            await play(ledger, into, what, answered(usd))


async def test_restatements_are_listed_and_amounts_can_be_read_as_of_a_time(home: Path) -> None:
    async with opened(home / "history.db") as ledger:
        now = await play(ledger, session(base_url=REAL), turn_request(), answered("0.5"))
        turn = replace(fold(turn_request(), answered("0.75")), ended_ms=300_000_000)
        await ledger.close_turn(put_turn(now, turn), "turn_1")
    (listed,) = costs_json(home)["restatements"]
    assert (listed["turn_id"], listed["old_usd"], listed["new_usd"]) == ("turn_1", "0.5", "0.75")
    text = f"Corrected {listed['number']}: turn_1 $0.50 → $0.75, the worker reported more later."
    assert text in " ".join(costs(home).split())
    before = costs_json(home, "--as-of", "1970-01-02")
    assert (before["as_of"], before["total"]["cost_usd"], before["restatements"]) == ("1970-01-02", "0.5", [])
    assert "as of 1970-01-02" in costs(home, "--as-of", "1970-01-02")


# -- nothing, and wrong values -------------------------------------------------------------
def test_an_empty_history_has_a_message(home: Path) -> None:
    assert costs(home) == "No costs yet. They appear after your first turn.\n"
    assert costs(home, "--since", "7d") == "No costs in this selection.\n"


async def test_a_date_before_the_first_turn_has_no_costs(home: Path) -> None:
    await spend(home, "a", "0.5")
    when = ("--as-of", "1969-12-30")
    assert costs(home, *when) == "No costs were known as of 1969-12-30.\n"
    assert (
        costs(home, "--budget", "high", *when) == "No costs in this selection were known as of 1969-12-30.\n"
    )


@pytest.mark.parametrize("by", list(GroupBy))
def test_an_empty_history_is_valid_json_and_csv(home: Path, by: GroupBy) -> None:
    result = costs_json(home, "--by", by)
    assert (result["groups"], result["total"]["turns"], result["total"]["cost_usd"]) == ([], 0, "0")
    assert result["charts"]["per_day"] == []
    assert len(costs(home, "--by", by, "--csv").splitlines()) == 1


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (("--since", "someday"), "2026-11-25"),
        (("--since", "2026-02-30"), "2026-11-25"),
        (("--until", "0d"), "2026-11-25"),
        (("--since", "today", "--until", "2020-01-01"), "The period is empty"),
        (("--worker", "wrk_none"), "costs --by worker"),
        (("--session", ""), "the value of --session is empty"),
        (("--by", "color"), "--help"),
        (("--budget", "enormous"), "--help"),
        (("--json", "--csv"), "--help"),
        (("--report", "costs.svg"), ".txt, .json, .csv, .html"),
        (("--report", "."), ".txt, .json, .csv, .html"),
    ],
)
def test_wrong_values_exit_with_2_and_a_hint(home: Path, argv: tuple[str, ...], hint: str) -> None:
    ran = run("costs", *argv, home=home)
    # With --json the error is an object, also where another option forbids it.
    assert (ran.code, bool(ran.out)) == (2, "--json" in argv)
    assert hint in ran.err


async def test_an_ambiguous_id_is_refused(home: Path) -> None:
    await spend(home, "a", "0.5", "0.25")
    ran = run("costs", "--session", "ses_", home=home)
    assert (ran.code, ran.out) == (2, "")
    assert "2 sessions start with" in ran.err
    assert costs_json(home, "--session", "ses_a1")["total"]["cost_usd"] == "0.25"


async def test_an_ascii_pipe_gets_ascii_characters(home: Path) -> None:
    await spend(home, "a", "0.5", "null", title="Tea")
    environ = {**os.environ, "HANDINGER_TUI_HOME": str(home), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "handinger_tui", "costs", "--session", "ses_a0"]
    output = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout  # noqa: ASYNC221 - nothing else runs
    assert "?" not in output
    assert "####" in output
    assert "Costs by day - session ses_a0" in output


def test_signs_keep_their_meaning_in_ascii() -> None:
    """A "?" or a full stop in place of a sign would say something else of an amount."""
    texts = ["$0.04…", "$0.10 → $0.20", "3.1×", *MARKS.values(), "● ○ ◷ ★"]
    ascii_of = ["$0.04...", "$0.10 -> $0.20", "3.1x", "+", "-", "x", "* o @ *"]
    assert ["".join(PLAIN.get(sign, sign) for sign in text) for text in texts] == ascii_of


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
async def test_a_closed_pipe_causes_no_error_and_no_damage(home: Path, closed: str) -> None:
    await spend(home, "a", "0.5")
    environ = {**os.environ, "HANDINGER_TUI_HOME": str(home)}
    command = ["/bin/sh", "-c", f'exec "$0" -m handinger_tui costs {closed}', sys.executable]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: ASYNC221 - nothing else runs
    assert (ran.returncode, ran.stderr) == (0, "")
    assert costs_json(home)["total"]["cost_usd"] == "0.5"


async def test_turns_of_other_clients_have_no_budget(home: Path) -> None:
    await spend(home, "a", "0.5", trigger=Trigger.ELSEWHERE)
    assert "unknown" in costs(home, "--by", "budget")
    report = home / "report.html"
    costs(home, "--by", "budget", "--report", str(report))
    assert ">unknown<" in report.read_text("utf-8")


def test_similar_ids_stay_distinguishable_in_a_narrow_table() -> None:
    ids = [f"t_org_123_w_01HZY2ZJQ8G7K42W2D7WF6V4G{end}" for end in "ABC"]
    groups = [Bucket(name, 1, usd=Total(Decimal(1))) for name in ids]
    lines = table(groups, sum_buckets(groups, "total"), GroupBy.WORKER, 60).splitlines()
    assert len(set(lines[1:4])) == 3
    assert [f"WF6V4G{end}" in row for end, row in zip("ABC", lines[1:4], strict=True)] == [True] * 3
    assert middle_cut("0123456789", 5) == "01…89"
    assert middle_cut("0123456789", 10) == "0123456789"


# -- real and simulated ----------------------------------------------------------------------
async def test_simulated_costs_are_shown_only_without_real_ones(home: Path) -> None:
    await spend(home, "pretend", "0.5", base_url="local")
    result = costs_json(home)
    assert (result["simulated"], result["total"]["cost_usd"]) == (True, "0.5")
    assert "does not charge real money" in costs(home)
    await spend(home, "real", "0.25")
    result = costs_json(home)
    assert (result["simulated"], result["total"]["cost_usd"]) == (False, "0.25")
    assert "pretend" not in costs(home)
    assert costs_json(home, "--local")["total"]["cost_usd"] == "0.5"
    # Real costs exist, but not in this period: simulated ones do not replace them.
    assert (
        costs_json(home, "--since", "today")["simulated"],
        costs_json(home, "--since", "today")["groups"],
    ) == (
        False,
        [],
    )


async def test_an_unreported_cost_is_not_zero(home: Path) -> None:
    await spend(home, "a", "null", budget="high")
    await spend(home, "b", "0.5", "null", budget="low")
    high, low = sorted(costs_json(home, "--by", "budget")["groups"], key=lambda row: str(row["key"]))
    assert (high["cost_usd"], high["unpriced_turns"]) == (None, 1)
    assert (low["cost_usd"], low["unpriced_turns"]) == ("0.5", 1)
    assert [low[f"{gap}_turns"] for gap in ("uncredited", "uncounted", "unsplit")] == [0, 0, 2]
    text = costs(home, "--by", "budget")
    (line,) = (line for line in text.splitlines() if line.startswith("high"))
    assert "—" in line
    (line,) = (line for line in text.splitlines() if line.startswith("low"))
    assert line.split()[:4] == ["low", "2", "$0.50…", "1"]
    assert "… so far · — unknown" in text
    assert "$0.00" not in text
    rows = list(csv.DictReader(io.StringIO(costs(home, "--by", "budget", "--csv"), newline="")))
    assert {row["key"]: row["cost_usd"] for row in rows} == {"high": "", "low": "0.5"}


async def test_a_worker_with_a_session_here_is_reconciled(home: Path) -> None:
    await spend(home, "a", "0.5")
    text = costs(home, "--worker", "wrk")
    assert "Session ses_a0, the newest of this worker: The local sum $0.50 so far equals" in text.replace(
        "\n", " "
    )


async def test_the_current_limits_are_printed(home: Path) -> None:
    await spend(home, "a", "0.5")
    assert "limit" not in costs(home)
    (home / "config.toml").write_text("[spending]\nday_usd = 3\n", encoding="utf-8")
    assert "Daily limit: $0.00 of $3.00 (0%)." in costs(home)
    (home / "config.toml").write_text("not toml at all [", encoding="utf-8")
    ran = run("costs", home=home)
    assert (ran.code, "limit" in ran.out) == (0, False), "a broken configuration does not hide the past"
    assert ran.err.startswith("The settings are not applied: ")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("argv", [("costs",), ("costs", "--journal"), ("runs",), ("sessions",)], ids=" ".join)
def test_the_settings_are_read_once(
    argv: tuple[str, ...], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def no_text(path: Path) -> str:
        read.append(path)
        return ""

    monkeypatch.setattr(load_settings, "config_text", no_text)
    ran = run(*argv, home=home)
    assert (ran.code, len(read)) == (0, 1), ran.err


# -- hostile texts ------------------------------------------------------------------------------
EVIL = '=HYPERLINK("x")\x1b[31m</title><script>alert(1)</script>\u202e, "q"'


async def test_hostile_texts_are_cleaned_in_every_format(home: Path, tmp_path: Path) -> None:
    await spend(home, "a", "0.5", title=EVIL)
    for by in ("session", "turn"):
        for form in ("--json", "--csv", "--force"):
            text = costs(home, "--by", by, form)
            assert "\x1b" not in text
            assert "\u202e" not in text
        (row,) = csv.DictReader(io.StringIO(costs(home, "--by", by, "--csv"), newline=""))
        assert row["title"].startswith("'=HYPERLINK(")
        assert costs_json(home, "--by", by)["groups"][0]["title"].startswith("=HYPERLINK(")
        assert "\\u202e" not in costs(home, "--by", by, "--json")
    page = report(home, tmp_path / "r.html", "--by", "session").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


# -- reports --------------------------------------------------------------------------------------
def report(home: Path, target: Path, *argv: str) -> bytes:
    assert costs(home, *argv, "--report", str(target)) == f"Report: {target}\n"
    return target.read_bytes()


async def test_a_page_loads_nothing_else(home: Path, tmp_path: Path) -> None:
    await spend(home, "a", "0.5", "null", base_url="local")
    page = report(home, tmp_path / "r.html").decode()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    for outside in ("<script", "<link", "<img", "@import", "url(http", "href="):
        assert outside not in page
    assert "prefers-color-scheme:dark" in page
    assert "does not charge real money" in page
    assert "… so far" in page
    for title in ("Cost per day", "Cost by category", "Cumulative cost"):
        assert title in page


@pytest.mark.parametrize(("suffix", "options"), [("json", ["--json"]), ("csv", ["--csv"]), ("txt", [])])
@pytest.mark.parametrize("by", ["day", "turn"])
async def test_every_form_can_be_written_to_a_file(
    home: Path, tmp_path: Path, suffix: str, options: list[str], by: str
) -> None:
    await spend(home, "a", "0.5", "null", title="Größe")
    written = report(home, tmp_path / f"r.{suffix}", "--by", by).decode()
    assert written == costs(home, "--by", by, *options)


async def test_a_project_has_its_limit_below_its_costs(home: Path) -> None:
    await spend(home, "a", "0.5")
    async with opened(home / "history.db") as ledger:
        await ledger.history.set_project("ses_a0", "acme")
        await ledger.limits.set_limit(session("ses_a0", base_url=REAL), Scope.PROJECT, Unit.USD, Decimal(2))
    assert "Project limit: $0.50 so far of $2.00 (25%)." in costs(home, "--project", "acme")
    assert "Project limit" not in costs(home)


def test_an_existing_file_stays_unless_forced(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.html"
    target.write_text("mine", encoding="utf-8")
    ran = run("costs", "--report", str(target), home=home)
    assert (ran.code, target.read_text("utf-8")) == (2, "mine")
    assert "--force" in ran.err
    costs(home, "--report", str(target), "--force")
    assert "<figure" in target.read_text("utf-8")
    assert os.listdir(tmp_path) == ["mine.html"]


def test_a_missing_folder_is_reported(home: Path, tmp_path: Path) -> None:
    ran = run("costs", "--report", str(tmp_path / "no" / "r.html"), home=home)
    assert ran.code != 0
    assert "Cannot write" in ran.err


def test_a_report_with_json_leaves_stdout_to_the_json(home: Path, tmp_path: Path) -> None:
    ran = run("costs", "--json", "--report", str(tmp_path / "r.html"), home=home)
    assert json.loads(ran.out)["groups"] == []
    assert ran.err == f"Report: {tmp_path / 'r.html'}\n"


# -- start-up ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["--json", "--csv", "--local"])
def test_it_loads_neither_screen_nor_network(form: str, tmp_path: Path) -> None:
    assert loaded_by(tmp_path, "costs", form).isdisjoint(SCREEN | NETWORK)
    assert "PIL" not in loaded_by(tmp_path, "costs", form)
