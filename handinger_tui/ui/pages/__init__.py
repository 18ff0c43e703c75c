"""Pages over the work screen, and their base classes: a page, a page of text, a page with a list."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.safety import clean_line
from handinger_tui.ui.dialogs import Modal, show_focus
from handinger_tui.ui.widgets.frame import FooterLine, StaticReflow
from handinger_tui.ui.widgets.virtual_list import PickList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence

    from handinger_tui.ui.front import Front


class Page(Modal[None]):
    """A page over the work screen."""

    NAME: ClassVar[str]
    """The id of the page, with which those of its parts begin."""
    BOX_CLASSES: ClassVar[str] = "page"

    def put_title(self, *lines: Content) -> None:
        """Show these lines at the top."""
        self.query_one(f"#{self.NAME}-title", Static).update(Content("\n").join(lines))

    def on_resize(self) -> None:
        """Keep the focus visible on a smaller screen."""
        show_focus(self)

    def action_close(self) -> None:
        """Close the page."""
        self.dismiss()


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


GAP: Final = "  "
"""Between two columns."""


def padded_columns(rows: Sequence[tuple[str, ...]], aligns: str) -> list[list[str]]:
    """The texts of a table, each as wide as the widest of its column. `aligns`: a sign for each column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        [f"{text:{align}{width}}" for text, align, width in zip(row, aligns, widths, strict=True)]
        for row in rows
    ]


ListT = TypeVar("ListT", bound=PickList[Any, Any])


class ListPage(Page, Generic[ListT]):
    """A page about a worker: lines above a list, the list, and below it all about the selected item."""

    AUTO_FOCUS = "PickList"
    BOX_CLASSES = "page -broad"

    def __init__(self, table: ListT, interaction: Front, worker_id: str) -> None:
        super().__init__()
        self.table = table
        self._interaction = interaction
        self._worker_id = worker_id
        self._note = ""
        """The result of the last change; it is shown until the next one."""

    def compose(self) -> ComposeResult:
        """Lay out the lines above, the list, the lines below, and the footer."""
        with Vertical(id=self.NAME, classes=self.BOX_CLASSES):
            yield Static(id=f"{self.NAME}-title", classes="page-title")
            yield self.table
            yield Static(id=f"{self.NAME}-foot", classes="page-foot")
            yield FooterLine()

    def on_mount(self) -> None:
        """Read the list."""
        self.action_reload()

    @abstractmethod
    def action_reload(self) -> object:
        """Read the list again."""

    def _put_head(self, lines: Iterable[Content]) -> None:
        """Show the name of the page and the worker, and further lines."""
        worker = (f"   worker {clean_line(self._worker_id, 60)}", "$text-muted")
        self.put_title(Content.assemble((self.NAME.capitalize(), "bold"), worker), *lines)

    def _put_foot(self, lines: Iterable[Content]) -> None:
        self.query_one(f"#{self.NAME}-foot", Static).update(Content("\n").join(lines))

    @property
    def _note_lines(self) -> list[Content]:
        return [Content.styled(clean_line(self._note, 300), "$text-success")] if self._note else []

    def _change(self, change: Awaitable[str | None]) -> None:
        """Run a change, which returns its result as a sentence; None: nothing was sent.

        It continues when the page is closed: the request may be on its way.
        """

        async def run() -> None:
            text = await change
            if text is None:
                return
            if self.is_attached:
                self._note = text
                self.action_reload()
            else:
                self._interaction.say(text)

        self._interaction.run(run())
