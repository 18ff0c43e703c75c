"""Texts for the status of a session and of its limits, and advice on a turn that failed or a held queue."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace
from textual.content import Content

from handinger_tui.core.acts import RUNS_ON, Hold, until_sent, waiting_words
from handinger_tui.core.evidence import files_of_turn, sources_of_turn
from handinger_tui.core.formatting import duration, one_unit, plural
from handinger_tui.core.money.limits import Gauge, Scope
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.session import LOCAL, Session, any_with_status, with_status
from handinger_tui.core.turns.turn import DRAFT, FREE, LIVE, STATUS_WORDS, ErrorKind, Turn, TurnStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from handinger_tui.core.money.attribution import MoneyIndex, TurnMoney


STYLE: Final = ("$success", "$warning", "$error")
SHAPE: Final = ("●", "▲", "■")
"""Of a limit that is below, near or reached, see `Gauge.state`; the shape tells that without color."""


def limit_mark(gauges: Sequence[Gauge]) -> Content:
    """The mark for the header: "▲ daily limit 85%", "■ daily limit reached"; empty when all are below.

    It is that of the most pressing limit: a reached one before a near one, then the widest scope.
    """
    pressing = [gauge for gauge in gauges if gauge.state.word]
    if not pressing:
        return Content("")
    scopes = list(Scope)
    gauge = max(pressing, key=lambda one: (one.state, scopes.index(one.limit.scope)))
    state = "reached" if gauge.reached else gauge.percent_text
    style = f"bold {STYLE[gauge.state]}"
    return Content.styled(f"{SHAPE[gauge.state]} {gauge.limit.scope.limit} {state}", style)


CUT_OFF: Final = "outcome unknown"
"""The status of a turn whose answer began and whose end is unknown."""
WORKED_ON: Final = LIVE - {TurnStatus.QUEUED}
_NOT_SENT: Final = frozenset({TurnStatus.NOT_SENT})
_BAD: Final = frozenset({TurnStatus.FAILED, TurnStatus.REJECTED, TurnStatus.UNKNOWN})
_UNFINISHED: Final = frozenset(
    {
        TurnStatus.QUEUED,
        TurnStatus.RUNNING,
        TurnStatus.INCOMPLETE,
        TurnStatus.NOT_SENT,
        TurnStatus.NOT_DELIVERED,
    }
)


def under_way(session: Session) -> Turn | None:
    """The turn that status and cost refer to: the running one, else the newest that reached the worker.

    A refused, withdrawn or queued message is returned only when there is no other turn.
    """
    busy = next(with_status(session.turns, WORKED_ON), None)
    return busy or session.unwatched or session.sent or newest_shown(session) or session.current


def newest_shown(session: Session) -> Turn | None:
    """The newest turn that is neither queued nor withdrawn."""
    shown = (turn for turn in reversed(session.turns) if not turn.withdrawn)
    return next((turn for turn in shown if turn.status is not TurnStatus.QUEUED), None)


def is_newest_message(session: Session | None, text: str) -> bool:
    """Whether a text in the prompt is the message of the newest turn, perhaps edited after its first word."""
    turn = newest_shown(session) if session is not None else None
    first = text.split(maxsplit=1)[:1]
    if turn is None or not first:
        return False
    return first[0].startswith(_CHIP) or turn.request.prompt.split(maxsplit=1)[:1] == first


def shown_turns(session: Session, queue: Collection[Turn]) -> Session:
    """The session as the transcript shows it: without queued and withdrawn turns."""
    if not queue and not any_with_status(session.turns, _NOT_SENT):
        return session
    waiting = {turn.turn_id for turn in queue}
    turns = tuple(turn for turn in session.turns if turn.turn_id not in waiting and not turn.withdrawn)
    return session if len(turns) == len(session.turns) else replace(session, turns=turns)


def status_words(session: Session) -> str:
    """The status of the worker in a few words for the header; "" where no message has reached it."""
    turn = under_way(session)
    if turn is None or turn.status in FREE:
        return ""
    if turn.status is TurnStatus.UNKNOWN and turn.parts:
        return CUT_OFF
    activity = clean_line(turn.activity or "", 40) if turn.status is TurnStatus.ACCEPTED else ""
    return activity or STATUS_WORDS[turn.status]


def style_and_sign(status: TurnStatus) -> tuple[str, str]:
    """Style and sign of a status; the sign tells the status without color."""
    if status is TurnStatus.COMPLETED:
        return "$success", "✓"
    if status in _BAD:
        return "$error", "✗"
    if status in _UNFINISHED:
        return "$warning", "◌"
    return "$primary", "●"


def retry_words(session: Session, now_ms: int) -> str:
    """The retry that a GET request waits for: "retry 3 in 4 s"; "" when there is none."""
    turn = under_way(session)
    if turn is None or turn.retry is None:
        return ""
    # A clock that was set back must not prolong the wait.
    passed_ms = max(0, now_ms - turn.retry.at_ms)
    wait_s = -((passed_ms - turn.retry.wait_ms) // 1000)
    return f"retry {turn.retry.number}" + (f" in {wait_s} s" if wait_s > 0 else "")


def elapsed(session: Session, now_ms: int, took: str) -> str:
    """How long the turn has been running, or `took`; "" when it is queued or its end is unknown."""
    turn = under_way(session)
    if turn is None or turn.status is TurnStatus.QUEUED or turn.status in FREE:
        return ""
    if turn.live:
        seconds = max(0, now_ms - turn.began_ms) // 1000
        return f"{seconds} s" if seconds < 60 else duration(seconds * 1000)
    return took


def took_text(session: Session, index: MoneyIndex) -> str:
    """How long the turn of the status took, as its receipt says; "" while it runs or if it is unknown."""
    turn = under_way(session)
    if turn is None or turn.live or turn.status is TurnStatus.RUNNING:
        return ""
    return index.of(session, turn).duration_text(turn)


def running_for(turn: Turn, now_ms: int) -> str:
    """How long a run has been running, watched or not, in one unit: "40 s", "4 m", "2 h"."""
    return one_unit(max(0, now_ms - turn.began_ms) // 1000)


def so_far(session: Session, turn: Turn) -> str:
    """The cost of a run at its last reading: "$0.12 so far", "$0.12 so far simulated"."""
    cost = turn_cost(session, turn)
    simulated = " simulated" if session.base_url == LOCAL else ""
    return f"{cost}{simulated}" if cost else "cost unknown so far"


def turn_cost(session: Session, turn: Turn) -> str:
    """What a turn cost, in words; "" if nothing is known."""
    return _money(session, turn).cost(session.price(turn))


@lru_cache(8)
def _index_of(_session_id: str) -> MoneyIndex:
    """The index of a session, kept: its rows are drawn again and again, and each time little has changed."""
    from handinger_tui.core.money.attribution import MoneyIndex  # no money before the first turn

    return MoneyIndex()


def _money(session: Session, turn: Turn) -> TurnMoney:
    return _index_of(session.session_id).of(session, turn)


def runs_cost(runs: Sequence[tuple[Session, Turn]]) -> str:
    """What turns of several sessions took so far, as the runs board says it, see `running_cost`."""
    from handinger_tui.core.amounts import Unit  # no money before the first turn
    from handinger_tui.core.runs import SessionRun, running_cost

    values = []
    for session, turn in runs:
        money = _money(session, turn)
        values.append(
            SessionRun(
                session.session_id,
                base_url=session.base_url,
                usd=money.total(Unit.USD),
                credits=money.total(Unit.CREDITS),
                priced=money.priced(session.price(turn)),
            )
        )
    return " · ".join(running_cost(values))


def first_cost(turn: Turn, cost: str) -> str:
    """What the earlier try of a message cost. `cost`: see `turn_cost`."""
    if turn.status in FREE:
        return "Nothing was charged for the first try."
    if not cost:
        return "The cost of the first try is unknown."
    return f"The first try cost {cost}."


def ended_words(session: Session, turn: Turn) -> str:
    """What a turn that has ended came to: "finished in 3 m 12 s, $0.04, 4 sources, 2 files"."""
    sources, files, money = len(sources_of_turn(turn)), len(files_of_turn(turn)), _money(session, turn)
    facts = [
        money.cost(session.price(turn)),
        plural(sources, "source") if sources else "",
        plural(files, "file") if files else "",
    ]
    is_complete = turn.status is TurnStatus.COMPLETED
    how = "finished" if is_complete else f"ended ({STATUS_WORDS[turn.status]})"
    if took := money.duration_text(turn):
        how += f" {'in' if is_complete else 'after'} {took}"
    return ", ".join([how, *filter(None, facts)])


def left_running_words(ended: Sequence[Session], running: Sequence[Session], now_ms: int) -> list[str]:
    """The lines that report which turns that were left running have ended, and which still run."""
    lines = []
    if ended:
        runs = [(session, turn) for session in ended if (turn := session.sent) is not None]
        cost = runs_cost(runs)
        who = f"“{clean_line(ended[0].title, 60)}”" if len(ended) == 1 else plural(len(ended), "run")
        where = "^S to open it" if len(ended) == 1 else "F7 to see them"
        lines.append(f"{who} ended while you were away: {cost}. Press {where}.")
    if running:
        lines.append(_still_running(running, now_ms))
    return lines


def _still_running(sessions: Sequence[Session], now_ms: int) -> str:
    turn = sessions[0].unwatched
    if turn is None:
        return ""
    title = clean_line(sessions[0].title or sessions[0].worker_id or "Untitled", 60)
    more = f" and {len(sessions) - 1} more" if len(sessions) > 1 else ""
    facts = f"{running_for(turn, now_ms)}, {so_far(sessions[0], turn)}"
    return f"Still running: “{title}” ({facts}){more}. Press F7 to see {'them' if more else 'it'}."


class Advice(Struct, frozen=True):
    """The text of the card above the prompt: what can be done now. The transcript shows what happened."""

    severity: str
    """ "error", "warning" or "info"."""
    text: str
    wait_until_ms: int | None = None
    """The time in ms before which sending makes no sense."""


WATCH: Final = "Press Enter on an empty prompt to watch it."
STILL_RUNNING: Final = f"{RUNS_ON} {WATCH}"
_CHIP: Final = "[pasted"
"""How the chip of a pasted text begins."""
PAUSE: Final = "The service asked for a pause."
_BEFORE_RESENDING: Final = {
    ErrorKind.AUTH: "Store a valid key (handinger-tui login), restart, then ",
    ErrorKind.FORBIDDEN: "Use another key or another worker, then ",
    ErrorKind.PAYMENT: "Add credits, then ",
    ErrorKind.NOT_FOUND: "/new to start a new session.",
    ErrorKind.CONFLICT: "/attach to watch it, ",
    ErrorKind.INVALID: "Edit it, then ",
    ErrorKind.TOO_LARGE: "Shorten it or attach less, then ",
    ErrorKind.COST_LIMIT: "Lower the budget (/budget) or raise the limit (/limit), then ",
    ErrorKind.SETTINGS: "Fix the settings (handinger-tui config shows them), restart, then ",
    ErrorKind.UNSAFE_URL: "Check the base URL (handinger-tui config shows it), restart, then ",
    ErrorKind.DISK: "Free some disk space, then ",
}
"""What to do first, by the kind of the failure; a complete sentence is not continued."""
_CHECK_ADDRESS: Final = "Check the base URL (handinger-tui doctor), restart, then "
_CHANGED_FIRST: Final = frozenset({ErrorKind.INVALID, ErrorKind.TOO_LARGE})
"""Failures after which the same message would fail again."""


def next_step(session: Session, turn: Turn, *, is_text_back: bool, edits: bool = True) -> str:
    """How a message that did not arrive, or may not have, is sent again; "" for any other turn.

    `session` as the transcript shows it. `is_text_back`: the newest message is in the prompt. `edits`: an
    earlier message can be edited.
    """
    if turn.status not in DRAFT:
        return ""
    is_text_back = is_text_back and turn.turn_id == session.turns[-1].turn_id
    if turn.status is TurnStatus.UNKNOWN:
        check = "Check the dashboard" if turn.target is None else "Check with /attach"
        key = " (Enter)" if is_text_back else ""
        return f"{check} before you resend it{key}: you may be charged twice."
    number = 1 + next((at for at, one in enumerate(session.turns) if one.turn_id == turn.turn_id), 0)
    kind = turn.fault.kind if turn.fault is not None else None
    if is_text_back:
        resend = "Enter to resend"
    elif kind in _CHANGED_FIRST:
        return f"/edit {number} to change it." if edits else "Change it, then send it."
    else:
        resend = f"/retry {number} to resend"
    if kind is ErrorKind.NOT_FOUND and turn.target is None:
        # Without a worker it is the address that the service does not have.
        return f"{_CHECK_ADDRESS}{resend}."
    first = _BEFORE_RESENDING.get(kind, "") if kind is not None else ""
    return first if first.endswith(".") else f"{first}{resend}."


def advice(session: Session, *, running: bool, now_ms: int = 0) -> Advice | None:
    """What can be done now that the transcript does not say; None when nothing is needed."""
    turn = newest_shown(session)
    if turn is None or running or turn.status is TurnStatus.UNKNOWN:
        return None
    if session.unwatched is not None:
        is_local = session.base_url == LOCAL
        return Advice("info", f"The local worker is still running. {WATCH}" if is_local else STILL_RUNNING)
    fault = turn.fault
    if fault is None or fault.retry_after_s is None or turn.ended_ms is None or turn.status not in FREE:
        return None
    until_ms = turn.ended_ms + int(min(max(fault.retry_after_s, 0), 3600) * 1000)
    # After the clock was set back there is no pause: a message that is too early is refused for free.
    return Advice("warning", PAUSE, until_ms) if turn.ended_ms <= now_ms < until_ms else None


def hold_advice(session: Session, hold: Hold, count: int, now_ms: int) -> Advice:
    """Why the queue of `count` messages is held. The hint below the prompt says what Enter does."""
    messages = waiting_words(count)
    turn_advice = advice(session, running=False, now_ms=now_ms)
    match hold.reason:
        case "limit" if hold.gauge is not None:
            return Advice("warning", _limit_text(hold.gauge))
        case "lifted":
            return Advice("warning", f"Queue held; the limit no longer stops it. {messages}.")
        case "unreadable" | "unmeasured":
            return Advice("warning", f"Queue held: {hold.detail} {messages}.")
        case "restored":
            reason = f"{plural(count, 'message')} from last time {'was' if count == 1 else 'were'} not sent."
        case "detached" if session.unwatched is not None:
            reason = f"{until_sent(count)}."
        case "detached":
            reason = f"{messages}. The turn you stopped watching has finished."
        case "edited":
            reason = f"{messages}. You were editing the next one when the worker was ready for it."
        case _:
            reason = f"{messages}. The previous turn did not finish."
    if turn_advice is None:
        return Advice("warning", reason)
    return Advice(turn_advice.severity, f"{turn_advice.text} {reason}", turn_advice.wait_until_ms)


def _limit_text(gauge: Gauge) -> str:
    reached = gauge.blocked_text
    hint = (
        f"Press Enter on an empty prompt to raise it, or use {gauge.limit.command}."
        if gauge.limit.is_raised_here
        else gauge.limit.raise_hint
    )
    return f"Queue held: {reached[:1].lower()}{reached[1:]} {hint} Press ↑ to edit the queue."
