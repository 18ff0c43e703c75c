"""`--dry-run`: the request as it would be sent, what such turns usually take, and the limits."""

from __future__ import annotations

import argparse
import asyncio
from decimal import Decimal

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.output import put, say
from handinger_tui.cli.paths import default_paths
from handinger_tui.cli.wiring import client_of, opened_ledger, purse_of
from handinger_tui.core.errors import NoHistory
from handinger_tui.core.formatting import size
from handinger_tui.core.jsontext import Json, as_object, dump, parse
from handinger_tui.core.money.amounts import decimal_text
from handinger_tui.core.money.limits import Gauge, Limit, blocking, reached_text, spent_text
from handinger_tui.core.money.typical_cost import Spread, TypicalCost, typical_cost_text
from handinger_tui.core.safety.cleaning import clean, clean_json
from handinger_tui.core.turns.session import Session
from handinger_tui.core.turns.turn import Attachment, TurnRequest
from handinger_tui.ledger.ledger import Ledger
from handinger_tui.settings import Settings

JsonObject = dict[str, Json]
SCHEMA = "handinger-tui/dry-run/1"


def run(told: argparse.Namespace, settings: Settings, prompt: str, files: tuple[Attachment, ...]) -> int:
    """Print what would be sent."""
    return asyncio.run(_run(told, settings, prompt, files))


async def _run(
    told: argparse.Namespace, settings: Settings, prompt: str, files: tuple[Attachment, ...]
) -> int:
    keep_history = not getattr(told, "no_history", False)
    ledger, warning = await opened_ledger(settings, default_paths(), keep_history=keep_history)
    try:
        if warning:
            say(warning)
        session = await _session(ledger, told, settings)
        usual = await ledger.usual(session.worker_id, settings.budget, simulated=settings.local)
        gauges = await purse_of(settings, ledger).gauges(session)
        refused = ledger.no_history
    finally:
        await ledger.aclose()
    # The local worker ends with the program: the next message starts a new one.
    worker_id = None if settings.local else session.worker_id
    order = TurnRequest("dry-run", prompt, 0, worker_id, settings.budget, files)
    request = _request(settings, order)
    if told.output_format in ("json", "stream-json"):
        put(dump(clean_json(_object(request, usual, gauges, refused))))
    else:
        put(_text(request, usual, gauges, refused))
    if refused is not None:
        return Exit.LOCAL_IO
    return Exit.PAYMENT if blocking(gauges) else Exit.OK


async def _session(ledger: Ledger, told: argparse.Namespace, settings: Settings) -> Session:
    """The session it would go to, as the history knows it; nothing is read from the service."""
    from handinger_tui.cli.headless import chosen_id  # noqa: PLC0415 - it imports this module's neighbours

    found = None
    if told.worker:
        known = await ledger.find(told.worker)
        loaded = [await ledger.load(session_id) for session_id in known]
        found = next((one for one in loaded if one is not None and one.worker_id == told.worker), None)
    elif told.last or told.resume is not None:
        found = await ledger.load(await chosen_id(ledger, None if told.last else told.resume))
    return found or Session("", 0, told.worker, base_url=settings.base_url)


def _request(settings: Settings, order: TurnRequest) -> JsonObject:
    """The route and body as the client makes them; the key is only said to go along."""
    address = "http://127.0.0.1" if settings.local else settings.base_url
    url, start = client_of(settings, address, settings.key.reveal() or "local-worker").turn_request(order)
    files: list[Json] = [
        {"name": one.name, "size": one.size, "media_type": one.media_type} for one in order.attachments
    ]
    return {
        "method": "POST",
        "url": url.removeprefix(address) if settings.local else url,
        "service": "local worker" if settings.local else settings.base_url,
        "key": "none needed" if settings.local else f"sent, ends in {settings.key.tail() or '…'}",
        "content_type": "multipart/form-data" if files else "application/json",
        "body": as_object(parse(start.body().decode())),
        "files": files,
    }


def _object(
    request: JsonObject, usual: TypicalCost, gauges: tuple[Gauge, ...], refused: NoHistory | None
) -> JsonObject:
    limits: list[Json] = [_limit(gauge) for gauge in gauges]
    ranges: JsonObject = {
        "budget": usual.budget,
        "usd": _range(usual.usd),
        "credits": _range(usual.credits),
        "of_other_workers": usual.everywhere,
    }
    reached = blocking(gauges)
    would: JsonObject = {"would_send": reached is None and refused is None, "sent": False}
    return {"schema": SCHEMA, "request": request, "usual": ranges, "limits": limits, **would}


def _limit(gauge: Gauge) -> JsonObject:
    limit: Limit = gauge.limit
    return {
        "scope": str(limit.scope),
        "unit": str(limit.unit),
        "amount": decimal_text(limit.amount),
        "spent": _decimal(gauge.spent.value),
        "missing_turns": gauge.spent.missing_turns,
        "state": gauge.state.name.lower(),
        "origin": str(limit.origin),
    }


def _range(spread: Spread) -> JsonObject:
    amounts = {name: _decimal(getattr(spread, name)) for name in ("low", "median", "high", "p90", "most")}
    return {"turns": spread.known, "not_reported": spread.unknown, **amounts}


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def _text(
    request: JsonObject, usual: TypicalCost, gauges: tuple[Gauge, ...], refused: NoHistory | None
) -> str:
    body = as_object(request["body"])
    lines = [
        "Nothing is sent. It would be:",
        f"  {request['method']} {request['url']}   ({request['service']}; key: {request['key']})",
    ]
    lines += [
        f"  {name}: {clean(value) if isinstance(value, str) else dump(value)}" for name, value in body.items()
    ]
    for one in request["files"] if isinstance(request["files"], list) else []:
        file = as_object(one)
        length = file["size"]
        lines.append(
            f"  file: {clean(str(file['name']))} ({size(length if isinstance(length, int) else None)})"
        )
    lines.append(f"Cost: {typical_cost_text(usual)}.")
    lines += [f"Limit, {gauge.limit.scope}: {spent_text(gauge)}." for gauge in gauges]
    reached = blocking(gauges)
    if reached is not None:
        lines.append(f"It would be refused: {reached_text(reached)}")
    if refused is not None:
        lines.append(f"It would be refused: {refused.summary}")
    return "\n".join(lines)
