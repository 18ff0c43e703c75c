"""Lines around the prompt: the card of a troubled turn, the queue, completions, and the hint."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.formatting import duration
from handinger_tui.core.safety.cleaning import clean, clean_line
from handinger_tui.ui.widgets.status_text import Advice


class Card(Static):
    """What can be done now about a turn that went wrong; gone when there is nothing to say."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.advice: Advice | None = None
        self.display = False
        self._drawn: tuple[Advice, int] | None = None

    def show(self, advice: Advice | None, now_ms: int) -> None:
        """Show `advice`, counting down where there is a wait; None hides the card."""
        self.advice = advice
        self.display = advice is not None
        if advice is None:
            self._drawn = None
            return
        left = self.waiting_s(now_ms)
        if self._drawn == (advice, left):
            return
        self._drawn = (advice, left)
        for severity in ("error", "warning", "info"):
            self.set_class(advice.severity == severity, f"-{severity}")
        then = "" if advice.wait_until_ms is None else "  Enter sends it."
        wait = f"  Enter sends it in {duration(left * 1000)}." if left > 0 else then
        self.update(Content.assemble(clean(advice.text), (wait, "bold")))

    def waiting_s(self, now_ms: int) -> int:
        """Seconds until sending makes sense again; 0 when it does."""
        until = self.advice.wait_until_ms if self.advice is not None else None
        return max(0, -(-(until - now_ms) // 1000)) if until is not None else 0


class Suggestions(Static):
    """Commands that begin as typed; Tab takes the marked one."""

    ROWS = 6

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.display = False
        self._rows: Sequence[tuple[str, str]] = ()
        self._at = 0

    @property
    def at(self) -> int:
        """Which row is marked, from 0."""
        return self._at

    @property
    def chosen(self) -> str | None:
        """The marked name, None when nothing is offered."""
        return self._rows[self._at][0] if self._rows else None

    def show(self, rows: Sequence[tuple[str, str]]) -> None:
        """Offer (name, summary) rows; none hides the list."""
        if list(rows) == list(self._rows):
            # Asked with every letter: drawing lays out the whole screen.
            return
        self._rows, self._at = list(rows), 0
        self.display = bool(self._rows)
        self._draw()

    def move(self, by: int) -> None:
        """Mark another row."""
        if self._rows:
            self._at = (self._at + by) % len(self._rows)
            self._draw()

    def _draw(self) -> None:
        first = max(0, min(self._at - self.ROWS + 2, len(self._rows) - self.ROWS))
        lines = []
        for at, (name, summary) in enumerate(self._rows[first : first + self.ROWS], first):
            here = at == self._at
            mark, style = ("›", "bold $primary") if here else (" ", "$foreground")
            told = (f"{mark} {clean_line(name):<12} ", style), (clean_line(summary), "$text-muted")
            lines.append(Content.assemble(*told))
        self.update(Content("\n").join(lines))


class HintLine(Static):
    """Left: what Enter does now. Right: the money of the session, while the panels are away."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._shown = self._left, self._right, self._firm = "", "", False

    def show(self, left: str, right: str, *, firm: bool = False) -> None:
        """Both ends of the line. `firm`: where both do not fit, the right one goes."""
        if (left, right, firm) != self._shown:
            self._shown = left, right, firm
            self._left, self._right, self._firm = clean(left), clean(right), firm
            self.refresh()

    def render(self) -> Content:
        """The line for its width; unless it is firm, the left end gives way."""
        width = self.content_size.width
        if self._firm and cell_len(self._left) + cell_len(self._right) + 2 > width:
            return Content.styled(self._left, "$text-muted").truncate(width, ellipsis=True)
        right = Content.styled(self._right, "$foreground").truncate(max(0, width - 1), ellipsis=True)
        room = max(0, width - right.cell_length - 2)
        pieces = self._left.split(" · ")
        while pieces and len(" · ".join(pieces)) > room:
            pieces.pop()
        left = Content.styled(" · ".join(pieces), "$text-muted")
        return Content.assemble(left, " " * max(1, width - left.cell_length - right.cell_length), right)
