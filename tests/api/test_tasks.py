"""The tasks client: one POST that may block for minutes, and the readings that settle it."""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from handinger_tui.api.client import WorkerClient
from handinger_tui.api.response import ResponseLimits
from handinger_tui.api.tasks import TaskClient
from handinger_tui.core.errors import Doubtful, Refused, StreamLost, Unreachable
from handinger_tui.core.stream import Snapshot, StreamRoute, body_of
from handinger_tui.core.turns.turn import Attachment, ErrorKind, TurnRequest
from tests.api.conftest import Clients
from tests.api.reply import failure, posted
from tests.api.server import Peer, Server, fin, respond, stream
from tests.api.tasks import NO_TASK, TASK, WORKER, TaskService, json_reply, turn, worker

NEW = TurnRequest("turn_1", "ping", 0, budget="low")
NEXT = TurnRequest("turn_2", "again", 0, TASK)
LIMITS = ResponseLimits(turn_timeout=60)


@pytest.fixture
def service(server: Server) -> TaskService:
    return TaskService(server)


@pytest.fixture
async def tasks(server: Server, connect: Clients, service: TaskService) -> TaskClient:
    return TaskClient(await connect(server.url, LIMITS), poll_s=0.01)


@pytest.fixture
async def hasty(server: Server, connect: Clients, service: TaskService) -> TaskClient:
    """It waits 50 ms for the response to a POST."""
    limits = ResponseLimits(turn_timeout=0.05, first_byte_timeout=2)
    return TaskClient(await connect(server.url, limits), poll_s=0.01)


def snapshots(texts: list[str]) -> list[Snapshot]:
    return [body_of(text).snapshot for text in texts]


async def read(tasks: TaskClient) -> Snapshot:
    return (await tasks.read_worker(TASK)).snapshot


# -- one POST ----------------------------------------------------------------------------
async def test_the_id_of_a_new_task_is_derived_from_its_turn(tasks: TaskClient, service: TaskService) -> None:
    [answer] = snapshots(await posted(tasks, NEW))
    [request] = service.posts
    assert request.target == "/api/tasks"
    assert request.body == b'{"input":"ping","budget":"low","taskId":"tsk_1"}'
    assert request.header("idempotency-key") == "turn_1"
    assert (answer.worker_id, answer.output_text, answer.busy) == (TASK, "pong", False)
    assert tasks.new_target("turn_1") == TASK


async def test_a_new_task_of_a_stored_worker_names_it(tasks: TaskClient, service: TaskService) -> None:
    await posted(tasks, TurnRequest("turn_1", "ping", 0, stored_worker_id="wrk_9"))
    assert json.loads(service.posts[0].body) == {"input": "ping", "taskId": TASK, "workerId": "wrk_9"}


async def test_a_turn_is_added_to_a_task_and_to_its_worker(tasks: TaskClient, service: TaskService) -> None:
    service.show("completed", turn())
    await posted(tasks, NEXT)
    assert json.loads(service.posts[0].body) == {"input": "again", "taskId": TASK, "workerId": WORKER}


async def test_a_later_turn_does_not_create_a_missing_task(tasks: TaskClient, service: TaskService) -> None:
    assert isinstance(await failure(tasks, NEXT), Refused)
    assert service.posts == []


async def test_a_task_that_cannot_be_read_gets_no_turn(tasks: TaskClient, service: TaskService) -> None:
    service.task = json_reply({"error": "down"}, 503)
    trouble = await failure(tasks, NEXT)
    assert isinstance(trouble, Unreachable)
    assert not trouble.chargeable
    assert service.posts == []


async def test_files_are_sent_as_parts(tasks: TaskClient, service: TaskService, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x,y")
    request = TurnRequest("turn_1", "ping", 0, attachments=(Attachment(str(file), "a.csv", 3, "text/csv"),))
    await posted(tasks, request)
    body = service.posts[0].body
    assert [name for name in (b"input", b"taskId", b"files", b"stream") if b'name="%s"' % name in body] == [
        b"input",
        b"taskId",
        b"files",
    ]


async def test_the_texts_of_a_task_are_not_kept(tasks: TaskClient, service: TaskService) -> None:
    await read_task(tasks, service, "pong")
    tracemalloc.start()
    try:
        await read_task(tasks, service, "x" * 8_000_000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 4_000_000
    finally:
        tracemalloc.stop()


async def read_task(tasks: TaskClient, service: TaskService, text: str) -> None:
    service.show("completed", turn(text=text))
    assert (await read(tasks)).output_text == text
    # The service's own text.
    service.show("completed", turn())


# -- waiting -----------------------------------------------------------------------------
async def test_the_answer_grows_by_readings_while_the_post_is_not_answered(
    tasks: TaskClient, service: TaskService
) -> None:
    release = asyncio.Event()

    async def late(peer: Peer) -> None:
        await release.wait()
        await json_reply(worker("one two"))(peer)

    service.post = late
    service.show("running", state=worker("one", running=True))
    shown: list[Snapshot] = []
    async with tasks.start_turn(NEW) as reply:
        assert (reply.worker_id, reply.via) == (TASK, StreamRoute.POST)
        async for piece in reply.pieces():
            shown += snapshots([piece.data])
            if shown[-1].output_text == "one":
                service.show("running", state=worker("one two", running=True))
            elif shown[-1].busy:
                release.set()
    assert [one.output_text for one in shown] == ["one", "one two", "one two"]
    assert [one.busy for one in shown] == [True, True, False]
    # The service lists no running turn: its message and the answer so far are shown all the same.
    assert [message["role"] for message in shown[0].messages] == ["user", "assistant"]
    assert len(service.posts) == 1


async def test_a_running_turn_has_no_deadline_for_the_post(
    server: Server, connect: Clients, service: TaskService
) -> None:
    limits = ResponseLimits(turn_timeout=1, first_byte_timeout=1, idle_timeout=30)
    tasks = TaskClient(await connect(server.url, limits), poll_s=0.005)
    clock = asyncio.get_running_loop().time
    release = asyncio.Event()

    async def late(peer: Peer) -> None:
        await release.wait()
        await json_reply(worker())(peer)

    service.post = late
    service.show("running")
    texts: list[str] = []
    begun = clock()
    async with tasks.start_turn(NEW) as reply:
        async for piece in reply.pieces():
            texts.append(piece.data)
            service.worker = json_reply(worker(str(service.reads), running=True))
            if clock() - begun > 1.1:
                # By now it took longer than a response without such readings may take.
                release.set()
    assert snapshots(texts)[-1].output_text == "pong"


async def test_a_turn_whose_task_has_ended_ends_without_the_response(
    tasks: TaskClient, service: TaskService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handinger_tui.api.tasks.GRACE_S", 0.01)
    service.post = Peer.wait_for_close
    service.show("completed", turn())
    [shown] = snapshots(await posted(tasks, NEW))
    assert (shown.output_text, shown.busy) == ("pong", False)


async def test_silence_of_service_and_task_is_in_doubt(hasty: TaskClient, service: TaskService) -> None:
    service.post = Peer.wait_for_close
    trouble = await failure(hasty, NEW)
    assert isinstance(trouble, Doubtful)
    assert trouble.kind is ErrorKind.TIMEOUT
    assert len(service.posts) == 1


async def test_a_connection_lost_before_any_sign_of_the_turn_is_in_doubt(
    tasks: TaskClient, service: TaskService
) -> None:
    service.post = fin
    assert isinstance(await failure(tasks, NEW), Doubtful)
    assert len(service.posts) == 1


@pytest.mark.parametrize("status", [200, 402, 409, 429, 500, 504, None])
async def test_after_a_failure_an_accepted_turn_is_settled_by_readings(
    tasks: TaskClient, service: TaskService, status: int | None
) -> None:
    release = asyncio.Event()

    async def fail(peer: Peer) -> None:
        await release.wait()
        await (fin if status is None else json_reply({"error": "sorry"}, status))(peer)

    service.post = fail
    service.show("running")

    async def start() -> None:
        async with tasks.start_turn(NEW) as reply:
            async for _ in reply.pieces():
                release.set()

    with pytest.raises(StreamLost) as caught:
        await start()
    assert caught.value.chargeable
    assert status is None or "sorry" in caught.value.summary
    assert len(service.posts) == 1


async def test_the_received_part_of_a_broken_response_is_kept(
    tasks: TaskClient, service: TaskService
) -> None:
    service.post = stream(b"data: a\n\n", end=False)
    async with tasks.start_turn(NEW) as reply:
        pieces = reply.pieces()
        assert (await anext(pieces)).data == "a"
        with pytest.raises(StreamLost):
            await anext(pieces)


async def test_a_used_id_is_in_doubt_and_a_busy_task_is_a_refusal(
    tasks: TaskClient, service: TaskService
) -> None:
    """A conflict is a refusal, unless a task with its id exists: then the turn may be running."""
    service.post = json_reply({"error": "This task runs."}, 409)
    assert isinstance(await failure(tasks, NEW), Refused)
    service.show("running", turn())
    assert isinstance(await failure(tasks, NEW), Doubtful)
    assert isinstance(await failure(tasks, NEXT), Refused)
    assert len(service.posts) == 3


async def test_a_task_of_which_no_message_has_arrived_is_begun_by_the_next_one(
    tasks: TaskClient, service: TaskService
) -> None:
    """A task with another history is not: it may have been deleted, or its id be wrong."""
    refused = await failure(tasks, NEXT)
    assert (type(refused), refused.kind, service.posts) == (Refused, ErrorKind.NOT_FOUND, [])
    async with tasks.start_turn(replace(NEXT, begins=True, stored_worker_id="w9")) as reply:
        assert [piece async for piece in reply.pieces()]
    (post,) = service.posts
    body = json.loads(post.body)
    assert (body["taskId"], body["workerId"]) == (NEXT.target_id, "w9")


async def test_a_turn_of_another_program_is_not_ours(hasty: TaskClient, service: TaskService) -> None:
    """The task was running before: that it still runs proves nothing about our message."""
    service.show("running", turn(completedAt=None, status="running"))
    service.post = Peer.wait_for_close
    assert isinstance(await failure(hasty, NEXT), Doubtful)


@pytest.mark.parametrize(
    ("status", "added"),
    [
        ("running", {}),
        ("pending", {}),
        ("running", {"prompt": "other", "completedAt": None, "status": "running"}),
        ("completed", {"prompt": "other"}),
    ],
    ids=["runs", "waits", "runs and is listed", "has ended"],
)
async def test_a_turn_that_another_program_adds_during_the_post_is_not_ours(
    tasks: TaskClient, service: TaskService, status: str, added: dict[str, Any]
) -> None:
    """The connection is lost after the task has changed, but nothing of it names our message."""
    service.show("completed", turn())

    async def lose(peer: Peer) -> None:
        service.show(status, turn(), *([turn(1, **added)] if added else []))
        await service.read_again(2)
        await fin(peer)

    service.post = lose
    assert isinstance(await failure(tasks, NEXT), Doubtful)
    assert len(service.posts) == 1


async def test_a_running_task_that_lists_no_running_turn_delays_the_deadline(
    hasty: TaskClient, service: TaskService
) -> None:
    service.show("completed", turn())

    async def late(peer: Peer) -> None:
        service.show("running", turn())
        # At growing intervals, which together are longer than the deadline.
        await service.read_again(6)
        await json_reply(worker("again pong"))(peer)

    service.post = late
    [answer] = snapshots(await posted(hasty, NEXT))
    assert answer.output_text == "again pong"


async def test_a_later_turn_is_followed_once_it_is_listed(tasks: TaskClient, service: TaskService) -> None:
    service.show("completed", turn())
    release = asyncio.Event()

    async def late(peer: Peer) -> None:
        service.show("running", turn(), turn(1, " again\r\n", "", completedAt=None, status="running"))
        await release.wait()
        await json_reply(worker("again pong"))(peer)

    service.post = late
    async with tasks.start_turn(NEXT) as reply:
        assert reply.http_status == 202
        release.set()
        texts = [piece.data async for piece in reply.pieces()]
    assert snapshots(texts)[-1].output_text == "again pong"


async def test_detaching_closes_the_connection_of_the_post(tasks: TaskClient, service: TaskService) -> None:
    closed = asyncio.Event()

    async def wait(peer: Peer) -> None:
        await peer.wait_for_close()
        closed.set()

    service.post = wait
    service.show("running")
    async with tasks.start_turn(NEW):
        pass
    await asyncio.wait_for(closed.wait(), 60)


async def test_a_cancelled_start_knows_whether_a_byte_was_sent(
    tasks: TaskClient, service: TaskService
) -> None:
    departed = asyncio.Event()
    service.post = Peer.wait_for_close

    async def start() -> None:
        async with tasks.start_turn(NEW, departed.set):
            pass

    starting = asyncio.create_task(start())
    await service.posted.wait()
    assert departed.is_set()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_a_start_that_is_cancelled_during_a_reading_ends_it(
    tasks: TaskClient, service: TaskService
) -> None:
    reading = asyncio.Event()

    async def hold(peer: Peer) -> None:
        reading.set()
        await peer.wait_for_close()

    service.post = Peer.wait_for_close
    service.task = hold
    before = asyncio.all_tasks()

    async def start() -> None:
        async with tasks.start_turn(NEW):
            pass

    starting = asyncio.create_task(start())
    await reading.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    remaining = [task.get_coro() for task in asyncio.all_tasks() - before]
    assert not [one for one in remaining if "TaskClient" in getattr(one, "__qualname__", "")]


# -- readings ----------------------------------------------------------------------------
@pytest.mark.parametrize("inside", [False, True])
async def test_turns_are_read_in_both_shapes(tasks: TaskClient, service: TaskService, inside: bool) -> None:
    files = [{"filename": "a.csv", "mediaType": "text/csv", "url": "https://x.example/a", "size": 12}]
    service.show(
        "completed",
        turn(1, "second", "two", files=files, structuredOutput={"a": 1}),
        turn(0, "first", "one"),
        inside=inside,
        state=worker("two", sources=[{"id": "s", "type": "url", "url": "https://y.example", "title": None}]),
    )
    shown = await read(tasks)
    assert [message["role"] for message in shown.messages] == ["user", "assistant"] * 2
    assert [message.get("usage") for message in shown.messages][1::2] == [
        {"credits": 7, "inputTokens": 10, "outputTokens": 20, "durationMs": 900}
    ] * 2
    assert (shown.worker_id, shown.stored_worker_id, shown.title) == (TASK, WORKER, "Prices")
    assert (shown.output_text, shown.structured_output, shown.prompts) == ("two", {"a": 1}, 2)
    assert [(file.filename, file.size) for file in shown.files] == [("a.csv", 12)]
    assert [source.url for source in shown.sources] == ["https://y.example"]
    assert not shown.usage.reported


@pytest.mark.parametrize(
    ("status", "busy", "failed"),
    [
        ("pending", True, False),
        ("running", True, False),
        ("completed", False, False),
        ("error", False, True),
        ("aborted", False, True),
        ("paused", True, False),
    ],
)
async def test_the_status_of_a_task(
    tasks: TaskClient, service: TaskService, status: str, busy: bool, failed: bool
) -> None:
    service.show(status, turn())
    shown = await read(tasks)
    assert (shown.busy, shown.failed) == (busy, failed)


async def test_the_state_of_another_task_is_ignored(tasks: TaskClient, service: TaskService) -> None:
    """A service that ignores the query `taskId` answers with the latest task of the worker."""
    source = {"id": "s", "type": "url", "url": "https://y.example", "title": None}
    service.show("completed", turn(), state=worker("something else", sources=[source], error="no"))
    shown = await read(tasks)
    assert (shown.output_text, shown.sources, shown.error) == ("pong", (), None)


@pytest.mark.parametrize(
    "odd",
    [
        {"task": {"status": "completed"}},
        {"task": {"id": TASK, "status": 7, "totals": None}, "turns": [None, 1, {}]},
        {"task": {"id": TASK, "status": "completed"}, "turns": [{"seq": "x", "input": 3, "files": 9}]},
    ],
)
async def test_missing_and_wrong_members_are_tolerated(
    tasks: TaskClient, service: TaskService, odd: Any
) -> None:
    service.task = json_reply(odd)
    assert (await read(tasks)).worker_id == TASK


@pytest.mark.parametrize("answer", [{}, {"task": None}, {"id": WORKER, "instructions": "x"}])
async def test_an_answer_that_is_not_a_task_is_refused(
    tasks: TaskClient, service: TaskService, answer: Any
) -> None:
    service.task = json_reply(answer)
    with pytest.raises(Exception, match="could not be read"):
        await read(tasks)


async def test_the_answer_of_another_task_is_refused(tasks: TaskClient, service: TaskService) -> None:
    service.task = json_reply({"task": {"id": "tsk_other", "status": "completed"}})
    with pytest.raises(Exception, match="different worker"):
        await read(tasks)


async def test_an_unreadable_state_removes_nothing(tasks: TaskClient, service: TaskService) -> None:
    service.show("completed", turn())
    service.worker = respond(500)
    assert (await read(tasks)).output_text == "pong"


# -- streams and workers -----------------------------------------------------------------
async def test_only_an_event_stream_is_followed(
    tasks: TaskClient, service: TaskService, client: WorkerClient
) -> None:
    service.show("running")
    for via in (StreamRoute.SUBSCRIBE, StreamRoute.REPLAY):
        with pytest.raises(Exception, match="content type"):
            async with tasks.follow(TASK, via):
                pass
    service.worker = stream(b"data: a\n\n", headers={"x-worker-id": WORKER})
    async with tasks.follow(TASK, StreamRoute.REPLAY) as reply:
        assert reply.worker_id == TASK
        assert [piece.data async for piece in reply.pieces()] == ["a"]


async def test_the_worker_of_a_task(tasks: TaskClient, service: TaskService) -> None:
    service.show("completed")
    assert await tasks.worker_of_target(TASK) == WORKER
    service.task = NO_TASK
    assert await tasks.worker_of_target(TASK) == WORKER
    with pytest.raises(Refused):
        await tasks.worker_of_target("tsk_2")
