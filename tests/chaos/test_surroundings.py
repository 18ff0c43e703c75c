"""A full disk, no home, a damaged history, a broken configuration, an odd environment.

What belongs to a process, its limits, its locale, its locks, is tried in one of its own."""

from __future__ import annotations

import os
import re
import resource
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.judge import prompt_for
from tests.chaos.processes import Place, ended, file_limit, is_superuser
from tests.chaos.rawterm import rawterm
from tests.chaos.server import FaultServer
from tests.chaos.world import World
from tests.e2e.runner import KEY, Ran

OK = "ok-stream"

NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Python reads a half-written cache as a complete one, and every later start of this checkout would fail."""


@pytest.fixture
def place(server: FaultServer, tmp_path: Path) -> Place:
    return Place(server, tmp_path)


@pytest.fixture
def used(place: Place) -> Place:
    """A place with a history."""
    assert place.run(place.world(OK)).code == 0
    return place


def check_answered(ran: Ran, world: World) -> None:
    assert (ran.code, ran.result["text"], world.posts) == (0, world.text, 1), ran.err


# -- the terminal ------------------------------------------------------------------------------
def test_a_terminal_that_is_closed_while_it_is_too_slow_ends_the_program_in_order(tmp_path: Path) -> None:
    with rawterm("--local", "long 400", home=tmp_path, HANDINGER_LOCAL_PACE="0.02") as terminal:
        # A word arrives alone: only what comes in one piece is written in one piece.
        terminal.shows("Paragraph")
        terminal.fill_up()
        assert terminal.hang_up() == 143
    (database,) = tmp_path.rglob("*.db")
    with closing(sqlite3.connect(database)) as history:
        assert history.execute("SELECT count(*) FROM turns").fetchone() == (1,)


@pytest.mark.parametrize(
    ("term", "colored"),
    [("vt100", False), pytest.param("linux", True, marks=pytest.mark.slow), ("no-such-terminal", True)],
)
def test_a_terminal_without_colors_gets_none(tmp_path: Path, term: str, colored: bool) -> None:
    with rawterm("--local", "hello", home=tmp_path, TERM=term, COLORTERM="") as terminal:
        terminal.shows("completed")
        numbers = re.findall(rb"\x1b\[([\d;]*)m", bytes(terminal.output))
        assert any(re.search(rb"(^|;)([349][0-7]|10[0-7])", number) for number in numbers) is colored


# -- the disk ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "size",
    [4096, *(pytest.param(size, marks=pytest.mark.slow) for size in (40_000, 140_000)), 90_000, 200_000],
)
def test_disk_full_history(place: Place, size: int) -> None:
    """Wherever the disk is full: no POST without the request on disk, or an answer shown in full."""
    world = place.world("slow-20-deltas")
    ran = place.run_apart(world, limit=file_limit(size), env=NO_BYTECODE)
    if world.posts:
        assert (ran.result["text"], world.posts) == (world.text, 1)
    else:
        assert ran.code in (2, 7, 10)
        assert ran.err.strip()
    if place.database.exists() and place.database.stat().st_size:
        assert place.rows("SELECT 1") == [(1,)]


def test_the_resume_command_is_printed_although_the_history_cannot_be_closed(tmp_path: Path) -> None:
    with rawterm("--local", "long 400", home=tmp_path, HANDINGER_LOCAL_PACE="0.1") as terminal:
        terminal.shows("Paragraph 2")
        written = (tmp_path / "history.db-wal").stat().st_size
        resource.prlimit(terminal.process_id, resource.RLIMIT_FSIZE, (written + 4_096, -1))
        terminal.shows("Paragraph 20")
        assert terminal.leave("\x04") == 10
        output = terminal.output.decode()
        assert "Resume this session" in output
        assert "Cannot write the history" in output


def a_file_as_home(tmp_path: Path) -> Path:
    """Nothing can be kept there."""
    home = tmp_path / "home"
    home.write_text("a file")
    return home


def test_what_was_typed_and_can_be_saved_nowhere_is_on_the_terminal_at_the_end(tmp_path: Path) -> None:
    with rawterm("--local", home=a_file_as_home(tmp_path)) as terminal:
        terminal.shows("No history")
        terminal.press("half a thought")
        terminal.reach("\r", "Send without history?")
        assert terminal.leave("\x03\x03") == 10
        assert "Not saved:            half a thought" in terminal.output.decode()


def test_plain_mode_says_what_it_could_not_save(tmp_path: Path) -> None:
    with rawterm("--local", "--plain", home=a_file_as_home(tmp_path)) as terminal:
        terminal.shows("you>")
        terminal.press("half a thought\n")
        terminal.shows("Send without history?")
        terminal.press("\n")
        terminal.shows("No history to record the message in.")
        terminal.press("/quit\n")
        terminal.shows("What you typed is not saved.")
        terminal.press("/quit\n")
        assert terminal.ends() == 10
        assert "not saved: half a thought" in terminal.output.decode()


def check_not_sent(ran: Ran, world: World, reason: str) -> None:
    """Nothing was sent, the message is a draft again, and the error names the reason and the remedy."""
    assert (ran.code, world.posts, ran.result["status"]) == (10, 0, "not_sent"), ran.err
    assert ran.result["error"]["kind"] == "disk"
    assert reason in ran.result["error"]["message"]
    assert "--no-history" in ran.err
    assert ran.result["draft"] == prompt_for(world)


def without_history(world: World) -> tuple[str, ...]:
    return ("-p", prompt_for(world), "-w", world.worker_id, "--json", "--no-history")


def test_readonly_home(place: Place) -> None:
    place.home.chmod(0o555)
    try:
        world = place.world(OK)
        ran = place.run(world)
    finally:
        place.home.chmod(0o755)
    # Permissions do not bind the superuser; the cases below apply to every user.
    if is_superuser():
        check_answered(ran, world)
    else:
        check_not_sent(ran, world, "Cannot write the history")


def test_a_file_where_the_home_should_be(place: Place) -> None:
    place.data.write_text("a file")
    world = place.world(OK)
    check_not_sent(place.run(world), world, "Cannot write the history")
    assert place.data.read_text() == "a file"
    check_answered(place.run(world, *without_history(world)), world)


def test_no_home(place: Place) -> None:
    world = place.world(OK)
    nowhere = {"HOME": "/dev/null/home", "HANDINGER_TUI_HOME": None}
    check_not_sent(place.run_apart(world, env=nowhere), world, "Cannot write the history")
    check_answered(place.run_apart(world, *without_history(world), env=nowhere), world)


def test_home_unset(place: Place) -> None:
    world = place.world(OK)
    folders = {f"XDG_{name}_HOME": str(place.home / name) for name in ("DATA", "CONFIG", "STATE", "CACHE")}
    ran = place.run_apart(world, env={"HOME": None, "HANDINGER_TUI_HOME": None, **folders})
    check_answered(ran, world)
    assert list((place.home / "DATA").rglob("history.db"))


# -- the history -------------------------------------------------------------------------------
def kept_aside(place: Place) -> list[Path]:
    return [path for path in place.data.iterdir() if ".damaged-" in path.name]


def check_kept(place: Place, content: bytes) -> None:
    """A damaged history is not changed until a person decides, and nothing is sent without it."""
    for _ in range(2):
        world = place.world(OK)
        check_not_sent(place.run(world), world, "damaged")
        assert place.database.read_bytes() == content
        assert not kept_aside(place)
    again = place.world(OK)
    check_answered(place.run(again, *without_history(again)), again)


def test_db_garbage(used: Place) -> None:
    content = bytearray(used.database.read_bytes())
    content[:840] = b"not a database, sorry" * 40
    used.database.write_bytes(content)
    check_kept(used, bytes(content))


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def blot(content: bytes) -> bytes:
    """Overwrite the head of every page but the first."""
    pages = range(4096, len(content), 4096)
    return content[:4096] + b"".join(b"\xff" * 12 + content[at + 12 : at + 4096] for at in pages)


@pytest.mark.parametrize("damage", [truncate, blot])
def test_a_damaged_database(used: Place, damage: Callable[[bytes], bytes]) -> None:
    content = damage(used.database.read_bytes())
    used.database.write_bytes(content)
    check_kept(used, content)


def test_a_torn_write_ahead_log(place: Place) -> None:
    """As after a power cut: the log ends in the middle of a page. Earlier commits are there."""
    world = place.world(OK)
    assert place.run(world).code == 0
    with closing(sqlite3.connect(place.database, isolation_level=None)) as writer:
        writer.execute("UPDATE sessions SET title = 'committed'")
        writer.execute("UPDATE sessions SET title = 'torn'")
        log = place.database.with_name("history.db-wal")
        torn, main = log.read_bytes()[:-1000], place.database.read_bytes()
    place.database.write_bytes(main)
    log.write_bytes(torn)
    place.database.with_name("history.db-shm").unlink(missing_ok=True)
    again = place.world(OK)
    check_answered(place.run(again), again)
    assert not kept_aside(place)
    assert place.turns_of(world) == [(prompt_for(world), "completed")]
    titles = {title for (title,) in place.rows("SELECT title FROM sessions")}
    assert "committed" in titles
    assert "torn" not in titles


def test_db_empty(place: Place) -> None:
    place.data.mkdir()
    place.database.touch()
    world = place.world(OK)
    check_answered(place.run_apart(world), world)
    assert place.turns_of(world) == [(prompt_for(world), "completed")]


def test_a_newer_schema(used: Place) -> None:
    with closing(sqlite3.connect(used.database)) as connection:
        connection.execute("PRAGMA user_version = 999999")
    content = used.database.read_bytes()
    world = used.world(OK)
    check_not_sent(used.run(world), world, "newer version")
    check_answered(used.run(world, *without_history(world)), world)
    assert used.database.read_bytes() == content
    assert not kept_aside(used)


def test_db_locked(used: Place) -> None:
    with closing(sqlite3.connect(used.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        world = used.world(OK)
        ran = used.run_apart(world, env={"HANDINGER_HISTORY_WAIT": "3"})
        other.execute("ROLLBACK")
    check_not_sent(ran, world, "in use by another process")
    assert ran.err.count("Waiting for the history") == 1
    assert used.rows("SELECT COUNT(*) FROM turns") == [(1,)]


def test_the_program_waits_for_a_lock(used: Place) -> None:
    world = used.world(OK)
    with closing(sqlite3.connect(used.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = used.start(world, env={"HANDINGER_HISTORY_WAIT": "60", "HANDINGER_MAX_WAIT": "60"})
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Waiting for the history")
        assert not world.posts
        other.execute("ROLLBACK")
    check_answered(ended(process), world)


@pytest.mark.parametrize(
    "limit", [{}, {"HANDINGER_LIMIT_DAY_USD": "0.003"}, {"HANDINGER_LIMIT_WORKER_CREDITS": "1"}]
)
def test_removing_the_history_does_not_bypass_a_limit(used: Place, limit: dict[str, str | None]) -> None:
    used.database.rename(used.database.with_name("kept"))
    used.database.mkdir()
    world = used.world(OK)
    check_not_sent(used.run(world, env=limit), world, "Cannot write the history")


# -- configuration and environment ---------------------------------------------------------------
def test_config_broken(place: Place) -> None:
    place.data.mkdir()
    file = place.data / "config.toml"
    file.write_bytes(b'api_key = "unterminated\n[[[\x00')
    before = file.read_bytes()
    world = place.world(OK)
    ran = place.run(world)
    assert str(file) in ran.err
    assert "line 1" in ran.err
    assert world.posts <= 1
    assert (ran.code, world.posts) == (2, 0) or ran.result["text"] == world.text
    assert file.read_bytes() == before


def test_env_socks_proxy(place: Place) -> None:
    world = place.world(OK)
    ran = place.run(world, env={"ALL_PROXY": "socks5://127.0.0.1:1"})
    if world.posts:
        check_answered(ran, world)
    else:
        assert "ALL_PROXY" in ran.err
        assert ran.code == 2


# More white space and more odd keys: tests/test_settings.py.
@pytest.mark.parametrize("more", ["\r\n"])
def test_key_newline(place: Place, more: str) -> None:
    world = place.world(OK)
    check_answered(place.run(world, env={"HANDINGER_API_KEY": KEY + more}), world)


@pytest.mark.parametrize("odd", ["\n#", "é"])
def test_a_key_with_an_invalid_character_is_refused_and_not_printed(place: Place, odd: str) -> None:
    world = place.world(OK)
    ran = place.run(world, env={"HANDINGER_API_KEY": KEY + odd + "tail"})
    assert (ran.code, world.posts) == (2, 0)
    assert "key" in ran.err.lower()


def test_key_missing(place: Place) -> None:
    """Without a key nothing reaches the service."""
    world = place.world(OK)
    ran = place.run(world, env={"HANDINGER_API_KEY": None})
    assert not world.exchanges
    assert "key" in ran.err.lower()


def test_locale_c(place: Place) -> None:
    world = place.world("one-byte-chunks")
    ascii_only = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    ran = place.run_apart(world, "-p", "hello", "-w", world.worker_id, env=ascii_only)
    assert (ran.code, world.posts) == (0, 1)
    assert ran.out.strip() == world.text.encode("ascii", "replace").decode()


def test_the_process_table_never_shows_the_key(place: Place) -> None:
    """The key is read from the environment; no flag would put it into the arguments."""
    world = place.world(OK)
    ran = place.run(world, "--help")
    assert ran.code == 0
    assert not [word for word in ran.out.split() if word.startswith("--") and "key" in word]
    assert os.environ.get("HANDINGER_API_KEY") is None
