"""Commands about files."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.safety import clean_line
from handinger_tui.core.words import plural
from handinger_tui.ui.commands.command import Command, Context
from handinger_tui.ui.panels.files_list import Listed, chosen, listed_files
from handinger_tui.ui.panels.listing import turn_in_view


async def files(to: Context) -> None:
    """The panel of files."""
    to.stage.show_panel("files")


async def download(to: Context) -> None:
    """Save a file by number or name, the new ones, or all."""
    found = listed_files(to.desk.session)
    wanted = to.rest.strip().casefold()
    if wanted == "all":
        picked = list(found)
    elif wanted == "new":
        turn = turn_in_view(to.desk.session)
        picked = [file for file in found if turn is not None and file.turn_id == turn.turn_id]
    else:
        picked = _picked(to, found, "download")
    if picked:
        await to.stage.save([file.part for file in picked])
    elif wanted in ("all", "new"):
        to.stage.say(f"There are no {'' if wanted == 'all' else 'new '}files.", "warning")


async def preview(to: Context) -> None:
    """Look at a file by number or name."""
    for file in _picked(to, listed_files(to.desk.session), "preview"):
        to.stage.preview(file.part)


def _picked(to: Context, found: tuple[Listed, ...], command: str) -> list[Listed]:
    """The one file that was named, or the only one there is; else what to type is said."""
    if not found:
        to.stage.say("This session has no files.", "warning")
        return []
    if not to.rest.strip() and len(found) == 1:
        return list(found)
    picked = chosen(found, to.rest)
    if not picked:
        missing = f"No file is called {clean_line(to.rest, 60)}. " if to.rest.strip() else ""
        more = ", a name, new, or all" if command == "download" else ", or a name"
        to.stage.say(
            f"{missing}There are {plural(len(found), 'file')}: /{command} 1 … {len(found)}{more}.", "warning"
        )
    return picked


FILES: Final = (
    Command("files", "Files of this session", files),
    Command("download", "Save files of this session", download, takes="[N|name|new|all]"),
    Command("preview", "Look at a file here", preview, takes="[N|name]"),
)
