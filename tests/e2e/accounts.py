"""An account at the local worker, in either generation, as the environment of a program selects it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.e2e.runner import run

if TYPE_CHECKING:
    from pathlib import Path

    from handinger_tui.local.server import LocalServer

GENERATIONS: Final = ("workers", "tasks")


class Account:
    """One service and its requests. `option`, `target`: how the program names a conversation."""

    def __init__(self, server: LocalServer, generation: str) -> None:
        has_tasks = generation == "tasks"
        self.generation = generation
        self.base_url = server.tasks_url if has_tasks else server.base_url
        self.key = server.api_key
        self.option, self.target = ("--task", "task_id") if has_tasks else ("-w", "worker_id")

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a program that uses it."""
        return {
            "HANDINGER_BASE_URL": self.base_url,
            "HANDINGER_API_KEY": self.key,
            "HANDINGER_GENERATION": self.generation,
        }

    def messages(self, home: Path) -> list[dict[str, Any]]:
        """The messages of the newest session, as the service has them: each POST adds a user message."""
        listed = run("sessions", "list", "--json", home=home)
        assert listed.code == 0, listed.err
        session = listed.result["sessions"][0]
        path = f"/api/workers/{session['worker_id']}"
        query = f"?taskId={session['task_id']}" if self.generation == "tasks" else ""
        return list(self.get(path + query).json()["messages"])

    def prompts(self, home: Path) -> list[str]:
        """The prompts that the service received, in order."""
        return [
            "".join(part.get("text", "") for part in message["parts"])
            for message in self.messages(home)
            if message["role"] == "user"
        ]

    def get(self, path: str) -> httpx.Response:
        """GET an address of the service."""
        headers = {"Authorization": f"Bearer {self.key}"}
        url = path if "://" in path else self.base_url + path
        return httpx.get(url, headers=headers, trust_env=False, timeout=60)

    def post(self, path: str, members: dict[str, Any]) -> httpx.Response:
        """POST an object to an address of the service."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.post(self.base_url + path, json=members, headers=headers, trust_env=False, timeout=60)
