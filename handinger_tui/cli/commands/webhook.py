"""`handinger-tui webhook`: the address that is notified when a task of a stored worker ends."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.api.generations import worker_id_in
from handinger_tui.api.schedules import utc_seconds_text
from handinger_tui.api.stored_workers import WebhookClient
from handinger_tui.cli.args import (
    add_connection_options,
    add_json_option,
    add_worker_argument,
    parse_integer,
)
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.output import put_result
from handinger_tui.cli.tables import list_text
from handinger_tui.cli.wiring import Services, require_tasks, run_with_services
from handinger_tui.core.documents import Document, Part
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import clean_line
from handinger_tui.core.webhooks import (
    DELIVERY_COLUMNS,
    DeliveryPage,
    Webhook,
    delivery_reason,
    delivery_row,
    page_text,
    token_text,
)
from handinger_tui.engine.webhooks import WorkerWebhook

if TYPE_CHECKING:
    import argparse

WEBHOOK: Final = "Manage a stored worker's webhook: the address that is notified when a task ends."
_QUESTIONS: Final = {"clear": WorkerWebhook.CLEAR, "token": WorkerWebhook.RENEW}


def _add_webhook_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=SUBCOMMANDS["webhook"].actions,
        help="show or set it, clear it, make a new token, or list its deliveries",
    )
    add_worker_argument(parser)
    parser.add_argument("url", nargs="?", metavar="URL", help="the address, https (set)")
    parser.add_argument("--page", type=_parse_page, default=1, metavar="N", help="page of deliveries, from 1")
    parser.add_argument("--show-token", action="store_true", help="print the token, which is a secret")
    parser.add_argument("-y", "--yes", action="store_true", help="with clear and token: confirm")
    add_json_option(parser)
    add_connection_options(parser)


def _parse_page(text: str) -> int:
    return parse_integer(text, "the page must be a number from 1", 1, 999_999_999)


def _run_webhook(args: argparse.Namespace) -> int:
    if args.action == "set" and not args.url:
        raise SettingsError("Which address?", "Use: handinger-tui webhook set WORKER https://…")
    if args.action in _QUESTIONS and not args.yes:
        raise SettingsError(f"Nothing was changed. {_QUESTIONS[args.action].body}", "Add --yes to do it.")
    return run_with_services(args, partial(_webhook, args))


async def _webhook(args: argparse.Namespace, services: Services) -> int:
    require_tasks(services.settings, "Webhooks")
    settings = services.settings
    log = None if settings.local else services.ledger.runs
    api, worker_id = WebhookClient(services.client), worker_id_in(args.worker)
    service = WorkerWebhook(api, worker_id, log, settings.base_url)
    if args.action == "deliveries":
        # The runs board counts only what went to the present address.
        await service.read()
        page = await service.deliveries(args.page)
        put_result(args, _page(service.worker_id, page), _page_lines(page))
        return Exit.OK
    match args.action:
        case "set":
            webhook, _ = await service.set(args.url)
        case "clear":
            webhook, _ = await service.clear()
        case "token":
            webhook, _ = await service.renew()
        case _:
            webhook = await service.read()
    put_result(args, _hook(service.worker_id, webhook, args.show_token), _webhook_lines(webhook, args))
    return Exit.OK


def _webhook_lines(webhook: Webhook, args: argparse.Namespace) -> str:
    if webhook.url is None:
        return "No webhook."
    hint = "" if args.show_token or webhook.token is None else " (--show-token prints it)"
    token = token_text(webhook, is_shown=args.show_token)
    return f"Address: {clean_line(webhook.url, 2100)}\nToken: {token}{hint}"


class Hook(Document, frozen=True, tag="handinger-tui/webhook/1"):
    """What `webhook show`, `set`, `clear` and `token` print. `token` is null unless it was asked for."""

    worker_id: str
    url: str | None
    has_token: bool
    token: str | None


def _hook(worker_id: str, webhook: Webhook, is_shown: bool) -> Hook:
    return Hook(
        worker_id=worker_id,
        url=webhook.url,
        has_token=webhook.token is not None,
        token=webhook.token.reveal() if is_shown and webhook.token is not None else None,
    )


def _page_lines(page: DeliveryPage) -> str:
    now = datetime.now(UTC)
    rows = [replace(delivery_row(one, now), below=delivery_reason(one)) for one in page.deliveries]
    return "\n".join(filter(None, [list_text(DELIVERY_COLUMNS, rows, "No deliveries."), page_text(page)]))


class DeliveryItem(Part, frozen=True):
    """One delivery."""

    id: str | None
    created_at: str | None
    delivered: bool | None
    http_status: int | None
    duration_ms: int | None
    reason: str | None
    task_id: str | None
    task_title: str | None
    url: str | None


class DeliveryList(Document, frozen=True, tag="handinger-tui/deliveries/1"):
    """What `webhook deliveries` prints: a page of the deliveries, newest first."""

    worker_id: str
    deliveries: list[DeliveryItem]
    page: int
    pages: int | None
    count: int | None


def _page(worker_id: str, page: DeliveryPage) -> DeliveryList:
    rows = [
        DeliveryItem(
            id=one.delivery_id,
            created_at=None if one.moment is None else utc_seconds_text(one.moment),
            delivered=one.is_delivered,
            http_status=one.http_status,
            duration_ms=one.duration_ms,
            reason=one.reason,
            task_id=one.task_id,
            task_title=one.task_title,
            url=one.url,
        )
        for one in page.deliveries
    ]
    return DeliveryList(
        worker_id=worker_id, deliveries=rows, page=page.page, pages=page.pages, count=page.count
    )


_TAKES: Final = {
    "show": "--show-token --json",
    "set": "URL --show-token --json",
    "clear": "--show-token --yes --json",
    "token": "--show-token --yes --json",
    "deliveries": "--page --json",
}
EXAMPLES: Final = (
    "webhook show wrk_1",
    "webhook set wrk_1 https://example.com/done",
)
COMMANDS: Final = {"webhook": Implementation(WEBHOOK, _add_webhook_arguments, _run_webhook, EXAMPLES, _TAKES)}
