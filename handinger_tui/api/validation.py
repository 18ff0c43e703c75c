"""Validation of the key, of custom headers and of proxy settings, before they are used."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Final

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.secret import Secret

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
    """Refuse a malformed key. httpx would quote it in full in its error message.

    Raises:
        SettingsError
    """
    if not _KEY.fullmatch(key.reveal().strip()):
        raise SettingsError(
            "The key is empty, too short, too long, or has a character that no key has.",
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
                f"The header {name} is set by the program itself.", "Take it out of the custom headers."
            )
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            # The value may be a secret, and the name may contain it by mistake: neither is shown.
            raise SettingsError(
                "A custom header has a character that no header has.",
                "Mend HANDINGER_CUSTOM_HEADERS, or headers in the configuration.",
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
        and (not isinstance(problem, ImportError) or _is_socks(os.environ[variable]))
    ]
    shown = " and ".join(variables) or "The proxy setting of the system"
    if isinstance(problem, ImportError):
        return SettingsError(
            f"{shown} asks for a SOCKS proxy, which is not supported.", "Use an http proxy, or unset it."
        )
    return SettingsError(f"{shown} cannot be used: not a valid proxy address.", "Mend or unset it.")


def _is_socks(address: str) -> bool:
    return address.lower().startswith("socks")
