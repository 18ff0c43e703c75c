"""Take the pictures of the journey of `tests/e2e/task_journey.py`, in a real terminal (tmux).

.venv/bin/python screenshots/terminal.py    # into build/pictures (not tracked)
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from handinger_tui.local.server import LocalServer
from screenshots.make import FOR_THE_EYE, picture
from tests.e2e.accounts import Account
from tests.e2e.task_journey import listener, travel
from tests.e2e.terminal import Terminal, terminal

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
            target = FOR_THE_EYE / f"task-journey-{name}-{COLUMNS}x{ROWS}-dark.png"
            picture(svg_of(window), target)
            sys.stdout.write(f"{target.name}\n")

        FOR_THE_EYE.mkdir(parents=True, exist_ok=True)
        settings = 'theme = "handinger-dark"\n[spending]\ncredit_usd = 0.01\n'
        Path(home, "config.toml").write_text(settings, encoding="utf-8")
        account = Account(server, "tasks")
        window.run(home=Path(home), COLORTERM="truecolor", HANDINGER_POLL_INTERVAL="0.2", **account.environ)
        travel(window, account, Path(home), hook.url, photo)


if __name__ == "__main__":
    main()
