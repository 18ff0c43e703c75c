"""The person's key map: which keys of the table it may replace, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Final

from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

from handinger_tui.core.errors import did_you_mean
from handinger_tui.ui.keys import CUTTING_KEYS, EDITING_KEYS, KEYS, Key, Where, format_key

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
_ABOVE: Final = (
    {Where.SESSIONS, Where.DIALOG},
    {Where.HISTORY, Where.DIALOG},
    {Where.SCREEN, Where.SPENDING, Where.SPENDING_ROWS},
    {Where.SCREEN, Where.RECEIPT},
    {Where.SCREEN, Where.BUDGETS},
    {Where.SCREEN, Where.SCHEDULES, Where.LINES, Where.LIST},
    {Where.SCREEN, Where.WEBHOOK, Where.LINES, Where.LIST},
    {Where.SCREEN, Where.SETTINGS, Where.LINES, Where.LIST},
    {Where.SCREEN, Where.RUNS, Where.LINES, Where.LIST},
    {Where.SCREEN, Where.PREVIEW, Where.PAGE},
    {Where.SCREEN, Where.PREVIEW, Where.LINES, Where.TABLE},
    {Where.SCREEN, Where.PREVIEW, Where.LINES, Where.TREE},
    {Where.SCREEN, Where.DATA, Where.LINES, Where.TABLE},
    {Where.SCREEN, Where.DATA, Where.LINES, Where.TREE},
    {Where.SCREEN, Where.WORKERS, Where.LINES, Where.LIST, Where.WORKER_ROWS},
    {Where.SCREEN, Where.WORKERS, Where.LINES, Where.LIST, Where.TASK_ROWS},
    {Where.QUESTION, Where.DIALOG},
    {Where.HELP, Where.DIALOG},
    {Where.PROBLEM, Where.DIALOG},
    {Where.PALETTE},
    {Where.WORKER_FORM},
)
"""The places of each page and dialog."""
_TOGETHER: Final[tuple[frozenset[Where], ...]] = (
    *(frozenset({Where.ANYWHERE, *places}) for places in _FOCUSED),
    frozenset({Where.ANYWHERE, Where.PROMPT, Where.REPLAY}),
    *(frozenset({Where.ABOVE, *places}) for places in _ABOVE),
)
"""The places whose keys work at the same time."""
_TYPING: Final = frozenset(
    {
        *(Where.PROMPT, Where.ANYWHERE, Where.ABOVE, Where.SESSIONS, Where.HISTORY, Where.PALETTE),
        *(Where.HELP, Where.WORKER_FORM),
    }
)
"""Places with a text field: no other key may use a key that types a character there."""
_PROMPT_KEYS: Final = frozenset({"space", *CUTTING_KEYS, *EDITING_KEYS})
_MODIFIERS: Final = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
_NAMES: Final = frozenset(key.value for key in Keys)
_UNICODE_NAMES: Final = {short: full for full, short in KEY_NAME_REPLACEMENTS.items()}
_BY_ID: Final = {key.id: key for key in KEYS}
_SENT_AS: Final = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    **dict.fromkeys(("ctrl+[", "ctrl+left_square_bracket"), "escape"),
}
"""Keys for which terminals send the byte of another one."""


def keymap_problems(keymap: Iterable[tuple[str, str]]) -> list[str]:
    """One sentence for each unknown id, unknown key and conflict of a key map of (id, keys)."""
    remapped: dict[str, frozenset[str]] = {}
    problems: list[str] = []
    for key_id, keys in keymap:
        if key_id in _BY_ID:
            remapped[key_id] = _split(keys)
            problems += _own_problems(_BY_ID[key_id], remapped[key_id])
        else:
            hint = did_you_mean(key_id, _BY_ID, form="“{}”")
            problems.append(f"There is no key “{key_id}”. {hint}".rstrip())
    return [*problems, *_conflicts(remapped)]


def _split(keys: str) -> frozenset[str]:
    return frozenset(name for part in keys.split(",") if (name := part.strip()))


def _own_problems(key: Key, names: frozenset[str]) -> Iterator[str]:
    if not names:
        yield f"“{key.id}” has no key."
    for name in sorted(names - _split(key.keys)):
        *modifiers, last = name.split("+")
        types = _typed_by(last)
        if not _is_key(name):
            # As the help writes it.
            near = name.lower().replace("^", "ctrl+", 1)
            hint = f" Did you mean “{near}”?" if _is_key(near) else ""
            yield f"“{key.id}”: there is no key called “{name}”.{hint}"
        elif name in _SENT_AS:
            yield f"“{key.id}”: most terminals send {format_key(_SENT_AS[name])} for {format_key(name)}."
        elif key.where in _TYPING and types and set(modifiers) <= {"shift"}:
            yield f"“{key.id}”: {format_key(name)} types a character here."
        elif key.where in (Where.PROMPT, Where.ANYWHERE) and name in _PROMPT_KEYS:
            yield f"“{key.id}”: {format_key(name)} edits the text of the prompt."


def _is_key(name: str) -> bool:
    *modifiers, last = name.split("+")
    return set(modifiers) <= _MODIFIERS and bool(_typed_by(last) or last in _NAMES)


def _typed_by(last: str) -> str:
    """The printable character of a key without its modifiers; "" for other keys."""
    character = key_to_character(_UNICODE_NAMES.get(last, last)) or ""
    return character if character.isprintable() else ""


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
