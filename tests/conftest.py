"""What every test may rely on: no key, no service and no data of the person who runs it."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from inspect import iscoroutinefunction
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, Final

import pytest
import textual._callback
import textual.app
import textual.css.stylesheet
import textual.pilot
from hypothesis import HealthCheck, settings
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.tokenize import tokenize_values

from handinger_tui.ledger import database_file
from handinger_tui.ledger.database_file import open_database

# How long one example takes says how busy the machine is, and nothing about the code.
settings.register_profile(
    "new examples", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# The same examples in every run: what a new one shows is not the fault of the change that is checked.
settings.register_profile("every run alike", settings.get_profile("new examples"), derandomize=True)
settings.load_profile("every run alike")

# A shell in the background and nohup let programs ignore these signals, and ours would inherit that.
for ignored in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored is signal.SIGINT else signal.SIG_DFL)

TESTS: Final = Path(__file__).parent

# Everything that is collected stays: nothing is found in it meanwhile.
gc.disable()

# Without compiled files, each of the thousand programs that the tests start would compile the package anew.
sys.dont_write_bytecode = False

OF_THE_MACHINE: Final = re.compile(
    r"PYTHONDONTWRITEBYTECODE|(NO_|FORCE_)COLOR|COLOR(TERM|FGBG)|TERM_PROGRAM.*|TMUX.*|STY|ZELLIJ.*|SSH_.*"
    r"|(WAYLAND_)?DISPLAY|VISUAL|EDITOR|PAGER|BROWSER|XDG_.*|LANG(UAGE)?|LC_.*|COLUMNS|LINES|ESCDELAY"
    r"|TEXTUAL.*|SSL_CERT_.*"
)
"""Variables of the person and the terminal that run the tests; nothing that they decide is tested."""
for name in filter(OF_THE_MACHINE.fullmatch, list(os.environ)):
    del os.environ[name]
os.environ |= {"LANG": "C.UTF-8", "SHELL": "/bin/sh", "TERM": "xterm-256color"}

if find_spec("sniffio") is None:
    # httpcore asks for it with every request, and Python would look through all folders each time.
    sys.modules["sniffio"] = None  # type: ignore[assignment]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Of several processes that run all tests, each imports its share first.

    To rewrite the asserts is most of a collection's work, and is done once: the others read what one wrote.
    """
    worker: dict[str, Any] | None = getattr(session.config, "workerinput", None)
    if worker is None or [Path(arg).resolve() for arg in session.config.args] != [TESTS]:
        return
    for path in sorted(TESTS.rglob("test_*.py"))[int(worker["workerid"][2:]) :: worker["workercount"]]:
        # What cannot be imported is tried again, and told, by the collection.
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(path.relative_to(TESTS.parent).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Thousands of collected tests would be walked through at every full collection, in each process."""
    gc.enable()
    gc.collect()
    gc.freeze()
    # With the usual 700, a sixth of the time of tests of the screen went into collecting.
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all homes: one of pytest's own for each test would be looked for among all before it."""
    return tmp_path_factory.mktemp("homes")


_numbers = count()


@pytest.fixture(autouse=True)
def own_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, homes: Path) -> Path:
    """An empty data folder; a key in the environment could make a test pay for a turn.

    Proxies are for the package managers that the tests of the vendor's clients start.
    """
    proxies = () if request.node.get_closest_marker("official_client") else ("_PROXY",)
    for name in list(os.environ):
        if name.startswith("HANDINGER_") or name.upper().endswith(proxies):
            monkeypatch.delenv(name)
    home = homes / str(next(_numbers))
    home.mkdir()
    monkeypatch.setenv("HANDINGER_TUI_HOME", str(home))
    return home


@pytest.fixture
async def _task_factory_of_textual() -> None:
    """Tasks begin as in the app: at once, from Python 3.12 on."""
    if sys.version_info >= (3, 12):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)


@pytest.fixture(autouse=True)
def _tasks_as_in_the_app(request: pytest.FixtureRequest) -> None:
    """What a test awaits runs under the task factory that the app has on this Python, not only the screen.

    Programs without a screen keep asyncio's own: the tests that start them in a process run under it.
    """
    if iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("_task_factory_of_textual")


@pytest.fixture(scope="session", autouse=True)
def _read_sheets() -> Iterator[None]:
    """The same sheet with the same variables is read once: a quarter of what the start of an app takes."""
    read = Stylesheet._parse_rules
    cache: dict[tuple[object, ...], list[RuleSet]] = {}
    tokens: dict[tuple[object, ...], object] = {}

    def once(sheet: Stylesheet, css: str, *args: Any, **named: Any) -> list[RuleSet]:
        key = (css, *args, *named.items(), *sheet._variables.items())
        if key not in cache:
            cache[key] = read(sheet, css, *args, **named)
        return cache[key]

    def tokenized(variables: dict[str, str]) -> object:
        key = tuple(variables.items())
        if key not in tokens:
            tokens[key] = tokenize_values(variables)
        return tokens[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", once)
        patch.setattr(textual.css.stylesheet, "tokenize_values", tokenized)
        # The same hash, computed without a call in Python: each widget compares all rules several times.
        patch.setattr(RuleSet, "__hash__", object.__hash__)
        yield


@pytest.fixture(scope="session", autouse=True)
def _count_parameters_once() -> Iterator[None]:
    """Textual counts the parameters of each function that a partial calls, with each call."""
    count_them = textual._callback._count_parameters
    counts: dict[object, int] = {}

    def once(function: Callable[..., object]) -> int:
        code = getattr(function, "__code__", None)
        if code is None or hasattr(function, "__wrapped__"):
            return count_them(function)
        key = (code, hasattr(function, "__self__"))
        if key not in counts:
            counts[key] = count_them(function)
        return counts[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textual._callback, "_count_parameters", once)
        yield


SOON_S: Final = 0.02
"""An app is not idle before the timers that are due within this time: Textual takes it each time."""
THREADS_S: Final = 0.1
"""Threads that work are waited for as long, since some of them wait for the test."""
TURN_S: Final = 0.01
"""A turn of the loop counts for no longer: a machine that is busy does not shorten what is waited for."""


async def nothing_to_do(_min_s: float = 0.0, max_s: float = 1.0) -> None:
    """Wait until neither the event loop nor a thread of it has work.

    Textual's own way compares clocks: at least 20 ms after each key and each pause, in which nothing happens.
    """
    loop: Any = asyncio.get_running_loop()
    begin = turned = monotonic()
    rounds = 0
    while rounds < 3 and turned - begin < max_s:
        await asyncio.sleep(0)
        now = monotonic()
        begin += max(0.0, now - turned - TURN_S)
        turned = now
        due = begin + SOON_S
        timers = [timer.when() for timer in loop._scheduled if not timer.cancelled() and timer.when() <= due]
        if loop._ready:
            rounds = 0
        elif timers or (now - begin < THREADS_S and at_work(loop._default_executor)):
            rounds = 0
            await asyncio.sleep(0.001)
        else:
            rounds += 1


def at_work(pool: Any) -> bool:
    """Whether a thread of the pool has something to do."""
    return pool is not None and (
        pool._work_queue.qsize() > 0 or len(pool._threads) > pool._idle_semaphore._value
    )


@pytest.fixture(scope="session", autouse=True)
def _idle_is_no_time() -> Iterator[None]:
    """An app is idle when nothing remains to be done, not after a time: half of the time of tests of it."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (textual.app, textual.pilot):
            patch.setattr(module, "wait_for_idle", nothing_to_do)
        yield


@pytest.fixture(scope="session", autouse=True)
def _migrate_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A history that begins is a copy of an empty one: nineteen migrations took four fifths of its opening.

    That they lead to this schema is what `tests/ledger/test_opening.py` and the tests of migrations prove;
    programs that run in a process of their own migrate, too.
    """
    make, lock = database_file._make_private, threading.Lock()
    path = tmp_path_factory.mktemp("empty") / "history.db"
    open_database(path, 0.0).connection.close()
    empty = path.read_bytes()

    def begin(path: Path) -> None:
        with lock:
            make(path)
            if path.is_file() and not path.stat().st_size:
                with suppress(OSError):
                    path.write_bytes(empty)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_file, "_make_private", begin)
        yield


@pytest.fixture(scope="session")
def tmux() -> str:
    """The path of tmux. A journey that nobody could watch has not passed, so there is no skip."""
    path = shutil.which("tmux")
    if path is None:
        pytest.fail(
            "the tests marked `terminal` need tmux: install it, or deselect them with -m 'not terminal'"
        )
    return path
