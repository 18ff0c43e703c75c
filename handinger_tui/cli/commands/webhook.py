"""`handinger-tui webhook`: the webhook of a stored worker and its deliveries (tasks generation)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from handinger_tui.api.generations import worker_in
from handinger_tui.api.schedules import utc_text
from handinger_tui.api.stored_workers import WebhookClient
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.cli.options import add_connection_options, add_json_option, add_worker_argument
from handinger_tui.cli.output import Exit, put_result
from handinger_tui.cli.wiring import Services, generation_of, run_with_services
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import clean_line
from handinger_tui.core.schedules import moment_text
from handinger_tui.core.stored_workers import (
    Delivery,
    DeliveryPage,
    Webhook,
    check_address,
    outcome_text,
    page_text,
    reason_text,
    token_text,
    took_text,
)

if TYPE_CHECKING:
    import argparse

    from handinger_tui.core.jsontext import Json, JsonObject

DESCRIPTION: Final = "The webhook of a stored worker: an address that is notified when a task ends."
_BREAKS: Final = {
    "clear": "This removes address and token: receivers are no longer notified.",
    "token": "This replaces the token: receivers that check the old one refuse deliveries.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "action",
        choices=SUBCOMMANDS["webhook"].actions,
        help="show or set it, clear it, make a new token, or list its deliveries",
    )
    add_worker_argument(parser)
    parser.add_argument("url", nargs="?", metavar="URL", help="the address, https (set)")
    parser.add_argument("--page", type=int, default=1, metavar="N", help="page of deliveries, from 1")
    parser.add_argument("--show-token", action="store_true", help="print the token, which is a secret")
    parser.add_argument("-y", "--yes", action="store_true", help="clear, token: actually do it")
    add_json_option(parser)
    add_connection_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the action and return the exit code."""
    if args.action == "set" and not args.url:
        raise SettingsError("Which address?", "Use: handinger-tui webhook set WORKER https://…")
    if args.page < 1:
        raise SettingsError("Pages are counted from 1.", "Use another --page.")
    if args.action in _BREAKS and not args.yes:
        raise SettingsError(f"Nothing was changed. {_BREAKS[args.action]}", "Add --yes to do it.")
    return run_with_services(args, partial(_run, args))


async def _run(args: argparse.Namespace, services: Services) -> int:
    if not generation_of(services.settings).has_tasks:
        raise SettingsError(
            "Webhooks are part of the tasks generation of the API; this account is set to workers.",
            "Use --generation tasks if your account has it: doctor shows that.",
        )
    client, worker_id = WebhookClient(services.client), worker_in(args.worker)
    if args.action == "deliveries":
        page = await client.deliveries(worker_id, args.page)
        put_result(args, _page_object(worker_id, page), _page_lines(page))
        return Exit.OK
    match args.action:
        case "set":
            check_address(args.url, is_service_local=services.client.origin.loopback)
            webhook = await client.set(worker_id, args.url)
        case "clear":
            webhook = await client.clear(worker_id)
        case "token":
            webhook = await client.renew_token(worker_id)
        case _:
            webhook = await client.read(worker_id)
    put_result(args, _webhook_object(worker_id, webhook, args.show_token), _webhook_lines(webhook, args))
    return Exit.OK


def _webhook_lines(webhook: Webhook, args: argparse.Namespace) -> str:
    if webhook.url is None:
        return "No webhook."
    hint = "" if args.show_token or webhook.token is None else " (--show-token prints it)"
    token = token_text(webhook, is_shown=args.show_token)
    return f"Address: {clean_line(webhook.url, 2100)}\nToken: {token}{hint}"


def _webhook_object(worker_id: str, webhook: Webhook, is_shown: bool) -> JsonObject:
    """`token` is null unless it was asked for."""
    return {
        "worker_id": worker_id,
        "url": webhook.url,
        "has_token": webhook.token is not None,
        "token": webhook.token.reveal() if is_shown and webhook.token is not None else None,
    }


def _page_lines(page: DeliveryPage) -> str:
    now = datetime.now(UTC)
    lines = [_delivery_line(one, now) for one in page.deliveries] or ["No deliveries."]
    return "\n".join([*lines, page_text(page)]).rstrip("\n")


def _delivery_line(delivery: Delivery, now: datetime) -> str:
    cells = (
        "" if delivery.moment is None else moment_text(delivery.moment, now, None),
        outcome_text(delivery),
        took_text(delivery.duration_ms),
        delivery.task_title or delivery.task_id or "",
        reason_text(delivery),
    )
    return " · ".join(clean_line(cell) for cell in cells if cell)


def _page_object(worker_id: str, page: DeliveryPage) -> JsonObject:
    rows: list[Json] = [
        {
            "id": one.delivery_id,
            "created_at": None if one.moment is None else utc_text(one.moment),
            "delivered": one.is_delivered,
            "http_status": one.http_status,
            "duration_ms": one.duration_ms,
            "reason": one.reason,
            "task_id": one.task_id,
            "task_title": one.task_title,
            "url": one.url,
        }
        for one in page.deliveries
    ]
    return {
        "worker_id": worker_id,
        "deliveries": rows,
        "page": page.page,
        "pages": page.pages,
        "count": page.count,
    }
