"""`handinger-tui local`: the local worker in the foreground."""

from __future__ import annotations

import argparse
import errno
import json
import sys
from typing import Final

from handinger_tui.core.errors import LocalFileError
from handinger_tui.local.serving import serve_foreground

NO_PORT: Final = (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL)


def run(told: argparse.Namespace) -> int:
    """Serve until interrupted; the first line names base URL and key."""

    def announce(base_url: str, api_key: str) -> None:
        if told.json:
            line = json.dumps({"base_url": base_url, "api_key": api_key})
        else:
            line = f"HANDINGER_BASE_URL={base_url} HANDINGER_API_KEY={api_key}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if not told.json:
            sys.stderr.write(
                "The local worker listens on this machine only. Ctrl+C ends it and forgets everything.\n"
            )

    try:
        return serve_foreground(told.port, announce)
    except OSError as problem:
        if problem.errno not in NO_PORT:
            raise
        reason = "is in use already" if problem.errno == errno.EADDRINUSE else "may not be used"
        raise LocalFileError(
            f"Port {told.port} of this machine {reason}.", "Choose another one with --port, or leave it out."
        ) from None
