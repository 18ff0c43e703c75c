"""Reconciling a turn with a Worker that was read: which answer is ours, and what wins.

The stream is a preview, the Worker is the truth (failures.md R3, R4). Our turn
is the (n+1)-th user message with exactly our text, n being how often it stood
there before; its answer is every assistant message up to the next user message.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from handinger_tui.core.jsontext import Json, dump
from handinger_tui.core.record import dataclass
from handinger_tui.core.replacing import replace
from handinger_tui.core.stream.messages import LEFT_OUT, asking, id_of, left_out, parts_of, role_of
from handinger_tui.core.stream.worker_snapshot import JsonObject, Snapshot, WorkerBody, worker_in
from handinger_tui.core.turns.rope import Rope
from handinger_tui.core.turns.turn import Part, ReasoningPart, StepPart, TextPart, Turn, TurnRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """Our turn inside a Worker's messages."""

    present: bool | None
    """True: our prompt stands there; False: the messages are readable and it does not; None: cannot tell."""
    messages: tuple[JsonObject, ...] = ()
    """The assistant messages that answer it."""
    last: bool = True
    """No later turn follows it, so output_text speaks of it."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts of the answer, in order."""
        return tuple(part for message in self.messages for part in parts_of(message))

    @property
    def text(self) -> str:
        """All text of the answer."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


CANNOT_TELL: Final = Answer(None)


def times_asked(snapshot: Snapshot, prompt: str) -> int:
    """How many user messages of the worker ask this."""
    return len(asking(snapshot.messages, prompt))


def answer_to(order: TurnRequest, snapshot: Snapshot) -> Answer:
    """Find our turn in the worker's messages. An order without a prompt means the last turn."""
    # Newest first, and the newest is all that is asked: a history may be long.
    newest = (
        at for at in reversed(range(len(snapshot.messages))) if role_of(snapshot.messages[at]) == "user"
    )
    last = next(newest, None)
    if last is None:
        return CANNOT_TELL
    if not order.prompt:
        return _answer_after(snapshot, last)
    ours = asking(snapshot.messages, order.prompt)
    if not ours:
        return Answer(False)
    if order.seen_before is None:
        return _answer_after(snapshot, ours[-1])
    wanted = order.seen_before - left_out(snapshot.messages[ours[0]])
    return _answer_after(snapshot, ours[wanted]) if 0 <= wanted < len(ours) else Answer(False)


def _answer_after(snapshot: Snapshot, user_at: int) -> Answer:
    found, last = [], True
    for message in snapshot.messages[user_at + 1 :]:
        if role_of(message) == "user":
            last = False
            break
        if role_of(message) == "assistant":
            found.append(message)
    return Answer(True, tuple(found), last)


class WorkerObservation(Enum):
    """What one reading of the worker tells about our turn."""

    DONE = auto()
    """It has ended, and its answer (or its failure) stands there."""
    BUSY = auto()
    """The worker is at it."""
    ABSENT = auto()
    """The worker does not know our prompt, and is idle."""
    EMPTY = auto()
    """Our prompt stands there without an answer, and the worker is idle."""
    UNSURE = auto()
    """The reading tells nothing either way."""


def observe(turn: Turn, snapshot: Snapshot, *, accepted: bool) -> WorkerObservation:
    """Judge a reading. `accepted`: the service had begun to answer our POST."""
    answer = answer_to(turn.order, snapshot)
    if answer.present is None:
        return _sight_without_messages(turn, snapshot, accepted=accepted)
    if not answer.present:
        return WorkerObservation.BUSY if snapshot.busy else WorkerObservation.ABSENT
    if not answer.last:
        return WorkerObservation.DONE
    if snapshot.busy:
        return WorkerObservation.BUSY
    return WorkerObservation.DONE if answer.parts or snapshot.failed else WorkerObservation.EMPTY


def _sight_without_messages(turn: Turn, snapshot: Snapshot, *, accepted: bool) -> WorkerObservation:
    if snapshot.busy:
        return WorkerObservation.BUSY
    before = turn.before
    changed = before is not None and (
        snapshot.output_text != before.output_text
        or snapshot.usage != before.usage
        or snapshot.error != before.error
    )
    shows_end = bool(snapshot.output_text) or snapshot.failed
    if accepted:
        return (
            WorkerObservation.DONE if shows_end and (before is None or changed) else WorkerObservation.EMPTY
        )
    if changed:
        return WorkerObservation.DONE if shows_end else WorkerObservation.UNSURE
    if snapshot.unused:
        return WorkerObservation.ABSENT
    # A worker that has become pending may have our message, and shows no messages to tell.
    begun = before is not None and snapshot.unfinished and snapshot.status != before.status
    return WorkerObservation.UNSURE if before is None or begun else WorkerObservation.ABSENT


def final_text(turn: Turn, snapshot: Snapshot) -> str | None:
    """The server's text of our turn; None where the Worker has none to offer."""
    answer = answer_to(turn.order, snapshot)
    if answer.text:
        return answer.text
    if answer.present is False or not answer.last:
        return None
    if answer.present is None and _ends_with(turn.texts, snapshot.output_text):
        return None  # It tells the last step alone, and the stream has told all of them.
    unchanged = turn.before is not None and snapshot.output_text == turn.before.output_text
    if unchanged and answer.present is None and turn.text != snapshot.output_text:
        return None
    return snapshot.output_text or None


def _ends_with(texts: tuple[str, ...], text: str | None) -> bool:
    """`text` is what the last of several text parts say, and not all of them."""
    left = len(text or "")
    for piece in reversed(texts[1:]):
        left -= len(piece)
        if left <= 0:
            break
    return bool(text) and left == 0 and "".join(texts).endswith(text or "")


def settle_with(turn: Turn, snapshot: Snapshot) -> Turn:
    """The turn after the reading that settles it: the server's text wins where it has one."""
    turn = with_snapshot(turn, snapshot)
    answer = answer_to(turn.order, snapshot)
    text = final_text(turn, snapshot)
    parts = turn.parts or answer.parts
    if not snapshot.busy:
        parts = close_parts(parts)
    # A worker that is still at our turn has not said its last word: it only adds.
    behind = text is not None and snapshot.busy and answer.last and len(text) < len(turn.text)
    if text is None or text == turn.text or behind:
        return replace(turn, parts=parts)
    if answer.text == text and not _other_parts(turn.parts):
        new_parts = answer.parts
    else:
        new_parts = _swap_text(parts, text)
    lost = turn.text if turn.text and turn.text not in text else turn.replaced_text
    return replace(turn, parts=new_parts, open_text=(), open_reasoning=(), replaced_text=lost)


def show_progress(turn: Turn, snapshot: Snapshot) -> Turn:
    """The turn while it is being polled: the worker's growing answer replaces ours."""
    turn = with_snapshot(turn, snapshot)
    answer = answer_to(turn.order, snapshot)
    text = final_text(turn, snapshot)
    if text is None or text == turn.text or len(text) < len(turn.text):
        return turn
    if answer.text == text:
        parts = keep_equal(turn.parts, answer.parts)
        return replace(turn, parts=parts, message_id=_last_id(answer), open_text=(), open_reasoning=())
    return replace(turn, parts=_swap_text(turn.parts, text), open_text=(), open_reasoning=())


def read_stream_snapshot(turn: Turn, snapshot: Snapshot) -> Turn:
    """The turn after a Worker came as an event of our own stream: it *is* the answer so far."""
    under_way = _has_moved(turn)
    turn = with_snapshot(turn, snapshot)
    answer = answer_to(turn.order, snapshot)
    text = snapshot.output_text if answer.last else answer.text
    if turn.before is not None and text and text == turn.before.output_text and not answer.text:
        if not answer.present and not under_way:
            return turn  # Still the worker as it was before our turn: neither an answer nor an end.
        text = "" if snapshot.busy else text
    told = answer if answer.present else _last_answer(snapshot)
    parts: tuple[Part, ...] = told.parts if told.text == (text or "") else _swap_text((), text or "")
    if not snapshot.busy:
        parts = close_parts(parts)
    finished = turn.finished or not snapshot.busy
    return replace(
        turn, parts=keep_equal(turn.parts, parts), finished=finished, open_text=(), open_reasoning=()
    )


def _has_moved(turn: Turn) -> bool:
    """An earlier reading of this turn showed the worker at work, so that an old text may be said anew."""
    seen, before = turn.snapshot, turn.before
    return seen is not None and (seen.busy or before is None or seen.output_text != before.output_text)


def with_snapshot(turn: Turn, snapshot: Snapshot) -> Turn:
    """Remember the reading. What an earlier reading of this turn told and this one leaves out stays.

    The worker that was asked stays the worker, whatever id an answer carries.
    """
    old = turn.snapshot
    told = snapshot if old is None else _added(old, snapshot)
    named = turn.order.worker_id or turn.worker_id if old is not None else turn.order.worker_id
    return replace(turn, snapshot=told, worker_id=named or snapshot.worker_id or turn.worker_id)


def _added(old: Snapshot, new: Snapshot) -> Snapshot:
    """`new`, with what only `old` knew: an error, a figure, files and sources are never unsaid."""
    files = {file.url: file for file in (*old.files, *new.files)}
    sources = {source.url: source for source in (*old.sources, *new.sources)}
    ended = not old.busy
    return replace(
        new,
        error=new.error or (old.error if ended else None),
        incomplete=new.incomplete or (old.incomplete if ended else None),
        title=new.title or old.title,
        files=new.files if len(files) == len(new.files) else tuple(files.values()),
        sources=new.sources if len(sources) == len(new.sources) else tuple(sources.values()),
        usage=new.usage.filled_from(old.usage),
        costs=new.costs.filled_from(old.costs),
        structured_output=old.structured_output if new.structured_output is None else new.structured_output,
    )


def close_parts(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Text that nobody will extend any more is no longer open."""
    return tuple(
        replace(part, open=False) if isinstance(part, TextPart | ReasoningPart) and part.open else part
        for part in parts
    )


def keep_equal(old: tuple[Part, ...], new: tuple[Part, ...]) -> tuple[Part, ...]:
    """`new`, with parts that did not change keeping their identity."""
    kept = [o if o == n else n for o, n in zip(old, new, strict=False)]
    return (*kept, *new[len(kept) :])


def _last_answer(snapshot: Snapshot) -> Answer:
    said = [message for message in snapshot.messages if role_of(message) == "assistant"]
    return Answer(None, tuple(said[-1:]))


def _last_id(answer: Answer) -> str | None:
    return id_of(answer.messages[-1]) if answer.messages else None


def _other_parts(parts: tuple[Part, ...]) -> bool:
    return any(not isinstance(part, TextPart | StepPart) for part in parts)


def _swap_text(parts: tuple[Part, ...], text: str) -> tuple[Part, ...]:
    """Put `text` where the last text part stood, and drop the other text parts."""
    whole = TextPart(Rope() + text, open=False)
    places = [at for at, part in enumerate(parts) if isinstance(part, TextPart)]
    if not places:
        return (*parts, whole) if text else parts
    kept = [part for part in parts[: places[-1]] if not isinstance(part, TextPart)]
    return (*kept, whole, *parts[places[-1] + 1 :])


SLIM_ABOVE: Final = 4096
"""Characters of a Worker up to which it is stored as it came."""
SLIM_MESSAGES: Final = 1 << 20


def slim_worker(body: WorkerBody, order: TurnRequest, *, messages: bool = True) -> str:
    """The body of a Worker as it is stored: other turns' messages left out.

    Numbers keep their exact text. Without this every poll of a long worker
    would store the whole conversation again.
    """
    if len(body.text) <= SLIM_ABOVE:
        return body.text
    worker = dict(worker_in(body.wire) or body.wire)
    answer = answer_to(order, body.snapshot) if messages else CANNOT_TELL
    if not messages:
        worker.pop("messages", None)
    elif answer.present:
        prompt: JsonObject = {"role": "user", "parts": [{"type": "text", "text": order.prompt}]}
        if order.seen_before:
            # Once, however often it was asked: a schedule asks the same for ever.
            prompt[LEFT_OUT] = order.seen_before
        after: list[Json] = [] if answer.last else [{"role": "user", "parts": []}]
        worker["messages"] = [prompt, *answer.messages, *after]
    elif len(body.text) > SLIM_MESSAGES:
        worker.pop("messages", None)
    if isinstance(worker.get("output_text"), str):
        worker.pop("output", None)
    return dump(worker)
