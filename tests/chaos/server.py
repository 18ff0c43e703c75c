"""Fault server: the workers API on loopback, byte-exact, driven by a scenario.

    with lab() as (server, …):
        world = server.begin(scenario)
        … a client talks to server.base_of(world) …
        world.posts, world.gets, world.prompts, world.elsewhere

The server lives in a thread of its own. A second origin answers everything and
records each request; a third port is bound and never listens.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote, urlsplit

from tests.chaos.default_replies import NO_ROUTE, usual
from tests.chaos.reply import Ended, Wire
from tests.chaos.requests import Request, read_body, read_head
from tests.chaos.steps import Player
from tests.chaos.texts import filler
from tests.chaos.world import Exchange, Scenario, Step, World

HOST = "127.0.0.1"
FOREIGN = b"file body from the other origin\n"
LINE_LIMIT = 1 << 20


class FaultServer:
    """One server for many worlds, each under its worker id."""

    def __init__(self, escape: str = os.devnull) -> None:
        """`escape` is the folder outside that hostile absolute names point into."""
        self.url = self.other_url = self.closed_url = ""
        self.escape = escape
        self._worlds: dict[str, World] = {}
        self._newest: World | None = None
        self._numbers = itertools.count(1)

    # -- the test's side -------------------------------------------------------------
    def begin(self, scenario: Scenario, *, tasks: bool = False) -> World:
        """A fresh world; requests to the second origin are recorded in the newest one."""
        world = World(scenario, f"{scenario['id']}~{next(self._numbers)}", tasks)
        self._worlds[world.worker_id] = world
        self._newest = world
        if "start_running" in scenario:
            world.start_elsewhere(scenario["start_running"])
        return world

    def base_of(self, world: World) -> str:
        """The base address for a client of `world`."""
        if world.scenario.get("base") == "closed":
            return self.closed_url
        # Addresses of files begin at the origin, so a client that follows one has to start there.
        return self.url if world.op == "file" else f"{self.url}/s/{quote(world.worker_id)}"

    # -- routes ----------------------------------------------------------------------
    def _route(self, request: Request) -> tuple[World | None, str]:
        path = request.path
        named = path[1] if path[0] == "s" else None
        if named is not None:
            path = path[2:]
        segments = [part for part in path[2:] if part]
        world = self._worlds.get(named or (segments[0] if segments else ""))
        if world is not None and world.tasks:
            return world, _task_operation(world, request, path[:2], segments)
        if path[:2] != ["api", "workers"]:
            return self._worlds.get(named or ""), "other"
        return world, _operation(request, segments)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the API."""
        line = writer.get_extra_info("socket")
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError, Ended):
            while (request := await read_head(reader)) is not None:
                world, op = self._route(request)
                if world is None:
                    break
                await read_body(reader, request, _server(world).get("read_body_limit", {}).get(op))
                exchange, number = world.note(op, request)
                wire = Wire(world, exchange, reader, writer)
                await Player(wire, self._filler(world)).play(_script(world, exchange, number))
                if not wire.reusable:
                    break
        writer.close()

    def _filler(self, world: World) -> Callable[[str], str]:
        return filler(
            {
                "id": world.worker_id,
                "text": world.text,
                "input": world.prompt,
                "url": self.url,
                "other": self.other_url,
                "other_host": urlsplit(self.other_url).netloc,
                "escape": self.escape,
            }
        )

    async def serve_elsewhere(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the second origin."""
        request = await read_head(reader)
        if request is not None and self._newest is not None:
            await read_body(reader, request, None)
            self._newest.elsewhere.append(request)
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(FOREIGN)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + FOREIGN)
            with suppress(ConnectionError):
                await writer.drain()
        writer.close()


def _operation(request: Request, segments: list[str]) -> str:
    """The operation of a request to `/api/workers/…`."""
    post = request.method == "POST"
    if not segments:
        return "create" if post else "list"
    if len(segments) == 1:
        return "continue" if post else "replay" if request.wants_replay else "get"
    if segments[1] == "files":
        return "upload" if post else "file"
    return "subscribe" if segments[1] == "stream" and not post else "other"


def _task_operation(world: World, request: Request, route: list[str], segments: list[str]) -> str:
    """The operation of a request to a service with tasks.

    Reading the state of a worker is not one of them.
    """
    if route == ["api", "tasks"] and request.method == "POST":
        return "continue" if world.op != "create" else "create"
    if route == ["api", "tasks"] and len(segments) == 1:
        return "get"
    return "file" if segments[1:2] == ["files"] else "state"


def _server(world: World) -> Scenario:
    server: Scenario = world.scenario.get("server", {})
    return server


def _script(world: World, exchange: Exchange, number: int) -> list[Step]:
    """The n-th request of an operation gets its n-th script; the last one repeats."""
    if exchange.op == "state" or (exchange.op == "get" and world.is_missing):
        return [NO_ROUTE]
    scripts: list[Any] = _server(world).get(f"pre_{exchange.op}" if exchange.early else exchange.op, [])
    script = scripts[min(number, len(scripts) - 1)] if scripts else "default"
    if script == "default":
        return usual(exchange.op, world, exchange.request)
    return list(script)


def wait_until(world: World, reached: Callable[[], bool], deadline_s: float = 60.0) -> bool:
    """Wait until the world's server has reached a state; False when the deadline passed first."""
    end = time.monotonic() + deadline_s
    with world.changed:
        while not reached():
            remaining_s = end - time.monotonic()
            if remaining_s <= 0 or not world.changed.wait(remaining_s):
                return reached()
    return True


@contextmanager
def lab(escape: str = os.devnull) -> Iterator[FaultServer]:
    """A fault server while the block runs."""
    server = FaultServer(escape)
    up = threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        begun = [
            await asyncio.start_server(handler, HOST, 0, limit=LINE_LIMIT)
            for handler in (server.serve, server.serve_elsewhere)
        ]
        server.url, server.other_url = (f"http://{HOST}:{one.sockets[0].getsockname()[1]}" for one in begun)
        up.set()
        await over.wait()
        for one in begun:
            one.close()
        mine = asyncio.current_task()
        hanging = [task for task in asyncio.all_tasks() if task is not mine]
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    with socket.socket() as closed:
        closed.bind((HOST, 0))
        server.closed_url = f"http://{HOST}:{closed.getsockname()[1]}"
        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
        thread.start()
        assert up.wait(60)
        try:
            yield server
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(10)
            loop.close()
