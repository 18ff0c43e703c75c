"""What starts turns of a worker, and what is notified of them: `email`, `schedules` and `webhook`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from handinger_tui.api.generations import worker_id_in
from handinger_tui.api.schedules import utc_seconds_text
from handinger_tui.api.stored_workers import WebhookClient
from handinger_tui.cli.args import (
    BUDGETS,
    add_connection_options,
    add_json_option,
    add_worker_argument,
    parse_integer,
)
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.output import put_result, say
from handinger_tui.cli.run_output import progress_of
from handinger_tui.cli.wiring import Services, require_tasks, run_with_services, schedule_client
from handinger_tui.core.amounts import json_amount
from handinger_tui.core.errors import Doubtful, SettingsError
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean_line
from handinger_tui.core.schedules import (
    STANDARD,
    UNBOUNDED,
    UNSTOPPED,
    After,
    At,
    Cron,
    Every,
    NewSchedule,
    Price,
    Rule,
    Schedule,
    ScheduleList,
    added_text,
    moment_text,
    monthly_text,
    next_runs,
    price_of,
    price_sentences,
    price_tag,
    read_cron,
    read_moment,
    read_span,
    rule_text,
    run_text,
    runs_of,
    soonest_first,
)
from handinger_tui.core.stored_workers import (
    Delivery,
    DeliveryPage,
    Webhook,
    check_address,
    delivery_duration,
    delivery_outcome,
    delivery_reason,
    page_text,
    token_text,
)
from handinger_tui.core.turns.turn import fault_object

if TYPE_CHECKING:
    import argparse

    from handinger_tui.core.jsontext import Json, JsonObject


# -- the email address -------------------------------------------------------------------------
EMAIL: Final = "Show the worker's email address."


def _add_email_arguments(parser: argparse.ArgumentParser) -> None:
    add_worker_argument(parser)
    add_json_option(parser)
    add_connection_options(parser)


def show_email(args: argparse.Namespace) -> int:
    """Print the address."""

    async def print_address(services: Services) -> int:
        worker_id = worker_id_in(args.worker)
        address = clean_line(await services.client.email(worker_id))
        put_result(args, {"worker_id": worker_id, "email": address}, address)
        return Exit.OK

    return run_with_services(args, print_address)


# -- schedules ---------------------------------------------------------------------------------
UNLIMITED: Final = "unlimited"
SCHEDULES: Final = "Manage a worker's schedules (runs that start automatically)."


def _add_schedules_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=SUBCOMMANDS["schedules"].actions, help="list, add or cancel schedules"
    )
    add_worker_argument(parser)
    parser.add_argument(
        "schedule", nargs="?", metavar="SCHEDULE", help="the instruction (add) or the schedule id (cancel)"
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--at", metavar="TIME", help="once: 09:00, '2027-01-15 09:00' (local), or with Z or +01:00"
    )
    when.add_argument("--in", dest="delay", metavar="DURATION", help="once, after 90s, 15m, 2h, 1d")
    when.add_argument("--every", metavar="DURATION", help="every 15m, 2h, 1d, 1w")
    when.add_argument("--cron", metavar="CRON", help="cron expression, in the time zone of the service")
    parser.add_argument("-b", "--budget", choices=BUDGETS, help="budget of each run (default: standard)")
    parser.add_argument(
        "--yes", action="store_true", help="with add: add it, instead of only showing its price"
    )
    add_json_option(parser)
    add_connection_options(parser)


def _run_schedules(args: argparse.Namespace) -> int:
    actions = {"list": _list, "cancel": _cancel, "add": _add}
    return run_with_services(args, partial(actions[args.action], args))


# -- list ------------------------------------------------------------------------------------
async def _list(args: argparse.Namespace, services: Services) -> int:
    worker_id = worker_id_in(args.worker)
    listed = soonest_first(await schedule_client(services.client).schedules(worker_id))
    now = datetime.now(UTC)
    prices = [await _price(services, worker_id, one.rule, one.budget or STANDARD) for one in listed.schedules]
    rows: list[Json] = [
        _schedule_object(one, price, listed, now) for one, price in zip(listed.schedules, prices, strict=True)
    ]
    lines = [_row(one, price, now) for one, price in zip(listed.schedules, prices, strict=True)]
    if prices:
        lines.append(" · ".join(filter(None, [plural(len(prices), "schedule"), monthly_text(prices)])))
    if any(isinstance(one.rule, Cron) for one in listed.schedules):
        lines.append(f"Cron expressions are in the time zone {listed.zone_text}; times are local.")
    value: JsonObject = {"worker_id": worker_id, "timezone": listed.zone_name, "schedules": rows}
    put_result(args, value, "\n".join(lines) or "No schedules.")
    return Exit.OK


async def _price(services: Services, worker_id: str, rule: Rule | None, budget: str) -> Price:
    """The price by the local history. Raises LedgerError."""
    settings = services.settings
    usual = await services.ledger.charges.typical_cost(worker_id, budget, simulated=settings.local)
    return price_of(replace(usual, credit_usd=settings.credit_usd), rule)


def _row(schedule: Schedule, price: Price, now: datetime) -> str:
    next_run = "" if schedule.next_run is None else f"next {run_text(schedule.next_run, now, None)}"
    cells = (
        schedule.schedule_id,
        rule_text(schedule.rule, schedule.kind),
        next_run,
        price_tag(price),
        schedule.budget,
        schedule.instruction,
    )
    return " · ".join(clean_line(item) for item in cells if item)


# -- cancel ----------------------------------------------------------------------------------
async def _cancel(args: argparse.Namespace, services: Services) -> int:
    if not args.schedule:
        raise SettingsError("Which schedule?", "Use: handinger-tui schedules cancel WORKER SCHEDULE")
    try:
        cancelled = await schedule_client(services.client).cancel(worker_id_in(args.worker), args.schedule)
    except Doubtful as problem:
        return _report_doubt(args, "cancelled", problem)
    texts = {
        True: "Canceled.",
        False: "The service did not cancel it. List the schedules to see what is left.",
        None: "Sent, but the service did not say whether it was canceled. List the schedules to check.",
    }
    put_result(args, {"cancelled": cancelled}, texts[cancelled])
    return Exit.FAILED if cancelled is False else Exit.OK


# -- add -------------------------------------------------------------------------------------
async def _add(args: argparse.Namespace, services: Services) -> int:
    client, worker_id = schedule_client(services.client), worker_id_in(args.worker)
    now = datetime.now(UTC)
    schedule = NewSchedule(args.schedule or "", _rule_of(args, now), args.budget or STANDARD)
    listed = await client.schedules(worker_id)
    price = await _price(services, worker_id, schedule.rule, schedule.budget)
    runs = next_runs(schedule.rule, now, listed.cron_zone)
    if not args.yes:
        value: JsonObject = {
            "added": False,
            "next_runs": [utc_seconds_text(run) for run in runs],
            "price": _price_object(price),
        }
        put_result(args, value, _offer_text(schedule, price, listed, now))
        say("Nothing was added. Add --yes to add it.")
        return Exit.USAGE
    progress = progress_of(args)

    def mark_departure() -> None:
        progress.doubt = "The schedule may have been added: list the schedules before you add it again."

    try:
        added = await client.add(worker_id, schedule, mark_departure)
    except Doubtful as problem:
        if not progress.doubt:
            raise
        return _report_doubt(args, "added", problem)
    row = _schedule_object(added.schedule, price, listed, now)
    put_result(
        args,
        {"added": True, **row},
        f"{added.schedule.schedule_id}: {added_text(added, runs, now, None)}\n{price_sentences(price)}",
    )
    return Exit.OK


def _offer_text(schedule: NewSchedule, price: Price, listed: ScheduleList, now: datetime) -> str:
    runs = [run_text(run, now, None) for run in next_runs(schedule.rule, now, listed.cron_zone)]
    zone = f"; cron in {listed.zone_text}" if isinstance(schedule.rule, Cron) else ""
    return "\n".join(
        (
            f"{rule_text(schedule.rule)} · {clean_line(schedule.instruction)}",
            f"Next runs (local time{zone}; the service decides): {' · '.join(runs)}",
            price_sentences(price),
            f"{UNSTOPPED} {UNBOUNDED if schedule.budget == UNLIMITED else ''}".rstrip(),
        )
    )


def _rule_of(args: argparse.Namespace, now: datetime) -> Rule:
    """The rule of the options. Raises SettingsError."""
    if not (args.schedule or "").strip():
        raise SettingsError("What should the worker do?", "Put the instruction after the worker id.")
    if args.at is not None:
        return At(read_moment(args.at, now, None))
    if args.delay is not None:
        return After(read_span(args.delay))
    if args.every is not None:
        return Every(read_span(args.every))
    if args.cron is not None:
        return Cron(read_cron(args.cron, now))
    raise SettingsError("When should it run?", "Use --at, --in, --every or --cron.")


def _report_doubt(args: argparse.Namespace, name: str, problem: Doubtful) -> int:
    if args.json:
        put_result(args, {name: None, "error": fault_object(problem.fault())}, "")
    say(problem.text)
    return Exit.UNKNOWN


# -- JSON ------------------------------------------------------------------------------------
def _schedule_object(schedule: Schedule, price: Price, listed: ScheduleList, now: datetime) -> JsonObject:
    rule = schedule.rule
    runs: list[Json] = [utc_seconds_text(run) for run in runs_of(schedule, now, listed.cron_zone)]
    return {
        "id": schedule.schedule_id,
        "input": schedule.instruction,
        "budget": schedule.budget,
        "type": schedule.kind,
        "cron": rule.expression if isinstance(rule, Cron) else None,
        "interval_seconds": rule.seconds if isinstance(rule, Every) else None,
        "delay_seconds": rule.seconds if isinstance(rule, After) else None,
        "next_run_at": None if schedule.next_run is None else utc_seconds_text(schedule.next_run),
        "next_runs": runs,
        "price": _price_object(price),
    }


def _price_object(price: Price) -> JsonObject:
    """An estimate from earlier turns; amounts are null where there are none."""
    of = price.of_run
    return {
        "unit": str(price.unit),
        "budget": price.typical.budget,
        "per_run": json_amount(of.median),
        "per_run_low": json_amount(of.low),
        "per_run_high": json_amount(of.high),
        "per_month": json_amount(price.per_month),
        "credit_usd": json_amount(price.typical.credit_usd),
        "runs_per_month": None if price.runs is None else float(round(price.runs, 2)),
        "turns": of.counted,
        "of_other_workers": price.typical.everywhere,
    }


# -- webhook -----------------------------------------------------------------------------------
WEBHOOK: Final = "Manage a stored worker's webhook: the address that is notified when a task ends."
_BREAKS: Final = {
    "clear": "This removes address and token: receivers are no longer notified.",
    "token": "This replaces the token: receivers that check the old one refuse deliveries.",
}


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
    if args.action in _BREAKS and not args.yes:
        raise SettingsError(f"Nothing was changed. {_BREAKS[args.action]}", "Add --yes to do it.")
    return run_with_services(args, partial(_webhook, args))


async def _webhook(args: argparse.Namespace, services: Services) -> int:
    require_tasks(services.settings, "Webhooks")
    client, worker_id = WebhookClient(services.client), worker_id_in(args.worker)
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
        delivery_outcome(delivery),
        delivery_duration(delivery.duration_ms),
        delivery.task_title or delivery.task_id or "",
        delivery_reason(delivery),
    )
    return " · ".join(clean_line(cell) for cell in cells if cell)


def _page_object(worker_id: str, page: DeliveryPage) -> JsonObject:
    rows: list[Json] = [
        {
            "id": one.delivery_id,
            "created_at": None if one.moment is None else utc_seconds_text(one.moment),
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


COMMANDS: Final = {
    "email": Implementation(EMAIL, _add_email_arguments, show_email),
    "schedules": Implementation(SCHEDULES, _add_schedules_arguments, _run_schedules),
    "webhook": Implementation(WEBHOOK, _add_webhook_arguments, _run_webhook),
}
