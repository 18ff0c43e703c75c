"""Naming: the files that the words of the prompt stand for, looked at while one writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from handinger_tui.core.attaching import composed, mentioned, typing_at
from handinger_tui.core.errors import AttachmentProblem, NoSuchFile
from handinger_tui.core.safety import clean_line
from handinger_tui.core.turn import Attachment
from handinger_tui.ui.widgets.chips import Chip, Kind, file_chip, wrong_chip
from handinger_tui.ui.widgets.prompt import PromptBox

LOOKED_AT: Final = 20_000
"""In longer texts the files are looked for only when the message is sent."""
AS_TEXT: Final = r"Check the path; \@ sends it as text."

Looked = Attachment | AttachmentProblem


class Naming:
    """Nothing is decided here: a name is looked at again when the message is sent."""

    def __init__(
        self,
        look_at: Callable[[str], Awaitable[Looked]],
        prompt: PromptBox,
        do: Callable[[Coroutine[Any, Any, None]], object],
        shown: Callable[[], None],
    ) -> None:
        """`do`: has work done meanwhile; `shown`: hears that the chips are others."""
        self._look_at = look_at
        self._prompt = prompt
        self._do = do
        self._shown = shown
        self._found: dict[str, Looked] = {}
        self._looking = False

    def typed(self) -> None:
        """The text, or the place in it, has changed: look at names that are new in it."""
        names = self._names()
        self._found = {path: one for path, one in self._found.items() if path in names}
        if not self._looking and self._unknown():
            self._looking = True
            self._do(self._look())

    def _names(self) -> tuple[str, ...]:
        text = self._prompt.text
        return mentioned(text).paths if "@" in text and len(text) <= LOOKED_AT else ()

    def _unknown(self) -> list[str]:
        """Names that were not looked at; the one being typed is looked at once it is written."""
        names = self._names()
        if not names:
            return []
        row, column = self._prompt.cursor_location
        here = typing_at(self._prompt.document.get_line(row), column)
        return [path for path in names if path not in self._found and (here is None or path != here.path)]

    async def _look(self) -> None:
        try:
            while unknown := self._unknown():
                for path in unknown:
                    self._found[path] = await self._look_at(path)
        finally:
            self._looking = False
        self.typed()
        self._shown()

    def chips(self) -> list[Chip]:
        """One for each file that is named; what is a word only, and nothing on the disk, has none."""
        if not self._found:
            return []
        there = [path for path, one in self._found.items() if not isinstance(one, NoSuchFile)]
        chips = []
        for path in mentioned(self._prompt.text, there.__contains__).paths:
            one = self._found.get(path)
            if isinstance(one, Attachment):
                chips.append(file_chip(Kind.NAMED, path, one))
            elif one is not None:
                chips.append(wrong_chip(Kind.NAMED, path, path, one))
        return chips

    @property
    def looked(self) -> dict[str, Looked]:
        """The named files, as they were when their chips were made."""
        return dict(self._found)

    async def resolve(
        self, text: str, pasted: Sequence[str], looked: Mapping[str, Looked]
    ) -> tuple[str, list[Attachment]]:
        """What is sent for `text`, and the files it names, each looked at anew.

        Raises:
            AttachmentProblem: one cannot be sent, or is not what it was when it was `looked` at.
        """
        now = {path: await self._look_at(path) for path in mentioned(text).paths}
        self._found.update((path, one) for path, one in now.items() if path in self._found)
        sent = composed(text, pasted, lambda path: not isinstance(now[path], NoSuchFile))
        return sent.text, [_checked(now[path], looked.get(path)) for path in sent.paths]


def _checked(now: Looked, before: Looked | None) -> Attachment:
    if isinstance(now, AttachmentProblem):
        raise AttachmentProblem(now.summary, AS_TEXT if isinstance(now, NoSuchFile) else now.hint)
    if isinstance(before, Attachment):
        same(before, now)
    return now


def same(before: Attachment, now: Attachment) -> None:
    """Refuse a file that is another one by now.

    Raises:
        AttachmentProblem
    """
    if before.sha256 and (before.size, before.sha256) != (now.size, now.sha256):
        sizes = "" if before.size == now.size else f" ({before.size:,} bytes then, {now.size:,} now)"
        raise AttachmentProblem(
            f"{clean_line(now.name, 120)} changed since it was attached{sizes}. Nothing was sent.",
            "Enter sends it as it is now.",
        )
