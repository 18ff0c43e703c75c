"""An imported session: equal to the exported one, marked, charged nowhere; a hostile file stores nothing."""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from contextlib import suppress
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from handinger_tui.core.amounts import Total, Unit
from handinger_tui.core.errors import LedgerError, SettingsError
from handinger_tui.core.export.session_file import most_bytes, read_session
from handinger_tui.core.jsontext import MAX_DEPTH
from handinger_tui.core.money.attribution import MoneyIndex, session_money
from handinger_tui.core.money.limits import Limit, Scope
from handinger_tui.core.money.spending import GroupBy
from handinger_tui.core.stream import UNREADABLE, Frame, Framing, Marker, ReadReason, body_of
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Attachment, TurnStatus
from handinger_tui.engine.settling import unsettled_turns
from handinger_tui.ledger.charges.limits import LimitRules, LimitService
from tests.ledger.charge_rows import usd_of_turns
from tests.ledger.random_sessions import (
    assert_same,
    check,
    check_damaged,
    create_files,
    exported,
    rows_of,
    totals,
)
from tests.ledger.samples import (
    WORKER,
    answered,
    frame,
    opened,
    play,
    remote_turns,
    session,
    text_part,
    turn_request,
    worker,
)
from tests.wire.recordings import Tape

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.core.export.session_file import SessionFile
    from handinger_tui.core.turns.session import RemoteTurn
    from handinger_tui.ledger.ledger import Ledger

NOW = 10_000_000


async def test_random_sessions_are_equal_after_an_import_and_no_total_changes() -> None:
    await check(sessions=12, seed=1)


async def test_a_damaged_file_is_refused_or_stored_completely() -> None:
    assert 0 < await check_damaged(await create_files(5, seed=2), number=200, seed=2) < 200


async def exported_file(*usd: Any, name: str = "ses_1", base_url: str = "https://worker.example") -> str:
    """The file of a session with the total of the worker after each turn."""
    async with opened(None) as ledger:
        now = session(name, base_url=base_url, worker_id=WORKER)
        for at, cost in enumerate(usd):
            request = turn_request(f"turn_{name}_{at}", f"prompt {at}", target_id=WORKER, seen_before=0)
            now = await play(ledger, now, request, answered(cost, f"answer {at}"))
        loaded = await ledger.load(name)
        assert loaded is not None
        return await exported(ledger, loaded)


def read(text: str) -> SessionFile:
    return read_session(text.encode(), NOW)


def read_turns(text: str) -> tuple[RemoteTurn, ...]:
    return read(text).turns


async def imported(ledger: Ledger, text: str) -> Session:
    file = read(text)
    assert await ledger.history.add_imported(file) is None
    loaded = await ledger.load(file.session.session_id)
    assert loaded is not None
    return loaded


def looked(usd: float, after: float | None) -> list[Frame]:
    """A turn with the worker's total before it, `usd`, and `after` it; None: it was not read."""
    tape = Tape()
    if after is not None:
        tape.add(Framing.JSON, worker(usd), ReadReason.BEFORE)
    tape.note(Marker.SENDING, worker_id=WORKER)
    tape.add(Framing.JSON, worker(usd if after is None else after), ReadReason.AFTER)
    tape.note(Marker.SETTLED, status="completed", recovered=False, fault=None)
    return [one._replace(at_ms=NOW + one.seq) for one in tape.frames]


async def test_any_number_of_tags_is_imported() -> None:
    tags = [f"tag-{number}" for number in range(1_000)]
    text = json.dumps(json.loads(await exported_file(1)) | {"tags": tags})
    async with opened(None) as ledger:
        await imported(ledger, text)
        assert sorted(await ledger.history.tags()) == sorted(tags)


async def test_a_damaged_tag_is_omitted() -> None:
    text = json.dumps(json.loads(await exported_file(1)) | {"tags": ["work", UNREADABLE]})
    async with opened(None) as ledger:
        await imported(ledger, text)
        assert sorted(await ledger.history.tags()) == ["work"]


# -- never charged ---------------------------------------------------------------------------
async def test_a_later_message_costs_the_later_increase_of_the_worker() -> None:
    async with opened(None) as ledger:
        now = await imported(ledger, await exported_file(1, 3))
        assert await usd_of_turns(ledger) == {}
        now = await play(ledger, now, turn_request("turn_new", "more", target_id=WORKER), looked(3.0, 3.5))
        assert await usd_of_turns(ledger) == {"turn_new": Decimal("0.5")}
        assert session_money(now.turns, now.elsewhere).usd.value == Decimal("0.5")
        (row,) = await ledger.history.sessions()
        # Two readings do not decide what the figures mean, and what the file says of them does not count.
        assert (row.turns, row.imported) == (3, 2)
        assert row.usd == Total(Decimal("0.5"), doubtful=True, unsettled=True)
        assert await ledger.charges.suspense() == []


async def test_a_message_without_a_reading_before_it_does_not_get_the_cost_of_imported_turns() -> None:
    async with opened(None) as ledger:
        now = await imported(ledger, await exported_file(1, 3))
        await play(ledger, now, turn_request("turn_new", "more", target_id=WORKER), looked(3.5, None))
        assert await usd_of_turns(ledger) == {"turn_new": None}, "unknown, not 3.5 and not zero"


async def test_a_forged_file_for_a_worker_in_use_changes_no_amount_of_yours() -> None:
    file = json.loads(await exported_file(900, name="ses_forged"))
    for one in file["turns"][0]["record"]["frames"]:
        one[0] += NOW + 30_000
    forged = json.dumps(file)
    async with opened(None) as ledger:
        own = session("ses_own", base_url="https://worker.example", worker_id=WORKER)
        first = turn_request("turn_before", "one", target_id=WORKER, seen_before=0)
        own = await play(ledger, own, first, looked(0.0, 0.001))
        await imported(ledger, forged)
        later = turn_request("turn_after", "two", target_id=WORKER, created_ms=NOW)
        frames = [one._replace(at_ms=one.at_ms + 60_000) for one in looked(0.002, None)]
        own = await play(ledger, own, later, frames)
        assert await usd_of_turns(ledger) == dict.fromkeys(("turn_before", "turn_after"), Decimal("0.001"))
        assert session_money(own.turns, own.elsewhere).usd.value == Decimal("0.002")
        assert await ledger.charges.suspense() == []


async def test_attaching_stores_only_the_later_turns_of_the_worker() -> None:
    async with opened(None) as ledger:
        now = await imported(ledger, await exported_file(1, 3))
        after = await ledger.adopt(now, remote_turns("attached", 3))
        assert [turn.turn_id for turn in after.turns] == [
            "turn_ses_1_0",
            "turn_ses_1_1",
            "turn_attached_2",
        ]
        assert [turn.imported for turn in after.turns] == [True, True, False]
        assert set(await usd_of_turns(ledger)) == {"turn_attached_2"}


async def test_another_session_of_the_worker_does_not_get_the_imported_turns_either() -> None:
    async with opened(None) as ledger:
        mine = session("ses_mine", worker_id=WORKER, base_url="https://worker.example")
        mine = await play(ledger, mine, turn_request("turn_mine", "mine", target_id=WORKER), looked(0.5, 1.0))
        before = await totals(ledger)
        await imported(ledger, await exported_file(2, 3))
        assert await totals(ledger) == before
        after = await ledger.adopt(mine, remote_turns("attached", 2))
        assert [turn.turn_id for turn in after.turns] == ["turn_mine"]


async def test_an_imported_session_that_was_deleted_here_keeps_its_charges_once() -> None:
    async with opened(None) as ledger:
        now = session("ses_1", base_url="https://worker.example")
        now = await play(ledger, now, turn_request("turn_1"), answered(2))
        text = await exported(ledger, now)
        before = await totals(ledger)
        await ledger.history.delete("ses_1")
        back = await imported(ledger, text)
        await ledger.charge(back)
        await ledger.close_turn(back, "turn_1")
        assert await totals(ledger) == before
        (row,) = await ledger.history.sessions()
        assert (row.imported, row.usd) == (1, Total(Decimal(2), unsettled=True))


async def test_no_limit_counts_an_imported_turn() -> None:
    async with opened(None) as ledger:
        now = await imported(ledger, await exported_file(5, 7))
        limits = tuple(Limit(scope, Unit.USD, Decimal(1)) for scope in Scope if scope is not Scope.PROJECT)
        rules = LimitRules(limits, simulated=False, now_ms=lambda: NOW)
        gauges = await LimitService(ledger.database, rules, UTC).gauges(now)
        assert len(gauges) == len(limits)
        assert all(not one.spent.value and not one.spent.missing_turns for one in gauges)


# -- what is under way -----------------------------------------------------------------------
OPENED = {"via": "post", "status": 200, "content_type": "", "encoding": "", "worker_id": WORKER}


@pytest.mark.parametrize(
    ("tape", "status"),
    [
        (Tape(), TurnStatus.NOT_SENT),
        (Tape().note(Marker.SENDING, worker_id=WORKER), TurnStatus.UNKNOWN),
        (Tape().note(Marker.SENDING).note(Marker.OPENED, **OPENED), TurnStatus.INCOMPLETE),
        (
            Tape().note(Marker.SENDING).note(Marker.SETTLED, status="running", recovered=False, fault=None),
            TurnStatus.INCOMPLETE,
        ),
        (
            Tape().note(Marker.SENDING).note(Marker.SETTLED, status="unknown", recovered=False, fault=None),
            TurnStatus.UNKNOWN,
        ),
    ],
)
async def test_an_imported_running_turn_has_ended_and_is_not_watched(tape: Tape, status: TurnStatus) -> None:
    async with opened(None) as ledger:
        now = session(worker_id=WORKER)
        await ledger.open_turn(now, turn_request())
        for one in tape.frames:
            ledger.append("turn_1", one)
        await ledger.flush()
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        text = await exported(ledger, loaded)
    async with opened(None) as ledger:
        now = await imported(ledger, text)
        assert [turn.status for turn in now.turns] == [status]
        answer = worker(messages=[{"role": "user", "parts": [text_part("hello")]}])
        assert unsettled_turns(now, body_of(answer).snapshot) == []
        assert await ledger.unsettled() == []
        assert await ledger.sessions_to_read(NOW) == []
        assert await ledger.history.prompts() == [], "the prompts of another person are not offered"


# -- costs left out --------------------------------------------------------------------------
async def test_the_costs_of_a_file_without_costs_are_unknown() -> None:
    async with opened(None) as ledger:
        now = await play(ledger, session(), turn_request(), answered(2))
        text = await exported(ledger, now, costs=False)
        assert session_money(now.turns).turns[0].usd == Decimal(2)
    file = json.loads(text)
    assert file["with_costs"] is False
    assert (file["turns"][0]["usage"], file["turns"][0]["turn_costs"]) == (None, None)
    assert "costUsd" not in text
    assert "credits" not in json.dumps(file["turns"][0]["record"])
    async with opened(None) as ledger:
        now = await imported(ledger, text)
        assert session_money(now.turns).turns[0].usd is None
        assert now.turns[0].text == "an answer"


# -- hostile files ---------------------------------------------------------------------------
async def edited(**members: Any) -> str:
    """A file with other members of its session, or with "turn" or "record": of its first turn."""
    file = json.loads(await exported_file(1))
    first = file["turns"][0]
    first.update(members.pop("turn", {}))
    if first["record"] is not None:
        first["record"].update(members.pop("record", {}))
    return json.dumps(file | members)


ENDLESS_WAIT = '{"status":"failed","fault":{"kind":"network","retry_after_s":1' + "0" * 400 + "}}"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"schema": "handinger-tui/session/99"}, "A newer version"),
        ({"schema": "handinger-tui/costs/1"}, "not a session"),
        ({"schema": 1}, "not a session"),
        ({"session_id": "../../x"}, "session_id of the session is not an id"),
        ({"session_id": "x" * 200}, "session_id of the session is not an id"),
        ({"session_id": None}, "session_id of the session is not a text"),
        ({"generation": "agents"}, "generation"),
        ({"created_ms": 2**63}, "created_ms of the session is out of range"),
        ({"created_ms": True}, "created_ms of the session is out of range"),
        ({"tags": ["two words"]}, "one of its tags is not a name"),
        ({"tags": [None]}, "one of its tags is not a name"),
        ({"turns": []}, "no turns"),
        ({"turns": "many"}, "no turns"),
        ({"turn": {"record": None}}, "an older version wrote it"),
        ({"turn": {"turn_id": "\x1b[2J"}}, "turn_id of turn 1 is not an id"),
        ({"turn": {"created_ms": -1}}, "created_ms of turn 1 is out of range"),
        ({"turn": {"attachments": [{"name": "x", "size": 10**30, "media_type": ""}]}}, "size of turn 1"),
        ({"record": {"prompt": ["x"]}}, "prompt of turn 1 is not a text"),
        ({"record": {"target": ["w"]}}, "target of turn 1 is not a text"),
        ({"record": {"seen_before": 10**20}}, "seen_before of turn 1 is out of range"),
        ({"record": {"frames": None}}, "turn 1 has no frames"),
        ({"record": {"frames": [[1, "smoke", "", None, "x"]]}}, "frame 1 of turn 1 is not a frame"),
        ({"record": {"frames": [[10**20, "sse", "", None, "x"]]}}, "frame 1 of turn 1 is not a frame"),
        ({"record": {"frames": [[1, "note", "exploded", None, "{}"]]}}, "frame 1 of turn 1 is not a frame"),
        (
            {"record": {"frames": [[1, "note", "settled", None, ENDLESS_WAIT]]}},
            "frame 1 of turn 1 is not a frame",
        ),
        ({"record": {"frames": [[1, "sse", "", None, "x", "y"]]}}, "frame 1 of turn 1 is not a frame"),
    ],
)
async def test_an_invalid_file_is_reported_in_one_line(members: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        read(await edited(**members))
    assert "\n" not in caught.value.summary
    assert "Nothing was imported." in caught.value.summary
    assert caught.value.hint


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"\xff\xfe", b'{"schema": "handing', b"[" * 2_000_000, b'{"a":' * 400 + b"1"],
)
def test_a_file_that_is_not_an_export_is_reported(data: bytes) -> None:
    with pytest.raises(SettingsError, match=r"Nothing was imported\."):
        read_session(data, NOW)


async def test_another_encoding_a_second_document_and_a_cut_end_are_reported() -> None:
    text = (await exported_file(1)).replace("prompt 0", "pr\u00f6mpt 0")
    assert read_session(b"\xef\xbb\xbf" + text.encode(), NOW).turns
    odd = [*map(text.encode, ("utf-16", "utf-32", "latin-1")), (text + text).encode(), text[:-20].encode()]
    for data in odd:
        with pytest.raises(SettingsError, match="not a JSON document"):
            read_session(data, NOW)
    long_number = text.replace('"created_ms"', '"x": ' + "1" * 100_000 + ', "created_ms"', 1)
    assert long_number != text
    with suppress(SettingsError):
        read(long_number)


FRAMES = b'{"turns":[{"record":{"frames":[' + b'[0,"sse","",null,""],' * 900_000 + b"null]}}]}"


@pytest.mark.parametrize(
    "data",
    [b" " * (most_bytes() + 1), b"[" + b"{}," * 6_000_000 + b"1]", FRAMES, b'{"a":"' + b"[" * 9_000_000],
    ids=["bytes", "objects", "frames", "values of one frame"],
)
def test_a_file_that_is_too_large_is_refused_before_it_is_parsed(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(SettingsError, match="larger than 50 MB") as caught:
            read_session(data, NOW)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert "--max-mb" in caught.value.hint


ODD = json.loads(r'[null, true, -1, 1.5, 1e30, "", "\u0000", "\ud800", [], [[]], [{}], {}, {"kind": []}]')


@pytest.mark.parametrize("member", ["turn", "record", "session"])
async def test_a_member_of_any_other_kind_is_refused_or_read(member: str) -> None:
    """Whatever stands in a place of the file, it never ends in an exception of another kind."""
    file = json.loads(await exported_file(1))
    first = file["turns"][0]
    first["lineage"] = {"kind": "edit", "session_id": "s", "turn_id": "t", "number": 1, "title": ""}
    first["attachments"] = [{"name": "x", "size": 1, "media_type": "text/plain"}]
    place = {"session": file, "turn": first, "record": first["record"]}[member]
    for name, kept in list(place.items()):
        for value in ODD:
            place[name] = value
            with suppress(SettingsError):
                read(json.dumps(file))
        place[name] = kept
    assert len(read_turns(json.dumps(file))) == 1


async def test_two_turns_of_the_same_id_are_refused() -> None:
    file = json.loads(await exported_file(1))
    file["turns"] *= 2
    with pytest.raises(SettingsError, match="the same id"):
        read(json.dumps(file))


async def test_a_file_cannot_name_files_of_this_machine() -> None:
    one = {"name": "../../etc/passwd", "path": "/etc/passwd", "size": 1, "media_type": "text/plain"}
    (turn,) = read_turns(await edited(turn={"attachments": [one]}))
    assert turn.request.attachments[0].path == ""


@pytest.mark.parametrize("worker_id", ["w" * 1_001, "w\0x", "w\ud800", "w\x1b[2J\n"])
async def test_odd_ids_and_long_texts_of_a_session_are_exported_and_imported(worker_id: str) -> None:
    """What a service or a person made once is not refused in its own export."""
    opening = {"via": "post", "status": 200, "content_type": "", "encoding": "", "worker_id": worker_id}
    tape = Tape()
    tape.note(Marker.SENDING, worker_id=None)
    tape.note(Marker.OPENED, **opening)
    tape.note(Marker.CLOSED, clean=True)
    tape.note(Marker.SETTLED, status="completed", recovered=False, fault=None)
    now = session(base_url="https://worker.example/" + "x" * 3_000, title="t" * 20_000)
    files = (Attachment("", "n" * 2_000, 1, "text/" + "m" * 2_000),)
    async with opened(None) as ledger:
        for number, target in enumerate((None, worker_id)):
            request = turn_request(f"turn_{number}", target_id=target, budget="b" * 200, attachments=files)
            now = await play(ledger, now, request, tape.frames)
        loaded = await ledger.load("ses_1")
        assert loaded is not None
        text = await exported(ledger, loaded)
    async with opened(None) as ledger:
        copy = await imported(ledger, text)
        assert [copy.worker_id, *[turn.target for turn in copy.turns]] == [worker_id] * 3
        assert_same(loaded, copy)
        assert read(await exported(ledger, copy)) == read(text)


async def test_values_of_the_greatest_allowed_depth_are_exported_and_imported() -> None:
    deep = '{"a":' * (MAX_DEPTH - 5) + "1" + "}" * (MAX_DEPTH - 5)
    event = '{"type":"tool-output-available","toolCallId":"c","output":' + deep + "}"
    start = '{"type":"tool-input-available","toolCallId":"c","toolName":"t","input":{}}'
    async with opened(None) as ledger:
        frames = [frame(0, start), frame(1, event)]
        now = await play(ledger, session(), turn_request(), frames)
        text = await exported(ledger, now)
    (turn,) = read_turns(text)
    assert turn.frames[:2] == tuple(frames)


# -- all or nothing --------------------------------------------------------------------------
async def test_a_session_with_a_turn_that_is_stored_already_is_not_imported() -> None:
    async with opened(None) as ledger:
        first = await imported(ledger, await exported_file(1, 2))
        other = json.loads(await exported_file(1, 2)) | {"session_id": "ses_other"}
        assert await ledger.history.add_imported(read(json.dumps(other))) == first.session_id
        assert [one.session_id for one in await ledger.history.sessions()] == ["ses_1"]


async def test_an_import_that_fails_halfway_stores_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    file = read(await exported_file(1, 2, 3))
    async with opened(path) as ledger:
        trap = (
            "CREATE TRIGGER trap BEFORE INSERT ON turns WHEN NEW.prompt = 'prompt 2'"
            " BEGIN SELECT RAISE(ABORT, 'trap'); END"
        )
        await ledger.database.run(lambda db: db.execute(trap))
        with pytest.raises((LedgerError, sqlite3.Error)):
            await ledger.history.add_imported(file)
        assert await ledger.history.sessions() == []
        for table in ("turns", "frames", "answers", "remote_turns", "search_entries"):
            assert await rows_of(ledger, table) == []
        assert await ledger.charges.buckets(GroupBy.DAY) == []


async def test_amounts_of_a_file_are_those_of_its_own_turns() -> None:
    """As docs/conversations.md says: what other sessions of the worker show is not in the file."""
    async with opened(None) as ledger:
        first, second = (
            session(f"ses_{one}", base_url="https://worker.example", worker_id=WORKER) for one in "ab"
        )
        await play(
            ledger, first, turn_request("turn_a", "one", target_id=WORKER, seen_before=0), answered(1, "x")
        )
        await play(
            ledger, second, turn_request("turn_b", "two", target_id=WORKER, seen_before=0), answered(3, "y")
        )
        original = await ledger.load("ses_b")
        assert original is not None
        assert session_money(original.turns, original.elsewhere).usd.value == Decimal(2)
        text = await exported(ledger, original)
    async with opened(None) as ledger:
        copy = await imported(ledger, text)
        assert [one.usd for one in MoneyIndex()(copy.turns, copy.elsewhere)] == [None], "unknown, not zero"
