"""The sources and files panels on a screen."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from handinger_tui.core.stream import FilePart, SourcePart
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import TextPart
from handinger_tui.ui.panels.files import FILES, FilesPanel
from handinger_tui.ui.panels.panel import FileRequest, cut_left
from handinger_tui.ui.panels.sources import SOURCES, SourcesPanel
from handinger_tui.ui.panels.usage import USAGE
from tests.ui.golden.stored import check
from tests.ui.panels.stage import Stage, count_drawn, file, reading, session, source, turn
from tests.ui.pilot import running, text_of


def evidence() -> Session:
    """Two turns with sources and files of every kind."""
    first = turn(0, parts=(source(1), source(2), file("old.csv")))
    alps = source(
        3, title="Rainfall in the Alps since 1900: a long title", url="https://climate.example.net/alps"
    )
    idn = source(4, title=None, url="https://bücher.example/katalog")
    document = SourcePart("d1", None, "Annual report 2024", "application/pdf", "report-2024.pdf")
    files = (
        file("rainfall-by-month.csv", 18_234),
        file("chart.png", 248_112, "image/png"),
        file("notes.txt", None),
    )
    return session(first, turn(1, parts=(alps, idn, document, *files)))


@pytest.mark.parametrize("columns", [30, 34, 44])
async def test_files(columns: int) -> None:
    panel = FilesPanel()
    app = Stage(panel, columns=columns)
    shown = evidence()
    async with running(app, size=(columns, 16)) as pilot:
        panel.show(shown)
        saved = panel.rows.items[1].part
        panel.downloads.mark_saved(saved, "/home/ada/Downloads/handinger/rainfall-by-month.csv")
        panel.downloads.mark_saving(panel.rows.items[2].part)
        await pilot.pause()
        check(f"panels/files-{columns}", text_of(app))


async def test_empty_lists_say_what_they_are_for() -> None:
    sources, files = SourcesPanel(), FilesPanel()
    app = Stage(sources, files)
    async with running(app, size=(68, 12)) as pilot:
        for panel in (sources, files):
            panel.show(session())
            panel.focus()
            await pilot.press("down", "enter", "y", "s", "a", "end", "pagedown")
        assert "No sources yet." in text_of(app)
        assert "No files yet." in text_of(app)
        assert not app.requests


def file_actions(app: Stage) -> list[tuple[str, list[str | None]]]:
    """The requests of the panel of files: the action, and its files."""
    actions: list[tuple[str, list[str | None]]] = []
    for ask in app.requests:
        assert isinstance(ask, FileRequest)
        actions.append((ask.action, [part.filename for part in ask.parts]))
    app.requests.clear()
    return actions


async def test_save_one_and_save_all_new() -> None:
    panel = FilesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        panel.show(evidence())
        await pilot.press("s", "a")
        assert file_actions(app) == [
            ("save", ["old.csv"]),
            ("save", ["rainfall-by-month.csv", "chart.png", "notes.txt"]),
        ]
        panel.downloads.mark_saving(panel.rows.items[1].part)
        panel.downloads.mark_saved(panel.rows.items[2].part, "/tmp/chart.png")
        await pilot.press("a", "down", "s")
        assert file_actions(app) == [("save", ["notes.txt"])]
        panel.downloads.mark_not_saved(panel.rows.items[1].part)
        await pilot.press("s")
        assert file_actions(app) == [("save", ["rainfall-by-month.csv"])]
        for entry in panel.rows.items:
            panel.downloads.mark_saved(entry.part, "/tmp/somewhere")
        await pilot.press("a")
        assert file_actions(app) == []


async def test_a_file_is_shown_opened_and_copied() -> None:
    panel = FilesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        panel.show(evidence())
        await pilot.press("enter", "o", "y")
        assert file_actions(app) == [(name, ["old.csv"]) for name in ("preview", "open", "copy")]


async def test_how_far_a_download_is() -> None:
    panel = FilesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        panel.show(evidence())
        await pilot.pause()
        part = panel.rows.items[0].part
        panel.downloads.mark_saving(part, 500, 2_000_000)
        await pilot.pause()
        assert "saving 0% of 2.0 MB" in text_of(app)
        panel.downloads.mark_saving(part, 1_500_000, 2_000_000)
        await pilot.pause()
        assert "saving 75% of 2.0 MB" in text_of(app)


async def test_another_file_of_an_earlier_name_is_marked() -> None:
    panel = FilesPanel()
    app = Stage(panel)
    first, second = (FilePart(f"https://x.test/{at}/a.csv", "text/csv", "a.csv", 10) for at in range(2))
    async with running(app, size=(44, 20)) as pilot:
        panel.show(session(turn(0, parts=(first,)), turn(1, parts=(second,))))
        await pilot.pause()
        lines = text_of(app).split("\n")
        assert "changed" not in lines[2]
        assert "turn 2" in lines[5]
        assert "changed" in lines[5]


async def test_an_unreported_size_is_shown_after_the_download() -> None:
    panel = FilesPanel()
    app = Stage(panel)
    async with running(app, size=(44, 20)) as pilot:
        panel.show(session(turn(0, parts=(FilePart("https://x.test/a", "text/csv", "a.csv"),))))
        await pilot.pause()
        assert "text/csv · turn 1" in text_of(app)
        panel.downloads.mark_size(panel.rows.items[0].part, 2048)
        await pilot.pause()
        assert "2.0 kB" in text_of(app)


async def test_the_second_click_shows_it() -> None:
    panel = FilesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        panel.show(evidence())
        await pilot.pause()
        await pilot.click(panel, offset=(8, 4))
        assert not app.requests
        assert panel.cursor == 1
        await pilot.click(panel, offset=(8, 4), times=2)
        assert file_actions(app) == [("preview", ["rainfall-by-month.csv"])]


async def test_what_only_the_worker_lists_is_shown_too() -> None:
    listed = reading(
        sources=(SourcePart("x", "https://worker.example/a", "From the worker"),),
        files=(FilePart("https://files.example/late", "application/pdf", "late.pdf", 10),),
    )
    sources, files = SourcesPanel(), FilesPanel()
    app = Stage(sources, files)
    async with running(app, size=(68, 12)) as pilot:
        for panel in (sources, files):
            panel.show(session(turn(0)))
            panel.show(session(turn(0, after=listed)))
        await pilot.pause()
        assert "From the worker" in text_of(app)
        assert "late.pdf" in text_of(app)


async def test_the_cursor_stays_on_its_file_when_the_order_changes() -> None:
    panel = FilesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        shown = evidence()
        panel.show(shown)
        await pilot.press("down")
        again = turn(2, parts=(file("old.csv"),))
        panel.show(session(*shown.turns, again))
        assert panel.current is not None
        assert panel.current.part.filename == "rainfall-by-month.csv"
        assert panel.cursor == 0


async def test_text_that_streams_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sources, files = SourcesPanel(), FilesPanel()
    app = Stage(sources, files)
    shown = evidence()
    async with running(app, size=(68, 20)) as pilot:
        for panel in (sources, files):
            panel.show(shown)
        await pilot.pause()
        drawn = [count_drawn(panel, monkeypatch) for panel in (sources, files)]
        for _ in range(5):
            shown = session(
                shown.turns[0], replace(shown.turns[1], parts=(*shown.turns[1].parts, TextPart()))
            )
            for panel in (sources, files):
                panel.show(shown)
            await pilot.pause()
        assert drawn == [[], []]
        sources.show(session(shown.turns[0]))
        await pilot.pause()
        assert drawn[0]
        assert not drawn[1]


async def test_lists_have_one_height_and_leave_most_of_the_room_to_the_figures() -> None:
    usage, sources, files = panels = [entry.make() for entry in (USAGE, SOURCES, FILES)]
    app = Stage(*panels, columns=38, stacked=True)
    async with running(app, size=(38, 40)) as pilot:
        heights = set()
        for count in (1, 2, 40):
            for panel in panels:
                panel.show(session(turn(0, parts=tuple(source(number) for number in range(count)))))
            await pilot.pause()
            heights.add(tuple(panel.size.height for panel in panels))
        assert len(heights) == 1
        assert sources.size.height >= 8, "a list stays one to read"
        assert usage.size.height > sources.size.height == files.size.height
        # The sidebar marks a list without items, which takes the room of its text.
        files.add_class("-empty")
        await pilot.pause()
        assert files.size.height == 2


def test_a_long_path_keeps_its_end() -> None:
    assert cut_left("/home/ada/x.csv", 20) == "/home/ada/x.csv"
    assert cut_left("/home/ada/x.csv", 8) == "…a/x.csv"
    assert cut_left("/home/漢字漢字", 6) == "…漢字"
    assert cut_left("漢字漢字", 5) == "…漢字"
