"""A figure is added in two places: in a copy of the program it is read, stored, added up, shown and exported.

What was stored before keeps all of its amounts.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import MAIN, environ
from tests.house.project import PACKAGE, ROOT

CHANGES: Mapping[str, Mapping[str, str]] = {
    "core/figures.py": {
        "\nFIGURES: Final = (": """
ADDED = (
    *ADDED,
    _count("song_tokens", "songTokens", "song tokens", 14 + len(ADDED)),
    _category("postage", 15 + len(ADDED)),
)
FIGURES: Final = (""",
        "\n\n\nclass Costs(": """
    song_tokens: int | None = None


class Costs(""",
        "\n\n    def total(self)": """
    postage_usd: Decimal | None = None

    def total(self)""",
    },
    "ledger/migrations.py": {
        "\n)\n\n\ndef version_of(": """
    AddedFigure("song_tokens"),
    AddedFigure("postage_pico", summed=True),
)


def version_of(""",
    },
    # Only so that a service reports them.
    "local/prices.py": {
        '        "steps": counts.steps,\n': '        "steps": counts.steps,\n        "songTokens": 7,\n',
        '"internal", "steps"),\n': """"internal", "steps"),
    UnitPrice("letter", Decimal("0.0003"), "postage", "steps"),
""",
    },
    "local/turn_context.py": {"    usage = {\n": '    usage = {\n        "songTokens": 7,\n'},
}
SONGS = 7
NEW = {"song_tokens", "postage_usd"}


class Program:
    """A program at the history of a folder. `source`: the folder of its package."""

    def __init__(self, source: Path, home: Path) -> None:
        self.source = source
        self.home = home

    def run(self, *words: str, **more: str) -> str:
        """What a command prints."""
        # The folder in which Python starts comes first.
        variables = environ(self.home, **more, PYTHONPATH=None)
        ended = subprocess.run(
            [sys.executable, *MAIN, *words],
            cwd=self.source,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def document(self, *words: str, **more: str) -> dict[str, Any]:
        """What a command prints as JSON."""
        value: dict[str, Any] = json.loads(self.run(*words, **more))
        return value

    @contextmanager
    def paid(self) -> Iterator[dict[str, str]]:
        """The local worker as a service with a key."""
        command = [sys.executable, *MAIN, "local", "--json", "--pace", "fast"]
        variables = environ(self.home, PYTHONPATH=None)
        with subprocess.Popen(
            command, cwd=self.source, env=variables, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            addresses = json.loads(server.stdout.readline())
            try:
                yield {"HANDINGER_BASE_URL": addresses["base_url"], "HANDINGER_API_KEY": addresses["api_key"]}
            finally:
                server.terminate()


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The folder of a copy of the package with the new figures."""
    copy = tmp_path / "source" / PACKAGE.name
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, changes in CHANGES.items():
        text = (copy / name).read_text("utf-8")
        for old, new in changes.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (copy / name).write_text(text, "utf-8")
    return copy.parent


def number(document: dict[str, Any]) -> int:
    """The number of its schema."""
    return int(document["schema"].rpartition("/")[2])


def without_new(value: Any) -> Any:
    """A document without the new figures, which are unknown in it, and without its number."""
    if isinstance(value, list):
        return [*map(without_new, value)]
    if not isinstance(value, dict):
        return value
    assert not any(value.get(name) for name in NEW), value
    return {name: without_new(one) for name, one in value.items() if name not in {*NEW, "schema"}}


def test_a_figure_is_added_in_two_places(changed: Path, tmp_path: Path) -> None:
    old, new = Program(ROOT, tmp_path / "home"), Program(changed, tmp_path / "home")
    with old.paid() as service:
        sent = [
            old.document("-p", *words, "--json", **service)
            for words in (("report on primes",), ("echo again", "-c"), ("cite sources about python",))
        ]
    assert float(sent[0]["turn_costs"]["internal_usd"]) > 0
    session = old.run("export", sent[0]["session_id"], "--format", "json")
    what_was_stored_is_as_before(old, new)
    with new.paid() as service:
        lines = new.run("-p", "report on primes", "--output-format", "stream-json", **service).splitlines()
    events = [json.loads(line) for line in lines]
    assert SONGS in [one["usage"]["song_tokens"] for one in events if one["type"] == "stream-usage"]
    result = events[-1]
    it_is_stored(new, result)
    it_is_shown(new, result, tmp_path / "costs.html")
    it_is_exported(new, result, session, tmp_path)


def what_was_stored_is_as_before(old: Program, new: Program) -> None:
    for by in ("turn", "day", "worker"):
        before, after = (one.document("costs", "--by", by, "--json") for one in (old, new))
        assert without_new(after) == without_new(before)
        assert number(after) == number(before) + len(NEW)
    entries = [one.run("costs", "--journal", "--json").splitlines() for one in (old, new)]
    before_them, now = ([*map(json.loads, lines)] for lines in entries)
    assert without_new(now) == without_new(before_them)
    assert number(now[0]) == number(before_them[0]) + 1
    new.run("doctor")


def it_is_stored(new: Program, result: dict[str, Any]) -> None:
    assert result["turn_usage"]["song_tokens"] == SONGS
    postage = float(result["turn_costs"]["postage_usd"]) * 10**12
    assert postage > 0
    (history,) = new.home.rglob("history.db")
    with closing(sqlite3.connect(history)) as connection:
        for query in (
            "SELECT TOTAL(song_tokens), TOTAL(postage_pico) FROM charges WHERE turn_id = ?",
            "SELECT song_tokens, postage_pico FROM turn_totals WHERE turn_id = ?",
        ):
            assert connection.execute(query, (result["turn_id"],)).fetchone() == (SONGS, postage)


def it_is_shown(new: Program, result: dict[str, Any], page: Path) -> None:
    postage, total = result["turn_costs"]["postage_usd"], result["turn_money"]["usd"]
    report = new.document("costs", "--by", "turn", "--json")
    (row,) = (one for one in report["groups"] if one["turn_id"] == result["turn_id"])
    assert (row["song_tokens"], row["postage_usd"], row["cost_usd"]) == (SONGS, postage, total)
    assert (row["unsplit_turns"], row["split_excess_usd"]) == (0, "0")
    assert (report["total"]["postage_usd"], report["charts"]["categories"]["postage_usd"]) == (
        postage,
        postage,
    )
    rows = csv.DictReader(io.StringIO(new.run("costs", "--by", "turn", "--csv")))
    (cells,) = (one for one in rows if one["turn_id"] == result["turn_id"])
    assert (cells["song_tokens"], cells["postage_usd"]) == (str(SONGS), postage)
    entries = map(json.loads, new.run("costs", "--journal", "--json").splitlines())
    assert [one["postage_usd"] for one in entries if one["postage_usd"] is not None] == [postage]
    assert re.search(r"^ +postage +\d+% +\$0\.\d+", new.run("costs"), re.MULTILINE)
    new.run("costs", "--report", str(page))
    assert '<th scope="col" class="n">postage</th>' in page.read_text("utf-8")
    assert '<small class="gap">+ 3 unknown</small>' in page.read_text("utf-8")


def it_is_exported(new: Program, result: dict[str, Any], old_session: str, folder: Path) -> None:
    """Into another history, into which the export of the program before goes, too."""
    elsewhere = Program(new.source, folder / "elsewhere")
    for text in (old_session, new.run("export", result["session_id"], "--format", "json")):
        (folder / "session.json").write_text(text, "utf-8")
        elsewhere.run("import", str(folder / "session.json"))
    (turn,) = elsewhere.document("sessions", "show", result["session_id"], "--json")["turns"]
    assert turn["turn_usage"] == result["turn_usage"]
    assert turn["turn_costs"] == result["turn_costs"]


@pytest.mark.parametrize(("wire", "total"), [({}, "4"), ({"postage": 2}, "6"), ({"tool": None}, "None")])
def test_a_cost_adds_up_without_a_category_that_came_later(
    wire: dict[str, int | None], total: str, changed: Path
) -> None:
    """A service that does not know it reports all that it has."""
    always = dict.fromkeys(("model", "tool", "sandbox", "internal"), 1)
    costs = {f"{name}CostUsd": value for name, value in (always | wire).items()}
    code = f"from handinger_tui.core.figures import costs_of; print(costs_of({costs}).total())"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=changed, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == total
