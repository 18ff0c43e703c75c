"""Rules for every screen: the prompt is not covered, no word is cut, no border is stray."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Region
from textual.screen import ModalScreen
from textual.strip import Strip

from handinger_tui.ui.themes import DARK, LIGHT, contrast
from tests.ui.golden.states import Kind
from tests.ui.pilot import strips_of

if TYPE_CHECKING:
    from handinger_tui.ui.app import HandingerApp

ROOT: Final = Path(__file__).parents[3]
NO_COLOR: Final = "no color"
"""Replaces the name of a theme."""
WORD: Final = re.compile(r"[^\W\d_]{4,}")
SPINNER: Final = re.compile("[⠁-⣿]")
"""It rotates: which of its characters a picture has is random."""
LETTER: Final = re.compile(r"\w")
CORNERS: Final = {"╭": "│├╰", "╮": "│┤╯", "╰": "│├╭", "╯": "│┤╮"}
"""Characters that continue the border below a top corner, and above a bottom corner."""
ONCE: Final = ("unknown so far", "waiting for", "working")
"""Texts that appear at most once on a screen."""
LEAST_CONTRAST: Final = 4.5
LEAST_KEYS: Final = 2
"""The minimum number of keys in a footer."""


class Screen(NamedTuple):
    """One picture: the text of the terminal, and the position of the prompt."""

    state: str
    theme: str
    rows: tuple[tuple[Segment, ...], ...]
    width: int
    top: Region
    """The active region: the complete screen, or the dialog on it."""
    kind: Kind
    prompt: Region
    hint: str

    @classmethod
    def of(cls, app: HandingerApp, state: str, theme: str, kind: Kind) -> Screen:
        """The current screen of `app`."""
        rows = tuple(tuple(strip) for strip in strips_of(app.screen))
        top = app.screen.region
        if isinstance(app.screen, ModalScreen):
            top = next(child.region for child in app.screen.children if child.region.area)
        hint = app.work.query_one("#hint").region
        prompt = app.work.query_one("#entry").region
        screen = cls(state, theme, rows, app.size.width, top, kind, prompt, "")
        hints = [line[hint.x : hint.right] for line in screen.lines[hint.y : hint.bottom]]
        return screen._replace(hint="".join(hints) if screen.is_work else "")

    @property
    def title(self) -> str:
        """Which picture it is."""
        return f"{self.state} {self.width}x{len(self.rows)} {self.theme}".strip()

    @property
    def lines(self) -> list[str]:
        """The text; a wide character takes one place, so columns count only where there is none."""
        return ["".join(segment.text for segment in row).rstrip() for row in self.rows]

    @property
    def is_work(self) -> bool:
        """The prompt is active, and nothing covers the work screen."""
        return self.kind is Kind.WORK

    @property
    def used(self) -> list[tuple[Segment, ...]]:
        """The rows of the active region."""
        rows = self.rows[self.top.y : self.top.bottom]
        return [tuple(Strip(row).crop(self.top.x, self.top.right)) for row in rows]

    @property
    def used_lines(self) -> list[str]:
        """Their text."""
        return ["".join(segment.text for segment in row).rstrip() for row in self.used]

    def page(self) -> list[str]:
        """The stored form of the active region: a heading, and each run of equal lines as one line with
        its count.
        """
        runs = [(SPINNER.sub("⠋", line), len(list(same))) for line, same in groupby(self.used_lines)]
        text = [line if count == 1 else f"{line}   (×{count})" for line, count in runs]
        return [f"══ {self.width}x{len(self.rows)} ══", *text]


def broken_rules(screen: Screen) -> Iterator[str]:
    """All violations of a rule, one line each."""
    for rule in COLOR_RULES if screen.theme else (*RULES, *COLOR_RULES):
        yield from rule(screen)


# -- words and places ---------------------------------------------------------------------
def fits(screen: Screen) -> Iterator[str]:
    """No line is longer than the terminal is wide."""
    for line in screen.lines:
        if cell_len(line) > screen.width:
            yield f"too long: {line}"


def prompt_stands_free(screen: Screen) -> Iterator[str]:
    """The box of the prompt is complete whenever it accepts text."""
    at = screen.prompt
    if not screen.is_work:
        return
    box = [line.ljust(screen.width)[at.x : at.right] for line in screen.lines[at.y : at.bottom]]
    sides = [row[:1] + row[-1:] for row in box]
    edges = set("".join(row[1:-1] for row in (box[:1] + box[-1:])))
    if len(box) < 3 or sides != ["╭╮", *["││"] * (len(box) - 2), "╰╯"] or edges & set("╭╮╰╯│"):
        yield "the prompt is covered: " + " / ".join(box)


def footer_names_keys(screen: Screen) -> Iterator[str]:
    """The last line names keys, none of them twice. A dialog has buttons, or names its keys itself."""
    if screen.kind is Kind.DIALOG:
        return
    keys = footer_keys(screen)
    if len(keys) < LEAST_KEYS:
        yield f"no footer: {screen.used_lines[-1]}"
    for key, count in Counter(key for key, _ in keys).items():
        if count > 1:
            yield f"{key} stands {count} times in the footer"


def footer_keys(screen: Screen) -> list[tuple[str, str]]:
    """Keys and what they do, from the last line or, of a dialog, from its own last one."""
    for line in reversed(screen.used_lines):
        parts = (part.strip() for part in re.split(r" {2,}|[│╰╯─]+", line))
        splits = [part.split(" ", 1) for part in parts if " " in part]
        pairs = [(key, label) for key, label in splits if label[:1].isupper()]
        if len(pairs) >= LEAST_KEYS:
            return pairs
    return []


def hints_differ(screen: Screen) -> Iterator[str]:
    """The line under the prompt repeats neither itself nor the footer."""
    hints = [stem(part) for part in re.split(r" · | {2,}", screen.hint) if part.strip()]
    counts = Counter(hints) + Counter({stem(f"{key} {label}"): 1 for key, label in footer_keys(screen)})
    for hint in hints:
        if counts[hint] > 1:
            yield f"said twice: {hint}"


def stem(hint: str) -> str:
    """`Enter sends` and `Enter Send` are the same hint."""
    return " ".join(word.lower().removesuffix("s") for word in hint.split())


def no_word_is_cut(screen: Screen) -> Iterator[str]:
    """Every word is in the program or in the scripts of the states, or ends with `…`."""
    for line in screen.used_lines:
        for match in WORD.finditer(line):
            if match[0].lower() not in vocabulary() and line[match.end() : match.end() + 1] != "…":
                yield f"cut: “{match[0]}” in: {line.strip()}"


@cache
def vocabulary() -> frozenset[str]:
    """The words of all sources."""
    paths = [*(ROOT / "handinger_tui").rglob("*.py"), *(ROOT / "tests" / "ui").rglob("*.py")]
    texts = (path.read_text("utf-8") for path in paths if path.name != "test_golden.py")
    return frozenset(word.lower() for text in texts for word in WORD.findall(text))


def borders_are_complete(screen: Screen) -> Iterator[str]:
    """A border continues below or above a corner.

    Behind a dialog borders may end, so those screens are skipped.
    """
    if not screen.is_work:
        return
    rows = [line.ljust(screen.width) for line in screen.lines]
    for y, line in enumerate(rows):
        if line.count("╭") != line.count("╮") or line.count("╰") != line.count("╯"):
            yield f"half a border: {line}"
        for x, corner in enumerate(line):
            if corner in CORNERS:
                other = y + (1 if corner in "╭╮" else -1)
                next_one = rows[other][x] if 0 <= other < len(rows) else ""
                if next_one not in CORNERS[corner] or not next_one:
                    yield f"a corner {corner} that leads to nothing: {line}"


def no_panel_is_empty(screen: Screen) -> Iterator[str]:
    """A panel with a title has content."""
    rows = [line.ljust(screen.width) for line in screen.used_lines]
    for y, line in enumerate(rows):
        for x in (match.start() for match in re.finditer("╭─ ", line)):
            right = line.find("╮", x)
            bottom = next((at for at in range(y + 1, len(rows)) if rows[at][x] != "│"), len(rows))
            if not any(row[x + 1 : right].strip() for row in rows[y + 1 : bottom]):
                yield f"an empty panel: {line[x : right + 1]}"


def no_repeated_text(screen: Screen) -> Iterator[str]:
    """A wait is shown in one place."""
    text = "\n".join(screen.used_lines)
    for word in ONCE:
        if text.count(word) > 1:
            yield f"“{word}” is said {text.count(word)} times"


# -- colors -------------------------------------------------------------------------------
def text_is_legible(screen: Screen) -> Iterator[str]:
    """Letters have the contrast of WCAG AA on their background."""
    if screen.theme == NO_COLOR:
        return
    for style, text in letters(screen):
        text_color, behind = colors(style)
        if text_color is not None and behind is not None and contrast(text_color, behind) < LEAST_CONTRAST:
            yield f"contrast {contrast(text_color, behind):.1f}: {text!r} {style}"


def light_is_light(screen: Screen) -> Iterator[str]:
    """In a light theme most of the screen is light, in a dark one dark."""
    if screen.theme == NO_COLOR:
        return
    is_light, total, light = "light" in screen.theme, 0, 0
    for row in screen.used:
        for segment in row:
            behind = colors(segment.style)[1] if segment.style else None
            if behind is not None:
                total += len(segment.text)
                light += len(segment.text) * (behind.brightness > 0.5)
    if total == 0 or (light > total * 0.9) is not is_light:
        yield f"{light} of {total} cells are light"


def nothing_has_a_color(screen: Screen) -> Iterator[str]:
    """With NO_COLOR only the terminal's own two colors are used."""
    if screen.theme != NO_COLOR:
        return
    for row in screen.rows:
        for segment in row:
            for color in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                if color is not None and not color.is_default:
                    yield f"a color: {segment.text!r} {segment.style}"


def links_and_money_have_their_colors(screen: Screen) -> Iterator[str]:
    """No label has the color of links as its ground, and no mark of the news that of links or money."""
    if screen.theme == NO_COLOR:
        return
    theme = LIGHT if "light" in screen.theme else DARK
    link, money = (Color.parse(color or "") for color in (theme.secondary, theme.warning))
    for style, text in letters(screen):
        color, behind = colors(style)
        if behind == link:
            yield f"a ground in the color of links: {text!r}"
        if color in (link, money) and text.strip() in ("new", "changed"):
            yield f"a mark in the color of links or money: {text!r}"


def letters(screen: Screen) -> Iterator[tuple[Style, str]]:
    """Each style of letters and digits, with one text that has it."""
    by_style: dict[Style, str] = {}
    for row in screen.used:
        for text, style, _ in row:
            if style is not None and LETTER.search(text):
                by_style.setdefault(style, text)
    yield from by_style.items()


@cache
def colors(style: Style) -> tuple[Color | None, Color | None]:
    """The colors of text and background; None for those of the terminal."""
    pair: Iterable[Color | None] = (
        None if color is None or color.is_default else Color.from_rich_color(color)
        for color in (style.color, style.bgcolor)
    )
    text, behind = pair
    return (behind, text) if style.reverse else (text, behind)


Rule = Callable[[Screen], Iterator[str]]
RULES: Final[tuple[Rule, ...]] = (
    fits, prompt_stands_free, footer_names_keys, hints_differ, no_word_is_cut, borders_are_complete,
    no_panel_is_empty, no_repeated_text,
)  # fmt: skip
COLOR_RULES: Final[tuple[Rule, ...]] = (
    text_is_legible, light_is_light, nothing_has_a_color, links_and_money_have_their_colors,
)  # fmt: skip
