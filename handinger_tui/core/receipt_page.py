"""The receipt of one turn as labeled rows, as Markdown and as JSON, with cleaned texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import Struct, field

from handinger_tui.core.amounts import (
    Unit,
    amount_text,
    at_price,
    exact_text,
    excess_words,
    price_words,
)
from handinger_tui.core.decimals import EXACT, decimal_text, json_amount, tidy
from handinger_tui.core.documents import Amount, Document, Part, Problem, SpreadPart, members, problem_of
from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.figures import (
    CATEGORIES,
    FIGURE,
    FIGURES,
    SHOWN,
    TOKENS,
    CostsObject,
    Figure,
    Measure,
    UsageObject,
    figures_object,
    numbered,
    numbers_of,
)
from handinger_tui.core.formatting import (
    UNKNOWN,
    duration,
    number,
    percent_text,
    plural,
    size,
    spaced,
    utc_text,
)
from handinger_tui.core.jsontext import JsonObject, as_object
from handinger_tui.core.money.amount_state import AmountState
from handinger_tui.core.money.attribution import AmountBasis, TurnMoney
from handinger_tui.core.money.basis_text import basis_words
from handinger_tui.core.money.typical_cost import TypicalCost
from handinger_tui.core.receipts import ENOUGH_EARLIER, ReceiptFacts, Times, change_text, facts_of
from handinger_tui.core.safety import clean_json, clean_line, markdown_text
from handinger_tui.core.stream import Snapshot
from handinger_tui.core.turns.session import Session, ids_of, title_from
from handinger_tui.core.turns.turn import NO_DAY, Trigger, Turn, TurnStatus


class ReceiptRow(Struct, frozen=True):
    """One labeled value. `note`: a remark, or ""."""

    label: str
    value: str
    note: str = ""

    @property
    def words(self) -> str:
        """The value and its remark without signs: "$0.10 before, $0.30 after" for "$0.10 → $0.30"."""
        value, to, later = self.value.partition(" → ")
        if to:
            return f"{value} before and after" if value == later else f"{value} before, {later} after"
        return f"{value}{f' ({self.note})' if self.note else ''}"


BY_CATEGORY: Final = "By category"
_EVIDENCE: Final = "Sources and files"


class Section(Struct, frozen=True):
    """Rows under a common title."""

    title: str
    rows: tuple[ReceiptRow, ...]

    @property
    def is_evidence(self) -> bool:
        """Whether the rows list sources and files."""
        return self.title == _EVIDENCE


def sections_of(facts: ReceiptFacts) -> tuple[Section, ...]:
    """All sections, the most important ones first."""
    sections = {
        "Cost": _cost(facts),
        BY_CATEGORY: _categories(facts),
        "Tokens and steps": _tokens(facts),
        "Time": _time(facts),
        _EVIDENCE: _evidence(facts),
        "Identity": _identity(facts),
        "How costs were attributed": _attribution(facts),
        "As reported by the worker": _reported(facts),
    }
    return tuple(Section(title, tuple(rows)) for title, rows in sections.items())


def _at_price(facts: ReceiptFacts) -> Decimal | None:
    """The cost of the credits at the person's price; None if there is a cost in USD."""
    money = facts.money
    return None if money.usd is not None else at_price(money.usage.credits, facts.session.price(facts.turn))


def _or_missing(facts: ReceiptFacts, text: str | None) -> str:
    """`text`, or the words for a missing value."""
    return text or (f"{UNKNOWN} so far" if facts.waiting else UNKNOWN)


def _cost(facts: ReceiptFacts) -> list[ReceiptRow]:
    money, price = facts.money, facts.session.price(facts.turn)
    credit = money.total(Unit.CREDITS)
    priced = "" if money.usd is not None else price_words(at_price(credit.value, price))
    rows = [
        ReceiptRow("Cost", priced or _total(facts, Unit.USD), _cost_note(facts)),
        ReceiptRow(
            "Credits", _total(facts, Unit.CREDITS), ", ".join(filter(None, _marks(money, Unit.CREDITS)))
        ),
        ReceiptRow("Vs. median", *_change(facts)),
        _budget(facts),
    ]
    if facts.typical_cost is not None:
        rows.append(ReceiptRow("Typical cost", facts.typical_cost.text))
    if facts.turn.imported:
        rows.append(
            ReceiptRow(
                "Imported", "not charged here", "computed from its file alone; in no total and no limit"
            )
        )
    if facts.simulated:
        rows.append(ReceiptRow("Money", "simulated", "the local worker does not charge real money"))
    return rows


def _total(facts: ReceiptFacts, unit: Unit) -> str:
    amount = facts.money.total(unit)
    return _or_missing(facts, None if amount.value is None else amount.bare_words(unit))


def _cost_note(facts: ReceiptFacts) -> str:
    cost = facts.money.most_usd
    if facts.money.grew:
        return "rejected; its cost cannot be ruled out"
    if facts.free:
        return "never started, so nothing was charged"
    if cost is None:
        price = facts.session.price(facts.turn)
        is_priced = price is not None and facts.money.most_credits is not None
        return f"at your price of {amount_text(price)} a credit" if is_priced else ""
    all_digits = exact_text(cost, Unit.USD)
    notes = [
        *_marks(facts.money, Unit.USD),
        "" if all_digits == amount_text(cost) else f"exactly {all_digits}",
        "sum of the categories" if facts.money.usage.cost_usd is None else "",
    ]
    return ", ".join(note for note in notes if note)


def _marks(money: TurnMoney, unit: Unit) -> tuple[str, str]:
    """Why an amount is not certain."""
    if money.total(unit).value is None:
        return "", ""
    return money.share_text, "not yet clear how this worker counts" if unit in money.doubts else ""


def _change(facts: ReceiptFacts) -> tuple[str, str]:
    change = facts.change
    if change.median is None:
        earlier = plural(change.turns, "earlier turn")
        return (f"only {earlier}", f"needs {ENOUGH_EARLIER}") if change.turns else ("no earlier turn", "")
    median = f"{amount_text(change.median, change.unit)} of {plural(change.turns, 'turn')}"
    percent = change_text(change.percent)
    return percent or UNKNOWN, f"median {median}"


def _budget(facts: ReceiptFacts) -> ReceiptRow:
    if not facts.level:
        return ReceiptRow("Budget", UNKNOWN, "started elsewhere")
    return ReceiptRow("Budget", clean_line(facts.level, 40), "" if facts.turn.request.budget else "default")


def _categories(facts: ReceiptFacts) -> list[ReceiptRow]:
    total = facts.money.costs.total()
    rows = []
    for figure in CATEGORIES:
        value: Decimal | None = getattr(facts.money.costs, figure.name)
        text = None if value is None else amount_text(value)
        rows.append(ReceiptRow(figure.title, _or_missing(facts, text), _share(value, total)))
    reported = facts.money.usage.cost_usd
    if total is not None and reported is not None and total != reported:
        excess = excess_words(facts.split_excess) or f"the reported cost is {amount_text(reported)}"
        rows.append(ReceiptRow("Sum", amount_text(total), excess))
    return rows


def _share(value: Decimal | None, total: Decimal | None) -> str:
    return "" if value is None or not total else percent_text(EXACT.divide(value, total))


def _tokens(facts: ReceiptFacts) -> list[ReceiptRow]:
    rows = []
    for figure in (*TOKENS, FIGURE["steps"]):
        value = figure.read(facts.money.usage, facts.money.costs)
        rows.append(ReceiptRow(figure.title, _or_missing(facts, None if value is None else number(value))))
    return rows


def _time(facts: ReceiptFacts) -> list[ReceiptRow]:
    turn, times = facts.turn, facts.times
    reported, elapsed = facts.money.usage.duration_ms, facts.elapsed_ms
    took = _or_missing(facts, None if reported is None else duration(reported))
    unknown = _or_missing(facts, None)
    moments = (
        ("Asked", facts.submitted_ms),
        ("Sent", times.sent_ms),
        ("First answer", times.answered_ms),
        ("Ended", turn.ended_ms),
    )
    return [
        ReceiptRow("Duration", took, "" if reported is None else "as reported"),
        ReceiptRow("Elapsed", unknown if elapsed is None else duration(elapsed), "local clock"),
        *_began(turn),
        *(ReceiptRow(label, utc_text(at) or UNKNOWN) for label, at in moments),
    ]


def _began(turn: Turn) -> list[ReceiptRow]:
    """When a turn of others began, by the service."""
    at_ms = turn.request.service_ms
    if at_ms is None:
        return []
    if at_ms == NO_DAY:
        return [ReceiptRow("Began", UNKNOWN, "in totals, but in no day, week or month, nor in their limits")]
    return [ReceiptRow("Began", utc_text(at_ms) or UNKNOWN, "the service's clock")]


def _evidence(facts: ReceiptFacts) -> list[ReceiptRow]:
    sources, files = sources_of_turn(facts.turn), files_of_turn(facts.turn)
    rows = [ReceiptRow("Sources", number(len(sources)))]
    for at, source in enumerate(sources, 1):
        title = clean_line(source.title or source.filename or source.url or source.source_id, 300)
        rows.append(ReceiptRow(f"Source {at}", title, clean_line(source.url or "")))
    rows.append(ReceiptRow("Files", number(len(files))))
    for at, file in enumerate(files, 1):
        what = ", ".join(fact for fact in (clean_line(file.media_type, 100), size(file.size)) if fact)
        rows.append(ReceiptRow(f"File {at}", clean_line(file.filename or file.url), what))
    return rows


def _identity(facts: ReceiptFacts) -> list[ReceiptRow]:
    session, turn = facts.session, facts.turn
    ids = (
        (session.kind.capitalize(), turn.target),
        ("Session", session.session_id),
        ("Turn", turn.turn_id),
        ("Message", turn.message_id),
    )
    problem = [ReceiptRow("Problem", clean_line(turn.fault.message))] if turn.fault is not None else []
    return [
        ReceiptRow("Status", spaced(turn.status)),
        *problem,
        *(ReceiptRow(label, clean_line(value) if value else UNKNOWN) for label, value in ids),
        ReceiptRow("Started by", str(turn.request.trigger)),
        ReceiptRow("Requests sent", number(turn.posts), "that could have started this turn"),
    ]


_BASIS_NOTES: Final = {
    AmountBasis.TOTAL: "this turn is the increase while it ran",
    AmountBasis.PER_TURN: "the worker reports each turn separately",
    AmountBasis.NONE: "",
}
_STATES: Final = {
    AmountState.OPEN: ("so far", "the turn is under way"),
    AmountState.PROVISIONAL: ("so far", "a later reading has not confirmed it yet"),
    AmountState.SETTLED: ("settled", "a later reading has confirmed it"),
}


def _attribution(facts: ReceiptFacts) -> list[ReceiptRow]:
    if facts.free:
        return [ReceiptRow("Cost basis", "not needed", "the turn never started")]
    money = facts.money
    rows = [ReceiptRow("Cost basis", basis_words(money), _BASIS_NOTES[money.reading])]
    has_figures = money.usage.reported or money.costs.reported
    if money.reading is AmountBasis.TOTAL and facts.turn.before is None:
        counted = "counted from an earlier turn's last reading, or zero for a new worker"
        note = counted if has_figures else "so this turn's share is unknown"
        rows.append(ReceiptRow("Before", "not read", note))
    if money.shared:
        note = "the cost of several runs together is entered for one of them"
        rows.append(ReceiptRow("Shared", money.share_text, note))
    if has_figures:
        rows.append(ReceiptRow("State", *_STATES[money.state]))
    rows.append(ReceiptRow("As of", utc_text(facts.turn.read_ms) or UNKNOWN))
    return rows


_UNITS: Final = {Measure.COST: " in USD", Measure.CATEGORY: " in USD", Measure.TIME: " in ms"}


def _reported(facts: ReceiptFacts) -> list[ReceiptRow]:
    """Each reported figure, with its exact values in the readings before and after the turn."""
    rows = []
    for figure in SHOWN:
        values = [(read, raw_text(read, figure)) for read in (facts.turn.before, facts.turn.snapshot)]
        if any(text is not None for _, text in values):
            first, last = (text or ("not read" if read is None else UNKNOWN) for read, text in values)
            label = f"{figure.title}{_UNITS.get(figure.measure, '')}"
            rows.append(ReceiptRow(label, f"{first} → {last}", "before → after"))
    return rows or [ReceiptRow("Figures", UNKNOWN)]


def raw_text(read: Snapshot | None, figure: Figure) -> str | None:
    """A figure of a reading in plain digits; None if it was not reported."""
    if read is None:
        return None
    value = numbers_of(read.usage, read.costs)[FIGURES.index(figure)]
    amount = None if value is None else tidy(Decimal(value))
    return None if amount is None else decimal_text(amount)


class Receipt(Struct, frozen=True):
    """A receipt. `title`: the first line of the prompt; `sections`: to be shown; `facts`: for JSON."""

    title: str
    sections: tuple[Section, ...]
    facts: ReceiptFacts


def receipt_page(
    session: Session, turn: Turn, typical_cost: TypicalCost | None = None, times: Times | None = None
) -> Receipt:
    """The receipt of one turn. `times`: the result of `receipts.times_of` for the frames of the turn."""
    facts = facts_of(session, turn, typical_cost, times)
    title = clean_line(title_from(turn.request.prompt), 100) or "a turn without a prompt"
    return Receipt(title, sections_of(facts), facts)


# -- Markdown --------------------------------------------------------------------------
def receipt_markdown(receipt: Receipt) -> str:
    """The receipt as Markdown lists; values are escaped, so that they contain no links, tags or emphasis."""
    lines = [f"# Receipt: {markdown_text(receipt.title)}", ""]
    for section in receipt.sections:
        lines += [f"## {section.title}", ""]
        for row in section.rows:
            note = f" ({markdown_text(row.note)})" if row.note else ""
            lines.append(f"- **{row.label}:** {markdown_text(row.value)}{note}")
        lines.append("")
    return "\n".join(lines)


# -- JSON ------------------------------------------------------------------------------
class ReadingPart(Part, frozen=True):
    """Usage and costs as the worker reported them."""

    usage: UsageObject
    costs: CostsObject


class ChangePart(Part, frozen=True):
    """How the turn differs from the median of earlier ones."""

    percent: int | None
    median: Amount | None
    unit: str
    turns: int


class UsualPart(Part, frozen=True):
    """What such turns usually cost."""

    budget: str
    other_workers: bool
    usd: SpreadPart
    credits: SpreadPart


class ReceiptSource(Part, frozen=True):
    title: str | None
    url: str | None


class ReceiptFile(Part, frozen=True):
    filename: str | None
    media_type: str
    size: int | None
    url: str


class TimesPart(Part, frozen=True):
    """Times in UTC."""

    submitted: str | None = field(name="asked")
    sent: str | None
    first_answer: str | None
    ended: str | None
    figures_read: str | None


class ReceiptDocument(Document, frozen=True, tag=numbered("receipt", 1)):
    """A receipt that was saved as JSON: money as decimal text, counts as integers, unknown as null."""

    title: str
    simulated: bool
    imported: bool
    status: TurnStatus
    worker_id: str | None
    task_id: str | None
    session_id: str
    turn_id: str
    message_id: str | None
    budget: str | None
    trigger: Trigger
    posts_sent: int
    cost_usd: Amount | None
    credits: Amount | None
    usd_at_your_price: Amount | None
    final: bool
    shared_with: int | None
    cost_usd_at_most: Amount | None
    credits_at_most: Amount | None
    doubtful: bool
    reading: str | None
    reading_pinned: bool
    usage: UsageObject
    costs: CostsObject
    split_excess_usd: Amount | None
    elapsed_ms: int | None
    before: ReadingPart | None
    after: ReadingPart | None
    change: ChangePart
    usual: UsualPart | None
    sources: list[ReceiptSource]
    files: list[ReceiptFile]
    times: TimesPart
    error: Problem | None


def receipt_json(receipt: Receipt) -> JsonObject:
    """The receipt as JSON."""
    return as_object(clean_json(members(_document(receipt))))


def _document(receipt: Receipt) -> ReceiptDocument:
    facts = receipt.facts
    session, turn, money, change = facts.session, facts.turn, facts.money, facts.change
    ids = ids_of(session, turn.target)
    return ReceiptDocument(
        title=receipt.title,
        simulated=facts.simulated,
        imported=turn.imported,
        status=turn.status,
        worker_id=ids.worker_id,
        task_id=ids.task_id,
        session_id=session.session_id,
        turn_id=turn.turn_id,
        message_id=turn.message_id,
        budget=turn.request.budget,
        trigger=turn.request.trigger,
        posts_sent=turn.posts,
        cost_usd=json_amount(money.usd),
        credits=json_amount(money.usage.credits),
        usd_at_your_price=json_amount(_at_price(facts)),
        final=money.final,
        shared_with=money.others if money.shared else None,
        cost_usd_at_most=json_amount(money.final_most_usd),
        credits_at_most=json_amount(money.final_most_credits),
        doubtful=bool(money.doubts),
        reading=money.reading.word,
        reading_pinned=money.set_by_person,
        usage=figures_object(money.usage),
        costs=figures_object(money.costs),
        split_excess_usd=json_amount(facts.split_excess),
        elapsed_ms=facts.elapsed_ms,
        before=_reading(turn.before),
        after=_reading(turn.snapshot),
        change=ChangePart(
            percent=change.percent,
            median=json_amount(change.median),
            unit=str(change.unit),
            turns=change.turns,
        ),
        usual=_usual(facts.typical_cost),
        sources=[ReceiptSource(title=one.title, url=one.url) for one in sources_of_turn(turn)],
        files=[
            ReceiptFile(filename=one.filename, media_type=one.media_type, size=one.size, url=one.url)
            for one in files_of_turn(turn)
        ],
        times=TimesPart(
            submitted=utc_text(facts.submitted_ms),
            sent=utc_text(facts.times.sent_ms),
            first_answer=utc_text(facts.times.answered_ms),
            ended=utc_text(turn.ended_ms),
            figures_read=utc_text(turn.read_ms),
        ),
        error=problem_of(money.fault_of(turn)),
    )


def _usual(typical_cost: TypicalCost | None) -> UsualPart | None:
    if typical_cost is None:
        return None
    return UsualPart(
        budget=typical_cost.budget,
        other_workers=typical_cost.everywhere,
        usd=typical_cost.usd.part,
        credits=typical_cost.credits.part,
    )


def _reading(read: Snapshot | None) -> ReadingPart | None:
    """Usage and costs as the worker reported them; None if it was not read."""
    if read is None:
        return None
    return ReadingPart(usage=figures_object(read.usage), costs=figures_object(read.costs))
