"""The strips above the prompt: the queue, and chips for attached files and folded pasted texts."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from msgspec import Struct
from textual.content import Content
from textual.events import Click, Key, Resize
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from handinger_tui.core.errors import AttachmentProblem, NoSuchFile
from handinger_tui.core.formatting import plural, size
from handinger_tui.core.prompts import chip_name
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turns.turn import Attachment, Turn
from handinger_tui.ui.keys import Where, bindings


def max_rows(widget: Widget) -> int:
    """Most rows of a list above the prompt, as the style sheet has them: fewer on a low screen."""
    height = widget.styles.max_height
    return 1 if height is None else max(1, int(height.value))


def limit_rows(widget: Widget, rows: int | None) -> None:
    """Give a widget at most `rows` rows; None restores the number of the style sheet."""
    set_before = widget.styles.inline.max_height
    if (None if set_before is None else int(set_before.value)) != rows:
        widget.styles.max_height = rows
        widget.notify_style_update()


# -- the queue -----------------------------------------------------------------------------------
NAME_CELLS: Final = 40
"""Most cells of the name of a file."""
LETTERS: Final = frozenset({"x", "s"})
"""Letters that are keys of the strip; others are typed into the prompt."""


class QueueStrip(Static):
    """One row per queued message. Actions are messages to the screen."""

    can_focus = True
    BINDINGS = bindings(Where.QUEUE)

    class QueueRequest(Message):
        """A request to the screen about the queue."""

    class _TurnRequest(QueueRequest):
        def __init__(self, turn: Turn) -> None:
            super().__init__()
            self.turn = turn

    class Edited(_TurnRequest):
        """Edit this message in the prompt."""

    class Withdrawn(_TurnRequest):
        """Remove this message from the queue."""

    class SentNow(_TurnRequest):
        """Send this message before the others."""

    class Reordered(_TurnRequest):
        """Move this message by `by` positions, from where it is when the request is handled."""

        def __init__(self, turn: Turn, by: int) -> None:
            super().__init__(turn)
            self.by = by

    class MessageClicked(QueueRequest):
        """A message was clicked: keys go to the queue now."""

    class Exited(QueueRequest):
        """Return to the prompt; `typed` is a letter that was typed here and belongs there."""

        def __init__(self, typed: str = "") -> None:
            super().__init__()
            self.typed = typed

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False
        self.queue: Sequence[Turn] = ()
        """The queued turns, the next one first."""
        self.editing: str | None = None
        """The id of the turn whose message is in the prompt."""
        self._marked: str | None = None
        self._clicked = False
        """Whether the mouse set the focus: then letters are text for the prompt, not keys of the strip."""
        self._first = 0
        self._drawn_key: tuple[object, ...] = ()

    def show(self, queue: Sequence[Turn], editing: str | None = None) -> None:
        """Show the queue, the next one first; an empty queue hides the strip."""
        before, self.queue, self.editing = self._marked_at, queue, editing
        if all(turn.turn_id != self._marked for turn in queue):
            # The marked message was sent or dropped: its neighbor gets the mark.
            self._marked = queue[min(before, len(queue) - 1)].turn_id if queue else None
        if not queue and self.has_focus:
            self.post_message(self.Exited())
        self.display = bool(queue)
        self._draw()

    def mark_newest(self) -> None:
        """Mark the newest message, before the strip gets the focus."""
        if self.queue:
            self._marked, self._clicked = self.queue[-1].turn_id, False

    @property
    def _marked_at(self) -> int:
        """The position of the marked message; 0 when none is marked."""
        return self._position_of(self._marked)

    def _position_of(self, turn_id: str | None) -> int:
        return next((at for at, turn in enumerate(self.queue) if turn.turn_id == turn_id), 0)

    # -- painting --------------------------------------------------------------------------
    def watch_has_focus(self, has_focus: bool) -> None:
        """Show the mark only with the focus."""
        super().watch_has_focus(has_focus)
        self._clicked = self._clicked and has_focus
        self._draw()

    def on_resize(self, event: Resize) -> None:
        """Lay out for the new width."""
        self.notify_style_update()

    def notify_style_update(self) -> None:
        """Lay out for the rows that the style sheet gives."""
        super().notify_style_update()
        self._drawn_key = ()
        if self.display:
            self._draw()

    def _draw(self) -> None:
        marked = self._marked_at if self.has_focus else None
        width = self.content_size.width or self.app.size.width
        count = max_rows(self)
        key = (tuple(turn.turn_id for turn in self.queue), self.editing, marked, width, count)
        if key == self._drawn_key:
            return
        self._drawn_key = key
        at = self._position_of(self.editing) if marked is None else marked
        self._first = max(0, min(max(self._first, at - count + 1), at, len(self.queue) - count))
        rows = [
            self._draw_row(position, turn, width, marked=position == marked)
            for position, turn in list(enumerate(self.queue))[self._first : self._first + count]
        ]
        more = len(self.queue) - len(rows)
        if more:
            note = Content.styled(f"  +{more} more", "$text-muted")
            room = max(4, width - note.cell_length)
            rows[-1] = Content.assemble(rows[-1].truncate(room, ellipsis=True), note)
        self.update(Content("\n").join(row.truncate(width, ellipsis=True) for row in rows))

    def _draw_row(self, position: int, turn: Turn, width: int, *, marked: bool) -> Content:
        files = ", ".join(clean_line(file.name, NAME_CELLS) for file in turn.request.attachments)
        state = "  editing" if turn.turn_id == self.editing else ""
        number = "$background on $primary" if marked else "$background on $text-muted"
        # The budget stays in sight behind a long message.
        budget = Content.styled(f" {clean_line(turn.request.budget or '', 20)}{state}", "$text-muted")
        message = Content.assemble(
            (f" {position + 1} ", number),
            (f" {clean_line(turn.request.prompt, 200)} ", "reverse" if marked else ""),
            (f" + {files}" if files else "", "$text-muted"),
        ).truncate(max(8, width - budget.cell_length), ellipsis=True)
        return Content.assemble(message, budget)

    # -- keys and mouse --------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the actions of letters only when the focus came by a key."""
        return not (action in ("drop_by_letter", "send_now") and self._clicked)

    def on_key(self, event: Key) -> None:
        """Pass letters to the prompt."""
        if event.is_printable and event.character is not None and (event.key not in LETTERS or self._clicked):
            event.stop()
            event.prevent_default()
            self.post_message(self.Exited(event.character))

    def action_mark(self, by: int) -> None:
        """Move the mark by `by` messages; below the last one is the prompt."""
        to = self._marked_at + by
        if to >= len(self.queue):
            self.post_message(self.Exited())
        elif to >= 0:
            self._marked = self.queue[to].turn_id
            self._draw()

    def action_edit(self) -> None:
        """Edit the marked message in the prompt."""
        if self.queue:
            self.post_message(self.Edited(self.queue[self._marked_at]))

    def action_drop(self) -> None:
        """Remove the marked message from the queue."""
        if self.queue:
            turn = self.queue[self._marked_at]
            self.post_message(self.Withdrawn(turn))
            # Shown at once: the next key may come before the screen updates the queue.
            self.show([other for other in self.queue if other is not turn], self.editing)

    def action_drop_by_letter(self) -> None:
        """Remove the marked message from the queue, by a letter."""
        self.action_drop()

    def action_send_now(self) -> None:
        """Send the marked message before the others."""
        if self.queue:
            self.post_message(self.SentNow(self.queue[self._marked_at]))

    def action_move(self, by: int) -> None:
        """Move the marked message by `by` positions in the queue."""
        queue, position = list(self.queue), self._marked_at
        if queue:
            # The strip may be behind the queue: only the owner of the queue knows its ends.
            self.post_message(self.Reordered(queue[position], by))
            queue.insert(max(0, position + by), queue.pop(position))
            self.show(queue, self.editing)

    def on_click(self, event: Click) -> None:
        """Mark the clicked message."""
        event.stop()
        at = event.get_content_offset(self)
        if at is not None and self._first + at.y < len(self.queue):
            self._marked, self._clicked = self.queue[self._first + at.y].turn_id, True
            self.post_message(self.MessageClicked())
            self._draw()


# -- chips ---------------------------------------------------------------------------------------
CROSS: Final = " ✕"


class ChipKind(Enum):
    """What a chip stands for, which decides what its `key` is."""

    FILE = auto()
    """An attached file; the key is its path."""
    NAMED = auto()
    """A file mentioned in the text; the key is its name there."""
    TEXT = auto()
    """A folded text; the key is its number."""


class Chip(Struct, frozen=True):
    """One attachment or folded text. `wrong`: it cannot be sent as it is."""

    kind: ChipKind
    key: str
    name: str
    facts: str
    wrong: bool = False


def file_chip(kind: ChipKind, key: str, file: Attachment) -> Chip:
    """The chip of a file, with its name, size and type."""
    return Chip(kind, key, file.name, f"{size(file.size)} {kind_word(file)}")


def wrong_chip(kind: ChipKind, key: str, name: str, problem: AttachmentProblem) -> Chip:
    """The chip of a file that cannot be sent, with a short reason; sending shows the full one."""
    return Chip(
        kind, key, name, "not found" if isinstance(problem, NoSuchFile) else "cannot be sent", wrong=True
    )


def text_chip(number: int, text: str) -> Chip:
    """The chip of a pasted text: "3,412 characters, 40 lines"."""
    lines = text.count("\n") + 1
    facts = f"{len(text):,} characters" + (f", {plural(lines, 'line')}" if lines > 1 else "")
    return Chip(ChipKind.TEXT, str(number), chip_name(text, number), facts)


_WORDS: Final = {
    "application/octet-stream": "binary",
    "text/plain": "text",
    "text/markdown": "Markdown",
    "text/tab-separated-values": "TSV",
    "application/x-ndjson": "JSON lines",
}


def kind_word(file: Attachment) -> str:
    """A media type as one word: "CSV"; for a long one the extension of the file name."""
    word = _WORDS.get(file.media_type)
    if word is not None:
        return word
    kind = clean_line(file.media_type, 100).rpartition("/")[2].removeprefix("x-").partition("+")[0]
    extension = clean_line(file.name.rpartition(".")[2], 20)
    if len(kind) <= 8 and "." not in kind:
        return kind.upper() if len(kind) <= 4 else kind
    return extension.upper() if "." in file.name and 0 < len(extension) <= 5 else "other"


class ChipPosition(Struct, frozen=True):
    """The position of chip number `at`: its row, and its cells including the cross."""

    at: int
    row: int
    left: int
    right: int


def arrange(widths: Sequence[int], room: int) -> list[ChipPosition]:
    """Arrange chips of these widths in rows of `room` cells, with one cell between them."""
    positions, row, left = [], 0, 0
    for at, full_width in enumerate(widths):
        width = min(full_width, room)
        if left and left + width > room:
            row, left = row + 1, 0
        positions.append(ChipPosition(at, row, left, left + width))
        left += width + 1
    return positions


class Chips(Static):
    """The row of chips. Actions are messages to the screen; the focus comes here only by its own key."""

    can_focus = True
    BINDINGS = bindings(Where.CHIPS)

    class ChipsRequest(Message):
        """A request to the screen about the chips."""

    class _ChipRequest(ChipsRequest):
        def __init__(self, chip: Chip) -> None:
            super().__init__()
            self.chip = chip

    class Removed(_ChipRequest):
        """Remove this chip and what it stands for."""

    class Unfolded(_ChipRequest):
        """Put the text of this chip into the prompt."""

    class Emptied(ChipsRequest):
        """The last chip was removed while the chips had the focus."""

    class Toggled(Message):
        """There are chips now, or none any more: Enter may do something else."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False
        self.chips: Sequence[Chip] = ()
        self._at = 0
        self._first = 0
        self._positions: list[ChipPosition] = []

    def show(self, chips: Sequence[Chip]) -> None:
        """Show these chips in this order; an empty sequence hides the widget."""
        if list(chips) == list(self.chips):
            return
        self.chips = list(chips)
        self._at = min(self._at, max(0, len(self.chips) - 1))
        if not chips and self.has_focus:
            self.post_message(self.Emptied())
        if self.display != bool(chips):
            self.post_message(self.Toggled())
        self.display = bool(chips)
        self._draw()

    @property
    def row_count(self) -> int:
        return self._positions[-1].row + 1 if self._positions else 0

    def on_resize(self, _event: Resize) -> None:
        """Arrange the chips for the new width."""
        self._draw()

    def notify_style_update(self) -> None:
        """Arrange the chips for the rows that the style sheet gives."""
        super().notify_style_update()
        if self.display:
            self._draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Mark the newest chip on focus; without focus no chip is marked."""
        super().watch_has_focus(has_focus)
        self._at = max(0, len(self.chips) - 1)
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer "unfold" only for a folded text."""
        return action != "unfold" or (bool(self.chips) and self.chips[self._at].kind is ChipKind.TEXT)

    def _draw(self) -> None:
        room = self.content_size.width or 76
        marked = self._at if self.has_focus else None
        drawn = [_draw_chip(chip, room, marked=at == marked) for at, chip in enumerate(self.chips)]
        self._positions = arrange([one.cell_length for one in drawn], room)
        last = self._positions[-1].row if self._positions else 0
        marked_row = self._positions[self._at].row if self._positions else 0
        count = max_rows(self)
        first = max(0, min(last - count + 1, marked_row if self.has_focus else 0))
        rows = [
            Content(" ").join(drawn[position.at] for position in self._positions if position.row == row)
            for row in range(first, min(last + 1, first + count))
        ]
        hidden = sum(not first <= position.row < first + count for position in self._positions)
        if hidden:
            rows[-1] = rows[-1].truncate(max(0, room - 10), ellipsis=True)
            rows[-1] = Content.assemble(rows[-1], (f"  {hidden} more", "$text-muted"))
        self._first = first
        self.update(Content("\n").join(rows))

    # -- keys and mouse --------------------------------------------------------------------
    def action_move(self, by: int) -> None:
        """Move the mark by `by` chips, in a cycle."""
        if self.chips:
            self._at = (self._at + by) % len(self.chips)
            self.refresh_bindings()
            self._draw()

    def action_remove(self) -> None:
        """Remove the marked chip."""
        if self.chips:
            self.post_message(self.Removed(self.chips[self._at]))

    def action_unfold(self) -> None:
        """Put the text of the marked chip into the prompt."""
        if self.check_action("unfold", ()):
            self.post_message(self.Unfolded(self.chips[self._at]))

    def on_click(self, event: Click) -> None:
        """Remove a chip by a click on its cross; unfold a text by a click on its name."""
        event.stop()
        at = event.get_content_offset(self)
        if at is None:
            return
        for position in self._positions:
            if position.row - self._first == at.y and position.left <= at.x < position.right:
                chip = self.chips[position.at]
                if at.x >= position.right - 3:
                    self.post_message(self.Removed(chip))
                elif chip.kind is ChipKind.TEXT:
                    self.post_message(self.Unfolded(chip))


def _draw_chip(chip: Chip, room: int, *, marked: bool) -> Content:
    back = "$primary" if marked else "$panel"
    name = "$background" if marked else "$foreground"
    facts = "$background" if marked else ("$error" if chip.wrong else "$text-muted")
    body = Content.assemble(
        (f"{'›' if marked else ' '}{clean_line(chip.name, NAME_CELLS)} ", f"{name} on {back}"),
        (f" {clean_line(chip.facts)}", f"{facts} on {back}"),
    ).truncate(max(4, room - 3), ellipsis=True)
    return Content.assemble(body, (f"{CROSS} ", f"{name} on {back}"))
