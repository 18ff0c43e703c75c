"""Loads the settings of a parsed command line."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from handinger_tui.cli.local_files import config_text, default_paths, is_open_to_others
from handinger_tui.cli.output import say
from handinger_tui.cli.trust import require_trust
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.safety import Secret
from handinger_tui.settings import ConfigFile, Flags, GivenSettings, Settings, require_key, settings_of

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
    given = given_settings(args)
    settings = settings_of(given)
    if not keyless:
        require_key(settings, given.flags)
    return settings


def given_settings(args: argparse.Namespace | None) -> GivenSettings:
    """Return what options, environment and config file give. Raises SettingsError: a file that is no TOML.

    From here on the key may be in memory, and what a crash of the interpreter leaves must not have it.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
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
        allow_unshared=getattr(args, "allow_unshared", False),
        command=getattr(args, "command", None) or "",
    )
    return GivenSettings(flags, os.environ, ConfigFile.read(config_text(config), str(config)))


def service_settings(args: argparse.Namespace | None) -> Settings:
    """Load the settings of a command without a screen that talks to the service.

    A key file that other users can read is reported on stderr.

    Raises:
        SettingsError: also if no key is set, or it would go to a host that the person was not asked about.
    """
    settings = with_key(settings_for(args, keyless=False))
    require_trust(args, settings)
    warning = key_warning(settings)
    if warning is not None:
        say(warning)
    return settings


def with_key(settings: Settings) -> Settings:
    """Return the settings with the key, also where a command or the key store has to be asked for it.

    Raises:
        SettingsError: they did not give it.
    """
    if settings.key_source and not settings.key:
        from handinger_tui.cli.stored_key import stored_key  # few keep it there

        settings = replace(settings, key=Secret(stored_key(settings)))
    return settings


def key_warning(settings: Settings) -> str | None:
    """Return a warning if other users of this machine can read the API key, else None."""
    config = default_paths().config
    if settings.key_in_file and is_open_to_others(config):
        return f"Other users can read the API key in {config}. To fix: chmod 600 {shlex.quote(str(config))}"
    return None


def valid_settings() -> Settings | None:
    """Return the settings for a look at the past; None for invalid ones, which are reported."""
    try:
        return settings_for(None)
    except SettingsError as problem:
        say(f"The settings are not applied: {problem.summary}")
        return None


def limit_rules(settings: Settings | None, now_ms: Callable[[], int]) -> LimitRules:
    """Return the limits of the settings, and its rules of tags and projects; see `valid_settings`."""
    from handinger_tui.ledger.charges.limits import LimitRules  # with the history

    rules = LimitRules(now_ms=now_ms)
    return rules if settings is None else by_settings(rules, settings)


def by_settings(rules: LimitRules, settings: Settings) -> LimitRules:
    """Return `rules` with the limits of the settings."""
    return replace(
        rules,
        limits=settings.spending,
        simulated=settings.local,
        prices=settings.prices or rules.prices,
        never_reported=settings.never_reported,
        tag_rules=settings.tag_rules,
    )
