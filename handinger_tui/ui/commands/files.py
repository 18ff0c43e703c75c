"""Commands about attachments, files, structured data and sources."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from handinger_tui.core.evidence import (
    Dataset,
    ListedFile,
    Source,
    datasets_of,
    listed_files,
    matching_files,
)
from handinger_tui.core.formatting import plural
from handinger_tui.core.prompts import named_paths
from handinger_tui.core.safety import clean_line
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.commands.command import (
    HAS_FOLDER,
    Command,
    CommandContext,
    PartPosition,
    has_folder,
    number_in,
    numbers_to,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handinger_tui.core.export.exporters import SourceExporter
    from handinger_tui.core.stream import FilePart


async def file(context: CommandContext, argument: str) -> None:
    """Attach the files with the given paths."""
    paths = named_paths(argument)
    if paths:
        await context.message.attachments.add(paths)
    else:
        context.interaction.say(
            "Which file? Use /file PATH, or type @ in your message. Press F8 to see the attachments."
        )


async def files(context: CommandContext, _argument: str) -> None:
    """Show the files panel."""
    context.view.show_panel("files")


async def download(context: CommandContext, argument: str) -> None:
    """Save a file by number or name, the new files, or all."""
    session = context.controller.session
    listed = listed_files(session)
    name = argument.strip().casefold()
    if name == "all":
        selected = list(listed)
    elif name == "new":
        turn = session.in_view
        selected = [file for file in listed if turn is not None and file.turn_id == turn.turn_id]
    else:
        selected = _select_file(context, listed, argument, "download")
    if selected:
        await context.files.save([file.part for file in selected])
    elif name in ("all", "new"):
        context.interaction.say(f"There are no {'' if name == 'all' else 'new '}files to save.", "warning")


async def preview(context: CommandContext, argument: str) -> None:
    """Preview a file by number or name."""
    listed = listed_files(context.controller.session)
    for file in _select_file(context, listed, argument, "preview"):
        await show_preview(context, file.part)


async def show_preview(context: CommandContext, part: FilePart) -> None:
    """Show a file over the work screen, in the list of all files of the session."""
    parts = context.files.listed
    index = next((index for index, other in enumerate(parts) if other.url == part.url), None)
    if index is None:
        parts, index = [part], 0
    # Importing the preview takes 40 ms: the first one imports it in a thread, while keys are handled.
    await run_in_thread(lambda: import_module("handinger_tui.ui.pages.preview"))
    from handinger_tui.ui.pages.preview import PreviewScreen  # loaded by the thread

    await context.interaction.ask(PreviewScreen(parts, index, context.files))


def _select_file(
    context: CommandContext, listed: tuple[ListedFile, ...], argument: str, command: str
) -> list[ListedFile]:
    """The files that the argument selects, or the only file there is; else show the syntax."""
    if not listed:
        context.interaction.say("This session has no files.", "warning")
        return []
    if not argument.strip() and len(listed) == 1:
        return list(listed)
    selected = matching_files(listed, argument)
    if not selected:
        missing = f"File not found: {clean_line(argument, 60)}. " if argument.strip() else ""
        more = ", a name, new, or all" if command == "download" else " or a name"
        context.interaction.say(f"{missing}Use /{command} with {numbers_to(len(listed))}{more}.", "warning")
    return selected


async def data(context: CommandContext, argument: str) -> None:
    """Show the newest data of the session, or one by its number."""
    count = len(datasets_of(context.controller.session))
    text = argument.strip()
    number = number_in(text, count)
    if text and number is None:
        expected = f"Use {numbers_to(count)}." if count else "This session has no data."
        context.interaction.say(f"No data item {clean_line(text, 20)}. {expected}", "warning")
        return
    await show_data(context, None if number is None else number - 1)


async def show_data(context: CommandContext, at: int | PartPosition | None) -> None:
    """Show the data page, at a dataset by its index or its place in the transcript; else at the newest."""
    from handinger_tui.ui.pages.data import DataScreen  # 20 ms

    datasets = datasets_of(context.controller.session)
    if not datasets:
        context.interaction.say("This session has no structured output or data yet.")
        return
    start = at if isinstance(at, int) else _dataset_at(datasets, at)
    await context.interaction.ask(DataScreen(context.controller, datasets, start))


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


ATTACHING: Final = (Command("file", "Attach a file to the next message", file, takes="PATH"),)
FILES: Final = (
    Command("files", "Show the files of this session", files),
    Command("download", "Save files to this computer", download, takes="[N|name|new|all]"),
    Command(
        "preview",
        "Preview a file",
        preview,
        takes="[N|name]",
        opens=True,
        instead="/download saves the file.",
    ),
    Command(
        "data",
        "View structured output and data as a tree or table",
        data,
        takes="[N]",
        opens=True,
        instead="/export json saves it.",
    ),
)


FOOTNOTES: Final = "footnotes"


@cache
def forms() -> Mapping[str, SourceExporter]:
    """The source exporters by name."""
    from handinger_tui.core.export.exporters import SOURCE_EXPORTERS  # 20 ms

    return {exporter.name: exporter for exporter in SOURCE_EXPORTERS}


async def sources(context: CommandContext, argument: str) -> None:
    """Show the sources panel, group it, or copy or export all sources, as the argument says."""
    action, _, name = argument.partition(" ")
    action = action.lower()
    if action in ("", "hosts", "turns"):
        context.view.show_panel("sources")
        if action and context.view.screen is not None:
            context.screen.group_sources(hosts=action == "hosts")
        return
    listed, form = context.view.sources, name.strip().lower() or FOOTNOTES
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
    """Save all sources to a file, in the form with this name or of this file name; "" asks for the form.

    Raises:
        ApiError: the file cannot be saved.
    """
    interaction, session = context.interaction, context.controller.session
    if not listed:
        interaction.say("This session has no sources.", "warning")
        return
    if not name:
        rows = [(form.name, f"{form.title}  {form.suffix}") for form in forms().values()]
        name = await interaction.choose(f"Save {plural(len(listed), 'source')} as", rows) or ""
        if not name:
            return
    from handinger_tui.core.export.exporters import export_name, find_exporter  # as in `forms`

    form = find_exporter([*forms().values()], name)
    if form is None:
        interaction.say(
            f"Unknown format {clean_line(name, 40)}. Use one of: {', '.join(forms())}.", "warning"
        )
        return
    if has_folder(name):
        interaction.say(HAS_FOLDER, "warning")
        return
    text = form.text(listed, session)
    file_name = export_name(form, name, f"sources-{session.session_id}")
    path = await context.controller.connection.save_text(file_name, text)
    interaction.say(f"Saved to {path}")


SOURCES: Final = (
    Command(
        "sources",
        "Show, copy or save the sources of this session",
        sources,
        takes="[hosts|turns|copy FORMAT|export FORMAT|FILE]",
        choices=("hosts", "turns", "copy", "export"),
    ),
)
