"""A fault of our own: what is printed of it is clean."""

from __future__ import annotations

import subprocess
import sys

BREAKS = """
from handinger_tui.cli import main
from handinger_tui.cli.commands import doctor
def broken(_args):
    raise RuntimeError("CANARY \\x1b]0;title\\x07\\x9b2J\\u202e\\ud83d")
doctor.run = broken
main.main(["doctor"])
"""


def test_a_traceback_carries_nothing_to_the_terminal() -> None:
    ran = subprocess.run([sys.executable, "-c", BREAKS], capture_output=True, check=False)
    told = ran.stderr.decode()
    assert ran.returncode == 1
    assert "RuntimeError: CANARY ]0;title2J\ufffd" in told
    assert told.replace("\n", "").isprintable()
