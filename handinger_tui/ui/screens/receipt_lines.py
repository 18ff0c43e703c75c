"""The lines of a receipt, for the screen and as plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from rich.style import Style
from textual.content import Content
from textual.renderables.digits import Digits

from handinger_tui.core.money import credits_words, usd_text
from handinger_tui.core.receipt import took_text
from handinger_tui.core.receipt_facts import Facts, percent_text
from handinger_tui.core.receipt_page import Receipt
from handinger_tui.core.receipt_rows import BY_CATEGORY, CATEGORIES, Row, Section
from handinger_tui.core.words import NOT_REPORTED, PENDING, plural
from handinger_tui.ui.panels import drawing
from handinger_tui.ui.widgets.words import STATUS_WORDS

LABEL: Final = 21
"""Cells of the labels, with a blank behind the longest."""
WIDEST: Final = 24
"""Cells of an amount that is given zeros to stand in line with others."""
COLOURS: Final = ("$primary", "$secondary", "$accent", "$text-muted")
_BLOCKS: Final = {label: at for at, (label, _) in enumerate(CATEGORIES)}


def receipt_lines(receipt: Receipt, width: int) -> list[Content]:
    """The amount, large, and where it went; then everything else, section by section."""
    lines = [*_head(receipt.facts, width), *_bar(receipt.facts, width)]
    for section in receipt.sections:
        lines += [Content(""), Content.styled(section.title, "bold $primary")]
        for row in _in_line(section):
            lines += _row(section, row, width)
    return lines


def _in_line(section: Section) -> tuple[Row, ...]:
    """Its rows; amounts of money that stand below each other have their points there too."""
    if section.title != BY_CATEGORY:
        return section.rows
    places = max((drawing.decimals(row.value) for row in section.rows), default=0)
    values = [drawing.even(row.value, places, WIDEST) for row in section.rows]
    cells = max(map(len, values), default=0)
    return tuple(
        replace(row, value=f"{value:>{cells}}" if drawing.decimals(value) else value)
        for row, value in zip(section.rows, values, strict=True)
    )


def receipt_text(receipt: Receipt) -> str:
    """The same without drawing, for the clipboard."""
    lines = [f"Receipt: {receipt.title}"]
    for section in receipt.sections:
        lines += ["", section.title]
        for row in section.rows:
            lines.append(f"  {row.label}: {row.value}" + (f" ({row.note})" if row.note else ""))
    return "\n".join(lines) + "\n"


def _head(facts: Facts, width: int) -> list[Content]:
    """The cost in large digits, and beside it what people ask for next."""
    cost = facts.money.usd
    word = PENDING if facts.waiting else NOT_REPORTED
    text = usd_text(cost) if cost is not None else f"cost {word}"
    beside = [piece for piece in _beside(facts) if piece.plain]
    cells = Digits.get_width(text)
    if cost is None or cells + 24 > width:
        # The last line of an unknown cost would stand alone beside three rows of nothing.
        return [line for piece in (Content.styled(text, "bold"), *beside) for line in piece.wrap(width)]
    rows = [s.text for s in Digits(text).render(Style(bold=True)) if s.text != "\n"]  # type: ignore[union-attr]  # it yields segments only
    room = width - cells - 3
    told = [piece.truncate(room, ellipsis=True) for piece in beside] + [Content("")] * 3
    return [Content.assemble((f"{row:<{cells}}", "$primary"), "   ", told[at]) for at, row in enumerate(rows)]


def _beside(facts: Facts) -> Iterator[Content]:
    usage, turn = facts.money.usage, facts.turn
    going = " · so far" if not facts.money.known and facts.money.usd is not None else ""
    simulated = " · simulated money" if facts.simulated else ""
    yield Content.styled(f"{STATUS_WORDS[turn.status]}{going}{simulated}", "bold")
    off = percent_text(facts.change.percent)
    yield Content(f"{off} against the median of {plural(facts.change.turns, 'turn')}" if off else "")
    amounts = [
        credits_words(usage.credits) if usage.credits is not None else "",
        plural(usage.total_tokens, "token") if usage.total_tokens is not None else "",
        plural(usage.steps, "step") if usage.steps is not None else "",
        took_text(turn, facts.money),
    ]
    yield Content.styled(" · ".join(amount for amount in amounts if amount), "$text-muted")


def _bar(facts: Facts, width: int) -> list[Content]:
    """One bar for the four categories; what they mean stands in their section."""
    parts = [getattr(facts.money.costs, member) for _, member in CATEGORIES]
    pieces = drawing.bar(parts, facts.money.usd, width)
    if not pieces:
        return []
    blocks, colours = (*drawing.BLOCKS, drawing.REST), (*COLOURS, "$text-muted")
    return [Content(""), Content.assemble(*((blocks[at] * cells, colours[at]) for at, cells in pieces))]


def _row(section: Section, row: Row, width: int) -> list[Content]:
    at = _BLOCKS.get(row.label) if section.title == BY_CATEGORY else None
    mark = Content(" ") if at is None else Content.styled(drawing.BLOCKS[at], COLOURS[at])
    label = Content.assemble(
        "  " if at is None else mark, "" if at is None else " ", (row.label, "$text-muted")
    )
    note = (f"  {row.note}", "$text-muted") if row.note else ""
    value = Content.assemble((row.value, _tone(row.value)), note).wrap(max(12, width - LABEL - 2))
    head = label.truncate(LABEL + 2, pad=True)
    return [Content.assemble(head if not n else " " * (LABEL + 2), line) for n, line in enumerate(value)]


def _tone(value: str) -> str:
    return "$text-muted" if value in (NOT_REPORTED, PENDING) else "$foreground"
