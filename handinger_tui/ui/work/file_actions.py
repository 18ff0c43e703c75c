"""Actions of the work screen on files of the worker: save, preview, open and copy."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from handinger_tui.core.errors import ApiError, LinkExpired
from handinger_tui.core.formatting import plural
from handinger_tui.core.safety.cleaning import Verdict, clean_line
from handinger_tui.core.safety.open_policy import HEAD, judge_file
from handinger_tui.core.turns.turn import FilePart
from handinger_tui.ui.background import run_in_thread
from handinger_tui.ui.panels.files.index import listed_files
from handinger_tui.ui.panels.files.panel import file_name
from handinger_tui.ui.ports import Fetched, Progress

if TYPE_CHECKING:
    # The screen imports this module.
    from handinger_tui.ui.work.screen import BaseWorkScreen

EXPIRED: Final = (
    "The address of {name} is refused: it may have expired. Reading the worker again brings a fresh one. "
    "That is a GET and costs nothing."
)


class FileActions:
    """Carries out every request about files. Questions and messages are shown by the work screen."""

    def __init__(self, screen: BaseWorkScreen) -> None:
        self._screen = screen
        self._folder = ""

    def do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine; its error is shown on the work screen."""
        self._screen.do(coroutine)

    # -- saving ------------------------------------------------------------------------
    async def save_into(self, part: FilePart) -> None:
        """Ask for a folder, with the one typed last as default, and download a file into it."""
        from handinger_tui.ui.dialogs.confirm import Ask  # noqa: PLC0415 - once there is a question

        default = self._folder or self._screen.connection.files.folder
        folder = await self._screen.stage.ask(Ask(f"Save {file_name(part)} into which folder?", default))
        if folder:
            self._folder = folder
            await self.save([part], folder)

    async def save(self, parts: Sequence[FilePart], folder: str | None = None) -> None:
        """Download files one after the other. A failed file is reported, and the others still follow."""
        paths: list[str] = []
        name = ""
        # All are marked before the first download, so that a second request does not download one twice.
        for part in parts:
            self._screen.side.files.downloads.mark_saving(part)
        try:
            for part in parts:
                try:
                    paths.append(await self._save_one(part, folder))
                    name = file_name(part)
                except ApiError as problem:
                    message = f"{file_name(part)}: {problem.summary} {problem.hint}".strip()
                    self._screen.stage.say(message, "error")
        finally:
            for part in parts:
                self._screen.side.files.downloads.mark_not_saved(part)
        if len(paths) == 1:
            self._screen.stage.say(f"Saved {name} as {paths[0]}")
        elif paths:
            self._screen.stage.say(f"Saved {plural(len(paths), 'file')}, the last one as {paths[-1]}")

    async def _save_one(self, part: FilePart, folder: str | None = None) -> str:
        """Download a file; returns its path.

        Raises:
            ApiError: the download failed.
        """
        downloads = self._screen.side.files.downloads
        path: str | None = None

        def progress(received: int, total: int | None) -> None:
            downloads.mark_progress(part, received, total)

        downloads.mark_saving(part)
        try:
            path = await self._download(part, folder, progress)
        finally:
            if path is None:
                downloads.mark_not_saved(part)
            else:
                downloads.mark_saved(part, path)
        return path

    async def _download(self, part: FilePart, folder: str | None, progress: Progress) -> str:
        files = self._screen.connection.files
        try:
            return await files.save(part, folder, progress=progress)
        except LinkExpired:
            if not self.renewable or not await self._confirm_renewal(part):
                raise
        return await files.save(part, folder, progress=progress, reread=self._worker_id)

    # -- links that expire ---------------------------------------------------------------
    @property
    def renewable(self) -> bool:
        """Whether an expired link can be renewed: there is a worker to read again."""
        return self._worker_id is not None

    @property
    def _worker_id(self) -> str | None:
        return self._screen.at_work.session.worker_id

    async def _confirm_renewal(self, part: FilePart) -> bool:
        from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - once there is a question

        body = EXPIRED.format(name=file_name(part))
        answer = await self._screen.stage.ask(
            Confirm("The link has expired", body, yes="Read again (free)", no="Leave it")
        )
        return bool(answer)

    # -- showing -------------------------------------------------------------------------
    def preview(self, part: FilePart) -> None:
        """Show a file over the work screen, in the list of all files of the session."""
        parts = [file.part for file in listed_files(self._screen.at_work.session)]
        index = next((index for index, other in enumerate(parts) if other.url == part.url), None)
        if index is None:
            parts, index = [part], 0
        self.do(self._show_preview(parts, index))

    async def _show_preview(self, parts: Sequence[FilePart], index: int) -> None:
        # Importing the preview takes 30 ms: the first one imports it in a thread, while keys are handled.
        await run_in_thread(lambda: import_module("handinger_tui.ui.pages.preview"))
        from handinger_tui.ui.pages.preview import PreviewScreen  # noqa: PLC0415 - just loaded

        await self._screen.app.push_screen(PreviewScreen(parts, index, self))

    def preview_link(self, url: str) -> bool:
        """Preview the file of the session with the clicked URL; False when there is none.

        A browser would request it without the API key, and cannot resolve a relative URL.
        """
        files = listed_files(self._screen.at_work.session)
        part = next((file.part for file in files if file.part.url == url), None)
        if part is not None:
            self.preview(part)
        return part is not None

    async def fetch(self, part: FilePart, max_bytes: int, progress: Progress, *, renew: bool) -> Fetched:
        """The first `max_bytes` of a file, from the disk if this program saved it, else from the service.

        Raises:
            LinkExpired: the link was refused; `renew` may help.
            ApiError: the file cannot be read.
        """
        files, path = self._screen.connection.files, self._screen.side.files.downloads.path(part)
        if path is not None and (saved := await files.read(path, max_bytes)) is not None:
            return saved
        reread = self._worker_id if renew else None
        fetched = await files.fetch(part, max_bytes, progress=progress, reread=reread)
        total = len(fetched.data) if fetched.whole else fetched.total
        if total is not None:
            self._screen.side.files.downloads.mark_size(part, total)
        return fetched

    async def follow(self, url: str, shown: str) -> None:
        """Open a link of a preview."""
        await self._screen.stage.open(url, shown)

    # -- opening and copying -------------------------------------------------------------
    async def open(self, part: FilePart) -> None:
        """Save a file unless it is saved already, judge the saved file, and open it with the system program.

        Raises:
            ApiError: the download failed.
        """
        files, stage = self._screen.connection.files, self._screen.stage
        path = self._screen.side.files.downloads.path(part)
        head = await files.read(path, HEAD) if path is not None else None
        if path is None or head is None:
            path = await self._save_one(part)
            head = await files.read(path, HEAD)
        if head is None:
            stage.say(f"It is there no more: {path}", "warning")
            return
        # Judged by its name on disk, because the system chooses the program by that name.
        judgment = judge_file(path.replace("\\", "/").rpartition("/")[2], head.data)
        if judgment.verdict is Verdict.REFUSE:
            stage.say(f"Saved, not opened: {judgment.reason}. It lies at {path}", "warning")
            return
        if judgment.verdict is Verdict.ASK:
            from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - once there is a question

            body = f"{clean_line(path, 400)}\n\nReason to look: {judgment.reason}."
            if not await stage.ask(Confirm("Open this file?", body, yes="Open it", no="Leave it")):
                return
        if not await files.open(path):
            stage.copy(path, "the path, since there is no program for it here")

    def copy(self, part: FilePart) -> None:
        """Copy the path where this program saved the file, else its URL."""
        path = self._screen.side.files.downloads.path(part)
        if path is not None:
            self._screen.stage.copy(path, "the path")
        elif part.url[:5].lower() == "data:":
            self._screen.stage.say("It has no address of its own: save it first.", "warning")
        else:
            self._screen.stage.copy(part.url, "the address of the file")
