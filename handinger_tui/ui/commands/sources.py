"""Commands that list, copy and save the sources of a session."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.commands.command import Command, CommandContext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handinger_tui.core.evidence.sources import Source
    from handinger_tui.core.export.exporters import SourceExporter

FOOTNOTES: Final = "footnotes"


@cache
def forms() -> Mapping[str, SourceExporter]:
    """The source exporters by name."""
    from handinger_tui.core.export.exporters import SOURCE_EXPORTERS  # noqa: PLC0415 - only when sources are exported

    return {exporter.name: exporter for exporter in SOURCE_EXPORTERS}


async def sources(context: CommandContext, argument: str) -> None:
    """Show the sources panel, group it, or copy or export all sources, as the argument says."""
    action, _, name = argument.lower().partition(" ")
    if action in ("", "hosts", "turns"):
        context.show_panel("sources")
        if action:
            context.sources.update_panel().action_group(hosts=action == "hosts")
        return
    listed, form = context.sources.update_panel().sources, name.strip() or FOOTNOTES
    if action not in ("export", "copy", FOOTNOTES) or (action != "export" and form not in forms()):
        context.interaction.say(
            f"Unknown option {clean_line(argument, 40)}. Use hosts, turns, copy FORMAT or export FORMAT "
            f"({', '.join(forms())}).",
            "warning",
        )
    elif action == "export":
        await export_sources(context, listed, name.strip())
    else:
        copy_sources(context, listed, form)


def copy_sources(context: CommandContext, listed: Sequence[Source], name: str = FOOTNOTES) -> None:
    """Copy all sources to the clipboard, formatted by the exporter with this name."""
    if not listed:
        context.interaction.say("This session has no sources.", "warning")
        return
    form = forms()[name]
    text = form.text(listed, context.controller.session)
    context.interaction.copy(text, f"{plural(len(listed), 'source')} as {form.title}")


async def export_sources(context: CommandContext, listed: Sequence[Source], name: str = "") -> None:
    """Save all sources to a file, formatted by the exporter with this name; "" asks for the exporter.

    Raises:
        ApiError: the file cannot be saved.
    """
    interaction = context.interaction
    if not listed:
        interaction.say("This session has no sources.", "warning")
        return
    if not name:
        rows = [(form.name, f"{form.title}  {form.suffix}") for form in forms().values()]
        name = await interaction.choose(f"Save {plural(len(listed), 'source')} as", rows) or ""
        if not name:
            return
    form = forms().get(name)
    if form is None:
        interaction.say(
            f"Unknown format {clean_line(name, 40)}. Use one of: {', '.join(forms())}.", "warning"
        )
        return
    session = context.controller.session
    text = form.text(listed, session)
    path = await context.controller.connection.save_text(f"sources-{session.session_id}{form.suffix}", text)
    interaction.say(f"Saved to {path}")


SOURCES: Final = (
    Command(
        "sources",
        "Show, copy or save the sources of this session",
        sources,
        takes="[hosts|turns|copy FORMAT|export FORMAT]",
        choices=("hosts", "turns", "copy", "export"),
    ),
)
