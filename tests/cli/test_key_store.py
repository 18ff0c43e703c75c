"""The key store of a desktop: a real Secret Service on a bus of its own, unlocked, locked, hanging and gone.

Run with `-m slow`. It needs dbus-daemon, dbus-send and gnome-keyring-daemon, and the extra `keystore`;
`test_keys.py` shows the same with stores that are made up.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from handinger_tui.local.server import LocalServer
from tests.cli.program import environ, start
from tests.e2e.runner import Ran

TOOLS = ("dbus-daemon", "dbus-send", "gnome-keyring-daemon")
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir={folder}</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"""
"""A bus that starts no services by itself."""
LOCK = """
import secretstorage
collection = secretstorage.get_default_collection(secretstorage.dbus_init())
collection.lock()
assert collection.is_locked()
"""


@contextmanager
def desktop(folder: Path) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """The environment of a session, and the key store that serves it, unlocked."""
    config = folder / "bus.conf"
    config.write_text(BUS.format(folder=folder))
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"]
    bus = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert bus.stdout is not None
    env = environ(
        folder / "home",
        HOME=str(folder),
        XDG_DATA_HOME=str(folder / "data"),
        XDG_RUNTIME_DIR=str(folder),
        DBUS_SESSION_BUS_ADDRESS=bus.stdout.readline().strip(),
    )
    command = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    store = subprocess.Popen(command, stdin=subprocess.PIPE, env=env, text=True, **quiet)  # type: ignore[call-overload]  # one dict
    try:
        assert store.stdin is not None
        store.stdin.write("a password")
        store.stdin.close()
        question = "org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets"
        ask = [
            "dbus-send",
            "--session",
            "--print-reply",
            "--dest=org.freedesktop.DBus",
            "/",
            *question.split(),
        ]
        while "true" not in subprocess.run(ask, env=env, capture_output=True, text=True, check=True).stdout:
            assert store.poll() is None
        yield env, store
    finally:
        for process in (store, bus):
            process.kill()
            process.communicate()


def lock(env: dict[str, str], _store: subprocess.Popen[str]) -> None:
    subprocess.run([sys.executable, "-c", LOCK], env=env, check=True)


def hang(_env: dict[str, str], store: subprocess.Popen[str]) -> None:
    store.send_signal(signal.SIGSTOP)


def go(_env: dict[str, str], store: subprocess.Popen[str]) -> None:
    store.kill()
    store.wait()


STATES: dict[str, tuple[Callable[[dict[str, str], subprocess.Popen[str]], None], str]] = {
    "unlocked": (lambda _env, _store: None, ""),
    "locked": (lock, "The key store refused"),
    "hanging": (hang, "The key store did not answer within 5 s"),
    "gone": (go, "key store"),
}
"""What happens to the store, and what is said of it then."""


@pytest.mark.slow
@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="no D-Bus, or no gnome-keyring, here")
@pytest.mark.skipif(find_spec("secretstorage") is None, reason="the extra keystore is not installed")
@pytest.mark.parametrize("state", STATES)
def test_a_real_key_store(state: str, tmp_path: Path) -> None:
    change, problem = STATES[state]
    with LocalServer.start(pace=0) as server, desktop(tmp_path) as (env, store):

        def do(*words: str, entered: str = "") -> Ran:
            process = start(env, *words, stdin=subprocess.PIPE)
            out, err = process.communicate(entered, timeout=60)
            assert server.api_key not in out + err
            assert "Traceback" not in err
            return Ran(process.returncode, out, err)

        login = ("login", "--base-url", server.base_url)
        stored = do(*login, entered=f"{server.api_key}\n")
        assert (stored.code, "in the key store" in stored.out) == (0, True), stored.err
        config = (tmp_path / "home" / "config.toml").read_bytes()
        change(env, store)
        ran = do("-p", "echo tea", "--json")
        if problem:
            assert (ran.code, ran.result["status"], ran.result["posts_sent"]) == (2, "not_sent", 0)
            assert problem in ran.err
        else:
            assert (ran.code, ran.result["text"]) == (0, "tea")
        again = do(*login, entered=f"{server.api_key}\n")
        assert again.code == (2 if problem else 0)
        assert "login --file" in again.err or not problem
        shown = json.loads(do("key", "show", "--json").out)
        assert ("error" in shown) == bool(problem)
        assert (tmp_path / "home" / "config.toml").read_bytes() == config
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in files if server.api_key.encode() in path.read_bytes()] == []
