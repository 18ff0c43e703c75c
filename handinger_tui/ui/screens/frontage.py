"""Front: what the keys of the work screen do, before any engine is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import ClassVar, Final

from textual.binding import ActiveBinding, Binding, BindingType
from textual.events import Key, Paste, ScreenResume

from handinger_tui.ui.commands.data import show_data
from handinger_tui.ui.keys import Where, bindings, for_footer
from handinger_tui.ui.launch import Launch
from handinger_tui.ui.screens.footing import Footing
from handinger_tui.ui.widgets.side import panel_keys

LEAVE_WITHIN_MS: Final = 2000
SENDING: Final = ("send", "queue")
"""What keys of the prompt do that must be seen first."""
_BROWSING: Final = ("transcript", "copy_current", "mention", "source", "data")
"""Actions of single letters."""


class Frontage(Footing, inherit_bindings=False):
    """The key table's actions. Textual's own keys are not among them: its Tab would move the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Where.ANYWHERE, Where.TRANSCRIPT),
        *panel_keys(),
        Binding("super+c", "screen.copy_text", "Copy", show=False, id="work.copy_text", tooltip="Copy"),
    ]

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

    # -- who is typed to ---------------------------------------------------------------------------
    def leads_to_prompt(self, event: Key | Paste) -> bool:
        """Before a key or a paste goes anywhere: what is none of the keys shown is for the prompt.

        True: coming back to the prompt is all that it does, since nobody saw what Enter would send.
        """
        if self.focused is self.prompt:
            return False
        if isinstance(event, Paste):
            self.set_focus(self.prompt)
            return False
        if self._listed(event.key) is not None:
            return False
        self.set_focus(self.prompt)
        return self._listed(event.key) in SENDING

    def _listed(self, key: str) -> str | None:
        """The action of a key that works now, given what has the focus."""
        active = self.active_bindings.get(key)
        return active.binding.action if active is not None and active.enabled else None

    # -- keys ----------------------------------------------------------------------------------
    @property
    def something_open(self) -> bool:
        """Esc has something to close."""
        return self._nearest() is not None

    def _nearest(self) -> Callable[[], None] | None:
        """What closes the nearest thing that is open."""
        prompt, view = self.prompt, self.transcript
        if self.selections:
            return self.clear_selection
        if not prompt.selection.is_empty:
            return lambda: prompt.move_cursor(prompt.cursor_location)
        if prompt.offering:
            return self.pane.close_one
        if view.finding:
            return self._end_finding
        if self.side.has_class("-over"):
            return self._close_panels
        if self.browsed is None and self.queue_editor.edit is not None:
            return self._cancel_edit
        if self.browsed is not None or view.pointed is not None:
            return self._end_browsing
        return self.pane.close_one if self.pane.open else None

    def _cancel_edit(self) -> None:
        self.queue_editor.cancel()
        self.panels_changed()

    def _end_finding(self) -> None:
        self.transcript.find_clear()
        if self.browsed is self.transcript:
            self.set_focus(self.prompt)

    def _close_panels(self) -> None:
        self.side.remove_class("-over")
        self.set_focus(self.prompt)

    def _end_browsing(self) -> None:
        self.transcript.point_at_nothing()
        self.set_focus(self.prompt)

    @property
    def watching(self) -> bool:
        """A turn is being sent or watched: a queue that waits is not."""
        return self.desk is not None and self.desk.running

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that work only now and then are shown only then."""
        if action == "suspend":
            return sys.platform != "win32"
        if action in _BROWSING:
            return self.browsed is self.transcript
        if action == "command" and parameters == ("detach",):
            return self.watching and not self.something_open
        return True

    def renew_keys(self) -> None:
        """Show other keys in the footer, if others work now."""
        box = self.prompt
        keys = (self.watching, self.something_open, self.browsed, box.busy, box.offering, not box.text)
        if keys != self._keys_for:
            self._keys_for = keys
            self.refresh_bindings()

    def action_back(self) -> None:
        """Close the nearest thing; from an empty prompt, where nothing is open, browse the answers."""
        if (close := self._nearest()) is not None:
            close()
        elif not self.prompt.text:
            self._browse_soon(self._browse_if_empty)
        self.renew_keys()

    def action_browse(self) -> None:
        """Read the answers with single keys, whatever is being written."""
        self._browse_soon(self._browse)

    def _browse_soon(self, browse: Callable[[], None]) -> None:
        """Behind all that was typed in the same burst: nobody types commands into a mode he has not seen."""
        self.app.call_later(self.prompt.call_later, browse)

    def _browse_if_empty(self) -> None:
        if not self.prompt.text:
            self._browse()

    def _browse(self) -> None:
        if self.transcript.display:
            self.browse(self.transcript)
            self.renew_keys()

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
        selected = self.prompt.selected_text or self.get_selected_text()
        now = self.now_ms()
        if selected:
            self.stage.copy(selected, "the selection")
            self.clear_selection()
            self.prompt.move_cursor(self.prompt.cursor_location)
        elif self.queue_editor.edit is not None:
            self._cancel_edit()
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
            self.browse(self.pane.chips)
        else:
            self.stage.say("No attachments yet. Type @ to add a file, or /file PATH.")

    def action_suspend(self) -> None:
        """Back to the shell. Without one that minds its jobs nobody could continue us."""
        if not self.app.is_headless and os.getpgrp() != os.getsid(0):
            self.app.action_suspend_process()
        else:
            self.stage.say("There is no shell here to go back to.")

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
