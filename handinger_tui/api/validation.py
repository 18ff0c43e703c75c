"""Checks: the key, custom headers and proxy settings, before anything is built from them."""

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
_OURS: Final = frozenset(
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
"""What the program sets itself; a custom header may not."""

_PROXY_VARIABLES: Final = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
_TRUST_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def check_key(key: Secret) -> None:
    """Refuse what is no key. httpx would quote it in full in its own complaint.

    Raises:
        SettingsError
    """
    if not _KEY.fullmatch(key.reveal().strip()):
        raise SettingsError(
            "The key is empty, too short, too long, or has a character that no key has.",
            "Set HANDINGER_API_KEY to the key alone, without quotes, spaces or line breaks.",
        )


def usable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Custom headers that can be sent as they are.

    Raises:
        SettingsError: one that the program sets itself, or one with a character that no header has.
    """
    for name, value in headers.items():
        if name.lower() in _OURS:
            raise SettingsError(
                f"The header {name} is set by the program itself.", "Take it out of the custom headers."
            )
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            # The value may be a secret, and the name may hold it by mistake: neither is shown.
            raise SettingsError(
                "A custom header has a character that no header has.",
                "Mend HANDINGER_CUSTOM_HEADERS, or headers in the configuration.",
            )
    return dict(headers)


def transport_settings() -> bool:
    """Whether the machine tells a client anything that may be unusable: proxies, certificates."""
    names = (*_PROXY_VARIABLES, *map(str.lower, _PROXY_VARIABLES))
    lost = (path for name in _TRUST_VARIABLES if (path := os.environ.get(name)) and not os.path.exists(path))
    # There the system itself may tell a proxy.
    system = sys.platform in ("darwin", "win32")
    return system or any(os.environ.get(name) for name in names) or any(lost)


def bad_proxy(problem: Exception) -> SettingsError:
    """The error for a proxy setting that httpx cannot use.

    Names the variable, never its value: proxy addresses hold passwords.
    """
    found = [
        spelled
        for name in _PROXY_VARIABLES
        for spelled in (name, name.lower())
        if os.environ.get(spelled) and (not isinstance(problem, ImportError) or _socks(os.environ[spelled]))
    ]
    named = " and ".join(found) or "The proxy setting of the system"
    if isinstance(problem, ImportError):
        return SettingsError(
            f"{named} asks for a SOCKS proxy, which is not supported.", "Use an http proxy, or unset it."
        )
    return SettingsError(f"{named} cannot be used: not a valid proxy address.", "Mend or unset it.")


def _socks(address: str) -> bool:
    return address.lower().startswith("socks")
