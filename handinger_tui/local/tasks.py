"""The `tasks` generation: stored workers (templates), and tasks, each of which is one conversation.

Decisions where the published API description is silent:

- POST /api/tasks responds when the turn has ended; with `stream: true` it responds with the stream.
- POST to a task with a running turn: 409, nothing is started. `Idempotency-Key`: as for workers.
- The Worker in an answer has the id of the stored worker, and describes the task.
- A running turn is listed; a stored worker that is deleted keeps its tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handinger_tui.local import formats, http, prices, triggers
from handinger_tui.local.http import Instruction, RefusedError, event_stream, json_response, route
from handinger_tui.local.triggers import LocalWebhook, StoredSchedule
from handinger_tui.local.worker import LocalTurn, WorkerRecord, Workspace, file_response, history_and_live

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from handinger_tui.local.registry import StartedTurn, WorkerRegistry


ORGANIZATION = "org_local"
USER = "usr_local"

_LONGEST = {"title": 200, "summary": 80, "instructions": 20_000, "prompt": 10_000}
_VISIBILITIES = ("public", "private")
_TITLE = "Local worker"
_TITLE_CHARACTERS = 60


@dataclass(slots=True)
class Template:
    """A stored worker."""

    title: str
    summary: str = ""
    instructions: str = ""
    output_schema: Mapping[str, object] | None = None
    visibility: str = "public"
    id: str = field(default_factory=lambda: formats.new_id("wrk_"))
    created_at: datetime = field(default_factory=formats.now)
    updated_at: datetime = field(default_factory=formats.now)
    is_deleted: bool = False
    schedules: dict[str, StoredSchedule] = field(default_factory=dict)
    webhook: LocalWebhook = field(default_factory=LocalWebhook)

    @classmethod
    def create(cls, members: Mapping[str, object]) -> Template:
        """Return the worker of a request; without instructions its prompt takes their place.

        Raises:
            RefusedError: 422 for a wrong member.
        """
        if "outputSchema" in members and members["outputSchema"] is None:
            raise RefusedError(422, "outputSchema must be an object.")
        checked = _checked_members(members)
        prompt = checked.pop("prompt", "")
        return cls(**{"title": _TITLE, "instructions": prompt, **checked})

    def change(self, members: Mapping[str, object]) -> None:
        """Set the members that a request has, without `prompt`; the others stay.

        Raises:
            RefusedError: 422 for a wrong one; nothing is changed.
        """
        checked = _checked_members({name: value for name, value in members.items() if name != "prompt"})
        for name, value in checked.items():
            setattr(self, name, value)
        self.updated_at = formats.now()

    def as_members(self, base_url: str) -> dict[str, object]:
        """Return the `WorkerTemplate` object."""
        return {
            "id": self.id,
            "createdAt": formats.iso(self.created_at),
            "instructions": self.instructions,
            "organizationId": ORGANIZATION,
            "outputSchema": self.output_schema,
            "summary": self.summary,
            "title": self.title,
            "updatedAt": formats.iso(self.updated_at),
            "url": f"{base_url}/worker/{self.id}",
            "userId": USER,
            "visibility": self.visibility,
        }


def _checked_members(members: Mapping[str, object]) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name, longest in _LONGEST.items():
        if name not in members:
            continue
        value = members[name]
        if not isinstance(value, str) or len(value) > longest or (name == "title" and not value):
            raise RefusedError(422, f"{name} must be a string of at most {longest:,} characters.")
        checked[name] = formats.well_formed(value)
    if "outputSchema" in members:
        schema = members["outputSchema"]
        if schema is not None and not isinstance(schema, dict):
            raise RefusedError(422, "outputSchema must be an object, or null.")
        checked["output_schema"] = schema
    if "visibility" in members:
        visibility = members["visibility"]
        if not isinstance(visibility, str) or visibility not in _VISIBILITIES:
            raise RefusedError(422, "visibility must be public or private.")
        checked["visibility"] = visibility
    return checked


@dataclass(slots=True)
class Task:
    """One conversation with a stored worker; `record` has its messages, files and running turn."""

    template: Template
    record: WorkerRecord
    triggered_by: str = "api"
    created_at: datetime = field(default_factory=formats.now)
    turns: list[LocalTurn] = field(default_factory=list)
    """Never empty once the task is stored."""

    def as_members(self) -> dict[str, object]:
        """Return the `Task` object."""
        counts, newest = [turn.counts_now() for turn in self.turns], self.turns[-1]
        return {
            "id": self.record.id,
            "completedAt": newest.completed_at,
            "createdAt": formats.iso(self.created_at),
            "createdByUserId": USER,
            "organizationId": ORGANIZATION,
            "status": newest.status,
            "title": self.template.title,
            "totals": {
                "credits": sum(prices.credits_of(count) for count in counts),
                "durationMs": sum(count.duration_ms for count in counts),
                "turnCount": len(counts),
            },
            "triggeredBy": self.triggered_by,
            "url": f"{self.record.base_url}/worker/{self.template.id}/task/{self.record.id}",
            "workerId": self.template.id,
        }

    def turn_members(self) -> list[dict[str, object]]:
        """Return the `Turn` objects."""
        files = self._files_by_url()
        return [self._turn(seq, turn, files) for seq, turn in enumerate(self.turns)]

    def _turn(self, seq: int, turn: LocalTurn, files: Mapping[object, object]) -> dict[str, object]:
        counts = turn.counts_now()
        return {
            "id": turn.id,
            "completedAt": turn.completed_at,
            "credits": prices.credits_of(counts),
            "durationMs": counts.duration_ms,
            "files": [files[part["url"]] for part in turn.builder.parts if part["type"] == "file"],
            "input": turn.instruction.text,
            "inputTokens": counts.input_tokens,
            "outputText": "".join(turn.builder.texts()),
            "outputTokens": counts.output_tokens,
            "role": "user",
            "seq": seq,
            "startedAt": formats.iso(turn.started_at),
            "status": turn.status,
            "structuredOutput": self._structured(turn),
            "taskId": self.record.id,
        }

    def as_worker(self) -> dict[str, object]:
        """Return the `Worker` object: without costs, and with the time of the newest turn as its usage."""
        worker = self.record.as_worker()
        del worker["costs"]
        newest = self.turns[-1]
        return worker | {
            "id": self.template.id,
            "files": list(self._files_by_url().values()),
            "structured_output": self._structured(newest),
            "url": f"{self.record.base_url}/worker/{self.template.id}",
            "usage": {"durationMs": newest.counts_now().duration_ms},
        }

    def _files_by_url(self) -> dict[object, object]:
        """Return the `File` objects of what the worker created."""
        return {
            (url := self.record.url_of(file)): {
                "filename": file.path,
                "mediaType": file.media_type,
                "size": len(file.content),
                "url": url,
            }
            for file in self.record.workspace.files.values()
            if file.published
        }

    def _structured(self, turn: LocalTurn) -> dict[str, object] | None:
        if self.template.output_schema is None or turn.status != "completed":
            return None
        return _by_schema(self.template.output_schema, "".join(turn.builder.texts()))


def _by_schema(schema: Mapping[str, object], text: str) -> dict[str, object]:
    """Return an object with the properties of a JSON schema: texts are the answer, numbers its length."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {"text": text}
    length = len(text)
    values = {
        "string": text,
        "number": length,
        "integer": length,
        "boolean": bool(text),
        "array": [],
        "object": {},
    }
    kinds = {name: kind.get("type") if isinstance(kind, dict) else None for name, kind in properties.items()}
    return {name: values.get(kind) if isinstance(kind, str) else None for name, kind in kinds.items()}


class TaskRegistry:
    """All templates and tasks of one server; `runs` has the records of the tasks and runs their turns."""

    def __init__(self, runs: WorkerRegistry) -> None:
        self.runs = runs
        self._templates: dict[str, Template] = {}
        self._tasks: dict[str, Task] = {}

    # -- templates -----------------------------------------------------------------------
    def template(self, worker_id: str) -> Template:
        """Return a stored worker. Raises RefusedError: 404 if it does not exist, or was deleted."""
        template = self._templates.get(worker_id)
        if template is None or template.is_deleted:
            raise http.no_such("worker")
        return template

    def store(self, members: Mapping[str, object]) -> Template:
        """Store a worker. Raises RefusedError: 422 for a wrong member, 429 if there are too many."""
        if len(self._templates) >= self.runs.limits.templates:
            raise RefusedError(429, "Too many local workers are stored.", {"retry-after": "5"})
        template = Template.create(members)
        self._templates[template.id] = template
        return template

    # -- tasks ---------------------------------------------------------------------------
    def task(self, task_id: str) -> Task:
        """Return a task. Raises RefusedError: 404 if it does not exist."""
        task = self._tasks.get(task_id)
        if task is None:
            raise http.no_such("task")
        return task

    def newest(self, template: Template) -> Task | None:
        """Return the task of a stored worker that was started last; None if it has none."""
        return next((task for task in reversed(self._tasks.values()) if task.template is template), None)

    def start(
        self, parsed: http.ParsedRequest, key: str | None, triggered_by: str = "api"
    ) -> tuple[Task, StartedTurn]:
        """Start a task, or add a turn to one.

        Raises:
            RefusedError: 404 for an unknown worker, 409 for one of another task, and like `WorkerRegistry`.
        """
        task_id = http.id_member(parsed.members, "taskId") or formats.new_id("tsk_")
        worker_id = http.id_member(parsed.members, "workerId")
        task = self._tasks.get(task_id)
        if task is not None and worker_id not in (None, task.template.id):
            raise RefusedError(409, "This task belongs to another worker. Nothing was started.")
        template = task.template if task is not None else self._template_for(worker_id, parsed)
        started = self.runs.start(task_id, parsed.instruction, key)
        # Starting a turn may have deleted records to make room; their tasks are deleted, too.
        self._tasks = {key: value for key, value in self._tasks.items() if self.runs.has_record(key)}
        if task is None:
            self._templates[template.id] = template
            task = self._tasks[task_id] = Task(template, started.record, triggered_by)
        if not started.repeated or not task.turns:
            task.turns.append(started.turn)
        if not started.repeated:
            self.runs.start_background(self._deliver, task, started.turn)
        return task, started

    async def _deliver(self, task: Task, turn: LocalTurn) -> None:
        """Notify the webhook of the worker when a turn has ended, unless it was aborted."""
        await turn.ended.wait()
        if turn.is_complete and not task.template.is_deleted:
            members = next(one for one in task.turn_members() if one["id"] == turn.id)
            await task.template.webhook.deliver(task.as_members(), members, self.runs.limits.delivery_seconds)

    def add_schedule(self, template: Template, schedule: StoredSchedule) -> None:
        """Store a schedule of a worker: each run starts a task.

        Raises:
            RefusedError: 422 if the worker has too many.
        """

        async def begin(instruction: Instruction) -> None:
            members = {"workerId": template.id}
            self.start(http.ParsedRequest(instruction, None, members), None, "schedule")

        self.runs.add_schedule(template, schedule, begin)

    def _template_for(self, worker_id: str | None, parsed: http.ParsedRequest) -> Template:
        """The stored worker of a new task; without one it is made, with the input as its instructions."""
        if worker_id is not None:
            return self.template(worker_id)
        text = parsed.instruction.text
        title = " ".join(text.split())[:_TITLE_CHARACTERS]
        return Template(title or _TITLE, instructions=text)


# -- routes ------------------------------------------------------------------------------------
PREFIX = "/tasks-generation"


def task_routes(tasks: TaskRegistry) -> list[Route]:
    """Return the routes of the generation."""
    routes = TaskRoutes(tasks)
    task, worker = f"{PREFIX}/api/tasks/{{task_id}}", f"{PREFIX}/api/workers/{{worker_id}}"
    return [
        route(f"{PREFIX}/api/tasks", POST=routes.start),
        route(task, GET=routes.task, DELETE=routes.archive),
        route(f"{task}/turns", GET=routes.turns),
        route(f"{PREFIX}/api/workers", POST=routes.store),
        route(worker, GET=routes.worker, PATCH=routes.change, DELETE=routes.delete),
        route(f"{worker}/email", GET=routes.email),
        route(f"{worker}/schedules", GET=routes.list_schedules, POST=routes.add_schedule),
        route(f"{worker}/schedules/{{schedule_id}}", DELETE=routes.cancel_schedule),
        route(f"{worker}/files/{{file_path:path}}", GET=routes.file),
        route(f"{worker}/webhook", GET=routes.webhook, PUT=routes.set_webhook, DELETE=routes.remove_webhook),
        route(f"{worker}/webhook/regenerate-token", POST=routes.renew_webhook_token),
        route(f"{worker}/webhook/executions", GET=routes.webhook_executions),
    ]


class TaskRoutes:
    """The endpoints, one method per operation of the API description."""

    def __init__(self, tasks: TaskRegistry) -> None:
        self.tasks = tasks
        self.limits = tasks.runs.limits

    async def start(self, request: Request) -> Response:
        """Start a task or add a turn to one, and respond when the turn has ended."""
        key = http.idempotency_key(request)
        parsed = await http.parse_turn_request(request, self.limits)
        task, started = self.tasks.start(parsed, key)
        headers = {"idempotency-replayed": "true"} if started.repeated else {}
        if parsed.streamed:
            return event_stream(started.turn.follow(self.limits.keep_alive_seconds), headers)
        await started.turn.ended.wait()
        return json_response(task.as_worker(), headers=headers)

    async def task(self, request: Request) -> Response:
        """Return a task, also with its turns, which clients before 0.25.1 expect."""
        task = self._task(request)
        return json_response({"task": task.as_members(), "turns": task.turn_members()})

    async def turns(self, request: Request) -> Response:
        """Return the turns of a task."""
        task = self._task(request)
        return json_response({"items": task.turn_members(), "taskId": task.record.id})

    async def archive(self, request: Request) -> Response:
        """Archive a task, which changes nothing here: an archived task can still be read."""
        self._task(request)
        return json_response({"archived": True})

    async def store(self, request: Request) -> Response:
        """Store a worker; nothing runs."""
        template = self.tasks.store(await http.parse_object(request, self.limits))
        return json_response(template.as_members(self.tasks.runs.base_url))

    async def worker(self, request: Request) -> Response:
        """Return the state of a stored worker from its newest task or the one asked for, or stream that."""
        template = self._template(request)
        task_id = request.query_params.get("taskId")
        task = self.tasks.newest(template) if task_id is None else self.tasks.task(task_id)
        if task is not None and task.template is not template:
            raise RefusedError(404, "This worker has no task with this id.")
        if "stream" in request.query_params and http.wants_stream(request) and task is not None:
            return event_stream(history_and_live(task.record, self.limits.keep_alive_seconds))
        return json_response(self._idle(template) if task is None else task.as_worker())

    async def change(self, request: Request) -> Response:
        """Change members of a stored worker."""
        template = self._template(request)
        template.change(await http.parse_object(request, self.limits))
        return json_response(template.as_members(self.tasks.runs.base_url))

    async def delete(self, request: Request) -> Response:
        """Delete a stored worker with its schedules; its tasks stay."""
        template = self._template(request)
        template.is_deleted = True
        self.tasks.runs.cancel_schedules(template)
        return json_response({"deleted": True})

    async def email(self, request: Request) -> Response:
        """Return an email address of a reserved domain, which shows that no mail can reach it."""
        return json_response({"email": f"{self._template(request).id.lower()}@local.invalid"})

    async def list_schedules(self, request: Request) -> Response:
        """List the pending schedules."""
        template = self._template(request)
        pending = [schedule.as_members() for schedule in template.schedules.values()]
        return json_response({"schedules": pending, "timezone": "UTC", "workerId": template.id})

    async def add_schedule(self, request: Request) -> Response:
        """Store a schedule, each run of which starts a task."""
        template = self._template(request)
        schedule = await triggers.parse_schedule(request, self.limits)
        self.tasks.add_schedule(template, schedule)
        return json_response(schedule.as_members())

    async def cancel_schedule(self, request: Request) -> Response:
        """Cancel a schedule."""
        self.tasks.runs.cancel_schedule(self._template(request), request.path_params["schedule_id"])
        return json_response({"cancelled": True})

    async def webhook(self, request: Request) -> Response:
        """Return address and token of the webhook, both null without one."""
        return json_response(self._template(request).webhook.as_members())

    async def set_webhook(self, request: Request) -> Response:
        """Set or replace the address of the webhook; null removes it."""
        webhook = self._template(request).webhook
        webhook.set(triggers.url_member(await http.parse_object(request, self.limits)))
        return json_response(webhook.as_members())

    async def remove_webhook(self, request: Request) -> Response:
        """Remove address and token of the webhook; its deliveries stay listed."""
        webhook = self._template(request).webhook
        webhook.set(None)
        return json_response(webhook.as_members())

    async def renew_webhook_token(self, request: Request) -> Response:
        """Replace the token of the webhook."""
        webhook = self._template(request).webhook
        webhook.renew_token()
        return json_response(webhook.as_members())

    async def webhook_executions(self, request: Request) -> Response:
        """Return one page of the deliveries, newest first."""
        webhook = self._template(request).webhook
        return json_response(webhook.page(triggers.page_of(request.query_params.get("page"))))

    async def file(self, request: Request) -> Response:
        """Return the bytes of a file of a task; its address is in the turn."""
        record = self.tasks.task(request.path_params["worker_id"]).record
        return file_response(record, request.path_params["file_path"])

    def _task(self, request: Request) -> Task:
        return self.tasks.task(request.path_params["task_id"])

    def _template(self, request: Request) -> Template:
        return self.tasks.template(request.path_params["worker_id"])

    def _idle(self, template: Template) -> dict[str, object]:
        """Return the `Worker` object of a stored worker without tasks."""
        base_url = self.tasks.runs.base_url
        worker = WorkerRecord(base_url, Workspace(limit=0)).as_worker()
        del worker["costs"], worker["usage"]
        return worker | {
            "id": template.id,
            "created_at": int(template.created_at.timestamp()),
            "metadata": {"local": True},
            "structured_output": None,
            "url": f"{base_url}/worker/{template.id}",
        }
