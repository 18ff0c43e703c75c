"""The text of the config file: lines are found, and one value changes without touching anything else."""

from __future__ import annotations

import difflib
import tomllib
from decimal import Decimal
from typing import Any

import pytest

from handinger_tui.settings.toml_text import line_of, with_value

TEXT = """\
# mine
budget = "low"   # a hash: # and more
"theme" = 'night # not a comment'
on_done = [
    "notify-send",  # the program
    "a = b",
]

# [spending] is below
[spending]
# day_usd = 5
week_usd = 0.10
[profiles."my work"]
api_key = \"\"\"
hdg_x\"\"\"
[headers]
"X=Y" = "1" # = #
"""
LINES = {
    ("budget",): 2,
    ("theme",): 3,
    ("on_done",): 4,
    ("spending", "week_usd"): 12,
    ("profiles", "my work", "api_key"): 14,
    ("headers", "X=Y"): 17,
    ("nothing",): None,
    ("spending", "nothing"): None,
}


@pytest.mark.parametrize("path", LINES, ids=".".join)
def test_a_setting_is_found_by_its_line(path: tuple[str, ...]) -> None:
    assert line_of(TEXT, path) == LINES[path]


PATHS = [*LINES, ("profiles", "new", "budget"), ("limits", "idle_timeout"), ("spending", "day_usd")]
VALUES = ['text with "quotes", \\ and # \n \x7f é', 5, Decimal("0.0000001"), ["a b", "#"], None]


@pytest.mark.parametrize("path", PATHS, ids=".".join)
@pytest.mark.parametrize("ends", ["\n", "\r\n", ""])
def test_one_value_changes_and_all_other_lines_stay(path: tuple[str, ...], ends: str) -> None:
    text = TEXT.replace("\n", ends) if ends else TEXT.rstrip("\n")
    for value in VALUES:
        changed = with_value(text, path, value)
        inner: Any = tomllib.loads(changed, parse_float=Decimal)
        for name in path:
            inner = inner.get(name, {} if name != path[-1] else None)
        assert inner == value
        before, after = text.splitlines(), changed.splitlines()
        steps = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        assert sum(tag != "equal" for tag, *_ in steps) <= 1, changed


def test_a_comment_behind_a_value_stays_and_a_sample_shows_the_place() -> None:
    assert '\nbudget = "high"  # a hash: # and more\n' in with_value(TEXT, ("budget",), "high")
    assert "# day_usd = 5\nday_usd = 7\n" in with_value(TEXT, ("spending", "day_usd"), 7)
    assert with_value("", ("spending", "day_usd"), 7) == "[spending]\nday_usd = 7\n"
    assert with_value("[limits]\nx = 1", ("budget",), "low") == 'budget = "low"\n[limits]\nx = 1\n'


@pytest.mark.parametrize("text", ["spending = {day_usd = 1, week_usd = 2}", "spending.day_usd.x = 1"])
def test_what_cannot_be_changed_alone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"alone|twice"):
        with_value(text, ("spending", "day_usd"), 7)
