"""`python -m tests.chaos [WORDS]`: run the lab and print its table; 1 when a case does not hold.

WORDS choose cases as pytest's -k does. HANDINGER_TEST_KILLS=200 makes the kill test a long one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos.table import Table


def main(words: list[str]) -> int:
    """Run all cases, the slow ones too."""
    table = Table()
    choice = ["-k", " ".join(words)] if words else []
    folder = str(Path(__file__).parent)
    code = pytest.main([folder, "-q", "--no-header", "--tb=short", "-m", "", *choice], plugins=[table])
    table.print()
    return 0 if code == pytest.ExitCode.OK and table.lines else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
