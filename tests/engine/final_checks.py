"""Ending: a world becomes idle, and the promises that hold only then are checked."""

from __future__ import annotations

import gc

from handinger_tui.core.turns.turn import TurnStatus
from tests.engine.history import Limits
from tests.engine.promises import NEVER_LEFT, Fate, Promise
from tests.engine.scheduler import OldestFirst
from tests.engine.world import World


def finish(world: World) -> None:
    """Bring a world to its end: every error is removed, the queue continues, the engine closes."""
    world.doors.mend()
    world.run_until_idle()
    if not world.recovered and not world.closing:
        world.recover()
        world.run_until_idle()
    _check_quiet(world)
    if not world.closing:
        _go_on(world)
        _check_quiet(world)
        _check_queue(world)
        world.close()
        world.run_until_idle()
    _check_messages(world)
    _check_history(world)
    unfinished = [task.get_name() for task in world.loop.unfinished()]
    world.watchman.expect(Promise.TASKS, not unfinished, ", ".join(unfinished))
    discard(world)


def discard(world: World) -> None:
    """Release everything; an unobserved failure is reported when its task is collected."""
    for loop in world.lives:
        with loop.entered():
            loop.abandon()
    world.actions.clear()
    gc.collect(0)
    for problem in world.loop.problems:
        detail = f"{problem.get('message')} {problem.get('exception')!r}"
        world.watchman.expect(Promise.HEARD, False, detail)
    world.loop.problems.clear()


def _go_on(world: World) -> None:
    world.wallet.state, world.request = Limits.BELOW, OldestFirst()
    for _ in range(3):
        waiting = [session_id for session_id in world.sessions if world.queued(session_id)]
        for session_id in waiting:
            for name in ("end_edit", "watch", "resume"):
                world.act(name, session_id)
                world.run_until_idle()
        if not waiting:
            return


def _check_quiet(world: World) -> None:
    waiting = [action.get_name() for action in world.actions if not action.done()]
    world.watchman.expect(Promise.ENDS, not waiting, f"{waiting}")
    for session_id in world.sessions:
        # A program that closes during its start settles no open turns of a crash.
        if len(world.lives) > 1 and (world.closing or session_id in world.stopped):
            continue
        for turn in world.session(session_id).turns:
            ended = not turn.live or turn.status is TurnStatus.QUEUED
            world.watchman.expect(Promise.ENDS, ended, f"{turn.turn_id} is {turn.status}")


def _check_queue(world: World) -> None:
    for session_id in [own for own in world.sessions if own not in world.stopped]:
        stuck = [turn.request.prompt for turn in world.queued(session_id)]
        world.watchman.expect(Promise.QUEUE, not stuck, f"{stuck}")


def _check_messages(world: World) -> None:
    arrived = {job.prompt for worker in world.service.workers.values() for job in worker.jobs}
    for message in world.watchman.messages:
        if message.session_id not in world.sessions:
            continue  # It was lost with a session that had not been stored.
        turns = [
            turn
            for turn in world.session(message.session_id).turns
            if turn.request.prompt in message.texts[message.sure :]
        ]
        if message.fate is Fate.RETURNED and not message.given_back:
            world.watchman.expect(Promise.KEPT, turns, f"{message.texts}")
        for turn in turns:
            unsent = turn.status in NEVER_LEFT and turn.request.prompt in arrived
            world.watchman.expect(Promise.TRUE, not unsent, f"{turn.request.prompt!r} is {turn.status}")


def _check_history(world: World) -> None:
    prompts = [request.prompt for request in world.history.requests.values()]
    for prompt in dict.fromkeys(prompts):
        world.watchman.expect(Promise.BOOKED, prompts.count(prompt) == 1, f"{prompt!r} is stored twice")
    for session_id in world.sessions:
        for turn in world.session(session_id).turns:
            ended = turn.live or turn.status is TurnStatus.RUNNING or turn.turn_id in world.watchman.ended
            world.watchman.expect(Promise.BOOKED, ended, f"{turn.turn_id} ({turn.status}) was not closed")
