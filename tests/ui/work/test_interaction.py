"""What the work screen runs in the background."""

from __future__ import annotations

import gc

import pytest

from tests.ui.fakes import Desktop


@pytest.mark.parametrize("doing", ["", "nothing is done yet"])
@pytest.mark.parametrize("opens", [False, True])
async def test_work_that_is_cancelled_before_its_first_step_leaves_nothing_behind(
    doing: str, opens: bool
) -> None:
    desktop = Desktop()

    async def nothing() -> None: ...

    async with desktop.running():
        interaction = desktop.work.interaction
        start = interaction.open if opens else interaction.run
        start(nothing(), doing)
        desktop.app.workers.cancel_all()
    start(nothing(), doing)
    # A coroutine that was never awaited is a warning here, and warnings are errors. In a cycle of garbage
    # nothing says which object ends first.
    cycle: list[object] = [interaction]
    cycle.append(cycle)
    del desktop, interaction, start, cycle
    gc.collect()
