"""The last filter, for any text: its output is harmless, and has the computed width."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from handinger_tui.core.safety import ALWAYS_REMOVED
from handinger_tui.ui.transcript.painting import ControlFilter
from tests.chaos.hostile import CONTROL
from tests.core.test_cleaning import TEXTS

BLACK = Color(0, 0, 0)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS.map(lambda text: text.replace("\t", " ").replace("\n", " ")), max_size=4))
def test_what_passes_is_harmless_and_as_wide(texts: list[str]) -> None:
    segments = [Segment(text, Style(link="https://e.example/" if text else None)) for text in texts]
    passed = ControlFilter().apply(segments, BLACK)
    assert len(passed) == len(segments)
    for before, after in zip(segments, passed, strict=True):
        assert not CONTROL.search(after.text)
        assert all(sign.isprintable() or not ALWAYS_REMOVED.match(sign) for sign in after.text)
        assert after.style is None or after.style.link is None
        assert cell_len(after.text) == cell_len(before.text)


@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
def test_what_has_passed_passes_again_as_it_is(text: str) -> None:
    once = ControlFilter().apply([Segment(text)], BLACK)
    assert [segment.text for segment in ControlFilter().apply(once, BLACK)] == [once[0].text]
