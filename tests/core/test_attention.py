"""What a person can have read when a key was pressed."""

from __future__ import annotations

from msgspec.structs import replace

from handinger_tui.core.acts import Act, Offer
from handinger_tui.core.attention import READ_S, ShownOffer

QUEUE = Offer(Act.SEND_QUEUE, 1, False, "Enter to send 1 queued message", passes=True)
PAST = Offer(Act.SEND_PAST, 1, False, "Enter to send this now", passes=True)
WATCH = Offer(Act.WATCH, 0, False, "Enter to watch the worker")


def test_a_line_counts_from_the_frame_that_has_it() -> None:
    shown = ShownOffer(WATCH).painted(1.0).then(QUEUE, in_line=True)
    assert not shown.was_read(1_000.0)
    shown = shown.painted(5.0).then(QUEUE, in_line=True).painted(9.0)
    assert not shown.was_read(5.0 + READ_S - 0.01)
    assert shown.was_read(5.0 + READ_S)
    assert not shown.then(replace(QUEUE, sends=2), in_line=True).painted(9.0).was_read(9.0)


def test_a_line_that_stood_behind_another_counts_from_its_return() -> None:
    shown = ShownOffer(QUEUE).painted(1.0).then(QUEUE, in_line=False).painted(2.0)
    assert not shown.was_read(1_000.0)
    shown = shown.then(QUEUE, in_line=True).painted(3.0)
    assert not shown.was_read(3.0)
    assert shown.was_read(3.0 + READ_S)


def test_a_message_passes_a_held_queue_that_was_seen_however_fast_it_was_typed() -> None:
    shown = ShownOffer(QUEUE).painted(1.0).then(PAST, in_line=True)
    assert shown.as_read(1.0 + READ_S).passes
    assert not shown.as_read(1.0).passes
    just_held = ShownOffer(WATCH).painted(1.0).then(PAST, in_line=True)
    assert not just_held.as_read(1_000.0).passes
    assert not just_held.painted(2.0).as_read(2.0).passes


def test_what_would_have_been_asked_and_no_longer_is_has_to_be_read_again() -> None:
    with_question = Offer(
        Act.RAISE_AND_SEND, 1, True, "Enter to raise the limit, then send this", passes=True
    )
    shown = ShownOffer(with_question).painted(1.0)
    assert shown.as_read(2.0).passes
    assert not shown.then(PAST, in_line=True).painted(2.0).as_read(2.0).passes
    assert ShownOffer(QUEUE).painted(1.0).then(with_question, in_line=True).as_read(2.0).passes
