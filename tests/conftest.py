"""What every test may rely on: no key, no service and no data of the person who runs it."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import shutil
import signal
import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from inspect import iscoroutinefunction
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings

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
    left_out = session.config.getini("norecursedirs")
    paths = sorted(path for path in TESTS.rglob("test_*.py") if path.parent.name not in left_out)
    for path in paths[int(worker["workerid"][2:]) :: worker["workercount"]]:
        # What cannot be imported is tried again, and told, by the collection.
        with suppress(Exception, pytest.skip.Exception):
            import_module(".".join(path.relative_to(TESTS.parent).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Thousands of collected tests would be walked through at every full collection, in each process."""
    gc.enable()
    gc.collect()
    gc.freeze()
    # Within a test only a flood is collected: an app that lives would be walked through again and again.
    gc.set_threshold(1_000_000, 10, 10)


def pytest_runtest_logfinish() -> None:
    """What a test leaves is collected once, when most of it is dead."""
    if gc.get_count()[0] > 20_000:
        gc.collect(1)


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


@pytest.fixture(scope="session")
def tmux() -> str:
    """The path of tmux. A journey that nobody could watch has not passed, so there is no skip."""
    path = shutil.which("tmux")
    if path is None:
        pytest.fail(
            "the tests marked `terminal` need tmux: install it, or deselect them with -m 'not terminal'"
        )
    return path
