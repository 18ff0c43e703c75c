"""The table of acts: what each sends, and that its words say so, in every state of a session."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import product

import pytest

from handinger_tui.core.acts import (
    RULES,
    Act,
    Hold,
    HoldReason,
    PromptState,
    Sends,
    SessionState,
    Typed,
    enter,
    offer,
    typed_in,
)
from handinger_tui.core.money.typical_cost import TypicalCost, spread

HELD = Hold(HoldReason.UNFINISHED)
LOOKS = {
    Act.WATCH,
    Act.WATCH_OTHER,
    Act.ATTACH,
    Act.OPEN,
    Act.SET_LIMIT,
    Act.RAISE_LIMIT,
    Act.DETACH,
    Act.DELETE,
}


def states() -> Iterator[PromptState]:
    """Every state that can be, and some that cannot."""
    holds = (None, *map(Hold, HoldReason))
    for typed, running, busy, waiting, hold in product(Typed, (False, True), (False, True), (0, 1, 3), holds):
        for edited in (None, *range(waiting)):
            for files, doubtful, elsewhere in product((False, True), (False, True), ("", "Other")):
                yield PromptState(
                    typed,
                    SessionState(running, busy and not running, waiting, hold if waiting else None, edited),
                    files=files,
                    is_doubtful=doubtful,
                    elsewhere=elsewhere,
                    queue_cost="about $0.02",
                )


def test_every_act_has_a_rule_and_looking_sends_nothing() -> None:
    assert set(RULES) == set(Act)
    assert {act for act in LOOKS if RULES[act].sends is not Sends.NOTHING} == set()


def test_what_enter_sends_is_in_its_words_in_every_state() -> None:
    for state in states():
        now = enter(state)
        words = now.hint.lower()
        assert len(now.hint.partition(" · ")[0]) <= 58, (now, "the first words fit into 60 columns")
        if now.sends:
            assert words.startswith("enter to "), now
            assert any(verb in words for verb in ("send", "queue")), now
        else:
            assert "enter to send" not in words, now
        if RULES[now.act].sends is Sends.QUEUE:
            assert now.sends == state.session.waiting
            assert now.asks or "about $0.02" in words, now


def test_an_empty_prompt_sends_nothing_but_a_held_queue_of_an_idle_worker() -> None:
    for state in states():
        now = enter(state)
        if state.typed is Typed.NOTHING and now.sends:
            session = state.session
            assert session.hold is not None, state
            assert session.waiting, state
            assert not session.running, state
            assert not session.busy, state
            assert session.edited is None, state
            assert session.hold.reason is not HoldReason.LIMIT


def test_nothing_goes_past_a_message_that_is_being_edited() -> None:
    waits = SessionState(waiting=2, edited=0)
    assert waits.waits_at_edit
    assert not waits.continues
    assert SessionState(waiting=2, edited=1).starts_next
    assert SessionState(waiting=2, edited=0).queues(saw_hold=False)
    assert enter(PromptState(Typed.MESSAGE, waits, queue_cost="about $0.04")).hint.startswith(
        "Enter to send it and 1 more (about $0.04)"
    )
    assert enter(PromptState(Typed.NOTHING, waits)).act is Act.KEEP_QUEUED
    for running in (False, True):
        held = SessionState(running=running, waiting=2, hold=HELD, edited=0)
        assert enter(PromptState(Typed.MESSAGE, held)).act is Act.PUT_BACK_HELD


@pytest.mark.parametrize(
    ("session", "act", "words"),
    [
        (
            SessionState(waiting=2, hold=HELD),
            Act.SEND_QUEUE,
            "Enter to send 2 queued messages (cost unknown)",
        ),
        (SessionState(waiting=1, hold=HELD), Act.SEND_QUEUE, "Enter to send 1 queued message (cost unknown)"),
        (
            SessionState(busy=True, waiting=2, hold=Hold(HoldReason.DETACHED)),
            Act.WATCH,
            "Enter to watch the worker; 2 queued messages stay held",
        ),
        (SessionState(busy=True), Act.WATCH, "Enter to watch the worker"),
        (
            SessionState(waiting=1, hold=Hold(HoldReason.LIMIT)),
            Act.RAISE_LIMIT,
            "Enter to raise the limit; 1 queued message stays held",
        ),
        (
            SessionState(running=True, waiting=2, hold=HELD),
            Act.NOTHING,
            "2 queued messages stay held",
        ),
    ],
)
def test_enter_on_an_empty_prompt(session: SessionState, act: Act, words: str) -> None:
    now = enter(PromptState(session=session))
    assert (now.act, now.hint.partition(" · ")[0]) == (act, words)


def test_an_older_hint_permits_only_its_own_act() -> None:
    two = enter(PromptState(session=SessionState(waiting=2, hold=HELD)))
    three = enter(PromptState(session=SessionState(waiting=3, hold=HELD)))
    watch = enter(PromptState(session=SessionState(busy=True, waiting=2, hold=HELD)))
    assert three.permits(two)
    assert two.permits(watch)
    assert not two.permits(three)
    assert not watch.permits(two)
    assert not enter(PromptState()).permits(two)


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("", Typed.NOTHING),
        (" \n", Typed.NOTHING),
        ("/new", Typed.COMMAND),
        ("//x", Typed.MESSAGE),
        ("quit", Typed.QUIT),
    ],
)
def test_what_is_typed(text: str, typed: Typed) -> None:
    assert typed_in(text) is typed


def test_the_cost_of_several_messages_is_a_sum_or_unknown() -> None:
    four = TypicalCost("low", usd=spread([Decimal("0.04")]))
    in_credits = TypicalCost("low", credits=spread([Decimal(3)]))
    assert TypicalCost.together([four, four]) == "about $0.08"
    assert TypicalCost.together([in_credits]) == "about 3 credits"
    for unknown in ([four, None], [four, TypicalCost("high")], [four, in_credits], []):
        assert TypicalCost.together(unknown) == "cost unknown"


def test_titles_from_outside_are_harmless_in_a_hint() -> None:
    state = PromptState(elsewhere="{cost}\x1b[31m")
    assert offer(Act.WATCH_OTHER, state).hint.startswith("Enter to watch “{cost}")
    assert "\x1b" not in offer(Act.WATCH_OTHER, state).hint


def test_enter_says_that_a_reached_limit_is_raised_first() -> None:
    free, limited = (enter(PromptState(Typed.MESSAGE, is_limited=limited)) for limited in (False, True))
    assert free.act is limited.act is Act.SEND
    assert ("raise the limit" in free.hint, "raise the limit" in limited.hint) == (False, True)
