"""Preview: one file over the work screen, whatever it is. Fetched and read apart; Esc stops that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.errors import HandingerError, LinkExpired
from handinger_tui.core.formatting import size
from handinger_tui.core.safety.cleaning import clean, clean_line
from handinger_tui.core.turns.turn import FilePart
from handinger_tui.ui.background import CancelToken, run_in_thread
from handinger_tui.ui.keys import Where, bindings, for_footer
from handinger_tui.ui.lists.virtual_list import VirtualList
from handinger_tui.ui.pages.page_actions import FindingScreen
from handinger_tui.ui.panels.messages import OpenLink
from handinger_tui.ui.preview.head import head_lines
from handinger_tui.ui.preview.load import MOST, Loaded, Subject, load
from handinger_tui.ui.preview.views import view_of
from handinger_tui.ui.widgets.footer import FooterLine
from handinger_tui.ui.widgets.static_reflow import StaticReflow
from handinger_tui.ui.work.paint_scheduler import ThrottledTimer

if TYPE_CHECKING:
    from handinger_tui.ui.work.file_actions import FileActions

_TELLS_PER_S: Final = 10
ODD: Final = "It cannot be shown here ({name}). d saves it."


class PreviewScreen(FindingScreen):
    """Files of a session, one at a time, each with one view or more."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Where.PREVIEW)

    def __init__(self, parts: Sequence[FilePart], at: int, filing: FileActions) -> None:
        super().__init__()
        self._parts = parts
        self._at = at
        self._filing = filing
        self._loaded: Loaded | None = None
        self._facet = 0
        self._doing = self._drawn = ""
        self._pulse: ThrottledTimer | None = None
        self._from_disk = False
        self.expired = False
        """The link of the file is refused, and may be renewed."""

    def compose(self) -> ComposeResult:
        """What it is, the file itself, what is under the cursor, keys."""
        with Vertical(id="preview"):
            yield StaticReflow(id="preview-head")
            yield Vertical(id="preview-body")
            yield Static(id="preview-foot")
            yield FooterLine()

    def on_mount(self) -> None:
        """Begin to load; how far that is, is told now and then."""
        self._pulse = ThrottledTimer(self, _TELLS_PER_S, self._tell)
        self._begin()

    @property
    def part(self) -> FilePart:
        """The file that is shown."""
        return self._parts[self._at]

    @property
    def loaded(self) -> Loaded | None:
        """What is known of it; None while it is on its way, and where it did not come."""
        return self._loaded

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """In the order of the table, as many as the footer has room for."""
        return for_footer(super().active_bindings, self.size.width, self.app.get_key_display)

    # -- loading -----------------------------------------------------------------------
    def _begin(self, *, renew: bool = False) -> None:
        self._loaded, self._facet, self.expired, self._from_disk = None, 0, False, False
        self._doing = self._drawn = ""
        self.query_one("#preview-foot", Static).update("")
        self._draw_head()
        if self._pulse is not None:
            self._pulse.start()
        self._load(self.part, renew=renew)

    @work(group="load", exclusive=True)
    async def _load(self, part: FilePart, *, renew: bool) -> None:
        """Fetch, read, show. Another file, or leaving, cancels it; then the thread ends at its next step."""
        going = CancelToken()
        try:
            await self._to_say("Loading …")
            found = await self._filing.fetch(part, MOST, self._progress, renew=renew)
            self._doing, self._from_disk = "reading it", found.saved
            subject = Subject(part.filename or "", part.media_type, found.data, found.whole, found.total)
            self._loaded = await run_in_thread(lambda: load(subject, going, self._now))
            await self._show()
        except LinkExpired as problem:
            self.expired = self._filing.renewable
            hint = "r reads the worker again for a fresh link (a GET, free)." if self.expired else ""
            await self._to_say(f"The link is refused: it may have expired. {problem.summary}\n\n{hint}")
        except HandingerError as problem:
            await self._to_say(f"{problem.summary} {problem.hint}")
        except Exception as problem:  # noqa: BLE001 - a file from outside must not end the program
            await self._to_say(ODD.format(name=type(problem).__name__))
        finally:
            going.stop()
            self._ended(part)

    def _ended(self, part: FilePart) -> None:
        # A load that was cancelled ends beside the one that took its place.
        if part is self.part and self._pulse is not None:
            self._doing = ""
            self._pulse.stop()
            self.refresh_bindings()

    def _progress(self, got: int, total: int | None) -> None:
        share = f" · {min(100, got * 100 // total)} % of {size(total)}" if total else ""
        self._now(f"{size(got)}{share}")

    def _now(self, text: str) -> None:
        """Called from a thread too: the next tick shows it."""
        self._doing = text

    def _tell(self) -> None:
        if self._doing and self._doing != self._drawn:
            self._drawn = self._doing
            for words in self.query("#preview-words").results(Static):
                words.update(Content(f"Loading … {self._doing}\n\nEsc stops it."))

    async def _to_say(self, text: str) -> None:
        """Words in the place of the file."""
        # Else the next tick would write over them how far it was.
        self._doing = ""
        body = self.query_one("#preview-body")
        await body.remove_children()
        await body.mount(Static(Content(clean(text)), id="preview-words"))

    # -- showing -----------------------------------------------------------------------
    async def _show(self) -> None:
        """The chosen view of what was loaded."""
        loaded = self._loaded
        if loaded is None:
            return
        self._draw_head()
        foot = self.query_one("#preview-foot", Static)
        foot.update("…")
        made = await run_in_thread(loaded.facets[self._facet].make)
        body = self.query_one("#preview-body")
        await body.remove_children()
        view = view_of(made)
        await body.mount(view)
        # Each view takes the kind of body that it stands beside in the table.
        view.show(made)  # type: ignore[arg-type]
        view.focus()
        if not isinstance(view, VirtualList):
            foot.update("")

    def _draw_head(self) -> None:
        place = f"{self._at + 1} of {len(self._parts)}" if len(self._parts) > 1 else ""
        beside = [place, "the saved copy" if self._from_disk else ""]
        lines = head_lines(self.part, [word for word in beside if word], self._loaded, self._facet)
        self.query_one("#preview-head", StaticReflow).put(
            lambda width: [piece for line in lines for piece in line.wrap(width)]
        )

    @on(VirtualList.Moved)
    def _moved(self, event: VirtualList.Moved) -> None:
        # Two lines of the foot at most.
        told = clean_line(event.view.full_text, max(20, 2 * self.size.width - 8))
        self.query_one("#preview-foot", Static).update(Content(told))

    @on(OpenLink)
    def _link(self, event: OpenLink) -> None:
        self._filing.do(self._filing.follow(event.url, event.shown))

    # -- keys --------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's shape
        """Only keys that do something here are offered."""
        match action:
            case "facet":
                return self._loaded is not None and len(self._loaded.facets) > 1
            case "file":
                return len(self._parts) > 1
            case "again":
                return self._loaded is None and not self._doing
            case _:
                return True

    def action_facet(self) -> None:
        """The next view of the same file."""
        if self._loaded is not None:
            self._facet = (self._facet + 1) % len(self._loaded.facets)
            self._other_facet()

    @work(group="load", exclusive=True)
    async def _other_facet(self) -> None:
        try:
            await self._show()
        except Exception as problem:  # noqa: BLE001 - as above
            await self._to_say(ODD.format(name=type(problem).__name__))

    def action_file(self, by: int) -> None:
        """Another file of the session."""
        self._at = (self._at + by) % len(self._parts)
        self._begin()

    def action_again(self) -> None:
        """Load it again; with a fresh link where the old one was refused."""
        self._begin(renew=self.expired)

    def action_save(self, where: str = "") -> None:
        """Download it; "asked": into a folder that is asked for."""
        saving = self._filing.save_into(self.part) if where == "asked" else self._filing.save([self.part])
        self._filing.do(saving)

    def action_open(self) -> None:
        """Hand it to its program."""
        self._filing.do(self._filing.open(self.part))

    def action_close(self) -> None:
        """Back to work; what is loading stops."""
        self.dismiss()
