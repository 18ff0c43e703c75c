"""Programs of one person on one history: real processes against the paid service."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.chaos.processes import program
from tests.e2e.runner import KEY, Ran, run
from tests.money.paid_service import PaidService

TIMES: Final = {"HANDINGER_POLL_INTERVAL": "0.05", "HANDINGER_RECOVERY_WINDOW": "5"}


@dataclass(frozen=True)
class Person:
    """One history, and one service."""

    service: PaidService
    home: Path

    def start(self, *argv: str, **environ: str) -> subprocess.Popen[str]:
        """Start the program; keyword arguments are more environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HANDINGER_")}
        variables = {
            "HANDINGER_TUI_HOME": str(self.home),
            "HANDINGER_BASE_URL": self.service.url,
            "HANDINGER_API_KEY": KEY,
            "HANDINGER_GENERATION": self.service.generation,
            **TIMES,
        }
        return program(*argv, env=kept | variables | environ)

    def run(self, *argv: str, **environ: str) -> Ran:
        """Run the program to its end, in this process: starting another one takes most of the time."""
        variables = TIMES | {"HANDINGER_GENERATION": self.service.generation} | environ
        return run(*argv, home=self.home, base_url=self.service.url, **variables)

    def json_of(self, *argv: str, **environ: str) -> dict[str, Any]:
        """The JSON that a command prints."""
        value: dict[str, Any] = json.loads(self.run(*argv, "--json", **environ).out)
        return value
