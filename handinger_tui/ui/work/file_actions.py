"""Filing: what the work screen does about the worker's files: save, show, open, copy."""

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
    # The screen makes it.
    from handinger_tui.ui.work.screen import Footing

EXPIRED: Final = (
    "The address of {name} is refused: it may have expired. Reading the worker again brings a fresh one. "
    "That is a GET and costs nothing."
)


class FileActions:
    """Every wish about files ends here. One thing at a time is asked, said and shown by the work screen."""

    def __init__(self, screen: Footing) -> None:
        self._screen = screen
        self._folder = ""

    def do(self, deed: Coroutine[Any, Any, None]) -> None:
        """Run it; what goes wrong is said."""
        self._screen.do(deed)

    # -- saving ------------------------------------------------------------------------
    async def save_into(self, part: FilePart) -> None:
        """Download one into a folder that is asked for; the one typed last stands there."""
        from handinger_tui.ui.dialogs.confirm import Ask  # noqa: PLC0415 - once there is a question

        usual = self._folder or self._screen.connection.files.folder
        folder = await self._screen.stage.ask(Ask(f"Save {file_name(part)} into which folder?", usual))
        if folder:
            self._folder = folder
            await self.save([part], folder)

    async def save(self, parts: Sequence[FilePart], folder: str | None = None) -> None:
        """Download files, one after the other. What goes wrong with one is said, and the others follow."""
        paths: list[str] = []
        name = ""
        # All of them at once: whoever asks again meanwhile must not get one twice.
        for part in parts:
            self._screen.side.files.mark_saving(part)
        try:
            for part in parts:
                try:
                    paths.append(await self._saved(part, folder))
                    name = file_name(part)
                except ApiError as problem:
                    told = f"{file_name(part)}: {problem.summary} {problem.hint}".strip()
                    self._screen.stage.say(told, "error")
        finally:
            for part in parts:
                self._screen.side.files.mark_left(part)
        if len(paths) == 1:
            self._screen.stage.say(f"Saved {name} as {paths[0]}")
        elif paths:
            self._screen.stage.say(f"Saved {plural(len(paths), 'file')}, the last one as {paths[-1]}")

    async def _saved(self, part: FilePart, folder: str | None = None) -> str:
        """Download one; returns its path.

        Raises:
            ApiError
        """
        panel = self._screen.side.files
        path: str | None = None

        def progress(got: int, total: int | None) -> None:
            panel.mark_progress(part, got, total)

        panel.mark_saving(part)
        try:
            path = await self._by_link(part, folder, progress)
        finally:
            if path is None:
                panel.mark_not_saved(part)
            else:
                panel.mark_saved(part, path)
        return path

    async def _by_link(self, part: FilePart, folder: str | None, progress: Progress) -> str:
        files = self._screen.connection.files
        try:
            return await files.save(part, folder, progress=progress)
        except LinkExpired:
            if not self.renewable or not await self._may_renew(part):
                raise
        return await files.save(part, folder, progress=progress, reread=self._worker)

    # -- links that expire ---------------------------------------------------------------
    @property
    def renewable(self) -> bool:
        """There is a worker to be read again."""
        return self._worker is not None

    @property
    def _worker(self) -> str | None:
        return self._screen.at_work.session.worker_id

    async def _may_renew(self, part: FilePart) -> bool:
        from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - once there is a question

        body = EXPIRED.format(name=file_name(part))
        answer = await self._screen.stage.ask(
            Confirm("The link has expired", body, yes="Read again (free)", no="Leave it")
        )
        return bool(answer)

    # -- showing -------------------------------------------------------------------------
    def preview(self, part: FilePart) -> None:
        """Show a file over the work screen; the others of the session are a key away."""
        parts = [file.part for file in listed_files(self._screen.at_work.session)]
        at = next((at for at, one in enumerate(parts) if one.url == part.url), None)
        if at is None:
            parts, at = [part], 0
        self.do(self._show(parts, at))

    async def _show(self, parts: Sequence[FilePart], at: int) -> None:
        # The preview, its models and views, 30 ms: loaded by the first one, while keys are answered.
        await run_in_thread(lambda: import_module("handinger_tui.ui.pages.preview"))
        from handinger_tui.ui.pages.preview import PreviewScreen  # noqa: PLC0415 - just loaded

        await self._screen.app.push_screen(PreviewScreen(parts, at, self))

    def leads_to(self, url: str) -> bool:
        """Show the file that lies at a clicked address; False when none of the session does.

        A browser would ask for it without the key, and finds nothing at a relative one.
        """
        found = next((f.part for f in listed_files(self._screen.at_work.session) if f.part.url == url), None)
        if found is not None:
            self.preview(found)
        return found is not None

    async def fetch(self, part: FilePart, most: int, progress: Progress, *, renew: bool) -> Fetched:
        """The beginning of a file; from the disk where this program saved it.

        Raises:
            LinkExpired, ApiError
        """
        files, path = self._screen.connection.files, self._screen.side.files.path_of(part)
        if path is not None and (saved := await files.read(path, most)) is not None:
            return saved
        found = await files.fetch(part, most, progress=progress, reread=self._worker if renew else None)
        total = len(found.data) if found.whole else found.total
        if total is not None:
            self._screen.side.files.mark_size(part, total)
        return found

    async def follow(self, url: str, shown: str) -> None:
        """A link in a preview."""
        await self._screen.stage.open(url, shown)

    # -- opening and copying -------------------------------------------------------------
    async def open(self, part: FilePart) -> None:
        """Save it where it is not saved yet, judge what was saved, and hand it to its program.

        Raises:
            ApiError
        """
        files, stage = self._screen.connection.files, self._screen.stage
        path = self._screen.side.files.path_of(part)
        head = await files.read(path, HEAD) if path is not None else None
        if path is None or head is None:
            path = await self._saved(part)
            head = await files.read(path, HEAD)
        if head is None:
            stage.say(f"It is there no more: {path}", "warning")
            return
        # Judged by the name it has on the disk: that is what the system goes by.
        found = judge_file(path.replace("\\", "/").rpartition("/")[2], head.data)
        if found.verdict is Verdict.REFUSE:
            stage.say(f"Saved, not opened: {found.reason}. It lies at {path}", "warning")
            return
        if found.verdict is Verdict.ASK:
            from handinger_tui.ui.dialogs.confirm import Confirm  # noqa: PLC0415 - once there is a question

            body = f"{clean_line(path, 400)}\n\nReason to look: {found.reason}."
            if not await stage.ask(Confirm("Open this file?", body, yes="Open it", no="Leave it")):
                return
        if not await files.open(path):
            stage.copy(path, "the path, since there is no program for it here")

    def copy(self, part: FilePart) -> None:
        """The path where this program saved it, else its address."""
        path = self._screen.side.files.path_of(part)
        if path is not None:
            self._screen.stage.copy(path, "the path")
        elif part.url[:5].lower() == "data:":
            self._screen.stage.say("It has no address of its own: save it first.", "warning")
        else:
            self._screen.stage.copy(part.url, "the address of the file")
