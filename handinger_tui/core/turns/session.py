"""A session: the stored conversation with one worker."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from decimal import Decimal
from itertools import compress, count, takewhile
from operator import attrgetter, is_not
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.stream import Frame
from handinger_tui.core.turns.turn import (
    AT_WORK,
    LIVE,
    STATUS_WORDS,
    UNENDED,
    UNSENT,
    Lineage,
    Trigger,
    Turn,
    TurnRequest,
    TurnStatus,
)

if TYPE_CHECKING:
    from handinger_tui.core.prices import Prices

LOCAL: Final = "local"
"""The base URL of the local worker. Its simulated money is never added to real money."""


Value = TypeVar("Value")
_STATUS: Final = attrgetter("status")


def identical_prefix(old: Sequence[object], new: Sequence[object]) -> int:
    """The length of the common prefix of identical (`is`) items."""
    return next(compress(count(), map(is_not, old, new)), min(len(old), len(new)))


def same_readings(old: Sequence[Turn], new: Sequence[Turn]) -> bool:
    """Whether the turns have identical statuses and readings, so that no amount has changed."""
    return len(old) == len(new) and all(
        a.status is b.status and a.snapshot is b.snapshot and a.before is b.before
        for a, b in zip(old, new, strict=True)
    )


class PerTurn(Generic[Value]):
    """One value per turn; only from the first changed turn on, values are computed again.

    A streaming turn is a new object at each call, so that in a long session only its value is computed.
    """

    def __init__(self, compute: Callable[[Turn], Value]) -> None:
        self._compute = compute
        self._turns: tuple[Turn, ...] = ()
        self._values: list[Value] = []

    def __call__(self, turns: Sequence[Turn]) -> tuple[Value, ...]:
        """The values in the order of the turns."""
        front = identical_prefix(self._turns, turns)
        self._values[front:] = map(self._compute, turns[front:])
        self._turns = tuple(turns)
        return tuple(self._values)

    def stale(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        """The turns whose values the next call computes."""
        return turns[identical_prefix(self._turns, turns) :]


def with_status(turns: Sequence[Turn], statuses: Collection[TurnStatus]) -> Iterator[Turn]:
    """The turns whose status is one of `statuses`, in order."""
    return compress(turns, map(statuses.__contains__, map(_STATUS, turns)))


def any_with_status(turns: Sequence[Turn], statuses: frozenset[TurnStatus]) -> bool:
    """Whether a turn has one of `statuses`. The newest turns are checked first."""
    return not statuses.isdisjoint(map(_STATUS, reversed(turns)))


def newest_target(turns: Sequence[Turn]) -> str | None:
    """The target of the newest turn that has one; the local worker gets a new id at each start."""
    return next((target for turn in reversed(turns) if (target := turn.target) is not None), None)


class OtherTurn(NamedTuple):
    """A turn of another session on the same worker.

    `events`: see `money.turn_events.events_text`. `session_id`: the session that has the turn, which is this
    one if another program added it; then `ended` says whether its end is stored.
    """

    turn_id: str
    worker_id: str
    events: str
    session_id: str = ""
    ended: bool = False


class Ruling(NamedTuple):
    """What the person decided about a worker at `at_ms`; in force until a newer ruling on the same question.

    Either the `basis` of its figures ("lifetime", "per_turn"; "auto": the readings decide), or the turn
    that owns the rise first seen at `seen_ms` (`turn_id` None: no turn).
    """

    worker_id: str
    at_ms: int
    basis: str | None = None
    seen_ms: int | None = None
    turn_id: str | None = None


class RelatedHistory(NamedTuple):
    """What the history has about the workers of a session, outside of the session."""

    turns: tuple[OtherTurn, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    """Sorted by time."""


NO_RELATED_HISTORY: Final = RelatedHistory()


class Destination(NamedTuple):
    """Where a message is sent: to an existing target, or to a new one of a template; see `TurnRequest`."""

    target: str | None = None
    stored_worker_id: str | None = None


class About(Struct, frozen=True):
    """What the service says of a target, by its own clock; None if it says nothing. Texts are untrusted."""

    title: str | None = None
    url: str | None = None
    created_ms: int | None = None
    completed_ms: int | None = None


NOTHING_SAID: Final = About()


def about(turns: Sequence[Turn]) -> About:
    """What the newest readings say of the target of the newest turn."""
    target, result = newest_target(turns), NOTHING_SAID
    for turn in reversed(turns):
        snapshot = turn.snapshot
        if snapshot is None or turn.target != target:
            continue
        if result is NOTHING_SAID:
            result = replace(result, completed_ms=snapshot.completed_ms)
        result = replace(
            result,
            title=result.title or snapshot.title,
            url=result.url or snapshot.url,
            created_ms=result.created_ms or snapshot.created_ms,
        )
        if result.title and result.url and result.created_ms:
            break
    return result


class Service(NamedTuple):
    """The service of a session: its base URL, and the generation of its API."""

    base_url: str = ""
    generation: str = "workers"


TARGETS: Final = {"workers": "worker", "tasks": "task"}
"""Generation → the word for a target."""


class Session(Struct, frozen=True):
    """`session_id`: our own id. `worker_id`: the target (see `TurnRequest`), None while it is unknown.

    `stored_worker_id`: see `TurnRequest`. `generation`: see `TARGETS`.
    """

    session_id: str
    created_ms: int
    worker_id: str | None = None
    stored_worker_id: str | None = None
    generation: str = "workers"
    base_url: str = ""
    title: str = ""
    turns: tuple[Turn, ...] = ()
    updated_ms: int = 0
    unread: bool = False
    elsewhere: RelatedHistory = NO_RELATED_HISTORY
    """What the history has about the same workers, as last read."""
    prices: Prices | None = None
    """The person's prices of a credit, for texts; they are not stored."""
    restated: frozenset[str] = frozenset()
    """The ids of turns whose final amounts have changed, where a result is printed; it is not stored."""

    def price(self, *turns: Turn) -> Decimal | None:
        """The price of a credit on the days of turns; None: it changed between them, or is not set."""
        if self.prices is None or not turns:
            return None
        times = [turn.began_ms for turn in turns]
        return self.prices.over(min(times), max(times))

    @property
    def service(self) -> Service:
        """The service to which its messages go."""
        return Service(self.base_url, self.generation)

    @property
    def kind(self) -> str:
        """The word for its target: worker, or task."""
        return TARGETS.get(self.generation, "worker")

    @property
    def ours(self) -> tuple[Turn, ...]:
        """The turns that were not imported. Imported turns are the first ones of a session."""
        if not self.turns or not self.turns[0].imported:
            return self.turns
        return tuple(turn for turn in self.turns if not turn.imported)

    @property
    def current(self) -> Turn | None:
        return self.turns[-1] if self.turns else None

    @property
    def messages(self) -> tuple[Turn, ...]:
        """The turns as people number them, from 1: without queued and withdrawn ones."""
        return tuple(
            turn for turn in self.turns if turn.status is not TurnStatus.QUEUED and not turn.withdrawn
        )

    @property
    def sent(self) -> Turn | None:
        """The newest turn whose request may have left. Newer messages may be unsent."""
        return next((turn for turn in reversed(self.turns) if turn.may_spend), None)

    def in_doubt(self, prompt: str) -> Turn | None:
        """The turn `sent`, where it has this message and it is not known whether that arrived."""
        turn = self.sent
        if turn is None or turn.status is not TurnStatus.UNKNOWN:
            return None
        return turn if turn.request.prompt.strip() == prompt.strip() else None

    @property
    def departed(self) -> Turn | None:
        """The newest turn of ours whose request left, also one that was refused."""
        turns = (turn for turn in reversed(self.turns) if not turn.imported)
        return next((turn for turn in turns if turn.status not in UNSENT), None)

    @property
    def newest_worker(self) -> str | None:
        """The worker of its newest turn; None if there is none yet."""
        return newest_target(self.turns) or self.worker_id

    @property
    def in_view(self) -> Turn | None:
        """The turn that panels call "this turn".

        The running one, else the newest that may have cost something, else the newest not withdrawn.
        """
        recent = [turn for turn in self.turns[-20:] if turn.status is not TurnStatus.QUEUED]
        running = next((turn for turn in recent if turn.live), None)
        not_withdrawn = (turn for turn in reversed(recent) if not turn.withdrawn)
        return running or self.sent or next(not_withdrawn, self.current)

    @property
    def unwatched(self) -> Turn | None:
        """The turn that still runs on the server unwatched; None when a later one may have cost something."""
        sent = self.sent
        return sent if sent is not None and sent.status is TurnStatus.RUNNING else None

    def has_other_at_work(self, turn_id: str) -> bool:
        """Whether another turn may run at the worker: left running, or that of another program."""
        added = (other for other in self.elsewhere.turns if other.session_id == self.session_id)
        return any(not other.ended and other.turn_id != turn_id for other in added) or any(
            turn.turn_id != turn_id and turn.status in AT_WORK for turn in self.turns
        )

    @property
    def started(self) -> Turn | None:
        """The newest turn that does not wait in a queue."""
        return next((turn for turn in reversed(self.turns) if turn.status is not TurnStatus.QUEUED), None)

    @property
    def answered(self) -> Turn | None:
        """The newest turn whose answer has text."""
        return next((turn for turn in reversed(self.turns) if turn.text), None)

    @property
    def busy(self) -> bool:
        """Whether this program is working on a turn of the session."""
        return any_with_status(self.turns, LIVE)

    def find(self, turn_id: str) -> Turn | None:
        """The turn with this id; None if the session has none. The newest turns are checked first."""
        return next((turn for turn in reversed(self.turns) if turn.turn_id == turn_id), None)


class Ids(NamedTuple):
    """The ids of a target as JSON: of the worker, and of the task in the tasks generation."""

    worker_id: str | None
    task_id: str | None


def ids_of(session: Session | SessionSummary, target: str | None) -> Ids:
    """The ids of a target of this session."""
    ids = {"worker_id": session.stored_worker_id, "task_id": None, f"{session.kind}_id": target}
    return Ids(**ids)


def put_turn(session: Session, turn: Turn) -> Session:
    """Replace the turn with the same id, or append it; other turns keep their identity."""
    for at in range(len(session.turns) - 1, -1, -1):
        if session.turns[at].turn_id == turn.turn_id:
            turns = (*session.turns[:at], turn, *session.turns[at + 1 :])
            break
    else:
        turns = (*session.turns, turn)
    read = None if turn.snapshot is None else turn.snapshot.stored_worker_id
    worker_id, stored_worker_id = turn.worker_id or session.worker_id, session.stored_worker_id or read
    return replace(session, turns=turns, worker_id=worker_id, stored_worker_id=stored_worker_id)


def was_never_begun(turns: Sequence[Turn], target: str | None) -> bool:
    """Whether a target with an id of ours does not exist as far as is known: no message to it has arrived."""
    of_target = [turn for turn in turns if target is not None and turn.target == target]
    is_ours = any(turn.request.target_id is None and turn.worker_id == target for turn in of_target)
    return is_ours and not any(turn.may_spend for turn in of_target)


def was_overtaken(session: Session, turn_id: str) -> bool:
    """Whether a later turn of the session has started before this queued one."""
    later = takewhile(lambda turn: turn.turn_id != turn_id, reversed(session.turns))
    return any(turn.status is not TurnStatus.QUEUED for turn in later)


def move_to_end(session: Session, turn_id: str) -> Session:
    """The session with one turn moved to the end."""
    others = tuple(turn for turn in session.turns if turn.turn_id != turn_id)
    moved = tuple(turn for turn in session.turns if turn.turn_id == turn_id)
    return replace(session, turns=(*others, *moved))


def move_to_place_of(session: Session, turn_id: str, of: str) -> Session:
    """The session with turn `turn_id` at the position of turn `of`, which moves to the end."""
    new = next(turn for turn in session.turns if turn.turn_id == turn_id)
    old = next(turn for turn in session.turns if turn.turn_id == of)
    others = tuple(turn for turn in session.turns if turn is not new)
    turns = tuple(new if turn is old else turn for turn in others)
    return replace(session, turns=(*turns, old))


def with_kept_turns(current: Session, loaded: Session) -> tuple[Turn, ...]:
    """The turns of `loaded`; a turn that equals the one in `current` keeps its identity."""
    by_id = {turn.turn_id: turn for turn in current.turns}
    return tuple(by_id[turn.turn_id] if by_id.get(turn.turn_id) == turn else turn for turn in loaded.turns)


def title_from(prompt: str) -> str:
    """The initial title of a session: the first line of its first prompt, at most 60 characters."""
    line = next((stripped for line in prompt.splitlines() if (stripped := line.strip())), "")
    return line if len(line) <= 60 else line[:59] + "…"


class SessionPreview(Struct, frozen=True):
    """The newest message of a session that may have been sent, and the end of its answer.

    `files`, `sources`: those of the answer, once it is complete. `waits`: nothing was sent, and it is the
    newest message of the queue.
    """

    prompt: str = ""
    answer: str = ""
    files: int = 0
    sources: int = 0
    waits: bool = False


class SessionSummary(Struct, frozen=True):
    """One row of a session list, which is read without folding frames.

    `usd`, `credits`: the sums of the charges, with the number of turns without a final amount. `last_status`:
    that of the newest turn, or "running" while `Session.unwatched` is one; None without turns.
    `live`: a turn was never settled, because it runs or because the program died.
    """

    session_id: str
    worker_id: str | None
    title: str
    created_ms: int
    updated_ms: int
    turns: int
    last_status: TurnStatus | None
    usd: Total = Total(None)
    credits: Total = Total(None)
    unread: bool = False
    base_url: str = ""
    live: bool = False
    lineage: Lineage | None = None
    """The earlier message from which its first message was made."""
    trigger: Trigger = Trigger.UNKNOWN
    """What started its first turn."""
    generation: str = "workers"
    stored_worker_id: str | None = None
    tags: tuple[str, ...] = ()
    project: str = ""
    imported: int = 0
    """How many of its turns were imported; these are in no sum."""
    about: About = NOTHING_SAID
    pinned: bool = False
    queued: int = 0
    """How many messages wait in its queue."""

    @property
    def only_imported(self) -> bool:
        """Whether all its turns were imported, so that no cost is unknown."""
        return self.imported > 0 and self.usd == self.credits == Total(None)

    @property
    def cost(self) -> str:
        """What its turns cost, in words."""
        return self.usd.cost_words(self.credits)

    @property
    def credits_words(self) -> str:
        """Its credits where the unit is clear, see `Total.bare_words`."""
        return self.credits.bare_words(Unit.CREDITS)

    @property
    def name(self) -> str:
        """Its title, with that of the service where it is another one; "" without any."""
        return " · ".join(dict.fromkeys(filter(None, (self.title, self.about.title))))

    @property
    def kind(self) -> str:
        """As `Session.kind`: what its worker is called."""
        return TARGETS.get(self.generation, "worker")


def with_queue(status: str, queued: int) -> str:
    """A status in words, with the messages that wait: "completed · 2 queued", "2 queued", "completed"."""
    waiting = f"{queued:,} {STATUS_WORDS[TurnStatus.QUEUED]}" if queued else ""
    own = "" if waiting and status == STATUS_WORDS[TurnStatus.QUEUED] else status
    return " · ".join(filter(None, (own, waiting)))


class RemoteTurn(NamedTuple):
    """A turn to add to the history.

    `request.prompt` and `request.seen_before` identify its message among the worker's messages.
    `request.service_ms`: when the service says that it began. `message_id`: the service's id of that message;
    None if it has none.
    """

    request: TurnRequest
    frames: tuple[Frame, ...]
    message_id: str | None = None


class FinishedTurns:
    """Detects which turns of a session have ended since the previous call; the first one detects nothing."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[tuple[object, ...], frozenset[str]]] = {}
        """Of each session what changes when a turn ends, and the ids of those that had ended.

        A stream changes nothing of it, and no answers are kept in memory by it.
        """

    def ended(self, session: Session) -> list[Turn]:
        """The turns that have ended since the last call, including those that also started in between."""
        session_id, turns, newest = session.session_id, session.turns, session.started
        end = None if newest is None else (newest.turn_id, newest.status, newest.fault, newest.ended_ms)
        mark, before = (end, len(turns), any_with_status(turns, AT_WORK)), self._seen.get(session_id)
        if before is not None and before[0] == mark:
            return []
        over = [turn for turn in turns if turn.status not in UNENDED]
        self._seen[session_id] = mark, frozenset(turn.turn_id for turn in over)
        if before is None:
            return []
        (old_end, *_), had_ended = before
        # A turn of unknown delivery that was watched again may be unknown at both calls.
        again = newest if end != old_end else None
        news = (turn for turn in over if turn.turn_id not in had_ended or turn is again)
        return [turn for turn in news if not turn.withdrawn]
