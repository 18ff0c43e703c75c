"""Runs schemathesis against the local worker: all checks and links of an OpenAPI file, with a fixed seed.

schemathesis is not a dependency of the project; install it into a separate environment and pass its command.
One check of the tasks generation is left out, `use_after_free`: DELETE archives a task, and the published
text says that its turns and files are retained. What else the schemas cannot say is in `openapi_hooks`.

python -m tests.local.openapi FILE [--tasks] [--seed 1] [--examples 100] [--schemathesis PATH]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from handinger_tui.local.server import LocalServer

FOLDER: Final = Path(__file__).parent


def main() -> int:
    """Run from the command line; the exit code is that of schemathesis."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path, help="the OpenAPI file of the generation")
    parser.add_argument("--tasks", action="store_true", help="the tasks generation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=100, help="test cases of each operation")
    parser.add_argument("--schemathesis", default="schemathesis", help="its command")
    args = parser.parse_args()
    with LocalServer.start(pace=0) as server:
        command = [args.schemathesis, "run", str(args.file.resolve())]
        command += ["--url", server.tasks_url if args.tasks else server.base_url]
        command += ["--header", f"Authorization: Bearer {server.api_key}", "--checks", "all"]
        command += ["--seed", str(args.seed), "--max-examples", str(args.examples)]
        command += ["--generation-database", "none"]
        command += ["--exclude-checks", "use_after_free"] if args.tasks else []
        environ = {**os.environ, "PYTHONPATH": str(FOLDER), "SCHEMATHESIS_HOOKS": "openapi_hooks"}
        # It writes a cache into its working folder.
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run(command, env=environ, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
