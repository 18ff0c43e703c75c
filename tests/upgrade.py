"""The upgrade of an installed program: `python -m tests.upgrade OLD`, a wheel, or a commit or tag.

OLD is installed into an environment of its own, makes a history with the local worker as a paid service, and
is replaced by the wheel of this source, as `pip install` does it. All sums must be equal. OLD over the new
history must work or refuse in words; this program must refuse the history of a version to come, unchanged.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.house.project import ROOT

PROMPTS = ("echo one", "report on primes", "fail", "cite sources about python and http", "long 5")
LOCAL_IO = 10


def run(*command: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **settings)


def build(source: Path, folder: Path) -> Path:
    """The wheel of a source."""
    ended = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=source)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def old_wheel(named: str, work: Path) -> Path:
    """The wheel that is named, or that of a commit."""
    if named.endswith(".whl"):
        return Path(named).resolve()
    source = work / "old-source"
    source.mkdir()
    archive = subprocess.run(["git", "archive", named], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
    return build(source, work / "old-wheel")


class Place:
    """An installed program, run away from its source, with a home of its own."""

    def __init__(self, script: Path, home: Path, **environ: str) -> None:
        self.script = script
        self.home = home
        # PYTHONPATH would put a source in place of what is installed.
        away = ("HANDINGER_", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(away)}
        self.environ = {**kept, **environ}

    def program(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        variables = {**self.environ, **environ}
        return run(str(self.script), *words, env=variables, cwd=self.home.parent, stdin=subprocess.DEVNULL)

    @property
    def version(self) -> str:
        return self.program("--version").stdout.split()[-1]

    def document(self, *words: str) -> dict[str, Any]:
        """What a command prints as JSON."""
        ended = self.program(*words, "--json")
        assert ended.returncode == 0, ended.stderr
        value: dict[str, Any] = json.loads(ended.stdout)
        return value

    @property
    def history(self) -> Path:
        (history,) = self.home.rglob("history.db")
        return history

    @contextmanager
    def service(self, generation: str) -> Iterator[dict[str, str]]:
        """The local worker, as a service with a key: its turns count as paid."""
        command = [str(self.script), "local", "--json", "--pace", "fast"]
        pipe: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True, "env": self.environ}
        with subprocess.Popen(command, cwd=self.home.parent, **pipe) as server:
            assert server.stdout is not None
            addresses = json.loads(server.stdout.readline())
            url = addresses["tasks_url" if generation == "tasks" else "base_url"]
            try:
                yield {
                    "HANDINGER_BASE_URL": url,
                    "HANDINGER_API_KEY": addresses["api_key"],
                    "HANDINGER_GENERATION": generation,
                }
            finally:
                server.terminate()


class Environment(Place):
    """One with the dependencies of this interpreter."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "venv" / "bin" / "python"
        home = folder / "home"
        super().__init__(self.python.with_name("handinger-tui"), home, HANDINGER_TUI_HOME=str(home))
        assert run(sys.executable, "-m", "venv", str(folder / "venv")).returncode == 0
        (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
        # Behind its own packages, so that what is installed here comes first.
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def install(self, wheel: Path) -> str:
        """Install a wheel as a person would, and return the version that then runs."""
        command = (str(self.python), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel))
        ended = run(*command)
        assert ended.returncode == 0, ended.stderr
        return self.version


def make_history(place: Place, *generations: str) -> None:
    """Turns of every end, in new sessions and in one that goes on; tags, a title, a limit."""
    for generation in generations:
        with place.service(generation) as service:
            for prompt in PROMPTS:
                place.program("-p", prompt, "--json", **service)
                place.program("-p", "echo again", "-c", "--json", **service)
            place.program("-p", "echo free", "--local", "--json")
    first, second, *_ = (one["session_id"] for one in place.document("sessions")["sessions"])
    assert place.program("sessions", "tag", first, "invoices").returncode == 0
    assert place.program("sessions", "rename", second, "A title").returncode == 0


def sums(place: Place) -> Mapping[str, Any]:
    """All that must not change. Amounts as text: a version may write a number where another writes text."""
    rows = place.document("costs", "--by", "turn")
    sessions = place.document("sessions")["sessions"]
    names = ("cost_usd", "credits", "tokens", "turns", "incomplete", "unpriced_turns")
    facts = ("session_id", "title", "turns", "last_status", "tags", "cost_usd", "credits")
    return {
        "total": {name: str(rows["total"][name]) for name in names},
        "turns": {
            row["turn_id"]: [str(row[name]) for name in (*names, "status", "final")] for row in rows["groups"]
        },
        "days": [str(row["cost_usd"]) for row in place.document("costs", "--by", "day")["groups"]],
        "sessions": [[str(row[name]) for name in facts] for row in sessions],
        "texts": [
            [(turn["prompt"], turn["text"], str(turn["status"])) for turn in shown["turns"]]
            for shown in (place.document("sessions", "show", row["session_id"]) for row in sessions)
        ],
    }


def refused_in_words(place: Place) -> bool:
    """Whether the program refuses to write this history, says why, and leaves its bytes as they are."""
    before = place.history.read_bytes()
    ended = place.program("-p", "echo more", "--local", "--json")
    if ended.returncode == 0:
        return False
    assert ended.returncode == LOCAL_IO, ended.stderr
    assert "newer version of handinger-tui" in ended.stderr
    assert json.loads(ended.stdout)["status"] == "not_sent"
    assert place.history.read_bytes() == before
    return True


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade")
    parser.add_argument("old", metavar="OLD", help="a wheel, or a commit or tag")
    named = parser.parse_args().old
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        old, new = old_wheel(named, work), build(ROOT, work / "new-wheel")
        place = Environment(work)
        first = place.install(old)
        make_history(place, "workers", "tasks")
        before = sums(place)
        assert before["total"]["cost_usd"] not in ("None", "0"), before["total"]
        second = place.install(new)
        assert first != second, f"pip left {first} in place"
        assert sums(place) == before
        turns, usd = len(before["turns"]), before["total"]["cost_usd"]
        print(f"{first} → {second}: {turns} turns, {usd} USD, all sums equal")
        assert place.install(old) == first
        if refused_in_words(place):
            print(f"{second} → {first}: refused in words; the history is as it was")
        else:
            print(f"{second} → {first}: works on the same history")
        place.install(new)
        with closing(sqlite3.connect(place.history)) as connection:
            (migrations,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute(f"PRAGMA user_version = {migrations + 1}")
        assert refused_in_words(place), "a history of a program to come was written to"
        print("A history of a version to come: refused in words, and not changed")


if __name__ == "__main__":
    main()
