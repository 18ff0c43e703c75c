"""Commands about attachments, files and structured data."""

from __future__ import annotations

from typing import Final

from handinger_tui.core.evidence.datasets import Dataset, datasets_of
from handinger_tui.core.formatting import plural
from handinger_tui.core.prompts.attachments import named_paths
from handinger_tui.core.safety.cleaning import clean_line
from handinger_tui.ui.commands.command import Command, Context, Stage
from handinger_tui.ui.panels.files.index import Listed, listed_files, matching_files
from handinger_tui.ui.panels.panel import turn_in_view
from handinger_tui.ui.work.session_controller import SessionController


async def file(context: Context) -> None:
    """Attach the files with the given paths."""
    paths = named_paths(context.rest)
    if paths:
        await context.stage.composer.add(paths)
    else:
        context.stage.say("Name a file: /file PATH, or @ in your message; F8 goes to those that go along.")


ATTACHING: Final = (Command("file", "Attach a file to the next message", file, takes="PATH"),)


async def files(context: Context) -> None:
    """Show the files panel."""
    context.stage.show_panel("files")


async def download(context: Context) -> None:
    """Save a file by number or name, the new files, or all."""
    listed = listed_files(context.desk.session)
    argument = context.rest.strip().casefold()
    if argument == "all":
        selected = list(listed)
    elif argument == "new":
        turn = turn_in_view(context.desk.session)
        selected = [file for file in listed if turn is not None and file.turn_id == turn.turn_id]
    else:
        selected = _select_file(context, listed, "download")
    if selected:
        await context.stage.save([file.part for file in selected])
    elif argument in ("all", "new"):
        context.stage.say(f"There are no {'' if argument == 'all' else 'new '}files.", "warning")


async def preview(context: Context) -> None:
    """Preview a file by number or name."""
    for file in _select_file(context, listed_files(context.desk.session), "preview"):
        context.stage.preview(file.part)


def _select_file(context: Context, listed: tuple[Listed, ...], command: str) -> list[Listed]:
    """The files that the argument selects, or the only file there is; else show the syntax."""
    if not listed:
        context.stage.say("This session has no files.", "warning")
        return []
    if not context.rest.strip() and len(listed) == 1:
        return list(listed)
    selected = matching_files(listed, context.rest)
    if not selected:
        missing = f"No file is called {clean_line(context.rest, 60)}. " if context.rest.strip() else ""
        more = ", a name, new, or all" if command == "download" else ", or a name"
        context.stage.say(
            f"{missing}There are {plural(len(listed), 'file')}: /{command} 1 … {len(listed)}{more}.",
            "warning",
        )
    return selected


FILES: Final = (
    Command("files", "Files of this session", files),
    Command("download", "Save files of this session", download, takes="[N|name|new|all]"),
    Command("preview", "Look at a file here", preview, takes="[N|name]"),
)


PartPosition = tuple[str, int]
"""The id of a turn and the position of a part in it; -1 for a line that belongs to no part."""


async def data(context: Context) -> None:
    """Show the newest data of the session, or one by its number."""
    count = len(datasets_of(context.desk.session))
    number = context.rest.strip()
    if number and not (number.isdecimal() and number.isascii() and 0 < int(number[:9]) <= count):
        expected = f"a number from 1 to {count}" if count else "this session has none"
        context.stage.say(f"There is no data {clean_line(number, 20)}: {expected}.", "warning")
        return
    await show_data(context.desk, context.stage, int(number[:9]) - 1 if number else None)


async def show_data(desk: SessionController, stage: Stage, at: int | PartPosition | None = None) -> None:
    """Show the data page, at a dataset by its index or its place in the transcript; else at the newest."""
    # Importing the screen takes 15 ms; it is needed only here.
    from handinger_tui.ui.pages.data import DataScreen  # noqa: PLC0415

    datasets = datasets_of(desk.session)
    if not datasets:
        stage.say("This session has no data: structured output and data parts would be shown here.")
        return
    start = at if isinstance(at, int) else _dataset_at(datasets, at)
    await stage.ask(DataScreen(desk, datasets, start))


def _dataset_at(datasets: tuple[Dataset, ...], at: PartPosition | None) -> int:
    """The index of the dataset at a place, else of the last one of that turn, else of the newest of all."""
    at_part = [
        index
        for index, dataset in enumerate(datasets)
        if at is not None
        and dataset.turn_id == at[0]
        and dataset.position in (at[1], None if at[1] < 0 else at[1])
    ]
    in_turn = [index for index, dataset in enumerate(datasets) if at is not None and dataset.turn_id == at[0]]
    return (at_part or in_turn or [len(datasets) - 1])[-1]


DATA: Final = (Command("data", "Structured output and data parts, as tree and table", data, takes="[N]"),)
