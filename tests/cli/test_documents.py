"""`schema`, and that every document which is printed is as its schema says.

`tests.e2e.runner.run` checks what all other tests print as well.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from handinger_tui.cli.commands.schema import NAMES, schema_id
from handinger_tui.core.figures import stream_counts
from handinger_tui.core.jsontext import JsonObject
from handinger_tui.local.server import LocalServer
from tests.cli.program import run_on
from tests.documents import schemas_in
from tests.e2e.runner import run

ELSEWHERE = {"receipt", "repair", "deliveries", "local", "notice"}
"""Those of the screen, of a damaged history, of a webhook that was called, and of a running service."""


def test_every_document_of_a_command_is_as_its_schema_says(server: LocalServer, tmp_path: Path) -> None:
    home, printed = tmp_path / "home", set()

    def do(*words: str, code: int = 0) -> dict[str, object]:
        ran = run_on(server, home, *words)
        assert ran.code == code, ran.err
        printed.update(schemas_in(ran.out))
        return dict(json.loads(ran.out.splitlines()[-1]))

    worker = str(do("workers", "new", "a worker of tea", "--json")["worker_id"])
    result = do("-p", "report on primes", "-w", worker, "--output-format", "stream-json")
    session, task = str(result["session_id"]), str(result["task_id"])
    do("-p", "cite sources about python and http", "-w", worker, "--json")
    do("-p", "one more", "--dry-run", "--json", "-w", worker)
    do("-p", "", "--json", code=2)
    do("runs", "--json")
    do("costs", "--by", "turn", "--json")
    do("costs", "--by", "session", "--json")
    exported = run_on(server, home, "export", session, "--format", "json")
    printed.update(schemas_in(exported.out))
    assert run("import", "-", "--json", home=tmp_path / "other", stdin=exported.out).code == 0
    printed.add("handinger-tui/import/1")
    for action in ("list", "show #", "search primes", "tag # tea", "rename # Tea", "compact"):
        do("sessions", *action.replace("#", session).split(), "--json")
    do("sources", session, "--json")
    do("files", "list", task, "--json")
    do("files", "get", task, "--all", "--dir", str(tmp_path), "--json")
    do("files", "get", task, "none.txt", "--json", code=2)
    do("email", worker, "--json")
    do("schedules", "list", worker, "--json")
    do("schedules", "add", worker, "tidy", "--in", "2h", "--json", code=2)
    added = do("schedules", "add", worker, "tidy", "--in", "2h", "--yes", "--json")
    do("schedules", "cancel", worker, str(added["id"]), "--json")
    do("webhook", "show", worker, "--json")
    do("workers", "list", "--json")
    do("workers", "rm", worker, "-y", "--json")
    do("config", "path", "--json")
    do("config", "show", "--json")
    do("doctor", "--json")
    do("sessions", "show", "nowhere", "--json", code=2)
    assert printed == {schema_id(name) for name in NAMES if name not in ELSEWHERE}


def test_a_document_that_is_not_as_its_schema_says_is_noticed() -> None:
    document = '{"schema":"handinger-tui/email/1","worker_id":"wrk_1","email":"a@b"'
    assert schemas_in(document + "}") == {"handinger-tui/email/1"}
    for wrong in (document + ',"more":1}', document.replace('"a@b"', "1") + "}"):
        with pytest.raises(msgspec.ValidationError):
            schemas_in(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_printed(name: str, tmp_path: Path) -> None:
    ran = run("schema", name, home=tmp_path)
    schema = json.loads(ran.out)
    assert schema["$id"] == schema_id(name)
    assert re.fullmatch(r"handinger-tui/[a-z-]+/[1-9]", schema["$id"])
    references = set(re.findall(r'"\$ref": "#/\$defs/(\w+)"', ran.out))
    assert references <= schema["$defs"].keys()


def test_all_schemas_are_listed_and_a_misspelled_one_is_suggested(tmp_path: Path) -> None:
    ran = run("schema", home=tmp_path)
    assert [line.split()[0] for line in ran.out.splitlines()] == [*NAMES]
    ran = run("schema", "resul", home=tmp_path)
    assert ran.code == 2
    assert "Did you mean result?" in ran.err


def test_token_counts_of_the_stream_have_our_names() -> None:
    ai_sdk: JsonObject = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5, "cachedInputTokens": 1}
    responses: JsonObject = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5, "other": "x"}
    details: JsonObject = {
        "input_tokens_details": {"cached_tokens": 1},
        "output_tokens_details": {"reasoning_tokens": 7},
    }
    counted = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5, "cache_read_tokens": 1}
    assert stream_counts(ai_sdk) == counted
    assert stream_counts({**responses, **details}) == counted | {"reasoning_tokens": 7}
