"""An internal error: its output is clean."""

from __future__ import annotations

import subprocess
import sys

BREAKS = """
from handinger_tui.cli import main
from handinger_tui.cli.commands import doctor
def broken(_args):
    raise RuntimeError("CANARY \\x1b]0;title\\x07\\x9b2J\\u202e\\ud83d")
doctor.COMMANDS["doctor"] = doctor.COMMANDS["doctor"]._replace(run=broken)
main.main(["doctor"])
"""


def test_a_traceback_is_cleaned_for_the_terminal() -> None:
    ran = subprocess.run([sys.executable, "-c", BREAKS], capture_output=True, check=False)
    output = ran.stderr.decode()
    assert ran.returncode == 1
    assert "RuntimeError: CANARY ]0;title2J\ufffd" in output
    assert output.replace("\n", "").isprintable()
