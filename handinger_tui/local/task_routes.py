"""The routes of the `tasks` generation, under a prefix of their own: both generations have /api/workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.local import requests, schedules, webhooks
from handinger_tui.local.requests import RefusedError
from handinger_tui.local.responses import event_stream, file_response, history_and_live, json_response, route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from handinger_tui.local.tasks import Task, TaskRegistry, Template

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
        """Begin a task or add a turn to one, and respond when the turn has ended."""
        key = requests.idempotency_key(request)
        parsed = await requests.parse_turn_request(request, self.limits)
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
        """Archive a task; its turns and files are kept."""
        self._task(request).is_archived = True
        return json_response({"archived": True})

    async def store(self, request: Request) -> Response:
        """Store a worker; nothing runs."""
        template = self.tasks.store(await requests.parse_object(request, self.limits))
        return json_response(template.as_members(self.tasks.runs.base_url))

    async def worker(self, request: Request) -> Response:
        """Return the state of a stored worker from its newest task or the one asked for, or stream that."""
        template = self._template(request)
        task_id = request.query_params.get("taskId")
        task = self.tasks.newest(template) if task_id is None else self.tasks.task(task_id)
        if task is not None and task.template is not template:
            raise RefusedError(404, "This worker has no task with this id.")
        if "stream" in request.query_params and requests.wants_stream(request) and task is not None:
            return event_stream(history_and_live(task.record, self.limits.keep_alive_seconds))
        return json_response(self._idle(template) if task is None else task.as_worker())

    async def change(self, request: Request) -> Response:
        """Change members of a stored worker."""
        template = self._template(request)
        template.change(await requests.parse_object(request, self.limits))
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
        """Store a schedule, each run of which begins a task."""
        template = self._template(request)
        schedule = await schedules.parse_schedule(request, self.limits)
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
        webhook.set(webhooks.url_member(await requests.parse_object(request, self.limits)))
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
        return json_response(webhook.page(webhooks.page_of(request.query_params.get("page"))))

    async def file(self, request: Request) -> Response:
        """Return the bytes of a file of a task; its address is in the turn."""
        record = self.tasks.task(request.path_params["worker_id"]).record
        file = record.workspace.get(request.path_params["file_path"])
        if file is None:
            raise RefusedError(404, "This task has no file at this path.")
        return file_response(file)

    def _task(self, request: Request) -> Task:
        return self.tasks.task(request.path_params["task_id"])

    def _template(self, request: Request) -> Template:
        return self.tasks.template(request.path_params["worker_id"])

    def _idle(self, template: Template) -> dict[str, object]:
        return {
            "id": template.id,
            "created_at": int(template.created_at.timestamp()),
            "error": None,
            "files": [],
            "incomplete_details": None,
            "messages": [],
            "metadata": {"local": True},
            "object": "worker",
            "output": [],
            "output_text": "",
            "running": False,
            "sources": [],
            "status": "completed",
            "structured_output": None,
            "url": f"{self.tasks.runs.base_url}/worker/{template.id}",
        }
