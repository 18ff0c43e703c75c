"""Lists that are filtered while typing: stored sessions, the prompt history, and all commands."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic

from msgspec.structs import replace
from textual import on, work
from textual.app import ComposeResult
from textual.command import CommandPalette
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Click
from textual.widget import Widget
from textual.widgets import Input, Static
from textual.worker import Worker

from handinger_tui.core.columns import Column, Row
from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import local_time
from handinger_tui.core.safety import clean_line
from handinger_tui.core.search import parse_query
from handinger_tui.core.turns.session import SessionSummary
from handinger_tui.ui.dialogs import Modal, TextQuestion, yes_or_no
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.widgets import session_rows
from handinger_tui.ui.widgets.column_list import ColumnList
from handinger_tui.ui.widgets.frame import FooterLine
from handinger_tui.ui.widgets.virtual_list import ItemT, VirtualList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from handinger_tui.core.search import SearchHit
    from handinger_tui.core.turns.session import Session
    from handinger_tui.ui.ports import HistoryOfSessions
    from handinger_tui.ui.sessions.deletion import Deletions


class Picker(Modal[str], Generic[ItemT]):
    """A field above a list. Typing filters the list; the arrow keys move its cursor."""

    BINDINGS = bindings(Where.DIALOG)
    COLUMNS: ClassVar[Sequence[Column]]

    def __init__(self, title: str, placeholder: str) -> None:
        super().__init__()
        self._title, self._placeholder = title, placeholder
        self.table: ColumnList[ItemT] = ColumnList(self.COLUMNS, lambda _: ("", ""), id="rows", classes="")
        # Tab would leave letters without a field.
        self.table.can_focus = False

    def compose(self) -> ComposeResult:
        """Lay out the title, the field and the list."""
        with Vertical(id="picker", classes="page"):
            yield Static(Content.styled(self._title, "bold"), id="picker-title", classes="dialog-title")
            yield Input(placeholder=self._placeholder)
            yield from self.body()
            yield from self.foot()

    def body(self) -> Iterable[Widget]:
        """The list, and what stands beside it."""
        return (self.table,)

    @abstractmethod
    def foot(self) -> Sequence[Widget]:
        """The lines below the list."""

    @abstractmethod
    def matches(self, query: str) -> tuple[Sequence[ItemT], Sequence[Row], str]:
        """What has the text typed, in lower case: items and rows; and why there is none."""

    @abstractmethod
    def result(self, item: ItemT) -> str:
        """What a choice of an item returns."""

    @on(Input.Changed)
    def fill(self) -> None:
        """List what matches, with the cursor on the first."""
        self.table.cursor = 0
        self.table.show(*self.matches(self.query_one(Input).value.lower()))
        self.refresh_bindings()

    def action_move(self, by: int) -> None:
        """Move the cursor, from the last item to the first; the focus stays in the field."""
        self.table.move_to((self.table.cursor + by) % max(1, self.table.rows.count))

    @on(Input.Submitted)
    @on(ColumnList.Clicked)
    def action_open(self) -> None:
        """Choose the item at the cursor."""
        if self.table.current is not None:
            self.dismiss(self.result(self.table.current))

    def action_close(self) -> None:
        """Close without a choice."""
        self.dismiss(None)


RESTS: Final = 20
"""So many times as long as a read took, the list waits before the next one."""


class SessionPicker(Picker[SessionSummary]):
    """Lists sessions, newest first. The result is the id of the chosen one, None when closed."""

    BINDINGS = bindings(Where.SESSIONS)
    COLUMNS = session_rows.COLUMNS

    def __init__(
        self,
        history: HistoryOfSessions,
        now_ms: Callable[[], int],
        current: Callable[[], str],
        opened: Callable[[], Iterable[Session]],
        rename: Callable[[str, str], Awaitable[None]],
        deletions: Deletions,
    ) -> None:
        """`current` returns the id of the session on the work screen.

        `opened` returns sessions in memory, whose state is newer than that of their rows on disk. `rename`
        sets the title of a session, there and on disk; `deletions` deletes one.
        """
        super().__init__("Sessions", "Search all texts; filters tag: since: has:file")
        self._opened = opened
        self._rename_session = rename
        self._deletions = deletions
        self._history = history
        self._now_ms = now_ms
        self._current = current
        self._rows: Sequence[SessionSummary] = ()
        self._hits: Sequence[SearchHit] = ()
        self._searched = ""
        """The typed text that `_hits` and `_problem` belong to."""
        self._problem = ""
        self._order = Order.NEWEST
        self.deleted: list[SessionSummary] = []
        """What is deleted when the list closes: it can be brought back until then."""
        self._preview = Static(id="newest")
        self._is_indexing = self._is_due = False
        self._read_s = 0.0
        """How long the last read of all sessions took."""

    def body(self) -> Iterable[Widget]:
        """The list, and beside it the newest message of the highlighted session."""
        return (Horizontal(self.table, self._preview, id="picker-body"),)

    def foot(self) -> Sequence[Widget]:
        """Details of the highlighted session, and the keys."""
        return Static(id="details"), FooterLine()

    def on_mount(self) -> None:
        """Read the sessions, and index those of an earlier version for the search."""
        self.do(self._read())
        self._index()

    @work(group="index")
    async def _index(self) -> None:
        self._is_indexing = True
        # Without it a session is still found by its prompts and answers, so a failure is harmless.
        with suppress(HandingerError):
            while await self._history.index_some():
                pass
        self._is_indexing = False
        self.reload()

    @on(Input.Changed)
    @work(group="search", exclusive=True)
    async def _search(self, event: Input.Changed) -> None:
        """Search the texts of all sessions for what was typed; the list shows titles that match at once."""
        hits: Sequence[SearchHit] = ()
        typed, problem = event.value, ""
        try:
            query = parse_query(typed, local_time(self._now_ms()), typing=True)
            hits = await self._history.search(query, MAX_HITS)
        except HandingerError as error:
            problem = error.text
        self._hits, self._searched, self._problem = hits, typed.lower(), problem
        if hits or problem:
            self.fill()

    def reload(self) -> None:
        """Read the changed history again; the highlight stays on its session."""
        # Without rows the first read is under way, or there is nothing to update. Each part of the index is a
        # change, too. Of many thousand sessions a read takes seconds: it is not repeated at each change.
        if self._rows and not self._is_indexing and not self._is_due:
            self._is_due = True
            self.set_timer(max(0.01, RESTS * self._read_s), self._reread)

    def _reread(self) -> None:
        self._is_due = False
        self.do(self._read(self.table.current))

    async def _read(self, highlighted: SessionSummary | None = None) -> None:
        began_ms = self._now_ms()
        self._rows = await self._history.sessions()
        self.fill()
        self._read_s = (self._now_ms() - began_ms) / 1000
        for at, one in enumerate(self.table.rows.items):
            if highlighted is not None and one.session_id == highlighted.session_id:
                self.table.move_to(at)

    def on_resize(self) -> None:
        """Write the details for the width; a wide screen has room for the newest message."""
        self.set_class(self.app.size.width >= PREVIEW_WIDTH, "-wide")
        self._show_details()

    def result(self, item: SessionSummary) -> str:
        """The id of the session."""
        return item.session_id

    def matches(self, query: str) -> tuple[Sequence[SessionSummary], Sequence[Row], str]:
        """The sessions whose title, tags, project, worker or id have each word; then those whose texts do."""
        words = query.split()
        opened = {session.session_id: session for session in self._opened()}
        deleted = {row.session_id for row in self.deleted}
        rows = [row for row in self._rows if row.session_id not in deleted]
        archived = 0 if words else sum(ARCHIVED in row.tags for row in rows)
        matching = (row for row in rows if (_matches(row, words) if words else ARCHIVED not in row.tags))
        # Of many thousands, each letter would lay out all again.
        listed = _in_order([*islice(matching, MOST_MATCHES if words else None)], self._order)
        shown = {row.session_id for row in listed}
        is_searched = bool(words) and query == self._searched
        others = [hit for hit in self._hits if hit.summary.session_id not in shown | deleted]
        hits = others if is_searched else []
        listed += [hit.summary for hit in hits]
        more = "" if self._order is Order.NEWEST else f"   {self._order}"
        more += f"   {archived:,} archived: type “{ARCHIVED}”" if archived else ""
        if words and len(shown) == MOST_MATCHES:
            more = f"   the {MOST_MATCHES:,} newest that match"
        elif is_searched and len(self._hits) == MAX_HITS:
            more = f"   the {MAX_HITS} newest whose texts match"
        title = Content.assemble((self._title, "bold"), (more, "$text-muted"))
        self.query_one("#picker-title", Static).update(title)
        lines = session_rows.rows_of(listed, opened, self._now_ms(), self._current())
        for at, hit in enumerate(hits, len(lines) - len(hits)):
            lines[at] = _with_snippet(lines[at], hit)
        if not words and self._order is Order.NEWEST:
            days = session_rows.headings(listed, self._now_ms())
            lines = [replace(line, above=day) for line, day in zip(lines, days, strict=True)]
        none = "No matches." if self._rows else "No sessions yet. Your first message starts one."
        return listed, lines, self._problem if is_searched and self._problem else none

    @on(VirtualList.Moved)
    def _show_details(self) -> None:
        """Show the details of the session at the cursor."""
        self._show_preview()
        row, details = self.table.current, self.query_one("#details", Static)
        opened = {session.session_id: session for session in self._opened()}
        if row is None:
            details.update()
        else:
            width = details.content_size.width
            details.update(
                session_rows.session_details(row, opened.get(row.session_id), self._now_ms(), width)
            )

    @work(group="preview", exclusive=True)
    async def _show_preview(self) -> None:
        row = self.table.current
        if row is None or not self.has_class("-wide"):
            self._preview.update()
            return
        # An unreadable history is reported where it is needed.
        with suppress(HandingerError):
            preview = await self._history.preview(row.session_id)
            self._preview.update(session_rows.preview_text(preview, *self._preview.content_size))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a session there is nothing to open, rename or delete."""
        if action == "undo":
            return bool(self.deleted)
        if action in _NEED_SESSION and self.table.current is None:
            return False
        return super().check_action(action, parameters)

    def match_in(self, session_id: str) -> str:
        """The first match in the texts of a session, as it is written there; "" without one."""
        hit = next((hit for hit in self._hits if hit.summary.session_id == session_id and hit.turn_id), None)
        return "" if hit is None or not hit.snippet.marks else hit.snippet.text[slice(*hit.snippet.marks[0])]

    def action_rename(self) -> None:
        """Ask for a new title."""
        self.do(self._rename())

    async def _rename(self) -> None:
        row = self.table.current
        if row is None:
            return
        title = await self.app.push_screen_wait(TextQuestion("Rename the session", clean_line(row.title)))
        if title:
            await self._rename_session(row.session_id, title)
            await self._read()

    def action_delete(self) -> None:
        """Ask for confirmation, then delete the local copy of the session."""
        self.do(self._delete())

    async def _delete(self) -> None:
        row = self.table.current
        if row is None:
            return
        if row.session_id == self._current():
            self.say(OPEN_HERE)
            return
        consequences = await self._deletions.consequences(row.session_id)
        name = f"“{clean_line(row.title or row.session_id, 60)}”"
        if not consequences():
            self.deleted.append(row)
            self._refill()
            self.say(f"{name} is deleted when this list closes; ^_ brings it back. {KEPT}")
            return
        body = f"This deletes {name} from this computer. {KEPT}"
        question = yes_or_no(
            "Delete this session?",
            lambda: "\n\n".join(filter(None, (body, consequences()))),
            yes="Delete",
            no="Cancel",
        )
        is_agreed = await self.app.push_screen_wait(question)
        # The session may have been opened during the question, or a turn may have started.
        if row.session_id == self._current():
            self.say(OPEN_HERE)
        elif is_agreed:
            if notice := await self._deletions.delete(row.session_id):
                self.say(notice)
            await self._read()

    def action_undo(self) -> None:
        """Bring back the session that was deleted last."""
        row = self.deleted.pop()
        self._refill(row)
        self.say(f"“{clean_line(row.title or row.session_id, 60)}” is not deleted.")

    def _refill(self, highlighted: SessionSummary | None = None) -> None:
        """List what matches by now; the cursor stays in its place, or goes to a session."""
        at = self.table.cursor
        self.fill()
        ids = [row.session_id for row in self.table.rows.items]
        if highlighted is not None and highlighted.session_id in ids:
            at = ids.index(highlighted.session_id)
        self.table.move_to(at)

    def action_sort(self) -> None:
        """Go to the next order; the cursor stays on its session."""
        orders = list(Order)
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._refill(self.table.current)

    def action_pin(self) -> None:
        """Keep the session at the top, or no longer."""
        self.do(self._pin())

    async def _pin(self) -> None:
        if (row := self.table.current) is not None:
            await self._history.pin(row.session_id, None if row.pinned else self._now_ms())
            await self._read(row)

    def action_archive(self) -> None:
        """List the session only where it is searched, or again."""
        self.do(self._archive())

    async def _archive(self) -> None:
        if (row := self.table.current) is None:
            return
        is_archived = ARCHIVED in row.tags
        tags = {"remove" if is_archived else "add": [ARCHIVED]}
        await self._history.tag("session", row.session_id, **tags)
        await self._read()
        again = "It is listed again." if is_archived else f"Its tag is #{ARCHIVED}; {LISTED_AGAIN}"
        self.say(again)


class Order(StrEnum):
    """The orders of the session list, with the words that say so."""

    NEWEST = "newest first"
    COST = "by cost"
    TITLE = "by title"


def _in_order(rows: list[SessionSummary], order: Order) -> list[SessionSummary]:
    """The sessions in an order; those that come first by time have pinned ones before them."""
    if order is Order.TITLE:
        return sorted(rows, key=lambda row: row.name.casefold())
    if order is Order.COST:
        return sorted(rows, key=_cost, reverse=True)
    return sorted(rows, key=lambda row: not row.pinned)


def _cost(row: SessionSummary) -> tuple[bool, Decimal]:
    """Dollars before credits, which cannot be compared."""
    usd, credits_ = row.usd.value, row.credits.value
    return usd is not None, usd or credits_ or Decimal(0)


ARCHIVED: Final = "archived"
"""The tag of sessions that are listed only where something typed matches them."""
LISTED_AGAIN: Final = "F6 on it lists it again."
KEPT: Final = "The worker and its charges are not affected."
PREVIEW_WIDTH: Final = 110
"""Columns from which the newest message stands beside the list."""
_NEED_SESSION: Final = frozenset({"open", "rename", "delete", "pin", "archive", "sort"})
OPEN_HERE: Final = "This session is open. Open another one first."
MOST_MATCHES: Final = 2_000
"""Sessions that are listed for what was typed; all are, before anything is."""
MAX_HITS: Final = 50
"""Most sessions whose texts are listed below those whose titles match."""


def _with_snippet(row: Row, hit: SearchHit) -> Row:
    """The row of a session whose texts match: below it where, and the text around the match."""
    place = f"  turn {hit.number}: " if hit.number is not None else "  "
    marks = tuple((start + len(place), end + len(place)) for start, end in hit.snippet.marks)
    return replace(row, below=place + hit.snippet.text, marks=marks)


def _matches(row: SessionSummary, words: Sequence[str]) -> bool:
    text = " ".join((row.title, row.worker_id or "", row.session_id, *row.tags, row.project)).lower()
    return all(word in text for word in words)


# -- prompt history ---------------------------------------------------------------------
class HistorySearch(Picker[str]):
    """Lists earlier messages, newest first. The result is the chosen text, None when closed."""

    BINDINGS = bindings(Where.HISTORY)
    COLUMNS = (Column(fill=True, least=1),)

    def __init__(self, past: Sequence[str]) -> None:
        super().__init__("Prompt history", "Filter")
        self._past = list(dict.fromkeys(reversed(past)))

    def foot(self) -> Sequence[Widget]:
        """The keys, below the list."""
        return (Static(Content.styled("Enter to use · Esc to close", "$text-muted")),)

    def matches(self, query: str) -> tuple[Sequence[str], Sequence[Row], str]:
        """The messages that have the typed text."""
        texts = [text for text in self._past if query in text.lower()]
        none = "No matches." if self._past else "No earlier prompts yet."
        return texts, [Row((clean_line(text, 300),)) for text in texts], none

    def result(self, item: str) -> str:
        return item

    def on_mount(self) -> None:
        """List all messages before anything is typed."""
        self.fill()


class CommandPicker(CommandPalette, Modal[None]):
    """Lists all commands: Textual's palette, with keys of the key table, so that the help shows them."""

    BINDINGS = bindings(Where.PALETTE)

    def run_worker(self, *arguments: Any, **options: Any) -> Worker[Any]:
        """Run the search; one that still runs while the screen closes fails, which must not end the app."""
        return super().run_worker(*arguments, **{**options, "exit_on_error": False})

    def on_click(self, event: Click) -> None:
        """A click outside closes, in place of Textual's handler, which fails for a place outside the screen.

        The screen may have become smaller since the click, or be closed already.
        """
        event.prevent_default()
        if event.widget is self:
            self.dismiss()

    async def action_run(self) -> None:
        """Run the highlighted command."""
        await self.query_one(Input).action_submit()
