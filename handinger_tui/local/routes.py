"""The endpoints of both generations: one method per operation of the API descriptions.

Decisions where the published API descriptions are silent:

- POST of workers responds at once, with `running: true`, POST of tasks when the turn has ended;
  with streaming both respond with the stream of the turn.
- POST to a conversation with a running turn: 409, nothing is started.
- `Idempotency-Key` means nothing, since the published API does not name it.
- The stream of a GET has one event per stored message, then the chunks of the running turn from its
  start, then `[DONE]` (not on /stream, whose clients do not know that event).
- The Worker in an answer of a task has the id of the stored worker, and describes the task.
- A running turn is listed; a stored worker that is deleted keeps its tasks.
"""

from __future__ import annotations

import hmac
from asyncio import timeout
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from handinger_tui.local import http, stream
from handinger_tui.local.http import RefusedError, event_stream, json_response
from handinger_tui.local.triggers import ScheduleBody, WebhookBody, schedule_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from handinger_tui.local.registry import Registry
    from handinger_tui.local.worker import Conversation, LocalWorker

    Endpoint: TypeAlias = Callable[[Request], Awaitable[object]]
    """What it returns is sent as JSON, unless it is a response."""

PREFIX = "/tasks-generation"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_MESSAGES = {404: "Nothing at this address.", 405: "This address does not support this method."}
_DRAIN_SECONDS = 5.0


class Routes:
    """The endpoints of one generation; a request is answered only with the server's key."""

    def __init__(self, registry: Registry, api_key: str) -> None:
        self.registry = registry
        self.limits = registry.limits
        self._expected = f"Bearer {api_key}".encode()

    def of_workers(self) -> list[Route]:
        """Return the routes of the workers generation."""
        worker = "/api/workers/{worker_id}"
        return [
            self._route("/api/workers", POST=self.create),
            self._route(worker, GET=self.retrieve, POST=self.resume),
            self._route(f"{worker}/stream", GET=self.follow),
            *self._common(worker),
        ]

    def of_tasks(self) -> list[Route]:
        """Return the routes of the tasks generation."""
        task, worker = f"{PREFIX}/api/tasks/{{task_id}}", f"{PREFIX}/api/workers/{{worker_id}}"
        hook = f"{worker}/webhook"
        return [
            self._route(f"{PREFIX}/api/tasks", POST=self.start),
            self._route(task, GET=self.task, DELETE=self.archive),
            self._route(f"{task}/turns", GET=self.turns),
            self._route(f"{PREFIX}/api/workers", POST=self.store),
            self._route(worker, GET=self.worker, PATCH=self.change, DELETE=self.delete),
            self._route(hook, GET=self.webhook, PUT=self.set_webhook, DELETE=self.remove_webhook),
            self._route(f"{hook}/regenerate-token", POST=self.renew_webhook_token),
            self._route(f"{hook}/executions", GET=self.webhook_executions),
            *self._common(worker),
        ]

    def _common(self, worker: str) -> list[Route]:
        return [
            self._route(f"{worker}/email", GET=self.email),
            self._route(f"{worker}/files/{{file_path:path}}", GET=self.file),
            self._route(f"{worker}/schedules", GET=self.list_schedules, POST=self.add_schedule),
            self._route(f"{worker}/schedules/{{schedule_id}}", DELETE=self.cancel_schedule),
        ]

    def _route(self, path: str, **endpoints: Endpoint) -> Route:
        """Return one route for all methods of a path, so that its 405 lists exactly the allowed ones."""

        async def endpoint(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode("latin-1")
            scheme, _, key = given.partition(b" ")
            if not hmac.compare_digest(scheme.title() + b" " + key.strip(), self._expected):
                sentence = "The Authorization header must be Bearer and the key this local worker named."
                raise RefusedError(401, sentence, {"www-authenticate": "Bearer"})
            handler = endpoints.get(request.method)
            if handler is None:
                raise RefusedError(405, _MESSAGES[405], {"allow": ", ".join(endpoints)})
            answer = await handler(request)
            return answer if isinstance(answer, Response) else json_response(answer)

        return Route(path, endpoint, methods=_METHODS)

    # -- workers generation --------------------------------------------------------------------
    async def create(self, request: Request) -> object:
        """Create a worker and start its first turn."""
        return await self._start_turn(request, "")

    async def resume(self, request: Request) -> object:
        """Start another turn of a worker."""
        return await self._start_turn(request, self._conversation(request).id)

    async def retrieve(self, request: Request) -> object:
        """Return a worker, or stream its messages and its running turn."""
        conversation = self._conversation(request)
        if http.wants_stream(request):
            return event_stream(self._history_and_live(conversation))
        return conversation.as_worker()

    async def follow(self, request: Request) -> object:
        """Stream the messages and the running turn of a worker, whatever Accept says.

        Without `[DONE]`: the clients that use this route (official Python 0.0.2 to 0.3.0) decode
        every event as JSON and fail on it.
        """
        events = self._history_and_live(self._conversation(request))
        return event_stream(text async for text in events if text != stream.DONE)

    # -- tasks generation ----------------------------------------------------------------------
    async def start(self, request: Request) -> object:
        """Start a task or add a turn to one, and respond when the turn has ended."""
        body, instruction = await http.turn_body_of(request, self.limits)
        task, turn = self.registry.start(instruction, body.task_id or "", body.worker_id or "")
        if body.stream is True:
            return event_stream(turn.follow(self.limits.keep_alive_seconds))
        await turn.ended.wait()
        return task.as_worker_of_task()

    async def task(self, request: Request) -> object:
        """Return a task, also with its turns, which clients before 0.25.1 expect."""
        task = self._task(request)
        return {"task": task.as_task(), "turns": task.turn_members()}

    async def turns(self, request: Request) -> object:
        """Return the turns of a task."""
        task = self._task(request)
        return {"items": task.turn_members(), "taskId": task.id}

    async def archive(self, request: Request) -> object:
        """Archive a task, which changes nothing here: an archived task can still be read."""
        self._task(request)
        return {"archived": True}

    async def store(self, request: Request) -> object:
        """Store a worker; nothing runs."""
        body = await http.body_of(request, http.NewWorkerBody, self.limits)
        worker = self.registry.store(instructions=body.prompt)
        worker.change(body)
        return worker.as_members(self.registry.base_url)

    async def worker(self, request: Request) -> object:
        """Return the state of a stored worker from its newest task or the one asked for, or stream that."""
        worker = self._worker(request)
        task_id = request.query_params.get("taskId")
        task = self.registry.newest(worker) if task_id is None else self.registry.conversation(task_id)
        if task.worker is not worker:
            raise RefusedError(404, "This worker has no task with this id.")
        if "stream" in request.query_params and http.wants_stream(request):
            return event_stream(self._history_and_live(task))
        return task.as_worker_of_task()

    async def change(self, request: Request) -> object:
        """Change members of a stored worker."""
        worker = self._worker(request)
        worker.change(await http.body_of(request, http.StoredWorkerBody, self.limits))
        return worker.as_members(self.registry.base_url)

    async def delete(self, request: Request) -> object:
        """Delete a stored worker with its schedules; its tasks stay."""
        self.registry.delete(self._worker(request))
        return {"deleted": True}

    async def webhook(self, request: Request) -> object:
        """Return address and token of the webhook, both null without one."""
        return self._worker(request).webhook.as_members()

    async def set_webhook(self, request: Request) -> object:
        """Set or replace the address of the webhook; null removes it."""
        webhook = self._worker(request).webhook
        webhook.set((await http.body_of(request, WebhookBody, self.limits)).url)
        return webhook.as_members()

    async def remove_webhook(self, request: Request) -> object:
        """Remove address and token of the webhook; its deliveries stay listed."""
        webhook = self._worker(request).webhook
        webhook.set(None)
        return webhook.as_members()

    async def renew_webhook_token(self, request: Request) -> object:
        """Replace the token of the webhook."""
        webhook = self._worker(request).webhook
        webhook.renew_token()
        return webhook.as_members()

    async def webhook_executions(self, request: Request) -> object:
        """Return one page of the deliveries, newest first."""
        return self._worker(request).webhook.page(request.query_params.get("page", "1"))

    # -- both generations ----------------------------------------------------------------------
    async def email(self, request: Request) -> object:
        """Return an email address of a reserved domain, which shows that no mail can reach it."""
        address = f"{self._worker(request).id.lower()}@local.invalid"
        return {"email": address} if self.registry.has_tasks else address

    async def file(self, request: Request) -> object:
        """Return the bytes of a file of a conversation."""
        conversation = self._conversation(request)
        file = conversation.files.get(request.path_params["file_path"])
        if file is None:
            raise RefusedError(404, "There is no file at this path.")
        name = quote(file.path.rpartition("/")[2], safe="")
        headers = {
            "content-disposition": f"attachment; filename*=UTF-8''{name}",
            "content-type": file.media_type,
            "x-content-type-options": "nosniff",
            "etag": f'"{file.digest}"',
        }
        return Response(file.content, headers=headers)

    async def list_schedules(self, request: Request) -> object:
        """List the pending schedules."""
        worker = self._worker(request)
        zone = {"timezone": "UTC"} if self.registry.has_tasks else {}
        pending = [schedule.as_members() for schedule in worker.schedules.values()]
        return {"schedules": pending, "workerId": worker.id, **zone}

    async def add_schedule(self, request: Request) -> object:
        """Store a schedule: each run is a turn of the worker, or starts a task."""
        worker = self._worker(request)
        schedule = schedule_of(await http.body_of(request, ScheduleBody, self.limits))
        self.registry.add_schedule(worker, schedule)
        return schedule.as_members()

    async def cancel_schedule(self, request: Request) -> object:
        self.registry.cancel_schedule(self._worker(request), request.path_params["schedule_id"])
        return {"cancelled": True}

    # ------------------------------------------------------------------------------------------
    def _worker(self, request: Request) -> LocalWorker:
        return self.registry.worker(request.path_params["worker_id"])

    def _conversation(self, request: Request) -> Conversation:
        """The conversation that has the id of a worker, or of a task in the address of one of its files."""
        return self.registry.conversation(request.path_params["worker_id"])

    def _task(self, request: Request) -> Conversation:
        return self.registry.conversation(request.path_params["task_id"])

    async def _start_turn(self, request: Request, worker_id: str) -> Response:
        body, instruction = await http.turn_body_of(request, self.limits)
        streamed = http.wants_stream(request, body.stream)
        conversation, turn = self.registry.start(instruction, worker_id)
        headers = {"location": f"/api/workers/{conversation.id}", "x-worker-id": conversation.id}
        if streamed:
            return event_stream(turn.follow(self.limits.keep_alive_seconds), headers)
        return json_response(conversation.as_worker(), headers=headers)

    async def _history_and_live(self, conversation: Conversation) -> AsyncIterator[str]:
        """Yield the stored messages, then the running turn from its start, then `[DONE]`."""
        live = conversation.running_turn
        messages = conversation.messages()[: -1 if live is not None else None]
        if messages:
            yield "".join(map(stream.frame, messages))
        if live is None:
            yield stream.DONE
            return
        async for text in live.follow(self.limits.keep_alive_seconds):
            yield text


def build_app(workers: Registry, tasks: Registry, api_key: str) -> Starlette:
    """Return the ASGI application: the workers generation, the tasks generation under `PREFIX`."""
    app = Starlette(
        routes=[*Routes(workers, api_key).of_workers(), *Routes(tasks, api_key).of_tasks()],
        exception_handlers=dict.fromkeys((RefusedError, HTTPException, Exception), answer_error),
    )
    # After a redirect a client would send its key and its body a second time.
    app.router.redirect_slashes = False
    return app


async def answer_error(request: Request, error: Exception) -> Response:
    """The answer to a request that was refused, or failed."""
    # The rest of the body is read first: if the connection were closed while the client is still sending,
    # the client would see a reset instead of the error.
    with suppress(RuntimeError, ClientDisconnect, TimeoutError):
        async with timeout(_DRAIN_SECONDS):
            async for _ in request.stream():
                pass
    if isinstance(error, RefusedError):
        return json_response({"error": error.sentence}, error.status, error.headers)
    if isinstance(error, HTTPException):
        sentence = _MESSAGES.get(error.status_code, "The request cannot be served.")
        return json_response({"error": sentence}, error.status_code, error.headers)
    return json_response({"error": "The local worker failed."}, 500)
