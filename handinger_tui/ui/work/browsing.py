"""Where single-letter keys go: to the prompt, or to a widget that the person chose to browse."""

from __future__ import annotations

from collections.abc import Callable

from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from handinger_tui.ui.panels.panel import Panel
from handinger_tui.ui.sessions.controller import SessionController
from handinger_tui.ui.widgets.strips import Chips, QueueStrip
from handinger_tui.ui.widgets.welcome import Welcome
from handinger_tui.ui.work.composer import Composer
from handinger_tui.ui.work.pane import FINDING, FIRST_SCREEN, SessionPane


class Browsing:
    """Knows which widget is browsed, and what Esc closes to come back to the prompt."""

    def __init__(
        self,
        screen: Screen[None],
        controller: SessionController,
        pane: SessionPane,
        composer: Composer,
        repaint: Callable[[], None],
    ) -> None:
        self._screen = screen
        self._controller = controller
        self._pane = pane
        self._sidebar = pane.sidebar
        self._composer = composer
        self._repaint = repaint
        self.browsed: Widget | None = None
        """The widget that receives single-letter keys, None while the prompt does.

        Only a key or a command sets it.
        """

    def browse(self, widget: Widget) -> None:
        """Focus `widget` and give it the single-letter keys until something else gets the focus."""
        if widget in (self._pane.transcript, self._pane.welcome) or isinstance(widget, Input):
            self._sidebar.close()
        self.browsed = widget
        self._screen.set_focus(widget)

    def return_to_prompt(self) -> None:
        """Focus the prompt."""
        self._screen.set_focus(self._pane.prompt)

    def show_panel(self, name: str) -> None:
        """Show a panel and browse it."""
        panel = self._sidebar.reveal(name)
        if self._controller.session_id:
            # A hidden panel did not follow the session, and an empty one leaves its keys to the prompt.
            panel.show_soon(self._controller.session)
        self.browse(panel)
        self._repaint()

    def toggle_panel(self, name: str) -> None:
        """Show a panel and browse it; the browsed one is left, and closed on a narrow screen."""
        if self.browsed is self._sidebar.panels[name]:
            self._close_sidebar()
        else:
            self.show_panel(name)

    def leave_hidden(self) -> None:
        """Focus the prompt if the browsed panel was hidden."""
        if isinstance(self.browsed, Panel) and not self._sidebar.shows(self.browsed):
            self.return_to_prompt()

    def redirect(self, widget: Widget | None) -> Widget:
        """The widget that gets a focus requested for `widget`: only the browsed one, else the prompt.

        A click, Tab or a closing widget moves the focus nowhere.
        """
        if widget is None or widget is not self.browsed:
            before, self.browsed, widget = self.browsed, None, self._pane.prompt
            if isinstance(before, Panel):
                self._sidebar.release()
            elif before is self._pane.transcript:
                # The mark would look as if Enter still acted on it.
                self._pane.transcript.end_cursor()
        self._pane.browse(_name_of(self.browsed))
        return widget

    def browse_soon(self) -> None:
        """Browse the answers or the first screen, after the keys of the same burst, meant for the prompt."""
        self._screen.app.call_later(self._pane.prompt.call_later, self.browse_answers)

    def browse_answers(self) -> None:
        """Browse the answers, with the cursor on one; before there are any, the first screen."""
        if self._pane.has_answers:
            self.browse(self._pane.transcript)
            self._pane.transcript.begin_cursor()
        else:
            self.browse(self._pane.welcome)

    async def find(self) -> None:
        """Open the find bar, and give it the keys until Esc."""
        bar = await self._pane.find_bar()
        bar.open()
        self.browse(bar.field)

    @property
    def is_finding(self) -> bool:
        """Whether keys go to the find bar."""
        return isinstance(self.browsed, Input)

    # -- Esc -----------------------------------------------------------------------------------
    @property
    def something_open(self) -> bool:
        """Whether Esc has something to close."""
        return self._find_closer() is not None

    def close_topmost(self) -> bool:
        """Close the topmost open thing; False when nothing is open."""
        close = self._find_closer()
        if close is not None:
            close()
        return close is not None

    def _find_closer(self) -> Callable[[], None] | None:
        """The function that closes the topmost open thing, None when nothing is open."""
        prompt, transcript = self._pane.prompt, self._pane.transcript
        if self._screen.selections:
            return self._screen.clear_selection
        if not prompt.selection.is_empty:
            return lambda: prompt.move_cursor(prompt.cursor_location)
        if prompt.offering:
            return self._pane.close_one
        # A panel in place of the transcript hides what is found there.
        if self._sidebar.in_front is None and (transcript.search.active or self.is_finding):
            return self._end_finding
        if self._sidebar.is_over:
            return self._close_sidebar
        if self.browsed is None and (cancel := self._edit_canceler()) is not None:
            return cancel
        if self.browsed is not None or transcript.highlight.mention is not None:
            return self._end_browsing
        return self._pane.close_one if self._pane.open else None

    def _edit_canceler(self) -> Callable[[], None] | None:
        """The function that cancels the editing of a queued or an earlier message, None without one."""
        if self._composer.queue_edit is not None:
            return self._composer.cancel_queue_edit
        return None if self._composer.origin is None else self._composer.cancel_edit

    def _end_finding(self) -> None:
        self._pane.transcript.search.clear()
        self._pane.close_find_bar()
        if self.browsed is self._pane.transcript or self.is_finding:
            self.return_to_prompt()

    def _close_sidebar(self) -> None:
        self._sidebar.close()
        self.return_to_prompt()

    def _end_browsing(self) -> None:
        self._pane.transcript.highlight.clear()
        self.return_to_prompt()


def _name_of(browsed: Widget | None) -> str:
    """The name of the browsed widget as the pane shows it; "" for None."""
    if browsed is None:
        return ""
    if isinstance(browsed, Chips):
        return "attachments"
    if isinstance(browsed, Input):
        return FINDING
    if isinstance(browsed, QueueStrip):
        return "queue"
    if isinstance(browsed, Welcome):
        return FIRST_SCREEN
    return browsed.BORDER_TITLE or "answers"
