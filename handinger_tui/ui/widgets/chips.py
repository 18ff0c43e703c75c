"""Chips: the files that go with the next message and the big texts folded in it, above the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.content import Content
from textual.events import Click, Resize
from textual.message import Message
from textual.widgets import Static

from handinger_tui.core.errors import AttachmentProblem, NoSuchFile
from handinger_tui.core.formatting import plural, size
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.core.turns.turn import Attachment
from handinger_tui.ui.keys import Where, bindings

ROWS: Final = 3
"""More rows of chips would push the answer out of sight."""
NAME_CELLS: Final = 40
CROSS: Final = " ✕"


class Kind(Enum):
    """What a chip stands for, and so what its key is."""

    FILE = auto()
    """A file, by its path."""
    NAMED = auto()
    """A file, by its name in the text."""
    TEXT = auto()
    """A folded text, by its number."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing that goes along. `wrong`: it cannot be sent as it is."""

    kind: Kind
    key: str
    name: str
    facts: str
    wrong: bool = False


def file_chip(kind: Kind, key: str, file: Attachment) -> Chip:
    """Name, size and type."""
    return Chip(kind, key, file.name, f"{size(file.size)} {kind_word(file)}")


def wrong_chip(kind: Kind, key: str, name: str, problem: AttachmentProblem) -> Chip:
    """Why in a few words; all of it is said when one tries to send."""
    return Chip(
        kind, key, name, "not there" if isinstance(problem, NoSuchFile) else "cannot be sent", wrong=True
    )


def text_chip(number: int, text: str) -> Chip:
    """A pasted text: "3,412 characters, 40 lines"."""
    lines = text.count("\n") + 1
    facts = f"{len(text):,} characters" + (f", {plural(lines, 'line')}" if lines > 1 else "")
    return Chip(Kind.TEXT, str(number), f"pasted text {number}", facts)


_WORDS: Final = {
    "application/octet-stream": "binary",
    "text/plain": "text",
    "text/markdown": "Markdown",
    "text/tab-separated-values": "TSV",
    "application/x-ndjson": "JSON lines",
}


def kind_word(file: Attachment) -> str:
    """A media type in a word: "CSV"; for long ones the ending of the name says it."""
    told = _WORDS.get(file.media_type)
    if told is not None:
        return told
    kind = clean_line(file.media_type, 100).rpartition("/")[2].removeprefix("x-").partition("+")[0]
    ending = clean_line(file.name.rpartition(".")[2], 20)
    if len(kind) <= 8 and "." not in kind:
        return kind.upper() if len(kind) <= 4 else kind
    return ending.upper() if "." in file.name and 0 < len(ending) <= 5 else "other"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chip stands: its row and cells, the cross included."""

    at: int
    row: int
    left: int
    right: int


def places(widths: Sequence[int], room: int) -> list[Place]:
    """Chips of these widths side by side in rows of `room` cells, one cell between them."""
    found, row, left = [], 0, 0
    for at, wanted in enumerate(widths):
        width = min(wanted, room)
        if left and left + width > room:
            row, left = row + 1, 0
        found.append(Place(at, row, left, left + width))
        left += width + 1
    return found


class Chips(Static):
    """Shows them; what becomes of one is the screen's business. Reached by key only when asked for."""

    can_focus = True
    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.CHIPS)

    class Removed(Message):
        """Take it away."""

        def __init__(self, chip: Chip) -> None:
            super().__init__()
            self.chip = chip

    class Unfolded(Message):
        """Put its text into the prompt."""

        def __init__(self, chip: Chip) -> None:
            super().__init__()
            self.chip = chip

    class Emptied(Message):
        """The last one went while the keys came here."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.display = False
        self._chips: Sequence[Chip] = ()
        self._at = 0
        self._first = 0
        self._places: list[Place] = []

    def show(self, chips: Sequence[Chip]) -> None:
        """These, in this order; none hides the line."""
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
        """What stands there."""
        return self._chips

    def on_resize(self, _event: Resize) -> None:
        """Rows are for the width."""
        self._draw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """One comes to the newest; without the focus none is marked."""
        super().watch_has_focus(has_focus)
        self._at = max(0, len(self._chips) - 1)
        self._draw()

    def check_action(
        self,
        action: str,
        parameters: tuple[object, ...],  # noqa: ARG002 - Textual's shape
    ) -> bool | None:
        """A file has nothing to unfold."""
        return action != "unfold" or (bool(self._chips) and self._chips[self._at].kind is Kind.TEXT)

    def _draw(self) -> None:
        room = self.content_size.width or 76
        drawn = [
            _drawn(chip, room, marked=self.has_focus and at == self._at)
            for at, chip in enumerate(self._chips)
        ]
        self._places = places([one.cell_length for one in drawn], room)
        last = self._places[-1].row if self._places else 0
        marked = self._places[self._at].row if self._places else 0
        first = max(0, min(last - ROWS + 1, marked if self.has_focus else 0))
        rows = [
            Content(" ").join(drawn[place.at] for place in self._places if place.row == row)
            for row in range(first, min(last + 1, first + ROWS))
        ]
        beyond = sum(not first <= place.row < first + ROWS for place in self._places)
        if beyond:
            rows[-1] = rows[-1].truncate(max(0, room - 10), ellipsis=True)
            rows[-1] = Content.assemble(rows[-1], (f"  {beyond} more", "$text-muted"))
        self._first = first
        self.update(Content("\n").join(rows))

    # -- keys and mouse --------------------------------------------------------------------
    def action_move(self, by: int) -> None:
        """Mark another one."""
        if self._chips:
            self._at = (self._at + by) % len(self._chips)
            self.refresh_bindings()
            self._draw()

    def action_remove(self) -> None:
        """Take the marked one away."""
        if self._chips:
            self.post_message(self.Removed(self._chips[self._at]))

    def action_unfold(self) -> None:
        """Put the text of the marked one into the prompt."""
        if self._chips and self._chips[self._at].kind is Kind.TEXT:
            self.post_message(self.Unfolded(self._chips[self._at]))

    def on_click(self, event: Click) -> None:
        """The cross removes; a folded text unfolds by a click on its name."""
        event.stop()
        at = event.get_content_offset(self)
        if at is None:
            return
        for place in self._places:
            if place.row - self._first == at.y and place.left <= at.x < place.right:
                chip = self._chips[place.at]
                if at.x >= place.right - 3:
                    self.post_message(self.Removed(chip))
                elif chip.kind is Kind.TEXT:
                    self.post_message(self.Unfolded(chip))


def _drawn(chip: Chip, room: int, *, marked: bool) -> Content:
    back = "$primary" if marked else "$panel"
    name = "$background" if marked else "$foreground"
    facts = "$background" if marked else ("$error" if chip.wrong else "$text-muted")
    body = Content.assemble(
        (f"{'›' if marked else ' '}{clean_line(chip.name, NAME_CELLS)} ", f"{name} on {back}"),
        (f" {clean_line(chip.facts)}", f"{facts} on {back}"),
    ).truncate(max(4, room - 3), ellipsis=True)
    return Content.assemble(body, (f"{CROSS} ", f"{name} on {back}"))
