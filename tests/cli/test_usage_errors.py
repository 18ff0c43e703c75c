"""A command line that is not valid: nothing is sent, and what was typed is not lost."""

from __future__ import annotations

import json
import os
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handinger_tui.cli.args import Parser, UsageExit, command_parser, implementation, refuse_lost, walk
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.cli.run_output import end_early
from tests.cli.program import PLAIN, environ, needs_full_device, service, start
from tests.e2e.runner import run

if TYPE_CHECKING:
    from tests.e2e.runner import Ran

WRONG = (
    (("-p", "hi", "--nonsense"), "hi"),
    (("--nonsense", "hi there"), "hi there"),
    (("-p", "hi", "-b", "lots"), "hi"),
    # The error comes before the prompt, or is that the prompt has no quotes.
    (("--max-cost", "much", "-p", "hi"), "hi"),
    (("-b", "-p", "hi"), "hi"),
    (("hi", "there"), "hi there"),
    (("-p", "hi", "there"), "hi there"),
    (("-p", "one", "-p", "two"), "one two"),
    (("-p", "caf\udce9", "--nonsense"), "caf\ufffd"),
    (("sesions",), "sesions"),
    (("--nonsense",), None),
    # A key is never printed.
    (("hdg_live_0123456789",), None),
    (("-p", "hdg_live_0123456789"), None),
    (("--nonsense", "hdg_live_0123456789"), None),
    (("attach",), None),
)


def refused(tmp_path: Path, *argv: str) -> Ran:
    """A run that is refused before any request."""
    with service() as (player, url):
        ran = run(*argv, home=tmp_path, base_url=url)
    assert (ran.code, player.requests) == (2, [])
    assert not (tmp_path / "history.db").exists()
    return ran


@pytest.mark.parametrize(("argv", "draft"), WRONG)
def test_the_result_of_a_usage_error_has_the_prompt(
    argv: tuple[str, ...], draft: str | None, tmp_path: Path
) -> None:
    ran = refused(tmp_path, *argv, "--json")
    # `attach` sends nothing.
    status = "unknown" if argv[0] == "attach" else "not_sent"
    assert (ran.result["status"], ran.result["draft"]) == (status, draft)
    assert "hdg_" not in ran.out + ran.err
    if argv[0] != "attach":
        assert ran.err.count("Nothing was sent.") == 1


@pytest.mark.parametrize(
    "argv",
    [
        ("-p", "one", "-p", "two"),
        ("-p", "hi", "-p"),
        ("-p", "hi", "-w", "w1", "--worker", "w2"),
        ("-p", "hi", "--task=t1", "--task=t2"),
        ("-p", "hi", "-b", "low", "-b", "high"),
        ("-p", "hi", "--max-cost", "1", "--max-cost", "100"),
        ("-p", "hi", "-o", "a", "-o", "b"),
        ("-p", "hi", "--timeout", "1", "--timeout", "2"),
        ("-p", "hi", "--profile", "a", "--profile", "b"),
        ("-p", "hi", "--json", "--output-format", "text"),
        ("attach", "w1", "--max-cost", "1", "--max-cost", "2"),
        ("schedules", "add", "w1", "hi", "--every", "1d", "--every", "2d"),
        ("files", "get", "w1", "--all", "--dir", "a", "--dir", "b"),
        ("costs", "--worker", "w1", "--worker", "w2"),
        ("--plain", "--no-plain"),
        # Before and after the action.
        ("workers", "--profile", "a", "rm", "w1", "--yes", "--profile", "b"),
    ],
    ids=" ".join,
)
def test_two_values_for_one_option_are_refused(argv: tuple[str, ...], tmp_path: Path) -> None:
    assert "two different values for -" in refused(tmp_path, *argv).err


LOST = (
    *(
        (("costs", *one, *other), f"{one[0]} takes no {other[0]}")
        for one, other in combinations(
            (
                ("--statement", "2026-10"),
                ("--focus", "f.csv"),
                ("--match", "i.csv"),
                ("--shared",),
                ("--report", "r.html"),
            ),
            2,
        )
    ),
    (("costs", "--shared-limit", "day 5", "--by", "worker"), "--shared-limit takes no --by"),
    (("costs", "--statement", "2026-10", "--worker", "w1"), "--statement takes no --worker"),
    (("costs", "--statement", "2026-10", "--json"), "--statement takes no --json"),
    (("costs", "--journal", "--by", "worker"), "--journal takes no --by"),
    (("costs", "--match", "i.csv", "--csv"), "--match takes no --csv"),
    (("costs", "-o", "costs.csv"), "--output needs --statement"),
    (("doctor", "--repair", "--report"), "--repair takes no --report"),
    (("doctor", "--report", "--json"), "--report takes no --json"),
    (("doctor", "--yes"), "--yes needs --repair"),
    (("schedules", "cancel", "w1", "s1", "--dry-run"), "schedules cancel takes no --dry-run"),
    (("schedules", "list", "w1", "s1"), "schedules list takes no SCHEDULE"),
    (("webhook", "clear", "w1", "https://x.test", "--yes"), "webhook clear takes no URL"),
    (("webhook", "show", "w1", "--page", "2"), "webhook show takes no --page"),
    (("files", "list", "w1", "a.csv"), "files list takes no NAME"),
    (("files", "get", "w1", "a.csv", "--all"), "--all takes no NAME"),
    (("config", "--json", "init"), "config init takes no --json"),
    (("send", "ses_1", "hi", "-o", "answer.md"), "unrecognized arguments: -o"),
)
"""What one option or action makes of another: nothing, without a word."""


@pytest.mark.parametrize(("argv", "message"), LOST, ids=[" ".join(argv) for argv, _ in LOST])
def test_an_argument_without_effect_is_refused(argv: tuple[str, ...], message: str, tmp_path: Path) -> None:
    ran = refused(tmp_path, *argv)
    assert message in ran.err
    assert len(ran.err.splitlines()) == 2
    assert "Did you mean" not in ran.err


@pytest.mark.parametrize(
    "argv", [["get", "x"], ["get", "--level"], ["get", "x", "--level", "2"], ["list"], []]
)
def test_an_action_that_may_be_omitted_is_no_argument_of_itself(argv: list[str]) -> None:
    parser = Parser()
    parser.add_argument("action", nargs="?")
    parser.add_argument("name", nargs="?")
    parser.add_argument("--level", nargs="?", const="")
    refuse_lost(parser, parser.parse_args(argv), {"get": "NAME --level", "list": ""})


def test_an_argument_without_a_metavar_is_refused_by_its_name() -> None:
    parser = Parser(prog="handinger-tui files")
    parser.add_argument("action")
    parser.add_argument("name", nargs="?")
    with pytest.raises(UsageExit) as refusal:
        refuse_lost(parser, parser.parse_args(["list", "x"]), {"get": "NAME", "list": ""})
    assert refusal.value.message == "files list takes no NAME"


def test_what_an_argument_takes_is_an_argument() -> None:
    for name in SUBCOMMANDS:
        parser, takes = command_parser(name), implementation(name).takes or {}
        words = {word for one in walk(parser) for word in (*one.option_strings, one.metavar)}
        words |= {"", *SUBCOMMANDS[name].actions}
        assert {word for named in (*takes, *takes.values()) for word in named.split()} <= words, name


def test_an_option_that_is_repeated_with_its_value_is_one(tmp_path: Path) -> None:
    argv = ("-p", "hi", "-b", "low", "-b", "low", "--json", "--output-format", "json", "-p", "hi")
    with service() as (player, url):
        ran = run(*argv, home=tmp_path, base_url=url)
    assert (ran.code, player.posts, ran.result["text"]) == (0, 1, PLAIN.expected["text"])


@pytest.mark.parametrize(
    "argv", [("sessions", "show"), ("sources",), ("export",), ("costs", "--since"), ("-p", "hi", "-f")]
)
@pytest.mark.parametrize("json_option", [(), ("--json",)])
def test_no_error_repeats_a_key(argv: tuple[str, ...], json_option: tuple[str, ...], tmp_path: Path) -> None:
    with service() as (_, url):
        ran = run(*argv, "hdg_live_0123456789", *json_option, home=tmp_path, base_url=url)
    assert ran.code
    assert "hdg_live" not in ran.out + ran.err


def test_a_defect_of_ours_is_reported_in_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    # None: the exception is raised, for its traceback.
    assert end_early(ValueError("hdg_live_0123456789"), ["costs", "--json"], None) is None
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["may_have_been_charged"]) == ("internal", False)
    assert "ValueError" in error["message"]


def test_a_key_is_not_sent_as_a_prompt(tmp_path: Path) -> None:
    assert "looks like an API key" in refused(tmp_path, "-p", "hdg_live_0123456789").err


@pytest.mark.parametrize("argv", [("config", "set", "{}"), ("sessions", "{}"), ("costs", "--by", "{}")])
def test_a_key_in_the_wrong_place_is_not_shown(argv: tuple[str, ...], tmp_path: Path) -> None:
    ran = refused(tmp_path, *(word.format("hdg_live_0123456789") for word in argv), "--json")
    assert "0123456789" not in ran.out + ran.err


# -- a dash --------------------------------------------------------------------------------------
@pytest.mark.parametrize("argv", [("-p", "-"), ("-", "--json"), ("-",)])
def test_a_dash_is_standard_input(argv: tuple[str, ...], tmp_path: Path) -> None:
    assert "The prompt is empty. Nothing was sent." in refused(tmp_path, *argv).err
    with service() as (player, url):
        run(*argv, home=tmp_path, base_url=url, stdin="from a pipe")
    assert [body["input"] for method, _, body in player.requests if method == "POST"] == ["from a pipe"]


@pytest.mark.parametrize("argv", [("-p", "hi", "-o", "-"), ("hi there", "--output=-")])
def test_the_output_file_dash_is_standard_output(
    argv: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with service() as (player, url):
        ran = run(*argv, home=tmp_path / "home", base_url=url)
        exported = run("export", ran.err.split()[-1], "-o", "-", home=tmp_path / "home")
    assert (ran.code, ran.out.strip(), player.posts) == (0, PLAIN.expected["text"].strip(), 1)
    assert (exported.code, PLAIN.expected["text"] in exported.out) == (0, True)
    assert os.listdir(tmp_path) == ["home"]


def test_the_answer_and_json_do_not_both_go_to_standard_output(tmp_path: Path) -> None:
    assert "-o -" in refused(tmp_path, "-p", "hi", "--json", "-o", "-").err


# -- help and errors without a reader ----------------------------------------------------------------
TEXTS = (("--help",), ("-p", "--help"), ("costs", "-h"), ("sessions", "rm", "--help"), ("-p", "--version"))


@needs_full_device
@pytest.mark.parametrize("argv", TEXTS, ids=" ".join)
def test_a_help_that_cannot_be_printed_is_an_error(argv: tuple[str, ...], tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        command = start(environ(tmp_path), *argv, stdout=full.fileno())
        _, err = command.communicate(timeout=60)
    assert (command.returncode, err) == (10, "Cannot write the output: No space left on device.\n")


@pytest.mark.parametrize(
    ("argv", "code"),
    [*((argv, 0) for argv in TEXTS), (("sessions", "--json", "--nonsense"), 2), (("hi", "ho", "--json"), 2)],
)
def test_a_closed_pipe_changes_no_exit_code(argv: tuple[str, ...], code: int, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = start(environ(tmp_path), *argv, stdout=writing)
    os.close(writing)
    _, err = command.communicate(timeout=60)
    assert command.returncode == code
    assert len(err.splitlines()) == code


@pytest.mark.parametrize(
    ("argv", "suggestion"),
    [
        (("-p", "hi", "--max-costs", "1"), "--max-cost"),
        (("-p", "hi", "--max-credit=1"), "--max-credits"),
        (("-p", "hi", "--buget", "low"), "--budget"),
        (("-p", "hi", "-b", "standart"), "standard"),
        (("costs", "--sinse", "7d"), "--since"),
        (("costs", "--by", "sesion"), "session"),
        (("workers", "new", "a worker", "--titel", "Tea"), "--title"),
        (("files", "gett", "wrk_1"), "get"),
        (("sessions", "lsit"), "list"),
    ],
)
def test_a_misspelled_option_or_choice_gets_a_suggestion(
    argv: tuple[str, ...], suggestion: str, tmp_path: Path
) -> None:
    assert f"Did you mean {suggestion}?" in refused(tmp_path, *argv).err.splitlines()


def test_an_option_of_another_action_is_not_suggested_to_who_typed_it(tmp_path: Path) -> None:
    assert "Omit --json." in refused(tmp_path, "config", "init", "--json").err.splitlines()
