"""Where requests may go and what goes with them: base URL, origin, key, custom headers, proxy settings."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from msgspec import Struct

from handinger_tui.api import errors
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import Secret, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class Origin(Struct, frozen=True):
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
        raise SettingsError("The base URL must be an http(s) address without a user name or query.", _FORM)
    if origin.scheme == "http" and not origin.loopback:
        raise SettingsError("The base URL is plain http, which would send the key unprotected.", "Use https.")
    return origin


_KEY: Final = re.compile(r"[!-~]{8,512}")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE: Final = re.compile(r"[ -~]{0,4000}")
_RESERVED_HEADERS: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "idempotency-key",
        "transfer-encoding",
    }
)
"""Headers that the program sets itself; custom headers must not set them."""

_PROXY_VARIABLES: Final = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
_TRUST_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def check_key(key: Secret) -> None:
    """Refuse a malformed key. httpx would quote it in full in its error message. Raises SettingsError."""
    if not _KEY.fullmatch(key.reveal().strip()):
        raise SettingsError(
            "The API key is empty, too short, too long, or contains an invalid character.",
            "Set HANDINGER_API_KEY to the key alone, without quotes, spaces or line breaks.",
        )


def usable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the custom headers if all of them can be sent.

    Raises:
        SettingsError: a header is set by the program itself, or has an invalid character.
    """
    for name, value in headers.items():
        if name.lower() in _RESERVED_HEADERS:
            raise SettingsError(
                f"The header {name} cannot be overridden.", "Remove it from the custom headers."
            )
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            # The value may be a secret, and the name may contain it by mistake: neither is shown.
            raise SettingsError(
                "A custom header contains an invalid character.",
                "Fix HANDINGER_CUSTOM_HEADERS, or headers in the config file.",
            )
    return dict(headers)


def has_risky_transport_settings() -> bool:
    """Whether the machine has proxy or certificate settings, which may be unusable."""
    names = (*_PROXY_VARIABLES, *map(str.lower, _PROXY_VARIABLES))
    missing = (
        path for name in _TRUST_VARIABLES if (path := os.environ.get(name)) and not os.path.exists(path)
    )
    # On these systems the proxy may come from the system settings.
    may_have_system_proxy = sys.platform in ("darwin", "win32")
    return may_have_system_proxy or any(os.environ.get(name) for name in names) or any(missing)


def bad_proxy(problem: Exception) -> SettingsError:
    """The error for a proxy setting that httpx cannot use.

    It names the variable, never its value: proxy URLs may contain passwords.
    """
    variables = [
        variable
        for name in _PROXY_VARIABLES
        for variable in (name, name.lower())
        if os.environ.get(variable)
        and (not isinstance(problem, ImportError) or os.environ[variable].lower().startswith("socks"))
    ]
    shown = " and ".join(variables) or "The proxy setting of the system"
    if isinstance(problem, ImportError):
        return SettingsError(
            f"{shown} is a SOCKS proxy, which is not supported.", "Use an http proxy, or unset it."
        )
    return SettingsError(f"{shown} is not a valid proxy address.", "Fix or unset it.")
