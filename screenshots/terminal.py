"""Take the pictures of the journey of `tests/e2e/task_journey.py`, in a real terminal (tmux).

.venv/bin/python screenshots/terminal.py
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from rich.console import Console  # noqa: E402 - found only through the line above
from rich.terminal_theme import TerminalTheme  # noqa: E402
from rich.text import Text  # noqa: E402

from handinger_tui.local.server import LocalServer  # noqa: E402
from screenshots.make import picture  # noqa: E402
from tests.e2e.accounts import Account  # noqa: E402
from tests.e2e.task_journey import listener, travel  # noqa: E402
from tests.e2e.terminal import Terminal, terminal  # noqa: E402

COLUMNS, ROWS = 120, 40
DARK = TerminalTheme(
    (15, 18, 25), (230, 230, 230), [(0, 0, 0), *[(190, 190, 190)] * 7], [(90, 90, 90), *[(255, 255, 255)] * 7]
)


def svg_of(window: Terminal) -> str:
    """The content of the window, with its colors."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), color_system="truecolor", legacy_windows=False
    )
    console.print(Text.from_ansi(window.colored), end="", no_wrap=True, overflow="crop")
    return console.export_svg(title="handinger-tui", theme=DARK)


def main() -> None:
    """Make the journey once, and take its pictures."""
    tmux = shutil.which("tmux")
    if tmux is None:
        raise SystemExit("tmux is needed.")
    with (
        tempfile.TemporaryDirectory() as home,
        LocalServer.start(pace=0.02) as server,
        listener() as hook,
        terminal(tmux, COLUMNS, ROWS) as window,
    ):

        def photo(name: str) -> None:
            target = FOLDER / f"task-journey-{name}-{COLUMNS}x{ROWS}-dark.png"
            picture(svg_of(window), target)
            sys.stdout.write(f"{target.name}\n")

        settings = 'theme = "handinger-dark"\n[spending]\ncredit_usd = 0.01\n'
        Path(home, "config.toml").write_text(settings, encoding="utf-8")
        account = Account(server, "tasks")
        window.run(home=Path(home), COLORTERM="truecolor", HANDINGER_POLL_INTERVAL="0.2", **account.environ)
        travel(window, account, Path(home), hook.url, photo)


if __name__ == "__main__":
    main()
