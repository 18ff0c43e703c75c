"""Loads the settings of a parsed command line."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.cli.local_files import config_text, default_paths, is_open_to_others
from handinger_tui.cli.output import say
from handinger_tui.cli.trust import require_trust
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.tags import NO_TAG_RULES, TagRules
from handinger_tui.settings import Flags, Settings, load, require_key

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from handinger_tui.ledger.charges.limits import LimitRules


def settings_for(args: argparse.Namespace | None, *, keyless: bool = True) -> Settings:
    """Load the settings; `args` is None for a command without options.

    `keyless` allows the local worker to answer without `--local` if no key is set.

    Raises:
        SettingsError
    """
    config = default_paths().config
    flags = Flags(
        base_url=getattr(args, "base_url", None),
        generation=getattr(args, "generation", None),
        budget=getattr(args, "budget", None),
        profile=getattr(args, "profile", None),
        local=getattr(args, "local", False),
        max_wait=getattr(args, "timeout", None),
        max_cost=getattr(args, "max_cost", None),
        max_credits=getattr(args, "max_credits", None),
        of_worker=getattr(args, "command", "") == "attach",
    )
    settings = load(flags, os.environ, config_text(config), str(config))
    if not keyless:
        require_key(settings, flags)
    return settings


def service_settings(args: argparse.Namespace | None) -> Settings:
    """Load the settings of a command without a screen that talks to the service.

    A key file that other users can read is reported on stderr.

    Raises:
        SettingsError: also if no key is set, or it would go to a host that the person was not asked about.
    """
    settings = settings_for(args, keyless=False)
    require_trust(args, settings)
    warning = key_warning(settings)
    if warning is not None:
        say(warning)
    return settings


def key_warning(settings: Settings) -> str | None:
    """Return a warning if other users of this machine can read the API key, else None."""
    config = default_paths().config
    if settings.key_in_file and is_open_to_others(config):
        return f"Other users can read the API key in {config}. To fix: chmod 600 {shlex.quote(str(config))}"
    return None


def limit_rules(now_ms: Callable[[], int]) -> LimitRules:
    """Return the limits of the settings, for a look at the history: invalid settings do not block it.

    The next turn reports them.
    """
    from handinger_tui.ledger.charges.limits import LimitRules  # with the history

    rules = LimitRules(now_ms=now_ms)
    try:
        settings = settings_for(None)
    except SettingsError:
        return rules
    return replace(
        rules,
        limits=settings.spending,
        simulated=settings.local,
        credit_usd=settings.credit_usd,
        never_reported=settings.never_reported,
        tag_rules=settings.tag_rules,
    )


def tag_rules() -> TagRules:
    """Return the rules of tags and projects, for commands that need no other setting.

    Invalid settings do not block a look at past sessions and costs; that rules are missing is reported.
    """
    try:
        return settings_for(None).tag_rules
    except SettingsError as problem:
        say(f"Rules for tags and projects are not applied: {problem.summary}")
        return NO_TAG_RULES
