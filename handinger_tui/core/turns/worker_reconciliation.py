"""Reconciliation of a turn with a Worker that was read: which answer is ours, and which text wins.

The Worker wins over the stream. Our turn begins with the (n+1)-th user message with our text, where n is the
number of such messages before we sent ours; its answer is all assistant messages up to the next user message.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from enum import Enum, auto
from itertools import takewhile
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.figures import Usage, count
from handinger_tui.core.jsontext import Json, JsonObject, dump
from handinger_tui.core.stream import (
    OWN_USAGE,
    PROMPTS,
    CustomPart,
    FilePart,
    Snapshot,
    SourcePart,
    WorkerBody,
    own_usage,
    worker_in,
)
from handinger_tui.core.turns.messages import (
    EQUAL_BEFORE,
    find_prompt,
    id_of,
    message_parts,
    normalized_prompt,
    role_of,
    text_of,
)
from handinger_tui.core.turns.turn import (
    DataPart,
    Part,
    ReasoningPart,
    Rope,
    StepPart,
    TextPart,
    ToolPart,
    Turn,
    TurnRequest,
    TurnStatus,
    parts_of,
)


class Answer(Struct, frozen=True):
    """Our turn in the messages of a Worker."""

    present: bool | None
    """Whether our prompt is among the messages; None: unknown, since there are no messages."""
    messages: tuple[JsonObject, ...] = ()
    """The assistant messages that answer it."""
    last: bool = True
    """No later turn follows, so `output_text` belongs to this answer."""
    followed: bool = False
    """A later turn has an answer, so this one has ended, unless they are mixed."""
    mixed: bool = False
    """Other messages ran at the same time: only the id of the message names the answer that is ours."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts of the answer, in order."""
        return tuple(part for message in self.messages for part in message_parts(message))

    @property
    def own_usage(self) -> Usage | None:
        """The usage of this turn alone, if the service reports it."""
        return own_usage(self.messages[-1]) if self.messages else None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


CANNOT_TELL: Final = Answer(None)


def prompt_count(snapshot: Snapshot, prompt: str) -> int:
    """The number of user messages with this prompt."""
    return len(find_prompt(snapshot.messages, prompt))


ARRIVED: Final = frozenset(
    {TurnStatus.COMPLETED, TurnStatus.INCOMPLETE, TurnStatus.FAILED, TurnStatus.RUNNING}
)
"""Statuses of turns whose message the worker has."""


def equal_before(request: TurnRequest, turns: Iterable[Turn]) -> int:
    """How many messages with this prompt the worker has, at least; by earlier turns."""
    prompt, times = normalized_prompt(request.prompt), 0
    for turn in turns:
        is_listed = turn.status in ARRIVED and turn.worker_id == request.target_id and not turn.imported
        if is_listed and normalized_prompt(turn.request.prompt) == prompt:
            times = max(times, turn.request.seen_before or 0) + 1
    return times


def answer_to(request: TurnRequest, snapshot: Snapshot, message_id: str | None = None) -> Answer:
    """Find our turn in the messages of a worker. A request without a prompt means the last turn.

    `message_id`: of the answer in our stream; it decides if several messages ran at the same time.
    """
    messages = snapshot.messages
    # From the end, since a history may be long.
    newest_first = range(len(messages) - 1, -1, -1)
    last = next((at for at in newest_first if role_of(messages[at]) == "user"), None)
    if last is None:
        return CANNOT_TELL
    if not request.prompt:
        return _answer_after(snapshot, last, message_id)
    ours = find_prompt(messages, request.prompt)
    if not ours:
        return Answer(False)
    if request.seen_before is None:
        return _answer_after(snapshot, ours[-1], message_id)
    index = request.seen_before - (count(messages[ours[0]].get(EQUAL_BEFORE)) or 0)
    return _answer_after(snapshot, ours[index], message_id) if 0 <= index < len(ours) else Answer(False)


def _answer_after(snapshot: Snapshot, user_at: int, message_id: str | None) -> Answer:
    before, prompt, later = (
        snapshot.messages[:user_at],
        snapshot.messages[user_at],
        snapshot.messages[user_at + 1 :],
    )
    ours = [*takewhile(lambda message: role_of(message) != "user", later)]
    answers = tuple(message for message in ours if role_of(message) == "assistant")
    is_last = len(ours) == len(later) and prompt.get(FOLLOWED) is not True
    is_followed = any(role_of(message) == "assistant" for message in later[len(ours) :])
    neighbors = (*before[-1:], *later[:1])
    mixed = prompt.get(MIXED) is True or any(role_of(message) == "user" for message in neighbors)
    if mixed and message_id is not None:
        own = tuple(one for one in later if id_of(one) == message_id and role_of(one) == "assistant")
        if own:
            return Answer(True, own, is_last, is_followed, mixed)
    if mixed and not answers and not snapshot.busy:
        answers = _answers_behind(before, later)
    return Answer(True, answers, is_last, is_followed, mixed)


def _answers_behind(before: Sequence[JsonObject], later: Sequence[JsonObject]) -> tuple[JsonObject, ...]:
    """The answers to consecutive messages, one of which is ours, if there is one for each of them.

    Nothing says which of them is ours, so they are its answer together. If there are fewer, ours may be the
    message without one.
    """
    behind = [*takewhile(_is_of_user, later)]
    prompts = 1 + len(behind) + len([*takewhile(_is_of_user, reversed(before))])
    group = takewhile(lambda message: not _is_of_user(message), later[len(behind) :])
    answers = tuple(message for message in group if role_of(message) == "assistant")
    return answers if len(answers) >= prompts else ()


def _is_of_user(message: JsonObject) -> bool:
    return role_of(message) == "user"


class WorkerObservation(Enum):
    """What one snapshot of the worker shows about our turn."""

    DONE = auto()
    """It has ended, with an answer or a failure."""
    BUSY = auto()
    """The worker is working on it."""
    ABSENT = auto()
    """The worker is idle, and does not have our prompt."""
    EMPTY = auto()
    """The worker is idle, and has our prompt without an answer."""
    UNSURE = auto()
    """Nothing."""


def observe(turn: Turn, snapshot: Snapshot, *, accepted: bool) -> WorkerObservation:
    """Judge a snapshot. `accepted`: the service had begun to answer our POST."""
    answer = answer_to(turn.request, snapshot, turn.message_id)
    if answer.present is None:
        return _observe_without_messages(turn, snapshot, accepted=accepted)
    if not answer.present:
        if snapshot.busy:
            return WorkerObservation.BUSY
        return WorkerObservation.UNSURE if may_be_unlisted(turn, snapshot) else WorkerObservation.ABSENT
    if is_over(answer, snapshot):
        return WorkerObservation.DONE
    return WorkerObservation.BUSY if snapshot.busy else WorkerObservation.EMPTY


def is_over(answer: Answer, snapshot: Snapshot) -> bool:
    """Whether our turn is listed and has ended: a busy worker may still work on it while later ones wait."""
    if not answer.present or (snapshot.busy and (answer.mixed or not answer.followed)):
        return False
    return not answer.last or bool(answer.parts) or snapshot.failed


def new_prompts(turn: Turn, snapshot: Snapshot) -> int | None:
    """How many more user messages the worker has than before the turn; None: unknown."""
    if turn.before is None or turn.before.prompts is None or snapshot.prompts is None:
        return None
    return snapshot.prompts - turn.before.prompts


def may_run_another(turn: Turn, snapshot: Snapshot) -> bool:
    """Whether a running worker may answer a message of another client instead of ours.

    It ran when ours was sent, or messages other than ours have come since then.
    """
    was_busy = turn.before is not None and turn.before.busy
    answer = answer_to(turn.request, snapshot, turn.message_id)
    is_listed = answer.present is True or may_be_unlisted(turn, snapshot)
    return was_busy or answer.mixed or (new_prompts(turn, snapshot) or 0) > is_listed


def may_be_unlisted(turn: Turn, snapshot: Snapshot) -> bool:
    """Whether our prompt may have arrived although no message of an idle worker equals it.

    A service may list only its newest messages, or store a prompt shortened or with more text.
    """
    before, prompt = turn.before, normalized_prompt(turn.request.prompt)
    prompts = [text_of(message) for message in snapshot.messages if role_of(message) == "user"]
    later_prompts = prompts[(before.prompts or 0) if before is not None else 0 :]
    if any(_is_similar(prompt, normalized_prompt(text)) for text in later_prompts):
        return True
    new = new_prompts(turn, snapshot)
    if before is None or new is None or new > 0:
        return False
    texts = before.output_text, snapshot.output_text
    return new < 0 or (not before.busy and None not in texts and texts[0] != texts[1])


SHORTENED: Final = 200
"""Characters: a service shortens only a longer prompt."""


def _is_similar(prompt: str, text: str) -> bool:
    """Whether `text` may be the prompt with more text, or the beginning of it."""
    is_beginning = len(text) >= SHORTENED and prompt.startswith(text.rstrip(".… "))
    return text != prompt and (prompt in text or is_beginning)


def _observe_without_messages(turn: Turn, snapshot: Snapshot, *, accepted: bool) -> WorkerObservation:
    if snapshot.busy:
        return WorkerObservation.BUSY
    before, changed = turn.before, _has_changed(turn, snapshot)
    shows_end = bool(snapshot.output_text) or snapshot.failed
    if accepted:
        is_done = shows_end and (before is None or changed)
        return WorkerObservation.DONE if is_done else WorkerObservation.EMPTY
    if changed:
        return WorkerObservation.DONE if shows_end else WorkerObservation.UNSURE
    if snapshot.unused:
        return WorkerObservation.ABSENT
    # A worker without a list of messages that has become pending may have our message.
    has_begun = before is not None and snapshot.unfinished and snapshot.status != before.status
    return WorkerObservation.UNSURE if before is None or has_begun else WorkerObservation.ABSENT


def _has_changed(turn: Turn, snapshot: Snapshot) -> bool:
    """Whether the worker has other results than before our turn, as far as those are known."""
    before = turn.before
    return before is not None and (
        snapshot.output_text != before.output_text
        or snapshot.usage != before.usage
        or snapshot.error not in (None, before.error)
    )


def _final_text(turn: Turn, snapshot: Snapshot, answer: Answer) -> str | None:
    """The text of our answer by the Worker; None if it has none."""
    if answer.text:
        return answer.text
    if answer.present is False or not answer.last:
        return None
    if answer.present and not answer.messages and may_run_another(turn, snapshot):
        return None
    if answer.present is None and _ends_with(turn.texts, snapshot.output_text):
        return None  # `output_text` is only that of the last step; the stream has brought all steps.
    unchanged = turn.before is not None and snapshot.output_text == turn.before.output_text
    if unchanged and answer.present is None and turn.text != snapshot.output_text:
        return None
    return snapshot.output_text or None


def _ends_with(texts: tuple[str, ...], text: str | None) -> bool:
    """Whether `text` equals the last text parts joined, but not all of them."""
    remaining = len(text or "")
    for part in reversed(texts[1:]):
        remaining -= len(part)
        if remaining <= 0:
            break
    return bool(text) and remaining == 0 and "".join(texts).endswith(text or "")


def settle_with(turn: Turn, snapshot: Snapshot) -> Turn:
    """The turn after the snapshot that settles it. The text of the Worker wins, if it has one."""
    turn = with_snapshot(turn, snapshot)
    answer = answer_to(turn.request, snapshot, turn.message_id)
    text = _final_text(turn, snapshot, answer)
    # The text of a busy worker may lag behind the stream: then it does not replace a longer one.
    lags = text is not None and snapshot.busy and answer.last and len(text) < len(turn.text)
    if text is None or lags:
        text = turn.text
    parts = _parts_with(turn, answer, text)
    if not snapshot.busy:
        parts = close_parts(parts)
    if text == turn.text:
        return replace(turn, parts=parts)
    replaced = turn.text if turn.text and turn.text not in text else turn.replaced_text
    return replace(turn, parts=parts, open_text=(), open_reasoning=(), replaced_text=replaced)


def show_progress(turn: Turn, snapshot: Snapshot) -> Turn:
    """The turn after a poll: a longer answer of the worker replaces ours."""
    turn = with_snapshot(turn, snapshot)
    answer = answer_to(turn.request, snapshot, turn.message_id)
    text = _final_text(turn, snapshot, answer)
    if text is None or len(text) < len(turn.text):
        text = turn.text
    parts = _parts_with(turn, answer, text)
    if parts is turn.parts:
        return turn
    is_listed = answer.messages and answer.text == text and not answer.mixed
    message_id = id_of(answer.messages[-1]) if is_listed else turn.message_id
    return replace(turn, parts=parts, message_id=message_id, open_text=(), open_reasoning=())


def read_stream_snapshot(turn: Turn, snapshot: Snapshot) -> Turn:
    """The turn after a Worker event in our own stream: the Worker is the complete answer so far."""
    latest, before = turn.snapshot, turn.before
    # If the worker has been at work, a text that equals the old one may be a new answer.
    has_moved = latest is not None and (
        latest.busy or before is None or latest.output_text != before.output_text
    )
    turn = with_snapshot(turn, snapshot)
    answer = answer_to(turn.request, snapshot, turn.message_id)
    text = snapshot.output_text if answer.last else answer.text
    if before is not None and text and text == before.output_text and not answer.text:
        if not answer.present and not has_moved:
            return turn  # The worker is still as it was before our turn.
        text = "" if snapshot.busy else text
    answers = [message for message in snapshot.messages if role_of(message) == "assistant"]
    current = answer if answer.present else Answer(None, tuple(answers[-1:]))
    finished = turn.finished or not snapshot.busy
    if turn.text and (not text or _lags(turn, snapshot, text)):
        # The stream has brought more than this Worker shows.
        return replace(
            turn, parts=turn.parts if snapshot.busy else close_parts(turn.parts), finished=finished
        )
    parts: tuple[Part, ...] = current.parts if current.text == (text or "") else _swap_text((), text or "")
    if not snapshot.busy:
        parts = close_parts(parts)
    return replace(
        turn, parts=keep_equal(turn.parts, parts), finished=finished, open_text=(), open_reasoning=()
    )


def _lags(turn: Turn, snapshot: Snapshot, text: str) -> bool:
    """Whether the text of a busy worker is only the beginning of what the turn has."""
    return snapshot.busy and len(text) < len(turn.text) and turn.text.startswith(text)


def with_snapshot(turn: Turn, snapshot: Snapshot) -> Turn:
    """The turn with the snapshot, merged with the turn's earlier snapshot (see `_merged`).

    The request or the first snapshot decides which worker it is; later snapshots do not change that.
    """
    old = turn.snapshot
    answer = CANNOT_TELL
    ends_badly = snapshot.failed or snapshot.incomplete is not None
    if snapshot.by_turn or ends_badly or snapshot.structured_output is not None:
        answer = answer_to(turn.request, snapshot, turn.message_id)
    if ends_badly and turn.before is not None and not answer.present and not _has_changed(turn, snapshot):
        # An earlier turn ended so: the worker is still as it was before ours.
        snapshot = replace(snapshot, status=None, error=None, incomplete=None)
    if snapshot.by_turn or snapshot.structured_output is not None:
        snapshot = replace(snapshot, structured_output=_structured(answer, snapshot))
    merged = snapshot if old is None else _merged(old, snapshot)
    own, is_partial = turn.own_usage, turn.own_usage_is_partial
    reported = (snapshot.own_usage or answer.own_usage) if snapshot.by_turn else None
    is_running = snapshot.busy and answer.last
    # A reading from before the end that arrives late replaces no complete figures.
    if reported is not None and (own is None or is_partial or not is_running):
        own, is_partial = reported, is_running
    # The id of a new worker is certain only after the first snapshot.
    earlier_id = turn.worker_id if old is not None else None
    worker_id = turn.request.target_id or earlier_id or snapshot.worker_id or turn.worker_id
    return replace(turn, snapshot=merged, own_usage=own, own_usage_is_partial=is_partial, worker_id=worker_id)


def _structured(answer: Answer, snapshot: Snapshot) -> Json:
    """The structured output of our turn: that of the Worker if our turn is its newest, or of our message."""
    if answer.present is False or not answer.last or (snapshot.by_turn and answer.present):
        return answer.messages[-1].get("structured_output") if answer.messages else None
    return snapshot.structured_output


def _merged(old: Snapshot, new: Snapshot) -> Snapshot:
    """`new`, with the errors, figures, files and sources that only `old` has, since these never vanish."""
    files = {file.url: file for file in (*old.files, *new.files)}
    sources = {source.url: source for source in (*old.sources, *new.sources)}
    old_has_ended = not old.busy
    return replace(
        new,
        error=new.error or (old.error if old_has_ended else None),
        incomplete=new.incomplete or (old.incomplete if old_has_ended else None),
        title=new.title or old.title,
        files=new.files if len(files) == len(new.files) else tuple(files.values()),
        sources=new.sources if len(sources) == len(new.sources) else tuple(sources.values()),
        usage=new.usage.filled_from(old.usage),
        costs=new.costs.filled_from(old.costs),
        structured_output=old.structured_output if new.structured_output is None else new.structured_output,
    )


def _parts_with(turn: Turn, answer: Answer, text: str) -> tuple[Part, ...]:
    """The parts of the turn with `text`, and with what only the messages of the Worker have of its answer.

    The same parts, if that is nothing.
    """
    if answer.text == text and answer.messages:
        parts = _with_unlisted(answer.parts, turn.parts)
        if parts is not None and (text != turn.text or _extent(parts) > _extent(turn.parts)):
            return keep_equal(turn.parts, parts)
    return turn.parts if text == turn.text else _swap_text(turn.parts or answer.parts, text)


def _with_unlisted(listed: tuple[Part, ...], ours: tuple[Part, ...]) -> tuple[Part, ...] | None:
    """The parts that the Worker lists, and those of ours that it does not, each behind what it followed.

    Texts are those of the Worker. None: its calls have other ids than ours, so it cannot be known which are
    the same.
    """
    calls = [{part.call_id for part in parts_of(parts, ToolPart)} for parts in (listed, ours)]
    if all(calls) and calls[0].isdisjoint(calls[1]):
        return None
    places = {_name_of(part): at for at, part in enumerate(listed)}
    thoughts = "".join(part.text for part in parts_of(listed, ReasoningPart))
    # Behind the part before the first one: in front of all.
    behind: dict[int, list[Part]] = {-1: [], **{at: [part] for at, part in enumerate(listed)}}
    last = -1
    for part in ours:
        if isinstance(part, TextPart | StepPart):
            continue
        if isinstance(part, ReasoningPart) and part.text.strip() in thoughts:
            continue
        at = places.get(_name_of(part))
        if at is None:
            behind[last].append(part)
            continue
        last = at
        if not (isinstance(part, DataPart) or (isinstance(part, ToolPart) and part.unfinished)):
            # The messages of a busy worker may lag behind the stream.
            behind[at][0] = part
    return tuple(part for parts in behind.values() for part in parts)


def _name_of(part: Part) -> Hashable:
    """What tells a part from others, in a stream and in a message."""
    match part:
        case ToolPart():
            return "call", part.call_id
        case FilePart():
            return "file", part.url
        case SourcePart():
            return "source", part.url or part.source_id
        case DataPart():
            return "data", part.name, part.data_id or dump(part.data)
        case CustomPart():
            return "custom", dump(part.raw)
        case _:
            return id(part)


def _extent(parts: Sequence[Part]) -> tuple[int, int, int]:
    """How much parts have beside their text: results of calls, parts, and characters of thoughts."""
    ended = sum(not part.unfinished for part in parts_of(parts, ToolPart))
    others = sum(not isinstance(part, TextPart | ReasoningPart | StepPart) for part in parts)
    return ended, others, sum(len(part.body) for part in parts_of(parts, ReasoningPart))


def close_parts(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts with every open text and reasoning closed."""
    return tuple(
        replace(part, open=False) if isinstance(part, TextPart | ReasoningPart) and part.open else part
        for part in parts
    )


def keep_equal(old: tuple[Part, ...], new: tuple[Part, ...]) -> tuple[Part, ...]:
    """`new`; parts that equal those in `old` keep their identity."""
    parts = [o if o == n else n for o, n in zip(old, new, strict=False)]
    return (*parts, *new[len(parts) :])


def _swap_text(parts: tuple[Part, ...], text: str) -> tuple[Part, ...]:
    """Replace the last text part by `text`, and remove the other text parts."""
    new_text = TextPart(Rope() + text, open=False)
    positions = [at for at, part in enumerate(parts) if isinstance(part, TextPart)]
    if not positions:
        return (*parts, new_text) if text else parts
    parts_before = [part for part in parts[: positions[-1]] if not isinstance(part, TextPart)]
    return (*parts_before, new_text, *parts[positions[-1] + 1 :])


OF_THE_NEWEST: Final = (
    *("usage", "costs", "output", "output_text", "error", "incomplete_details", "files", "sources"),
    "structured_output",
)
"""Members of a Worker that describe only its newest turn, or all its turns together."""
SLIM_ABOVE: Final = 4096
"""A Worker body of at most this many characters is stored unchanged."""
MAX_UNMATCHED_BODY: Final = 1 << 20
"""The messages of a body with more characters are not stored if our turn is not among them."""


def slim_worker(
    body: WorkerBody, request: TurnRequest, message_id: str | None = None, *, messages: bool = True
) -> str:
    """The body of a Worker to store, without the messages of other turns; numbers keep their exact text.

    Without this, each poll of a long conversation would store all of it again. `messages` False: store none.
    """
    if len(body.text) <= SLIM_ABOVE:
        return body.text
    worker = dict(worker_in(body.wire) or body.wire)
    if body.snapshot.prompts is not None:
        worker[PROMPTS] = body.snapshot.prompts
    answer = (
        answer_to(request, body.snapshot, message_id) if messages or body.snapshot.by_turn else CANNOT_TELL
    )
    if answer.own_usage is not None:
        worker[OWN_USAGE] = answer.messages[-1]["usage"]
    if not messages:
        worker.pop("messages", None)
    elif answer.present:
        worker["messages"] = messages_of(request, answer)
    elif len(body.text) > MAX_UNMATCHED_BODY:
        worker.pop("messages", None)
    if isinstance(worker.get("output_text"), str):
        worker.pop("output", None)
    return dump(worker)


MIXED: Final = "handinger_tui_mixed"
"""A member that we store in a user message: see `Answer.mixed`."""
FOLLOWED: Final = "handinger_tui_followed"
"""Another one: a later user message was left out."""


def messages_of(request: TurnRequest, answer: Answer) -> list[Json]:
    """The messages of a Worker reduced to one turn: prompt, answer, and a placeholder for later turns."""
    prompt: JsonObject = {"role": "user", "parts": [{"type": "text", "text": request.prompt}]}
    if request.seen_before:
        # One message represents all equal ones, since a schedule repeats its prompt.
        prompt[EQUAL_BEFORE] = request.seen_before
    if answer.mixed:
        prompt[MIXED] = True
    after: list[Json] = [] if answer.last else [{"role": "user", "parts": []}]
    if answer.followed:
        after.append({"role": "assistant", "parts": []})
    return [prompt, *answer.messages, *after]


def without_newest(worker: JsonObject) -> JsonObject:
    """The Worker after an older turn: ended, and without the members that describe the newest turn."""
    kept = {name: value for name, value in worker.items() if name not in OF_THE_NEWEST}
    return kept | {"status": "completed", "running": False}
