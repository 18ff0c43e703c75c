"""Adapter: one operation of the fault lab through the command line, reported as one JSON object.

    python -m tests.chaos.adapter --base URL --op OP --worker ID --input TEXT --dir FOLDER --attach FILE

OP is continue, create, upload, attach or file. The exit code is the program's.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

CommandResult = tuple[int, str]
"""Exit code and standard output of one command."""
Command = Callable[..., CommandResult]
Outcome = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One operation that the lab asks for."""

    op: str
    worker: str
    prompt: str
    folder: str
    attach: str = ""
    tasks: bool = False
    limits: Mapping[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """Its limits and its generation; without a stream, an answer takes longer to begin."""
        tasks = {"HANDINGER_GENERATION": "tasks", "HANDINGER_FIRST_BYTE_TIMEOUT": "0.8"} if self.tasks else {}
        return {**self.limits, **tasks}

    @property
    def argv(self) -> list[str]:
        if self.op == "attach":
            return ["attach", self.worker, "--json"]
        more = [] if self.op == "create" else ["--task" if self.tasks else "-w", self.worker]
        files = ["-f", self.attach] if self.op == "upload" else []
        return ["-p", self.prompt, *more, *files, "--json"]


def perform(operation: Operation, command: Command) -> tuple[int, Outcome]:
    """Perform the operation with `command(*argv)`; returns the exit code and the outcome object."""
    if operation.op == "file":
        return _file(operation, command)
    code, out = command(*operation.argv)
    if not out.strip():
        # Nothing on stdout: the program stopped before there was a turn; stderr says why.
        return code, {"outcome": "not_sent", "error_kind": "settings", "text": "", "draft": operation.prompt}
    return code, outcome_of_turn(json.loads(out.splitlines()[-1]))


def outcome_of_turn(result: Outcome) -> Outcome:
    """A result object as the lab's contract wants it."""
    fault = result["error"] or {}
    usage = result["usage"] or {}
    cost = usage.get("cost_usd")
    outcome = {"incomplete": "failed"}.get(result["status"], result["status"])
    if outcome == "completed" and result["recovered"]:
        outcome = "recovered"
    return {
        "outcome": outcome,
        "error_kind": fault.get("kind"),
        "error": fault.get("message"),
        "retry_after_s": fault.get("retry_after_s"),
        "text": result["text"],
        "draft": result["draft"],
        "cost_usd": None if cost is None else f"{Decimal(cost):.4f}",
        "credits": usage.get("credits"),
        "files": [],
    }


def _file(operation: Operation, command: Command) -> tuple[int, Outcome]:
    code, out = command("files", "get", operation.worker, "--all", "--dir", operation.folder, "--json")
    if not out.strip():
        return code, {"outcome": "failed", "error_kind": "network", "files": []}
    (file,) = json.loads(out)["files"]
    fault = file["error"] or {}
    return code, {
        "outcome": file["status"],
        "error_kind": fault.get("kind"),
        "error": fault.get("message"),
        "files": [file["saved_as"]] if file["saved_as"] else [],
    }


def in_this_process(*argv: str) -> CommandResult:
    """Run the program in this process and capture its standard output."""
    from handinger_tui.cli.main import main  # the environment is set just before this call

    out = io.StringIO()
    with redirect_stdout(out):
        try:
            code = main(list(argv))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return int(code), out.getvalue()


def main() -> int:
    """One operation, from the command line."""
    parser = argparse.ArgumentParser()
    for name in ("base", "op", "worker", "input", "dir", "attach"):
        parser.add_argument(f"--{name}", default="")
    args = parser.parse_args()
    os.environ["HANDINGER_BASE_URL"] = args.base
    code, outcome = perform(
        Operation(args.op, args.worker, args.input, args.dir, args.attach), in_this_process
    )
    print(json.dumps(outcome))
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
