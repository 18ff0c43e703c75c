"""The program as a script would run it, in this process: real argv, real HTTP, real SQLite."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handinger_tui.cli.main import main
from tests.documents import schemas_in

KEY = "hdg_test_0123456789abcdef"


@dataclass(frozen=True)
class Ran:
    """The exit code and output of a run."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The result object: the last line of stdout."""
        value: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return value

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@contextmanager
def _as_process(stdin: str | bytes, environ: dict[str, str]) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    kept = (sys.stdin, sys.stdout, sys.stderr, dict(os.environ))
    out, err = io.StringIO(), io.StringIO()
    data = stdin.encode() if isinstance(stdin, str) else stdin
    fed = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
    sys.stdin, sys.stdout, sys.stderr = fed, out, err
    for name in [name for name in os.environ if name.startswith("HANDINGER_")]:
        del os.environ[name]
    os.environ.update(environ)
    try:
        yield out, err
    finally:
        sys.stdin, sys.stdout, sys.stderr = kept[:3]
        os.environ.clear()
        os.environ.update(kept[3])


def run(
    *argv: str,
    home: Path,
    base_url: str | None = None,
    stdin: str | bytes = "",
    key: str = KEY,
    **environ: str,
) -> Ran:
    """Run `handinger-tui ARGV`; keyword arguments are more environment."""
    variables = {"HANDINGER_TUI_HOME": str(home), "HANDINGER_POLL_INTERVAL": "0.05", **environ}
    if base_url is not None:
        variables |= {"HANDINGER_BASE_URL": base_url, "HANDINGER_API_KEY": key}
    with _as_process(stdin, variables) as (out, err):
        try:
            code = main(list(argv))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    schemas_in(out.getvalue())
    return Ran(int(code), out.getvalue(), err.getvalue())
