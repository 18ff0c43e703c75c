"""Characters that no text from outside may carry to a terminal, and how many others may stand together.

Used through `core.safety`. Two kinds of rules: some characters always go; others mean
something only beside certain neighbours (joiners, variation selectors, skin tones, flags),
and in floods they make a terminal draw over its other lines, or count cells otherwise
than we do, so that a line runs out of its frame.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from handinger_tui.core.patterns import late

_LINE_ENDS: Final = "\r\n|\r|[\x0b\x0c\x85\u2028\u2029]"
BREAKS: Final = "\x0b-\x0d\x85\u2028\u2029"
CONTROLS: Final = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
DIRECTIONS: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
HALVES: Final = "\ud800-\udfff"
UNSEEN: Final = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0d\ufeff"
    "\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e0fff"
)
"""Never drawn, or as a blank: soft hyphen, fillers, word joiners, marks of the byte order, selectors."""
TAGS: Final = "\U000e0000-\U000e007f"
PLACEHOLDER: Final = "\U0010eeee"
"""Some terminals draw a piece of a picture in its place: whoever writes it says what is to be seen there."""
NOTHING: Final = f"\ufdd0-\ufdef\ufffe\uffff{PLACEHOLDER}"
"""No characters at all, by the standard; and one that stands for something else."""

_PICTURES: Final = "\u203c-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_TONED: Final = "\u270a\u270b\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
_TONES: Final = "\U0001f3fb-\U0001f3ff"
_LETTERS: Final = "[^\x00-\u02ff\u2000-\u2bff\u3000-\u303f\U0001f000-\U0001faff]"

SUSPECT: Final = late(
    f"[{BREAKS}{CONTROLS}{DIRECTIONS}{HALVES}{UNSEEN}{TAGS}{NOTHING}\u200c\u200d\ufe0e\ufe0f{_TONES}]"
)
"""Finds any character that `plain` may touch, but for floods of marks."""
ALWAYS: Final = late(f"[{BREAKS}{CONTROLS}{DIRECTIONS}{HALVES}{UNSEEN}{NOTHING}]")
"""Finds what goes whatever stands beside it."""
LOOSE: Final = late(
    f"(?<![{_PICTURES}\ufe0f{_TONES}])(?:\u200d.?)+|\u200d(?![{_PICTURES}])(?:.?\u200d)*.?", re.DOTALL
)
"""Finds a joiner that joins no pictures, as where a line was cut, and what rich counts as joined to it."""

_ENDS: Final = late(_LINE_ENDS)
_GONE: Final = late(f"[{CONTROLS}{DIRECTIONS}{UNSEEN}]")
_REPLACED: Final = late(f"[{HALVES}{NOTHING}]")
_REGIONS: Final = "|".join(
    "".join(chr(0xE0000 + ord(sign)) for sign in name) for name in ("gbeng", "gbsct", "gbwls")
)
"""The regions that have flags. Any other name would be letters nobody sees, and an AI reads."""
_FLAGS: Final = late(f"(\U0001f3f4(?:{_REGIONS})\U000e007f)|[{TAGS}]")
_BESIDE: Final = late(
    # What is kept is matched first and put back.
    f"((?<=[{_PICTURES}\ufe0f{_TONES}])\u200d(?=[{_PICTURES}])"
    f"|(?<={_LETTERS})\u200c(?={_LETTERS})"
    f"|(?<=[#*0-9\u00a9\u00ae{_PICTURES}])[\ufe0e\ufe0f]"
    f"|(?<=[{_TONED}])[{_TONES}])"
    f"|[\u200c\u200d\ufe0e\ufe0f{_TONES}]"
)
_JOINED: Final = f"[{_PICTURES}][\ufe0f{_TONES}]{{0,2}}"
_CHAIN: Final = late(f"((?:{_JOINED}\u200d){{3}}{_JOINED})\u200d")
"""Four joined pictures, as in a family, and one more: many terminals draw them all beside each other."""

MARKS: Final = 8
"""Marks that one letter may carry; no language needs as many."""
# Marks are no word characters to `re`. The blocks of signs and pictures are left out so that this is quick.
_MANY: Final = late(
    "[^\\w\\s\x00-\u02ff\u2000-\u20cf\u2100-\u2ce0\u2e00-\u3029\u3030-\u3098\u309b-\ua66e\ue000-\uf8ff"
    f"\ufe10-\ufe1f\ufe30-\uffff\U0001f000-\U0001faff]{{{MARKS + 1},}}"
)

OPEN_END: Final = late(
    f"[\r\ud800-\udbff{DIRECTIONS}{UNSEEN}{TAGS}\U0001f3f4\u200c\u200d\x00-\x08\x0e-\x1f\x7f-\x9f]+\\Z"
)
"""An end of text whose meaning the next character decides: half a pair, half a line end, a joiner, a flag."""
LONGEST_LINE: Final = 1 << 16
"""Characters of a text that are looked at to make one line of it."""
REACH: Final = 64
"""Characters before a piece of text that can matter to it, without those that go."""
FARTHEST: Final = LONGEST_LINE
"""Characters that are looked back at most."""


def stripped(text: str) -> str:
    """Without what always goes, and tags that are not of a region's flag. Text can be done piece by piece."""
    text = _ENDS.sub("\n", text)
    text = _FLAGS.sub(r"\1", _GONE.sub("", text))
    return _REPLACED.sub("\ufffd", text)


def plain(text: str) -> str:
    """`stripped`, and in order: no joiner, selector, tag or skin tone out of place, no flood of marks."""
    return _remembered(text) if _COSTLY < len(text) <= LONGEST_LINE else _plain(text)


def _plain(text: str) -> str:
    if SUSPECT.search(text):
        text = stripped(text)
        # What goes may have been what its neighbour leaned on: a selector after a tone, a joiner after both.
        while (kept := _BESIDE.sub(r"\1", text)) != text:
            text = kept
        text = _CHAIN.sub(r"\1", text)
    return text if text.isascii() else _MANY.sub(_few, text)


_COSTLY: Final = 500
_remembered: Final = lru_cache(maxsize=64)(_plain)
"""A title of a thousand joiners is painted as often as any other one."""


def settled(text: str) -> int:
    """Where the end begins whose meaning the next character decides."""
    reach = REACH
    while True:
        at = max(0, len(text) - reach)
        found = OPEN_END.search(text, at)
        if found is None or found.start() > at or not at or reach >= FARTHEST:
            return found.start() if found else len(text)
        reach *= 8


def context(text: str, start: int) -> str:
    """What stands before `start` and can matter to it: a flood of what goes must not come in between."""
    reach = REACH
    while True:
        before = text[max(0, start - reach) : start]
        if reach >= min(start, FARTHEST) or len(stripped(before)) >= REACH:
            return before
        reach *= 8


def _few(found: re.Match[str]) -> str:
    kept, row = [], 0
    for sign in found[0]:
        row = row + 1 if unicodedata.category(sign).startswith("M") else 0
        if row <= MARKS:
            kept.append(sign)
    return "".join(kept)
