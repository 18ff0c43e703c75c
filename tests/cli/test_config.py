"""`handinger-tui config show`: each setting with its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.runner import KEY, run

URL = "https://worker.example"


def shown(home: Path, *argv: str, **environ: str) -> dict[str, Any]:
    ran = run("config", "show", "--json", *argv, home=home, **environ)
    assert ran.code == 0, ran.err
    read: dict[str, Any] = json.loads(ran.out)["settings"]
    # The runner of these tests sets it.
    del read["poll_interval"]
    assert KEY not in ran.out
    return read


def test_an_unset_setting_has_its_default(tmp_path: Path) -> None:
    assert {setting["origin"] for setting in shown(tmp_path).values()} == {"default"}
    named = shown(tmp_path, HANDINGER_API_KEY=KEY)
    origins = {name for name, setting in named.items() if setting["origin"] != "default"}
    assert origins == {"key"}
    assert named["key"]["origin"] == "HANDINGER_API_KEY"


def test_an_empty_variable_is_not_a_source(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[limits]\nidle_timeout = 9\n[spending]\nday_usd = 5\n", "utf-8")
    settings = shown(tmp_path, HANDINGER_IDLE_TIMEOUT="", HANDINGER_LIMIT_DAY_USD=" ", HANDINGER_BUDGET="")
    assert settings["idle_timeout"] == {"value": 9.0, "origin": "config file"}
    assert settings["spending.day_usd"] == {"value": "5", "origin": "config file"}
    assert settings["budget"]["origin"] == "default"


def test_the_table_has_no_python_values(tmp_path: Path) -> None:
    ran = run("config", "show", home=tmp_path)
    assert ran.code == 0
    words = set(ran.out.split())
    assert not words & {"None", "True", "False"}
    assert {"none", "yes"} & words


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
        "key": "HANDINGER_API_KEY",
        "generation": "--generation",
        "budget": "HANDINGER_BUDGET",
        "theme": "config file",
        "density": "config file",
        "idle_timeout": "config file",
        "max_wait": "HANDINGER_MAX_WAIT",
        "spending.day_usd": "config file",
    }
    assert shown(tmp_path, HANDINGER_API_KEY=KEY, HANDINGER_BASE_URL="https://other.example")["base_url"] == {
        "value": "https://other.example",
        "origin": "HANDINGER_BASE_URL",
    }
