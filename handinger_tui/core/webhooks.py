"""Webhooks of stored workers: an address that learns of each task that ended, and what became of it.

The token is a secret that receivers check: it is shown only where a person asks for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.formatting import duration
from handinger_tui.core.safety import Secret, clean_line, is_loopback

MAX_ADDRESS: Final = 2048
"""Characters of an address."""


class Webhook(Struct, frozen=True):
    """The webhook of a worker; both are None where there is none. The address is not clean."""

    url: str | None = None
    token: Secret | None = None


class Delivery(Struct, frozen=True):
    """One delivery as the service lists it; what it leaves out is None. Its texts are not clean.

    `is_delivered`: whether the receiver answered with a 2xx. `reason`: why not.
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
    """A page of deliveries, newest first, counted from 1; `pages` and `count` are None where not reported."""

    deliveries: tuple[Delivery, ...] = ()
    page: int = 1
    pages: int | None = None
    count: int | None = None


def check_address(text: str, *, is_service_local: bool = False) -> str:
    """The address that a person typed. `is_service_local`: http to this computer is accepted, too.

    Raises:
        SettingsError: it is not https, not an address or too long; nothing was sent.
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


# -- texts -----------------------------------------------------------------------------------
def token_text(webhook: Webhook, *, is_shown: bool) -> str:
    """The token, or that it is hidden."""
    if webhook.token is None:
        return "none"
    if is_shown:
        return clean_line(webhook.token.reveal(), 200)
    tail = clean_line(webhook.token.tail(), 4)
    return f"hidden, ends in {tail}" if tail else "hidden"


def outcome_text(delivery: Delivery) -> str:
    """What became of a delivery: "✓ 200", "✗ 500", "✗ no answer", "not reported"."""
    mark = {True: "✓ ", False: "✗ ", None: ""}[delivery.is_delivered]
    if delivery.http_status is not None:
        return f"{mark}{delivery.http_status}"
    words = {True: "delivered", False: "no answer", None: "not reported"}
    return f"{mark}{words[delivery.is_delivered]}"


def took_text(milliseconds: int | None) -> str:
    """How long a delivery took: "12 ms", "3.2 s"; "" where that is not reported."""
    if milliseconds is None:
        return ""
    return f"{milliseconds} ms" if milliseconds < 1000 else duration(milliseconds)


def reason_text(delivery: Delivery) -> str:
    """Why a delivery failed; "" for one that did not."""
    if delivery.is_delivered:
        return ""
    reason = clean_line(delivery.reason or "", 400)
    return reason or "The service gave no reason."


def page_text(page: DeliveryPage) -> str:
    """How many deliveries there are, and which page this is."""
    count = "" if page.count is None else f"{page.count:,} {'delivery' if page.count == 1 else 'deliveries'}"
    at = f"page {page.page:,}" + (f" of {page.pages:,}" if page.pages else "")
    return " · ".join(filter(None, [count, at if page.page > 1 or (page.pages or 0) > 1 else ""]))
