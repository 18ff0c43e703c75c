"""The receipt page: the cost, usage and times of one turn. Keys go to the receipts of other turns."""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace
from rich.style import Style
from textual import work
from textual.containers import VerticalScroll
from textual.content import Content
from textual.renderables.digits import Digits

from handinger_tui.core.amounts import Unit, amount_text
from handinger_tui.core.bars import stacked_bar
from handinger_tui.core.columns import aligned
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.figures import CATEGORIES
from handinger_tui.core.formatting import UNKNOWN, plural
from handinger_tui.core.receipt_page import (
    BY_CATEGORY,
    Receipt,
    ReceiptRow,
    Section,
    receipt_json,
    receipt_markdown,
    receipt_page,
)
from handinger_tui.core.receipts import ReceiptFacts, Times, change_text, times_of
from handinger_tui.core.turns.turn import STATUS_WORDS, Turn, level_of
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages import TextPage
from handinger_tui.ui.spending.charts import PARTS, split_bar
from handinger_tui.ui.widgets.virtual_list import copy_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from handinger_tui.core.money.typical_cost import TypicalCost
    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.sessions.controller import SessionController

LABEL: Final = 21
"""Width of the label column in cells, including a blank after the longest label."""
_CATEGORY_INDEX: Final = {figure.title: index for index, figure in enumerate(CATEGORIES)}


def receipt_lines(receipt: Receipt, width: int) -> list[Content]:
    """The lines of a receipt: the amount in large digits, its split by category, then the sections."""
    lines = [*_head(receipt.facts, width), *_bar(receipt.facts, width)]
    for section in receipt.sections:
        lines += [Content(""), Content.styled(section.title, "bold $markdown-h1-color")]
        for row in _aligned_rows(section):
            lines += _row_lines(section, row, width)
    return lines


def _aligned_rows(section: Section) -> tuple[ReceiptRow, ...]:
    """The rows of a section; the amounts by category are aligned at the decimal point."""
    if section.title != BY_CATEGORY:
        return section.rows
    values = aligned([row.value for row in section.rows])
    return tuple(replace(row, value=value) for row, value in zip(section.rows, values, strict=True))


def receipt_text(receipt: Receipt) -> str:
    """The receipt as plain text for the clipboard."""
    lines = [f"Receipt: {receipt.title}"]
    for section in receipt.sections:
        lines += ["", section.title]
        for row in section.rows:
            lines.append(f"  {row.label}: {row.value}" + (f" ({row.note})" if row.note else ""))
    return "\n".join(lines) + "\n"


def large_digits(text: str) -> list[str]:
    """An amount in large digits, line by line; `Digits.get_width` has their width."""
    rendered = Digits(text).render(Style(bold=True))
    return [segment.text for segment in rendered if segment.text != "\n"]  # type: ignore[union-attr]  # it yields segments only


def _head(facts: ReceiptFacts, width: int) -> list[Content]:
    """The cost in large digits, and beside it the status, the comparison and the usage."""
    cost = facts.money.most_usd
    text = amount_text(cost) if cost is not None else facts.money.cost(facts.session.price(facts.turn))
    text = text or f"cost {facts.money.total(Unit.USD).words()}"
    summary = [line for line in _summary(facts) if line.plain]
    cells = Digits.get_width(text)
    if cost is None or cells + 24 > width:
        # Without large digits, or without room for both, the summary goes below the amount.
        return [line for piece in (Content.styled(text, "bold"), *summary) for line in piece.wrap(width)]
    rows = large_digits(text)
    facts_lines = [line for piece in summary for line in piece.wrap(width - cells - 3)]
    return [
        Content.assemble((f"{row or '':<{cells}}", "$accent"), "   ", line or "")
        for row, line in zip_longest(rows, facts_lines)
    ]


def _summary(facts: ReceiptFacts) -> Iterator[Content]:
    money, usage, turn = facts.money, facts.money.usage, facts.turn
    amount, credit = money.total(Unit.USD), money.total(Unit.CREDITS)
    is_marked = amount.value is not None and (amount.so_far or amount.doubtful or amount.shared)
    marks = (
        amount.words() if is_marked else "",
        money.share_text,
        "simulated money" if facts.simulated else "",
    )
    status = " · ".join((STATUS_WORDS[turn.status], *filter(None, marks)))
    yield Content.styled(status, "bold")
    change = change_text(facts.change.percent)
    yield Content(f"{change} vs. the median of {plural(facts.change.turns, 'turn')}" if change else "")
    amounts = [
        credit.about(Unit.CREDITS) if credit.value is not None and amount.value is not None else "",
        plural(usage.total_tokens, "token") if usage.total_tokens is not None else "",
        plural(usage.steps, "step") if usage.steps is not None else "",
        facts.money.duration_text(turn),
    ]
    yield Content.styled(" · ".join(amount for amount in amounts if amount), "$text-muted")


def _bar(facts: ReceiptFacts, width: int) -> list[Content]:
    """A bar with the shares of the cost categories; the section by category is its legend."""
    parts = [getattr(facts.money.costs, figure.name) for figure in CATEGORIES]
    pieces = stacked_bar(parts, facts.money.usd, width)
    return [Content(""), split_bar(pieces)] if pieces else []


def _row_lines(section: Section, row: ReceiptRow, width: int) -> list[Content]:
    index = _CATEGORY_INDEX.get(row.label) if section.title == BY_CATEGORY else None
    mark = "  " if index is None else Content.assemble(PARTS[index], " ")
    label = Content.assemble(mark, (row.label, "$text-muted"))
    note = (f"  {row.note}", "$text-muted") if row.note else ""
    value = Content.assemble(
        (row.value, "$text-muted" if row.value.startswith(UNKNOWN) else "$foreground"), note
    ).wrap(max(12, width - LABEL - 2))
    head = label.truncate(LABEL + 2, pad=True)
    return [Content.assemble(head if not n else " " * (LABEL + 2), line) for n, line in enumerate(value)]


CHECKS_PER_S: Final = 1.0
"""How often per second the page checks whether the turn has changed."""


class ReceiptScreen(TextPage):
    """Shows the receipt of a turn, and updates it while the turn runs."""

    BINDINGS = bindings(Where.RECEIPT, Where.SCREEN)
    NAME = "receipt"

    def __init__(self, controller: SessionController, turn_id: str) -> None:
        super().__init__()
        self._controller = controller
        self._actor = controller.shown
        """While this page is open, another session may come to the work screen, and this one be deleted."""
        self._turn_id = turn_id
        self._typical_cost: TypicalCost | None = None
        self._times = Times()
        self._drawn_state: tuple[object, ...] = ()

    def on_mount(self) -> None:
        """Draw the turn and start reading its times and typical cost."""
        self._open(self._turn_id)
        self.set_interval(1 / CHECKS_PER_S, self._draw)

    @property
    def receipt(self) -> Receipt:
        """The present receipt of the turn that is shown."""
        return receipt_page(self._session, self._turns[self._index], self._typical_cost, self._times)

    @property
    def _session(self) -> Session:
        return self._controller.session_of(self._actor)

    @property
    def _turns(self) -> tuple[Turn, ...]:
        return self._session.messages

    @property
    def _index(self) -> int:
        ids = [turn.turn_id for turn in self._turns]
        return ids.index(self._turn_id) if self._turn_id in ids else len(ids) - 1

    # -- showing -------------------------------------------------------------------------
    def _open(self, turn_id: str) -> None:
        self._turn_id, self._typical_cost, self._times = turn_id, None, Times()
        self._draw()
        self.query_one(VerticalScroll).scroll_home(animate=False)
        self._read(self._turns[self._index])

    @work(group="read", exclusive=True)
    async def _read(self, turn: Turn) -> None:
        """Read the times and the typical cost from the history, then draw again."""
        try:
            self._times = times_of(await self._controller.engine.frames(turn.turn_id))
            level = level_of(turn.request.budget, turn.request.trigger)
            if level:
                self._typical_cost = await self._controller.connection.typical_cost(
                    turn.target, level, self._session.prices
                )
        except HandingerError as problem:
            self.say(problem.text, failed=True)
        self._draw()

    def _draw(self) -> None:
        """Draw the receipt unless nothing has changed."""
        turns, index = self._turns, self._index
        state = (turns, self._session.elsewhere, index, self._typical_cost, self._times)
        if state == self._drawn_state:
            return
        self._drawn_state = state
        receipt = self.receipt
        count = Content.styled(f"   {index + 1} of {len(turns)}", "$text-muted")
        about = Content.styled(f"“{receipt.title}”", "$text-muted")
        self.put_title(Content.assemble(("Receipt", "bold"), count), about)
        self.text.put(lambda width: receipt_lines(receipt, width))
        self.refresh_bindings()

    # -- keys ----------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A session with one turn has no other receipt."""
        return action != "step" or len(self._turns) > 1

    def action_step(self, by: int) -> None:
        """Show the receipt of the turn `by` steps on."""
        turns, index = self._turns, self._index + by
        if 0 <= index < len(turns):
            self._open(turns[index].turn_id)
        else:
            self.say("This is the newest turn." if by > 0 else "This is the first turn.")

    def action_copy(self) -> None:
        """Copy the receipt as text."""
        copy_from(self, receipt_text(self.receipt), "the receipt")

    def action_save(self, kind: str) -> None:
        """Save the receipt to the download folder, as Markdown ("md") or JSON ("json")."""
        receipt = self.receipt
        text = (
            receipt_markdown(receipt)
            if kind == "md"
            else json.dumps(receipt_json(receipt), indent=2, ensure_ascii=False) + "\n"
        )
        self.do(self._save(f"receipt-{self._turns[self._index].turn_id}.{kind}", text))

    async def _save(self, name: str, text: str) -> None:
        path = await self._controller.connection.save_text(name, text)
        self.say(f"Saved to {path}")
