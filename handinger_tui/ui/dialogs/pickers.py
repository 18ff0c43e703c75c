"""Lists that are filtered while typing: stored sessions, the prompt history, and all commands."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from handinger_tui.core.errors import HandingerError
from handinger_tui.core.formatting import moment_at
from handinger_tui.core.safety import clean_line
from handinger_tui.core.search import parse_query
from handinger_tui.core.turns.session import LOCAL
from handinger_tui.core.turns.turn import TurnStatus
from handinger_tui.ui.dialogs import Modal, TextQuestion, yes_or_no
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.widgets.frame import FooterLine
from handinger_tui.ui.widgets.session_rows import session_details, session_rows
from handinger_tui.ui.widgets.status_text import WORKED_ON, under_way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from handinger_tui.core.search import SearchHit
    from handinger_tui.core.turns.session import Session, SessionSummary
    from handinger_tui.ui.ports import StoredSessions


class Picker(Modal[str]):
    """A field above a list. Typing filters the list; the arrow keys move its highlight."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.DIALOG)

    def __init__(self, title: str, placeholder: str) -> None:
        super().__init__()
        self._title, self._placeholder = title, placeholder

    def compose(self) -> ComposeResult:
        """Lay out the title, the field and the list."""
        with Vertical(id="picker", classes="page"):
            yield Static(Content.styled(self._title, "bold"), classes="dialog-title")
            yield Input(placeholder=self._placeholder)
            rows = OptionList(id="rows")
            # Tab would leave letters without a field.
            rows.can_focus = False
            yield rows
            yield from self.foot()

    def foot(self) -> Sequence[Widget]:
        """The lines below the list."""
        raise NotImplementedError

    def options(self, query: str) -> Sequence[Option]:
        """The options that match what was typed, in lower case; a disabled one says why there is none."""
        raise NotImplementedError

    @property
    def option_list(self) -> OptionList:
        """The list of the options that match what was typed."""
        return self.query_one("#rows", OptionList)

    @on(Input.Changed)
    def fill(self) -> None:
        """List what matches, and highlight the first."""
        options = self.options(self.query_one(Input).value.lower())
        self.option_list.clear_options()
        self.option_list.add_options(options)
        if not options[0].disabled:
            self.option_list.highlighted = 0
        self.refresh_bindings()

    def action_move(self, by: int) -> None:
        """Move the highlight; the focus stays in the field."""
        if by > 0:
            self.option_list.action_cursor_down()
        else:
            self.option_list.action_cursor_up()

    def action_close(self) -> None:
        """Close without a choice."""
        self.dismiss(None)


def _message(message: str) -> Option:
    return Option(Content.styled(message, "$text-muted"), disabled=True)


class Deletes(Protocol):
    """Deletes sessions."""

    async def consequences(self, session_id: str) -> str:
        """What deleting a session does to its queue and its running turn; "" where it has neither."""
        ...

    async def delete(self, session_id: str) -> str:
        """Delete a session; returns what to tell the person, "" for nothing."""
        ...


class SessionPicker(Picker):
    """Lists sessions, newest first. The result is the id of the chosen one, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.SESSIONS)

    def __init__(  # noqa: PLR0913 - what it acts on is all injected, here only
        self,
        history: StoredSessions,
        now_ms: Callable[[], int],
        current: Callable[[], str],
        opened: Callable[[], Iterable[Session]],
        rename: Callable[[str, str], Awaitable[None]],
        deletions: Deletes,
        *,
        running_only: bool = False,
    ) -> None:
        """`current` returns the id of the session on the work screen.

        `opened` returns sessions in memory, whose state is newer than that of their rows on disk. `rename`
        sets the title of a session, there and on disk; `deletions` deletes one.

        `running_only`: list only sessions whose worker runs, or was running when it was last read.
        """
        if running_only:
            super().__init__("Runs", "Filter by title, tag, worker or id")
        else:
            super().__init__("Sessions", "Search all texts; filters tag: since: has:file")
        self._running_only = running_only
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
        self._listed = "", PAGE
        """The typed text for which sessions are listed, and how many: more follow at the end of the list."""

    def foot(self) -> Sequence[Widget]:
        """Details of the highlighted session, and the keys."""
        return Static(id="details"), FooterLine()

    def on_mount(self) -> None:
        """Read the sessions, and index those of an earlier version for the search."""
        self.do(self._read())
        self._index()

    @work(group="index")
    async def _index(self) -> None:
        # Without it a session is still found by its prompts and answers, so a failure is harmless.
        with suppress(HandingerError):
            while await self._history.index_some():
                pass

    @on(Input.Changed)
    @work(group="search", exclusive=True)
    async def _search(self, event: Input.Changed) -> None:
        """Search the texts of all sessions for what was typed; the list shows titles that match at once."""
        if self._running_only:
            return
        hits: Sequence[SearchHit] = ()
        typed, problem = event.value, ""
        try:
            query = parse_query(typed, moment_at(self._now_ms()).astimezone(), typing=True)
            hits = await self._history.search(query, MAX_HITS)
        except HandingerError as error:
            problem = error.text
        self._hits, self._searched, self._problem = hits, typed.lower(), problem
        if hits or problem:
            self.fill()

    def reload(self) -> None:
        """Read the changed history again; the highlight stays on its session."""
        # Without rows the first read is under way, or there is nothing to update.
        if self._rows:
            self.do(self._read(self._highlighted))

    async def _read(self, highlighted: SessionSummary | None = None) -> None:
        self._rows = await self._history.sessions()
        self.fill()
        if highlighted is not None:
            ids = [option.id for option in self.option_list.options]
            self.option_list.highlighted = (
                ids.index(highlighted.session_id) if highlighted.session_id in ids else 0
            )

    def on_resize(self) -> None:
        """Rebuild the rows, which depend on the width."""
        self.fill()

    def options(self, query: str) -> Sequence[Option]:
        """The sessions whose title, tags, project, worker or id have every typed word."""
        words, width = query.split(), max(40, self.option_list.size.width - 3)
        opened = {session.session_id: session for session in self._opened()}
        rows = [
            row
            for row in self._rows
            if _matches(row, words)
            and (not self._running_only or _is_running(row, opened.get(row.session_id)))
        ]
        shown = {row.session_id for row in rows}
        is_searched = bool(words) and query == self._searched
        hits = [hit for hit in self._hits if is_searched and hit.summary.session_id not in shown]
        if is_searched and self._problem and not rows:
            return [_message(self._problem)]
        if not rows and not hits:
            none = "No matches." if self._rows else "No sessions yet. Your first message starts one."
            return [_message("No worker is running." if self._running_only and not words else none)]
        if query != self._listed[0]:
            self._listed = query, PAGE
        more = len(rows) - self._listed[1]
        if more > 0:
            rows, hits = rows[: self._listed[1]], []
        listed = [*rows, *(hit.summary for hit in hits)]
        lines = session_rows(listed, opened, self._now_ms(), width, self._current())
        snippets = [None] * len(rows) + [_snippet_line(hit, width) for hit in hits]
        options = [
            Option(line if below is None else Content.assemble(line, "\n", below), row.session_id)
            for line, below, row in zip(lines, snippets, listed, strict=True)
        ]
        if more > 0:
            options.append(Option(Content.styled(f"{more:,} more", "$text-muted"), _MORE))
        return options

    @on(Input.Changed)
    @on(OptionList.OptionHighlighted)
    def _show_details(self) -> None:
        """Show the details of the highlighted session; at the end of the list, list more."""
        at, highlighted = self.option_list.highlighted, self.option_list.highlighted_option
        if highlighted is not None and highlighted.id == _MORE:
            query, count = self._listed
            self._listed = query, count + PAGE
            self.fill()
            self.option_list.highlighted = at
        row, details = self._highlighted, self.query_one("#details", Static)
        opened = {session.session_id: session for session in self._opened()}
        if row is None:
            details.update()
        else:
            width = details.content_size.width
            details.update(session_details(row, opened.get(row.session_id), self._now_ms(), width))

    @property
    def _highlighted(self) -> SessionSummary | None:
        option = self.option_list.highlighted_option
        listed = [*self._rows, *(hit.summary for hit in self._hits)]
        return next((row for row in listed if option is not None and row.session_id == option.id), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a session there is nothing to open, rename or delete."""
        if action in ("open", "rename", "delete") and self._highlighted is None:
            return False
        return super().check_action(action, parameters)

    def match_in(self, session_id: str) -> str:
        """The first match in the texts of a session, as it is written there; "" without one."""
        hit = next((hit for hit in self._hits if hit.summary.session_id == session_id and hit.turn_id), None)
        return "" if hit is None or not hit.snippet.marks else hit.snippet.text[slice(*hit.snippet.marks[0])]

    def action_open(self) -> None:
        """Choose the highlighted session."""
        if self._highlighted is not None:
            self.dismiss(self._highlighted.session_id)

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        if event.option.id != _MORE:
            self.dismiss(event.option.id)

    def action_rename(self) -> None:
        """Ask for a new title."""
        self.do(self._rename())

    async def _rename(self) -> None:
        row = self._highlighted
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
        row = self._highlighted
        if row is None:
            return
        if row.session_id == self._current():
            self.say(OPEN_HERE)
            return
        consequences = await self._deletions.consequences(row.session_id)
        body = (
            f"This deletes “{clean_line(row.title or row.session_id, 60)}” from this computer. "
            "The worker and its charges are not affected."
        )
        question = yes_or_no(
            "Delete this session?",
            "\n\n".join(filter(None, (body, consequences))),
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


OPEN_HERE: Final = "This session is open. Open another one first."
PAGE: Final = 200
"""Sessions that are listed at once: a row takes 0.1 ms."""
_MORE: Final = "more"
"""The id of the row behind which there are more sessions."""
MAX_HITS: Final = 50
"""Most sessions whose texts are listed below those whose titles match."""


def _snippet_line(hit: SearchHit, width: int) -> Content:
    """The line below a session whose texts match: where, and the text around the match."""
    place = f"    turn {hit.number}: " if hit.number is not None else "    "
    line = Content.assemble((place, "$text-muted"), (hit.snippet.text, "$text-muted"))
    for start, end in hit.snippet.marks:
        line = line.stylize("bold $primary", len(place) + start, len(place) + end)
    return line.truncate(width, ellipsis=True)


def _matches(row: SessionSummary, words: Sequence[str]) -> bool:
    text = " ".join((row.title, row.worker_id or "", row.session_id, *row.tags, row.project)).lower()
    return all(word in text for word in words)


def _is_running(row: SessionSummary, opened: Session | None) -> bool:
    """Whether a turn of the session runs, as last read; queued messages alone do not count."""
    if opened is None:
        # A local worker ended with the program that started it.
        return row.base_url != LOCAL and (row.live or row.last_status is TurnStatus.RUNNING)
    turn = under_way(opened)
    return turn is not None and (turn.status in WORKED_ON or turn.status is TurnStatus.RUNNING)


# -- prompt history ---------------------------------------------------------------------
MAX_ROWS: Final = 200
"""Most messages listed at once; typing filters all of them."""


class HistorySearch(Picker):
    """Lists earlier messages, newest first. The result is the chosen text, None when closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.HISTORY)

    def __init__(self, past: Sequence[str]) -> None:
        super().__init__("Prompt history", "Filter")
        self._past = list(dict.fromkeys(reversed(past)))
        self._rows: list[str] = []

    def foot(self) -> Sequence[Widget]:
        """The keys, below the list."""
        return (Static(Content.styled("Enter to use · Esc to close", "$text-muted")),)

    def options(self, query: str) -> Sequence[Option]:
        """The messages that have the typed text."""
        self._rows = [text for text in self._past if query in text.lower()][:MAX_ROWS]
        none = "No matches." if self._past else "No earlier prompts yet."
        return [Option(Content(clean_line(text, 300))) for text in self._rows] or [_message(none)]

    def on_mount(self) -> None:
        """List all messages before anything is typed."""
        self.fill()

    @on(Input.Submitted)
    def _submit(self) -> None:
        if self._rows and self.option_list.highlighted is not None:
            self.dismiss(self._rows[self.option_list.highlighted])

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._rows[event.option_index])


class CommandPicker(CommandPalette, Modal[None]):
    """Lists all commands: Textual's palette, with keys of the key table, so that the help shows them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PALETTE)

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
