"""Every hostile text of the corpus in files of each kind, as cell, key, value and name: drawn harmless."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from textual.widget import Widget

from handinger_tui.core.stream import FilePart
from handinger_tui.ui.background import CancelToken
from handinger_tui.ui.pages.preview import Loaded, Subject, head_lines, load, view_of
from handinger_tui.ui.widgets.virtual_list import VirtualList
from tests.ui.panels.stage import BAD
from tests.ui.panels.test_panels import PAYLOADS, text_of_payload
from tests.ui.pilot import running
from tests.ui.widgets.stage import Stage, lines, settled

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = " and plain words" * 80
TEXTS = [text_of_payload(payload)[:50_000].replace("\0", "") + WORDS for payload in PAYLOADS]
"""With words and without NUL: a file with many control characters is binary, and is not drawn."""


def as_csv() -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([["name", "text"], *([text[:200], text] for text in TEXTS)])
    return out.getvalue().encode("utf-8", "replace")


def as_json() -> bytes:
    return json.dumps({f"{at}{text[:100]}": text for at, text in enumerate(TEXTS)}).encode()


def as_lines() -> bytes:
    return "\n\n".join(TEXTS).encode("utf-8", "replace")


def loaded(name: str, data: bytes) -> Loaded:
    return load(Subject(name, "", data, True), CancelToken(), lambda _: None)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", as_csv),
        ("a.json", as_json),
        ("a.md", as_lines),
        ("a.txt", as_lines),
        ("a.py", as_lines),
    ],
)
async def test_a_file_of_hostile_texts_is_drawn_harmless(name: str, content: Callable[[], bytes]) -> None:
    await draw(name, content(), least=min(len(TEXTS), 30))


async def test_of_a_binary_file_only_a_note_is_drawn() -> None:
    await draw("a.bin", bytes(range(256)) * 8, least=1)


async def draw(name: str, data: bytes, *, least: int) -> None:
    """Scroll through the preview of a file; at least so many lines have text."""
    preview = loaded(name, data)
    view: Widget = view_of(preview.facets[0].make())
    async with running(Stage(view), size=(100, 40)) as pilot:
        # Each view takes the body that it was chosen for.
        view.show(preview.facets[0].make())  # type: ignore[attr-defined]
        await settled(pilot)
        drawn = 0
        for top in range(0, min(view.virtual_size.height, 4000), 40):
            view.scroll_to(0, top, animate=False, force=True, immediate=True)
            shown = lines(view)
            drawn += sum(bool(line.strip()) for line in shown)
            assert not [line for line in shown if BAD.search(line)]
        if isinstance(view, VirtualList):
            for row in range(view.rows.count):
                view.move_to(row)
                assert not BAD.search(view.rows.full_text(view.cursor).replace("\n", ""))
        assert drawn >= least


def test_hostile_names_and_types_are_cleaned() -> None:
    for text in TEXTS:
        part = FilePart(text, text, text, None)
        for shown in (None, loaded(text, b"words")):
            head = "".join(line.plain for line in head_lines(part, [], shown, 0))
            assert not BAD.search(head)
