"""The hosts that have had the API key: it goes to no other one without the person's word.

As ssh does with the keys of hosts. The services of Handinger and this computer are known from the start.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from handinger_tui.cli.local_files import beginning_of, default_paths
from handinger_tui.cli.output import can_ask, is_confirmed
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import is_loopback
from handinger_tui.settings import DEFAULT_BASE

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from handinger_tui.settings import Settings

_MOST_BYTES: Final = 1 << 20


def new_host(settings: Settings) -> str:
    """Return the host, with its port, to which the key would go for the first time; "" for a known one."""
    if settings.local:
        return ""
    address = urlsplit(settings.base_url)
    host = address.netloc.lower()
    if host in _BUILT_IN or is_loopback(address.hostname or "") or host in _remembered():
        return ""
    return host


_BUILT_IN: Final = frozenset(urlsplit(url).netloc for url in DEFAULT_BASE.values())


def _file() -> Path:
    return default_paths().database.with_name("known_hosts")


def _remembered() -> list[str]:
    try:
        return beginning_of(_file(), _MOST_BYTES)[0].decode("ascii", "replace").split()
    except OSError:
        # Without the file every host is new: the person is asked once more.
        return []


def remember(host: str) -> None:
    """Note that the person lets the key go to a host. A disk that refuses it means one more question."""
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, f"{host}\n".encode())
        finally:
            os.close(file)
    except OSError:
        return


def question(host: str) -> str:
    """Return what the person is asked."""
    return f"The API key was never sent to {host} before. Send it?"


def host_to_ask(args: argparse.Namespace | None, settings: Settings) -> str:
    """Return the host about which the person is to be asked; `--trust-host` is a yes, and is remembered."""
    host = new_host(settings)
    if host and getattr(args, "trust_host", False):
        remember(host)
        return ""
    return host


def require_trust(args: argparse.Namespace | None, settings: Settings) -> None:
    """Let the key go to a new host only where the person says so, by `--trust-host` or at the terminal.

    Raises:
        SettingsError: they did not.
    """
    host = host_to_ask(args, settings)
    if not host:
        return
    if not (can_ask() and is_confirmed(question(host))):
        raise SettingsError(
            f"The API key was never sent to {host} before. Nothing was sent.",
            "If you trust that host with it, add --trust-host once.",
        )
    remember(host)
