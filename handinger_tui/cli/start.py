"""Settings for a parsed command line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from handinger_tui.cli.places import config_text, places
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.limits import Scope
from handinger_tui.settings import Flags, Settings, load

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


def settings_for(told: argparse.Namespace) -> Settings:
    """Load the settings.

    Raises:
        SettingsError
    """
    config = places().config
    settings = load(flags_of(told), os.environ, config_text(config), str(config))
    if settings.generation != "workers":
        # There POST /api/workers stores a template: a turn sent by our routes would do something else.
        raise SettingsError(
            "This version speaks the workers generation only; nothing was sent.",
            "Leave out --generation and HANDINGER_GENERATION, or set them to workers.",
        )
    return settings
