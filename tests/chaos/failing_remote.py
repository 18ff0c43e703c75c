"""Commands about what a worker has beside its conversation: files, schedules, a webhook, itself."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from handinger_tui.local.server import LocalServer
from tests.e2e.runner import Ran, run

if TYPE_CHECKING:
    from collections.abc import Iterator

STORED, TARGET, SCHEDULE, TASK, FOLDER = "STORED", "TARGET", "SCHEDULE", "TASK", "FOLDER"
"""Stand for a worker, what its files belong to, a schedule and a task made for this case, and a folder."""
WEBHOOK: Final = "https://receiver.example/hook"
IN_BOTH: Final[tuple[tuple[str, ...], ...]] = (
    ("files", "list", TARGET, "--json"),
    ("files", "get", TARGET, "--all", "--dir", FOLDER, "--json"),
    ("email", STORED, "--json"),
    ("schedules", "list", STORED, "--json"),
    ("schedules", "add", STORED, "tidy", "--in", "2h", "--yes", "--json"),
    ("schedules", "cancel", STORED, SCHEDULE, "--json"),
)
OF_TASKS: Final[tuple[tuple[str, ...], ...]] = (
    ("webhook", "show", STORED, "--json"),
    ("webhook", "set", STORED, WEBHOOK, "--json"),
    ("webhook", "token", STORED, "--yes", "--json"),
    ("webhook", "deliveries", STORED, "--json"),
    ("webhook", "clear", STORED, "--yes", "--json"),
    ("workers", "list", "--json"),
    ("workers", "show", STORED, "--json"),
    ("workers", "new", "a worker of tea", "--json"),
    ("workers", "edit", STORED, "--title", "Tea", "--json"),
    ("workers", "rm", STORED, "--yes", "--json"),
    ("workers", "archive", TASK, "--yes", "--json"),
)
"""The tasks generation alone has them."""
REMOTE: Final = (*IN_BOTH, *OF_TASKS)
REMOVING: Final = {("schedules", "cancel"), ("workers", "rm"), ("workers", "archive"), ("key", "rm")}
"""They find nothing where they are run a second time."""


class Remote:
    """A local worker, and what is there before and after a command."""

    def __init__(self, stack: ExitStack, folder: Path, *, tasks: bool) -> None:
        self._server = stack.enter_context(LocalServer.start(pace=0))
        self.url = self._server.tasks_url if tasks else self._server.base_url
        self.key = self._server.api_key
        self._home = folder / "maker"
        self._environ = {"HANDINGER_GENERATION": "tasks" if tasks else "workers"}
        first = self._run("-p", "report on primes", "--json").result
        self._names = {TARGET: first["task_id" if tasks else "worker_id"], STORED: first["worker_id"]}
        kept = folder / "kept"
        self._run("files", "get", self._names[TARGET], "--all", "--dir", str(kept), "--json")
        self._files = {file.name: file.read_bytes() for file in kept.iterdir()}
        self._before = 0

    def _run(self, *argv: str) -> Ran:
        ran = run(*argv, home=self._home, base_url=self.url, key=self.key, **self._environ)
        assert ran.code == 0, ran.err
        return ran

    def begin(self, argv: tuple[str, ...], home: Path) -> dict[str, str]:
        """Make what a case needs; returns what the names stand for."""
        names = {**self._names, FOLDER: str(home / "files")}
        match argv[:2]:
            case ("schedules", "cancel"):
                added = ("schedules", "add", names[STORED], "tidy", "--in", "2h", "--yes", "--json")
                names[SCHEDULE] = self._run(*added).result["id"]
            case ("workers", "rm"):
                names[STORED] = self._run("workers", "new", "to be deleted", "--json").result["worker_id"]
            case ("workers", "archive"):
                sent = self._run("-p", "echo one", "-w", names[STORED], "--json")
                names[TASK] = sent.result["task_id"]
            case ("webhook", "token"):
                self._run("webhook", "set", names[STORED], WEBHOOK, "--json")
            case _:
                pass
        self._before = len(self._schedules()) if argv[0] == "schedules" else 0
        return names

    def _schedules(self) -> list[str]:
        listed = self._run("schedules", "list", self._names[STORED], "--json").result
        return [schedule["id"] for schedule in listed["schedules"]]

    def _exists(self, worker_id: str) -> bool:
        """Whether the service has a stored worker; it lists none."""
        show = ("workers", "show", worker_id, "--json")
        return run(*show, home=self._home, base_url=self.url, key=self.key, **self._environ).code == 0

    def wrong_afterward(
        self, argv: tuple[str, ...], ran: Ran, names: dict[str, str], *, may_leave_parts: bool
    ) -> Iterator[str]:
        """What is not so although the program said it, or happened twice.

        `may_leave_parts`: what could not be removed is left under a hidden name, until a later download.
        """
        yield from self._wrong_files(ran, Path(names[FOLDER]), may_leave_parts=may_leave_parts)
        schedules = self._schedules() if argv[0] == "schedules" else []
        more = len(schedules) - self._before
        match argv[:2]:
            case ("schedules", "add"):
                yield from self._wrong_addition(ran, more)
            case ("schedules", "cancel") if ran.code == 0 and more != -1:
                yield f"exit code 0, and {more} more are there"
            case ("workers", "new") if ran.code == 0 and not self._exists(ran.result["worker_id"]):
                yield "exit code 0, and the worker does not exist"
            case ("workers", "rm") if ran.code == 0 and self._exists(names[STORED]):
                yield "exit code 0, and the worker exists"
            case ("webhook", "set") if ran.code == 0:
                shown = self._run("webhook", "show", names[STORED], "--json").result
                if shown["url"] != WEBHOOK:
                    yield f"exit code 0, and the webhook is {shown['url']}"
            case _:
                pass
        for schedule in schedules:
            self._run("schedules", "cancel", names[STORED], schedule, "--json")

    def _wrong_files(self, ran: Ran, folder: Path, *, may_leave_parts: bool) -> Iterator[str]:
        files = [*folder.glob("[!.]*" if may_leave_parts else "*")]
        for file in files:
            if file.read_bytes() != self._files.get(file.name):
                yield f"a part of a file was left: {file.name}"
        saved = ran.result.get("files", ()) if ran.code == 0 else ()
        if len(files) < sum(file.get("saved_as") is not None for file in saved):
            yield "a file is missing"

    def _wrong_addition(self, ran: Ran, more: int) -> Iterator[str]:
        added = ran.result.get("added") if ran.out.strip() else None
        if more not in {0, 1}:
            yield f"{more} were added"
        if (ran.code == 0 or added is True) and more != 1:
            yield f"exit code {ran.code}, and {more} were added"
        if added is False and more:
            yield "it was added, and it says that it was not"
