"""The journeys. Each checks what was sent and stored, and what the front shows of the cost, to the digit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple

from handinger_tui.core.amounts import amount_text
from handinger_tui.core.export.result import Result
from tests.fronts.fronts import Front
from tests.fronts.world import LOOK_S, PATIENCE_S

PRICE: Final = Decimal("0.0413")
PAID: Final[dict[str, Any]] = {"cost_usd": PRICE}
HELD: Final[dict[str, Any]] = {"cost_usd": PRICE, "late": None}


def statuses(turns: list[Result]) -> list[str]:
    """How the turns ended."""
    return [str(turn.status) for turn in turns]


async def shows_cost(front: Front) -> None:
    """The front shows the amount of the history."""
    turn = (await front.world.turns())[-1]
    assert turn.turn_money.usd is not None
    amount, shown = amount_text(Decimal(turn.turn_money.usd)), ""
    async with asyncio.timeout(PATIENCE_S):
        while amount not in shown:
            shown = await front.cost()
            await asyncio.sleep(LOOK_S)


async def new_worker(front: Front) -> None:
    await front.send("first question")
    (turn,) = await front.world.ended(1)
    assert (turn.posts_sent, turn.turn_money.usd) == (1, str(PRICE))
    await shows_cost(front)


async def follow_up(front: Front) -> None:
    await front.send("first question")
    await front.send("second question")
    turns = await front.world.ended(2)
    assert len({turn.worker_id for turn in turns}) == 1
    assert [turn.turn_money.usd for turn in turns] == [str(PRICE)] * 2
    assert front.world.service.posts == ["first question", "second question"]


async def sources(front: Front) -> None:
    await front.send("sources about csv")
    (turn,) = await front.world.ended(1)
    shown = await front.sources()
    hosts = [str(source.url).split("/")[2] for source in turn.sources]
    assert hosts
    assert [host for host in hosts if host in shown]


async def files(front: Front) -> None:
    await front.send("a report as a file")
    (turn,) = await front.world.ended(1)
    await front.save()
    (saved, *_more) = (front.world.home / "Downloads").iterdir()
    assert saved.stat().st_size
    assert turn.files


async def queue(front: Front) -> None:
    await front.start("first question")
    await front.queue("second question")
    assert front.world.service.posts == ["first question"]
    front.world.service.late = 0.0
    front.world.service.finish()
    await front.finish(2)
    await front.world.ended(2)
    assert front.world.service.posts == ["first question", "second question"]


async def limit_reached(front: Front) -> None:
    await front.send("first question")
    await front.world.ended(1)
    await front.limit("0.04")
    await front.send("second question")
    assert front.world.service.posts == ["first question"]
    assert statuses(await front.world.turns()) == ["completed"]


async def raised(front: Front) -> None:
    await limit_reached(front)
    await front.limit("5")
    await front.again("second question")
    await front.world.ended(2)
    assert front.world.service.posts == ["first question", "second question"]


async def come_back(front: Front) -> None:
    await front.start("first question")
    front.world.service.wait_for_posts(1)
    # A new worker whose id has not come could not be found again.
    await front.world.until(lambda turns: bool(turns) and turns[-1].worker_id is not None)
    await front.leave()
    (turn,) = await front.world.ended(1)
    assert front.world.service.posts == ["first question"]
    assert turn.turn_money.usd == str(PRICE)
    await shows_cost(front)


async def refused(front: Front) -> None:
    front.world.service.refusal = 402
    await front.send("first question")
    (turn,) = await front.world.until(lambda turns: statuses(turns) == ["rejected"])
    assert turn.error is not None
    assert not turn.error.may_have_been_charged
    assert front.world.service.posts == []


async def late_cost(front: Front) -> None:
    front.world.service.figures_after = 2.0
    await front.send("first question")
    await front.world.ended(1)

    def is_priced(turns: list[Result]) -> bool:
        return turns[-1].turn_money.usd == str(PRICE)

    await front.world.until(lambda _turns: front.world.service.usage_of(only(front)).get("costUsd") != 0)
    await front.refresh()
    await front.world.until(is_priced)
    await shows_cost(front)


def only(front: Front) -> Any:
    """The one worker of the service."""
    (worker,) = front.world.service.workers.values()
    return worker


async def resend(front: Front) -> None:
    await refused(front)
    front.world.service.refusal = None
    await front.again("first question")
    turns = await front.world.ended(1)
    assert statuses(turns) == ["rejected", "completed"]
    assert front.world.service.posts == ["first question"]


async def export(front: Front) -> None:
    await front.send("echo exported words")
    await front.world.ended(1)
    await front.export()
    text = front.world.exported.read_text()
    assert "exported words" in text


class Journey(NamedTuple):
    """One journey. `how`: the service, None for the local worker with its repertoire."""

    go: Callable[[Front], Awaitable[None]]
    how: dict[str, Any] | None


JOURNEYS: Final = {
    "new worker": Journey(new_worker, PAID),
    "follow-up": Journey(follow_up, PAID),
    "sources": Journey(sources, None),
    "files saved": Journey(files, None),
    "queue": Journey(queue, HELD),
    "limit reached": Journey(limit_reached, PAID),
    "raise": Journey(raised, PAID),
    "detach and come back": Journey(come_back, HELD),
    "refused message": Journey(refused, PAID),
    "late cost": Journey(late_cost, PAID),
    "resend": Journey(resend, PAID),
    "export": Journey(export, None),
}
