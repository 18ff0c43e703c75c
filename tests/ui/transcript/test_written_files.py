"""A file that a tool wrote is one row: the call, with the file as a link. Other files have their own."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from handinger_tui.core.stream import FilePart
from handinger_tui.core.turns.turn import Part, ToolPart, ToolState
from handinger_tui.ui.transcript.rows import RowOptions, slot_rows, slots_of
from tests.ui.panels.stage import session, turn
from tests.ui.pilot import running
from tests.ui.transcript.screen import Stage

REPORT = FilePart("https://files.test/1/report.md", "text/markdown", "report.md", 2610)


def call(name: str, state: ToolState = ToolState.OUTPUT_AVAILABLE, **given: Any) -> ToolPart:
    return ToolPart(f"call-{name}", name, state, input=given, output={"done": True})


def rows(*parts: Part) -> list[str]:
    """The rows of these parts of a turn, without its prompt and its end."""
    slots = slots_of(replace(turn(0), parts=parts), "")[1:]
    texts = (row for slot in slots for row in slot_rows(slot, RowOptions(76)))
    return [(row.first.plain if row.first else "") + row.content.plain for row in texts]


def test_the_call_and_its_file_are_one_row() -> None:
    written = rows(call("write_file", path="out/report.md"), REPORT)
    assert written == ["▸ ● write_file  report.md  2.6 kB  text/markdown"]


def test_files_of_one_name_in_two_folders_belong_to_their_calls() -> None:
    files = [replace(REPORT, filename=f"{name}/report.md", url=f"https://files.test/{name}") for name in "ab"]
    calls = [call("write_file", path=f"/reports/{name}/report.md") for name in "ab"]
    assert [line.partition("  ")[2].partition("  ")[0] for line in rows(*calls, *files)] == [
        "a/report.md",
        "b/report.md",
    ]


def test_of_several_calls_the_last_one_has_the_file() -> None:
    first, last = rows(call("write_file", path="report.md"), call("edit_file", file="report.md"), REPORT)
    assert first == "▸ ● write_file  report.md"
    assert last.startswith("▸ ● edit_file  report.md  2.6 kB")


def test_a_file_that_was_only_read_or_is_another_one_keeps_its_row() -> None:
    for other in (
        call("read_file", path="report.md"),
        call("write_file", path="my-report.md"),
        call("write_file", ToolState.OUTPUT_ERROR, path="report.md"),
        call("write_file", ToolState.INPUT_AVAILABLE, path="report.md"),
    ):
        assert rows(other, REPORT)[1] == "▤ report.md  2.6 kB  text/markdown"


def test_two_files_of_one_call_are_both_shown() -> None:
    chart = FilePart("https://files.test/1/chart.png", "image/png", "chart.png", 900)
    shown = rows(call("create_files", first="report.md", second="chart.png"), REPORT, chart)
    assert shown == ["▸ ● create_files  report.md  2.6 kB  text/markdown", "▤ chart.png  900 B  image/png"]


def test_an_unfolded_row_still_shows_what_the_call_was_given() -> None:
    slot = slots_of(replace(turn(0), parts=(call("write_file", path="report.md"), REPORT)), "")[1]
    text = "\n".join(row.content.plain for row in slot_rows(slot, RowOptions(76, unfolded=True)))
    assert '"path": "report.md"' in text
    assert '"done": true' in text


async def test_a_click_on_the_file_opens_it_and_a_click_elsewhere_unfolds_the_call() -> None:
    app = Stage(session(replace(turn(0), parts=(call("write_file", path="report.md"), REPORT))))
    async with running(app, size=(80, 20)) as pilot:
        await pilot.pause()
        layout = app.transcript.transcript_layout
        row = layout.top_of(0, 1)
        height = layout.height
        await pilot.click(app.transcript, offset=(app.transcript.line(row).text.index("report.md") + 2, row))
        await pilot.pause()
        assert [href for href, _shown in app.links] == [REPORT.url]
        assert layout.height == height
        await pilot.click(app.transcript, offset=(app.transcript.line(row).text.index("write_file"), row))
        await pilot.pause()
        assert layout.height > height
