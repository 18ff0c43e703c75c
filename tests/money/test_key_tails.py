"""The journal tells which key sent a turn, by its last four characters; the history has no more of it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tests.e2e.runner import KEY
from tests.money.paid_service import PaidService
from tests.money.programs import Person

OTHER = "hdg_live_another_key_of_the_same_person_9Z8Y"


def test_a_turn_has_the_tail_of_the_key_that_sent_it(service: PaidService, tmp_path: Path) -> None:
    person = Person(service, tmp_path)
    assert person.run("-p", "one").code == 0
    assert person.run("-p", "two", key=OTHER).code == 0
    entries = [json.loads(line) for line in person.run("costs", "--journal", "--json").out.splitlines()]
    tails = {entry["turn_id"]: entry["key_tail"] for entry in entries}
    assert [*dict.fromkeys(tails.values())] == [KEY[-4:], "9Z8Y"]
    # Every entry of a turn has it, and a price only where there is one.
    assert {entry["credit_usd"] for entry in entries} == {None}
    priced = person.run("costs", "--journal", "--csv", HANDINGER_CREDIT_USD="0.01, 0.02 from 2020-01-01")
    rows = [*csv.DictReader(io.StringIO(priced.out))]
    assert {row["credit_usd"] for row in rows} == {"0.02"}
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for key in (KEY, OTHER):
        assert key[-4:].encode() in stored
        assert key[-5:].encode() not in stored
