"""The result object: what a turn came to, as JSON.

A number that was not reported is null, money is decimal text, and text is cleaned as for a terminal.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from handinger_tui.core.decimals import json_amount
from handinger_tui.core.documents import (
    UNSET,
    Amount,
    AnyJson,
    Document,
    LimitPart,
    Part,
    Problem,
    UnsetType,
    members,
    problem_of,
)
from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.figures import CostsObject, UsageObject, numbered, reported_figures
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.core.money.attribution import MoneyIndex, TurnMoney
from handinger_tui.core.money.turn_json import TurnAmount
from handinger_tui.core.receipts import receipt_line, totals_of
from handinger_tui.core.safety import clean_json
from handinger_tui.core.stream import FilePart, SourcePart
from handinger_tui.core.turns.session import LOCAL, Session, ids_of
from handinger_tui.core.turns.turn import (
    DataPart,
    ReasoningPart,
    ToolPart,
    ToolState,
    Turn,
    TurnStatus,
)


class ToolCall(Part, frozen=True):
    """A tool call."""

    id: str
    name: str
    state: ToolState
    input: AnyJson
    """A JSON value; while it is streaming, the JSON text so far."""
    output: AnyJson
    error: str | None


class SourceItem(Part, frozen=True):
    """A source. A document has a media type and a file name instead of an address."""

    id: str
    title: str | None
    url: str | None
    media_type: str | UnsetType | None = UNSET
    filename: str | UnsetType | None = UNSET


class FileItem(Part, frozen=True):
    """A file."""

    filename: str | None
    media_type: str
    url: str
    size: int | None
    """Bytes."""
    saved_as: str | None


class DataItem(Part, frozen=True):
    """A part of data; those that were only shown for a while are left out."""

    type: str
    """As in the stream."""
    id: str | None
    data: AnyJson


RESULT: Final = numbered("result", 2)


class Result(Document, frozen=True, tag=RESULT):
    """What a turn came to: of `-p`, `attach` and `replay`. Unknown is null, and never 0."""

    generation: str
    """workers or tasks"""
    worker_id: str | None
    task_id: str | None
    session_id: str | None
    turn_id: str | None
    """Null if the message was not stored."""
    status: TurnStatus
    recovered: bool
    """Whether the worker was read to find out how the turn ended."""
    finish_reason: str | None
    error: Problem | None
    draft: str | None
    """The message, whenever it was not surely delivered."""
    text: str
    """All texts of the answer, joined."""
    texts: list[str]
    reasoning: str
    """All reasoning, joined."""
    reasonings: list[str]
    structured_output: AnyJson
    tools: list[ToolCall]
    sources: list[SourceItem]
    files: list[FileItem]
    data: list[DataItem]
    metadata: dict[str, AnyJson]
    aborted: bool
    errors: list[str]
    """Errors that came in the stream."""
    usage: UsageObject | None
    """As the worker reports it, mostly for all of its turns together."""
    costs: CostsObject | None
    turn_usage: UsageObject | None
    """Of this turn alone; null where that cannot be known."""
    turn_costs: CostsObject | None
    turn_money: TurnAmount
    turn_shared_with: int | None
    turn_cost_usd_at_most: Amount | None
    turn_credits_at_most: Amount | None
    turn_doubtful: bool
    duration_ms: int | None
    posts_sent: int
    """Requests that could have started a turn."""
    encoding: str | None
    """The dialect of the answer."""


class Notice(Document, frozen=True, tag=numbered("notice", 1)):
    """What `on_done` and `on_limit` get on standard input: a turn ended, or a limit is nearly used up."""

    event: str
    """done or limit"""
    title: str | None = None
    """Of the session."""
    result: Result | None = None
    limit: LimitPart | None = None


def notice_of_end(session: Session, turn: Turn) -> Notice:
    """The notice of the end of a turn."""
    result = result_of(session, turn, MoneyIndex().of(session, turn))
    return Notice(event="done", title=session.title, result=result)


def result_object(
    session: Session, turn: Turn, *, raw: bool = False, money: TurnMoney | None = None
) -> JsonObject:
    """The result of `turn`. `raw`: do not clean texts. `money`: that of the turn, if computed already."""
    result = members(result_of(session, turn, MoneyIndex().of(session, turn) if money is None else money))
    return result if raw else {key: clean_json(value) for key, value in result.items()}


def result_of(session: Session, turn: Turn, money: TurnMoney) -> Result:
    """The result of a turn, its texts as they came."""
    snapshot, ids = turn.snapshot, ids_of(session, turn.target)
    reasonings = [part.text for part in turn.parts if isinstance(part, ReasoningPart)]
    turn_usage, turn_costs = (reported_figures(one) for one in money.own)
    return Result(
        generation=session.generation,
        worker_id=ids.worker_id,
        task_id=ids.task_id,
        # "": not stored, or not sent.
        session_id=session.session_id or None,
        turn_id=turn.turn_id or None,
        status=turn.status,
        recovered=turn.recovered,
        finish_reason=turn.finish_reason,
        error=problem_of(money.fault_of(turn)),
        draft=turn.draft,
        text=turn.text,
        texts=list(turn.texts),
        reasoning="".join(reasonings),
        reasonings=reasonings,
        structured_output=snapshot.structured_output if snapshot else None,
        tools=[_tool(part) for part in turn.parts if isinstance(part, ToolPart)],
        sources=[*map(_source, sources_of_turn(turn))],
        files=[*map(_file, files_of_turn(turn))],
        data=[
            DataItem(type=part.name, id=part.data_id, data=part.data)
            for part in turn.parts
            if isinstance(part, DataPart)
        ],
        metadata={**(snapshot.metadata if snapshot else {}), **turn.metadata},
        aborted=turn.aborted,
        errors=[*turn.errors, *turn.late_errors],
        usage=reported_figures(snapshot.usage) if snapshot else None,
        costs=reported_figures(snapshot.costs) if snapshot else None,
        turn_usage=turn_usage,
        turn_costs=turn_costs,
        turn_money=TurnAmount.of(turn, money, restated=turn.turn_id in session.restated),
        turn_shared_with=money.others if money.shared else None,
        turn_cost_usd_at_most=json_amount(money.final_most_usd),
        turn_credits_at_most=json_amount(money.final_most_credits),
        turn_doubtful=bool(money.doubts),
        duration_ms=turn.elapsed_ms,
        posts_sent=turn.posts,
        encoding=turn.encoding,
    )


def results_of(session: Session) -> list[Result]:
    """The results of all turns."""
    all_money = MoneyIndex()(session.turns, session.elsewhere)
    return [result_of(session, turn, money) for turn, money in zip(session.turns, all_money, strict=True)]


def money_words(session: Session, turn: Turn) -> JsonObject:
    """What a turn takes, in words, and the line of its receipt, "" before its end."""
    index = MoneyIndex()
    words = index.of(session, turn).words(session.price(turn))
    return {"cost": words, "receipt": receipt_line(session, turn, index)}


def session_costs(session: Session) -> JsonObject:
    """What a session took by now, in words and as exact amounts."""
    usd, credit, words = totals_of(session)
    return {
        "cost": words,
        "usd": json_amount(usd.value),
        "unpriced_turns": usd.unknown_turns,
        "credits": json_amount(credit.value),
        "uncredited_turns": credit.unknown_turns,
        "simulated": session.base_url == LOCAL,
    }


def _tool(part: ToolPart) -> ToolCall:
    streaming = part.state is ToolState.INPUT_STREAMING
    return ToolCall(
        id=part.call_id,
        name=part.name,
        state=part.state,
        input=(part.input_text or None) if streaming else part.input,
        output=part.output,
        error=part.error,
    )


def _source(part: SourcePart) -> SourceItem:
    item = SourceItem(id=part.source_id, title=part.title, url=part.url)
    if part.url is not None:
        return item
    return replace(item, media_type=part.media_type, filename=part.filename)


def _file(part: FilePart) -> FileItem:
    return FileItem(
        filename=part.filename, media_type=part.media_type, url=part.url, size=part.size, saved_as=None
    )
