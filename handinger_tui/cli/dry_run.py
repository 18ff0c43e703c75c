"""`--dry-run`: shows the request that would be sent, the typical cost of such turns, and the limits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.local_files import default_paths
from handinger_tui.cli.output import put, say
from handinger_tui.cli.session_choice import chosen_session_id, destination_of, find_target_session
from handinger_tui.cli.wiring import client_of, open_ledger, turn_client_of
from handinger_tui.core.documents import AnyJson, Document, LimitPart, Part, SpreadPart, members
from handinger_tui.core.errors import LimitStop
from handinger_tui.core.formatting import size
from handinger_tui.core.jsontext import dump
from handinger_tui.core.safety import clean, clean_json
from handinger_tui.core.turns.session import Destination, Service, Session
from handinger_tui.core.turns.turn import Attachment, StartPolicy, TurnRequest

if TYPE_CHECKING:
    import argparse

    from handinger_tui.ledger.ledger import Ledger
    from handinger_tui.settings import Settings


def run(args: argparse.Namespace, settings: Settings, prompt: str, files: tuple[Attachment, ...]) -> int:
    """Print the request without sending it."""
    return asyncio.run(_run(args, settings, prompt, files))


async def _run(
    args: argparse.Namespace, settings: Settings, prompt: str, files: tuple[Attachment, ...]
) -> int:
    keep_history = not args.no_history
    ledger, warning = await open_ledger(settings, default_paths(), keep_history=keep_history)
    try:
        if warning:
            say(warning)
        session = await _target_session(ledger, args, settings)
        typical_cost = await ledger.charges.typical_cost(
            session.worker_id or session.stored_worker_id,
            settings.budget,
            simulated=settings.local,
            prices=settings.prices,
        )
        gauges = await ledger.limits.gauges(session)
        # A local worker ends with its program, so the next message starts a new worker.
        worker_id = None if settings.local else session.worker_id
        stored_worker_id = session.stored_worker_id
        turn_request = TurnRequest(
            "turn_…", prompt, 0, worker_id, settings.budget, files, stored_worker_id=stored_worker_id
        )
        start = StartPolicy.UNMEASURED if args.allow_unmeasured else StartPolicy.MEASURED
        reached = await ledger.refusal(session, turn_request, start)
        refusal = ledger.no_history or reached
    finally:
        await ledger.aclose()
    request = _request_part(settings, turn_request)
    if args.output_format in ("json", "stream-json"):
        usual = UsualCost(
            budget=typical_cost.budget,
            usd=typical_cost.usd.part,
            credits=typical_cost.credits.part,
            of_other_workers=typical_cost.everywhere,
        )
        limits = [gauge.part for gauge in gauges]
        would_send = refusal is None
        document = DryRun(request=request, usual=usual, limits=limits, would_send=would_send, sent=False)
        put(dump(clean_json(members(document))))
    else:
        lines = [*_request_lines(request), f"Cost: {typical_cost.text}.", *(gauge.text for gauge in gauges)]
        if refusal is not None:
            reason = refusal.reason if isinstance(refusal, LimitStop) else refusal.summary
            lines.append(f"It would be blocked: {reason}")
        put("\n".join(lines))
    if refusal is None:
        return Exit.OK
    return Exit.PAYMENT if isinstance(refusal, LimitStop) else Exit.LOCAL_IO


async def _target_session(ledger: Ledger, args: argparse.Namespace, settings: Settings) -> Session:
    """Return the session that the message would go to, from the history; the service is not read."""
    session, destination = None, destination_of(args, settings)
    service = Service(settings.base_url, settings.generation)
    if destination is not None and destination.target is not None:
        session = await find_target_session(ledger, ledger.load, destination.target, service)
    elif args.last or args.resume is not None:
        session = await ledger.load(await chosen_session_id(ledger, None if args.last else args.resume))
    target, stored_worker_id = destination or Destination()
    return session or Session("", 0, target, stored_worker_id, settings.generation, settings.base_url)


class RequestFile(Part, frozen=True):
    """A file that is sent along. `size`: in bytes."""

    name: str
    size: int
    media_type: str


class RequestPart(Part, frozen=True):
    """Route and body as they would be sent, without the key."""

    method: str
    url: str
    service: str
    key: str
    content_type: str
    body: dict[str, AnyJson]
    files: list[RequestFile]


class UsualCost(Part, frozen=True):
    """What such turns usually cost."""

    budget: str
    usd: SpreadPart
    credits: SpreadPart
    of_other_workers: bool


class DryRun(Document, frozen=True, tag="handinger-tui/dry-run/1"):
    """What `--dry-run` prints: the request that would be sent, its usual cost, and the limits."""

    request: RequestPart
    usual: UsualCost
    limits: list[LimitPart]
    would_send: bool
    sent: bool


def _request_part(settings: Settings, turn_request: TurnRequest) -> RequestPart:
    address = "http://127.0.0.1" if settings.local else settings.base_url
    client = client_of(settings, address, settings.key.reveal() or "local-worker")
    url, body = turn_client_of(settings, client).turn_request(turn_request)
    files = [
        RequestFile(name=file.name, size=file.size, media_type=file.media_type)
        for file in turn_request.attachments
    ]
    return RequestPart(
        method="POST",
        url=url.removeprefix(address) if settings.local else url,
        service="local worker" if settings.local else settings.base_url,
        key="none needed" if settings.local else f"sent, ends in {settings.key.tail() or '…'}",
        content_type="multipart/form-data" if files else "application/json",
        body={**body},
        files=files,
    )


def _request_lines(request: RequestPart) -> list[str]:
    service = "" if request.url.startswith(request.service) else f"{request.service}; "
    lines = [
        "Dry run: nothing is sent. The request would be:",
        f"  {request.method} {request.url}   ({service}key: {request.key})",
    ]
    lines += [
        f"  {name}: {clean(value) if isinstance(value, str) else dump(value)}"
        for name, value in request.body.items()
    ]
    return lines + [f"  file: {clean(file.name)} ({size(file.size)})" for file in request.files]
