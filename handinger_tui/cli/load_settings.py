"""Settings for a parsed command line."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from handinger_tui.cli.paths import config_text, default_paths, open_to_others
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.limits import Scope
from handinger_tui.settings import Flags, Settings, load, require_key

if TYPE_CHECKING:
    import argparse


def flags_of(told: argparse.Namespace) -> Flags:
    """What the command line said about settings."""
    return Flags(
        base_url=getattr(told, "base_url", None),
        generation=getattr(told, "generation", None),
        budget=getattr(told, "budget", None),
        profile=getattr(told, "profile", None),
        local=getattr(told, "local", False),
        max_wait=getattr(told, "timeout", None),
        max_cost=getattr(told, "max_cost", None),
        max_credits=getattr(told, "max_credits", None),
        ceiling=Scope.WORKER if getattr(told, "command", "") == "attach" else Scope.SESSION,
    )


def settings_for(told: argparse.Namespace, *, keyless: bool = True) -> Settings:
    """Load the settings. `keyless`: without a key the local worker may answer unasked.

    Raises:
        SettingsError
    """
    config, flags = default_paths().config, flags_of(told)
    settings = load(flags, os.environ, config_text(config), str(config))
    if not keyless:
        require_key(settings, flags)
    if settings.generation != "workers":
        # There POST /api/workers stores a template: a turn sent by our routes would do something else.
        raise SettingsError(
            "This version speaks the workers generation only; nothing was sent.",
            "Leave out --generation and HANDINGER_GENERATION, or set them to workers.",
        )
    return settings


def key_warning(settings: Settings) -> str | None:
    """What to say about a key that other users of this machine can read."""
    config = default_paths().config
    if settings.key_in_file and open_to_others(config):
        return f"Other users can read the API key in {config}. Fix that: chmod 600 {shlex.quote(str(config))}"
    return None
