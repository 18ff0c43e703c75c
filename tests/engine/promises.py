"""Promises: what has to hold however actions overlap. `Promise` is the list; the watchman checks it.

The watchman observes the actions of a person, the calls of the engine to its ports, and the sessions
that it shows. It numbers events, so "before" and "after" are comparisons of numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from handinger_tui.core.stream import Frame
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import FREE, TurnRequest, TurnStatus


class Promise(StrEnum):
    """The promises."""

    ONCE = "A message is POSTed at most once."
    REFUSED = "A message whose send raised an error is never POSTed."
    WITHDRAWN = "A withdrawn message is never POSTed."
    STORED = "A message is in the history before it is POSTed."
    TARGET = "A POST goes to the worker that its session shows, and showed when the message was sent."
    TEXT = "A POST carries the text that the person sent, or its newest edit."
    ORDER = "Messages are POSTed in the order of sending, but for one that was sent ahead of a held queue."
    HELD = "A message sent before a turn failed or was detached waits until the person sends it."
    RELEASED = "A queue that is held, whatever holds it, goes on only when the person sends it."
    EDITED = "A queued message is not POSTed while it is edited, nor is one behind it."
    LIMIT = "Before a POST the limits were read again, and allowed it."
    RESERVED = "A turn has reserved its possible cost when it is POSTed."
    CLOSED = "Nothing is POSTed once the engine begins to close, and nothing is written once it has closed."
    ALONE = "A session has at most one running turn and one open request."
    FRAMES = "The frames of a turn are numbered without a gap and without a repetition."
    ENDS = "When the world is idle, every action has ended and no turn is running."
    QUEUE = (
        "A queued message can be sent once there is no error, nothing runs and the person resumes the queue."
    )
    GIVEN_BACK = "The text of a withdrawn message is returned once, as it was written."
    KEPT = "A message whose send returned stays in its session until it is withdrawn."
    TRUE = "A message that reached the service is never called unsent."
    BOOKED = "A turn is stored in the history once, and is closed there when it has ended."
    HEARD = "No task fails unobserved, and actions raise the program's own errors only."
    TASKS = "After closing no task remains."


class Fate(StrEnum):
    """The outcome of the `send` of a message."""

    PENDING = "pending"
    RETURNED = "returned"
    RAISED = "raised"
    CANCELLED = "cancelled"


@dataclass
class Message:
    """One message of the person, from the moment of its `send`."""

    session_id: str
    texts: list[str]
    """As sent, then as edited; the last ones may be edits that have not returned yet."""
    worker_id: str | None
    """The worker of the session when it was sent."""
    sent_at: int
    fate: Fate = Fate.PENDING
    turn_id: str = ""
    sure: int = 0
    """Place in `texts` of the newest edit that has returned."""
    past_held: bool = False
    """The queue was visibly held when it was sent: it need not wait for that hold."""
    moved: bool = False
    approvals: set[int] = field(default_factory=set)
    """When the person released this message alone, without what was refused."""
    given_back: int = 0
    queue_held_at: int = 0
    """When the queue that it waits in was held, by whatever reason."""
    posted_at: int | None = None


@dataclass
class Talk:
    """The watchman's record of one session."""

    held_at: int = 0
    held_by: str = ""
    edited: str = ""
    """The turn whose message is being edited."""
    left_before_edit: frozenset[str] = frozenset()
    """The turns that had left the queue when that edit began: they are not behind it."""
    held_turns: tuple[str, ...] = ()
    """The queued turns that were held at the last step."""
    queue_held_at: int = 0
    """When the queue was held, by whatever reason."""
    detached_at: int = 0
    """When the person last detached."""
    ended_at: int = 0
    """When the newest turn ended, or was detached."""
    approvals: list[int] = field(default_factory=list)
    """When actions released the queue."""
    allowed_at: int = 0
    """When the newest reading of the limits that allowed a send was requested."""
    requests: int = 0
    holds: list[int] = field(default_factory=list)
    """Every time at which the queue was held."""

    def hold(self, at: int, by: str) -> None:
        """The queue is held from now on."""
        self.held_at, self.held_by = at, by
        self.holds.append(at)


GOES_ON: Final = frozenset({TurnStatus.COMPLETED, TurnStatus.INCOMPLETE})
"""Ends of a turn after which the next message is sent automatically."""
NEVER_LEFT: Final = frozenset({TurnStatus.QUEUED, TurnStatus.NOT_SENT, TurnStatus.NOT_DELIVERED})


class Watchman:
    """Observes everything, and records each broken promise."""

    def __init__(
        self, shown: Callable[[str], Session], held: Callable[[str], tuple[str, ...]] = lambda _session_id: ()
    ) -> None:
        """`shown` returns the session as the screen shows it, `held` its queued turns where they are held."""
        self.broken: list[tuple[Promise, str]] = []
        self.diary: list[tuple[int, str, str]] = []
        self.messages: list[Message] = []
        self.posts: list[str] = []
        """The texts that were POSTed, oldest first."""
        self.by_turn: dict[str, Message] = {}
        """The message that became each turn."""
        self.ended: set[str] = set()
        """Turns that were closed in the history."""
        self.reserved: set[str] = set()
        """Turns with a reservation."""
        self.measures = False
        """There is a limit."""
        self._shown = shown
        self._held = held
        self._talks: dict[str, Talk] = {}
        self._status: dict[str, TurnStatus] = {}
        self._started: dict[str, int] = {}
        """When each running turn started."""
        self._open_after_crash: set[str] = set()
        """Turns that are open after a crash and not yet watched again."""
        self._changed: set[str] = set()
        self._tick = 0
        self._closing = self._closed = False

    def now(self) -> int:
        """Each event has a number of its own."""
        self._tick += 1
        return self._tick

    def note(self, what: str, detail: str = "") -> int:
        """Record an event."""
        at = self.now()
        self.diary.append((at, what, detail))
        return at

    def expect(self, promise: Promise, kept: object, detail: str = "") -> None:
        """Record a promise that is broken."""
        if not kept:
            self.broken.append((promise, detail))
            self.note("BROKEN", f"{promise} {detail}")

    def account(self) -> str:
        """The broken promises, and the events before them."""
        lines = [f"{promise} ({detail})" for promise, detail in self.broken]
        return "\n".join(lines + [f"{at:5} {what:18} {detail}" for at, what, detail in self.diary])

    def talk(self, session_id: str) -> Talk:
        """The record of a session."""
        return self._talks.setdefault(session_id, Talk())

    # -- what the person does ----------------------------------------------------------
    def acting(self, name: str, session_id: str, detail: str = "") -> int:
        """An action begins."""
        at = self.note(name, f"{session_id} {detail}")
        talk = self.talk(session_id)
        if name == "resume":
            talk.approvals.append(at)
        if name in {"begin_edit", "end_edit"}:
            talk.edited = ""
        if (name == "detach" and self._shown(session_id).busy) or (name == "stop" and self._busy(session_id)):
            talk.hold(at, name)
            talk.detached_at = at
        if name == "aclose":
            self._closing = True
        return at

    def acted(self, name: str, session_id: str, began_at: int, error: BaseException | None) -> None:
        """An action has ended."""
        self.note(f"{name} ended", f"{session_id} {error!r}" if error else session_id)
        talk = self.talk(session_id)
        # A cancelled action still takes effect: it was requested.
        failed = error is not None and not isinstance(error, asyncio.CancelledError)
        if failed and began_at in talk.approvals:
            talk.approvals.remove(began_at)
        if name == "aclose":
            self._closed = True

    def crashing(self, stored: Collection[str], closed: Collection[str]) -> None:
        """The program is killed: queued messages are held, and no action has a waiting caller.

        A message that was withdrawn while the history could not be written is queued again, and held.
        """
        at = self.note("CRASH")
        for message in self.messages:
            message.given_back = message.given_back if message.turn_id in closed else 0
        self._talks = {
            session_id: Talk(at, "the crash", ended_at=at, holds=[*self._talks[session_id].holds, at])
            for session_id in self._talks
            if session_id in stored
        }
        self._status.clear()
        self._started.clear()
        self._open_after_crash.clear()
        self._changed.clear()
        for message in self.messages:
            if message.fate is Fate.PENDING:
                message.fate = Fate.CANCELLED

    def sending(self, session_id: str, text: str, at: int, *, held: bool) -> Message:
        """A message is sent by the person."""
        message = Message(session_id, [text], self._shown(session_id).worker_id, at, past_held=held)
        self.messages.append(message)
        return message

    def editing(self, session_id: str, turn_id: str) -> None:
        """A queued message is taken into the prompt."""
        talk = self.talk(session_id)
        talk.edited = turn_id
        talk.left_before_edit = frozenset(
            one for one, status in self._status.items() if status is not TurnStatus.QUEUED
        )

    def _busy(self, session_id: str) -> bool:
        pending = any(
            message.session_id == session_id and message.fate is Fate.PENDING for message in self.messages
        )
        return pending or self._shown(session_id).busy

    # -- what the history sees -----------------------------------------------------------
    def storing(self, session: Session, request: TurnRequest) -> None:
        """An order is written."""
        self.note("stored", f"{request.turn_id} {request.prompt!r}")
        for message in self.messages:
            if request.prompt in message.texts:
                talk = self.talk(message.session_id)
                if talk.edited == message.turn_id:
                    talk.edited = ""
                message.turn_id = request.turn_id
                self.by_turn[request.turn_id] = message
        self.expect(Promise.CLOSED, not self._closed, f"{request.prompt!r} was stored")

    def appending(self, turn_id: str, frame: Frame, expected: int | None) -> None:
        """A frame is written."""
        self.note("frame", f"{turn_id} {frame.seq} {frame.framing} {frame.event}")
        self.expect(Promise.STORED, expected is not None, f"a frame of {turn_id}, which is not stored")
        self.expect(Promise.FRAMES, frame.seq == expected, f"{turn_id}: {frame.seq} instead of {expected}")
        self.expect(Promise.CLOSED, not self._closed, f"a frame of {turn_id} was written")

    def ending(self, turn_id: str) -> None:
        """A turn is closed."""
        self.note("closing", turn_id)
        self.ended.add(turn_id)
        for talk in self._talks.values():
            talk.edited = "" if talk.edited == turn_id else talk.edited

    def measured(self, session_id: str, requested_at: int, *, allowed: bool) -> None:
        """The limits of a session were read."""
        self.note("limits", f"{session_id} {'allow it' if allowed else 'forbid it'}")
        if allowed:
            self.talk(session_id).allowed_at = max(requested_at, self.talk(session_id).allowed_at)

    # -- what the service sees -----------------------------------------------------------
    def reserving(self, turn_id: str) -> None:
        """The limits allowed the start of a turn, and hold room for it."""
        self.reserved.add(turn_id)

    def releasing(self, turn_id: str) -> None:
        """The room is given back."""
        self.reserved.discard(turn_id)

    def posting(self, request: TurnRequest, begun: str | None = None) -> None:
        """A POST is sent. `begun`: the id of the new worker, if the caller chooses it."""
        at = self.note("POST", f"{request.turn_id} {request.prompt!r} to {request.target_id}")
        self.posts.append(request.prompt)
        message = self.by_turn.get(request.turn_id)
        self.expect(Promise.STORED, message, f"{request.prompt!r}")
        if message is None:
            return
        detail = repr(request.prompt)
        self.expect(Promise.ONCE, message.posted_at is None, detail)
        self.expect(Promise.REFUSED, message.fate is not Fate.RAISED, detail)
        self.expect(Promise.WITHDRAWN, not message.given_back, detail)
        self.expect(Promise.TEXT, request.prompt in message.texts[message.sure :], detail)
        self.expect(Promise.CLOSED, not self._closing, f"{detail} was POSTed")
        self.expect(Promise.RESERVED, request.turn_id in self.reserved, detail)
        self._check_target(message, request, begun)
        self._check_order(message, request)
        self._check_approval(message, request)
        message.posted_at = at

    def _check_target(self, message: Message, request: TurnRequest, begun: str | None) -> None:
        shown, target = self._shown(message.session_id).worker_id, request.target_id or begun
        kept = target == shown and message.worker_id in {None, target}
        detail = f"{request.prompt!r} to {request.target_id}; showed {message.worker_id}, shows {shown}"
        self.expect(Promise.TARGET, kept, detail)

    def _check_order(self, message: Message, request: TurnRequest) -> None:
        for other in self.messages:
            late = other.session_id == message.session_id and other.sent_at > message.sent_at
            holds = self.talk(message.session_id).holds
            held = any(message.sent_at < at < other.sent_at for at in holds)
            may = held or other.past_held or other.moved or message.moved
            overtook = late and other.posted_at is not None and not may
            self.expect(Promise.ORDER, not overtook, f"{other.texts[-1]!r} before {request.prompt!r}")

    def _check_approval(self, message: Message, request: TurnRequest) -> None:
        talk = self.talk(message.session_id)
        approved_at = max((message.sent_at, *message.approvals, *talk.approvals))
        self.expect(
            Promise.HELD, approved_at > talk.held_at, f"{request.prompt!r} was held by {talk.held_by}"
        )
        self.expect(Promise.RELEASED, approved_at > message.queue_held_at, repr(request.prompt))
        edited = self.by_turn.get(talk.edited)
        passes = (
            message.past_held
            or message.approvals
            or message.moved
            or request.turn_id in talk.left_before_edit
        )
        if edited is not None and not edited.moved:
            is_behind = edited.sent_at < message.sent_at and not passes
            kept = edited is not message and not is_behind
            self.expect(Promise.EDITED, kept, f"{request.prompt!r} while {edited.texts} is edited")
        if self.measures:
            since = max(message.sent_at, talk.ended_at)
            detail = f"{request.prompt!r}: allowed by a reading of {talk.allowed_at}, due since {since}"
            self.expect(Promise.LIMIT, talk.allowed_at > since, detail)

    def opening(self, worker_id: str | None, turn_id: str = "") -> str:
        """A long request begins; returns its session."""
        message = self.by_turn.get(turn_id)
        session_id = message.session_id if message else self._session_of(worker_id)
        talk = self.talk(session_id)
        talk.requests += 1
        self.note("request", f"{session_id} {worker_id}")
        self.expect(Promise.ALONE, talk.requests == 1, f"{talk.requests} open requests in {session_id}")
        self.expect(Promise.CLOSED, not self._closed, f"{worker_id} was requested")
        return session_id

    def closing(self, session_id: str) -> None:
        """A long request has ended."""
        self.note("request ended", session_id)
        self.talk(session_id).requests -= 1

    def _session_of(self, worker_id: str | None) -> str:
        return next((s for s in self._talks if s and self._shown(s).worker_id == worker_id), "")

    # -- what the screen sees ------------------------------------------------------------
    def changed(self, session_id: str) -> None:
        """A session has a new value."""
        self._changed.add(session_id)
        for turn in self._shown(session_id).turns:
            status, before = turn.status, self._status.get(turn.turn_id)
            if status is before:
                continue
            self._status[turn.turn_id] = status
            at = self.note("status", f"{turn.turn_id} {status}")
            if before is not None:
                self._open_after_crash.discard(turn.turn_id)
            elif turn.live and status is not TurnStatus.QUEUED:
                self._open_after_crash.add(turn.turn_id)
            if not turn.live and before is not None:
                self._ended(self.talk(session_id), turn.turn_id, at)

    def look(self) -> None:
        """A step of the loop is over: a screen could now paint the sessions."""
        for session_id, talk in self._talks.items():
            held = self._held(session_id)
            if held and not talk.held_turns:
                talk.queue_held_at = self.note("queue held", session_id)
            for message in [self.by_turn[turn_id] for turn_id in held if turn_id in self.by_turn]:
                message.queue_held_at = talk.queue_held_at
            talk.held_turns = held
        for session_id in self._changed:
            live = [
                turn.turn_id
                for turn in self._shown(session_id).turns
                if turn.live
                and turn.status is not TurnStatus.QUEUED
                and turn.turn_id not in self._open_after_crash
            ]
            for turn_id in live:
                self._started.setdefault(turn_id, self._tick)
            self.expect(Promise.ALONE, len(live) <= 1, f"{' and '.join(live)} are under way in {session_id}")
        self._changed.clear()

    def _ended(self, talk: Talk, turn_id: str, at: int) -> None:
        """A turn has ended. One that was under way may hold the queue."""
        status, started = self._status[turn_id], self._started.pop(turn_id, 0)
        if status not in GOES_ON:
            # Later messages may be sent before earlier ones.
            talk.holds.append(at)
        if not started:
            return
        if status not in FREE:
            talk.ended_at = at
        # A person who detached and sends another message during the end has decided already.
        if status not in GOES_ON and talk.detached_at <= started:
            talk.hold(at, f"{turn_id} ({status})")
