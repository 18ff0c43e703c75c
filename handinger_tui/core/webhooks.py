"""The webhook of a stored worker: an address that the service calls after each task, and its deliveries.

Receivers check its secret token, which is shown only on request.
"""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from handinger_tui.core.columns import Align, Column, Row, Tone
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.formatting import duration, local_time, moment_text
from handinger_tui.core.safety import Secret, clean_line, is_loopback

MAX_ADDRESS: Final = 2048
"""Characters of an address."""
RENEWED_MS: Final = 600_000
"""While the runs board is open, the deliveries of a known webhook are read again after this time."""


class Webhook(Struct, frozen=True):
    """The webhook of a worker; both members are None if there is none. The address is not clean."""

    url: str | None = None
    token: Secret | None = None


class Delivery(Struct, frozen=True):
    """One delivery as the service lists it; missing members are None. Its texts are not clean.

    `is_delivered`: whether the receiver answered with 2xx. `reason`: why not.
    """

    delivery_id: str | None = None
    moment: datetime | None = None
    is_delivered: bool | None = None
    http_status: int | None = None
    duration_ms: int | None = None
    reason: str | None = None
    task_id: str | None = None
    task_title: str | None = None
    url: str | None = None


class DeliveryPage(Struct, frozen=True):
    """A page of deliveries, newest first. `page`: from 1; `pages`, `count`: None if not reported."""

    deliveries: tuple[Delivery, ...] = ()
    page: int = 1
    pages: int | None = None
    count: int | None = None


class FailedDeliveries(Struct, frozen=True):
    """How many deliveries failed in a row, the newest one included; when and why (clean) that one did."""

    count: int = 0
    newest_ms: int | None = None
    reason: str = ""


class WebhookReading(Struct, frozen=True):
    """What this computer knows of a webhook. `read_ms` 0: nothing was read since its address was set."""

    base_url: str
    worker_id: str
    read_ms: int
    failed: FailedDeliveries
    session_id: str = ""
    """The newest session of its worker; "" without one."""

    def is_due(self, now_ms: int) -> bool:
        """Whether it is to be read again, where somebody looks."""
        return now_ms - self.read_ms >= RENEWED_MS

    def failing_text(self, now_ms: int) -> str:
        """What fails, when and why, as a sentence; "as of" where the reading is old."""
        count, newest_ms = self.failed.count, self.failed.newest_ms
        whose = "its webhook" if self.session_id else f"the webhook of {clean_line(self.worker_id, 80)}"
        what = "The last delivery" if count == 1 else f"The last {count} deliveries"
        when = "" if newest_ms is None else f", most recently on {_moment(newest_ms, now_ms)}"
        is_old = now_ms - self.read_ms > 2 * RENEWED_MS
        as_of = f" As of {_moment(self.read_ms, now_ms)}." if is_old else ""
        return f"{what} of {whose} failed{when}: {self.failed.reason}{as_of}"


def _moment(at_ms: int, now_ms: int) -> str:
    return moment_text(local_time(at_ms), local_time(now_ms))


def failed_deliveries(webhook: Webhook, page: DeliveryPage) -> FailedDeliveries:
    """Those of the newest page that went to the present address, up to the first that did not fail."""
    own = takewhile(lambda one: one.url in {None, webhook.url}, page.deliveries)
    failed = [*takewhile(lambda one: one.is_delivered is False, own)]
    if not failed:
        return FailedDeliveries()
    moment = failed[0].moment
    newest_ms = None if moment is None else round(moment.timestamp() * 1000)
    return FailedDeliveries(len(failed), newest_ms, delivery_reason(failed[0]))


def check_address(text: str, *, is_service_local: bool = False) -> str:
    """Check a typed address. `is_service_local`: also accept http to this computer.

    Raises:
        SettingsError: not https, not an address, or too long; nothing was sent.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        scheme, host, is_port_usable = parts.scheme, parts.hostname or "", parts.port != 0
    except ValueError:
        scheme, host, is_port_usable = "", "", False
    if len(url) > MAX_ADDRESS:
        why = f"The address has {len(url):,} characters, and at most {MAX_ADDRESS:,} are accepted."
    elif not host or not is_port_usable or not url.isprintable() or " " in url:
        why = f"“{clean_line(url, 60)}” is not an address."
    elif scheme == "https" or (scheme == "http" and is_service_local and is_loopback(host)):
        return url
    else:
        why = "A webhook needs an address that starts with https://."
    raise SettingsError(f"{why} Nothing was sent.", "Use another address.")


DELIVERY_COLUMNS: Final = (
    Column("When"),
    Column("Outcome"),
    Column("Duration", Align.RIGHT, rank=1),
    Column("Task", least=12),
)


def delivery_row(delivery: Delivery, now: datetime) -> Row:
    """Time, outcome, duration and the title of the task."""
    tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.PLAIN}[delivery.is_delivered]
    duration_ms, moment = delivery.duration_ms, delivery.moment
    return Row(
        (
            "not known" if moment is None else moment_text(moment, now),
            delivery_outcome(delivery),
            delivery_duration(duration_ms),
            clean_line(delivery.task_title or delivery.task_id or "", 200),
        ),
        styles={1: tone},
        values={
            **({} if moment is None else {0: int(moment.timestamp())}),
            **({} if duration_ms is None else {2: duration_ms}),
        },
    )


# -- texts -----------------------------------------------------------------------------------
def token_text(webhook: Webhook, *, is_shown: bool) -> str:
    """The token, or a note that it is hidden."""
    if webhook.token is None:
        return "none"
    if is_shown:
        return clean_line(webhook.token.reveal(), 200)
    tail = clean_line(webhook.token.tail(), 4)
    return f"hidden, ends in {tail}" if tail else "hidden"


def delivery_outcome(delivery: Delivery) -> str:
    """The outcome of a delivery: "✓ 200", "✗ 500", "✗ no answer", "not reported"."""
    mark = {True: "✓ ", False: "✗ ", None: ""}[delivery.is_delivered]
    if delivery.http_status is not None:
        return f"{mark}{delivery.http_status}"
    words = {True: "delivered", False: "no answer", None: "not reported"}
    return f"{mark}{words[delivery.is_delivered]}"


def delivery_duration(milliseconds: int | None) -> str:
    """The duration of a delivery: "12 ms", "3.2 s"; "" if not reported."""
    if milliseconds is None:
        return ""
    return f"{milliseconds} ms" if milliseconds < 1000 else duration(milliseconds)


def delivery_reason(delivery: Delivery) -> str:
    """Why a delivery failed; "" if it did not fail."""
    if delivery.is_delivered:
        return ""
    reason = clean_line(delivery.reason or "", 400)
    return reason or "The service gave no reason."


def page_text(page: DeliveryPage) -> str:
    """The number of deliveries, and the number of the page."""
    count = "" if page.count is None else f"{page.count:,} {'delivery' if page.count == 1 else 'deliveries'}"
    at = f"page {page.page:,}" + (f" of {page.pages:,}" if page.pages else "")
    return " · ".join(filter(None, [count, at if page.page > 1 or (page.pages or 0) > 1 else ""]))
