"""The lines around the prompt: the card with advice above it and the hint below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.formatting import duration
from handinger_tui.core.safety import clean

if TYPE_CHECKING:
    from handinger_tui.ui.widgets.status_text import Advice

MUTED: Final = "$text-muted"


class Card(Static):
    """What can be done now about a turn that went wrong; hidden when there is no advice."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.advice: Advice | None = None
        self.display = False
        self._drawn: tuple[Advice, int] | None = None

    def show(self, advice: Advice | None, now_ms: int) -> None:
        """Show `advice`, with a countdown where there is a wait; None hides the card."""
        self.advice = advice
        self.display = advice is not None
        if advice is None:
            self._drawn = None
            return
        wait_s = self.waiting_s(now_ms)
        if self._drawn == (advice, wait_s):
            return
        self._drawn = (advice, wait_s)
        for severity in ("error", "warning", "info"):
            self.set_class(advice.severity == severity, f"-{severity}")
        after_wait = "" if advice.wait_until_ms is None else "  Press Enter to send it."
        wait = f"{wait_s} s" if wait_s < 60 else duration(wait_s * 1000)
        action = f"  You can resend in {wait}." if wait_s > 0 else after_wait
        self.update(Content.assemble(clean(advice.text), (action, "bold")))

    def waiting_s(self, now_ms: int) -> int:
        """Seconds until sending makes sense again, rounded up; 0 when it does."""
        until = self.advice.wait_until_ms if self.advice is not None else None
        return max(0, -(-(until - now_ms) // 1000)) if until is not None else 0


class HintLine(Static):
    """Left: what Enter does now. Right: the cost of the session, while the panels are hidden."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left, self._right, self._firm, self._style = "", "", False, MUTED
        self._drawn = "", "", False, MUTED

    def show(self, left: str, right: str, *, firm: bool = False, style: str = MUTED) -> None:
        """Show both ends of the line. `firm`: where both do not fit, the right one is dropped."""
        if (left, right, firm, style) != self._drawn:
            self._drawn = left, right, firm, style
            self._left, self._right, self._firm, self._style = clean(left), clean(right), firm, style
            self.refresh()

    def render(self) -> Content:
        """The line for the present width; where both ends do not fit, the left one is cut unless firm."""
        width = self.content_size.width
        if self._firm and cell_len(self._left) + cell_len(self._right) + 2 > width:
            return Content.styled(self._left, self._style).truncate(width, ellipsis=True)
        right = Content.styled(self._right, "$foreground").truncate(max(0, width - 1), ellipsis=True)
        room = max(0, width - right.cell_length - 2)
        pieces = self._left.split(" · ")
        while pieces and len(" · ".join(pieces)) > room:
            pieces.pop()
        left = Content.styled(" · ".join(pieces), self._style)
        return Content.assemble(left, " " * max(1, width - left.cell_length - right.cell_length), right)
