"""What commands see and change of the work screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from handinger_tui.ui.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handinger_tui.core.evidence import Source
    from handinger_tui.ui.commands.command import PartPosition, WrittenMessage
    from handinger_tui.ui.interaction import Interaction
    from handinger_tui.ui.ports import AppOptions
    from handinger_tui.ui.work.browsing import Browsing
    from handinger_tui.ui.work.pane import SessionPane
    from handinger_tui.ui.work.source_navigation import SourceNavigation


class ScreenView(Struct, frozen=True):
    """The `View` and the `Screen` of the commands, shown by widgets."""

    options: AppOptions
    message: WrittenMessage
    interaction: Interaction
    pane: SessionPane
    browsing: Browsing
    source_navigation: SourceNavigation
    repaint: Callable[[], None]

    @property
    def screen(self) -> ScreenView:
        """Itself."""
        return self

    # -- the transcript --------------------------------------------------------------------------
    @property
    def part(self) -> PartPosition | None:
        """The part at the cursor of the transcript; None without a cursor."""
        return self.pane.transcript.cursor.part

    @property
    def text_at_cursor(self) -> str | None:
        """The text of that part; None without a cursor."""
        return self.pane.transcript.cursor.text

    def find(self, text: str) -> int:
        """Find a text in the session and browse what matches; returns the number of matches."""
        count = self.pane.transcript.search.find(text)
        if count:
            self.browsing.browse(self.pane.transcript)
        return count

    def find_in(self, session_id: str, text: str) -> None:
        """Show the first match in a session that was just opened."""
        self.pane.transcript.search.find_in(session_id, text)

    async def open_find(self) -> None:
        """Open the find bar."""
        await self.browsing.find()

    def toggle_details(self) -> str:
        """Show more, or less, of thoughts and tool calls; returns how much that is."""
        return self.pane.transcript.toggle_details().value

    # -- panels and prompt -----------------------------------------------------------------------
    def show_panel(self, name: str) -> None:
        """Show a panel and browse it."""
        self.browsing.show_panel(name)

    def toggle_panels(self) -> None:
        """Show or hide the panels."""
        self.pane.sidebar.toggle()
        self.browsing.leave_hidden()
        self.repaint()

    def widen_panels(self, cells: int) -> None:
        """Make the panels wider, or narrower."""
        self.pane.sidebar.widen(cells)

    @property
    def sources(self) -> Sequence[Source]:
        """The sources of the session, numbered as in their panel."""
        return self.source_navigation.update_panel().sources

    def group_sources(self, *, hosts: bool) -> None:
        """List the sources by host, or by turn."""
        self.source_navigation.update_panel().action_group(hosts=hosts)

    def show_budget(self, level: str) -> None:
        """Show the budget of the next message."""
        self.pane.budget(level)

    def show_title(self, title: str) -> None:
        """Show the title in the header."""
        self.repaint()

    def return_to_prompt(self) -> None:
        """Focus the prompt."""
        self.browsing.return_to_prompt()

    # -- the terminal ------------------------------------------------------------------------------
    @property
    def theme(self) -> str:
        """The name of the theme; none is visible without `has_colors`."""
        return self.interaction.app.theme

    def set_theme(self, name: str) -> None:
        """Switch to a theme."""
        self.interaction.app.theme = name

    @property
    def has_colors(self) -> bool:
        """Whether the terminal shows colors, and the person wants them."""
        return not self.interaction.app.no_color

    def redraw(self) -> None:
        """Write the whole screen again."""
        self.interaction.app.redraw()

    async def page(self, text: str) -> None:
        """Show a text in the person's pager. Raises EditorProblem."""
        from handinger_tui.ui.terminal.external_editor import page  # tempfile, and few use a pager

        await page(self.interaction.app, text)

    def show_help(self) -> None:
        """Show the keys that work now, all others and the commands."""
        from handinger_tui.ui.dialogs.help import HelpScreen, active_places  # 5 ms

        app, described = self.interaction.app, [(*command.help, command.words) for command in COMMANDS]
        app.push_screen(HelpScreen(described, self.options.keys, active_places(app.screen)))

    def show_palette(self) -> None:
        """Show the command palette."""
        from handinger_tui.ui.dialogs.pickers import CommandPicker  # 17 ms

        self.interaction.app.push_screen(CommandPicker())

    def leave(self) -> None:
        """End the app; turns on the server continue."""
        self.interaction.app.exit()
