"""An invalid key map is reported: unknown ids, unknown keys, conflicts, keys that type or edit."""

from __future__ import annotations

import pytest

from handinger_tui.ui.key_map import keymap_problems
from handinger_tui.ui.keys import KEYS


def test_the_table_itself_has_no_problem() -> None:
    assert keymap_problems([(key.id, key.keys) for key in KEYS]) == []


@pytest.mark.parametrize(
    ("keymap", "named"),
    [
        ([("work.sesions", "f12")], ["work.sesions", "work.sessions"]),
        ([("work.spending", "ctrl+n")], ["^N", "work.spending", "work.new"]),
        ([("work.spending", "strg+s")], ["strg+s"]),
        ([("work.spending", "Ctrl+G")], ["“Ctrl+G”", "“ctrl+g”"]),
        ([("work.spending", "F12")], ["“F12”", "“f12”"]),
        ([("work.spending", "^g")], ["“^g”", "“ctrl+g”"]),
        ([("work.spending", "\x1b")], ["no key"]),
        ([("work.spending", "ctrl+i")], ["Tab", "^I"]),
        ([("work.spending", "ctrl+[")], ["Esc"]),
        ([("work.spending", "")], ["work.spending"]),
        ([("work.sessions", "s")], ["s types"]),
        ([("work.sessions", "slash")], ["/ types"]),
        ([("prompt.yank", "ctrl+u")], ["^U edits"]),
        ([("transcript.next", "n")], ["transcript.next", "transcript.match"]),
        ([("files.save", "ctrl+p")], ["files.save", "work.palette"]),
        ([("work.find", "f12"), ("work.data", "f12")], ["work.find", "work.data"]),
    ],
)
def test_a_key_that_cannot_work_is_named(keymap: list[tuple[str, str]], named: list[str]) -> None:
    (problem, *_) = keymap_problems(keymap)
    assert [word for word in named if word not in problem] == []


@pytest.mark.parametrize(
    "keymap",
    [
        [("work.spending", "f12,ctrl+l"), ("work.redraw", "f11")],
        [("transcript.next", "down")],
        # The same letter in places that are never on the screen together.
        [("files.save", "d")],
        [("work.find", "f9"), ("work.spending", "ctrl+f")],
    ],
)
def test_a_key_map_that_works_is_accepted(keymap: list[tuple[str, str]]) -> None:
    assert keymap_problems(keymap) == []
