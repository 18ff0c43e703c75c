"""A prompt of an editor as a message of ours: its texts, and everything else as attachments."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, unquote, urlsplit

from acp import schema
from msgspec.structs import replace

from handinger_tui.cli.local_files import attachment, keep
from handinger_tui.core.errors import AttachmentProblem
from handinger_tui.core.safety import clean_line, encodable, safe_file_name

if TYPE_CHECKING:
    from handinger_tui.core.turns.turn import Attachment

Media = schema.ImageContentBlock | schema.AudioContentBlock | schema.EmbeddedResourceContentBlock
Block = schema.TextContentBlock | schema.ResourceContentBlock | Media
_NO_ADDRESS: Final = urlsplit("")


def message_of(blocks: Sequence[Block], folder: str) -> tuple[str, tuple[Attachment, ...]]:
    """The text and the attachments of a prompt; where something is attached, the text has its name.

    `folder`: where contents are kept that came without a file, until the message was sent.

    Raises:
        HandingerError: nothing was sent.
    """
    texts: list[str] = []
    files: list[Attachment] = []
    for block in blocks:
        if isinstance(block, schema.TextContentBlock):
            texts.append(encodable(block.text))
            continue
        if not isinstance(block, schema.ResourceContentBlock):
            files.append(_kept(block, folder))
        elif (parts := _parts(block.uri)).scheme == "file":
            # A file of another computer is none of this one, whatever its path.
            host = "" if parts.netloc in ("", "localhost") else f"//{parts.netloc}"
            files.append(attachment(host + unquote(parts.path)))
        else:
            # A link: the worker may read it.
            texts.append(encodable(f"{block.name} ({block.uri})"))
            continue
        texts.append(f"@{files[-1].name}")
    return "".join(texts), tuple(files)


def _kept(block: Media, folder: str) -> Attachment:
    """A content as a file, which keeps its name."""
    content = block.resource if isinstance(block, schema.EmbeddedResourceContentBlock) else block
    name = safe_file_name(unquote(_parts(getattr(content, "uri", None) or block.type).path), "attachment")
    if "." not in name:
        name += mimetypes.guess_extension(content.mime_type or "") or ""
    file = attachment(keep(_bytes(content), name, folder))
    return replace(file, media_type=clean_line(content.mime_type or file.media_type, 100))


def _bytes(
    content: schema.TextResourceContents
    | schema.BlobResourceContents
    | schema.ImageContentBlock
    | schema.AudioContentBlock,
) -> bytes:
    if isinstance(content, schema.TextResourceContents):
        return encodable(content.text).encode()
    data = content.blob if isinstance(content, schema.BlobResourceContents) else content.data
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        raise AttachmentProblem("An attachment is damaged. Nothing was sent.", "Attach it again.") from None


def _parts(uri: str) -> SplitResult:
    try:
        return urlsplit(uri)
    except ValueError:
        return _NO_ADDRESS
