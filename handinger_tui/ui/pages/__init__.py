"""Screens over the work screen, and their base classes: with background work, a line of keys, a list."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.dialogs import Modal, show_focus
from handinger_tui.ui.widgets.frame import FooterLine
from handinger_tui.ui.widgets.virtual_list import PickList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Iterable

    from handinger_tui.ui.work.interaction import Interaction

MAX_NOTICE_CHARS: Final = 400
"""Longest notification, in characters."""


class SavingScreen(Modal[None]):
    """A page over the work screen that runs background work, such as saving, and shows notifications."""

    @work(group="do")
    async def do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Await a coroutine and show its error."""
        try:
            await coroutine
        except HandingerError as problem:
            self.say_problem(problem)

    def say(self, text: str, *, failed: bool = False) -> None:
        """Show a notification. The text is never parsed as markup."""
        self.notify(
            clean_line(text, MAX_NOTICE_CHARS), severity="error" if failed else "information", markup=False
        )

    def say_problem(self, problem: HandingerError) -> None:
        """Show an error and its hint."""
        self.say(problem.text, failed=True)

    def on_resize(self) -> None:
        """Keep the focus visible on a smaller screen."""
        show_focus(self)

    def action_close(self) -> None:
        """Close the page."""
        self.dismiss()


ListT = TypeVar("ListT", bound=PickList[Any, Any])


class ListScreen(SavingScreen, Generic[ListT]):
    """A page about a worker: lines above a list, the list, and below it all about the selected item."""

    NAME: ClassVar[str]
    """The id of the page, with which those of its parts begin."""
    AUTO_FOCUS = "PickList"

    def __init__(self, table: ListT, interaction: Interaction, worker_id: str) -> None:
        super().__init__()
        self.table = table
        self._interaction = interaction
        self._worker_id = worker_id
        self._note = ""
        """What was done last; it is shown until something else is done."""

    def compose(self) -> ComposeResult:
        """Lay out the lines above, the list, the lines below, and the footer."""
        with Vertical(id=self.NAME):
            yield Static(id=f"{self.NAME}-title")
            yield self.table
            yield Static(id=f"{self.NAME}-foot")
            yield FooterLine()

    def on_mount(self) -> None:
        """Read the list."""
        self.action_reload()

    @abstractmethod
    def action_reload(self) -> object:
        """Read the list again."""

    def _put_title(self, lines: Iterable[Content]) -> None:
        worker = (f"   worker {clean_line(self._worker_id, 60)}", "$text-muted")
        first = Content.assemble((self.NAME.capitalize(), "bold"), worker)
        self.query_one(f"#{self.NAME}-title", Static).update(Content("\n").join([first, *lines]))

    def _put_foot(self, lines: Iterable[Content]) -> None:
        self.query_one(f"#{self.NAME}-foot", Static).update(Content("\n").join(lines))

    @property
    def _note_lines(self) -> list[Content]:
        return [Content.styled(clean_line(self._note, 300), "$text-success")] if self._note else []

    def _change(self, change: Awaitable[str | None]) -> None:
        """Run a change, which returns what to say about it; None: nothing was done.

        It continues when the page is closed: the request may have left.
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
