"""Options that scripts expect of every program: quiet, verbose, a log, standard input as a file, JSON."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from handinger_tui.cli.args import command_parser, walk
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.local.server import LocalServer
from tests.cli.program import run_on
from tests.e2e.runner import run


def test_quiet_leaves_only_the_answer_and_what_went_wrong(tmp_path: Path) -> None:
    ran = run("-p", "echo AAA", "--local", "--quiet", home=tmp_path)
    assert (ran.code, ran.out, ran.err) == (0, "AAA\n", "")
    assert "session ses_" in run("-p", "echo AAA", "--local", home=tmp_path).err
    assert run("-p", "fail", "--local", "-q", home=tmp_path).err != ""


def test_verbose_and_debug_name_requests_without_content_and_key(tmp_path: Path, server: LocalServer) -> None:
    log = tmp_path / "log"
    words = ("-p", "a private question", "--verbose", "--debug", str(log))
    ran = run_on(server, tmp_path, *words, generation="workers")
    assert ran.code == 0
    posted = rf"POST {re.escape(server.base_url)}/api/workers\S* 200, \d+ ms"
    assert len(re.findall(posted, ran.err)) == 1
    text = log.read_text("utf-8")
    assert len(re.findall(posted, text)) == 1
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z handinger-tui [\w.+]+, Python .*, -p, process \d+\n", text)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "private" not in text + ran.err
    assert server.api_key not in text + ran.err
    run_on(server, tmp_path, "-p", "again")
    assert log.read_text("utf-8") == text, "the next run keeps nothing"


def test_a_log_that_cannot_be_written_sends_nothing(tmp_path: Path, server: LocalServer) -> None:
    ran = run_on(server, tmp_path, "-p", "hi", "--debug", str(tmp_path / "no" / "log"))
    assert (ran.code, "Cannot write" in ran.err) == (Exit.LOCAL_IO, True)
    assert run_on(server, tmp_path, "--verbose").code == Exit.USAGE


@pytest.mark.parametrize("data", [b"a,b\n1,2\n", b"\x00\xff"])
def test_standard_input_is_attached(tmp_path: Path, server: LocalServer, data: bytes) -> None:
    words = ("-p", "summarize this", "-f", "-")
    address = server.base_url
    planned = run(
        *words, "--dry-run", "--json", home=tmp_path, stdin=data, base_url=address, key=server.api_key
    )
    assert planned.code == 0, planned.err
    assert ("input.bin" if b"\xff" in data else "input.txt") in planned.out
    assert run(*words, home=tmp_path, stdin=data, base_url=address, key=server.api_key).code == 0
    twice = run(*words, "-f", "-", home=tmp_path, stdin=data, base_url=address, key=server.api_key)
    assert (twice.code, "once" in twice.err) == (Exit.USAGE, True)


def test_every_command_that_prints_facts_has_json(tmp_path: Path) -> None:
    without = {
        name
        for name in SUBCOMMANDS
        if not {option for one in walk(command_parser(name)) for option in one.option_strings} & {"--json"}
    }
    # Texts for shells, readers and schemas, and protocols of their own.
    assert without == {"schema", "completion", "man", "help", "mcp", "acp"}
    session = run("-p", "echo AAA", "--local", "--json", home=tmp_path).result["session_id"]
    exported = json.loads(run("export", session, "--json", home=tmp_path).out)
    assert exported["schema"].startswith("handinger-tui/session/")


def test_the_whole_command_line_is_printed(tmp_path: Path) -> None:
    spec = run("spec", "--json", home=tmp_path).result
    assert [one["name"] for one in spec["commands"]] == [*SUBCOMMANDS]
    assert spec["exit_codes"]["payment"] == 5
    key = next(one for one in spec["commands"] if one["name"] == "key")
    assert [one["name"] for one in key["actions"]] == ["show", "set", "rm"]
    assert all(one["examples"] or one["actions"] for one in spec["commands"])
    assert run("spec", home=tmp_path).out.startswith(".TH HANDINGER")
