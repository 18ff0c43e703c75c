"""Hostile texts and file names through the program: nothing harmful reaches a terminal or another folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.chaos.data import SHORT
from tests.chaos.hostile import (
    FILE_PAYLOADS,
    TEXT_PAYLOADS,
    broken_off,
    dangers,
    dangers_in_lines,
    everywhere,
    pieces_of,
    refused,
    wrong_name,
)
from tests.chaos.judge import broken_files
from tests.chaos.server import FaultServer
from tests.chaos.table import Note
from tests.e2e.runner import Ran, run

TEXTS: Final = (
    *("csi-clear", "csi-split-across-deltas", "osc-unterminated", "osc52-c1", "dcs-tmux-passthrough"),
    *("c1-raw-byte", "nul", "cr-overwrite", "bidi-rlo", "tag-characters", "lone-surrogate", "line-1mb"),
    *("markup-action", "csv-formula", "jsonl-newline"),
)
"""One of each kind. All are cleaned alike: `tests/core/test_cleaning.py`; in widgets, `tests/ui/hostile`."""
FILES: Final = (
    *("name-up-3", "name-abs-posix", "name-nul", "name-esc", "name-con", "name-long-4096", "name-surrogate"),
    *("name-rlo", "url-dot-segments", "url-other-origin", "url-userinfo", "disp-star", "disp-star-esc"),
    *("fs-symlink-final", "fs-exists", "fs-readonly-dir"),
)
"""One of each kind. All are saved by the same function: `tests/api/test_payload_cases.py`."""


def chosen(names: Iterable[str], usual: Sequence[str]) -> list[Any]:
    """These names; those that are not the usual ones are slow tests."""
    assert set(usual) <= {*names}
    return [pytest.param(name, marks=[] if name in usual else pytest.mark.slow) for name in names]


Run = Callable[..., Ran]
ERROR_LIMIT = 4_000
CONTENT = "payload file body\n"


FORMATS = ("text", "json", "stream-json")


def formats_of(name: str) -> tuple[str, str]:
    """Text, and alternately one of the two JSON formats: both are cleaned by the same code."""
    return ("text", FORMATS[1 + list(TEXT_PAYLOADS).index(name) % 2])


def in_formats(
    server: FaultServer, home: Path, scenario: dict[str, Any], formats: Sequence[str]
) -> Iterator[tuple[str, Ran]]:
    for output_format in formats:
        world = server.begin(scenario)
        argv = ("-p", "hello", "-w", world.worker_id, "--output-format", output_format)
        ran = run(*argv, home=home, base_url=server.base_of(world), **SHORT)
        assert world.posts == 1
        yield output_format, ran


def check_output(output_format: str, ran: Ran) -> None:
    characters = dangers(ran.out) if output_format == "text" else dangers_in_lines(ran.out)
    assert not characters, f"{output_format}: stdout has {characters}"
    assert not dangers(ran.err), f"{output_format}: stderr has {dangers(ran.err)}"
    assert "Traceback" not in ran.err
    ran.out.encode()
    if output_format == "json":
        assert ran.out.count("\n") == 1


@pytest.mark.parametrize("name", chosen(TEXT_PAYLOADS, TEXTS))
def test_a_hostile_answer(name: str, server: FaultServer, tmp_path: Path) -> None:
    payload = TEXT_PAYLOADS[name]
    for output_format, ran in in_formats(server, tmp_path, everywhere(payload), formats_of(name)):
        check_output(output_format, ran)
        if output_format == "text":
            shown = ran.out
        else:
            assert ran.result["status"] == "completed"
            shown = ran.result["text"]
        for visible in payload["must"].get("visible", ()):
            assert visible in shown, f"{output_format}: {visible!r} can no longer be read"
    # The list, too, is cleaned by the same code in both forms: they take turns.
    if output_format == "json":
        sessions = run("sessions", "list", "--json", home=tmp_path)
        check_output("json", sessions)
        assert len(json.loads(sessions.out)["sessions"]) == 2
    else:
        check_output("text", run("sessions", "list", home=tmp_path))
    check_output("text", run("sessions", "show", ran.result["session_id"], home=tmp_path))


SAYABLE: Final = [name for name, payload in TEXT_PAYLOADS.items() if "b64" not in payload]
ERRORS: Final = [
    pytest.param(name, scenario, status, marks=[] if name in TEXTS[half::2] else pytest.mark.slow)
    for half, (scenario, status) in enumerate([(refused, "rejected"), (broken_off, "failed")])
    for name in SAYABLE
]
"""The two kinds take turns: the texts of both are cleaned in one place. A soak runs all."""


@pytest.mark.parametrize(("name", "scenario", "status"), ERRORS)
def test_a_hostile_error(
    name: str, scenario: Callable[..., Any], status: str, server: FaultServer, tmp_path: Path
) -> None:
    payload = TEXT_PAYLOADS[name]
    # Standard error is the same in each format.
    output_format = FORMATS[list(TEXT_PAYLOADS).index(name) % 3]
    for _format, ran in in_formats(server, tmp_path, scenario(payload), [output_format]):
        if ran.out:
            check_output(output_format, ran)
        check_output("text", Ran(ran.code, "", ran.err))
        assert len(ran.err) <= ERROR_LIMIT
        if output_format != "text":
            assert ran.result["status"] == status
            assert len(ran.result["error"]["message"]) <= ERROR_LIMIT


# -- files ----------------------------------------------------------------------------------
def filled(text: str) -> str:
    for name, place in (("ESCAPE", "escape"), ("OTHERHOST", "other_host"), ("OTHER", "other"), ("id", "id")):
        text = text.replace("{" + name + "}", "{{" + place + "}}")
    return text


def file_scenario(payload: dict[str, Any]) -> dict[str, Any]:
    url = payload.get("url", "/api/workers/{id}/files/report.txt")
    name = payload.get("name")
    file = {"filename": None if name is None else filled(name), "url": filled(url), "mediaType": "text/plain"}
    reply = {"text": CONTENT}
    if "disposition" in payload:
        file["filename"] = None
        reply["disposition"] = payload["disposition"]
    return {"id": payload["id"], "op": "file", "files": [file], "server": {"file": [[{"file": reply}]]}}


def prepared(folder: Path, setup: dict[str, Any], escape: Path) -> dict[Path, bytes]:
    """Create the files that the payload needs in the folder; returns their content by path."""
    before = {}
    if "make_file" in setup:
        name, content = setup["make_file"]
        (folder / name).write_text(content)
        before[folder / name] = content.encode()
    if "make_symlink" in setup:
        # Its target exists, outside: a client that follows the link would overwrite it.
        name, _target = setup["make_symlink"]
        target = escape.parent / f"target-of-{folder.parent.name}"
        target.write_text("precious")
        (folder / name).symlink_to(target)
        before[folder / name] = b"precious"
    if "chmod" in setup:
        folder.chmod(int(setup["chmod"], 8))
    return before


def allowed(payload: dict[str, Any]) -> set[str]:
    if "chmod" in payload["must"].get("setup", {}):
        # Permissions do not bind the superuser, so there the file is simply saved.
        return {"saved"} if os.geteuid() == 0 else {"failed"}
    outcomes = set(payload["must"]["outcome"].split("|"))
    # An unreachable host is no danger either: nothing was saved.
    return {"saved-safe": {"saved"}, "refused": {"refused", "failed"}}[min(outcomes)] | (
        {"saved"} if "saved-safe" in outcomes else set()
    )


@pytest.mark.parametrize("name", chosen(FILE_PAYLOADS, FILES))
def test_a_hostile_file(name: str, server: FaultServer, tmp_path: Path, escape: Path, note: Note) -> None:
    payload, folder = FILE_PAYLOADS[name], tmp_path / "a" / "b" / "downloads"
    folder.mkdir(parents=True)
    before = prepared(folder, payload["must"].get("setup", {}), escape)
    world = server.begin(file_scenario(payload))
    home = tmp_path.with_name(tmp_path.name + "-home")
    argv = ("files", "get", world.worker_id, "--all", "--dir", str(folder), "--json")
    ran = run(*argv, home=home, base_url=server.base_of(world), **SHORT)
    check_output("json", ran)
    (result,) = json.loads(ran.out)["files"]
    note(result["status"], world, 0)
    assert result["status"] in allowed(payload)
    assert (result["status"] == "saved") == (ran.code == 0)
    assert not any(request.has_key for request in world.elsewhere)
    expect = {"saved": 1 if result["status"] == "saved" else 0}
    assert not list(broken_files(expect, tmp_path, folder, before))
    for path in set(folder.iterdir()) - set(before):
        check_name(payload, path)


def check_name(payload: dict[str, Any], path: Path) -> None:
    assert not wrong_name(path.name), f"{path.name!r} has {wrong_name(path.name)}"
    assert path.name.endswith(payload["must"].get("keeps_extension", ""))
    if payload["must"].get("keeps_name"):
        assert path.name == payload["name"]


def test_the_checks_report_dangerous_texts_and_names() -> None:
    assert dangers("a\x1bb\u202ec\x9b\n\t\u200d") == ["U+001B", "U+009B", "U+202E"]
    assert dangers_in_lines('{"a\\u001b":["\\u202e"]}\n') == ["U+001B", "U+202E"]
    names = ("a/b", "a\u200bb", "a" * 241, ".a", "a ", "com1.txt", "e\u0301")
    assert all(len(wrong_name(name)) == 1 for name in names)
    assert not wrong_name("Quarterly report (v2).xlsx")
    assert "".join(pieces_of(TEXT_PAYLOADS["line-1mb"])).endswith("A CANARY")
