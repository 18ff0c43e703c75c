"""The chips above the prompt: files attached to the next message, and long pasted texts folded in it."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import Struct
from textual.binding import BindingType
from textual.content import Content
from textual.events import Click, Resize
from textual.message import Message
from textual.widgets import Static

from handinger_tui.core.errors import AttachmentProblem, NoSuchFile
from handinger_tui.core.formatting import plural, size
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.keys import Where, bindings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.core.turns.turn import Attachment

ROWS: Final = 3
"""Most rows of chips; more would take the room of the answer."""
NAME_CELLS: Final = 40
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
    return Chip(ChipKind.TEXT, str(number), f"pasted text {number}", facts)


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
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.CHIPS)

    class ChipsRequest(Message):
        """What the person wants of the chips."""

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

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False
        self._chips: Sequence[Chip] = ()
        self._at = 0
        self._first = 0
        self._positions: list[ChipPosition] = []

    def show(self, chips: Sequence[Chip]) -> None:
        """Show these chips in this order; an empty sequence hides the widget."""
        if list(chips) == list(self._chips):
            return
        self._chips = list(chips)
        self._at = min(self._at, max(0, len(self._chips) - 1))
        if not chips and self.has_focus:
            self.post_message(self.Emptied())
        self.display = bool(chips)
        self._draw()

    @property
    def shown(self) -> Sequence[Chip]:
        """The chips shown."""
        return self._chips

    def on_resize(self, _event: Resize) -> None:
        """Arrange the chips for the new width."""
        self._draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Mark the newest chip on focus; without focus no chip is marked."""
        super().watch_has_focus(has_focus)
        self._at = max(0, len(self._chips) - 1)
        self._draw()

    def check_action(
        self,
        action: str,
        parameters: tuple[object, ...],
    ) -> bool | None:
        """Offer "unfold" only for a folded text."""
        return action != "unfold" or (bool(self._chips) and self._chips[self._at].kind is ChipKind.TEXT)

    def _draw(self) -> None:
        room = self.content_size.width or 76
        drawn = [
            _draw_chip(chip, room, marked=self.has_focus and at == self._at)
            for at, chip in enumerate(self._chips)
        ]
        self._positions = arrange([one.cell_length for one in drawn], room)
        last = self._positions[-1].row if self._positions else 0
        marked_row = self._positions[self._at].row if self._positions else 0
        first = max(0, min(last - ROWS + 1, marked_row if self.has_focus else 0))
        rows = [
            Content(" ").join(drawn[position.at] for position in self._positions if position.row == row)
            for row in range(first, min(last + 1, first + ROWS))
        ]
        hidden = sum(not first <= position.row < first + ROWS for position in self._positions)
        if hidden:
            rows[-1] = rows[-1].truncate(max(0, room - 10), ellipsis=True)
            rows[-1] = Content.assemble(rows[-1], (f"  {hidden} more", "$text-muted"))
        self._first = first
        self.update(Content("\n").join(rows))

    # -- keys and mouse --------------------------------------------------------------------
    def action_move(self, by: int) -> None:
        """Move the mark by `by` chips, in a cycle."""
        if self._chips:
            self._at = (self._at + by) % len(self._chips)
            self.refresh_bindings()
            self._draw()

    def action_remove(self) -> None:
        """Remove the marked chip."""
        if self._chips:
            self.post_message(self.Removed(self._chips[self._at]))

    def action_unfold(self) -> None:
        """Put the text of the marked chip into the prompt."""
        if self._chips and self._chips[self._at].kind is ChipKind.TEXT:
            self.post_message(self.Unfolded(self._chips[self._at]))

    def on_click(self, event: Click) -> None:
        """Remove a chip by a click on its cross; unfold a text by a click on its name."""
        event.stop()
        at = event.get_content_offset(self)
        if at is None:
            return
        for position in self._positions:
            if position.row - self._first == at.y and position.left <= at.x < position.right:
                chip = self._chips[position.at]
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
