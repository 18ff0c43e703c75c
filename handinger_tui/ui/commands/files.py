"""Commands about files."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.evidence import files_of
from handinger_tui.core.words import plural
from handinger_tui.ui.commands.command import Command, Context


async def files(to: Context) -> None:
    """The panel of files."""
    to.stage.show_panel("files")


async def download(to: Context) -> None:
    """Save file number n of this session, counted from 1 as listed, or all."""
    found = files_of(to.desk.session)
    if not found:
        to.stage.say("This session has no files.", "warning")
        return
    wanted = to.rest.lower()
    if wanted == "all" or (not wanted and len(found) == 1):
        chosen = found
    elif wanted.isdecimal() and 1 <= int(wanted) <= len(found):
        chosen = (found[int(wanted) - 1],)
    else:
        to.stage.say(
            f"There are {plural(len(found), 'file')}: /download 1 … {len(found)}, or /download all.",
            "warning",
        )
        return
    for entry in chosen:
        await to.stage.save(entry.part)


FILES: Final = (
    Command("files", "Files of this session", files),
    Command("download", "Save files of this session", download, takes="[N|all]"),
)
