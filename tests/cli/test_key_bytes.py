"""The bytes of the key are in no core dump, command line, picture or file: real processes, read from outside.

That they are in no log and no report, `test_keys.py`, `test_shell_options.py` and tests/api show.
"""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from handinger_tui.cli.app import app_options
from handinger_tui.cli.args import parse
from handinger_tui.cli.load_settings import settings_for
from handinger_tui.local.server import LocalServer
from handinger_tui.ui.app import HandingerApp
from tests.cli.program import environ, start
from tests.house.project import ROOT
from tests.ui.pilot import running

LIMIT_AT_THE_END = """
import resource, sys
from handinger_tui.cli.main import main
main()
sys.stderr.write(f"soft limit {resource.getrlimit(resource.RLIMIT_CORE)[0]}")
"""
HELLO = (
    '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18",'
    ' "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}\n'
)
LASTING = {
    "-p": (("-p", "silent 300", "--output-format", "stream-json"), None),
    "--plain": (("--plain",), "silent 300\n"),
    "mcp": (("mcp", "--max-cost", "5"), HELLO),
}
PLACES = {
    "file": "api_key = {key!r}",
    "command": "key_command = [{python!r}, '-c', \"print(open({file!r}).read())\"]",
}


def allow_core() -> None:
    """As in a shell after `ulimit -c unlimited`."""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0, reason="no core dumps here")
@pytest.mark.parametrize("words", [("costs",), ("config",)])
def test_reading_the_settings_forbids_core_dumps(words: tuple[str, ...], tmp_path: Path) -> None:
    """The key is in the file, also for a command that does not use it."""
    (tmp_path / "config.toml").write_text('api_key = "hdg_test_0123456789"\n', "utf-8")
    process = start(environ(tmp_path), *words, code=LIMIT_AT_THE_END, limit=allow_core)
    _, err = process.communicate(timeout=60)
    assert err.endswith("soft limit 0"), err


async def test_no_picture_has_the_key(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that names it is saved as Textual saves a screen."""
    (tmp_path / "config.toml").write_text(f"api_key = {server.api_key!r}\n", "utf-8")
    variables = {"HANDINGER_TUI_HOME": str(tmp_path), "HANDINGER_BASE_URL": server.base_url}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    args = parse([])
    async with AsyncExitStack() as stack:
        app = HandingerApp(app_options(args, settings_for(args), stack))
        async with running(app, size=(100, 40)) as pilot:
            await pilot.press(*"/settings", "enter")
            picture = ""
            while "api_key" not in picture:
                await pilot.pause()
                picture = app.export_screenshot()
    assert server.api_key[-4:] in picture
    assert server.api_key[:-4] not in picture


def memory(pid: int) -> Iterator[bytes]:
    """What a process has in memory that it can write to."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as file:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if rights.startswith("rw"):
                begin, end = (int(at, 16) for at in span.split("-"))
                file.seek(begin)
                yield file.read(end - begin)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", LASTING)
def test_the_key_is_in_memory_alone(kind: str, place: str, tmp_path: Path) -> None:
    """Its command line and those of its children lack it, and a crash leaves no file with it.

    Its memory has the key, as a debugger sees: that is what a core dump would be.
    """
    words, entered = LASTING[kind]
    home, secret = tmp_path / "home", tmp_path / "secret"
    home.mkdir()
    with LocalServer.start() as server:
        secret.write_text(server.api_key)
        text = PLACES[place].format(key=server.api_key, python=sys.executable, file=str(secret))
        (home / "config.toml").write_text(text + "\n", "utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "handinger_tui", *words],
            cwd=tmp_path,
            env=environ(home, HANDINGER_BASE_URL=server.base_url, PYTHONPATH=str(ROOT)),
            stdin=subprocess.DEVNULL if entered is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=allow_core,  # noqa: PLW1509 - sets a limit of the child and nothing else
        )
        assert process.stdout is not None
        if process.stdin is not None and entered is not None:
            process.stdin.write(entered)
            process.stdin.flush()
        while not re.search("reasoning-delta|^sent:|serverInfo", line := process.stdout.readline()):
            assert line
        key = server.api_key.encode()
        assert key not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert any(key in piece for piece in memory(process.pid)), "a core dump would have nothing to hide"
        process.send_signal(signal.SIGABRT)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGABRT
    secret.unlink()
    (home / "config.toml").unlink()
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left or kind == "mcp"
    assert [path.name for path in left if path.name.startswith("core") or key in path.read_bytes()] == []
