"""Front: what the keys of the work screen do, before any engine is there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import ClassVar, Final

from textual.binding import ActiveBinding, BindingType
from textual.events import ScreenResume

from handinger_tui.ui.commands.data import show_data
from handinger_tui.ui.keys import Where, bindings, for_footer
from handinger_tui.ui.launch import Launch
from handinger_tui.ui.screens.footing import Footing
from handinger_tui.ui.widgets.side import panel_keys

LEAVE_WITHIN_MS: Final = 2000


class Frontage(Footing):
    """The key table's actions."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.ANYWHERE, Where.TRANSCRIPT), *panel_keys()]

    def __init__(self, launch: Launch, now_ms: Callable[[], int]) -> None:
        super().__init__(launch, now_ms)
        self._pressed_ms: int | None = None
        self._keys_for: tuple[object, ...] = ()
        self._shown = False

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """For the footer: what matters now comes first, and nothing is cut in the middle."""
        return for_footer(super().active_bindings, self.size.width, self.app.get_key_display)

    def on_screen_resume(self, event: ScreenResume) -> None:
        """The first time everything was styled a moment ago, as it was mounted: once is enough."""
        event.refresh_styles, self._shown = self._shown, True

    def on_resize(self) -> None:
        """The footer is laid out for the width."""
        self.refresh_bindings()

    # -- keys ----------------------------------------------------------------------------------
    @property
    def something_open(self) -> bool:
        """Esc has something to close."""
        focused = self.pane.chips.has_focus or self.pane.queue.has_focus
        editing = self.queue_editor.edit is not None
        return self.pane.open or focused or editing or self.side.has_class("-over")

    @property
    def watching(self) -> bool:
        """A turn is being sent or watched: a queue that waits is not."""
        return self.desk is not None and self.desk.running

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that work only now and then are shown only then."""
        if action == "suspend":
            return sys.platform != "win32"
        if action == "command" and parameters == ("detach",):
            return self.watching and not self.something_open
        return True

    def renew_keys(self) -> None:
        """Show other keys in the footer, if others work now."""
        box = self.prompt
        keys = (self.watching, self.something_open, box.busy, box.offering, not box.text)
        if keys != self._keys_for:
            self._keys_for = keys
            self.refresh_bindings()

    def action_back(self) -> None:
        """Close the topmost thing, else go back to the prompt."""
        if self.side.has_class("-over"):
            self.side.remove_class("-over")
        elif self.pane.chips.has_focus or self.pane.queue.has_focus:
            pass
        elif self.queue_editor.edit is not None:
            self.queue_editor.cancel()
            self.panels_changed()
        elif self.pane.open:
            self.pane.close_one()
        else:
            self.transcript.point_at_nothing()
        self.prompt.focus()

    def action_scroll(self, where: str) -> None:
        """Scroll the transcript, wherever the focus is."""
        view = self.transcript
        steps: dict[str, Callable[[], None]] = {
            "page_up": lambda: view.scroll_page_up(animate=False),
            "page_down": lambda: view.scroll_page_down(animate=False),
            "home": lambda: view.scroll_home(animate=False),
            "end": view.follow,
        }
        steps[where]()

    def action_transcript(self, deed: str) -> None:
        """Move its cursor, or from match to match."""
        view = self.transcript
        deeds: dict[str, Callable[[], None]] = {
            "cursor_next": view.cursor_next,
            "cursor_previous": view.cursor_previous,
            "find_next": view.find_next,
            "find_previous": view.find_previous,
        }
        deeds[deed]()

    def action_clear(self) -> None:
        """Copy a selection; else clear the prompt, keeping its text in the history; else leave."""
        # Behind the letters that still wait in the queue of the box.
        self.prompt.call_later(self._clear)

    def _clear(self) -> None:
        selected = self.get_selected_text()
        now = self.now_ms()
        if selected:
            self.stage.copy(selected, "the selection")
            self.clear_selection()
        elif self.queue_editor.edit is not None:
            self.queue_editor.cancel()
            self.panels_changed()
        elif self.prompt.text:
            self.prompt.remember(self.prompt.text)
            self.prompt.put("")
            self.stage.say("Cleared. ↑ brings it back.")
        elif self.drafting.chosen:
            self.drafting.clear_files()
            self.stage.say("All attachments removed.")
        elif self._pressed_ms is not None and now - self._pressed_ms <= LEAVE_WITHIN_MS:
            self.do(self.stage.leave())
        else:
            self._pressed_ms = now
            self.stage.say("Press ^C again to leave.")

    def action_leave_if_empty(self) -> None:
        """Leave from an empty prompt; else delete the sign to the right, as shells do."""
        self.prompt.call_later(self._leave_if_empty)

    def _leave_if_empty(self) -> None:
        if self.prompt.text:
            self.prompt.action_delete_right()
        else:
            self.do(self.stage.leave())

    def action_chips(self) -> None:
        """To what goes along."""
        if self.pane.chips.display:
            self.pane.chips.focus()
        else:
            self.stage.say("No attachments yet. Type @ to add a file, or /file PATH.")

    def action_suspend(self) -> None:
        """Back to the shell."""
        self.app.action_suspend_process()

    def action_copy_current(self) -> None:
        """What the cursor stands on, else the newest answer."""
        text = self.transcript.copy_current()
        if text:
            self.stage.copy(text, "this part" if self.transcript.copyable_at_cursor() else "the last answer")

    def action_data(self) -> None:
        """The data that the cursor stands on, else the newest."""
        self.do(show_data(self.at_work, self.stage, self.transcript.spoken_at_cursor))

    def action_panel(self, name: str) -> None:
        """The key of one panel."""
        self.show_panel(name)
