"""What is remembered of a webhook for the runs board, and when it is read again."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from handinger_tui.core.errors import ApiError, Locked, Refused, ServerFault
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.core.webhooks import Delivery, DeliveryPage, FailedDeliveries, Webhook
from handinger_tui.engine.webhooks import WorkerWebhook
from tests.engine.fakes import PLACE
from tests.engine.test_poller import Bench
from tests.ui.fakes import FakeWebhooks

HOOK = "https://receiver.example/hook"
FAILED = DeliveryPage((Delivery(is_delivered=False, reason="Status 500.", url=HOOK),))
ONE = FailedDeliveries(1, None, "Status 500.")
Kept = tuple[FailedDeliveries | None, bool]


@dataclass
class Log:
    """What was remembered, the newest last. `trouble`: what remembering raises."""

    kept: list[Kept] = field(default_factory=list)
    trouble: Locked | None = None

    async def keep_webhook(
        self, base_url: str, worker_id: str, failed: FailedDeliveries | None, *, is_read: bool = True
    ) -> None:
        assert (base_url, worker_id) == (PLACE, "wrk_1")
        if self.trouble is not None:
            raise self.trouble
        self.kept.append((failed, is_read))


@dataclass
class Service(FakeWebhooks):
    """A service that refuses to read with `refusal`."""

    refusal: ApiError | None = None

    async def read(self, worker_id: str) -> Webhook:
        if self.refusal is not None:
            raise self.refusal
        return await super().read(worker_id)


def hook(*pages: DeliveryPage, url: str | None = HOOK) -> tuple[WorkerWebhook, Service, Log]:
    service, log = Service(Webhook(url), [*pages]), Log()
    return WorkerWebhook(service, "wrk_1", log, PLACE), service, log


async def test_what_is_read_is_remembered_and_only_of_the_newest_deliveries() -> None:
    webhook, service, log = hook(FAILED, FAILED)
    await webhook.deliveries()
    assert log.kept == [], "the address is not known"
    await webhook.read()
    await webhook.deliveries(2)
    assert log.kept == []
    await webhook.deliveries()
    await webhook.set(f"{HOOK}2")
    await webhook.read()
    await webhook.deliveries()
    # The deliveries went to the address before.
    assert log.kept == [(ONE, True), (FailedDeliveries(), False), (FailedDeliveries(), True)]
    await webhook.clear()
    service.webhook = Webhook(HOOK)
    await webhook.read_for_board()
    service.webhook = Webhook()
    await webhook.read()
    assert log.kept[3:] == [(None, True), (ONE, True), (None, True)]


async def test_nothing_is_remembered_of_a_local_worker() -> None:
    webhook = WorkerWebhook(FakeWebhooks(Webhook(HOOK), [FAILED]), "wrk_1")
    await webhook.read_for_board()
    await webhook.clear()


async def test_a_history_that_cannot_be_written_fails_no_reading() -> None:
    webhook, _, log = hook(FAILED)
    log.trouble = Locked("Locked.")
    await webhook.read()
    assert await webhook.deliveries() is FAILED


async def test_a_worker_that_was_deleted_has_no_webhook_and_one_that_cannot_be_read_keeps_it() -> None:
    webhook, service, log = hook(FAILED)
    service.refusal = ServerFault(ErrorKind.SERVER, "Down.", http_status=503)
    with pytest.raises(ServerFault):
        await webhook.read_for_board()
    assert log.kept == []
    service.refusal = Refused(ErrorKind.NOT_FOUND, "No such worker.", http_status=404)
    await webhook.read_for_board()
    assert log.kept == [(None, True)]


async def test_what_else_is_read_of_a_worker_waits_for_its_turn_and_is_not_repeated_at_once() -> None:
    bench = Bench(0)
    read_at: list[float] = []

    async def read() -> None:
        read_at.append(bench.clock.monotonic())
        raise ServerFault(ErrorKind.SERVER, "Down.", http_status=503)

    for _ in range(200):
        bench.poller.read_more("wrk_1", read)
        await bench.run(1)
    # Again after each look for late amounts.
    assert 3 <= len(read_at) <= 5, read_at
    bench.poller.close()
    count = len(read_at)
    for _ in range(100):
        bench.poller.read_more("wrk_1", read)
        await bench.run(1)
    assert len(read_at) == count
    await bench.engine.aclose()
