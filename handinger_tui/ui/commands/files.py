"""Commands about attachments, files and structured data."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.evidence.datasets import Dataset, datasets_of
from handinger_tui.core.formatting import plural
from handinger_tui.core.prompts.attachments import named_paths
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.ui.commands.command import Command, Context, Stage
from handinger_tui.ui.panels.files.index import Listed, listed_files, matching_files
from handinger_tui.ui.panels.list_panel import turn_in_view
from handinger_tui.ui.work.session_controller import SessionController


async def file(to: Context) -> None:
    """Attach what is named."""
    paths = named_paths(to.rest)
    if paths:
        await to.stage.drafting.add(paths)
    else:
        to.stage.say("Name a file: /file PATH, or @ in your message; F8 goes to those that go along.")


ATTACHING: Final = (Command("file", "Attach a file to the next message", file, takes="PATH"),)


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
    picked = matching_files(found, to.rest)
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


Spoken = tuple[str, int]
"""A turn's id and the position of a part in it; -1 for what is no part."""


async def data(to: Context) -> None:
    """The newest of the session, or one by its number."""
    count = len(datasets_of(to.desk.session))
    wanted = to.rest.strip()
    if wanted and not (wanted.isdecimal() and wanted.isascii() and 0 < int(wanted[:9]) <= count):
        told = f"a number from 1 to {count}" if count else "this session has none"
        to.stage.say(f"There is no data {clean_line(wanted, 20)}: {told}.", "warning")
        return
    await show_data(to.desk, to.stage, int(wanted[:9]) - 1 if wanted else None)


async def show_data(desk: SessionController, stage: Stage, at: int | Spoken | None = None) -> None:
    """The page of data, at one by its position or where it stands in the transcript; else at the newest."""
    # The screen and what it draws, 15 ms, needed only here.
    from handinger_tui.ui.pages.data import DataScreen  # noqa: PLC0415

    found = datasets_of(desk.session)
    if not found:
        stage.say("This session has no data: structured output and data parts would be shown here.")
        return
    start = at if isinstance(at, int) else _standing(found, at)
    await stage.ask(DataScreen(desk, found, start))


def _standing(found: tuple[Dataset, ...], at: Spoken | None) -> int:
    """What stands there, else the last of that turn, else the newest of all."""
    here = [
        number
        for number, one in enumerate(found)
        if at is not None and one.turn_id == at[0] and one.position in (at[1], None if at[1] < 0 else at[1])
    ]
    same_turn = [number for number, one in enumerate(found) if at is not None and one.turn_id == at[0]]
    return (here or same_turn or [len(found) - 1])[-1]


DATA: Final = (Command("data", "Structured output and data parts, as tree and table", data, takes="[N]"),)
