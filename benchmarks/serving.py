"""Serving: the paced service as a process, and its reports about sent answers."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final

from benchmarks.plan import Plan
from benchmarks.targets import ROOT, python

PATIENCE_S: Final = 180.0


@dataclass(frozen=True)
class Sent:
    """When the first and the last token left (monotonic seconds), and the answer's bytes."""

    first: float
    last: float
    bytes: int


class PacedService:
    """A running service."""

    def __init__(self, base_url: str, lines: IO[str]) -> None:
        self.base_url = base_url
        self._began: set[str] = set()
        self._sent: dict[str, Sent] = {}
        self._news = threading.Condition()
        threading.Thread(target=self._listen, args=(lines,), daemon=True).start()

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            word, key, *values = line.split()
            with self._news:
                self._began.add(key)
                if word == "sent":
                    # A program that times out sends its request again: the first answer counts.
                    first, last, count = values
                    self._sent.setdefault(key, Sent(float(first), float(last), int(count)))
                self._news.notify_all()

    def began(self, plan: Plan) -> bool:
        """Whether the answer of a plan was requested."""
        return plan.key in self._began

    def sent(self, plan: Plan) -> Sent | None:
        """The sent answer of a plan; None until it is complete."""
        return self._sent.get(plan.key)

    def wait(self, plan: Plan) -> Sent:
        """Wait until a plan's answer is complete.

        Raises:
            TimeoutError: it was not requested, or it takes too long.
        """
        with self._news:
            if not self._news.wait_for(lambda: plan.key in self._sent, plan.seconds + PATIENCE_S):
                raise TimeoutError(plan.prompt)
            return self._sent[plan.key]


@contextmanager
def paced_service() -> Iterator[PacedService]:
    """A service while the block runs."""
    command = python("-m", "benchmarks.service")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline().split()[1])
            yield PacedService(f"http://127.0.0.1:{port}", process.stdout)
        finally:
            process.terminate()
