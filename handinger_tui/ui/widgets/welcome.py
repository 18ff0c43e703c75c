"""The first screen: the program, three prompts to try, the account, and the newest sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.content import Content
from textual.events import Click, Resize
from textual.geometry import Region
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from handinger_tui.core.safety import clean_line
from handinger_tui.ui.keys import Where, bindings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handinger_tui.core.turns.session import Session, SessionSummary
    from handinger_tui.ui.ports import Account

FOR_LOCAL: Final = (
    "Show me around",
    "Write a report on primes with a chart",
    "Find sources about CSV and JSON",
)
FOR_REMOTE: Final = (
    "Compare three ways to heat an old house, with sources",
    "Find the five newest papers on solid-state batteries and summarize them",
    "Make a spreadsheet of public holidays in Europe next year",
)
_HAND: Final = ("▗▖▗▖▗▖▗▖", "▐▌▐▌▐▌▐▌", "▝███████▌", " ▝█████▘ ")


HEADING: Final = "bold $markdown-h1-color"
MOST_RECENT: Final = 5
"""Most sessions listed."""
WIDTH: Final = 96
"""Most cells of the list of sessions."""
NARROW: Final = 75
"""Width in cells below which the text on the local worker is shortened."""
LOW: Final = 15
"""Rows below which the hand is omitted."""
ITEM: Final = "item"
"""The key under which a row has the position of its item, for the mouse."""


def _limit_line(account: Account) -> Content:
    """How to set a limit, in the unit in which the service reports."""
    typed, amount = ("100 credits", "100 credits") if account.in_credits else ("5", "$5")
    return Content.assemble(
        (f"/limit day {typed}", "bold $foreground"),
        (f" refuses new messages above {amount} a day.", "$text-muted"),
    )


class Welcome(Static):
    """The text shown until the first turn. Its prompts and sessions are chosen by key or click."""

    can_focus = True
    BINDINGS = bindings(Where.WELCOME)

    class WelcomeRequest(Message):
        """A request to the work screen."""

    class IdeaChosen(WelcomeRequest):
        """A prompt to try was chosen."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class SessionChosen(WelcomeRequest):
        """A session was chosen."""

        def __init__(self, session_id: str) -> None:
            super().__init__()
            self.session_id = session_id

    class PromptRequested(WelcomeRequest):
        """The mark was moved beyond the last item: return to the prompt."""

    def __init__(self, *, local: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._local = local
        self._account: Account | None = None
        self._next = 0
        self._marked = 0
        self._sessions: Sequence[SessionSummary] = ()
        self._opened: Mapping[str, Session] = {}
        self._now_ms = 0
        self._lines: list[Content] = []
        self._shown = 0
        """How many sessions have room."""

    def set_account(self, account: Account) -> None:
        """Show the account, once connected."""
        self._account, self._local = account, account.local
        self._draw()

    def show_recent(
        self, sessions: Sequence[SessionSummary], opened: Mapping[str, Session], now_ms: int
    ) -> None:
        """Show the newest sessions below all else, as many as there is room for.

        `opened`: sessions in memory, by id, whose state is newer. The order stays while the sessions are the
        same: nothing moves under the mouse.
        """
        positions = {row.session_id: at for at, row in enumerate(self._sessions)}
        newest = sessions[:MOST_RECENT]
        if positions.keys() == {row.session_id for row in newest}:
            newest = sorted(newest, key=lambda row: positions[row.session_id])
        self._sessions, self._opened, self._now_ms = newest, opened, now_ms
        self._draw()

    @property
    def ideas(self) -> tuple[str, ...]:
        """Prompts to try with this kind of worker."""
        return FOR_LOCAL if self._local else FOR_REMOTE

    def next_idea(self) -> str:
        """The next prompt to try, in a cycle, for Tab."""
        idea = self.ideas[self._next % len(self.ideas)]
        self._next += 1
        return idea

    # -- choosing --------------------------------------------------------------------------
    def action_mark(self, by: int) -> None:
        """Move the mark; beyond the first and the last item is the prompt."""
        to = self._marked + by
        if 0 <= to < len(self.ideas) + self._shown:
            self._marked = to
            self._draw()
        else:
            self.post_message(self.PromptRequested())

    def action_choose(self) -> None:
        """Choose the marked item."""
        self._choose(self._marked)

    def on_click(self, event: Click) -> None:
        """Choose the clicked item."""
        item = event.style.meta.get(ITEM)
        if isinstance(item, int):
            self._choose(item)

    def _choose(self, item: int) -> None:
        if item < len(self.ideas):
            self.post_message(self.IdeaChosen(self.ideas[item]))
        elif item < len(self.ideas) + self._shown:
            self.post_message(self.SessionChosen(self._sessions[item - len(self.ideas)].session_id))

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show the mark only with the focus; begin with the first item the next time."""
        super().watch_has_focus(has_focus)
        self._marked = self._marked if has_focus else 0
        self._draw()

    # -- painting --------------------------------------------------------------------------
    def on_resize(self, event: Resize) -> None:
        """Lay out for the new size."""
        self._draw()

    def render(self) -> Content:
        """The text as last laid out; the first paint comes before the first resize event."""
        self._lines = self._lines or self._lay_out()
        return Content("\n").join(self._lines)

    def _draw(self) -> None:
        before, self._lines = self._lines, self._lay_out()
        width = self.content_size.width
        if len(before) != len(self._lines) or any(
            line.cell_length > width for line in (*before, *self._lines)
        ):
            self.refresh()
            return
        # A key waits for what is drawn: all rows take 6 ms, and the ages of sessions change once a second.
        pairs = enumerate(zip(before, self._lines, strict=True))
        if changed := [Region(0, y, width, 1) for y, (old, new) in pairs if not old.is_same(new)]:
            self.refresh(*changed)

    def _lay_out(self) -> list[Content]:
        width, height = self.content_size
        is_low = 0 < height < LOW
        lines = self._head(low=is_low)
        for item, idea in enumerate(self.ideas):
            text = Content.styled(idea, "$foreground")
            lines.append(self._row(item, text.truncate(width - 2, ellipsis=True) if is_low else text))
        lines += [Content(""), *self._account_lines()]
        room = height - Content("\n").join(lines).get_height({}, max(1, width)) - 1
        self._shown = max(0, min(len(self._sessions), room))
        if self._shown:
            lines += [Content("")] if room > self._shown else []
            lines += self._session_lines(min(width, WIDTH))
        return lines

    def _head(self, *, low: bool) -> list[Content]:
        title = (
            ("Handinger in your terminal", "bold $foreground"),
            ("A worker researches, analyzes and writes;", "$text-muted"),
            ("you see every step, source and cost.", "$text-muted"),
            ("", ""),
        )
        head = [
            Content.assemble((f"{hand:<9}", "$primary"), "   ", line)
            for hand, line in zip(_HAND, title, strict=True)
        ]
        heading = Content.assemble(("Three things to try", HEADING), ("  Tab, ↓ or a click", "$text-muted"))
        return [*([Content.styled(*title[0])] if low else head), Content(""), heading]

    def _session_lines(self, width: int) -> list[Content]:
        from handinger_tui.ui.widgets.session_rows import session_rows  # not before the first frame

        rows = session_rows(self._sessions[: self._shown], self._opened, self._now_ms, width - 2)
        return [
            Content.assemble(("Recent sessions", HEADING), ("  ^S for all", "$text-muted")),
            *(self._row(item, row[2:]) for item, row in enumerate(rows, len(self.ideas))),
        ]

    def _row(self, item: int, text: Content) -> Content:
        """A row that can be chosen."""
        is_marked = self.has_focus and item == self._marked
        row = Content.assemble(("› " if is_marked else "  ", "bold $primary"), text)
        return row.stylize(Style.from_meta({ITEM: item})).stylize("reverse" if is_marked else "")

    def _account_lines(self) -> list[Content]:
        account = self._account
        if account is None:
            return [Content.styled("Connecting… you can start typing.", "$text-muted")]
        if account.local:
            is_narrow = self.content_size.width < NARROW
            who = (
                "The local worker answers, free."
                if is_narrow
                else "The local worker answers; it costs nothing."
            )
            where = "Key from handinger.com, then " if is_narrow else "Make a key at handinger.com, then run "
            return [
                Content.assemble((" LOCAL ", "bold $background on $accent"), (f" {who}", "$foreground")),
                Content.assemble((where, "$text-muted"), ("handinger-tui login", "bold $foreground")),
                _limit_line(account),
            ]
        names = " · ".join(
            name for name in (clean_line(account.profile, 30), clean_line(account.host, 60)) if name
        )
        return [
            Content.assemble(
                ("Messages go to ", "$text-muted"),
                (names, "$foreground"),
                (".", "$text-muted"),
            ),
            *([] if self._sessions else [_limit_line(account)]),
        ]
