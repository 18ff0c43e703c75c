"""URL path segments, and the origin that may receive the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from handinger_tui.api import errors
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety.cleaning import is_loopback

_DEFAULT_PORT: Final = {"http": 80, "https": 443}
_FORM: Final = "Use a form like https://host.example."


def segment(text: str, what: str = "id") -> str:
    """Encode `text` as exactly one path segment.

    Without that, a pasted `../../admin` would reach another route, since httpx
    resolves dot segments.

    Raises:
        Refused: empty, `.`, `..`, or not encodable.
    """
    if text in {"", ".", ".."}:
        raise errors.bad_segment(what)
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise errors.bad_segment(what) from None


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a URL. The key is sent to exactly one origin."""

    scheme: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether the host is this machine."""
        return is_loopback(self.host)


def origin_of(url: str) -> Origin | None:
    """The origin of an absolute http(s) URL; None for anything else, and for a URL with a user part."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    default = _DEFAULT_PORT.get(parts.scheme)
    if default is None or not host or "@" in parts.netloc:
        return None
    return Origin(parts.scheme, host.lower(), default if port is None else port)


def base_origin(base_url: str) -> Origin:
    """The origin of the base URL.

    Raises:
        SettingsError: not an http(s) URL, a user part, a query, or plain http to another machine.
    """
    is_usable = base_url.isascii() and base_url.isprintable() and not set(base_url) & set(" \\?#")
    origin = origin_of(base_url) if is_usable else None
    if origin is None:
        raise SettingsError("The base URL is no http(s) address without user part and query.", _FORM)
    if origin.scheme == "http" and not origin.loopback:
        raise SettingsError(
            "The base URL is plain http to another machine: the key would travel unprotected.", "Use https."
        )
    return origin
