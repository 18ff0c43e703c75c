"""Summarizes attached files one after the other, each by its type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handinger_tui.local.delimited import looks_binary
from handinger_tui.local.repertoire import table_summary, text_summary
from handinger_tui.local.turn_context import Rule, TurnContext
from handinger_tui.local.words import cell

if TYPE_CHECKING:
    from handinger_tui.local.workspace import StoredFile

_TABLE_ENDINGS = (".csv", ".tsv", ".tab")


async def _perform(context: TurnContext) -> None:
    for file in context.requested_files():
        if looks_binary(file.content):
            await _describe_bytes(context, file)
        elif file.path.lower().endswith(_TABLE_ENDINGS):
            await table_summary.summarize(context, file)
        else:
            await text_summary.summarize(context, file)


async def _describe_bytes(context: TurnContext, file: StoredFile) -> None:
    await context.say(
        f"## {cell(file.path)}\n\nThis is not text, and I can only read text. What I can say of it: "
        f"{len(file.content):,} bytes, media type `{file.media_type}` by its name, SHA-256 `{file.digest}`."
    )


RULE = Rule(
    name="attachments",
    when="a file is attached, or the text names one sent before",
    does="It summarises text; of CSV and TSV it computes statistics and makes a report, a table and a chart",
    example="summarise this (with a file attached)",
    matches=lambda context: bool(context.requested_files()),
    perform=_perform,
)
