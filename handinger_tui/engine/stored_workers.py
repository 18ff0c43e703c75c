"""The stored workers of a service, and what the history has of them: read, changed, with the words of each.

Nothing here runs a turn.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from handinger_tui.core.acts import Confirmation
from handinger_tui.core.errors import Refused
from handinger_tui.core.safety import clean_line
from handinger_tui.core.stored_workers import (
    NO_MEMBERS,
    StoredWorker,
    WorkerForm,
    WorkerMembers,
    changed_members,
    members_of_new,
)
from handinger_tui.core.turns.turn import ErrorKind

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import SessionSummary
    from handinger_tui.engine.ports import Ids


class TemplateApi(Protocol):
    """Requests about stored workers. Raises (all): ApiError."""

    async def store(self, members: WorkerMembers, request_id: str) -> StoredWorker:
        """Store a new worker with one request, which is never repeated."""

    async def read(self, worker_id: str) -> StoredWorker:
        """Read a worker: whether it exists, and what the answer says of it."""

    async def change(self, worker_id: str, members: WorkerMembers) -> StoredWorker:
        """Change members of a worker; returns all of them."""

    async def delete(self, worker_id: str) -> bool | None:
        """Delete a worker. None: the service does not say whether it took effect."""

    async def archive(self, task_id: str) -> bool | None:
        """Archive a task. None: the service does not say whether it took effect."""


class StoredWorkerLog(Protocol):
    """Stored workers in the history. Raises (all): LedgerError."""

    async def listed(self, base_url: str) -> list[StoredWorker]:
        """All workers of a service in the history."""

    async def keep(self, base_url: str, worker: StoredWorker) -> None:
        """Store a reading of a worker."""


class SessionList(Protocol):
    """The sessions in the history. Raises (all): LedgerError."""

    async def sessions(self, limit: int = 200) -> list[SessionSummary]:
        """The newest sessions, newest first; `limit` -1: all."""


class StoredWorkerCatalog:
    """The stored workers of one service. Every worker that a request returns is kept in the history.

    Raises (all): ApiError, LedgerError.
    """

    def __init__(
        self,
        api: TemplateApi,
        log: StoredWorkerLog,
        history: SessionList,
        ids: Ids,
        base_url: str,
        since_ms: int = 0,
    ) -> None:
        """`since_ms`: workers that were not used or read since then are omitted: they do not exist."""
        self._api = api
        self._log = log
        self._history = history
        self._ids = ids
        self._base_url = base_url
        self._since_ms = since_ms
        self._writing = asyncio.Lock()
        """Held from reading a stored worker until it is replaced."""

    async def listed(self) -> list[StoredWorker]:
        """The workers that were used or created here, the newest first."""
        workers = await self._log.listed(self._base_url)
        return [one for one in workers if max(one.read_ms or 0, one.used_ms or 0) >= self._since_ms]

    async def tasks(self) -> dict[str, list[SessionSummary]]:
        """The sessions of each worker in the history, by its id, the newest first."""
        by_worker: dict[str, list[SessionSummary]] = {}
        for one in await self._history.sessions(-1):
            if one.stored_worker_id is not None and one.base_url == self._base_url:
                by_worker.setdefault(one.stored_worker_id, []).append(one)
        return by_worker

    async def read(self, worker_id: str) -> StoredWorker:
        """Read whether a worker exists. This is free."""
        try:
            worker = await self._api.read(worker_id)
        except Refused as refusal:
            if refusal.kind is ErrorKind.NOT_FOUND:
                await self._mark_missing(worker_id)
            raise
        return await self._keep(worker)

    async def read_members(self, worker_id: str) -> StoredWorker:
        """Read its members by an empty change: the service returns them only with the answer to a change."""
        return await self.change(worker_id, NO_MEMBERS)

    async def newest(self, worker: StoredWorker) -> StoredWorker:
        """The worker as the service has it now: it may have been changed elsewhere."""
        try:
            return await self.read_members(worker.worker_id)
        except Refused as refusal:
            # Some services refuse the empty change with which the members are read.
            if worker.is_read and refusal.kind is ErrorKind.INVALID:
                return worker
            raise

    async def save(self, form: WorkerForm, worker: StoredWorker | None) -> StoredWorker:
        """Store a form as a new worker, or change the members of `worker` that differ; one request at most.

        Raises:
            SettingsError: the form is not complete; nothing was sent.
        """
        if worker is None:
            return await self.store(members_of_new(form))
        members = changed_members(form, worker)
        return worker if members == NO_MEMBERS else await self.change(worker.worker_id, members)

    async def store(self, members: WorkerMembers) -> StoredWorker:
        """Store a new worker, with one request. Nothing runs and nothing is charged."""
        return await self._keep(await self._api.store(members, self._ids.new("wrk")))

    async def change(self, worker_id: str, members: WorkerMembers) -> StoredWorker:
        return await self._keep(await self._api.change(worker_id, members))

    async def delete(self, worker_id: str) -> bool | None:
        """Delete a worker; its tasks stay. Returns whether it was deleted; None: the service does not say."""
        done = await self._api.delete(worker_id)
        if done is not False:
            await self._mark_missing(worker_id)
        return done

    async def archive(self, task_id: str) -> bool | None:
        """Archive a task; its session stays here. Returns whether it was archived, as `delete` does."""
        return await self._api.archive(task_id)

    @staticmethod
    def delete_question(name: str) -> Confirmation:
        """The question before a stored worker is deleted."""
        body = (
            f"This deletes “{clean_line(name, 200)}” at the service, for everyone who uses it. "
            "Its tasks and their costs stay, at the service and here."
        )
        return Confirmation("Delete this worker?", body, "Delete")

    @staticmethod
    def archive_question(name: str) -> Confirmation:
        """The question before a task is archived."""
        body = (
            f"This archives “{clean_line(name or 'Untitled', 200)}” at the service. "
            "Its turns and files stay there; this computer keeps its copy and its costs."
        )
        return Confirmation("Archive this task?", body, "Archive")

    @staticmethod
    def outcome_text(done: bool | None, words: str) -> str:
        """What became of a change, as the service says: "Deleted."."""
        if done is None:
            return "Sent. The service did not say whether it took effect."
        return words if done else "The service did not do it."

    async def _stored(self, worker_id: str) -> StoredWorker | None:
        return next((one for one in await self.listed() if one.worker_id == worker_id), None)

    async def _mark_missing(self, worker_id: str) -> None:
        async with self._writing:
            stored = await self._stored(worker_id)
            if stored is not None:
                await self._log.keep(self._base_url, replace(stored, is_missing=True))

    async def _keep(self, worker: StoredWorker) -> StoredWorker:
        """Store a reading; members that it lacks stay as they are stored."""
        async with self._writing:
            stored = await self._stored(worker.worker_id)
            if stored is not None:
                worker = replace(worker, tasks=stored.tasks, used_ms=stored.used_ms)
                if not worker.is_read:
                    worker = replace(
                        stored,
                        is_missing=False,
                        url=worker.url or stored.url,
                        created_ms=worker.created_ms or stored.created_ms,
                        updated_ms=worker.updated_ms or stored.updated_ms,
                    )
            await self._log.keep(self._base_url, worker)
            return worker
