"""Receipt: everything about what one turn took; the turns next to it are a key away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Final

from rich.style import Style
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.renderables.digits import Digits
from textual.widgets import Static

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import NOT_REPORTED, PENDING, plural
from handinger_tui.core.money.amounts import credits_words, usd_text
from handinger_tui.core.money.typical_cost import TypicalCost
from handinger_tui.core.receipts.facts import Facts, Times, percent_text, times_of
from handinger_tui.core.receipts.line import took_text
from handinger_tui.core.receipts.page import (
    BY_CATEGORY,
    CATEGORIES,
    Receipt,
    Row,
    Section,
    receipt_json,
    receipt_markdown,
    receipt_page,
)
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Turn, TurnStatus, level_of
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages.page_actions import SavingScreen
from handinger_tui.ui.panels.usage import charts
from handinger_tui.ui.widgets.footer import FooterLine
from handinger_tui.ui.widgets.static_reflow import StaticReflow
from handinger_tui.ui.widgets.status_text import STATUS_WORDS
from handinger_tui.ui.work.session_controller import SessionController

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
    places = max((charts.decimals(row.value) for row in section.rows), default=0)
    values = [charts.even(row.value, places, WIDEST) for row in section.rows]
    cells = max(map(len, values), default=0)
    return tuple(
        replace(row, value=f"{value:>{cells}}" if charts.decimals(value) else value)
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
    pieces = charts.bar(parts, facts.money.usd, width)
    if not pieces:
        return []
    blocks, colours = (*charts.BLOCKS, charts.REST), (*COLOURS, "$text-muted")
    return [Content(""), Content.assemble(*((blocks[at] * cells, colours[at]) for at, cells in pieces))]


def _row(section: Section, row: Row, width: int) -> list[Content]:
    at = _BLOCKS.get(row.label) if section.title == BY_CATEGORY else None
    mark = Content(" ") if at is None else Content.styled(charts.BLOCKS[at], COLOURS[at])
    label = Content.assemble(
        "  " if at is None else mark, "" if at is None else " ", (row.label, "$text-muted")
    )
    note = (f"  {row.note}", "$text-muted") if row.note else ""
    value = Content.assemble((row.value, _tone(row.value)), note).wrap(max(12, width - LABEL - 2))
    head = label.truncate(LABEL + 2, pad=True)
    return [Content.assemble(head if not n else " " * (LABEL + 2), line) for n, line in enumerate(value)]


def _tone(value: str) -> str:
    return "$text-muted" if value in (NOT_REPORTED, PENDING) else "$foreground"


LOOKS_PER_S: Final = 1.0


def sent_turns(session: Session) -> tuple[Turn, ...]:
    """The turns that have a receipt: all but those that still wait to be sent."""
    return tuple(turn for turn in session.turns if turn.status is not TurnStatus.QUEUED)


class ReceiptScreen(SavingScreen):
    """Scrolls; follows the turn while it runs."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.RECEIPT)
    AUTO_FOCUS = "#receipt-body"

    def __init__(self, desk: SessionController, turn_id: str) -> None:
        super().__init__()
        self._desk = desk
        self._turn_id = turn_id
        self._usual: TypicalCost | None = None
        self._times = Times()
        self._drawn: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Which turn, its figures, the keys."""
        with Vertical(id="receipt"):
            yield Static(id="receipt-title")
            with VerticalScroll(id="receipt-body"):
                yield StaticReflow(id="receipt-text")
            yield FooterLine()

    def on_mount(self) -> None:
        """Draw what is known, then read what the history adds; no passing line covers the amount."""
        self.app.clear_notifications()
        self._open(self._turn_id)
        self.set_interval(1 / LOOKS_PER_S, self._draw)

    @property
    def receipt(self) -> Receipt:
        """Of the turn that is shown, as it is now."""
        return receipt_page(self._desk.session, self._turns[self._at], self._usual, self._times)

    @property
    def _turns(self) -> tuple[Turn, ...]:
        return sent_turns(self._desk.session)

    @property
    def _at(self) -> int:
        ids = [turn.turn_id for turn in self._turns]
        return ids.index(self._turn_id) if self._turn_id in ids else len(ids) - 1

    # -- showing -------------------------------------------------------------------------
    def _open(self, turn_id: str) -> None:
        self._turn_id, self._usual, self._times = turn_id, None, Times()
        self._draw()
        self.query_one("#receipt-body").scroll_home(animate=False)
        self._read(self._turns[self._at])

    @work(group="read", exclusive=True)
    async def _read(self, turn: Turn) -> None:
        """Times and usual range come from the history; the rest is on the screen already."""
        try:
            self._times = times_of(await self._desk.engine.frames(turn.turn_id))
            level = level_of(turn.order.budget, turn.order.trigger)
            if level:
                connection = self._desk.connection
                self._usual = await connection.books.usual(
                    turn.worker_id or turn.order.worker_id, level, simulated=connection.purse.simulated
                )
        except HandingerError as problem:
            self.say_problem(problem)
        self._draw()

    def _draw(self) -> None:
        """Nothing, where nothing has changed."""
        turns, at = self._turns, self._at
        drawn = (turns, at, self._usual, self._times)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        receipt = self.receipt
        count = Content.styled(f"   {at + 1} of {len(turns)}", "$text-muted")
        title = Content.assemble(("Receipt", "bold"), count, "\n", (f"“{receipt.title}”", "$text-muted"))
        self.query_one("#receipt-title", Static).update(title)
        self.query_one("#receipt-text", StaticReflow).put(lambda width: receipt_lines(receipt, width))

    # -- keys ----------------------------------------------------------------------------
    def action_step(self, by: int) -> None:
        """To the receipt of another turn."""
        turns, at = self._turns, self._at + by
        if 0 <= at < len(turns):
            self._open(turns[at].turn_id)
        else:
            self.say("This is the newest turn." if by > 0 else "This is the first turn.")

    def action_copy(self) -> None:
        """As text, by the terminal."""
        text = receipt_text(self.receipt)
        self.app.copy_to_clipboard(text)
        self.say(f"Copied the receipt ({len(text):,} characters) through the terminal.")

    def action_save(self, kind: str) -> None:
        """Into the download folder."""
        receipt = self.receipt
        made = receipt_markdown(receipt) if kind == "md" else _json(receipt)
        self.do(self._save(f"receipt-{self._turns[self._at].turn_id}.{kind}", made))

    async def _save(self, name: str, text: str) -> None:
        path = await self._desk.connection.save_text(name, text)
        self.say(f"Saved as {path}")


def _json(receipt: Receipt) -> str:
    return json.dumps(receipt_json(receipt), indent=2, ensure_ascii=False) + "\n"
