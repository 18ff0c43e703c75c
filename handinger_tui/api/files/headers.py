"""What an answer or an address says of a file: its name, its size, or the file itself (`data:`)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from handinger_tui.api import errors as faults

_PARAMETER: Final = re.compile(
    r"""(?:^|;)\s*(?P<name>[^\s=;"]{1,60})\s*=\s*
        (?:"(?P<quoted>(?:[^"\\]|\\.)*+)"? | (?P<bare>[^;",]*+))""",
    re.VERBOSE | re.DOTALL,
)
"""One after the other, so that nothing within quotes is taken for a parameter."""
_EXTENDED: Final = re.compile(r"([A-Za-z0-9-]{1,20})'[^']{0,20}'(.+)", re.DOTALL)
_CHARSETS: Final = frozenset({"utf-8", "us-ascii", "iso-8859-1", "windows-1252"})
"""Python has many more, and some raise whatever they are asked to do about errors."""
_FROM_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


def content_disposition_filename(headers: Mapping[str, str]) -> str | None:
    """The name in Content-Disposition (RFC 6266); whoever uses it makes it safe."""
    told: dict[str, str] = {}
    for found in _PARAMETER.finditer(headers.get("content-disposition", "")):
        quoted, bare = found["quoted"], found["bare"]
        value = bare.strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        told.setdefault(found["name"].lower(), value)
    return _extended(told.get("filename*", "")) or told.get("filename")


def _extended(value: str) -> str | None:
    """A value that names its charset (RFC 8187); None when it is none, or in a charset of no web page."""
    found = _EXTENDED.fullmatch(value)
    if found is None or found[1].lower() not in _CHARSETS:
        return None
    return unquote(found[2], encoding=found[1], errors="replace")


def content_length(headers: Mapping[str, str]) -> int | None:
    """The bytes that a body will have on its way, None when it does not say."""
    if "transfer-encoding" in headers:
        # Then the length does not count, and need not be true.
        return None
    told = headers.get("content-length", "").strip()
    return int(told) if _LENGTH.fullmatch(told) else None


def plain(headers: Mapping[str, str]) -> bool:
    """Whether the body is the file itself, not packed."""
    return headers.get("content-encoding", "").strip().lower() in ("", "identity")


def decode_data_url(url: str, limit: int) -> tuple[bytes, str]:
    """The bytes and the media type of a `data:` URL.

    Raises:
        ApiError: kind UNSAFE_URL for a broken one, TOO_LARGE.
    """
    head, comma, raw = url[5:].partition(",")
    if not comma:
        raise faults.unsafe_url("it is no valid data address")
    if len(raw) // 4 * 3 > limit and len(raw) > 3 * limit:
        raise faults.file_too_large(limit)
    media_type, *parameters = head.split(";")
    content = unquote_to_bytes(raw.encode("utf-8", "replace"))
    if "base64" in (parameter.strip().lower() for parameter in parameters):
        packed = content.translate(None, b" \t\r\n").rstrip(b"=")
        packed += b"=" * (-len(packed) % 4)
        try:
            content = base64.b64decode(packed.translate(_FROM_URL_SAFE), validate=True)
        except (binascii.Error, ValueError):
            raise faults.unsafe_url("its data is no valid base64") from None
    if len(content) > limit:
        raise faults.file_too_large(limit)
    return content, media_type.strip().lower() or "text/plain"
