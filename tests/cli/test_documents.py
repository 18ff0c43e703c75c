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
from tests.cli.document_tour import printed_documents
from tests.documents import schemas_in
from tests.e2e.runner import run

ELSEWHERE = {"receipt", "local", "notice", "shared-limits"}
"""Those of the screen, of a running service, and of a team."""


def test_every_document_of_a_command_is_as_its_schema_says(server: LocalServer, tmp_path: Path) -> None:
    printed = set[str]()
    for document in printed_documents(server, tmp_path):
        printed |= schemas_in(json.dumps(document, separators=(",", ":")))
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
