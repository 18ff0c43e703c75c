"""The welcome text of an empty session: the program, three prompts to try, and the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from textual.content import Content
from textual.widgets import Static

from handinger_tui.core.safety import clean_line

if TYPE_CHECKING:
    from handinger_tui.ui.ports import Account

FOR_LOCAL: Final = (
    "Show me around",
    "Write a report on primes with a chart",
    "Find sources about CSV and JSON",
)
FOR_REMOTE: Final = (
    "Compare three ways to heat an old house, with sources",
    "Find the five newest papers on solid-state batteries and summarize them",
    "Make a spreadsheet of public holidays in Europe next year",
)
_HAND: Final = ("▗▖▗▖▗▖▗▖", "▐▌▐▌▐▌▐▌", "▝███████▌", " ▝█████▘ ")


class Welcome(Static):
    """The text shown until the first turn."""

    def __init__(self, *, local: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._local = local
        self._badge: Account | None = None
        self._next = 0

    def account(self, badge: Account) -> None:
        """Show the account, once connected."""
        self._badge, self._local = badge, badge.local
        self.refresh(layout=True)

    @property
    def ideas(self) -> tuple[str, ...]:
        """Prompts to try with this kind of worker."""
        return FOR_LOCAL if self._local else FOR_REMOTE

    def next_idea(self) -> str:
        """The next prompt to try, in a cycle, for Tab."""
        idea = self.ideas[self._next % len(self.ideas)]
        self._next += 1
        return idea

    def render(self) -> Content:
        """The whole text; remote and local workers differ in the prompts and in the last paragraph."""
        title = (
            ("Handinger in your terminal", "bold $foreground"),
            ("A worker researches, analyzes and writes;", "$text-muted"),
            ("you see every step, source and cost.", "$text-muted"),
            ("", ""),
        )
        lines = [
            Content.assemble((f"{hand:<9}", "$primary"), "   ", line)
            for hand, line in zip(_HAND, title, strict=True)
        ]
        lines += [Content(""), Content.styled("Three things to try", "bold $primary")]
        for number, idea in enumerate(self.ideas, 1):
            lines.append(Content.assemble((f"{number}  ", "$accent"), (idea, "$foreground")))
        lines += [
            Content.assemble(("   Press Tab", "bold $foreground"), (" to try one", "$text-muted")),
            Content(""),
        ]
        return Content("\n").join([*lines, *self._account_lines()])

    def _account_lines(self) -> list[Content]:
        badge = self._badge
        if badge is None:
            return [Content.styled("Connecting… you can start typing.", "$text-muted")]
        if badge.local:
            return [
                Content.assemble(
                    (" LOCAL ", "bold $background on $accent"),
                    (" No API key is set, so a demo worker on this computer answers.", "$foreground"),
                ),
                Content.assemble(
                    ("It costs nothing and can show you around. ", "$text-muted"),
                    ("For real workers: ", "$text-muted"),
                    ("export HANDINGER_API_KEY=…", "bold $foreground"),
                    (" and restart.", "$text-muted"),
                ),
            ]
        account = " · ".join(
            name for name in (clean_line(badge.profile, 30), clean_line(badge.host, 60)) if name
        )
        return [
            Content.assemble(
                ("Connected to ", "$text-muted"),
                (account, "$foreground"),
                (".  ^S for earlier sessions.", "$text-muted"),
            )
        ]
