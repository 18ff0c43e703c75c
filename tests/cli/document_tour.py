"""Every document that a command prints, printed once by a run over a local worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handinger_tui.local.server import LocalServer
from tests.cli.program import run_on
from tests.e2e.runner import run


def printed_documents(server: LocalServer, place: Path, *prompts: str) -> Iterator[dict[str, Any]]:
    """Each line of JSON that is printed; `prompts`: what the worker is asked, besides what the tour needs."""
    home, lines = place / "home", list[dict[str, Any]]()

    def do(*words: str, code: int | None = 0) -> dict[str, Any]:
        ran = run_on(server, home, *words)
        assert code is None or ran.code == code, ran.err
        lines.extend(json.loads(line) for line in ran.out.splitlines() if line.startswith("{"))
        return lines[-1]

    worker = str(do("workers", "new", "a worker of tea", "--json")["worker_id"])
    for prompt in prompts:
        do("-p", prompt, "-w", worker, "--output-format", "stream-json", code=None)
    result = do("-p", "report on primes", "-w", worker, "--output-format", "stream-json")
    session, task = str(result["session_id"]), str(result["task_id"])
    do("-p", "cite sources about python and http", "-w", worker, "--json")
    do("-p", "one more", "--dry-run", "--json", "-w", worker)
    do("-p", "", "--json", code=2)
    do("runs", "--json")
    (place / "invoice.csv").write_text(f"worker,month,usd\n{worker},2026-12,1.25\n")
    for option in ("--by turn", "--by session", "--journal", f"--match {place / 'invoice.csv'}"):
        do("costs", *option.split(), "--json")
    exported = run_on(server, home, "export", session, "--format", "json")
    lines.append(json.loads(exported.out))
    imported = run("import", "-", "--json", home=place / "other", stdin=exported.out)
    lines.append(json.loads(imported.out))
    for action in ("list", "show #", "search primes", "tag # tea", "rename # Tea", "compact"):
        do("sessions", *action.replace("#", session).split(), "--json")
    do("sources", session, "--json")
    do("files", "list", task, "--json")
    do("files", "get", task, "--all", "--dir", str(place), "--json")
    do("files", "get", task, "none.txt", "--json", code=2)
    do("email", worker, "--json")
    do("schedules", "list", worker, "--json")
    do("schedules", "add", worker, "tidy", "--in", "2h", "--json", code=2)
    added = do("schedules", "add", worker, "tidy", "--in", "2h", "--yes", "--json")
    do("schedules", "cancel", worker, str(added["id"]), "--json")
    do("webhook", "show", worker, "--json")
    do("webhook", "deliveries", worker, "--json")
    do("workers", "list", "--json")
    do("workers", "rm", worker, "-y", "--json")
    for words in (
        "key show",
        "spec",
        "config path",
        "config show",
        "config set theme dark",
        "config validate",
    ):
        do(*words.split(), "--json")
    do("doctor", "--json")
    do("doctor", "--repair", "--json")
    do("sessions", "show", "nowhere", "--json", code=2)
    yield from lines
