"""What each act sends: one table for the hint, the help, the screen and the owner of a session.

Nothing is paid without its own act, and the line below the prompt says before what the act sends. An act that
only looks (watch, attach, raise a limit, switch, quit) sends nothing, and a held queue stays held.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum, auto
from typing import Final

from msgspec import Struct

from handinger_tui.core.formatting import plural
from handinger_tui.core.money.limits import Gauge
from handinger_tui.core.prompts import CommandLine, Empty, classify, is_quit_word
from handinger_tui.core.safety import clean_line


# -- the state of a session --------------------------------------------------------------------
class HoldReason(StrEnum):
    """What stopped the queue. Only the person ends it, by sending what waits."""

    LIMIT = auto()
    """A spending limit is reached, or reserved by running turns."""
    LIFTED = auto()
    """The limit that was reached no longer is: it was raised, here or by another program."""
    UNMEASURED = auto()
    """Whether a spending limit will hold is unknown; the user may decide to send anyway."""
    UNREADABLE = auto()
    """The history could not be read or written, so it is unknown whether a limit is reached."""
    DETACHED = auto()
    """The user stopped watching the running turn."""
    UNFINISHED = auto()
    """The previous turn did not complete."""
    RESTORED = auto()
    """The program ended before these messages were sent."""
    EDITED = auto()
    """The next message was being edited when its turn came, and the edit was canceled."""


class Hold(Struct, frozen=True):
    """Why the queue does not continue.

    `gauge`: the limit that is reached. `detail`: a sentence about the cause, or "".
    """

    reason: HoldReason
    gauge: Gauge | None = None
    detail: str = ""


class SessionState(Struct, frozen=True):
    """What decides whether a message leaves now, waits, or is held."""

    running: bool = False
    """A turn is being sent or watched here."""
    busy: bool = False
    """A turn runs at the worker, and nothing here watches it: a message sent now would be refused."""
    waiting: int = 0
    """The number of queued messages."""
    hold: Hold | None = None
    edited: int | None = None
    """The place in the queue of the message that is being edited, 0 for the next one."""

    @property
    def continues(self) -> bool:
        """Whether the next queued message starts by itself, now or when the running turn has ended."""
        return bool(self.waiting) and self.hold is None and not self.busy and self.edited != 0

    @property
    def starts_next(self) -> bool:
        """Whether the next queued message starts now."""
        return self.continues and not self.running

    def queues(self, *, saw_hold: bool) -> bool:
        """Whether a message sent now is queued. `saw_hold`: the person saw the queue held, and passes it."""
        return self.running or self.busy or bool(self.waiting and not saw_hold)

    @property
    def can_be_passed(self) -> bool:
        """Whether a message may be sent past the held queue."""
        return bool(self.waiting) and self.hold is not None and not (self.running or self.busy)

    @property
    def waits_at_edit(self) -> bool:
        """Whether nothing but the edit keeps the queue from going on."""
        return self.edited == 0 and self.hold is None and not (self.running or self.busy)


# -- the acts ------------------------------------------------------------------------------------
class Act(StrEnum):
    """Something a person does that may start a turn, or could be thought to."""

    NOTHING = auto()
    """The key does nothing now."""
    COMMAND = auto()
    QUIT = auto()
    # Enter on a text
    SEND = auto()
    SEND_EARLY = auto()
    SEND_PAST = auto()
    SEND_UNMEASURED = auto()
    RESEND = auto()
    RAISE_AND_SEND = auto()
    QUEUE = auto()
    QUEUE_HELD = auto()
    QUEUE_BUSY = auto()
    PUT_BACK = auto()
    PUT_BACK_HELD = auto()
    SEND_EDITED = auto()
    # Enter on an empty prompt
    ADD_TEXT = auto()
    KEEP_QUEUED = auto()
    WATCH = auto()
    WATCH_OTHER = auto()
    SEND_QUEUE = auto()
    SEND_QUEUE_AGAIN = auto()
    SEND_QUEUE_UNMEASURED = auto()
    RAISE_LIMIT = auto()
    # elsewhere
    SEND_ONE = auto()
    EDIT_QUEUED = auto()
    RETRY = auto()
    EDIT = auto()
    FORK = auto()
    NEW_TASK = auto()
    ADD_SCHEDULE = auto()
    ATTACH = auto()
    OPEN = auto()
    SET_LIMIT = auto()
    DETACH = auto()
    DELETE = auto()


class Sends(StrEnum):
    """How many messages an act lets leave, now or behind the running turn."""

    NOTHING = auto()
    ONE = auto()
    QUEUE = auto()
    """All that wait, one after the other."""
    LATER = auto()
    """Turns that the service starts by itself from then on."""


class ActRule(Struct, frozen=True):
    """A row of the table.

    `hint`: the words below the prompt, whose fields are `messages` ("2 queued messages"), `stay` ("2 queued
    messages stay held"), `cost` ("about $0.02" or "cost unknown") and `title`. `help`: the words in the help.
    `asks`: a question that names the price, or the danger, comes first; without a yes nothing is sent.
    """

    sends: Sends
    hint: str = ""
    help: str = ""
    asks: bool = False


_NO, _ONE, _ALL = Sends.NOTHING, Sends.ONE, Sends.QUEUE
_EDIT_QUEUE: Final = " · ↑ to edit the queue"
_KEEP: Final = " · Esc to keep it unchanged"

RULES: Final[Mapping[Act, ActRule]] = {
    Act.NOTHING: ActRule(_NO),
    Act.COMMAND: ActRule(_NO, "Enter to run the command · // to send a message that starts with a slash"),
    Act.QUIT: ActRule(_NO, "Enter to quit"),
    Act.SEND: ActRule(_ONE, "Enter to send · ^J new line", "Send, or run a slash command"),
    Act.SEND_EARLY: ActRule(_ONE, "Enter to send once connected · ^J new line"),
    Act.SEND_PAST: ActRule(_ONE, "Enter to send this now; {stay}"),
    Act.SEND_UNMEASURED: ActRule(_ONE, "Enter to send this anyway (asks first) · {stay}", asks=True),
    Act.RESEND: ActRule(_ONE, "Enter to send it again (asks first)", asks=True),
    Act.RAISE_AND_SEND: ActRule(_ONE, "Enter to raise the limit, then send this (asks first)", asks=True),
    Act.QUEUE: ActRule(_ONE, "Enter to queue", "Queue the message while a turn runs"),
    Act.QUEUE_HELD: ActRule(_NO, "Enter to queue behind the held messages"),
    Act.QUEUE_BUSY: ActRule(_NO, "Enter to queue; it waits until you send it"),
    Act.PUT_BACK: ActRule(_ONE, "Enter to put it back in the queue" + _KEEP),
    Act.PUT_BACK_HELD: ActRule(_NO, "Enter to put it back in the held queue" + _KEEP),
    Act.SEND_EDITED: ActRule(_ALL, "Enter to send {edited} ({cost})" + _KEEP),
    Act.ADD_TEXT: ActRule(_NO, "Add a message, then Enter"),
    Act.KEEP_QUEUED: ActRule(_NO, "Esc to keep the queued message unchanged"),
    Act.WATCH: ActRule(_NO, "Enter to watch the worker{held}"),
    Act.WATCH_OTHER: ActRule(_NO, "Enter to watch “{title}” (still running) · ? help"),
    Act.SEND_QUEUE: ActRule(_ALL, "Enter to send {messages} ({cost})" + _EDIT_QUEUE),
    Act.SEND_QUEUE_AGAIN: ActRule(_ALL, "Enter to try again: send {messages} ({cost})" + _EDIT_QUEUE),
    Act.SEND_QUEUE_UNMEASURED: ActRule(
        _ALL, "Enter to send {messages} anyway (asks first)" + _EDIT_QUEUE, asks=True
    ),
    Act.RAISE_LIMIT: ActRule(_NO, "Enter to raise the limit; {stay}" + _EDIT_QUEUE),
    Act.SEND_ONE: ActRule(_ONE, help="Send before the others (asks first)", asks=True),
    Act.EDIT_QUEUED: ActRule(_NO, help="Edit in the prompt while it waits; Enter puts it back"),
    Act.RETRY: ActRule(
        _ONE, "/retry to resend · asks first · ? help", "Send this message again (asks first)", asks=True
    ),
    Act.EDIT: ActRule(_NO, help="Edit this message and send it as a new one"),
    Act.FORK: ActRule(_NO, help="Continue from here with a new worker"),
    Act.NEW_TASK: ActRule(_NO, help="Start a task with your first message"),
    Act.ADD_SCHEDULE: ActRule(Sends.LATER, help="Add a schedule (shows its price and asks first)", asks=True),
    Act.ATTACH: ActRule(_NO, help="Watch a running worker (sends nothing)"),
    Act.OPEN: ActRule(_NO, help="Open another session"),
    Act.SET_LIMIT: ActRule(_NO),
    Act.DETACH: ActRule(_NO, help="Stop watching (the worker keeps running)"),
    Act.DELETE: ActRule(_NO, help="Delete the session from this computer"),
}
"""Every act. What is not in here sends nothing."""


class Confirmation(Struct, frozen=True):
    """The question before an act: its words, for a dialog as for a command line.

    `yes`, `no`: the answers. `typed`: a word that must be typed for a yes; "" for none.
    """

    title: str
    body: str
    yes: str
    no: str = "Cancel"
    typed: str = ""

    async def agreed(self, confirm: Callable[..., Awaitable[bool]]) -> bool:
        """Ask it by the `confirm` of a front."""
        return await confirm(self.title, self.body, yes=self.yes, no=self.no, typed=self.typed)


class Moot(Struct, frozen=True):
    """There is nothing to ask any more; the sentence says why."""

    why: str


# -- what Enter does -------------------------------------------------------------------------------
class Typed(StrEnum):
    """What stands in the prompt."""

    NOTHING = auto()
    MESSAGE = auto()
    COMMAND = auto()
    QUIT = auto()


class PromptState(Struct, frozen=True):
    """What decides what Enter does: the prompt, and the session on the screen."""

    typed: Typed = Typed.NOTHING
    session: SessionState = SessionState()
    files: bool = False
    """Something is attached."""
    is_connected: bool = True
    is_doubtful: bool = False
    """The text is that of the newest message, which may have arrived."""
    is_unfinished: bool = False
    """The newest turn failed or ended early, so it may be worth another try."""
    elsewhere: str = ""
    """The title of another session whose turn runs unwatched; "" for none."""
    is_limited: bool = False
    """A limit is reached that can be raised here."""
    queue_cost: str = "cost unknown"
    """What the queued messages will cost together, see `about`."""


class Offer(Struct, frozen=True):
    """What Enter does: the act, how many messages leave by it, and the words that say so."""

    act: Act
    sends: int
    asks: bool
    hint: str
    passes: bool = False
    """A message sent now goes past a held queue, as the words say."""

    @property
    def act_words(self) -> str:
        """The part of the hint that says what Enter does."""
        return self.hint.partition(" · ")[0]

    @property
    def holds(self) -> bool:
        """Whether the words say that the message waits until it is sent by another act."""
        return self.act in (Act.QUEUE_BUSY, Act.QUEUE_HELD)

    def permits(self, now: Offer) -> bool:
        """Whether the person who saw this offer has agreed to what Enter would do `now`.

        The screen is painted a moment after the state has changed: nothing leaves that it did not offer.
        """
        return now.sends == 0 or (now.act is self.act and now.sends <= self.sends)


def typed_in(text: str) -> Typed:
    """What a text in the prompt is, before Enter is pressed."""
    match classify(text):
        case Empty():
            return Typed.NOTHING
        case CommandLine():
            return Typed.QUIT if is_quit_word(text) else Typed.COMMAND
        case _:
            return Typed.MESSAGE


def enter(state: PromptState) -> Offer:
    """What Enter in the prompt does."""
    act = _enter_text(state) if state.typed is not Typed.NOTHING else _enter_nothing(state)
    return offer(act, state)


def offer(act: Act, state: PromptState) -> Offer:
    """What an act does in this state, with the words of its hint."""
    rule, session = RULES[act], state.session
    sends = {Sends.ONE: 1, Sends.QUEUE: session.waiting}.get(rule.sends, 0)
    hint = rule.hint.format(
        messages=plural(session.waiting, "queued message"),
        stay=stay_words(session.waiting),
        held=f"; {stay_words(session.waiting)}" if session.waiting else "",
        edited="it now" if session.waiting < 2 else f"it and {session.waiting - 1} more",
        cost=state.queue_cost,
        title=clean_line(state.elsewhere, 40),
    )
    if act is Act.SEND and state.is_limited:
        hint = RULES[Act.RAISE_AND_SEND].hint
    if state.files and act in (Act.SEND, Act.ADD_TEXT):
        hint = f"{hint.partition(' · ')[0]} · F8 attachments"
    return Offer(act, sends, rule.asks, hint or _idle_hint(state), session.can_be_passed)


def _idle_hint(state: PromptState) -> str:
    """What can be done where Enter does nothing."""
    session = state.session
    if session.running:
        held = f"{stay_words(session.waiting)} · " if session.hold is not None else ""
        queue = "↑ to edit the queue · " if session.waiting else ""
        return f"{held}{queue}Type ahead: Enter queues it"
    return RULES[Act.RETRY].hint if state.is_unfinished else "? help · / commands · ↑ history"


def _enter_text(state: PromptState) -> Act:
    session = state.session
    if state.typed is not Typed.MESSAGE:
        return Act.COMMAND if state.typed is Typed.COMMAND else Act.QUIT
    if not state.is_connected:
        return Act.SEND_EARLY
    if session.edited is not None:
        return Act.SEND_EDITED if session.waits_at_edit else _kept(session, Act.PUT_BACK, Act.PUT_BACK_HELD)
    if session.busy and not session.running:
        return Act.QUEUE_BUSY
    if session.queues(saw_hold=session.hold is not None):
        return _kept(session, Act.QUEUE, Act.QUEUE_HELD)
    if state.is_doubtful:
        return Act.RESEND
    if session.hold is None:
        return Act.SEND
    return {HoldReason.LIMIT: Act.RAISE_AND_SEND, HoldReason.UNMEASURED: Act.SEND_UNMEASURED}.get(
        session.hold.reason, Act.SEND_PAST
    )


def _kept(session: SessionState, free: Act, held: Act) -> Act:
    """One of two acts that put a message into the queue, by whether that is held."""
    return held if session.waiting and (session.hold is not None or session.busy) else free


def _enter_nothing(state: PromptState) -> Act:
    session = state.session
    if session.edited is not None:
        return Act.KEEP_QUEUED
    if state.files:
        return Act.ADD_TEXT
    if session.running:
        return Act.NOTHING
    if session.busy:
        return Act.WATCH
    if session.hold is not None and session.waiting:
        return {
            HoldReason.LIMIT: Act.RAISE_LIMIT,
            HoldReason.UNMEASURED: Act.SEND_QUEUE_UNMEASURED,
            HoldReason.UNREADABLE: Act.SEND_QUEUE_AGAIN,
        }.get(session.hold.reason, Act.SEND_QUEUE)
    return Act.WATCH_OTHER if state.elsewhere else Act.NOTHING


# -- words -----------------------------------------------------------------------------------------
MAY_RUN_TWICE: Final = "This message may have arrived. If you send it again, it may run and charge you twice."
RUNS_ON: Final = "The worker keeps running and may keep charging."
"""What is true of each turn that nobody watches, and of each that nobody can stop."""
LOCAL_ENDS: Final = "The local worker ends with this program, and the turn with it."
MAY_HAVE_COST: Final = "You may have been charged."


def waiting_words(count: int) -> str:
    """The number of queued messages: "2 queued messages wait"."""
    return f"{plural(count, 'queued message')} {'waits' if count == 1 else 'wait'}"


def until_sent(count: int) -> str:
    """What the queue waits for: "2 queued messages wait until you send them"."""
    return f"{waiting_words(count)} until you send {'it' if count == 1 else 'them'}"


def stay_words(count: int) -> str:
    """What becomes of the queue: "2 queued messages stay held"."""
    return f"{plural(count, 'queued message')} {'stays' if count == 1 else 'stay'} held"
