"""Runs plain mode: whether it is asked for, and the conversation between the connection and the farewell."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from handinger_tui.cli import signals
from handinger_tui.cli.app import app_options, ignore_interrupts, require_target
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.read_aloud import line
from handinger_tui.core.safety import clean_line
from handinger_tui.plain.conversation import Conversation
from handinger_tui.plain.terminal import Output
from handinger_tui.ui.sessions.farewell import farewell, lost_texts

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from handinger_tui.settings import Settings


def run_plain(args: argparse.Namespace, settings: Settings, why: str) -> int:
    """Talk until the person quits; returns the exit code. `why`: what asked for plain mode.

    Raises:
        SettingsError: a replay needs the screen, or no request can name the worker or task.
    """
    if args.command == "replay":
        raise SettingsError("Plain mode plays no replays.", "Use: handinger-tui replay ID -p")
    require_target(args, settings)
    out = Output(sys.stdout)
    out.tell("plain mode", f"on, by {why}. /help lists the commands, /quit ends.")
    if settings.local:
        out.tell("local worker", "this one is built in and on your computer. Its money is simulated.")
    try:
        code = asyncio.run(_run(args, settings, out))
    finally:
        out.close()
        signals.ignore()
    return code or (Exit.LOCAL_IO if out.is_closed else Exit.OK)


async def _run(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    conversation: Conversation | None = None
    try:
        async with AsyncExitStack() as stack:
            options = app_options(args, settings, stack)
            conversation = Conversation(
                options,
                out,
                sys.stdin.fileno(),
                reads_at_end=settings.plain_reading == "end",
                rings=settings.notify != "off",
            )
            _leave_on_signals(conversation)
            code = await conversation.run()
            ignore_interrupts()
    finally:
        lost = list[str]()
        if conversation is not None:
            lost = lost_texts(conversation.controller, conversation.unsaved_texts)
            with suppress(OSError):
                _say_farewell(conversation, out, lost)
    return code or (Exit.LOCAL_IO if lost else Exit.OK)


def _say_farewell(conversation: Conversation, out: Output, lost: Sequence[str]) -> None:
    label = ""
    controller = conversation.controller
    for text in farewell(controller, ids=False) if controller.connected else ():
        # A line that continues the one before it has no label of its own.
        of, colon, words = text.partition(": ")
        label = of.strip() if colon else label
        out.tell(label, words if colon else text)
    for text in lost:
        # As it was typed: no sign of it becomes a word.
        out.put(*(line("not saved", clean_line(row)) for row in text.splitlines()))


def _leave_on_signals(conversation: Conversation) -> None:
    """Make signals end the conversation in order; the first Ctrl+C only says how to quit."""
    loop = asyncio.get_running_loop()
    for number, code in signals.CODES.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            continue
        if number == signal.SIGINT:
            loop.add_signal_handler(number, conversation.interrupt)
        else:
            loop.add_signal_handler(number, conversation.quit, code)
