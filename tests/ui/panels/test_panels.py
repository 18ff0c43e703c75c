"""Rules for every panel: hostile text, keys, themes, width."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding

from handinger_tui.core.safety import clean_line
from handinger_tui.core.stream import FilePart, SourcePart
from handinger_tui.core.turns.session import Session
from handinger_tui.ui.keys import KEYS
from handinger_tui.ui.panels import PANELS
from handinger_tui.ui.panels.files import FilesPanel
from handinger_tui.ui.panels.panel import Panel, PanelEntry
from handinger_tui.ui.panels.sources import SourcesPanel
from handinger_tui.ui.themes import THEMES
from handinger_tui.ui.widgets.virtual_list import ItemRows
from tests.ui.panels.stage import BAD, SECOND, Stage, file, session, source, turn, two_turns
from tests.ui.pilot import running, text_of

PAYLOADS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "terminal.shown.json").read_text("utf-8")
)["payloads"]


def text_of_payload(payload: dict[str, Any]) -> str:
    """The hostile text in every notation."""
    if "repeat" in payload:
        repeat = payload["repeat"]
        text = repeat["head"] + repeat["unit"] * min(repeat["times"], 200_000) + repeat["tail"]
    elif "b64" in payload:
        text = base64.b64decode(payload["b64"]).decode("latin-1")
    else:
        text = payload.get("text") or "".join(payload["chunks"])
    return str(text)


def hostile(texts: list[str]) -> Session:
    """A turn whose every external name is hostile."""
    sources = [SourcePart(text, f"https://example.org/{at}{text}", text) for at, text in enumerate(texts)]
    documents = [SourcePart(f"{at}{text}", None, None, text, text) for at, text in enumerate(texts)]
    files = [FilePart(f"https://example.org/f{at}{text}", text, text) for at, text in enumerate(texts)]
    return session(turn(0, after=SECOND, parts=(*sources, *documents, *files)))


async def pages(app: Stage, panel: Panel[Any], pilot: Any) -> list[str]:
    """The complete panel, screen by screen."""
    texts = [text_of(app)]
    while panel.scroll_offset.y < panel.max_scroll_y:
        panel.scroll_to(y=panel.scroll_offset.y + 20, animate=False)
        await pilot.pause()
        texts.append(text_of(app))
    return texts


class PromptsPanel(Panel[ItemRows[str]]):
    """A panel as short as one may be: its rows have no summary."""

    def __init__(self) -> None:
        super().__init__(ItemRows(), id="panel-prompts")

    def show(self, session: Session) -> None:
        """Show every prompt."""
        self.rows.items = [turn.request.prompt for turn in session.turns]
        self.update()


async def test_a_panel_without_a_summary_reports_its_first_item_and_the_loss_of_its_last_one() -> None:
    counts: list[int] = []

    class Column(Stage):
        def on_panel_counted(self) -> None:
            counts.append(panel.rows.count)

    panel = PromptsPanel()
    async with running(Column(panel)) as pilot:
        for shown in (session(), two_turns(), two_turns(), session()):
            panel.show(shown)
            await pilot.pause()
    assert counts == [2, 0]


@pytest.mark.parametrize("entry", PANELS, ids=lambda entry: entry.name)
async def test_hostile_text_shows_no_control_character_and_runs_nothing(entry: PanelEntry) -> None:
    panel = entry.make()
    app = Stage(panel, columns=60)
    texts = [text_of_payload(payload) for payload in PAYLOADS]
    shown = hostile(texts)
    async with running(app, size=(60, 30), tooltips=True) as pilot:
        panel.show(shown)
        if isinstance(panel, FilesPanel):
            for item in panel.rows.items:
                name = item.part.filename
                panel.downloads.mark_saved(item.part, f"/home/ada/{name}" if name else "")
        await pilot.pause()
        painted = await pages(app, panel, pilot)
        for line in "\n".join(painted).splitlines():
            assert not BAD.search(line), ascii(line)
        panel.scroll_home(animate=False)
        await pilot.pause()
        for y in range(1, 28):
            await pilot.click(panel, offset=(12, y))
        assert not app.ran
        assert app.is_running
        await pilot.press("down", "up")
        assert app.ran == ["step(1)", "step(-1)"] or entry.name == "usage"


@pytest.mark.parametrize("place", ["source-title", "filename"])
def test_what_can_be_read_of_hostile_text_stays_readable(place: str) -> None:
    for payload in PAYLOADS:
        if place in payload["places"]:
            text = clean_line(text_of_payload(payload), 300)
            for word in payload["must"].get("visible", []):
                assert word in text, payload["id"]


async def test_tooltips_of_hostile_items_are_clean_and_carry_no_action() -> None:
    texts = [text_of_payload(payload) for payload in PAYLOADS]
    panels: list[Panel[Any]] = [SourcesPanel(), FilesPanel()]
    app = Stage(*panels)
    async with running(app, size=(68, 20)):
        for panel in panels:
            panel.show(hostile(texts))
            for at in range(panel.rows.count):
                details = panel.rows.tooltip(at)
                assert not BAD.search(details.plain.replace("\n", ""))
                assert not details.spans


async def test_the_tooltip_of_an_item_has_all_its_facts() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20), tooltips=True) as pilot:
        panel.show(session(turn(0, parts=(source(1), source(2)))))
        await pilot.pause()
        await pilot.hover(panel, offset=(6, 4))
        assert str(panel.tooltip) == (
            "2. Page number 2\nhttps://www.example.org/page/2\nnot mentioned in the answer"
        )
        await pilot.hover(panel, offset=(6, 1))
        assert panel.tooltip is None, "a heading is no source"
        await pilot.hover(panel, offset=(6, 10))
        assert panel.tooltip is None


@pytest.mark.parametrize("entry", PANELS, ids=lambda entry: entry.name)
def test_every_panel_names_itself_and_explains_its_keys(entry: PanelEntry) -> None:
    panel = entry.make()
    assert panel.id == f"panel-{entry.name}"
    (key,) = [key for key in KEYS if key.id == f"panel.{entry.name}"]
    assert key.action == f"panel('{entry.name}')"
    assert key.label == panel.BORDER_TITLE
    assert panel.can_focus
    bindings = [binding for binding in type(panel).BINDINGS if isinstance(binding, Binding)]
    assert bindings
    assert all(binding.id and binding.tooltip for binding in bindings)


@pytest.mark.parametrize("theme", [theme.name for theme in THEMES])
async def test_the_cursor_is_visible_in_every_theme(theme: str) -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 12)) as pilot:
        app.theme = theme
        panel.show(session(turn(0, parts=(source(1), source(2)))))
        await pilot.pause()
        here, below = panel.render_line(1), panel.render_line(3)
        grounds = [{segment.style.bgcolor for segment in strip if segment.style} for strip in (here, below)]
        assert grounds[0].isdisjoint(grounds[1])
        for segment in here:
            assert segment.style is not None
            assert segment.style.color != segment.style.bgcolor
        assert here.text.startswith("›")
        assert not below.text.startswith("›")


async def test_without_color_everything_still_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    panels = [entry.make() for entry in PANELS]
    app = Stage(*panels)
    assert app.no_color
    async with running(app, size=(102, 40)) as pilot:
        shown = two_turns()
        for panel in panels:
            panel.show(
                session(
                    shown.turns[0],
                    turn(1, before=shown.turns[0].snapshot, after=SECOND, parts=(source(1), file("a.csv"))),
                )
            )
        panels[1].focus()
        await pilot.pause()
        text = text_of(app)
    for sign in ("█", "▓", "▒", "░", "› 1".replace(" ", ""), "new", "$0.0123"):
        assert sign in text


@pytest.mark.parametrize("entry", PANELS, ids=lambda entry: entry.name)
async def test_a_panel_that_is_updated_before_its_layout_shows_everything_later(entry: PanelEntry) -> None:
    panel = entry.make()
    panel.show(session(turn(0, after=SECOND, parts=(source(1), file("a.csv")))))
    app = Stage(panel)
    async with running(app, size=(34, 40)) as pilot:
        await pilot.pause()
        expected = {"usage": "10,302", "sources": "Page number 1", "files": "a.csv"}[entry.name]
        assert expected in text_of(app)
        await pilot.resize_terminal(50, 12)
        panel.styles.width = 50
        await pilot.pause()
        assert "›" in text_of(app) or entry.name == "usage"
