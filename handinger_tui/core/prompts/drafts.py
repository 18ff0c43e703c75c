"""Drafts: a message that is not sent yet: its text, the files that go along, the pasted texts folded in it.

Pure. On disk a draft is its text; with files or folded texts it is JSON behind
a sign that nobody can type.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from handinger_tui.core.jsontext import Json, NotJson, as_list, as_object, dump, parse
from handinger_tui.core.prompts.attachments import as_token, folds_in, renumbered
from handinger_tui.core.record import dataclass
from handinger_tui.core.stream.usage import count
from handinger_tui.core.turns.turn import Attachment, TurnRequest

_SIGN: Final = "\x1e"
_TEXTS: Final = ("path", "name", "media_type", "sha256")


@dataclass(frozen=True, slots=True)
class Draft:
    """`pasted[0]` is what the chip number 1 in `text` stands for."""

    text: str = ""
    files: tuple[Attachment, ...] = ()
    pasted: tuple[str, ...] = ()


def draft_of(order: TurnRequest) -> Draft:
    """A message that was not surely delivered, to be sent again."""
    return Draft(order.prompt, order.attachments)


def draft_from(text: str, files: Iterable[Attachment], pasted: Sequence[str]) -> Draft:
    """A draft with those of the pasted texts that stand in it."""
    used = tuple(dict.fromkeys(one.number for one in folds_in(text, pasted)))
    own = renumbered(text, pasted, lambda number: used.index(number) + 1)
    return Draft(own, tuple(files), tuple(pasted[number - 1] for number in used))


def in_history(text: str, files: Iterable[Attachment]) -> str:
    """A message as the history keeps it: files that were attached by other means stand in it as `@path`."""
    # No token holds a line end; such a file has to be attached anew.
    tokens = (as_token(file.path) for file in files if "\n" not in file.path)
    return " ".join([text, *tokens]).strip(" ")


def packed(draft: Draft) -> str:
    """A draft as one text."""
    if not draft.files and not draft.pasted:
        return draft.text
    return _SIGN + dump({"text": draft.text, "files": _told(draft.files), "pasted": list(draft.pasted)})


def unpacked(text: str) -> Draft:
    """What `packed` made; anything else is a text."""
    if not text.startswith(_SIGN):
        return Draft(text)
    try:
        told = as_object(parse(text[1:]))
    except NotJson:
        return Draft(text)
    pasted = tuple(one for one in as_list(told.get("pasted")) if isinstance(one, str))
    return Draft(str(told.get("text") or ""), _read(told.get("files")), pasted)


def attachments_text(attachments: Iterable[Attachment]) -> str:
    """Attachments as JSON (ASCII: odd file names stay escapes)."""
    return dump(_told(attachments))


def attachments_of(text: str) -> tuple[Attachment, ...]:
    """Read attachments back."""
    return _read(parse(text))


def _told(attachments: Iterable[Attachment]) -> list[dict[str, str | int]]:
    members = (*_TEXTS, "size")
    return [{key: getattr(attachment, key) for key in members} for attachment in attachments]


def _read(told: Json) -> tuple[Attachment, ...]:
    found = []
    for item in map(as_object, as_list(told)):
        texts = {key: str(item.get(key) or "") for key in _TEXTS}
        found.append(Attachment(size=count(item.get("size")) or 0, **texts))
    return tuple(found)
