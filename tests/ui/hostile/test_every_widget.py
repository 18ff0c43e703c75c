"""Every widget that shows external text, fed with every hostile text."""

from __future__ import annotations

import pytest

from tests.chaos.hostile import TEXT_PAYLOADS
from tests.ui.hostile.eye import Eye
from tests.ui.hostile.sinks import SINKS
from tests.ui.hostile.texts import PLANTED, TEXTS


def test_the_corpus_is_complete() -> None:
    assert len(TEXT_PAYLOADS) == 92
    assert TEXTS.keys() > TEXT_PAYLOADS.keys()


@pytest.mark.parametrize("name", SINKS)
async def test_hostile_texts_are_nothing_but_text(name: str) -> None:
    sink = SINKS[name]
    desktop = sink.desktop()
    desktop.paints = sink.paints
    async with desktop.running(120, 40) as pilot:
        eye = Eye(desktop, pilot)
        await sink.feed(eye)
        eye.nothing_happened()
        assert set(sink.kinds) <= eye.kinds
        missing = [list(TEXTS)[at] for at in range(len(PLANTED)) if at not in eye.texts]
        assert eye.texts
        assert not (sink.all_visible and missing), missing
