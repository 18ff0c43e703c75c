"""A small service on loopback with many workers, each turn of which costs the same."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, TypeVar

HOST: Final = "127.0.0.1"
WORDS: Final = [f"w{number} " for number in range(10)]


@dataclass
class RemoteWorker:
    """One worker as the service knows it: every prompt costs money from the moment it arrives."""

    worker_id: str
    prompts: list[str] = field(default_factory=list)
    running: int = 0
    """How many of its turns have not ended."""
    counted_s: list[float] = field(default_factory=list)
    """From when on the figures contain each prompt (monotonic, in seconds)."""


@dataclass
class PaidService:
    """The state of the service, and its way of answering.

    `plain`: a POST is answered with a Worker object instead of a stream. `late`: seconds after its
    arrival at which a turn ends; None: it runs until `finish` is called. `silent`: a request that starts
    a turn is never answered.
    """

    cost_usd: Decimal | None = Decimal(1)
    credits: float | None = None
    own_credits: tuple[float, ...] = ()
    """Credits of the first turns of each task, in place of `credits`."""
    plain: bool = False
    late: float | None = 0.0
    silent: bool = False
    pause: float = 0.0
    """Seconds between two words of a stream."""
    figures_after: float = 0.0
    """Seconds after its arrival at which the figures contain a turn that is started from now on."""
    tasks: bool = False
    """The service has the tasks generation: a worker is a task, whose id comes with the request."""
    times: dict[str, Any] = field(default_factory=dict)
    """Members of every turn of a task that has ended, in place of its usual times."""
    refusal: int | None = None
    """The HTTP status with which a request that would start a turn is refused; 0: it is lost."""
    url: str = ""
    workers: dict[str, RemoteWorker] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    """The prompts of all requests that started a turn."""
    reads: int = 0
    """How many times a worker was read."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def generation(self) -> str:
        """The generation of its API."""
        return "tasks" if self.tasks else "workers"

    @property
    def price(self) -> Decimal:
        """The cost of each turn: USD, or credits if it reports no USD."""
        return Decimal(self.credits or 0) if self.cost_usd is None else self.cost_usd

    @property
    def truth(self) -> Decimal:
        """The cost of all turns."""
        return self.price * len(self.posts)

    def start_turn(self, worker_id: str | None, prompt: str) -> RemoteWorker:
        with self.changed:
            name = worker_id or f"wrk_{len(self.workers) + 1}"
            worker = self.workers.setdefault(name, RemoteWorker(name))
            worker.prompts.append(prompt)
            worker.counted_s.append(time.monotonic() + self.figures_after)
            worker.running += 1
            self.posts.append(prompt)
            self.changed.notify_all()
        return worker

    def refuse(self) -> int | None:
        """The HTTP status of a request that would start a turn and is refused; None where it is accepted."""
        return self.refusal

    def finish(self, worker: RemoteWorker | None = None) -> None:
        """End the running turns of one worker, or of all."""
        with self.changed:
            for one in [worker] if worker is not None else list(self.workers.values()):
                one.running = 0
            self.changed.notify_all()

    def wait_for_posts(self, count: int, seconds: float = 60.0) -> bool:
        """Wait until this many turns were started; False when the time passed first."""
        with self.changed:
            return self.changed.wait_for(lambda: len(self.posts) >= count, seconds)

    def wait_for_reads(self, count: int, seconds: float = 60.0) -> bool:
        """Wait until workers were read this many times; False when the time passed first."""
        with self.changed:
            return self.changed.wait_for(lambda: self.reads >= count, seconds)

    def until_ended(self, worker: RemoteWorker) -> None:
        """Wait until the turn of the worker has ended."""
        if self.late is not None:
            time.sleep(self.late)
            self.finish(worker)
            return
        with self.changed:
            self.changed.wait_for(lambda: not worker.running, 60)

    def until_silence_ends(self) -> None:
        """Wait until requests are answered again."""
        with self.changed:
            self.changed.wait_for(lambda: not self.silent, 60)

    def read(self, worker: RemoteWorker) -> dict[str, Any]:
        """The Worker object, for a request that reads it."""
        with self.changed:
            self.reads += 1
            self.changed.notify_all()
        return self.body_of(worker)

    def body_of(self, worker: RemoteWorker) -> dict[str, Any]:
        """The Worker object."""
        messages = []
        for number, prompt in enumerate(worker.prompts, 1):
            messages.append(_message(f"m{number}u", "user", prompt))
            if number < len(worker.prompts) or not worker.running:
                messages.append(_message(f"m{number}a", "assistant", "".join(WORDS)))
        return {
            "id": worker.worker_id,
            "status": "running" if worker.running else "completed",
            "running": bool(worker.running),
            "messages": messages,
            "output_text": "" if worker.running else "".join(WORDS),
            "usage": self.usage_of(worker),
        }

    def task_of(self, worker: RemoteWorker) -> dict[str, Any]:
        """The task with its turns."""
        turns = [
            {
                "id": f"trn_{number}",
                "seq": number,
                "input": prompt,
                "outputText": "" if runs else "".join(WORDS),
                "status": "running" if runs else "completed",
                "completedAt": None if runs else "2026-05-11T09:14:22.000Z",
                "credits": self.own_credits_of(number) if self.is_counted(worker, number) else None,
                **({} if runs else self.times),
            }
            for number, prompt in enumerate(worker.prompts)
            for runs in (bool(worker.running) and number == len(worker.prompts) - 1,)
        ]
        status = "running" if worker.running else "completed"
        task = {"id": worker.worker_id, "status": status, "workerId": f"of_{worker.worker_id}"}
        return {"task": task, "turns": turns}

    def own_credits_of(self, number: int) -> float | None:
        """The credits of a turn of a task, 0 for the first one."""
        return self.own_credits[number] if number < len(self.own_credits) else self.credits

    def is_counted(self, worker: RemoteWorker, number: int) -> bool:
        """Whether the figures contain a turn, 0 for the first one."""
        return time.monotonic() >= worker.counted_s[number]

    def usage_of(self, worker: RemoteWorker) -> dict[str, Any]:
        """The figures that the worker reports."""
        turns = sum(self.is_counted(worker, number) for number in range(len(worker.prompts)))
        usage: dict[str, Any] = {"totalTokens": 10 * turns}
        if self.cost_usd is not None:
            usage["costUsd"] = float(self.cost_usd * turns)
        if self.credits is not None:
            usage["credits"] = self.credits * turns
        return usage


def _message(message_id: str, role: str, text: str) -> dict[str, Any]:
    return {"id": message_id, "role": role, "parts": [{"type": "text", "text": text}]}


Service = TypeVar("Service", bound=PaidService)


class PaidServer(ThreadingHTTPServer):
    """The HTTP server of one service."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, service: PaidService) -> None:
        self.service = service
        super().__init__((HOST, 0), Handler)
        service.url = f"http://{HOST}:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Print nothing: a program that is killed resets its connections."""


class Handler(BaseHTTPRequestHandler):
    """The routes that the program uses."""

    protocol_version = "HTTP/1.1"
    server: PaidServer

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        service = self.server.service
        worker = service.workers.get(self.path.partition("?")[0].rstrip("/").rpartition("/")[2])
        if worker is None or "stream" in self.path or ("/tasks/" in self.path) is not service.tasks:
            self._answer(404, {"error": "not found"})
        else:
            read = service.read(worker)
            self._answer(200, service.task_of(worker) if service.tasks else read)

    def do_POST(self) -> None:
        body = self._body()
        name = self.path.rstrip("/").rpartition("/")[2]
        service = self.server.service
        refusal = service.refuse()
        if refusal == 0:
            self.close_connection = True
            return
        if refusal is not None:
            self._answer(refusal, {"error": "refused"})
            return
        target = body.get("taskId") if service.tasks else name
        worker = service.start_turn(None if target == "workers" else target, body["input"])
        if service.silent:
            self.close_connection = True
            service.until_silence_ends()
            return
        if service.tasks:
            # The answer is sent when the turn is over.
            service.until_ended(worker)
            self._answer(200, {**service.body_of(worker), "id": f"of_{worker.worker_id}"})
            return
        if service.plain:
            if service.late == 0.0:
                service.finish(worker)
            self._answer(200, service.body_of(worker))
            service.until_ended(worker)
            return
        with suppress(ConnectionError):
            self._begin_stream(service, worker)
        service.until_ended(worker)
        with suppress(ConnectionError):
            self._end_stream()

    def _body(self) -> dict[str, Any]:
        """The members of a request, with attachments or without."""
        data = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.headers["Content-Type"]
        if not kind.startswith("multipart/"):
            members: dict[str, Any] = json.loads(data)
            return members
        form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + data)
        texts = [part for part in form.walk() if part.get_filename() is None and not part.is_multipart()]
        return {
            str(part.get_param("name", header="Content-Disposition")): str(part.get_payload())
            for part in texts
        }

    def _begin_stream(self, service: PaidService, worker: RemoteWorker) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self._event({"type": "start", "messageId": "m", "messageMetadata": {"workerId": worker.worker_id}})
        self._event({"type": "text-start", "id": "t"})
        for word in WORDS:
            time.sleep(service.pause)
            self._event({"type": "text-delta", "id": "t", "delta": word})

    def _end_stream(self) -> None:
        self._event({"type": "text-end", "id": "t"})
        self._event({"type": "finish", "finishReason": "stop"})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(data)


@contextmanager
def paid_service(**how: Any) -> Iterator[PaidService]:
    """Serve in threads of this process; `how`: the members of `PaidService`."""
    with serving(PaidService(**how)) as service:
        yield service


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Serve in threads of this process."""
    server = PaidServer(service)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.finish()
        server.shutdown()
        server.server_close()
