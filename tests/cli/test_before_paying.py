"""Everything that can be checked for free is checked before anything is posted."""

from __future__ import annotations

import json
import os
import stat
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from handinger_tui.cli.app import require_target
from handinger_tui.cli.args import UsageExit, parse
from handinger_tui.cli.connection import connection
from handinger_tui.cli.load_settings import settings_for
from handinger_tui.cli.local_files import default_paths
from handinger_tui.cli.wiring import open_services
from handinger_tui.core.errors import SettingsError
from handinger_tui.local.server import LocalServer
from tests.cli.program import PLAIN, service
from tests.e2e.runner import KEY, Ran, run
from tests.wire.replay import Player, playing

if TYPE_CHECKING:
    from pathlib import Path

HEADLESS = (
    ("-p", "hi"),
    ("hi there", "--json"),
    ("-p", "hi", "--output-format", "stream-json"),
    ("-p", "hi", "--detach"),
    ("hi there", "-o", "answer.md"),
    ("hi there", "--dry-run"),
    ("attach", "w1", "--json"),
    ("email", "w1"),
    ("files", "list", "w1"),
)


@pytest.mark.parametrize("argv", HEADLESS, ids=" ".join)
def test_without_a_key_there_is_no_answer(
    argv: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(*argv, home=tmp_path)
    assert ran.code == 2
    assert "HANDINGER_API_KEY" in ran.err
    assert "--local" in ran.err
    assert ran.out == "" or ran.result["status"] == ("unknown" if argv[0] == "attach" else "not_sent")
    assert not (tmp_path / "answer.md").exists()


def test_the_local_worker_answers_without_a_key(tmp_path: Path) -> None:
    ran = run("-p", "echo hi", "--local", home=tmp_path, HANDINGER_LOCAL_PACE="0")
    assert (ran.code, ran.out) == (0, "hi\n")


def test_a_failed_read_of_a_command_without_a_turn_costs_nothing(tmp_path: Path) -> None:
    # A refused connection, and an answer that is not one of this API: the player serves an event stream.
    with service() as (_, url):
        for base_url in (url, "http://127.0.0.1:9"):
            ran = run("email", "w1", "--json", home=tmp_path, base_url=base_url, key=KEY)
            assert ran.code != 0
            assert ran.result["error"]["may_have_been_charged"] is False


@pytest.mark.parametrize(
    "place",
    [
        ("-w", ""),
        ("-w", " "),
        ("--worker=",),
        ("--task", ""),
        ("-r", ""),
        ("--profile", ""),
        ("--base-url=",),
        ("-o", ""),
        ("--output=",),
        ("-f", ""),
    ],
)
def test_an_empty_place_sends_nothing_anywhere(place: tuple[str, ...], tmp_path: Path) -> None:
    with service() as (player, url):
        ran = run("-p", "hi", "--json", *place, home=tmp_path, base_url=url, key=KEY)
    assert (ran.code, ran.result["status"], player.requests) == (2, "not_sent", [])
    assert ran.result["draft"] == "hi"
    assert place[0].rstrip("=") in ran.err


@pytest.mark.parametrize(
    "argv",
    [("-p", ""), ("-p=",), ("", "--json"), ("send", "", "hi"), ("send", "ses_1", ""), ("-qp", " ")],
)
def test_an_empty_variable_sends_no_message_of_standard_input_alone_and_none_into_the_last_session(
    argv: tuple[str, ...], tmp_path: Path
) -> None:
    with service() as (player, url):
        run("-p", "first", home=tmp_path, base_url=url, key=KEY)
        player.requests.clear()
        ran = run(*argv, home=tmp_path, base_url=url, key=KEY, stdin="from a pipe")
    assert (ran.code, player.requests) == (2, [])
    assert "is empty. Nothing was sent." in ran.err


@pytest.mark.parametrize(
    "argv",
    [("costs", "--shared-limit="), ("doctor", "--repair", ""), ("workers", "edit", "w", "--title", "")],
)
def test_an_empty_value_is_not_the_same_as_none(argv: tuple[str, ...]) -> None:
    with pytest.raises(UsageExit) as refused:
        parse([*argv])
    assert "is empty" in refused.value.message


@pytest.mark.parametrize("place", [("-w", "."), ("-w", ".."), ("-w", "\udcff"), ("--task", "..")])
def test_what_can_be_no_id_is_refused_before_anything_is_stored(
    place: tuple[str, ...], tmp_path: Path
) -> None:
    ran = unsent(tmp_path, *place, "--generation", "tasks")
    assert (ran.code, ran.result["error"]["kind"], ran.result["session_id"]) == (2, "settings", None)
    assert run("sessions", "--json", home=tmp_path).result["sessions"] == []


@pytest.mark.parametrize(
    "argv",
    [("-w", ".", "hi"), ("attach", ".."), ("--task", "t1"), ("-w", "w1"), ("-c", "--local"), ("replay", "x")],
)
def test_the_screen_refuses_them_before_it_is_shown(argv: tuple[str, ...], own_home: Path) -> None:
    args = parse(list(argv))
    is_usable = argv[-1] in ("w1", "--local", "x")
    with nullcontext() if is_usable else pytest.raises(SettingsError, match="Nothing was sent"):
        require_target(args, settings_for(args))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--detach", "-o", "answer.md"), "-o cannot save it"),
        (("--detach", "--local"), "--local"),
        (("--local", "--base-url", "https://example.com"), "different services"),
    ],
)
def test_options_that_exclude_each_other_send_nothing(
    options: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    with service() as (player, url):
        ran = run("-p", "hi", "--json", *options, home=tmp_path, base_url=url)
    assert (ran.code, player.requests, why in ran.err) == (2, [], True)
    assert (ran.result["status"], ran.result["error"]["kind"]) == ("not_sent", "settings")


def test_the_local_worker_has_no_base_url_to_check(tmp_path: Path) -> None:
    ran = run("-p", "hi", "-w", "w1", "--local", home=tmp_path)
    assert (ran.code, "base URL" in ran.err) == (3, False)


def test_a_prompt_may_look_like_an_empty_option(tmp_path: Path) -> None:
    with service() as (player, url):
        ran = run("-p", "--", "-w=", home=tmp_path, base_url=url, key=KEY)
    assert (ran.code, player.posts) == (0, 1)


def unsent(tmp_path: Path, *argv: str, **more: str) -> Ran:
    """A run that must not have sent any request."""
    with service() as (player, url):
        ran = run("-p", "hi", "--json", *argv, home=tmp_path, base_url=url, **more)
    assert player.requests == []
    assert len(ran.out.splitlines()) == 1
    assert (ran.result["status"], ran.result["draft"]) == ("not_sent", "hi")
    assert ran.result["error"]["may_have_been_charged"] is False
    return ran


# -- the file of -o ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "where", ["missing/answer.md", "folder", "folder/", "file/answer.md", "pipe", "a" * 300]
)
def test_nothing_is_sent_if_the_answer_cannot_be_saved(where: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("precious")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    ran = unsent(tmp_path, "-o", f"{tmp_path}/{where}")
    assert (ran.code, ran.result["error"]["kind"]) == (10, "disk")
    assert "Cannot save the answer" in ran.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_an_answer_is_not_saved_to_a_device_or_a_pipe(kind: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    ran = unsent(tmp_path, "-o", os.devnull if kind == "device" else f"/dev/fd/{writing}")
    os.close(reading)
    os.close(writing)
    assert (ran.code, "not a regular file" in ran.err) == (10, True)


@pytest.mark.skipif(os.geteuid() == 0, reason="rights do not bind the superuser")
def test_a_read_only_folder_is_refused_before_sending(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o500)
    assert unsent(tmp_path, "-o", str(folder / "answer.md")).code == 10


def test_an_existing_answer_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "answer.md"
    target.write_text("old")
    unsent(tmp_path, "-o", str(target), "-f", str(tmp_path / "missing"))
    assert target.read_text() == "old"
    with service() as (player, url):
        ran = run("-p", "hi", "-o", str(target), "--force", home=tmp_path, base_url=url)
    assert (ran.code, target.read_text().strip()) == (0, player.recording.expected["text"].strip())
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize("argv", [("-p", "hi"), ("attach", "w1", "--json")])
def test_an_answer_replaces_no_file_unless_forced(argv: tuple[str, ...], tmp_path: Path) -> None:
    """The file may be the answer that an earlier run paid for. What mktemp made is empty."""
    target = tmp_path / "answer.md"
    target.write_text("paid for")
    with service() as (player, url):
        ran = run(*argv, "-o", str(target), home=tmp_path, base_url=url)
        assert (ran.code, player.requests, target.read_text()) == (2, [], "paid for")
        assert "already exists" in ran.err
        assert "--force" in ran.err
        target.write_text("")
        assert run("-p", "hi", "-o", str(target), home=tmp_path, base_url=url).code == 0
    assert target.read_text()


# -- attachments and standard input ------------------------------------------------------------
def test_a_missing_attachment_is_reported_before_standard_input_is_read(tmp_path: Path) -> None:
    assert unsent(tmp_path, "-f", str(tmp_path / "missing.csv")).code == 10


def fed(tmp_path: Path, data: bytes, *argv: str, **more: str) -> tuple[Ran, list[str]]:
    """A run with these bytes on standard input, and the received prompts."""
    with service() as (player, url):
        ran = run("-p", "hi", *argv, home=tmp_path, base_url=url, stdin=data, **more)
    return ran, [body["input"] for method, _, body in player.requests if method == "POST"]


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\x00", b"caf\xe9", b"a\x00b", "hé".encode("utf-16"), b"\xff\xfe", b"ok\xc3"]
)
def test_bytes_that_are_not_text_are_refused(data: bytes, tmp_path: Path) -> None:
    ran, prompts = fed(tmp_path, data, "--json")
    assert (ran.code, prompts) == (2, [])
    assert "-f FILE" in ran.err
    assert (ran.result["status"], ran.result["error"]["kind"]) == ("not_sent", "settings")
    raw, prompts = fed(tmp_path, data, "--raw")
    assert (raw.code, len(prompts)) == (0, 1)


def test_text_in_every_script_is_sent_unchanged(tmp_path: Path) -> None:
    text = "Grüße 漢字 🙂\ttab\r\nline"
    ran, prompts = fed(tmp_path, text.encode())
    assert (ran.code, prompts) == (0, [f"hi\n\n{text}"])


@pytest.mark.parametrize("argv", [("-p", "caf\udce9"), ("caf\udce9 au lait",), ("-p", "\udcff")])
def test_a_prompt_that_is_not_text_is_refused(argv: tuple[str, ...], tmp_path: Path) -> None:
    with service() as (player, url):
        ran = run(*argv, "--json", home=tmp_path, base_url=url)
    assert (ran.code, player.requests, ran.result["status"]) == (2, [], "not_sent")
    assert "-f FILE" in ran.err


def test_a_prompt_that_the_locale_could_not_decode_is_sent_as_it_was_typed(tmp_path: Path) -> None:
    undecoded = "Grüße 漢字".encode().decode("ascii", "surrogateescape")
    with service() as (player, url):
        ran = run("-p", undecoded, home=tmp_path, base_url=url)
    assert ran.code == 0
    assert [body["input"] for method, _, body in player.requests if method == "POST"] == ["Grüße 漢字"]


@pytest.mark.parametrize(("size", "code"), [(100, 0), (101, 2)])
def test_standard_input_has_a_limit(size: int, code: int, tmp_path: Path) -> None:
    ran, prompts = fed(tmp_path, b"a" * size, HANDINGER_MAX_INPUT_BYTES="100")
    assert (ran.code, len(prompts)) == (code, 1 - code // 2)
    assert ("HANDINGER_MAX_INPUT_BYTES" in ran.err) == bool(code)


# -- one object --------------------------------------------------------------------------------
WRONG = (
    ("--nonsense",),
    ("--max-cost", "much"),
    ("-b", "lots"),
    ("-c",),
    ("-r", "ses_none"),
    ("--profile", "nobody"),
    ("--base-url", "http://example.test"),
    ("-c", "-w", "w1"),
    ("-o", ""),
)


@pytest.mark.parametrize("form", ["json", "stream-json"])
@pytest.mark.parametrize("argv", WRONG, ids=" ".join)
def test_every_failure_prints_one_object(argv: tuple[str, ...], form: str, tmp_path: Path) -> None:
    with service() as (player, url):
        ran = run("-p", "hi", "--output-format", form, *argv, home=tmp_path, base_url=url)
        result = run("-p", "hi", "--json", home=tmp_path, base_url=url).result
    assert (ran.code, player.posts) == (2, 1)
    (line,) = ran.lines
    assert ran.err.strip()
    assert (line["status"], line["posts_sent"], line["session_id"], line["turn_id"]) == (
        "not_sent",
        0,
        None,
        None,
    )
    assert line["error"]["kind"] == "settings"
    assert line["error"]["message"]
    head = {"type", "seq"} if form == "stream-json" else set()
    assert line.keys() == result.keys() | head
    assert form == "json" or (line["type"], line["seq"]) == ("result", 0)


def test_a_failed_attach_prints_one_object(tmp_path: Path) -> None:
    ran = run("attach", "w1", "--json", home=tmp_path, base_url="http://127.0.0.1:9")
    (line,) = ran.lines
    assert ran.code
    assert (line["status"], line["worker_id"], line["error"]["kind"]) == ("unknown", "w1", "connect")
    assert line["error"]["may_have_been_charged"] is False


@pytest.mark.parametrize(
    "argv",
    [
        ("sessions", "show", "none"),
        ("files", "get", "w1"),
        ("costs", "--since", "x"),
        # Of the command line itself, too.
        ("sessions", "show"),
        ("files", "get"),
        ("costs", "--by", "x"),
        ("email",),
        ("replay", "--speed", "x", "ses_1"),
    ],
)
def test_other_commands_report_failures_in_json(argv: tuple[str, ...], tmp_path: Path) -> None:
    ran = run(*argv, "--json", home=tmp_path)
    assert ran.code == 2
    assert json.loads(ran.out)["error"]["kind"] == "settings"
    assert json.loads(ran.out).get("files", []) == []


# -- the key at rest -----------------------------------------------------------------------------
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True), (0o620, True)])
@pytest.mark.parametrize("table", ["", "[profiles.work]\n"])
def test_a_key_that_others_can_read_is_reported(mode: int, warned: bool, table: str, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'{table}api_key = "hdg_live_0123456789"\n')
    config.chmod(mode)
    with service() as (_, url):
        ran = run("-p", "hi", home=tmp_path, base_url=url)
        doctor = run("doctor", "--json", home=tmp_path, base_url=url)
    assert ran.code == 0
    assert (str(config) in ran.err) == warned
    (check,) = [check for check in doctor.result["checks"] if check["name"] == "configuration"]
    assert (check["state"] == "fault", doctor.code != 0) == (warned, warned)
    assert stat.S_IMODE(config.stat().st_mode) == mode


def test_a_readable_file_without_a_key_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('budget = "low"\n')
    (tmp_path / "config.toml").chmod(0o644)
    with service() as (_, url):
        assert "config.toml" not in run("-p", "hi", home=tmp_path, base_url=url).err


async def test_the_screen_reports_a_key_that_others_can_read(own_home: Path) -> None:
    config = own_home / "config.toml"
    config.write_text('api_key = "hdg_live_0123456789"\n')
    for mode in (0o600, 0o644):
        config.chmod(mode)
        settings = settings_for(parse([]))
        async with open_services(settings, default_paths()) as parts:
            warnings = connection(parts).warnings
        assert [str(config) in warning for warning in warnings] == ([True] if mode == 0o644 else [])


# -- what a refusal says -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "code", "first"),
    [
        (307, 3, "set it as the base URL"),
        (400, 3, "Change the message"),
        (401, 4, "Store a valid key: handinger-tui login"),
        (402, 5, "Add credits"),
        (403, 4, "Use another key"),
        (409, 3, "Watch its running turn, or send later: handinger-tui attach w1"),
        (413, 3, "attach less"),
        (429, 6, "Wait"),
    ],
)
def test_a_refusal_says_what_to_do_first(status: int, code: int, first: str, tmp_path: Path) -> None:
    player = Player(PLAIN, answer=(status, {"content-type": "application/json"}, b'{"error": "no"}'))
    with playing(player) as url:
        ran = run("-p", "hi", "-w", "w1", home=tmp_path, base_url=url)
    assert (ran.code, first in ran.err) == (code, True)
    assert ran.err.count("Nothing was charged.") == 1
    # The same message would be refused again.
    assert "safe to send again" not in ran.err


def test_a_message_that_was_not_sent_says_so_once(tmp_path: Path) -> None:
    with LocalServer.start(pace=0) as server:
        url, key = server.base_url, server.api_key
        run("-p", "hi", home=tmp_path, base_url=url, key=key)
        limit = {"HANDINGER_LIMIT_DAY_USD": "0.000001"}
        limited = run("-p", "hi", home=tmp_path, base_url=url, key=key, **limit)
    offline = run("-p", "hi", home=tmp_path, base_url=url)
    assert (limited.code, offline.code) == (5, 7)
    for ran in (limited, offline):
        assert ran.err.count("Nothing was sent.") == 1
        assert "Nothing was charged" not in ran.err
        assert ("safe to send again" in ran.err) == (ran is offline)
