"""A conversation with pauses: each message is sent by one Enter, whatever was read and done in between.

The worker is read again about 5 s after each answer. By default the pause is a little longer than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.accounts import Account
from tests.e2e.terminal import Terminal, terminal
from tests.money.paid_service import PaidService, paid_service

pytestmark = pytest.mark.terminal

Prompts = Callable[[], list[str]]
Environ = dict[str, str]
PAUSE_S = 5.5
LONG_PAUSE_S = 12.0


@contextmanager
def paid(generation: str, figures_after: float) -> Iterator[tuple[Environ, Prompts]]:
    """A service whose figures are final at the end of the answer, or some seconds later."""
    tasks = generation == "tasks"
    how = {"cost_usd": None, "credits": 3} if tasks else {}
    with paid_service(tasks=tasks, figures_after=figures_after, pause=0.02, **how) as service:
        yield environ_of(service), lambda: list(service.posts)


def environ_of(service: PaidService) -> Environ:
    return {
        "HANDINGER_BASE_URL": service.url,
        "HANDINGER_API_KEY": "hdg_made_up",
        "HANDINGER_GENERATION": service.generation,
    }


@contextmanager
def local(generation: str, home: Path) -> Iterator[tuple[Environ, Prompts]]:
    """The local worker."""
    with LocalServer.start(pace=0.1) as server:
        account = Account(server, generation)
        yield account.environ, lambda: account.prompts(home)


def send(window: Terminal, text: str, prompts: Prompts, before: int) -> None:
    """Type a message, press Enter once, and wait for its answer."""
    window.type(text)
    window.shows(text)
    window.press("Enter")
    window.until(lambda screen: "completed" in screen.splitlines()[0] and len(prompts()) > before, text)


def converse(window: Terminal, prompts: Prompts, pauses: tuple[float, ...]) -> None:
    for number, pause in enumerate(pauses):
        send(window, f"echo m{number}", prompts, number)
        # Not for an event: that nothing more than time passes is what is tried.
        time.sleep(pause)
    send(window, "echo last", prompts, len(pauses))


@pytest.mark.parametrize("generation", [pytest.param("workers", marks=pytest.mark.slow), "tasks"])
def test_a_message_after_a_pause_is_sent_by_one_enter(tmux: str, generation: str, tmp_path: Path) -> None:
    with paid(generation, 0.0) as (environ, prompts), terminal(tmux, 100, 30) as window:
        window.run(home=tmp_path, **environ)
        window.shows("Enter")
        converse(window, prompts, (PAUSE_S,))
        assert prompts() == ["echo m0", "echo last"]


@pytest.mark.slow
@pytest.mark.parametrize("generation", ["workers", "tasks"])
@pytest.mark.parametrize("service", ["final at the end", "3 s later", "local"])
def test_three_messages_and_all_that_may_come_between(
    tmux: str, generation: str, service: str, tmp_path: Path
) -> None:
    here = (
        local(generation, tmp_path)
        if service == "local"
        else paid(generation, 3.0 if service == "3 s later" else 0.0)
    )
    with here as (environ, prompts), terminal(tmux, 120, 40) as window:
        window.run(home=tmp_path, HANDINGER_POLL_INTERVAL="0.2", **environ)
        window.shows("Enter")
        converse(window, prompts, (PAUSE_S, LONG_PAUSE_S))
        sent = ["echo m0", "echo m1", "echo last"]
        assert prompts() == sent
        # Another session, and back to this one.
        window.press("C-n")
        window.until(lambda screen: "echo last" not in screen, "the new session")
        time.sleep(PAUSE_S)
        window.press("M-Up")
        window.shows("echo last")
        send(window, "echo back", prompts, len(sent))
        time.sleep(PAUSE_S)
        # Two at once: the second one waits in the queue, and follows by itself.
        window.type("echo three")
        window.press("Enter")
        window.type("echo four")
        window.press("Enter")
        sent += ["echo back", "echo three", "echo four"]
        window.until(lambda screen: prompts() == sent and "completed" in screen.splitlines()[0], "the queue")
        time.sleep(PAUSE_S)
        send(window, "echo five", prompts, len(sent))
        sent.append("echo five")
        if service == "local":
            # A turn that is left, and watched again.
            window.type("long 100")
            window.press("Enter")
            window.shows("Paragraph ")
            window.press("Escape")
            window.shows("Stop watching?")
            window.press("Right", "Enter")
            window.shows("still running")
            window.press("Enter")
            window.until(lambda screen: "completed" in screen.splitlines()[0], "the watched turn ends")
            sent.append("long 100")
            time.sleep(PAUSE_S)
            send(window, "echo six", prompts, len(sent))
            sent.append("echo six")
        assert prompts() == sent
