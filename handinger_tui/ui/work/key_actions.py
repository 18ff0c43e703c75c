"""What the keys of the work screen do, beyond running slash commands. The key table names these actions."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from textual.screen import Screen
from textual.scroll_view import ScrollView

from handinger_tui.core.safety import rows_to_csv
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.commands.view import leave
from handinger_tui.ui.front import OPENING_SESSION
from handinger_tui.ui.keys import KEYS, Where
from handinger_tui.ui.transcript.blocks import tables_in
from handinger_tui.ui.work.pane import ACKNOWLEDGED_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from handinger_tui.ui.commands.command import CommandContext
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.work.browsing import Browsing
    from handinger_tui.ui.work.composer import Composer
    from handinger_tui.ui.work.pane import SessionPane
    from handinger_tui.ui.work.source_navigation import SourceNavigation

LEAVE_WITHIN_MS: Final = round(ACKNOWLEDGED_S * 1000)
"""A second Ctrl+C within this time leaves the program: as long as the hint that names it is shown."""
WHILE_BROWSING: Final = frozenset(key.action for key in KEYS if key.where is Where.TRANSCRIPT)
"""Actions of single-letter keys; they work only while the transcript is browsed."""


class Parts(Struct, frozen=True):
    """The parts of the work screen that its keys act on."""

    interaction: Interaction
    pane: SessionPane
    composer: Composer
    browsing: Browsing
    sources: SourceNavigation


class KeyActions:
    """The actions of the key table by name."""

    def __init__(self, context: CommandContext, parts: Parts, screen: Screen[None]) -> None:
        self._context = context
        self._parts = parts
        self._screen = screen
        self._ctrl_c_ms: int | None = None
        self._copied_table = "", 0
        """The text with the table that was copied last, and the number of the table in it, from 1."""
        prompt, transcript, sources = parts.pane.prompt, parts.pane.transcript, parts.sources
        self._actions: dict[str, Callable[[], object]] = {
            "back": self._back_soon,
            "browse": parts.browsing.browse_soon,
            # Behind the letters that the prompt has not processed yet.
            "clear": partial(prompt.call_later, self._clear),
            "leave_if_empty": partial(prompt.call_later, self._leave_if_empty),
            "chips": self._browse_chips,
            "panel_after": partial(self._show_neighbor_panel, 1),
            "panel_before": partial(self._show_neighbor_panel, -1),
            "before": partial(self._switch_session, -1),
            "after": partial(self._switch_session, 1),
            "suspend": self._suspend,
            "pause": partial(prompt.call_later, self._pause),
            "skip": self._skip,
            "page_up": lambda: self._in_front().scroll_page_up(animate=False),
            "page_down": lambda: self._in_front().scroll_page_down(animate=False),
            "home": lambda: self._in_front().scroll_home(animate=False),
            "end": lambda: self._in_front().action_scroll_end(),
            "next": partial(transcript.move_cursor, 1),
            "previous": partial(transcript.move_cursor, -1),
            "match": partial(transcript.search.step, 1),
            "match_up": partial(transcript.search.step, -1),
            "copy": self._copy_at_cursor,
            "table": lambda: parts.interaction.run(self._copy_table()),
            "mention": partial(sources.go_to_mention, 1),
            "mention_up": partial(sources.go_to_mention, -1),
            "source": sources.show_source,
            "unfold": transcript.unfold_at_cursor,
            "actions": self._choose_action,
        }

    def run(self, name: str) -> None:
        """Run the action that a key of the screen names."""
        self._actions[name]()

    def has_meaning(self, name: object) -> bool:
        """Whether a letter that browses has a meaning now; without one it is typed into the prompt."""
        transcript = self._parts.pane.transcript
        if name in ("match", "match_up"):
            return transcript.search.active
        return name != "unfold" or transcript.can_unfold

    def _in_front(self) -> ScrollView:
        """The transcript, or the panel that a narrow screen shows in its place."""
        return self._parts.pane.sidebar.in_front or self._parts.pane.transcript

    def _back_soon(self) -> None:
        """Close the topmost open thing, behind the letters that the prompt has not processed yet."""
        prompt = self._parts.pane.prompt
        if prompt.has_focus:
            prompt.call_later(self._back)
        else:
            self._back()

    def _back(self) -> None:
        """Close the topmost open thing."""
        if self._parts.browsing.close_topmost():
            self._context.view.repaint()

    def _clear(self) -> None:
        """Ctrl+C: copy the selection, else cancel an edit, clear the prompt or the attachments.

        With nothing to clear, the second press within `LEAVE_WITHIN_MS` leaves.
        """
        parts, interaction, prompt = self._parts, self._parts.interaction, self._parts.pane.prompt
        if parts.browsing.is_finding:
            self._back()
            return
        selected = prompt.selected_text or self._screen.get_selected_text()
        if selected:
            interaction.copy(selected, "the selection")
            self._screen.clear_selection()
            prompt.move_cursor(prompt.cursor_location)
        elif parts.composer.queue_edit is not None:
            parts.composer.cancel_queue_edit()
            self._context.view.repaint()
        elif prompt.text:
            prompt.message_history.add(prompt.text)
            prompt.put("")
            interaction.say("Cleared. Press ↑ to bring it back.")
        elif parts.composer.attachments.chosen:
            parts.composer.attachments.clear()
            interaction.say("All attachments removed.")
        elif self.is_second_press():
            interaction.run(leave(self._context))

    def is_second_press(self) -> bool:
        """Whether Ctrl+C was pressed before within `LEAVE_WITHIN_MS`; the first press says what it does."""
        before, now_ms = self._ctrl_c_ms, self._context.now_ms()
        if before is not None and 0 <= now_ms - before <= LEAVE_WITHIN_MS:
            return True
        self._ctrl_c_ms = now_ms
        self._parts.interaction.say("Press ^C again to quit.")
        return False

    def _leave_if_empty(self) -> None:
        """Ctrl+D: leave from an empty prompt; else delete the character to the right, as shells do."""
        if self._parts.browsing.is_finding:
            return
        if self._parts.pane.prompt.text:
            self._parts.pane.prompt.action_delete_right()
        else:
            self._parts.interaction.run(leave(self._context))

    def _browse_chips(self) -> None:
        """Focus the attachments, else the queue."""
        chips, queue = self._parts.pane.chips, self._parts.pane.queue
        if chips.display:
            self._parts.browsing.browse(chips)
        elif queue.display:
            queue.mark_newest()
            self._parts.browsing.browse(queue)
        else:
            self._parts.interaction.say("No attachments yet. Type @ to add a file, or /file PATH.")

    def _show_neighbor_panel(self, by: int) -> None:
        """Go from the focused panel to the one after or before it."""
        self._parts.browsing.show_panel(self._parts.pane.sidebar.neighbor(by))

    def _switch_session(self, by: int) -> None:
        """Show the open session before or after the present one, in the order in which they were opened."""
        controller, interaction = self._context.controller, self._parts.interaction
        ids = controller.open_ids
        if len(ids) < 2:
            interaction.say("No other session is open. ^S lists all sessions.")
            return
        session_id = ids[(ids.index(controller.session_id) + by) % len(ids)]
        interaction.open(self._context.switcher.open(session_id), OPENING_SESSION)

    def _suspend(self) -> None:
        """Suspend to the shell.

        Refused without a shell with job control, because nothing could resume the program.
        """
        app = self._parts.interaction.app
        if not app.is_headless and os.getpgrp() != os.getsid(0):
            app.action_suspend_process()
        else:
            self._parts.interaction.say("No shell to return to.")

    def _pause(self) -> None:
        """Pause a replay, or go on; behind letters of the same burst it is a space."""
        prompt = self._parts.pane.prompt
        if prompt.text:
            prompt.replace(" ", *prompt.selection)
        elif (replay := self._context.controller.connection.replay) is not None:
            replay.toggle()

    def _skip(self) -> None:
        """Skip to the end of the turn that is replayed."""
        self._context.controller.shown.detach()

    async def _copy_table(self) -> None:
        """Copy as CSV the next table of the message at the cursor, else of the newest answer, in a cycle."""
        text = self._parts.pane.transcript.copy_current()
        tables = await run_in_thread(partial(tables_in, text))
        if not tables:
            self._parts.interaction.say("No table here.")
            return
        before, number = self._copied_table
        number = number % len(tables) + 1 if before == text else 1
        self._copied_table = text, number
        head, *rows = tables[number - 1]
        what = "the table" if len(tables) == 1 else f"table {number} of {len(tables)}"
        # What is copied has line feeds alone: pasted into a shell, a carriage return is Enter.
        self._parts.interaction.copy(rows_to_csv(head, rows).replace("\r\n", "\n"), f"{what} as CSV")

    def _copy_at_cursor(self) -> None:
        from handinger_tui.ui.commands.message_actions import copy_at_cursor  # not before the first frame

        copy_at_cursor(self._context)

    def _choose_action(self) -> None:
        """Ask what to do with the message at the cursor; where it is none that was sent, say so."""
        from handinger_tui.ui.commands.message_actions import act_on, turn_at_cursor  # as above

        if (turn := turn_at_cursor(self._context)) is not None:
            self._parts.interaction.open(act_on(self._context, turn), "reading the message")
        else:
            self._parts.interaction.say("Nothing to do here: this message was not sent.", "warning")
