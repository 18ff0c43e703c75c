"""The output to the terminal: always the screen of the compositor, in few bytes."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.geometry import Size
from textual.pilot import Pilot
from textual.screen import ModalScreen, Screen
from textual.strip import Strip
from textual.widgets import Input, Static

from benchmarks.screen import Screen as TerminalScreen
from handinger_tui.core.turns.session import put_turn
from handinger_tui.core.turns.turn import ToolPart, TurnStatus
from handinger_tui.ui.terminal.diff_app import TAME, DiffApp, Pen, Pens
from tests.ui.emulator import EmulatedDriver, cells, driver_of, expected
from tests.ui.pilot import running
from tests.ui.transcript.documents import DOCUMENTS
from tests.ui.transcript.sample import ANSWER, COMPLETE
from tests.ui.transcript.screen import Stage, grown, session, text_part, transcript_rules, turn

if TYPE_CHECKING:
    from collections.abc import Callable


class Overlay(ModalScreen[None]):
    """A widget in front of all others."""

    CSS = "Overlay { align: center middle; } #box { width: 40; height: 9; border: round red; }"

    def compose(self) -> ComposeResult:
        yield Static("An overlay with 東京 and 🎉 in it.", id="box")


class Cover(ModalScreen[None]):
    """It hides all other screens."""

    CSS = "Cover { background: black; }"

    def compose(self) -> ComposeResult:
        yield Static("A page.")


class Bench(Stage, DiffApp):
    """A transcript between a header, a panel at its side and a prompt, on an emulated terminal."""

    CSS = (
        transcript_rules()
        + "#side { width: 30; border: round green; } #head { height: 1; } Horizontal { height: 1fr; }"
    )

    def __init__(self, *, lean: bool = True, side: bool = True) -> None:
        super().__init__(session(COMPLETE, turn(2, text_part("", open_=True), status=TurnStatus.ACCEPTED)))
        self.driver_class = EmulatedDriver
        self.lean = lean
        self.head = Static("head", id="head")
        self.side = Static("\n".join(f"figure {n}" for n in range(0, 90, 3)), id="side")
        self.side.display = side

    def compose(self) -> ComposeResult:
        with Vertical():
            yield self.head
            with Horizontal():
                yield self.transcript
                yield self.side
            yield Input()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if self.lean:
            super()._display(screen, renderable)
        else:
            App._display(self, screen, renderable)


def check(app: Bench, what: object) -> None:
    shown, expected_cells = cells(driver_of(app).terminal), expected(app)
    for y, (line, other) in enumerate(zip(shown, expected_cells, strict=True)):
        assert line == other, (what, y)


async def settle(app: Bench, pilot: Pilot[None]) -> None:
    """Wait until everything is painted: also code, whose colors come from a thread."""
    await pilot.pause()
    await app.workers.wait_for_complete()
    while app.screen._dirty_widgets or app.screen._compositor._dirty_regions:
        await pilot.pause(0.01)
    await pilot.pause()


TEXTS = [ANSWER, DOCUMENTS["cjk"], DOCUMENTS["prose"], DOCUMENTS["fence"], DOCUMENTS["ordered"]]
# Only text that pyte measures like Textual: it does not support emoji sequences.
ODD_TEXTS = ["- 🎉 party 東京 e\u0301\n- 👍 thumb\n\n| 🎉 | 値 |\n|-|-|\n| a\u0308 | 東京都 |\n\n", *TEXTS]


@pytest.fixture(autouse=True)
def full_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act like a modern terminal."""
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")


class Session:
    """Random actions of a person and a worker."""

    def __init__(self, app: Bench, pilot: Pilot[None], dice: random.Random, texts: list[str]) -> None:
        self.app, self.pilot, self.dice, self.texts = app, pilot, dice, texts
        self.text = ""
        self.number = 2

    def stream(self) -> None:
        remainder_of = self.dice.choice(self.texts)
        self.text += remainder_of[: self.dice.randint(1, 400)]
        assert self.app.shown is not None
        self.app.shown = grown(self.app.shown, text_part(self.text, open_=True))
        self.app.transcript.show(self.app.shown)

    def next_turn(self) -> None:
        self.number += 1
        self.text = ""
        assert self.app.shown is not None
        fresh = turn(
            self.number,
            ToolPart("c", "search", input={"q": "東京"}),
            text_part("", open_=True),
            status=TurnStatus.ACCEPTED,
        )
        self.app.shown = put_turn(self.app.shown, fresh)
        self.app.transcript.show(self.app.shown)

    def scroll(self) -> None:
        self.app.transcript.scroll_relative(y=self.dice.choice((-30, -3, -1, 1, 3, 30)))

    async def overlay(self) -> None:
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()
        else:
            await self.app.push_screen(Overlay())

    async def resize(self) -> None:
        width, height = self.dice.choice(((100, 30), (60, 20), (120, 40), (100, 12)))
        driver_of(self.app).resize(width, height)
        await self.pilot.resize_terminal(width, height)

    async def step(self) -> None:
        one: Callable[[], Any] = self.dice.choice(
            [self.stream] * 8
            + [self.scroll] * 4
            + [
                self.next_turn,
                self.overlay,
                self.resize,
                self.app.transcript.toggle_details,
                self.app.transcript.follow,
                lambda: self.app.transcript.move_cursor(1),
                lambda: self.app.transcript.search.find("the"),
                self.app.transcript.search.clear,
                lambda: self.app.head.update(f"head {self.dice.random()} 🎉"),
                lambda: self.app.side.update("\n".join(f"n {self.dice.random()}" for _ in range(30))),
                lambda: setattr(self.app.side, "display", not self.app.side.display),
                self.app.transcript.text_select_all,
            ]
        )
        done = one()
        if done is not None and hasattr(done, "__await__"):
            await done


@pytest.mark.parametrize("seed", range(3))
async def test_the_terminal_always_shows_what_the_compositor_means(seed: int) -> None:
    app, dice = Bench(), random.Random(seed)
    async with running(app, headless=False, size=(100, 30)) as pilot:
        acted = Session(app, pilot, dice, TEXTS if seed % 2 else ODD_TEXTS)
        for number in range(25):
            await acted.step()
            await settle(app, pilot)
            check(app, (seed, number))


async def test_without_colors_it_is_right_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app, dice = Bench(), random.Random(7)
    async with running(app, headless=False, size=(100, 30)) as pilot:
        acted = Session(app, pilot, dice, ODD_TEXTS)
        for number in range(15):
            await acted.step()
            await settle(app, pilot)
            check(app, number)


async def streamed(*, lean: bool, side: bool, text: str, step: int = 60) -> tuple[int, Bench]:
    """The bytes for an answer in equal pieces, each of them painted."""
    app = Bench(lean=lean, side=side)
    async with running(app, headless=False, size=(120, 40)) as pilot:
        await settle(app, pilot)
        before = driver_of(app).bytes
        for end in range(step, len(text) + step, step):
            assert app.shown is not None
            app.shown = grown(app.shown, text_part(text[:end], open_=True))
            app.transcript.show(app.shown)
            await settle(app, pilot)
        check(app, "end")
        return driver_of(app).bytes - before, app


LONG = f"{ANSWER}\n" + "".join(
    f"Paragraph {n} with some more words than fit one line of it.\n\n" for n in range(30)
)


async def test_a_streamed_answer_takes_few_bytes() -> None:
    narrow, app = await streamed(lean=True, side=False, text=LONG)
    wide, _app = await streamed(lean=True, side=True, text=LONG)
    # A paint for every 60 characters. Measured: 15 and 21 times the answer; 170 without the board.
    assert app.screen_buffer.scrolls > 10
    assert narrow < 25 * len(LONG)
    assert wide < 34 * len(LONG)


async def test_an_unchanged_paint_writes_no_cell() -> None:
    app = Bench()
    async with running(app, headless=False, size=(100, 30)) as pilot:
        await settle(app, pilot)
        driver_of(app).written.clear()
        app.transcript.refresh()
        app.side.refresh()
        await settle(app, pilot)
        assert len("".join(driver_of(app).written)) <= 12, driver_of(app).written


async def test_what_something_else_wrote_is_painted_over_after_a_redraw_a_resize_and_a_return() -> None:
    app, junk = Bench(), "\x1b[1;1H\x1b[2J" + "junk of another program 東京 " * 20
    async with running(app, headless=False, size=(100, 30)) as pilot:

        async def resize() -> None:
            driver_of(app).resize(90, 30)
            await pilot.resize_terminal(90, 30)

        async def resume() -> None:
            # As the driver does after ^Z and fg, and `suspend` after an editor.
            await app._post_message(driver_of(app).SignalResume())

        async def redraw() -> None:
            app.redraw()

        for repair in (redraw, resize, resume):
            await settle(app, pilot)
            driver_of(app).terminal.feed(junk.encode())
            assert cells(driver_of(app).terminal) != expected(app)
            await repair()
            await settle(app, pilot)
            check(app, repair.__name__)


async def test_behind_a_screen_that_hides_it_nothing_is_drawn_until_it_can_be_seen() -> None:
    app = Bench()
    async with running(app, headless=False, size=(100, 30)) as pilot:
        await app.push_screen(Cover())
        await settle(app, pilot)
        driver_of(app).written.clear()
        app.head.update("another head")
        await settle(app, pilot)
        assert not driver_of(app).written
        driver_of(app).resize(70, 30)
        await pilot.resize_terminal(70, 30)
        await settle(app, pilot)
        app.pop_screen()
        await settle(app, pilot)
        check(app, "seen again")
        assert app.head.size.width == 70
        assert driver_of(app).terminal.display[0].startswith("another head")


async def test_a_change_behind_a_dialog_writes_only_what_changed() -> None:
    app = Bench()
    async with running(app, headless=False, size=(100, 30)) as pilot:
        await app.push_screen(Overlay())
        await settle(app, pilot)
        before = driver_of(app).bytes
        for second in range(10):
            app.head.update(f"{second} s")
            await settle(app, pilot)
        check(app, "behind a dialog")
        # Measured: 57 bytes for each; 15,900 when all of the screen is written.
        assert driver_of(app).bytes - before < 10 * 100


class Breakpoints(Bench):
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-wide")]  # noqa: RUF012 - as Textual declares it


async def test_a_hidden_screen_knows_its_size() -> None:
    app = Breakpoints()
    async with running(app, headless=False, size=(100, 30)) as pilot:
        below = app.screen
        assert below.has_class("-wide")
        await app.push_screen(Cover())
        await pilot.resize_terminal(70, 30)
        await settle(app, pilot)
        assert below.has_class("-narrow")


async def test_a_screen_that_is_covered_during_a_resize_knows_its_size() -> None:
    app, size = Breakpoints(), Size(70, 30)
    async with running(app, headless=False, size=(100, 30)) as pilot:
        below = app.screen
        app.post_message(Resize(size, size))
        while app._resize_timer is None:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0)
        # The app tells of it within a moment; the cover comes first.
        app._resize_timer.pause()
        await app.push_screen(Cover())
        app._check_resize()
        await settle(app, pilot)
        assert below.has_class("-narrow")


async def test_a_repaired_widget_is_written_completely() -> None:
    app = Bench()
    async with running(app, size=(100, 30), headless=False) as pilot:
        await settle(app, pilot)
        terminal = driver_of(app)
        terminal.write("\x1b[5;1HJUNK JUNK\x1b[12;40HJUNK")
        before = len(terminal.written)
        app.repair(app.transcript)
        await settle(app, pilot)
        check(app, "after a repair")
        written = "".join(terminal.written[before:])
        row_text = "".join(segment.text for segment in app.transcript.render_line(8)).strip()
        assert row_text
        assert row_text in written


async def test_a_quiet_screen_writes_nothing() -> None:
    app = Bench()
    async with running(app, headless=False, size=(100, 30)) as pilot:
        await settle(app, pilot)
        driver_of(app).written.clear()
        for _ in range(20):
            await pilot.pause(1 / 50)
        assert driver_of(app).written == []


def test_tame_characters_take_one_cell() -> None:
    for number in (*range(32, 0xD800), *range(0xE000, 0x11000)):
        if TAME.fullmatch(chr(number)):
            assert cell_len(chr(number)) == 1, hex(number)
            assert pyte.screens.wcwidth(chr(number)) == 1, hex(number)


STYLES = st.builds(
    lambda fore, back, marks: Style(color=fore, bgcolor=back) + Style.parse(" ".join(marks)),
    st.sampled_from([None, "red", "bright_blue", "color(99)", "#123456", "default"]),
    st.sampled_from([None, "green", "bright_white", "color(200)", "#abcdef"]),
    st.sets(st.sampled_from(["bold", "italic", "underline", "strike", "reverse", "blink"])),
)


@settings(max_examples=100, deadline=None)
@given(styles=st.lists(STYLES, min_size=2, max_size=6))
def test_every_way_from_pen_to_pen_draws_what_the_style_says(styles: list[Style]) -> None:
    pens = Pens()
    short, full = TerminalScreen(20, 1), TerminalScreen(20, 1)
    pen: Pen = pens.plain
    for style in styles:
        (cell,), _odd = pens.cells(Strip([Segment("x", style)]), Console(color_system="truecolor"))
        assert cell[0] == "x"
        next_pen = cell[1]
        assert isinstance(next_pen, Pen)
        short.feed(((pen.to(next_pen) if pen is not next_pen else "") + "x").encode())
        full.feed((style.render("x", color_system=ColorSystem.TRUECOLOR)).encode())
        pen = next_pen
    assert cells(short) == cells(full)
