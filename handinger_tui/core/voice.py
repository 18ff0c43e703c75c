"""A turn in words: what plain mode says of it, one label a line, each thing once.

`speak` compares a turn with what was said of it (`Spoken`) and has the lines for what is new.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.acts import MAY_HAVE_COST, RUNS_ON
from handinger_tui.core.columns import Row
from handinger_tui.core.evidence import (
    file_name,
    files_of_turn,
    listed_files,
    one_line,
    source_key,
    sources_of,
    sources_of_turn,
    title_of,
)
from handinger_tui.core.formatting import UNKNOWN, duration, plural, size
from handinger_tui.core.money.attribution import MoneyIndex
from handinger_tui.core.money.report import Report
from handinger_tui.core.money.report_facts import spent_facts
from handinger_tui.core.read_aloud import Reading, in_words, line, paragraphs
from handinger_tui.core.receipt_page import receipt_page
from handinger_tui.core.receipts import times_of
from handinger_tui.core.runs import Board, board_row, needs_of
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import Frame
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import (
    FREE,
    STATUS_WORDS,
    TRIGGER_WORDS,
    UNDECIDED,
    ReasoningPart,
    TextPart,
    ToolPart,
    ToolState,
    Turn,
    TurnStatus,
)

REPLACED: Final = "The final answer differs from what came before. Here is the final answer."
_ITEM: Final = re.compile(r"(?:Source|File) \d+")
"""A row of a receipt that `_evidence` has, too."""
_BRACKETS: Final = str.maketrans("", "", "[]…")
HEARTBEAT_MS: Final = 30_000
"""A turn of which nothing was said for this long says that it still runs."""


class Spoken(Struct, frozen=True):
    """What was said of a turn so far. `turn` is the value that was spoken of last.

    `texts`: how far each text part was read out, by its position. `tools`: when each tool call was first seen
    (Unix milliseconds), by its position; `done_tools`: those that were said.
    """

    turn: Turn | None = None
    texts: Mapping[int, Reading] = {}
    tools: Mapping[int, int] = {}
    done_tools: frozenset[int] = frozenset()
    is_announced: bool = False
    """That it is being sent was said, and that lines are queued from now on."""
    is_sent: bool = False
    is_checking: bool = False
    has_ended: bool = False
    cost: str = ""
    """The cost that was said last, without "so far"."""
    at_ms: int = 0
    """When something was said last."""


def spoken_before(session: Session, turn: Turn, now_ms: int) -> Spoken:
    """A turn from before anybody listened: of one that is over, nothing more is said but a new cost."""
    spoken = Spoken(turn, is_announced=True, is_sent=True, has_ended=not turn.live, at_ms=now_ms)
    if turn.live or turn.status in UNDECIDED:
        return spoken
    texts = {
        place: Reading(len(part.body), len(part.body))
        for place, part in enumerate(turn.parts)
        if isinstance(part, TextPart)
    }
    tools = frozenset(place for place, part in enumerate(turn.parts) if isinstance(part, ToolPart))
    return replace(spoken, texts=texts, done_tools=tools, cost=_cost_words(session, turn))


class Speech(Struct, frozen=True):
    """How a turn is said: its number, about what it costs, and whether its answer waits for the end."""

    number: int
    about: str = ""
    at_end: bool = False
    next_step: str = ""
    """What can be done after a turn that did not arrive, or may not have."""


def speak(
    spoken: Spoken, session: Session, turn: Turn, speech: Speech, now_ms: int
) -> tuple[Spoken, list[str]]:
    """The lines for what is new in a turn, and what was said of it with them."""
    lines: list[str] = []
    ended = not turn.live
    # A reading shows the end of a turn that was left running, or may not have arrived.
    is_decided = spoken.turn is not None and spoken.turn.status in UNDECIDED and turn.status not in UNDECIDED
    now = replace(spoken, turn=turn)
    if not now.is_sent and turn.status is not TurnStatus.QUEUED:
        lines += _sent(turn, speech, is_announced=now.is_announced)
        now = replace(now, is_announced=True, is_sent=turn.status is not TurnStatus.SENDING)
    # One that was let go, and is watched again, broke off nowhere.
    if turn.status is TurnStatus.CHECKING and not (spoken.is_checking or spoken.has_ended):
        lines.append(line("checking", "the connection broke off; reading the worker, which is free"))
    now = replace(now, is_checking=turn.status is TurnStatus.CHECKING)
    if ended or not speech.at_end:
        now, new_lines = _answer(spoken.turn, now, turn, now_ms)
        lines += new_lines
    if ended and (is_decided or not spoken.has_ended):
        now = replace(now, has_ended=True, cost=_cost_words(session, turn))
        lines += _evidence(session, turn) if turn.status is not TurnStatus.RUNNING else ()
        lines += _ended(session, turn, speech)
    elif now.has_ended and not ended:
        now = replace(now, has_ended=False)
        lines.append(line("watching", f"turn {speech.number}. What you type now is queued."))
    elif now.has_ended and (cost := _cost_words(session, turn)) != now.cost:
        lines += [line("cost", f"turn {speech.number}, {cost}{_formerly(now.cost)}")] if cost else []
        now = replace(now, cost=cost)
    if lines:
        now = replace(now, at_ms=now_ms)
    return now, lines


def heartbeat(
    spoken: Spoken, session: Session, turn: Turn, number: int, now_ms: int
) -> tuple[Spoken, list[str]]:
    """A line about a turn of which nothing was said for a while, with its cost so far."""
    if not turn.live or turn.status is TurnStatus.QUEUED or now_ms - spoken.at_ms < HEARTBEAT_MS:
        return spoken, []
    running = [part.name for part in turn.parts if isinstance(part, ToolPart) and not _is_done(part)]
    doing = clean_line(turn.activity or "".join(running[-1:]), 60)
    cost = MoneyIndex().of(session, turn).cost(session.price(turn)) or "cost unknown so far"
    facts = (f"turn {number}", in_words(duration(max(0, now_ms - turn.began_ms))), cost, doing)
    return replace(spoken, at_ms=now_ms), [line("still running", ", ".join(filter(None, facts)))]


# -- the beginning and the end ---------------------------------------------------------------------
def _sent(turn: Turn, speech: Speech, *, is_announced: bool) -> list[str]:
    """The lines for the way of a message: it is sent only when the service answers."""
    elsewhere = TRIGGER_WORDS.get(turn.request.trigger)
    if elsewhere is not None:
        return [line(f"turn {speech.number}", f"{elsewhere}: {clean_line(turn.request.prompt, 400)}")]
    is_sending = turn.status is TurnStatus.SENDING
    if turn.unsent or (is_sending and is_announced):
        return []
    facts = f"turn {speech.number}"
    if not is_announced:
        facts = ", ".join(filter(None, (facts, speech.about)))
        facts += ". What you type now is queued." if turn.live else ""
    return [line("sending" if is_sending else "sent", facts)]


def _evidence(session: Session, turn: Turn) -> Iterator[str]:
    """The sources and files of a turn, with their numbers in the session."""
    keys = {source_key(part) for part in sources_of_turn(turn)}
    yield from (
        text
        for source, text in zip(sources_of(session), source_lines(session), strict=True)
        if source.key in keys
    )
    files = zip(listed_files(session), file_lines(session), strict=True)
    yield from (text for file, text in files if file.turn_id == turn.turn_id)


def source_lines(session: Session) -> list[str]:
    """The sources of a session."""
    named = ((one.number, title_of(one.part), one.host) for one in sources_of(session))
    return [
        line(f"source {number}", f"{title}, {host}" if host and host not in title else title)
        for number, title, host in named
    ]


def file_lines(session: Session) -> list[str]:
    """The files of a session."""
    return [
        line(f"file {number}", ", ".join(filter(None, (file_name(one.part), in_words(size(one.part.size))))))
        for number, one in enumerate(listed_files(session), 1)
    ]


def _ended(session: Session, turn: Turn, speech: Speech) -> list[str]:
    """How a turn ended, what it took, and what can be done if it did not complete."""
    money = MoneyIndex().of(session, turn)
    sources, files = len(sources_of_turn(turn)), len(files_of_turn(turn))
    is_free = turn.status in FREE
    facts = [
        f"turn {speech.number}",
        "" if turn.status in {TurnStatus.COMPLETED, TurnStatus.RUNNING} else STATUS_WORDS[turn.status],
        "" if is_free else in_words(money.duration_text(turn)),
        "" if is_free else money.cost(session.price(turn)) or "cost unknown",
        plural(sources, "source") if sources else "",
        plural(files, "file") if files else "",
    ]
    words = ", ".join(filter(None, facts))
    if turn.status is TurnStatus.COMPLETED:
        return [line("done", words)]
    why = f"{words}. {why_ended(session, turn)}"
    if turn.status is TurnStatus.RUNNING:
        return [line("left running", why)]
    return [line("ended", f"{why} {speech.next_step}")]


def why_ended(session: Session, turn: Turn) -> str:
    """Why a turn did not complete, and whether money may have been spent."""
    if turn.status is TurnStatus.RUNNING:
        return RUNS_ON
    fault = MoneyIndex().of(session, turn).fault_of(turn)
    reason = "" if fault is None else f"{clean_line(fault.message, 1000).rstrip('.')}. "
    charged = fault is None or fault.may_have_been_charged
    # The reason of one that was not sent says that nothing was.
    free = "" if reason and turn.status is TurnStatus.NOT_SENT else "Nothing was charged."
    return (reason + (MAY_HAVE_COST if charged else free)).rstrip()


def _cost_words(session: Session, turn: Turn) -> str:
    return MoneyIndex().of(session, turn).cost(session.price(turn)).replace(" so far", "")


def _formerly(cost: str) -> str:
    return f" (it was {cost})" if cost else ""


def receipt_lines(session: Session, turn: Turn, frames: Iterable[Frame]) -> Iterator[str]:
    """The receipt of a turn, without ids and addresses: they are heard letter by letter.

    Sources and files have their numbers in the session. What is unknown is named at the end of its section.
    """
    receipt = receipt_page(session, turn, times=times_of(frames))
    yield line(f"receipt {session.messages.index(turn) + 1}", receipt.title)
    ids = {turn.target, session.session_id, turn.turn_id, turn.message_id}
    for section in receipt.sections:
        unknown: dict[str, list[str]] = {}
        for row in section.rows:
            if row.value.startswith(UNKNOWN) and not row.note and row.label not in {"Cost", "Status"}:
                unknown.setdefault(row.value.capitalize(), []).append(row.label.lower())
            elif not _ITEM.fullmatch(row.label) and row.value not in ids:
                yield line("receipt", in_words(f"{row.label}: {row.words}"))
        for value, labels in unknown.items():
            yield line("receipt", f"{value}: {', '.join(labels)}")
        if section.is_evidence:
            yield from _evidence(session, turn)


def spending_lines(overview: Report, by_session: Report) -> Iterator[str]:
    """What was spent: by period, project and session."""
    return (_listed("spending", (name,), facts) for name, facts in spent_facts(overview, by_session))


def help_line(syntax: str, summary: str) -> str:
    """What a command does, with its syntax in words."""
    return line("help", f"{syntax.translate(_BRACKETS)}: {summary}".replace("|", " or "))


def session_lines(rows: Iterable[Row]) -> Iterator[str]:
    """A list of sessions, see `session_rows.COLUMNS`, without marks and ids."""
    for number, row in enumerate(rows, 1):
        yield _listed(f"session {number}", row.cells[1:2], (row.cells[3], *row.cells[5:]))


def run_lines(board: Board, now_ms: int) -> Iterator[str]:
    """The runs board: what needs the person, what runs, and what is new."""
    yield line("runs", in_words(board.head(now_ms)))
    for number, entry in enumerate(board.entries(now_ms), 1):
        _, section, state, title, project, event, took, *more, trigger = board_row(entry, now_ms).cells
        states = (state,) if section in state else (section, state)
        facts = (*states, project, event, f"for {took}" if took else "", *more, f"started by {trigger}")
        needs = " ".join(need.text for need in needs_of(entry, now_ms))
        listed = _listed(f"run {number}", (title,), facts)
        yield f"{listed}. {in_words(needs)}".rstrip()


def _listed(label: str, names: Iterable[str], facts: Iterable[str]) -> str:
    """An item of a list: names as they are, then facts of ours in words."""
    marked = (f"pinned, {name[2:]}" if name.startswith("★ ") else name for name in names)
    words = (*marked, *(in_words(fact.strip()) for fact in facts))
    return line(label, ", ".join(word.strip() for word in words if word.strip()))


# -- the answer --------------------------------------------------------------------------------------
def _answer(before: Turn | None, spoken: Spoken, turn: Turn, now_ms: int) -> tuple[Spoken, list[str]]:
    """What is new in the parts: tool calls that ended, and paragraphs that are complete."""
    if before is not None and before.parts is turn.parts and before.live is turn.live:
        return spoken, []
    lines: list[str] = []
    texts, tools, done_tools = dict(spoken.texts), dict(spoken.tools), set(spoken.done_tools)
    ends = {at: reading.begin for at, reading in texts.items()}
    if before is not None and was_replaced(before, ends, turn):
        lines.append(line("worker", REPLACED))
        texts = {}
    last_text = max((at for at, part in enumerate(turn.parts) if isinstance(part, TextPart)), default=0)
    for at, part in enumerate(turn.parts):
        if isinstance(part, ToolPart):
            tools.setdefault(at, now_ms)
            if _is_done(part) and at not in done_tools:
                done_tools.add(at)
                lines.append(_tool_line(part, now_ms - tools[at]))
        elif isinstance(part, TextPart):
            reading = texts.get(at, Reading())
            if at == last_text or reading.begin < len(part.body):
                is_growing = part.open and turn.live and at == len(turn.parts) - 1
                texts[at], new_lines = paragraphs(part.text, reading, is_complete=not is_growing)
                lines += new_lines
    return replace(spoken, texts=texts, tools=tools, done_tools=frozenset(done_tools)), lines


def was_replaced(before: Turn, ends: Mapping[int, int], turn: Turn) -> bool:
    """Whether a text that was said is no longer the beginning of that part. `ends`: see `Spoken`."""
    for at, end in ends.items():
        earlier = before.parts[at] if at < len(before.parts) else None
        part = turn.parts[at] if at < len(turn.parts) else None
        if not end or part is earlier or not isinstance(earlier, TextPart | ReasoningPart):
            continue
        if type(part) is not type(earlier) or part.text[:end] != earlier.text[:end]:
            return True
    return False


def _is_done(part: ToolPart) -> bool:
    ends = (ToolState.OUTPUT_AVAILABLE, ToolState.OUTPUT_ERROR, ToolState.OUTPUT_DENIED)
    return part.state in ends and not part.preliminary


def _tool_line(part: ToolPart, took_ms: int) -> str:
    name = clean_line(part.title or part.name, 80) or "tool"
    about = clean_line(part.input_text if part.input is None else one_line(part.input), 120)
    why = f" ({clean_line(part.error, 200)})" if part.error else ""
    seconds = f", {in_words(duration(took_ms))}" if took_ms >= 1000 else ""
    return line("tool", f"{', '.join(filter(None, (name, about)))}: {part.words() or 'done'}{why}{seconds}")
