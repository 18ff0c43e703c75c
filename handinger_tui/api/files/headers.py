"""A file's name and size from response headers, and the content of `data:` URLs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from handinger_tui.api import errors

_PARAMETER: Final = re.compile(
    r"""(?:^|;)\s*(?P<name>[^\s=;"]{1,60})\s*=\s*
        (?:"(?P<quoted>(?:[^"\\]|\\.)*+)"? | (?P<bare>[^;",]*+))""",
    re.VERBOSE | re.DOTALL,
)
"""Matches one parameter after the other, so that quoted text is never taken for a parameter."""
_EXTENDED: Final = re.compile(r"([A-Za-z0-9-]{1,20})'[^']{0,20}'(.+)", re.DOTALL)
_CHARSETS: Final = frozenset({"utf-8", "us-ascii", "iso-8859-1", "windows-1252"})
"""Accepted charsets. Python knows many more, and some of its codecs raise in spite of errors="replace"."""
_FROM_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


def content_disposition_filename(headers: Mapping[str, str]) -> str | None:
    """The file name in Content-Disposition (RFC 6266). It is untrusted: the caller must make it safe."""
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(headers.get("content-disposition", "")):
        quoted, bare = match["quoted"], match["bare"]
        value = bare.strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        parameters.setdefault(match["name"].lower(), value)
    return _decode_extended(parameters.get("filename*", "")) or parameters.get("filename")


def _decode_extended(value: str) -> str | None:
    """Decode a value with a charset (RFC 8187); None when it is malformed or its charset is not accepted."""
    match = _EXTENDED.fullmatch(value)
    if match is None or match[1].lower() not in _CHARSETS:
        return None
    return unquote(match[2], encoding=match[1], errors="replace")


def content_length(headers: Mapping[str, str]) -> int | None:
    """The body's length in bytes as sent; None when the headers do not say."""
    if "transfer-encoding" in headers:
        # With transfer-encoding, the length must be ignored.
        return None
    length = headers.get("content-length", "").strip()
    return int(length) if _LENGTH.fullmatch(length) else None


def is_unencoded(headers: Mapping[str, str]) -> bool:
    """Whether the body is the file itself, without content encoding."""
    return headers.get("content-encoding", "").strip().lower() in ("", "identity")


def decode_data_url(url: str, limit: int) -> tuple[bytes, str]:
    """The bytes and the media type of a `data:` URL.

    Raises:
        ApiError: kind UNSAFE_URL for a malformed URL, TOO_LARGE for a large one.
    """
    head, comma, raw = url[5:].partition(",")
    if not comma:
        raise errors.unsafe_url("it is no valid data address")
    if len(raw) // 4 * 3 > limit and len(raw) > 3 * limit:
        raise errors.file_too_large(limit)
    media_type, *parameters = head.split(";")
    content = unquote_to_bytes(raw.encode("utf-8", "replace"))
    if "base64" in (parameter.strip().lower() for parameter in parameters):
        encoded = content.translate(None, b" \t\r\n").rstrip(b"=")
        encoded += b"=" * (-len(encoded) % 4)
        try:
            content = base64.b64decode(encoded.translate(_FROM_URL_SAFE), validate=True)
        except (binascii.Error, ValueError):
            raise errors.unsafe_url("its data is no valid base64") from None
    if len(content) > limit:
        raise errors.file_too_large(limit)
    return content, media_type.strip().lower() or "text/plain"
