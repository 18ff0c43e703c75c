"""The runs board: what needs the person, what runs, what ended, what comes next, and what each costs.

It shows what the history has. Its keys look, mark and open; none of them sends a message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from textual import on
from textual.content import Content

from handinger_tui.core.columns import Row, Tone
from handinger_tui.core.runs import (
    COLUMNS,
    NO_STOP,
    Board,
    Entry,
    PlannedRun,
    SessionRun,
    board_row,
    entry_lines,
    in_place,
)
from handinger_tui.ui.front import OPENING_SESSION
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages.list_page import ListPage
from handinger_tui.ui.widgets.column_list import BESIDE, ColumnList

if TYPE_CHECKING:
    from handinger_tui.ui.front import Front

EMPTY: Final = "Nothing runs, and nothing needs you. Press f to show quiet sessions, a to add a run by id."
NO_TURNS: Final = "It has no turns yet. Nothing was added."
FOOT_ROWS: Final = 22
"""On a lower screen, only the first line about the selected row stands below the list."""
LOW: Final = 16
"""On a lower screen, the amounts have no line of their own."""
NO_SESSION: Final = "No session of its worker is on this computer."
EntryAct = Callable[[Any], Awaitable[str | None]]
"""Does something with the entry of a row; returns the result as a sentence.

That of `add` gets what was typed, and returns the id of its session, None where it has no turns.
"""
Show = Callable[[str], Coroutine[Any, Any, object]]


class RunsPage(ListPage[Entry]):
    """The board. A row stays where it is until the person sorts, whatever becomes of its run."""

    BINDINGS = bindings(Where.RUNS, Where.LIST, Where.SCREEN)
    NAME = "runs"
    COLUMNS = COLUMNS
    SORTS = False
    LOOKS = True
    NEEDS_ITEM = frozenset({"show"})
    empty = EMPTY

    def __init__(
        self,
        board: Callable[[bool, Collection[str]], Awaitable[Board]],
        acts: Mapping[str, EntryAct],
        shows: Mapping[str, Show],
        interaction: Front,
        now_ms: Callable[[], int],
        sees: Callable[[str, frozenset[str]], None] = lambda _selected, _visible: None,
    ) -> None:
        """`acts` and `shows`: what the keys `act(NAME)` and `show(NAME)` do, by NAME.

        `board` reads the board, True: with quiet sessions; and those with these ids. `sees` gets the sessions
        of the selected row and of all that are in sight.
        """
        super().__init__(interaction, "known on this computer")
        self._read_board, self._acts, self._shows, self._now_ms = board, acts, shows, now_ms
        self._sees = sees
        self._board = Board()
        self._with_quiet = False
        self._order: Sequence[str] = ()
        self._is_sorted = True

    def on_resize(self) -> None:
        """The counts fit the width, and the facts the height. Textual calls that of `Page`, too."""
        self.call_after_refresh(self.draw_title)
        self.call_after_refresh(self.draw_foot)

    async def read(self) -> Sequence[Entry]:
        """Read the board; rows that are shown already keep their places."""
        items, at = self.table.rows.items, self.table.current
        seen = frozenset(items[one].session_id for one in self.table.in_sight)
        self._sees("" if at is None else at.session_id, seen)
        self._board = await self._read_board(self._with_quiet, self._order)
        ordered = self._board.entries(self._now_ms())
        entries = in_place(self._order, ordered)
        self._is_sorted = entries == ordered
        self._order = [entry.key for entry in entries]
        return entries

    def row(self, item: Entry) -> Row:
        return board_row(item, self._now_ms())

    def key(self, item: Entry) -> str:
        return item.key

    def copied(self, item: Entry) -> tuple[str, str]:
        return item.worker_id or "", "the id of the worker"

    def head(self) -> Iterable[str]:
        """The counts, and what is reached for all of them."""
        now_ms = self._now_ms()
        sort = "" if self._is_sorted else " · s sorts"
        first, *others = self._board.head_lines(now_ms, self.table.size.width - BESIDE - len(sort))
        yield first + sort
        if self.size.height >= LOW:
            yield from others
        yield from (f"! {need.text} {need.act}" for need in self._board.needs_without_row(now_ms))

    def foot(self, item: Entry) -> Iterable[Content]:
        """What the selected row needs, and all facts about it."""
        for line in entry_lines(item, self._now_ms())[: 1 if self.size.height < FOOT_ROWS else None]:
            yield Content.styled(line, Tone.BAD if line.startswith("!") else Tone.FAINT)

    # -- keys ----------------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a schedule is changed."""
        if action == "act":
            return isinstance(self.table.current, PlannedRun if parameters == ("change",) else SessionRun)
        return super().check_action(action, parameters)

    def action_act(self, name: str) -> None:
        """Do something with the selected entry, and stay here."""
        self.change(self._acts[name](self.table.current))

    def action_show(self, name: str) -> None:
        """Close, and show the session. Nothing is sent."""
        entry = self.table.current
        if entry is None or not entry.session_id:
            self.note(NO_SESSION)
        else:
            self.dismiss()
            self._interaction.open(self._shows[name](entry.session_id), OPENING_SESSION)

    def action_add(self) -> None:
        """Add a run by id or address."""
        self.change(self._add())

    async def _add(self) -> str | None:
        text = await self._interaction.ask_text("Add a run", "", "id or dashboard address")
        if not text:
            return None
        session_id = await self._acts["add"](text)
        if session_id is None:
            return NO_TURNS
        # It may be quiet.
        self._order = [*self._order, session_id]
        self.chosen = session_id
        return "Added. Nothing was sent."

    @on(ColumnList.Clicked)
    def _open_clicked(self, event: ColumnList.Clicked) -> None:
        if event.twice:
            self.action_show("open")

    def action_stop(self) -> None:
        self.note(NO_STOP)

    def action_arrange(self) -> None:
        self._order = ()
        self.action_reload()

    def action_quiet(self) -> None:
        self._with_quiet = not self._with_quiet
        self.action_arrange()
