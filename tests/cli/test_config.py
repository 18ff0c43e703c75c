"""`handinger-tui config show`: each setting with its source."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from tests.e2e.runner import KEY, run

URL = "https://worker.example"


def shown(home: Path, *argv: str, **environ: str) -> dict[str, Any]:
    ran = run("config", "show", "--json", *argv, home=home, **environ)
    assert ran.code == 0, ran.err
    read: dict[str, Any] = json.loads(ran.out)["settings"]
    # The runner of these tests sets them.
    del read["limits.poll_interval"], read["home"]
    assert KEY not in ran.out
    return read


def test_an_unset_setting_has_its_default(tmp_path: Path) -> None:
    assert {setting["origin"] for setting in shown(tmp_path).values()} == {"default"}
    named = shown(tmp_path, HANDINGER_API_KEY=KEY)
    origins = {name for name, setting in named.items() if setting["origin"] != "default"}
    assert origins == {"api_key"}
    assert named["api_key"]["origin"] == "HANDINGER_API_KEY"
    assert not named["api_key"]["is_editable"], "the settings page would show it while it is typed"


def test_an_empty_variable_is_not_a_source(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[limits]\nidle_timeout = 9\n[spending]\nday_usd = 5\n", "utf-8")
    settings = shown(tmp_path, HANDINGER_IDLE_TIMEOUT="", HANDINGER_LIMIT_DAY_USD=" ", HANDINGER_BUDGET="")
    for name, value in (("limits.idle_timeout", 9.0), ("spending.day_usd", "5")):
        assert (settings[name]["value"], settings[name]["origin"]) == (value, "config file")
    assert settings["budget"]["origin"] == "default"


def test_the_table_has_no_python_values(tmp_path: Path) -> None:
    ran = run("config", "show", home=tmp_path)
    assert ran.code == 0
    words = set(ran.out.split())
    assert not words & {"None", "True", "False"}
    assert {"—", "yes"} <= words


def test_the_source_of_each_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        f'base_url = "{URL}"\ntheme = "light"\ndensity = "compact"\n'
        "[limits]\nidle_timeout = 9\n[spending]\nday_usd = 5\n",
        "utf-8",
    )
    named = shown(
        tmp_path,
        "--generation",
        "workers",
        HANDINGER_API_KEY=KEY,
        HANDINGER_BUDGET="high",
        HANDINGER_MAX_WAIT="3",
        HANDINGER_LIMIT_DAY_USD="",
        HANDINGER_IDLE_TIMEOUT=" ",
    )
    assert {name: setting["origin"] for name, setting in named.items() if setting["origin"] != "default"} == {
        "base_url": "config file",
        "api_key": "HANDINGER_API_KEY",
        "generation": "--generation",
        "budget": "HANDINGER_BUDGET",
        "theme": "config file",
        "density": "config file",
        "limits.idle_timeout": "config file",
        "limits.max_wait": "HANDINGER_MAX_WAIT",
        "spending.day_usd": "config file",
    }
    address = shown(tmp_path, HANDINGER_API_KEY=KEY, HANDINGER_BASE_URL="https://other.example")["base_url"]
    assert (address["value"], address["origin"]) == ("https://other.example", "HANDINGER_BASE_URL")


def test_a_value_is_set_and_unset_and_a_wrong_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    assert run("config", "init", home=tmp_path).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert tomllib.loads(file.read_text("utf-8")) == {"spending": {}, "shared": {}, "limits": {}}
    assert run("config", "init", home=tmp_path).code == 2
    assert run("config", "set", "day_usd", "$5", home=tmp_path).code == 0
    text = file.read_text("utf-8")
    for words in (["budget", "hihg"], ["idle_timeout", "-1"], ["theme", "nigt"], ["keys.work.find", "nokey"]):
        ran = run("config", "set", *words, home=tmp_path)
        assert (ran.code, ran.out) == (2, ""), words
    assert "Did you mean spending.day_usd?" in run("config", "set", "spending.day_us", "1", home=tmp_path).err
    refused = run("config", "set", "api_key", KEY, home=tmp_path)
    assert (refused.code, KEY in refused.err) == (2, False)
    assert file.read_text("utf-8") == text
    changed = run("config", "set", "budget", "high", "--json", home=tmp_path, HANDINGER_BUDGET="low").result
    assert (changed["name"], changed["overridden_by"]) == ("budget", "HANDINGER_BUDGET")
    assert run("config", "validate", home=tmp_path).code == 0
    assert run("config", "unset", "budget", home=tmp_path).code == 0
    assert file.read_text("utf-8") == text
    assert "--profile" in run("config", "set", "theme", "dark", "--profile", "work", home=tmp_path).err


def test_validate_names_every_mistake_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("budgt = 'low'\ntheme = 'nigt'\n[profiles.a]\nbudget = 'x'\n[tags]\nt = 'x'\n", "utf-8")
    ran = run("config", "validate", "--json", home=tmp_path, HANDINGER_BUGDET="low")
    messages = [one["message"] for one in ran.result["problems"]]
    assert (ran.code, len(messages)) == (2, 5)
    assert "HANDINGER_BUGDET" in messages[0]
    for message, line in zip(messages[1:], ("line 1", "line 4", "line 6", "line 2"), strict=True):
        assert line in message


def test_the_editor_gets_a_file_with_all_settings(tmp_path: Path) -> None:
    ran = run("config", "edit", home=tmp_path, EDITOR="true")
    assert (ran.code, "config set" in ran.err) == (2, True), "there is no terminal"
