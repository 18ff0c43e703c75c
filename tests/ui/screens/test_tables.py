"""Tables of answers go to the clipboard as CSV, one after the other, and never as formulas."""

from __future__ import annotations

import csv
import io

import pytest

from handinger_tui.core.safety import rows_to_csv
from handinger_tui.ui.transcript.blocks import tables_in
from handinger_tui.ui.transcript.document import render
from tests.ui.fakes import Desktop, answers

ANSWER = """Two tables.

| Name | Cost, net |
|:-----|----------:|
| Pump "A" | 1,200.50 |
| =HYPERLINK("x") | -5 |
| a \\| b | @sum |

- In a list:

  | [Link](https://a.test) | **B** |
  |---|---|
  | `x` |

The end."""
FIRST = 'Name,"Cost, net"\n"Pump ""A""","1,200.50"\n"\'=HYPERLINK(""x"")",-5\na | b,\'@sum\n'
SECOND = "Link,B\nx,\n"


async def test_one_key_copies_a_table_and_again_the_next_one() -> None:
    desktop = Desktop(api=answers(ANSWER))
    async with desktop.running(80, 24) as pilot:
        await desktop.send(pilot, "Hi")
        await desktop.shows(pilot, "✓ completed")
        await desktop.settle(pilot)
        await pilot.press("ctrl+up")
        for number, text in ((1, FIRST), (2, SECOND), (1, FIRST)):
            await pilot.press("c")
            await desktop.until(pilot, lambda: desktop.app.clipboard == text)  # noqa: B023 - awaited here
            await desktop.until(pilot, lambda: f"Copied table {number} of 2 as CSV (" in desktop.notices())  # noqa: B023 - awaited here
        assert desktop.work.prompt.text == ""
        # Marked: the message of the person, which has none.
        await pilot.press("k", "k", "k", "c")
        await desktop.until(pilot, lambda: "No table here." in desktop.notices())
        assert desktop.app.clipboard == FIRST


def test_a_reader_of_csv_gets_the_cells_of_a_table_back() -> None:
    ((head, *rows), _second) = tables_in(ANSWER)
    assert head == ["Name", "Cost, net"]
    read = list(csv.reader(io.StringIO(rows_to_csv(head, rows), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [head, *rows]


@pytest.mark.parametrize("text", ["", "a | b\n- | c", "```\n| a |\n|---|\n```", "| a |"])
def test_text_without_a_table_has_none(text: str) -> None:
    assert tables_in(text) == []


def test_a_long_row_is_one_row_on_the_screen_and_in_the_copy() -> None:
    cells = ["First " + "words " * 400, "Second " + "words " * 300, "Third"]
    text = f"| a | b | c |\n|---|---|---|\n| {' | '.join(cells)} |\n| 1 | 2 | 3 |\n"
    head, *rows = tables_in(text)[0]
    assert head == ["a", "b", "c"]
    assert rows == [[cell.strip() for cell in cells], ["1", "2", "3"]]
    shown = [row.content.plain for row in render(text, 100)]
    assert [line for line in shown if "│" in line] == [shown[0], shown[2], shown[-1]]
