"""Checks the key map of the configuration: each key that cannot work as it was meant is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import combinations
from typing import Final

from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

from handinger_tui.ui.keys import KEYS, Key, Where, format_key

_FOCUSED: Final = (
    {Where.PROMPT},
    {Where.CHIPS},
    {Where.QUEUE},
    {Where.WELCOME},
    {Where.TRANSCRIPT},
    {Where.FIND},
    {Where.USAGE},
    {Where.SOURCES, Where.PANEL},
    {Where.FILES, Where.PANEL},
)
"""The places of the widget that has the focus on the work screen."""
_TOGETHER: Final[tuple[frozenset[Where], ...]] = (
    *(frozenset({Where.ANYWHERE, *places}) for places in _FOCUSED),
    frozenset({Where.SESSIONS, Where.DIALOG}),
    frozenset({Where.HISTORY, Where.DIALOG}),
    frozenset({Where.SCREEN, Where.LEDGER, Where.LEDGER_ROWS}),
    frozenset({Where.SCREEN, Where.RECEIPT}),
    frozenset({Where.SCREEN, Where.BUDGETS}),
    frozenset({Where.SCREEN, Where.PREVIEW, Where.PAGE}),
    frozenset({Where.SCREEN, Where.PREVIEW, Where.LINES, Where.TABLE}),
    frozenset({Where.SCREEN, Where.PREVIEW, Where.LINES, Where.TREE}),
    frozenset({Where.SCREEN, Where.DATA, Where.LINES, Where.TABLE}),
    frozenset({Where.SCREEN, Where.DATA, Where.LINES, Where.TREE}),
    frozenset({Where.QUESTION, Where.DIALOG}),
    frozenset({Where.HELP, Where.DIALOG}),
    frozenset({Where.PROBLEM, Where.DIALOG}),
)
"""The places whose keys work at the same time."""
_TYPING: Final = frozenset({Where.PROMPT, Where.ANYWHERE, Where.SESSIONS, Where.HISTORY, Where.HELP})
"""Places with a text field: a key that types a character there must not be taken from it."""
EDITING_KEYS: Final = frozenset(
    {
        *("backspace", "delete", "left", "right", "home", "space"),
        *("ctrl+a", "ctrl+e", "ctrl+k", "ctrl+u", "ctrl+w", "ctrl+x", "ctrl+left", "ctrl+right"),
        *("ctrl+backspace", "alt+backspace", "alt+b", "alt+d", "alt+f", "alt+left", "alt+right"),
    }
)
"""Keys that edit the text of the prompt and are not in the key table."""
_MODIFIERS: Final = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
_NAMES: Final = frozenset(key.value for key in Keys)
_UNICODE_NAMES: Final = {short: full for full, short in KEY_NAME_REPLACEMENTS.items()}
_BY_ID: Final = {key.id: key for key in KEYS}


def keymap_problems(keymap: Iterable[tuple[str, str]]) -> list[str]:
    """One sentence for each unknown id, unknown key and conflict of a key map of (id, keys)."""
    remapped: dict[str, frozenset[str]] = {}
    problems: list[str] = []
    for key_id, keys in keymap:
        if key_id in _BY_ID:
            remapped[key_id] = _split(keys)
            problems += _own_problems(_BY_ID[key_id], remapped[key_id])
        else:
            near = get_close_matches(key_id, _BY_ID, n=1)
            problems.append(f"There is no key “{key_id}”." + (f" Did you mean “{near[0]}”?" if near else ""))
    return [*problems, *_conflicts(remapped)]


def _split(keys: str) -> frozenset[str]:
    return frozenset(name for part in keys.split(",") if (name := part.strip()))


def _own_problems(key: Key, names: frozenset[str]) -> Iterator[str]:
    if not names:
        yield f"“{key.id}” has no key."
    for name in sorted(names - _split(key.keys)):
        *modifiers, last = name.split("+")
        types = key_to_character(_UNICODE_NAMES.get(last, last))
        if not set(modifiers) <= _MODIFIERS or not (types or last in _NAMES):
            yield f"“{key.id}”: there is no key called “{name}”."
        elif key.where in _TYPING and types and types.isprintable() and set(modifiers) <= {"shift"}:
            yield f"“{key.id}”: {format_key(name)} types a character here."
        elif key.where in (Where.PROMPT, Where.ANYWHERE) and name in EDITING_KEYS:
            yield f"“{key.id}”: {format_key(name)} edits the text of the prompt."


def _conflicts(remapped: dict[str, frozenset[str]]) -> Iterator[str]:
    """Two keys of one place that are the same only because of the key map."""
    for first, second in combinations(KEYS, 2):
        if first.id not in remapped and second.id not in remapped:
            continue
        if not any({first.where, second.where} <= places for places in _TOGETHER):
            continue
        if _split(first.keys) & _split(second.keys):
            # They share a key in the table already: which of them works depends on the state.
            continue
        now = [remapped.get(key.id, _split(key.keys)) for key in (first, second)]
        for name in sorted(now[0] & now[1]):
            yield f"{format_key(name)} is both “{first.id}” and “{second.id}”."
