"""Drafts: a message that is not sent yet, with its text, attachments and folded pasted texts.

A draft is stored as one text (`pack_draft`): its own, or with attachments or folded texts JSON after a
control character that cannot be typed. The attachments of a turn are stored as JSON (`attachments_to_text`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from handinger_tui.core.jsontext import Json, NotJson, as_list, as_object, dump, parse
from handinger_tui.core.prompts.attachments import as_token, folds_in, renumbered
from handinger_tui.core.stream.usage import count
from handinger_tui.core.turns.turn import Attachment, Lineage, LineageKind, TurnRequest

_JSON_MARK: Final = "\x1e"
_TEXT_MEMBERS: Final = ("path", "name", "media_type", "sha256")


class Draft(Struct, frozen=True):
    """A message that is not sent yet. `pasted[0]` is the text behind chip number 1 in `text`.

    `lineage`: the earlier message that it is made from.
    """

    text: str = ""
    files: tuple[Attachment, ...] = ()
    pasted: tuple[str, ...] = ()
    lineage: Lineage | None = None


def draft_of_request(request: TurnRequest) -> Draft:
    """The draft of a message whose delivery is not certain, to be sent again."""
    return Draft(request.prompt, request.attachments, lineage=request.lineage)


def draft_as_typed(
    text: str, files: Iterable[Attachment], pasted: Sequence[str], lineage: Lineage | None = None
) -> Draft:
    """The draft in the prompt. Only the pasted texts whose chips are in its text belong to it."""
    used = tuple(dict.fromkeys(chip.number for chip in folds_in(text, pasted)))
    renumbered_text = renumbered(text, pasted, lambda number: used.index(number) + 1)
    return Draft(renumbered_text, tuple(files), tuple(pasted[number - 1] for number in used), lineage)


def history_entry(text: str, files: Iterable[Attachment]) -> str:
    """A message as the prompt history stores it: attachments are added as `@path` tokens."""
    # A token cannot hold a line end; such a file must be attached again.
    tokens = (as_token(file.path) for file in files if "\n" not in file.path)
    return " ".join([text, *tokens]).strip(" ")


def pack_draft(draft: Draft) -> str:
    """Serialize a draft into one text."""
    if not draft.files and not draft.pasted and draft.lineage is None:
        return draft.text
    return _JSON_MARK + dump(
        {
            "text": draft.text,
            "files": _to_json(draft.files),
            "pasted": list(draft.pasted),
            "lineage": None if draft.lineage is None else asdict(draft.lineage),
        }
    )


def unpack_draft(text: str) -> Draft:
    """Read a draft that `pack_draft` wrote; any other text is a draft without attachments."""
    if not text.startswith(_JSON_MARK):
        return Draft(text)
    try:
        fields = as_object(parse(text[1:]))
    except NotJson:
        return Draft(text)
    pasted = tuple(item for item in as_list(fields.get("pasted")) if isinstance(item, str))
    lineage = _lineage_from_json(fields.get("lineage"))
    return Draft(str(fields.get("text") or ""), _from_json(fields.get("files")), pasted, lineage)


def attachments_to_text(attachments: Iterable[Attachment]) -> str:
    """Attachments as JSON. It is ASCII: unusual file names are stored as escapes."""
    return dump(_to_json(attachments))


def attachments_from_text(text: str) -> tuple[Attachment, ...]:
    """Read the attachments that `attachments_to_text` wrote."""
    return _from_json(parse(text))


def lineage_to_text(lineage: Lineage | None) -> str | None:
    """An lineage as ASCII JSON."""
    return None if lineage is None else dump(asdict(lineage))


def lineage_from_text(text: str) -> Lineage | None:
    """Read the lineage that `lineage_to_text` wrote; None for anything else."""
    try:
        return _lineage_from_json(parse(text))
    except NotJson:
        return None


def _lineage_from_json(value: Json) -> Lineage | None:
    fields = as_object(value)
    try:
        kind = LineageKind(str(fields.get("kind")))
    except ValueError:
        return None
    session_id, turn_id, title = (str(fields.get(name) or "") for name in ("session_id", "turn_id", "title"))
    return Lineage(kind, session_id, turn_id, count(fields.get("number")) or 0, title)


def _to_json(attachments: Iterable[Attachment]) -> list[dict[str, str | int]]:
    members = (*_TEXT_MEMBERS, "size")
    return [{key: getattr(attachment, key) for key in members} for attachment in attachments]


def _from_json(value: Json) -> tuple[Attachment, ...]:
    attachments = []
    for item in map(as_object, as_list(value)):
        texts = {key: str(item.get(key) or "") for key in _TEXT_MEMBERS}
        attachments.append(Attachment(size=count(item.get("size")) or 0, **texts))
    return tuple(attachments)
