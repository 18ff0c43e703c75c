"""Invalid files, variables, ports and machines: a short message, the right exit code, never a traceback."""

from __future__ import annotations

import json
import os
import pwd
import resource
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handinger_tui.cli.local_files import default_paths
from handinger_tui.cli.run_output import only_prints
from handinger_tui.core.errors import SettingsError
from handinger_tui.local.server import LocalServer
from tests.cli.program import PLAIN, environ, needs_full_device, service, start
from tests.e2e.runner import run
from tests.ledger.samples import answered, opened, play, session, turn_request

if TYPE_CHECKING:
    from collections.abc import Callable


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; the message has at most two lines."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert 1 <= len(err.splitlines()) <= 3, err
    return process.returncode, out, err


# -- the configuration file ----------------------------------------------------------------------
def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def text(content: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


CONFIGURATIONS: dict[str, Callable[[Path], object]] = {
    "a pipe": pipe,
    "a device": endless,
    "a folder": Path.mkdir,
    "a link to a missing file": lambda path: path.symlink_to(path.parent / "missing" / "config.toml"),
    "no UTF-8": text(b'theme = "\xff"'),
    "infinite": text("[limits]\nmax_event_bytes = inf"),
    "no number": text("[limits]\nidle_timeout = nan"),
    "a truth": text("[limits]\nidle_timeout = true"),
    "a half byte": text("[limits]\nmax_event_bytes = 1.5"),
    "a long number": text("[limits]\nmax_event_bytes = " + "9" * 6000),
    "a huge exponent": text("[limits]\nmax_event_bytes = 1e999999999"),
    "a tiny exponent": text("[limits]\nidle_timeout = 1e-999999999"),
    "a list": text("[limits]\nidle_timeout = [1]"),
    "deep": text("x = " + "[" * 50_000),
    "a line in a header": text('[headers]\nX = "a\\r\\nB: c"'),
    "no header": text('headers = "X: y"'),
    "large": text("#" * 2_000_000),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_an_invalid_configuration_file_is_reported(name: str, tmp_path: Path) -> None:
    CONFIGURATIONS[name](tmp_path / "config.toml")
    with service() as (player, url):
        ran = run("-p", "hi", home=tmp_path, base_url=url)
    assert (ran.code, ran.out, player.requests) == (2, "", [])
    assert "config.toml" in ran.err or "header" in ran.err
    assert 1 <= len(ran.err.splitlines()) <= 3, ran.err


def test_a_byte_order_mark_is_removed(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'\xef\xbb\xbfbudget = "low"\n')
    assert run("config", "--json", home=tmp_path).result["settings"]["budget"]["value"] == "low"


# -- the environment -------------------------------------------------------------------------------
@pytest.mark.parametrize("value", ["abc", "inf", "nan", "-1", "1e18", "1e-400", "9" * 6000])
@pytest.mark.parametrize("name", ["LOCAL_PACE", "MAX_EVENT_BYTES", "IDLE_TIMEOUT"])
def test_an_invalid_number_is_reported(name: str, value: str, tmp_path: Path) -> None:
    name = f"HANDINGER_{name}"
    ran = run("-p", "hi", "--local", home=tmp_path, **{name: value})
    assert (ran.code, ran.out) == (2, "")
    assert name in ran.err


@pytest.mark.parametrize("zone", ["ABC-24", "ABC30", "<+99>-99:59", "AAA-3BBB-40,0,300"])
@pytest.mark.parametrize("words", [("costs", "--json"), ("-p", "hi", "--json"), ("sessions", "--json")])
def test_a_time_zone_a_day_from_utc_is_reported(words: tuple[str, ...], zone: str, tmp_path: Path) -> None:
    with service() as (player, url):
        code, out, err = ended(start(environ(tmp_path, url, TZ=zone), *words))
    assert (code, player.requests) == (2, [])
    assert "TZ" in err
    assert json.loads(out)["error"]["kind"] == "settings"


def test_an_empty_number_is_unset(tmp_path: Path) -> None:
    ran = run("config", "--json", home=tmp_path, HANDINGER_LOCAL_PACE="", HANDINGER_IDLE_TIMEOUT="")
    assert ran.code == 0


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No HOME, and a user without a name, as in many containers."""

    def nobody(_number: int) -> pwd.struct_passwd:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in [name for name in os.environ if name == "HOME" or name.startswith("XDG_")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_the_configured_folder_is_enough(tmp_path: Path) -> None:
    ran = run("-p", "echo hi", "--local", home=tmp_path, HANDINGER_LOCAL_PACE="0")
    assert (ran.code, ran.out) == (0, "hi\n")
    assert default_paths().downloads.is_absolute()


@pytest.mark.usefixtures("homeless")
def test_without_any_folder_the_error_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HANDINGER_TUI_HOME")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        default_paths()
    assert "HANDINGER_TUI_HOME" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


# -- descriptors, ports, pipes ---------------------------------------------------------------------
@pytest.mark.parametrize("argv", [("-p", "echo hi", "--local", "--json"), ("sessions", "--json"), ("local",)])
@pytest.mark.parametrize("count", [5, 8, 12, 20])
def test_too_few_file_descriptors_are_reported(argv: tuple[str, ...], count: int, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))

    code, out, err = ended(start(environ(tmp_path), *argv, limit=limit))
    assert code == 10
    assert "ulimit -n" in err
    assert len(out.splitlines()) == ("--json" in argv)


THREADS = """
import sys, threading
from handinger_tui.cli.main import main
most, start = int(sys.argv.pop(1)), threading.Thread.start
def limited(thread):
    if threading.active_count() >= most:
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = limited
raise SystemExit(main())
"""
"""The program where no more than a number of threads is allowed."""


@pytest.mark.parametrize(
    "argv",
    [("-p", "hi", "--json"), pytest.param(("-p", "hi", "--json", "--no-history"), marks=pytest.mark.slow)],
)
def test_too_few_threads_are_reported_and_cost_no_answer(argv: tuple[str, ...], tmp_path: Path) -> None:
    posts = set()
    for most in range(1, 5):
        with service() as (player, url):
            code, out, err = ended(start(environ(tmp_path, url), str(most), *argv, code=THREADS))
        result = json.loads(out)
        # Either nothing is sent, or the answer is complete: also where the loop cannot start a thread to end.
        assert (code, result["status"]) == (0, "completed") if player.posts else code in (7, 10)
        assert player.posts or "thread" in err
        posts.add(player.posts)
    assert posts == {0, 1}


def test_an_invalid_port_is_a_usage_error(tmp_path: Path) -> None:
    for port in ("99999", "-1", "x", "1.5", "9" * 5000):
        ran = run("local", "--port", port, home=tmp_path)
        assert ran.code == 2
        assert "the port must be a number from 0 to 65535" in ran.err


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_an_invalid_timeout_is_explained(tmp_path: Path, text: str) -> None:
    ran = run("-p", "hi", f"--timeout={text}", home=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "argument --timeout: it must be a number of seconds above 0" in ran.err


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = run("local", "--port", str(port), "--json", home=tmp_path)
    assert ran.code == 10
    assert f"Port {port}" in ran.err
    assert "in use" in ran.err
    assert "output" not in ran.err
    assert ran.result["error"]["kind"] == "disk"


@pytest.mark.parametrize(("argv", "code"), [(("config",), 0), (("doctor",), 10)])
def test_a_closed_pipe_causes_no_error(argv: tuple[str, ...], code: int, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with service() as (_, url):
        command = start(environ(tmp_path, url), *argv, stdout=writing)
        os.close(writing)
        _, err = command.communicate(timeout=60)
    assert (command.returncode, err) == (code, "")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("key show", True),
        ("key rm -y", False),
        ("webhook deliveries wrk_1", True),
        ("webhook set wrk_1 https://a.test", False),
        ("workers", True),
        ("workers show wrk_1", True),
        ("schedules list wrk_1", True),
        ("schedules add wrk_1 tidy --every 1d --dry-run", True),
        ("schedules add wrk_1 tidy --every 1d --yes", False),
        ("-p hi", False),
        ("-p hi --dry-run", True),
        ("email wrk_1", True),
        ("--version", True),
        ("", False),
    ],
)
def test_a_reader_that_leaves_is_an_error_only_for_what_acts(line: str, expected: bool) -> None:
    assert only_prints(line.split()) is expected


def test_a_closed_stderr_costs_neither_the_answer_nor_its_file(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    saved = tmp_path / "answer.md"
    with service() as (player, url):
        argv = ("-p", "hi", "-o", str(saved), "--json")
        command = start(environ(tmp_path, url), *argv, stderr=writing)
        os.close(writing)
        out, _ = command.communicate(timeout=60)
    assert (command.returncode, player.posts) == (0, 1)
    assert saved.read_text().strip() == json.loads(out)["text"].strip() != ""


@needs_full_device
@pytest.mark.parametrize(
    ("words", "is_output_full", "expected"),
    [
        (("costs", "--by", "nosuch"), False, 2),
        (("sessions", "show", "ses_1"), False, 2),
        (("sessions",), True, 10),
        (("--version",), True, 10),
        (("-p", "hi", "--local", "--dry-run"), True, 10),
    ],
)
def test_messages_that_cannot_be_printed_do_not_change_the_exit_code(
    words: tuple[str, ...], is_output_full: bool, expected: int, tmp_path: Path
) -> None:
    with Path("/dev/full").open("wb") as full:
        stdout = full.fileno() if is_output_full else subprocess.PIPE
        command = start(environ(tmp_path), *words, stdout=stdout, stderr=full.fileno())
        command.communicate(timeout=60)
    assert command.returncode == expected


def dangling(path: Path) -> None:
    path.symlink_to("missing")


def looping(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("damage", [dangling, looping])
@pytest.mark.parametrize("command", [("costs",), ("sessions",), ("doctor", "--repair")])
def test_a_history_out_of_reach_is_not_an_empty_one(
    command: tuple[str, ...], damage: Callable[[Path], None], tmp_path: Path
) -> None:
    damage(tmp_path / "history.db")
    ran = run(*command, "--json", home=tmp_path)
    assert ran.code == 10
    assert ran.result["error"]["kind"] == "disk"
    assert "Cannot read the history: " in ran.err


def test_a_file_in_place_of_the_folder_is_no_empty_history(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    ran = run("costs", "--json", home=tmp_path / "home")
    assert (ran.code, ran.result["error"]["kind"]) == (10, "disk")
    unsent = run("-p", "hi", "--local", home=tmp_path / "home")
    assert (unsent.code, "Cannot write the history: Not a directory." in unsent.err) == (10, True)


def test_the_folder_of_an_unknown_user_names_the_variable(tmp_path: Path) -> None:
    ran = run("-p", "hi", "--local", home=Path("~no such user/home"))
    assert (ran.code, ran.err.startswith("HANDINGER_TUI_HOME: No home folder for ~no such")) == (2, True)


def nothing_fits() -> None:
    """Let no file have more than 100 bytes, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


async def test_a_history_on_a_full_disk_is_read(own_home: Path) -> None:
    async with opened(own_home / "history.db") as ledger:
        await play(ledger, session(title="A tea"), turn_request(), answered())
    # The first of them leaves side files behind.
    for _ in range(2):
        code, out, err = start_and_end(own_home, "sessions", "--json")
        assert (code, err, json.loads(out)["sessions"][0]["title"]) == (0, "", "A tea")
    code, out, _ = start_and_end(own_home, "export", "ses_1")
    assert code == 0
    assert "an answer" in out


def start_and_end(home: Path, *words: str) -> tuple[int, str, str]:
    # A cut byte code file of a module would outlive the limit.
    process = start(environ(home, PYTHONDONTWRITEBYTECODE="1"), *words, limit=nothing_fits)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@needs_full_device
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-p", "echo hi", "--detach", "--json"), 10),
        (("-p", "echo hi", "--output-format", "stream-json"), 10),
        # The exit code of what became of the message says whether it may be sent again.
        (("-p", "fail", "--json"), 1),
        (("-p", "echo hi", "-w", "nobody", "--json"), 3),
    ],
)
def test_an_output_that_was_lost_is_no_success_and_hides_no_failure(
    words: tuple[str, ...], expected: int, tmp_path: Path
) -> None:
    with LocalServer.start(pace=0) as server, Path("/dev/full").open("wb") as full:
        env = environ(tmp_path, server.base_url, HANDINGER_API_KEY=server.api_key)
        command = start(env, *words, stdout=full.fileno())
        _, err = command.communicate(timeout=60)
    assert command.returncode == expected, err
    assert "Cannot write the output" in err


@needs_full_device
def test_an_answer_that_cannot_be_printed_is_in_the_history(tmp_path: Path) -> None:
    with service() as (player, url), Path("/dev/full").open("wb") as full:
        command = start(environ(tmp_path, url), "-p", "hi", stdout=full.fileno())
        _, err = command.communicate(timeout=60)
    assert (command.returncode, player.posts) == (10, 1)
    assert err.count("Cannot write the output: No space left on device.") == 1
    (show,) = [line.partition(": ")[2] for line in err.splitlines() if "handinger-tui export" in line]
    assert PLAIN.expected["text"] in run(*show.split()[1:], home=tmp_path).out


@pytest.mark.parametrize(("table", "posts"), [("turns", 0), ("answers", 1)])
def test_what_the_history_refuses_is_reported_with_what_it_costs(
    table: str, posts: int, tmp_path: Path
) -> None:
    with service() as (player, url):
        run("-p", "first", home=tmp_path, base_url=url)
        with closing(sqlite3.connect(tmp_path / "history.db")) as history:
            # As on a disk that is full from this write on.
            history.execute(
                f"CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, ''); END"
            )
        ran = run("-p", "hi", "--json", home=tmp_path, base_url=url)
    assert (ran.code, player.posts) == (10, 1 + posts)
    assert ran.result["status"] == ("completed" if posts else "not_sent")
    assert ran.err.count("Nothing was sent.") == 1 - posts
    assert ran.err.count("costs --settle") == posts
