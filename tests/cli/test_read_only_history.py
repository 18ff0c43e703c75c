"""A history that cannot be written: a copy of it is shown, and nothing is sent without consent."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from handinger_tui.cli.local_files import Paths
from handinger_tui.cli.wiring import open_ledger
from handinger_tui.core.errors import NoRoom
from handinger_tui.core.safety import Secret
from handinger_tui.core.tags import TAG_KINDS, TagRules, rules_in
from handinger_tui.settings import Settings
from tests.ledger.samples import answered, opened, play, session, turn_request

if TYPE_CHECKING:
    from pathlib import Path

RULES = TagRules(tags=rules_in({"tea": "title:first"}, str, TAG_KINDS, "/home/ada"))
SETTINGS = Settings("https://example.test", Secret("k"), tag_rules=RULES)


async def test_earlier_sessions_are_shown_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = Paths(tmp_path / "config.toml", tmp_path / "h.db", tmp_path)
    async with opened(paths.database) as ledger:
        now = await play(ledger, session(), turn_request("turn_1", "first"), answered(text="An answer"))
        await ledger.open_turn(now, turn_request("turn_2", "waits in a queue"))
    stored = paths.database.read_bytes()
    _make_read_only(tmp_path, monkeypatch)

    copy, line = await open_ledger(SETTINGS, paths, in_app=True)
    try:
        assert line is not None
        assert "Read-only file system. Earlier sessions can be read. This session is kept in memory" in line
        assert copy.no_history is not None, "a message would be sent without a record"
        assert [row.tags for row in await copy.history.sessions()] == [("tea",)]
        loaded = await copy.load("ses_1")
        assert loaded is not None
        assert [turn.text for turn in loaded.turns] == ["An answer"], "another program may send what waits"
        for act in (
            copy.history.rename("ses_1", "another name"),
            copy.history.tag("session", "ses_1", ("x",)),
            copy.history.set_project("ses_1", "Acme"),
            copy.history.delete("ses_1"),
            copy.rulings.set_basis("https://example.test", "wrk_1", "lifetime", 1),
            copy.rulings.assign(1, None, 1),
        ):
            with pytest.raises(NoRoom, match="Read-only file system"):
                await act
        copy.allow_unrecorded()
        await play(copy, loaded, turn_request("turn_3", "third"), answered(text="Another"))
        after = await copy.load("ses_1")
        assert after is not None
        assert [turn.text for turn in after.turns] == ["An answer", "Another"]
    finally:
        await copy.aclose()
    assert paths.database.read_bytes() == stored


def _make_read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the file system refuse to open files of the folder for writing."""
    real = os.open

    def refuse(path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT) and str(path).startswith(str(folder)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
