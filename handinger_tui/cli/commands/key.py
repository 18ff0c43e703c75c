"""`handinger-tui login` and `key`: the API key is asked for, checked by free GETs, and stored."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from typing import Final

from msgspec.structs import replace

from handinger_tui.api.generations import answering_generation
from handinger_tui.cli.args import add_connection_options, add_json_option
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.config_file import write
from handinger_tui.cli.exit_codes import Exit, exit_of_kind
from handinger_tui.cli.load_settings import given_settings, settings_for, with_key
from handinger_tui.cli.local_files import default_paths
from handinger_tui.cli.output import can_ask, is_confirmed, put_result, say
from handinger_tui.cli.stored_key import MOST_KEY_CHARS, KeyStore
from handinger_tui.cli.trust import require_trust
from handinger_tui.cli.wiring import client_of
from handinger_tui.core.documents import Document
from handinger_tui.core.errors import LocalFileError, Refused, SettingsError
from handinger_tui.core.safety import Secret
from handinger_tui.core.turns.turn import ErrorKind
from handinger_tui.settings import (
    API_KEY,
    DEFAULT_BASE,
    KEY_COMMAND,
    KEY_STORE,
    GivenSettings,
    Settings,
    settings_of,
)
from handinger_tui.settings.table import NAMED, PROFILES, WrongValue, check_key

WHERE_KEYS_ARE_MADE: Final = (
    "Keys are made at https://handinger.com: sign in as an owner or admin, and create an API key. It is "
    "shown only once."
)


class KeyState(Document, frozen=True, tag="handinger-tui/key/1"):
    """The key of a profile. Only its last four characters are shown."""

    profile: str
    ends_in: str | None
    """Null without a key."""
    place: str | None
    generation: str


def _add_storing_options(parser: argparse.ArgumentParser) -> None:
    add_json_option(parser)
    add_connection_options(parser)
    parser.add_argument(
        "--file", action="store_true", help="store it in the config file, which only you can then read"
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json_option(parser)
    add_connection_options(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", help="what to do (default: show)")
    words = {
        "show": "show the last characters of the key, and where it is",
        "set": "store a key, once it was checked; the same as login",
        "rm": "remove the key from the key store and the config file",
    }
    for name in SUBCOMMANDS["key"].actions:
        action = actions.add_parser(
            name,
            help=words[name],
            description=f"{words[name][0].upper()}{words[name][1:]}.",
            argument_default=argparse.SUPPRESS,
        )
        if name == "set":
            _add_storing_options(action)
        else:
            add_json_option(action)
            add_connection_options(action)
        if name == "rm":
            action.add_argument("-y", "--yes", action="store_true", help="remove it without asking")


def run(args: argparse.Namespace) -> int:
    """Store, show or remove the key."""
    if args.local:
        raise SettingsError("The local worker needs no key.", "Omit --local.")
    match "set" if args.command == "login" else args.action or "show":
        case "set":
            return _set(args)
        case "rm":
            return _remove(args)
        case _:
            return _show(args)


def _set(args: argparse.Namespace) -> int:
    given = given_settings(args)
    before = given.key()
    if before is not None and not before.path:
        raise SettingsError(
            "HANDINGER_API_KEY is set, and would be used in place of the stored key.",
            "Unset HANDINGER_API_KEY first.",
        )
    settings = _settings_without_key(given)
    store = None if args.file else KeyStore()
    if store is not None:
        # Before the key is typed: a store that cannot be used would lose it.
        store.read(settings.profile)
    settings = replace(settings, key=Secret(_ask_key()))
    require_trust(args, settings)
    own_host = given.of(NAMED["base_url"]) is not None
    try:
        generation = asyncio.run(_checked_generation(settings, own_host=own_host))
    except Refused as problem:
        if problem.kind not in (ErrorKind.AUTH, ErrorKind.FORBIDDEN):
            raise
        say(f"The service rejected this key ({problem.http_status}). Nothing was stored.")
        say(WHERE_KEYS_ARE_MADE)
        return exit_of_kind(problem.kind)
    _store(settings, store, given, generation)
    place = "in the key store" if store is not None else f"in {default_paths().config}"
    text = f"The key works. It ends in {settings.key.tail()} and is {place}. Try: handinger-tui doctor"
    _print(args, settings, place, generation, text)
    return Exit.OK


def _settings_without_key(given: GivenSettings) -> Settings:
    """The settings as they will be with a key."""
    keyless = replace(given, environ={**given.environ, NAMED[API_KEY].variable: "to-be-asked"})
    return settings_of(keyless)


def _ask_key() -> str:
    """Ask for the key without showing it; from a pipe, read a line. Raises SettingsError: it is none."""
    if can_ask():
        say(WHERE_KEYS_ARE_MADE)
        try:
            typed = getpass.getpass("API key (not shown): ", sys.stderr)
        except EOFError:
            typed = ""
    else:
        typed = sys.stdin.readline(MOST_KEY_CHARS + 2)
    if not typed.strip():
        raise SettingsError("No key was given. Nothing was stored.", WHERE_KEYS_ARE_MADE)
    try:
        return check_key(typed)
    except WrongValue as problem:
        text = str(problem)
        raise SettingsError(f"{text[0].upper()}{text[1:]} Nothing was stored.", problem.hint) from None


async def _checked_generation(settings: Settings, *, own_host: bool) -> str:
    """The generation in which the service accepts the key, by free GETs.

    Without an address of the person's own, both services of Handinger are asked.

    Raises:
        ApiError
    """
    addresses = [settings.base_url]
    if not own_host:
        addresses += [url for url in DEFAULT_BASE.values() if url != settings.base_url]
    refusal = None
    for address in addresses:
        async with client_of(settings, address, settings.key.reveal()) as client:
            try:
                answering = await answering_generation(client)
            except Refused as problem:
                refusal = refusal or problem
                continue
            if answering is not None or address == addresses[-1]:
                return answering or settings.generation
    assert refusal is not None, "an address refused or answered"  # noqa: S101 - narrows the type
    raise refusal


def _store(settings: Settings, store: KeyStore | None, given: GivenSettings, generation: str) -> None:
    """Store the key in one place, and remove it from the others."""
    at = _table(settings)
    if store is not None:
        store.write(settings.profile, settings.key)
        write((*at, KEY_STORE), True)
    else:
        _make_private()
        write((*at, API_KEY), settings.key.reveal())
    address = given.of(NAMED["base_url"])
    if address is not None and not address.path:
        # The key must not go to another host when the option or variable is missing.
        write((*at, "base_url"), settings.base_url)
    for name in {API_KEY, KEY_COMMAND, KEY_STORE} - {KEY_STORE if store is not None else API_KEY}:
        write((*at, name), None)
    if generation != settings.generation:
        chosen = given.of(NAMED["generation"])
        if chosen is not None and not chosen.path:
            say(f"The service answers as {generation}, but {chosen.origin} says {settings.generation}.")
        else:
            write((*at, "generation"), generation)
            say(f"The service answers as the {generation} generation: that is set in the config file now.")


def _make_private() -> None:
    """Make the config file one that only the person can read, before the key is in it."""
    path = default_paths().config
    try:
        if os.path.exists(path):
            os.chmod(path, 0o600)
    except OSError as problem:
        raise LocalFileError(
            f"Cannot make {path} private: {problem.strerror}. Nothing was stored.", "Use the key store."
        ) from None


def _table(settings: Settings) -> tuple[str, ...]:
    return () if settings.profile == "default" else (PROFILES, settings.profile)


def _show(args: argparse.Namespace) -> int:
    settings, source = with_key(settings_for(args)), given_settings(args).key()
    place = None if source is None else source.place
    text = "No key is set." if place is None else f"The key ends in {settings.key.tail()} and is {place}."
    _print(args, settings, place, settings.generation, text)
    return Exit.OK


def _remove(args: argparse.Namespace) -> int:
    given = given_settings(args)
    settings, source, used = settings_of(given), given.stored_key(), given.key()
    if source is None or source.name == KEY_COMMAND:
        raise SettingsError(
            "No key is stored for this profile. Nothing was removed.",
            "A key in a variable or in key_command is removed there.",
        )
    if not getattr(args, "yes", False) and not (can_ask() and is_confirmed("Remove the API key?")):
        raise SettingsError("Nothing was removed.", "To remove it without a question, add --yes.")
    if source.name == KEY_STORE:
        KeyStore().remove(settings.profile)
    write(source.path, None)
    text = f"The key that was {source.place} is removed."
    if used is not None and not used.path:
        text, place = f"{text} The one {used.place} is still used.", used.place
    else:
        settings, place = replace(settings, key=Secret("")), None
    _print(args, settings, place, settings.generation, text)
    return Exit.OK


def _print(
    args: argparse.Namespace, settings: Settings, place: str | None, generation: str, text: str
) -> None:
    ends_in = settings.key.tail() if settings.key else None
    state = KeyState(profile=settings.profile, ends_in=ends_in, place=place, generation=generation)
    put_result(args, state, text)


LOGIN: Final = (
    "Store your API key: it is asked for without being shown, checked with free requests, and stored in the "
    "key store of this computer."
)
COMMANDS: Final = {
    "login": Implementation(LOGIN, _add_storing_options, run, ("login", "login --file")),
    "key": Implementation(
        "Set, show or remove the API key.",
        _add_arguments,
        run,
        ("key show", "key set --file", "key rm"),
    ),
}
