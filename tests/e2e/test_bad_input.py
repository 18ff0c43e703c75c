"""Bad input: a clear message, the right exit code, nothing lost, nothing sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handinger_tui.local.server import LocalServer
from tests.e2e.runner import KEY, run
from tests.wire.recordings import recordings
from tests.wire.replay import Player, playing

if TYPE_CHECKING:
    import asyncio

PLAIN = next(one for one in recordings("6") if one.path.stem == "plain-text")


@pytest.mark.parametrize("argv", [("-p", ""), ("-p", "   "), ("-p",), ("--json", "  \n ")])
def test_an_empty_prompt_is_not_sent(argv: tuple[str, ...], tmp_path: Path) -> None:
    player = Player(PLAIN)
    with playing(player) as url:
        ran = run(*argv, home=tmp_path, base_url=url)
    assert ran.code == 2
    assert "empty" in ran.err
    assert player.requests == []


def test_an_unknown_worker_is_rejected_and_the_prompt_is_kept(tmp_path: Path) -> None:
    with LocalServer.start(pace=0) as server:
        ran = run(
            "-p",
            "hello",
            "-w",
            "nobody",
            "--json",
            home=tmp_path,
            base_url=server.base_url,
            key=server.api_key,
        )
    assert ran.code == 3
    assert (ran.result["status"], ran.result["error"]["kind"]) == ("rejected", "not_found")
    assert ran.result["draft"] == "hello"
    assert ran.result["error"]["may_have_been_charged"] is False


def test_a_wrong_key_is_refused(tmp_path: Path) -> None:
    with LocalServer.start(pace=0) as server:
        ran = run("-p", "hello", "--json", home=tmp_path, base_url=server.base_url, key=KEY)
    assert ran.code == 4
    assert (ran.result["error"]["kind"], ran.result["error"]["http_status"]) == ("auth", 401)
    assert ran.result["draft"] == "hello"
    assert KEY not in ran.out + ran.err


@pytest.mark.parametrize(("worker", "advice"), [((), "Check the base URL"), (("-w", "w1"), "worker id")])
def test_a_404_names_what_may_be_wrong(worker: tuple[str, ...], advice: str, tmp_path: Path) -> None:
    player = Player(PLAIN, answer=(404, {"content-type": "application/json"}, b'{"error": "no route"}'))
    with playing(player) as url:
        ran = run("-p", "hello", *worker, home=tmp_path, base_url=url)
    assert ran.code == 3
    assert "no route. " not in ran.err
    assert "no route.\n" in ran.err
    assert advice in ran.err
    assert url in ran.err


def test_a_base_url_without_a_key_has_a_hint(tmp_path: Path) -> None:
    ran = run("-p", "hello", "--base-url", "https://x.example", home=tmp_path)
    assert ran.code == 2
    assert "HANDINGER_API_KEY" in ran.err


@pytest.mark.parametrize(
    "url", ["nonsense", "http://example.test", "https://", "ftp://x", "https://a:b@c.example"]
)
def test_a_bad_url_is_named(url: str, tmp_path: Path) -> None:
    ran = run("-p", "hello", "--base-url", url, home=tmp_path, HANDINGER_API_KEY=KEY)
    assert ran.code == 2
    assert ran.out == ""
    assert "Use" in ran.err


@pytest.mark.parametrize("what", ["missing", "folder", "unreadable"])
def test_an_attachment_that_cannot_be_read_sends_nothing(what: str, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    if what == "folder":
        path.mkdir()
    elif what == "unreadable":
        path = Path("/proc/self/mem") if Path("/proc/self/mem").exists() else path
    player = Player(PLAIN)
    with playing(player) as url:
        ran = run("-p", "hello", "-f", str(path), home=tmp_path, base_url=url)
    assert ran.code == 10
    assert "othing was sent" in ran.err
    assert player.requests == []


@pytest.mark.parametrize(
    ("file", "message"),
    [("budgett = 'low'", "budget"), ("budget = 'lo'", "low"), ("x = [", "not valid TOML")],
)
def test_a_configuration_file_with_a_typo_is_explained(file: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(file)
    ran = run("-p", "hello", home=tmp_path)
    assert ran.code == 2
    assert message in ran.err
    assert str(tmp_path / "config.toml") in ran.err or "budget" in ran.err
    assert (tmp_path / "config.toml").read_text() == file


@pytest.mark.parametrize(
    "argv",
    [("--nonsense",), ("-b", "lots", "-p", "x"), ("-c", "-w", "a", "-p", "x"), ("-p", "a", "b"),
     ("sessions", "fly"), ("--timeout", "soon", "-p", "x"), ("--output-format", "xml", "-p", "x")],
)  # fmt: skip
def test_a_wrong_command_line_is_usage(argv: tuple[str, ...], tmp_path: Path) -> None:
    ran = run(*argv, home=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("handinger-tui: ")


@pytest.mark.parametrize("argv", [("-c", "-p", "x"), ("-r", "ses_nothing", "-p", "x")])
def test_a_session_that_does_not_exist_is_reported(argv: tuple[str, ...], tmp_path: Path) -> None:
    ran = run(*argv, home=tmp_path, base_url="http://127.0.0.1:9")
    assert ran.code == 2
    assert "session" in ran.err


def test_a_generation_that_does_not_exist_sends_nothing(tmp_path: Path) -> None:
    player = Player(PLAIN)
    with playing(player) as url:
        ran = run("-p", "hello", home=tmp_path, base_url=url, HANDINGER_GENERATION="agents")
    assert ran.code == 2
    assert "Use one of: workers, tasks." in ran.err
    assert player.requests == []


def test_a_refused_connection_is_safe_to_send_again(tmp_path: Path) -> None:
    ran = run(
        "-p", "hello", "--json", home=tmp_path, base_url="http://127.0.0.1:9", HANDINGER_CONNECT_TIMEOUT="2"
    )
    assert ran.code == 7
    assert (ran.result["status"], ran.result["error"]["kind"]) == ("not_sent", "connect")
    assert (ran.result["draft"], ran.result["posts_sent"]) == ("hello", 0)


def test_with_a_read_only_home_only_no_history_sends(tmp_path: Path) -> None:
    home = tmp_path / "file"
    home.write_text("in the way")
    player = Player(PLAIN)
    with playing(player) as url:
        refused = run("-p", "hello", "--json", home=home / "below", base_url=url)
        assert player.requests == []
        ran = run("-p", "hello", "--json", "--no-history", home=home / "below", base_url=url)
    assert refused.code == 10
    assert ran.code == 0
    assert ran.result["text"] == PLAIN.expected["text"]
    assert "No history is kept" in ran.err
    # Nothing was stored, so no id names it.
    assert (refused.result["session_id"], refused.result["turn_id"]) == (None, None)
    assert ran.result["session_id"] is None
    assert "ses_" not in refused.err + ran.err
    assert refused.err.count("Nothing was sent") == 1


class Vandal(Player):
    """A service that deletes one of our folders while it answers."""

    folder: Path

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.folder.exists():
            self.folder.rmdir()
        await super().handle(reader, writer)


def test_an_answer_that_can_no_longer_be_saved_is_printed(tmp_path: Path) -> None:
    player = Vandal(PLAIN)
    player.folder = tmp_path / "answers"
    player.folder.mkdir()
    with playing(player) as url:
        ran = run("-p", "hello", "-o", str(player.folder / "answer.md"), home=tmp_path, base_url=url)
    assert (ran.code, player.posts) == (10, 1)
    assert "Cannot save the answer" in ran.err
    assert ran.out.strip() == PLAIN.expected["text"].strip()


SHAPES = json.loads((Path(__file__).parent / "data" / "http-errors.json").read_text("utf-8"))
WANTED = {
    "401-error-string": ("auth", 4),
    "401-error-object": ("auth", 4),
    "402-message": ("payment", 5),
    "404-plain": ("not_found", 3),
    "422-issues": ("invalid", 3),
    "429-retry-after": ("rate_limited", 6),
    "500-html": ("server", 8),
    "204-nothing-to-resume": (None, 8),
}


@pytest.mark.parametrize("name", SHAPES)
def test_error_shapes_give_the_right_kind_and_exit_code(name: str, tmp_path: Path) -> None:
    item, (kind, code) = SHAPES[name]["item"], WANTED[name]
    player = Player(PLAIN, answer=(item["status"], item["headers"], item["body"].encode()))
    with playing(player) as url:
        ran = run("-p", "hello", "--json", home=tmp_path, base_url=url, HANDINGER_RECOVERY_WINDOW="0.3")
    assert player.posts == 1
    error = ran.result["error"]
    assert ran.code == code
    if kind is not None:
        assert error["kind"] == kind
        assert error["message"]
        assert "<" not in error["message"]
    assert ran.result["draft"] == "hello"
    if name == "429-retry-after":
        assert error["retry_after_s"] == 7
