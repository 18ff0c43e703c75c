"""Queue strip: the messages that wait to be sent, numbered, between the answer and the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.content import Content
from textual.events import Click, Key, Resize
from textual.message import Message
from textual.widgets import Static

from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import Turn
from handinger_tui.ui.keys import Where, bindings

ROWS: Final = 3
"""More rows would push the answer out of sight."""
FILE_CELLS: Final = 40


class QueueStrip(Static):
    """One chip per message; what becomes of one is the screen's business."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.QUEUE)

    class Edited(Message):
        """Take this message into the prompt."""

        def __init__(self, turn: Turn) -> None:
            super().__init__()
            self.turn = turn

    class Dropped(Message):
        """Take this message out of the queue."""

        def __init__(self, turn: Turn) -> None:
            super().__init__()
            self.turn = turn

    class Moved(Message):
        """Move this message to another place, 0 being the next to be sent."""

        def __init__(self, turn: Turn, to: int) -> None:
            super().__init__()
            self.turn = turn
            self.to = to

    class Clicked(Message):
        """A message was chosen with the mouse: keys are for the queue now."""

    class Left(Message):
        """Back to the prompt, with a letter that was typed here where there is one."""

        def __init__(self, typed: str = "") -> None:
            super().__init__()
            self.typed = typed

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.display = False
        self.queue: Sequence[Turn] = ()
        """What is shown, the next one first."""
        self.editing: str | None = None
        """The turn whose message stands in the prompt."""
        self._marked: str | None = None
        self._clicked = False
        """The mouse brought the focus here: then letters are text, not keys of ours."""
        self._first = 0
        self._shown: tuple[object, ...] = ()

    def show(self, queue: Sequence[Turn], editing: str | None = None) -> None:
        """The queue, the next one first; none hides the strip."""
        before, self.queue, self.editing = self._place, queue, editing
        if all(turn.turn_id != self._marked for turn in queue):
            # The marked one was sent or dropped: its neighbor takes the mark.
            self._marked = queue[min(before, len(queue) - 1)].turn_id if queue else None
        if not queue and self.has_focus:
            self.post_message(self.Left())
        self.display = bool(queue)
        self._draw()

    def mark_newest(self) -> None:
        """Mark the newest message, for keys that come here next."""
        if self.queue:
            self._marked, self._clicked = self.queue[-1].turn_id, False

    @property
    def _place(self) -> int:
        ids = [turn.turn_id for turn in self.queue]
        return ids.index(self._marked) if self._marked in ids else 0

    # -- painting --------------------------------------------------------------------------
    def watch_has_focus(self, has_focus: bool) -> None:
        """The mark is shown only while the keys come here."""
        super().watch_has_focus(has_focus)
        self._clicked = self._clicked and has_focus
        self._draw()

    def on_resize(self, event: Resize) -> None:  # noqa: ARG002 - Textual's signature
        """Laid out for the width."""
        self._shown = ()
        self._draw()

    def _draw(self) -> None:
        marked = self._place if self.has_focus else None
        width = self.content_size.width or self.app.size.width
        shown = (tuple(turn.turn_id for turn in self.queue), self.editing, marked, width)
        if shown == self._shown:
            return
        self._shown = shown
        at = 0 if marked is None else marked
        self._first = max(0, min(max(self._first, at - ROWS + 1), at, len(self.queue) - ROWS))
        rows = [
            self._chip(place, turn, marked=place == marked)
            for place, turn in list(enumerate(self.queue))[self._first : self._first + ROWS]
        ]
        more = len(self.queue) - len(rows)
        if more:
            words = Content.styled(f"  +{more} more", "$text-muted")
            room = max(4, width - words.cell_length)
            rows[-1] = Content.assemble(rows[-1].truncate(room, ellipsis=True), words)
        self.update(Content("\n").join(row.truncate(width, ellipsis=True) for row in rows))

    def _chip(self, place: int, turn: Turn, *, marked: bool) -> Content:
        files = ", ".join(clean_line(file.name, FILE_CELLS) for file in turn.order.attachments)
        state = "  editing" if turn.turn_id == self.editing else ""
        number = "$background on $primary" if marked else "$background on $secondary"
        return Content.assemble(
            (f" {place + 1} ", number),
            (f" {clean_line(turn.order.prompt, 200)} ", "reverse" if marked else ""),
            (f" + {files}" if files else "", "$text-muted"),
            (state, "$warning"),
        )

    # -- keys and mouse --------------------------------------------------------------------
    def check_action(
        self,
        action: str,
        parameters: tuple[object, ...],  # noqa: ARG002 - Textual's signature
    ) -> bool | None:
        """A letter drops a message only where a key brought the focus here."""
        return not (action == "drop_by_letter" and self._clicked)

    def on_key(self, event: Key) -> None:
        """Letters belong to the prompt."""
        if event.is_printable and event.character is not None and (event.key != "x" or self._clicked):
            event.stop()
            event.prevent_default()
            self.post_message(self.Left(event.character))

    def action_mark(self, by: int) -> None:
        """Mark another one; below the last is the prompt."""
        to = self._place + by
        if to >= len(self.queue):
            self.post_message(self.Left())
        elif to >= 0:
            self._marked = self.queue[to].turn_id
            self._draw()

    def action_edit(self) -> None:
        """Take the marked one into the prompt."""
        if self.queue:
            self.post_message(self.Edited(self.queue[self._place]))

    def action_drop(self) -> None:
        """Take the marked one out of the queue."""
        if self.queue:
            turn = self.queue[self._place]
            self.post_message(self.Dropped(turn))
            # Keys come faster than the screen is painted.
            self.show([other for other in self.queue if other is not turn], self.editing)

    def action_drop_by_letter(self) -> None:
        """The same by a letter."""
        self.action_drop()

    def action_move(self, by: int) -> None:
        """Move the marked one."""
        queue, place = list(self.queue), self._place
        to = place + by
        if 0 <= to < len(queue):
            self.post_message(self.Moved(queue[place], to))
            queue.insert(to, queue.pop(place))
            self.show(queue, self.editing)

    def on_click(self, event: Click) -> None:
        """A click marks a message."""
        event.stop()
        at = event.get_content_offset(self)
        if at is not None and self._first + at.y < len(self.queue):
            self._marked, self._clicked = self.queue[self._first + at.y].turn_id, True
            self.post_message(self.Clicked())
            self._draw()
