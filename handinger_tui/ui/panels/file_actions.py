"""What the person does with files of the worker: save, read, open, copy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from handinger_tui.core.errors import ApiError, LinkExpired
from handinger_tui.core.evidence import file_name, listed_files
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety import JUDGED_BYTES, Verdict, clean_line, judge_file
from handinger_tui.ui.front import copy_line, open_judged
from handinger_tui.ui.panels.files import Downloads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handinger_tui.core.stream import FilePart
    from handinger_tui.ui.front import Front
    from handinger_tui.ui.ports import Fetched, Progress
    from handinger_tui.ui.sessions.controller import SessionController


EXPIRED: Final = (
    "The link to {name} was refused. It may have expired. "
    "Reading the worker again renews it and costs nothing."
)


class FileActions:
    """Carries out every request about files. `downloads` keeps their state for the panel."""

    def __init__(self, controller: SessionController, interaction: Front, downloads: Downloads) -> None:
        self._controller = controller
        self.interaction = interaction
        self._downloads = downloads
        self._folder = ""

    @property
    def listed(self) -> list[FilePart]:
        """All files of the session."""
        return [file.part for file in listed_files(self._controller.session)]

    # -- saving ------------------------------------------------------------------------
    async def save_into(self, part: FilePart) -> None:
        """Ask for a folder, with the one typed last as default, and download a file into it."""
        default = self._folder or self._controller.connection.files.folder
        folder = await self.interaction.ask_text(f"Save {file_name(part)} to which folder?", default)
        if folder:
            self._folder = folder
            await self.save([part], folder)

    async def save(self, parts: Sequence[FilePart], folder: str | None = None) -> None:
        """Download files one after the other. A failed file is reported, and the others still follow."""
        # Another session may be on the screen before all are saved.
        worker_id, paths = self.worker_id, list[str]()
        name = ""
        # All are marked before the first download, so that a second request does not download one twice.
        for part in parts:
            self._downloads.mark_saving(part)
        try:
            for part in parts:
                try:
                    paths.append(await self._save_one(part, folder, worker_id))
                    name = file_name(part)
                except ApiError as problem:
                    self.interaction.say(f"{file_name(part)}: {problem.text}", "error")
        finally:
            for part in parts:
                self._downloads.mark_not_saved(part)
        if len(paths) == 1:
            self.interaction.say(f"Saved {name} to {paths[0]}")
        elif paths:
            self.interaction.say(f"Saved {plural(len(paths), 'file')}, the last to {paths[-1]}")

    async def _save_one(self, part: FilePart, folder: str | None, worker_id: str | None) -> str:
        """Download a file of a worker; returns its path.

        Raises:
            ApiError: the download failed.
        """
        save = partial(self._controller.connection.files.save, part, folder)
        progress, path = partial(self._downloads.mark_saving, part), None
        self._downloads.mark_saving(part)
        try:
            try:
                path = await save(progress=progress)
            except LinkExpired:
                if worker_id is None or not await self._confirm_renewal(part):
                    raise
                path = await save(progress=progress, reread=worker_id)
        finally:
            if path is None:
                self._downloads.mark_not_saved(part)
            else:
                self._downloads.mark_saved(part, path)
        return path

    # -- links that expire ---------------------------------------------------------------
    @property
    def worker_id(self) -> str | None:
        """The worker of the session on the screen: reading it again renews links that expired."""
        return self._controller.session.worker_id

    async def _confirm_renewal(self, part: FilePart) -> bool:
        body = EXPIRED.format(name=file_name(part))
        return await self.interaction.confirm(
            "The link has expired", body, yes="Renew the link (free)", no="Cancel"
        )

    # -- reading and opening ---------------------------------------------------------------
    async def fetch(self, part: FilePart, max_bytes: int, progress: Progress, reread: str | None) -> Fetched:
        """The first `max_bytes` of a file, from the disk if this program saved it, else from the service.

        `reread`: the worker that is read again if the link expired.

        Raises:
            LinkExpired: the link was refused; `reread` may help.
            ApiError: the file cannot be read.
        """
        files, path = self._controller.connection.files, self._downloads.path(part)
        if path is not None and (saved := await files.read(path, max_bytes)) is not None:
            return saved
        fetched = await files.fetch(part, max_bytes, progress=progress, reread=reread)
        total = len(fetched.data) if fetched.complete else fetched.total
        if total is not None:
            self._downloads.mark_size(part, total)
        return fetched

    async def open(self, part: FilePart) -> None:
        """Save a file unless it is saved already, judge the saved file, and open it with the system program.

        Raises:
            ApiError: the download failed.
        """
        files, interaction = self._controller.connection.files, self.interaction
        worker_id, path = self.worker_id, self._downloads.path(part)
        head = await files.read(path, JUDGED_BYTES) if path is not None else None
        if path is None or head is None:
            path = await self._save_one(part, None, worker_id)
            head = await files.read(path, JUDGED_BYTES)
        if head is None:
            interaction.say(f"File not found: {path}", "warning")
            return
        # Judged by its name on disk, because the system chooses the program by that name.
        judgment = judge_file(path.replace("\\", "/").rpartition("/")[2], head.data)
        if judgment.verdict is Verdict.REFUSE:
            interaction.say(f"Saved to {path}, not opened: {judgment.reason}.", "warning")
            return
        if judgment.verdict is Verdict.ASK:
            body = f"{clean_line(path, 400)}\n\nCheck first: {judgment.reason}."
            if not await interaction.confirm("Open this file?", body, yes="Open", no="Cancel"):
                return
        if not await files.open(path):
            interaction.copy(path, "the path", "No app for this file here.")

    def copy(self, part: FilePart) -> None:
        """Copy the path where this program saved the file, else its URL."""
        path = self._downloads.path(part)
        if path is not None:
            self.interaction.copy(path, "the path")
        elif part.url[:5].lower() == "data:":
            self.interaction.say("This file has no address. Save it first.", "warning")
        else:
            copy_line(self.interaction, part.url, "the address")

    async def open_link(self, url: str, shown: str | None) -> None:
        """Judge a link in a file, then open it, ask first, or refuse."""
        await open_judged(self.interaction, url, shown, self._controller.open_link)
