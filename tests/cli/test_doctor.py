"""`doctor` checks the service for free, and distinguishes a refused key from an unknown worker."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest

from handinger_tui import __version__
from handinger_tui.cli.app import require_theme
from handinger_tui.cli.load_settings import settings_for
from handinger_tui.core.errors import SettingsError
from handinger_tui.local.server import LocalServer
from tests.cli.program import PLAIN
from tests.e2e.runner import KEY, run
from tests.ledger.damage import create_history, damage_large, lose
from tests.wire.replay import Player, playing

JSON = {"content-type": "application/json"}


def checks(out: str) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(out)["checks"]}


@pytest.mark.parametrize(
    ("status", "key", "service"),
    [
        (404, "ok", "ok"),
        (401, "fault", "ok"),
        (403, "fault", "ok"),
        (500, "note", "fault"),
        (429, "note", "fault"),
    ],
)
def test_one_get_checks_the_service(status: int, key: str, service: str, tmp_path: Path) -> None:
    player = Player(PLAIN, answer=(status, JSON, b'{"error": "no"}'))
    with playing(player) as url:
        ran = run("doctor", "--json", home=tmp_path, base_url=url)
    results = checks(ran.out)
    assert (results["key"]["state"], results["service"]["state"]) == (key, service)
    assert (ran.code != 0) == ("fault" in (key, service))
    assert {method for method, _, _ in player.requests} == {"GET"}
    assert KEY not in ran.out


def test_the_local_worker_knows_its_key(tmp_path: Path) -> None:
    with LocalServer.start(pace=0) as server:
        good = run("doctor", home=tmp_path, base_url=server.base_url, key=server.api_key)
        bad = run("doctor", home=tmp_path, base_url=server.base_url, key=KEY)
    assert (good.code, bad.code) == (0, 2)
    assert "rejected" in bad.out
    assert "rejected" not in good.out


@pytest.mark.parametrize("setting", ["workers", "tasks"])
@pytest.mark.parametrize("served", ["workers", "tasks"])
def test_the_generation_that_answers_is_compared_with_the_setting(
    setting: str, served: str, tmp_path: Path
) -> None:
    with LocalServer.start(pace=0) as server:
        url = server.tasks_url if served == "tasks" else server.base_url
        options = ("doctor", "--json", "--generation", setting)
        ran = run(*options, home=tmp_path, base_url=url, key=server.api_key)
    check = checks(ran.out)["generation"]
    assert check["state"] == ("ok" if setting == served else "fault")
    assert setting == served or f"--generation {served}" in check["hint"]


def test_an_unreachable_service_is_a_failure(tmp_path: Path) -> None:
    ran = run("doctor", "--json", home=tmp_path, base_url="http://127.0.0.1:9")
    assert ran.code == 2
    assert checks(ran.out)["service"]["state"] == "fault"


def test_without_a_key_nothing_is_requested(tmp_path: Path) -> None:
    ran = run("doctor", "--json", home=tmp_path)
    assert (ran.code, checks(ran.out)["key"]["state"]) == (0, "note")


@pytest.mark.parametrize(
    ("line", "named"),
    [('"work.sesions" = "f12"', "work.sessions"), ('"work.spending" = "ctrl+n"', "work.new"), ("", "")],
)
def test_an_invalid_key_map_is_a_failure_that_names_it(line: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(f"[keys]\n{line}\n")
    ran = run("doctor", "--json", home=tmp_path)
    check = checks(ran.out)["keys"]
    assert (ran.code, check["state"]) == ((2, "fault") if named else (0, "ok"))
    assert named in check["found"]


@pytest.mark.parametrize(("theme", "state"), [("Midnight", "ok"), ("midnihgt", "fault")])
def test_an_unknown_theme_is_named_by_doctor_and_at_the_start(theme: str, state: str, own_home: Path) -> None:
    (own_home / "config.toml").write_text(f'theme = "{theme}"')
    check = checks(run("doctor", "--json", home=own_home).out)["theme"]
    assert (check["state"], theme in check["found"]) == (state, True)
    with nullcontext() if state == "ok" else pytest.raises(SettingsError, match=r"Choose: .*midnight"):
        require_theme(settings_for(None))


def test_damage_of_a_large_history_is_found_by_doctor_and_costs(tmp_path: Path) -> None:
    asyncio.run(create_history(tmp_path / "history.db"))
    damage_large(tmp_path / "history.db")
    check = checks(run("doctor", "--json", home=tmp_path).out)["history"]
    assert (check["state"], "doctor --repair" in check["hint"]) == ("fault", True)
    costs = run("costs", home=tmp_path)
    assert (costs.code, "damaged" in costs.err) == (0, True)


def test_a_damaged_history_is_listed_repaired_and_replaced_only_with_a_yes(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    asyncio.run(create_history(path))
    lose(path, "charges", "frames", "turn_totals")
    broken = path.read_bytes()
    listed = run("sessions", home=tmp_path)
    assert (listed.code, listed.out.count("title")) == (0, 4)
    assert "damaged" in listed.err
    assert "doctor --repair" in checks(run("doctor", "--json", home=tmp_path).out)["history"]["hint"]
    first = run("doctor", "--repair", home=tmp_path)
    assert first.code == 0
    assert "Not readable" in first.err
    assert path.read_bytes() == broken
    done = json.loads(run("doctor", "--repair", "--yes", "--json", home=tmp_path).out)
    assert done["adopted"] is True
    assert Path(done["kept"]).read_bytes() == broken
    assert checks(run("doctor", "--json", home=tmp_path).out)["history"]["state"] == "ok"


def test_a_trigger_with_a_flipped_bit_is_named_and_repaired(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    asyncio.run(create_history(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        flip = "UPDATE sqlite_schema SET sql = replace(sql, 'NEW.steps', 'NEW.stepz') WHERE name = ?"
        connection.execute(flip, ("charges_are_totalled",))
    with LocalServer.start(pace=0) as server:
        refused = run("-p", "echo A", home=tmp_path, base_url=server.base_url, key=server.api_key)
    assert (refused.code, "no such column: NEW.stepz" in refused.err) == (10, True)
    assert "handinger-tui doctor" in refused.err
    check = checks(run("doctor", "--json", home=tmp_path).out)["history"]
    assert (check["state"], "doctor --repair" in check["hint"]) == ("fault", True)
    assert "trigger charges_are_totalled" in check["found"]
    assert json.loads(run("doctor", "--repair", "--yes", "--json", home=tmp_path).out)["adopted"] is True
    assert checks(run("doctor", "--json", home=tmp_path).out)["history"]["state"] == "ok"


@pytest.mark.parametrize("name", [".", "missing.db", "pipe", "/dev/zero"])
def test_what_is_no_file_is_not_repaired(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ran = run("doctor", "--repair", str(tmp_path / name), "--json", home=tmp_path)
    assert (ran.code, ran.result["error"]["kind"]) == (10, "disk")
    assert "is not a file" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_history_that_lost_its_version_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    asyncio.run(create_history(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 0")
    listed = run("sessions", home=tmp_path)
    assert (listed.code, listed.out.count("title"), "damaged" in listed.err) == (0, 4, True)
    assert "doctor --repair" in checks(run("doctor", "--json", home=tmp_path).out)["history"]["hint"]
    assert json.loads(run("doctor", "--repair", "--yes", "--json", home=tmp_path).out)["adopted"] is True
    assert checks(run("doctor", "--json", home=tmp_path).out)["history"]["state"] == "ok"
    assert run("sessions", home=tmp_path).err == ""


def test_a_report_has_the_facts_and_nothing_that_is_yours(tmp_path: Path) -> None:
    home = tmp_path / "private-folder"
    home.mkdir()
    (home / "config.toml").write_text(
        'theme = "midnight"\n[tags]\nsecret-client = "title:*merger*"\n', "utf-8"
    )
    turn = run("-p", "echo merger plans", "--local", "--json", home=home).result
    run("-p", "fail", "--local", "--json", home=home)
    key = "hdg_live_0123456789abcdef"
    report = run("doctor", "--report", home=home, base_url="https://intranet.example", key=key).out
    assert f"handinger-tui {__version__}\nPython " in report
    assert "variables: HANDINGER_API_KEY, HANDINGER_BASE_URL" in report
    assert "service: another host" in report
    assert "settings that are not the default: theme, limits, tag_rules\n" in report
    assert report.count(" · workers · headless · ") == 2
    assert " · failed · " in report
    yours = (key, key[-4:], "merger", "secret-client", "intranet", "private-folder", str(Path.home()))
    ids = (turn["session_id"], turn["worker_id"], turn["turn_id"])
    assert [word for word in (*yours, *ids) if word in report] == []


def test_a_report_is_made_of_what_can_be_read(tmp_path: Path) -> None:
    report = run("doctor", "--report", home=tmp_path, HANDINGER_LIMIT_DAYUSD="1").out
    assert "settings: refused (SettingsError)" in report
    assert "history: none" in report
    (tmp_path / "history.db").write_bytes(b"no database")
    assert "history: cannot be read" in run("doctor", "--report", home=tmp_path).out
