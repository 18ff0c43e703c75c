"""The settings: what is in force, where it comes from, and a change of the config file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from handinger_tui.core.columns import Row
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.shown_settings import COLUMNS, ShownSetting, setting_row, value_text
from handinger_tui.ui.keys import Where, bindings
from handinger_tui.ui.pages.list_page import ListPage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from handinger_tui.ui.front import Front
    from handinger_tui.ui.ports import SettingStore

NEXT_START: Final = "It takes effect at the next start."


class SettingsScreen(ListPage[ShownSetting]):
    """Shows every setting, and changes those of the config file."""

    BINDINGS = bindings(Where.SETTINGS, Where.LIST, Where.SCREEN)
    NAME = "settings"
    COLUMNS = COLUMNS

    def __init__(self, store: SettingStore, interaction: Front) -> None:
        super().__init__(interaction)
        self._store = store

    async def read(self) -> Sequence[ShownSetting]:
        """Read the settings that the next start would have."""
        return await asyncio.to_thread(self._store.listed)

    def row(self, item: ShownSetting) -> Row:
        """Name, value, where it comes from, and what it means."""
        return setting_row(item)

    def key(self, item: ShownSetting) -> str:
        """The name."""
        return item.name

    def foot(self, item: ShownSetting) -> Iterable[str]:
        """What it means, and what else it may be."""
        yield item.meaning
        default = value_text(item.default, item.unit)
        facts = (
            f"default {default}" if default else "",
            f"one of {', '.join(item.choices)}" if item.choices else "",
            item.variable or "",
        )
        yield " · ".join(filter(None, facts))

    def copied(self, item: ShownSetting) -> tuple[str, str]:
        """The name."""
        return item.name, "the name of the setting"

    # -- keys ----------------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only keys that have an effect now."""
        item = self.table.current
        match action:
            case "set":
                return item is not None and item.is_editable
            case "unset":
                return item is not None and item.is_editable and item.origin not in ("default", item.variable)
            case _:
                return super().check_action(action, parameters)

    def action_set(self) -> None:
        """Ask for a value and write it."""
        if (item := self.table.current) is not None:
            self.change(self._ask(item))

    def action_unset(self) -> None:
        """Remove the value from the config file."""
        if (item := self.table.current) is not None:
            self.change(self._write(item.name, None))

    async def _ask(self, item: ShownSetting) -> str | None:
        """Ask for a value until it is one; what was typed stays in the field."""
        if item.choices:
            rows = [(one, one) for one in item.choices]
            chosen = await self._interaction.choose(item.meaning, rows)
            return await self._write(item.name, chosen) if chosen else None
        typed = str(item.value or "") if not isinstance(item.value, list) else value_text(item.value)
        while typed_now := await self._interaction.ask_text(item.meaning, typed, item.unit or ""):
            try:
                return await self._write(item.name, typed_now)
            except SettingsError as problem:
                self._interaction.say(problem.text, "warning")
                typed = typed_now
        return None

    async def _write(self, name: str, typed: str | None) -> str:
        return f"{await asyncio.to_thread(self._store.change, name, typed)} {NEXT_START}"
