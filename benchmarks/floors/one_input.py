"""A Textual app with one focused Input, and nothing else."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Input


class OneInput(App[None]):
    """One Input. Its cursor blinks, as it does by default."""

    def compose(self) -> ComposeResult:
        """The Input takes the focus by itself: it is the only widget that can."""
        yield Input(placeholder="floor is ready")


if __name__ == "__main__":
    OneInput().run()
