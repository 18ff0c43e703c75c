"""Table and tree views: visible rows, opening, the cursor, and large sizes."""

from __future__ import annotations

import json
import time

import pytest
from textual.strip import Strip

from handinger_tui.core.previews.trees import Node, tree_of_json, tree_of_value
from handinger_tui.ui.widgets.tables_and_trees import TableView, TreeView
from tests.core.table_samples import read_table, table_of_rows
from tests.ui.pilot import running
from tests.ui.widgets.stage import Stage, lines, settled

FRUIT = read_table(b"name,kg,note\npear,10,\napple,9,x\nfig,,y\nplum,100,z\n")


def node(data: bytes) -> Node:
    """The root of a document."""
    root = tree_of_json(data).root
    assert root is not None
    return root


async def test_numbers_lie_right_and_rows_keep_their_numbers() -> None:
    view = TableView()
    async with running(Stage(view), size=(60, 12)) as pilot:
        view.show(FRUIT)
        await pilot.pause()
        assert lines(view)[:3] == [
            "    name    kg  note",
            "›1  pear    10",
            " 2  apple    9  x",
        ]


async def test_the_cursor_moves_by_cell_and_the_complete_cell_is_shown() -> None:
    view = TableView()
    async with running(Stage(view), size=(30, 8)) as pilot:
        view.show(table_of_rows([f"c{at}" for at in range(20)], [[f"{at} " * 60 for at in range(20)]]))
        view.to_column(17)
        await pilot.press("right", "right", "right")
        assert view.rows.column == 19
        assert view.rows.full_text(view.cursor) == "c19: " + "19 " * 60
        assert "c19" in lines(view)[0]
        assert lines(view)[1].endswith("…")
        await pilot.press(*["left"] * 5)
        view.to_column(-3)
        assert view.rows.column == 0
        assert "c0" in lines(view)[0]


async def test_a_click_moves_to_the_cell() -> None:
    view = TableView()
    async with running(Stage(view), size=(60, 12)) as pilot:
        view.show(FRUIT)
        await pilot.click(view, offset=(5, 0))
        assert view.cursor == 0
        await pilot.click(view, offset=(5, 3))
        assert (view.cursor, view.cell) == (2, "fig")


async def test_ragged_odd_and_empty_tables_are_drawn() -> None:
    view = TableView()
    async with running(Stage(view), size=(20, 6)) as pilot:
        for table in (
            read_table(b""),
            read_table(b"a\n"),
            read_table(b"a,b\n1\n1,2,3\n"),
            read_table("日本,b\n漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字,x\n".encode()),
            read_table(b'a,b\n"two\nlines\tand [bold]markup[/]",1\n'),
        ):
            view.show(table)
            await pilot.press("right", "down", "y")
            await settled(pilot)
            assert all(isinstance(view.render_line(y), Strip) for y in range(6))


async def test_a_large_table_draws_only_what_is_in_sight() -> None:
    view = TableView()
    table = table_of_rows(["n", "text"], ([str(at), "x" * 50] for at in range(100_000)))
    async with running(Stage(view), size=(80, 24)) as pilot:
        view.show(table)
        await pilot.press("end")
        began = time.thread_time()
        view.refresh()
        lines(view)
        assert time.thread_time() - began < 0.5
        assert view.cell == "99999"
        assert "›100000" in lines(view)[-1]


async def test_a_tree_opens_lazily_and_closes() -> None:
    view = TreeView()
    root = node(b'{"a": {"b": [1, "two", null]}, "n": 12345678901234567890.10, "a b": true}')
    async with running(Stage(view), size=(60, 12)) as pilot:
        view.show(root)
        assert lines(view)[:4] == [
            "›▾ {} 3 members",
            "   ▸ a: {} 1 member  b: [] 3 items",
            "     n: 12345678901234567890.10",
            "     a b: true",
        ]
        await pilot.press("down", "enter", "down", "right", "down", "down")
        assert lines(view)[3:6] == [
            "       0: 1".replace("       0", "         0"),
            '›        1: "two"',
            "         2: null",
        ]
        assert (view.path, view.rows.full_text(view.cursor)) == ("$.a.b[1]", "$.a.b[1]: two")
        await pilot.press("left", "left")
        assert (view.path, view.rows.count) == ("$.a.b", 5)
        await pilot.press("end")
        assert view.path == '$["a b"]'
        await pilot.press("home", "left")
        assert view.rows.count == 1
        assert lines(view)[0].startswith("›▸ {} 3 members  a: {} 1 member, n: 123")


async def test_many_children_come_by_pages() -> None:
    view = TreeView()
    async with running(Stage(view), size=(60, 12)) as pilot:
        view.show(tree_of_value(list(range(2500))).root or node(b"0"))
        assert view.rows.count == 1 + 1000 + 1
        await pilot.press("end")
        assert "1,500 more" in lines(view)[-1]
        await pilot.press("enter", "end", "enter", "end")
        assert (view.rows.count, view.path) == (2501, "$[2499]")


async def test_deep_documents_stay_readable() -> None:
    view = TreeView()
    async with running(Stage(view), size=(40, 24)) as pilot:
        view.show(node(b"[" * 150 + b"7" + b"]" * 150))
        for _ in range(150):
            view.action_right()
            view.action_right()
        await pilot.pause()
        assert view.path == "$" + "[0]" * 150
        assert any("150›" in line and line.endswith("0: 7") for line in lines(view))


@pytest.mark.parametrize(
    ("keys", "copied"),
    [(("down",), "a\nb"), (("down", "down"), "1.0"), ((), '{\n  "t": "a\\nb",\n  "n": 1.0\n}\n')],
)
async def test_a_value_is_copied_completely(keys: tuple[str, ...], copied: str) -> None:
    view = TreeView()
    app = Stage(view)
    async with running(app, size=(60, 12)) as pilot:
        view.show(node(b'{"t": "a\\nb", "n": 1.0}'))
        await pilot.press(*keys, "y")
        await settled(pilot)
        assert app.clipboard == copied


async def test_hostile_texts_are_drawn_harmless() -> None:
    evil = "\x1b[31mred\x07\u202e[b]x[/b]"
    view = TreeView()
    async with running(Stage(view), size=(60, 12)) as pilot:
        view.show(node(json.dumps({evil: evil}).encode()))
        await pilot.press("down")
        shown = "".join(lines(view)) + view.rows.full_text(view.cursor)
        assert "[b]x[/b]" in shown
        assert not any(sign in shown for sign in ("\x1b", "\x07", "\u202e"))
