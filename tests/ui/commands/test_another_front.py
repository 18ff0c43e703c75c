"""Commands run on a front of plain text: no app, no screen, no widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from handinger_tui.core.prompts import Draft
from handinger_tui.ui.commands import command_named
from handinger_tui.ui.commands.command import CommandContext, PartPosition
from handinger_tui.ui.panels.file_actions import FileActions
from handinger_tui.ui.panels.files import Downloads
from handinger_tui.ui.ports import AppOptions
from handinger_tui.ui.sessions.controller import SessionController
from tests.ui.fakes import Desktop, NoFiles, answers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from textual.screen import Screen

    from handinger_tui.core.acts import Moot
    from handinger_tui.core.evidence import Source
    from handinger_tui.core.turns.turn import Lineage, Turn
    from handinger_tui.engine.session_actor import SessionActor
    from handinger_tui.ui.ports import Connection

Answer = TypeVar("Answer")


class PlainFront:
    """Prints, and answers each question as the test says."""

    def __init__(self, *replies: str) -> None:
        self.printed: list[str] = []
        self.replies = list(replies)

    def run(self, coroutine: Coroutine[Any, Any, object], doing: str = "") -> None:
        raise AssertionError(f"nothing runs in the background: {coroutine} {doing}")

    open = run

    def hold_keys(self) -> None:
        """Lines wait for the command before them anyway."""

    def say(self, text: str, severity: str = "information") -> None:
        self.printed.append(text)

    def copy(self, text: str, what: str, why: str = "") -> None:
        self.printed.append(f"{why}{what}: {text}")

    async def ask(self, screen: Screen[Answer]) -> Answer | None:
        self.printed.append(f"[{type(screen).__name__}]")
        return None

    async def confirm(
        self, title: str, body: str | Callable[[], str | Moot], *, yes: str, no: str, typed: str = ""
    ) -> bool:
        self.printed.append(f"{title} {body() if callable(body) else body} [{yes}/{no}{typed}]")
        return self.replies.pop(0) == yes

    async def ask_text(self, title: str, value: str, placeholder: str = "") -> str | None:
        self.printed.append(f"{title} ({value}{placeholder})")
        return self.replies.pop(0)

    async def choose(self, title: str, rows: Sequence[tuple[str, str]]) -> str | None:
        self.printed += [title, *(text for _name, text in rows)]
        return rows[int(self.replies.pop(0)) - 1][0]

    async def notice(self, title: str, body: str) -> None:
        self.printed.append(f"{title}\n{body}")


class LineFiles:
    """The paths of what is attached."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def add(self, paths: Sequence[str]) -> None:
        self.paths += paths

    def clear(self) -> None:
        self.paths.clear()


class Line:
    """The message that is written in a line editor."""

    def __init__(self) -> None:
        self.text, self.attachments = "", LineFiles()
        self.earlier_texts: list[str] = []
        self.began: list[tuple[Draft, Lineage]] = []

    def replace_text(self, text: str) -> None:
        self.text = text

    def start_from(self, draft: Draft, lineage: Lineage) -> None:
        self.text = draft.text
        self.began.append((draft, lineage))

    def carry(self, text: str, lineage: Lineage) -> None:
        self.text = f"{text}\n\n{self.text}"
        self.began.append((Draft(text), lineage))

    async def edit_externally(self) -> None:
        raise AssertionError


class PlainSwitcher:
    """Shows a session by making it the present one."""

    unsaved_texts: Sequence[str] = ()

    def __init__(self, controller: SessionController) -> None:
        self._controller = controller

    def refuse_in_replay(self) -> None:
        """No replay here."""

    async def switch(self, opening: Callable[[], Awaitable[str]], doing: str = "") -> str:
        session_id = await opening()
        self._controller.show(session_id)
        return session_id

    async def open(self, session_id: str) -> str:
        async def same() -> str:
            return await self._controller.open(session_id)

        return await self.switch(same)

    async def begin(self, *, title: str = "", stored_worker_id: str | None = None) -> str:
        async def create() -> str:
            return self._controller.new_session(title=title, stored_worker_id=stored_worker_id)

        return await self.switch(create)

    async def save_draft(self) -> None:
        """Nothing is kept."""


class PlainView:
    """Text that scrolls: a panel is printed, and there is no cursor."""

    message: Line

    theme, has_colors = "plain", False
    part: PartPosition | None = None
    text_at_cursor: str | None = None
    sources: Sequence[Source] = ()

    def __init__(self) -> None:
        self.done: list[object] = []
        self.screen = self

    def repaint(self) -> None:
        """Nothing is painted."""

    def find(self, text: str) -> int:
        self.done.append(("find", text))
        return 0

    def find_in(self, session_id: str, text: str) -> None:
        self.done.append(("find in", session_id, text))

    async def open_find(self) -> None:
        self.done.append("find bar")

    def toggle_details(self) -> str:
        self.done.append("details")
        return "All of each tool call."

    def show_panel(self, name: str) -> None:
        self.done.append(("panel", name))

    def toggle_panels(self) -> None:
        self.done.append("panels")

    def widen_panels(self, cells: int) -> None:
        self.done.append(("widen", cells))

    def group_sources(self, *, hosts: bool) -> None:
        self.done.append(("hosts", hosts))

    def show_budget(self, level: str) -> None:
        self.done.append(("budget", level))

    def show_title(self, title: str) -> None:
        self.done.append(("title", title))

    def return_to_prompt(self) -> None:
        self.done.append("prompt")

    def set_theme(self, name: str) -> None:
        self.done.append(("theme", name))

    def redraw(self) -> None:
        self.done.append("redraw")

    async def page(self, text: str) -> None:
        self.done.append(("page", text))

    def show_help(self) -> None:
        self.done.append("help")

    def show_palette(self) -> None:
        self.done.append("palette")

    def leave(self) -> None:
        self.done.append("leave")


class Plain:
    """A conversation without a screen."""

    def __init__(self, desktop: Desktop, connection: Connection, *replies: str) -> None:
        self.desktop, self.front, self.line, self.view = desktop, PlainFront(*replies), Line(), PlainView()
        self.controller = SessionController("standard")
        self.controller.show(self.controller.connect(connection))
        self.again: list[tuple[str, str, str]] = []
        self.view.message = self.line
        self.context = CommandContext(
            AppOptions(desktop.connect, NoFiles()),
            self.controller,
            self.front,
            self.line,
            PlainSwitcher(self.controller),
            self.view,
            FileActions(self.controller, self.front, Downloads(list)),
            self._send_again,
            lambda: 0,
        )

    async def _send_again(self, actor: SessionActor, turn: Turn, budget: str, lineage: Lineage) -> bool:
        self.again.append((turn.request.prompt, budget, lineage.kind))
        return True

    async def send(self, text: str) -> None:
        actor = self.controller.engine.actor(self.controller.session_id)
        await actor.send(text, self.controller.budget)
        await actor.settled()

    async def type(self, line: str) -> list[str]:
        """Run a command; returns what was printed."""
        name, _, argument = line.removeprefix("/").partition(" ")
        command = command_named(name)
        assert command is not None
        before = len(self.front.printed)
        await command.run(self.context, argument)
        return self.front.printed[before:]


async def plain(*replies: str, texts: tuple[str, ...] = ("one",)) -> Plain:
    desktop = Desktop(api=answers(*texts))
    return Plain(desktop, await desktop.connect(), *replies)


async def test_money_commands_answer_in_text() -> None:
    front = await plain("Use unlimited")
    assert await front.type("/limit day 5") == ["Daily limit set to $5.00 (0% used)."]
    assert await front.type("/budget next") == []
    assert front.view.done[-1] == ("budget", "high")
    assert front.controller.budget == "high"
    (question,) = await front.type("/budget unlimited")
    assert question.startswith("Unlimited budget?")
    assert front.controller.budget == "unlimited"
    await front.type("/costs")
    assert front.view.done[-1] == ("panel", "usage")
    await front.desktop.engine.aclose()


async def test_messages_are_edited_and_sent_again_only_after_a_yes() -> None:
    front = await plain("Cancel", "Send again", texts=("an answer",))
    await front.send("a question")
    assert (await front.type("/copy"))[-1].endswith(": an answer")
    await front.type("/edit last")
    assert front.line.text == "a question"
    assert "Try again?" in (await front.type("/retry"))[0]
    assert front.again == []
    await front.type("/retry low")
    assert front.again == [("a question", "low", "retry")]
    assert "No matches in this session." in await front.type("/find xyzzy")
    await front.desktop.engine.aclose()


async def test_sessions_are_named_and_begun() -> None:
    front = await plain("Other name", texts=("an answer",))
    first = front.controller.session_id
    await front.send("a question")
    await front.type("/rename")
    assert front.controller.title(front.controller.shown) == "Other name"
    assert "Carried over" in (await front.type("/fork"))[-1]
    assert front.controller.session_id != first
    assert "an answer" in front.line.text
    await front.type("/quit")
    assert front.view.done[-1] == "leave"
    await front.desktop.engine.aclose()
