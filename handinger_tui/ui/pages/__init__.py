"""Pages over the work screen, and their base classes: a page, and a page of text."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from handinger_tui.ui.dialogs import Modal, show_focus
from handinger_tui.ui.widgets.frame import FooterLine, StaticReflow


class Page(Modal[None]):
    """A page over the work screen."""

    NAME: ClassVar[str]
    """The id of the page, with which those of its parts begin."""
    BOX_CLASSES: ClassVar[str] = "page"

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[str, Content] = {}
        """What the parts show."""

    def put_title(self, *lines: Content) -> None:
        """Show these lines at the top."""
        self.put_text("title", *lines)

    def put_text(self, part: str, *lines: Content) -> None:
        """Show these lines in a part of the page; the same ones again cost nothing."""
        text, before = Content("\n").join(lines), self._texts.get(part)
        if before is None or not before.is_same(text):
            self._texts[part] = text
            view = self.query_one(f"#{self.NAME}-{part}", Static)
            width = view.content_size.width
            # A layout paints the whole screen.
            is_as_high = width > 0 and before is not None and _height(before, width) == _height(text, width)
            view.update(text, layout=not is_as_high)

    def on_resize(self) -> None:
        """Keep the focus visible on a smaller screen."""
        show_focus(self)

    def action_close(self) -> None:
        self.dismiss()


def _height(text: Content, width: int) -> int:
    return len(text.wrap(width))


class TextPage(Page):
    """A page with lines of text that scroll below its title."""

    AUTO_FOCUS = "VerticalScroll"

    def compose(self) -> ComposeResult:
        """Lay out the title, the text and the footer."""
        with Vertical(id=self.NAME, classes=self.BOX_CLASSES):
            yield Static(id=f"{self.NAME}-title", classes="page-title")
            with VerticalScroll(id=f"{self.NAME}-body"):
                yield StaticReflow(id=f"{self.NAME}-text")
            yield FooterLine()

    @property
    def text(self) -> StaticReflow:
        """The widget with the text."""
        return self.query_one(StaticReflow)
