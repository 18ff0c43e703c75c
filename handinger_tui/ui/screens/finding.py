"""Finding: what a screen with the view of a text does to look for something in it."""

from __future__ import annotations

from textual import on, work
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from handinger_tui.core.safety import clean_line
from handinger_tui.ui.preview.views import PageView
from handinger_tui.ui.screens.dialogs import Ask


class FindingScreen(ModalScreen[None]):
    """Asks what to look for, and tells in its foot (`#preview-foot`) where the search stands."""

    @on(PageView.Stands)
    def _stands(self, event: PageView.Stands) -> None:
        self.query_one("#preview-foot", Static).update(Content(clean_line(event.told, 200)))

    @on(PageView.ToFind)
    def _to_find(self, event: PageView.ToFind) -> None:
        self._find(event.view)

    @work(group="find", exclusive=True)
    async def _find(self, view: PageView) -> None:
        text = await self.app.push_screen_wait(Ask("Find in this text", view.sought))
        if text and view.is_attached:
            await view.find(text)
