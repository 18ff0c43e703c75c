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
        (interaction.open if opens else interaction.run)(nothing(), doing)
        desktop.app.workers.cancel_all()
        # A coroutine that was never awaited is a warning here, and warnings are errors.
        gc.collect()
