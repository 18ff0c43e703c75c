"""Every shell command of the README, of docs/ and of the help pages is run: `python -m tests.doc_commands`.

Arguments: words of the names of documents; without one, all, which takes six minutes. Each document has
an empty home, a folder with the files that its commands name, a history that begins in October 2026, the
local worker as its service, and a session. Commands run in their order, in a shell, as they stand there;
only ids and such stand-ins are filled in. A command ends with exit code 0, or with a question or refusal
that `ANSWERS` names, and without a traceback. Not run: placeholders, and what installs and tests, which
`.ci/run`, `tests.pipx` and CONTRIBUTING.md have.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from handinger_tui.cli.args import EXAMPLES, implementation
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.local.server import LocalServer
from tests.house.project import ROOT
from tests.house.test_site import DOCUMENTS, PROGRAM
from tests.ledger.samples import answered, opened, play, session, turn_request

OF_TASKS: Final = {"workers.md", "conversations.md", "commands.md", "--help"}
"""Documents about stored workers, which the tasks generation has."""
NOT_RUN: Final = ("pip install", "git clone", "-m benchmarks", "-m tests.", "-m pytest", "…")
ANSWERS: Final = (
    "are required",  # a sentence names a command without its arguments
    "Not a terminal",
    "needs a confirmation",
    "To remove it without a question",
    "A limit is missing",
    "Nothing was added",
    "package for key stores is not installed",
    "This computer has no key store that can be used",
    "Which shell?",
    "There is no unassigned cost 3",
    "There are no shared limits here",
    "already exists. Nothing was written",
)
"""What a command may answer, with exit code 2."""
SERVES: Final = re.compile(r"local\b|runs --watch")
"""What runs until it is interrupted."""
IN_OCTOBER: Final = datetime(2026, 10, 12, 9).astimezone()
SETUP: Final = (
    "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m 'A change'"
    " && printf 'month,sales\\n1,10\\n' >sales.csv && echo '{\"type\": \"object\"}' >schema.json"
    " && echo 'Compare prices.' >prices.md && printf 'worker,month,usd\\nwrk_1,2026-10,1.50\\n' >invoice.csv"
)


def lines_of(text: str) -> list[str]:
    """The command lines of a document, each once."""
    lines = [line for block in re.findall(r"```sh\n(.+?)```", text, re.DOTALL) for line in block.splitlines()]
    lines += re.findall(rf"`({PROGRAM} [^`]+)`", re.sub(r"```.+?```", "", text, flags=re.DOTALL))
    return [*dict.fromkeys(re.sub(r"\s+#.*$", "", line) for line in lines)]


def programs_of(text: str) -> list[str]:
    """The programs in Python of a document: tests, which pytest runs."""
    return re.findall(r"```python\n(.+?)```", text, re.DOTALL)


def examples() -> list[str]:
    """Those of the help pages."""
    words = [one for name in SUBCOMMANDS for one in implementation(name).examples]
    return [f"{PROGRAM} {one}".rstrip() for one in (*EXAMPLES, *words)]


async def begin(home: Path) -> None:
    """A history whose first turn was in October."""
    folder = home / ".local" / "share" / PROGRAM
    folder.mkdir(parents=True)
    async with opened(folder / "history.db") as ledger:
        sent = turn_request("turn_october", "tea", created_ms=int(IN_OCTOBER.timestamp() * 1000))
        await play(ledger, session("ses_october", title="Tea"), sent, answered())


class Reader:
    """Somebody who types the commands of one document."""

    def __init__(self, folder: Path, server: LocalServer, generation: str) -> None:
        self.folder = folder
        program = folder / "bin" / PROGRAM
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m handinger_tui "$@"\n')
        program.chmod(0o755)
        away = ("HANDINGER_", "XDG_")
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(away)} | {
            "HOME": str(folder),
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "HANDINGER_BASE_URL": server.tasks_url if generation == "tasks" else server.base_url,
            "HANDINGER_GENERATION": generation,
            "HANDINGER_API_KEY": server.api_key,
        }
        self.printed = ""
        asyncio.run(begin(folder))
        self.do(SETUP)
        self.stand_ins = self._prepare(generation)

    def _prepare(self, generation: str) -> dict[str, str]:
        """What takes the place of the ids and names in the documents."""
        target, more = "", {}
        if generation == "tasks":
            self.do("handinger-tui config set spending.credit_usd 0.01")
            stored = json.loads(self.do("handinger-tui workers new 'You know tea' --json"))["worker_id"]
            added = self.do(f"handinger-tui schedules add {stored} tidy --every 1d --yes --json")
            target, more = f"-w {stored}", {r"\bsch_1\b": json.loads(added)["id"]}
        turn = json.loads(self.do(f"handinger-tui -p 'report on primes' {target} --json").splitlines()[-1])
        self.do(f"handinger-tui export {turn['session_id']} --format json -o session.json")
        return more | {
            r"(files list|files get|attach) wrk_1": rf"\1 {turn['task_id'] or turn['worker_id']}",
            r"\b(ID|01KB)\b": turn["session_id"],
            r"\bwrk_1\b": turn["worker_id"],
            r"\bturn_1a2b\b": turn["turn_id"],
            r"\b(TASK|tsk_1)\b": str(turn["task_id"]),
            r"\bCOMMAND\b": "costs",
            r"\bFILE\b": "session.json",
            r"schema NAME": "schema result",
            r"\bNAME\b": "tea",
            r"^\.venv/bin/": "",
        }

    def do(self, line: str) -> str:
        """What a command printed on stdout. Raises AssertionError: it did not end as promised."""
        shell = ["fish"] if "fish" in line else ["bash", "-o", "pipefail"]
        if shutil.which(shell[0]) is None:
            return ""
        environ, entered = dict(self.environ), "/quit\n"
        if re.search(r"login|key set", line):
            entered = environ.pop("HANDINGER_API_KEY")
        ended = subprocess.run(
            [*shell, "-c", line],
            cwd=self.folder,
            env=environ,
            input=entered,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        both = ended.stdout + ended.stderr
        answered = ended.returncode == 2 and any(words in ended.stderr for words in ANSWERS)
        assert ended.returncode == 0 or answered, f"{ended.returncode}\n{both[-1500:]}"
        assert "Traceback" not in both, both
        self.printed += both
        return ended.stdout

    def serve(self, line: str) -> None:
        """A command that runs until it is interrupted, once it has said something."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = ["bash", "-c", f"exec {line}"]
        with subprocess.Popen(command, cwd=self.folder, env=self.environ, **pipes) as server:
            assert server.stdout is not None
            assert server.stdout.readline()
            server.send_signal(signal.SIGINT)
            _, err = server.communicate(timeout=60)
        assert server.returncode in (0, 130), err
        assert "Traceback" not in err, err

    def read(self, line: str) -> None:
        for stand_in, real in self.stand_ins.items():
            line = re.sub(stand_in, real, line)
        if "HASH" in line:
            line = line.replace("HASH", re.findall(r"\b[0-9a-f]{64}\b", self.printed)[-1])
        if SERVES.match(line.removeprefix(f"{PROGRAM} ")):
            self.serve(line)
        else:
            self.do(line)


def main() -> int:
    """Run the commands of the documents; return 1 if one does not do what its document says."""
    parser = argparse.ArgumentParser(prog="python -m tests.doc_commands", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD")
    words = parser.parse_args().words
    texts = {path.name: path.read_text("utf-8") for path in DOCUMENTS}
    documents = {name: lines_of(text) for name, text in texts.items()} | {"--help": examples()}
    ran, wrong = 0, 0
    with LocalServer.start(pace=0) as server:
        for name, lines in documents.items():
            own = [line for line in lines if not any(part in line for part in NOT_RUN)]
            if not own or (words and not any(word in name for word in words)):
                continue
            with tempfile.TemporaryDirectory() as folder:
                reader = Reader(Path(folder), server, "tasks" if name in OF_TASKS else "workers")
                for at, program in enumerate(programs_of(texts.get(name, ""))):
                    (Path(folder) / f"test_{at}.py").write_text(program)
                    own.append(f"{sys.executable} -m pytest -q -p no:cacheprovider test_{at}.py")
                for line in own:
                    ran += 1
                    try:
                        reader.read(line)
                    except (AssertionError, subprocess.TimeoutExpired) as problem:
                        wrong += 1
                        print(f"{name}: {line}\n    {str(problem).strip()}\n")

    print(f"{ran} commands, {wrong} not as the documents say")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
