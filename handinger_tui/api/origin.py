"""Routes: addresses of the API, and who may be told the key."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

from handinger_tui.api import errors as faults
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import is_loopback

_DEFAULT_PORT: Final = {"http": 80, "https": 443}
_FORM: Final = "Use a form like https://host.example."


def segment(text: str, what: str = "id") -> str:
    """`text` as exactly one path segment.

    A pasted `../../admin` would otherwise reach another route: httpx resolves
    dot segments.

    Raises:
        Refused: empty, `.`, `..`, or not encodable.
    """
    if text in {"", ".", ".."}:
        raise faults.bad_segment(what)
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise faults.bad_segment(what) from None


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: the key goes to exactly one of them."""

    scheme: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """This machine."""
        return is_loopback(self.host)


def origin_of(url: str) -> Origin | None:
    """The origin of an absolute http(s) URL; None for anything else, a user part included."""
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
        SettingsError: no http(s) address, a user part, a query, or plain http to another machine.
    """
    usable = base_url.isascii() and base_url.isprintable() and not set(base_url) & set(" \\?#")
    origin = origin_of(base_url) if usable else None
    if origin is None:
        raise SettingsError("The base URL is no http(s) address without user part and query.", _FORM)
    if origin.scheme == "http" and not origin.loopback:
        raise SettingsError(
            "The base URL is plain http to another machine: the key would travel unprotected.", "Use https."
        )
    return origin
