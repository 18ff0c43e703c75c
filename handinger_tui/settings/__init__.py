"""Settings: merges flags, environment and config file into one frozen value.

`load` depends only on its arguments; nothing is read at import. The order of precedence is: flag,
environment, profile in the file, top level of the file, default. The key is a
`Secret`: it never appears in repr, str, errors or logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from handinger_tui.core.amounts import Unit
from handinger_tui.core.errors import SettingsError, did_you_mean, nearest
from handinger_tui.core.money.limits import Limit, Scope
from handinger_tui.core.safety import Secret, clean_line
from handinger_tui.core.tags import NO_TAG_RULES, PROJECT_KINDS, TAG_KINDS, Rules, TagRules, rules_in
from handinger_tui.settings.table import (
    CREDIT_PRICE,
    CURRENCY,
    FOREVER,
    NAMED,
    OPEN_TABLES,
    PREFIX,
    PROFILES,
    SPENDING,
    TABLE,
    VARIABLES,
    Setting,
    WrongValue,
)

if TYPE_CHECKING:
    from handinger_tui.core.prices import Prices

NEVER_REPORTED: Final = {"tasks": frozenset({Unit.USD})}
"""The units in which the services of a generation report no amount, not even for a first turn."""
DEFAULT_BASE: Final = {"workers": "https://v3.handinger.com", "tasks": "https://handinger.com"}
LOCAL_BASE: Final = "local"
"""The stored base URL of the local worker, since its port changes at every start."""


class Limits(Struct, frozen=True):
    """Timeouts in seconds, sizes in bytes."""

    connect_timeout: float = 10.0
    first_byte_timeout: float = 60.0
    idle_timeout: float = 60.0
    poll_interval: float = 2.0
    recovery_window: float = 120.0
    max_wait: float | None = None
    history_wait: float = 60.0
    max_event_bytes: int = 8 << 20
    max_turn_bytes: int = 64 << 20
    max_json_bytes: int = 32 << 20
    max_file_bytes: int = 2 << 30
    max_input_bytes: int = 8 << 20


class Settings(Struct, frozen=True):
    """All settings of a run; `table` says what each means. `local`: serve and use the local worker."""

    base_url: str
    key: Secret
    """Empty where `key_source` has to be asked for it."""
    generation: str = "workers"
    budget: str = "standard"
    profile: str = "default"
    local: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    theme: str | None = None
    density: str = "normal"
    motion: str = "full"
    caret: str = "drawn"
    notify: str = "auto"
    on_done: tuple[str, ...] = ()
    on_limit: tuple[str, ...] = ()
    print_on_exit: str = "nothing"
    plain: str = "auto"
    plain_reading: str = "paragraphs"
    download_dir: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    limits: Limits = field(default_factory=Limits)
    spending: tuple[Limit, ...] = ()
    """Spending limits, from the configuration or from flags."""
    shared_url: Secret = Secret("")
    """The database with the limits of a team; empty without one."""
    shared_host: str = ""
    allow_unshared: bool = False
    """Send also while that database does not answer."""
    prices: Prices | None = None
    """Of a credit."""
    currency: Prices | None = None
    """The rates of a dollar, for amounts that are shown."""
    keep_frames: str = FOREVER
    tag_rules: TagRules = NO_TAG_RULES
    key_source: str = ""
    """The setting that gives the key: api_key, key_command or key_store; "" without one."""
    key_command: tuple[str, ...] = ()
    key_in_file: bool = False
    """Whether the config file has an API key, even if another one is used."""
    local_pace: float = 1.0

    @property
    def never_reported(self) -> frozenset[Unit]:
        """The units that a service of this generation does not have."""
        return NEVER_REPORTED.get(self.generation, frozenset())

    @property
    def in_credits(self) -> bool:
        """Whether amounts are in credits without a price: no limit in USD can be enforced."""
        return Unit.USD in self.never_reported and self.prices is None


class Flags(Struct, frozen=True):
    """The settings given on the command line; None if not given."""

    base_url: str | None = None
    generation: str | None = None
    budget: str | None = None
    profile: str | None = None
    local: bool = False
    max_wait: float | None = None
    max_cost: Decimal | None = None
    """USD, including earlier costs of its scope."""
    max_credits: Decimal | None = None
    allow_unshared: bool = False
    command: str = ""
    """The subcommand, which decides what these two limits count."""


def load(
    flags: Flags, environ: Mapping[str, str], file_text: str = "", file_name: str = "config.toml"
) -> Settings:
    """Return the settings from flags, environment and the text of the config file.

    Raises:
        SettingsError: names the wrong flag, variable or line, and what to do.
    """
    return settings_of(GivenSettings(flags, environ, ConfigFile.read(file_text, file_name)))


def settings_of(given: GivenSettings) -> Settings:
    """Return the settings that are given. Raises SettingsError."""
    flags, environ, file = given.flags, given.environ, given.file
    for problem in (*unknown_variables(environ), *file.problems()):
        raise problem
    values = {name: value for name in NAMED if (value := given.value(name)) not in (None, "")}
    base = values.get("base_url")
    source = given.key()
    local = flags.local or (source is None and base is None)
    if source is None and not local:
        raise SettingsError("No API key is set for this base URL.", f"{SET_A_KEY}, or use --local.")
    limits = {one.member: values[one.name] for one in TABLE if one.path[0] == "limits" and one.name in values}
    spending = {name: value for name in SPENDING if (value := values.get(f"spending.{name}")) is not None}
    plain = {name: values[name] for name in values.keys() & set(Settings.__struct_fields__)}
    return Settings(
        **{
            **plain,
            "base_url": LOCAL_BASE if local else base or DEFAULT_BASE[values.get("generation", "workers")],
            "key": Secret(source.value if source and source.name == API_KEY and not local else ""),
            "key_source": source.name if source and not local else "",
            "key_command": source.value if source and source.name == KEY_COMMAND else (),
            "profile": given.profile,
            "local": local,
            "headers": given.headers(),
            "keys": tuple(sorted((name, str(value)) for name, value in key_ids(file.table("keys")))),
            "limits": Limits(**limits),
            "spending": (
                *_flag_limits(flags),
                *(Limit(*SPENDING[name], amount) for name, amount in spending.items()),
            ),
            "shared_url": values.get("shared.url") or Secret(""),
            "shared_host": values.get("shared.host") or "",
            "allow_unshared": flags.allow_unshared,
            "prices": values.get(f"spending.{CREDIT_PRICE}"),
            "currency": values.get(f"spending.{CURRENCY}"),
            "key_in_file": any(table.get("api_key") for table in (file.config, *file.profiles.values())),
            "tag_rules": file.tag_rules(environ),
        }
    )


def default_of(setting: Setting, generation: str) -> Any:
    """What is in force where a setting is given nowhere; None for nothing."""
    if setting.name == "base_url":
        return DEFAULT_BASE[generation]
    settings = Settings("", Secret(""))
    owner = settings.limits if setting.path[0] == "limits" else settings
    value = getattr(owner, setting.member, None)
    return None if value in ("", ()) else value


def unknown_variables(environ: Mapping[str, str]) -> Iterator[SettingsError]:
    """Unknown variables that are meant for us."""
    names = [variable.removeprefix(PREFIX) for variable in VARIABLES]
    for variable, text in environ.items():
        if variable not in VARIABLES and text.strip() and (name := _our_name(variable)):
            hint = did_you_mean(name, names, "docs/configuration.md lists them.", f"'{PREFIX}{{}}'")
            yield SettingsError(f"The environment: unknown setting {variable!r}.", hint)


def _our_name(variable: str) -> str:
    """What stands behind HANDINGER_, in any case, without its underscore, or misspelled; "" for none."""
    ours = PREFIX.removesuffix("_")
    word, _, name = variable.upper().partition("_")
    if name and word.startswith(ours):
        return variable.upper().removeprefix(ours).removeprefix("_")
    return name if nearest(word, (ours,), 0.88) else ""


def key_ids(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Ids with their keys. Without quotes, `work.spending` is a table in a table for TOML."""
    for name, value in table.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        yield from ((f"{name}.{last}" if last else name, keys) for last, keys in inner)


def require_key(settings: Settings, flags: Flags) -> None:
    """Refuse to replace the service by the local worker only because no key is set.

    Raises:
        SettingsError: no key is set, and `--local` was not given.
    """
    if settings.local and not flags.local:
        raise SettingsError(
            "No API key is set. Nothing was sent.",
            f"{SET_A_KEY}. To try the local worker, add --local.",
        )


def environment_value(environ: Mapping[str, str], name: str) -> str | None:
    """The value of a variable without surrounding spaces; None where it is not set, or empty."""
    return environ.get(name, "").strip() or None


# -- the file ------------------------------------------------------------------------
MAX_FILE_CHARS: Final = 1_000_000
MAX_DOTS: Final = 200
"""Most dots in a line of the file."""
_CLOSED_TABLES: Final = ("limits", "spending", "shared")
_TABLES: Final = (*OPEN_TABLES, PROFILES, *_CLOSED_TABLES)
_TOP: Final = (*(one.name for one in TABLE if one.in_file and len(one.path) == 1), *_TABLES)
_INSIDE: Final = {
    table: tuple(one.member for one in TABLE if one.path[:-1] == (table,)) for table in _CLOSED_TABLES
}
_PROFILE: Final = tuple(one.name for one in TABLE if one.in_profile)


class ConfigFile(Struct, frozen=True):
    """The config file, parsed."""

    name: str
    text: str
    config: dict[str, Any]

    @classmethod
    def read(cls, text: str, name: str) -> ConfigFile:
        """Parse the text. Raises SettingsError: it is no TOML, or a table is none."""
        file = cls(name, text, _parsed(text, name) if text else {})
        tables = [((table,), file.config.get(table, {})) for table in _TABLES]
        for path, table in (*tables, *(((PROFILES, name), one) for name, one in file.profiles.items())):
            if not isinstance(table, dict):
                raise SettingsError(
                    f"{file.place(path)} must be a table ([{'.'.join(path)}]).", "Fix it and restart."
                )
        return file

    @property
    def profiles(self) -> dict[str, Any]:
        """All profiles by name."""
        return self.table(PROFILES)

    def table(self, name: str) -> dict[str, Any]:
        """A table; empty where there is none."""
        table = self.config.get(name, {})
        return table if isinstance(table, dict) else {}

    def place(self, path: tuple[str, ...]) -> str:
        """Where a setting stands, for errors: "config.toml, line 3, limits.idle_timeout"."""
        from handinger_tui.settings.toml_text import line_of  # for errors only

        line = line_of(self.text, path)
        return ", ".join(filter(None, (self.name, f"line {line}" if line else "", ".".join(path))))

    def problems(self) -> Iterator[SettingsError]:
        """Names that are no settings, each with the nearest one, and values that are no text."""
        tables: list[tuple[tuple[str, ...], Mapping[str, Any], tuple[str, ...]]] = [
            ((), self.config, _TOP),
            *(((PROFILES, name), profile, _PROFILE) for name, profile in self.profiles.items()),
            *(((name,), self.table(name), names) for name, names in _INSIDE.items()),
        ]
        for path, table, names in tables:
            for name, value in table.items():
                setting = NAMED.get(name)
                if setting is not None and setting.is_text and not isinstance(value, str):
                    yield SettingsError(
                        f"{self.place((*path, name))}: it must be text in quotes.", "Fix it and restart."
                    )
                if name not in names:
                    where = self.place((*path, name)).rpartition(", ")[0]
                    hint = did_you_mean(name, names, f"Use one of: {', '.join(names)}.", "{!r}")
                    full = clean_line(".".join((*path, name)), 80)
                    yield SettingsError(f"{where}: unknown setting {full!r}.", hint)

    def tag_rules(self, environ: Mapping[str, str]) -> TagRules:
        """The rules of tags and projects. Raises SettingsError."""
        home = environ.get("HOME") or environ.get("USERPROFILE") or "~"

        def rules(table: str, kinds: tuple[str, ...]) -> Rules:
            return rules_in(self.table(table), lambda name: self.place((table, name)), kinds, home)

        return TagRules(rules("tags", TAG_KINDS), rules("projects", PROJECT_KINDS))


def _parsed(text: str, name: str) -> dict[str, Any]:
    import tomllib  # 4 ms, needed only with a file

    # The time that a key takes grows with the square of its dots: 20,000 took 5 s and 1.5 GiB.
    if len(text) > MAX_FILE_CHARS or any(line.count(".") > MAX_DOTS for line in text.splitlines()):
        raise SettingsError(f"{name} is too long, or has a line with too many dots.", "Fix it and restart.")
    try:
        # Decimal, since amounts of money must never be binary floats.
        return tomllib.loads(text, parse_float=Decimal)
    except ValueError as problem:
        # The message is not quoted: it may hold a name, and so the API key.
        line = re.search(r"line \d+", str(problem))
        where = f", {line[0]}" if line else ""
        raise SettingsError(
            f"{name}{where}: not valid TOML.", "Fix it and restart. The file was not changed."
        ) from None
    except RecursionError:
        raise SettingsError(f"{name} is nested too deeply.", "Fix it and restart.") from None


class KeySource(Struct, frozen=True):
    """The setting that gives the key, its value, and the place of the key in words."""

    name: str
    value: Any
    place: str
    path: tuple[str, ...] = ()
    """In the file; () for a variable."""


API_KEY: Final = "api_key"
KEY_COMMAND: Final = "key_command"
KEY_STORE: Final = "key_store"
_KEY_SETTINGS: Final = (API_KEY, KEY_COMMAND, KEY_STORE)
_PLACES: Final = {KEY_COMMAND: "printed by key_command", KEY_STORE: "in the key store"}
SET_A_KEY: Final = "Run handinger-tui login, or set HANDINGER_API_KEY"


# -- what is given where ---------------------------------------------------------------------
class Given(Struct, frozen=True):
    """A value as it was given, and where: the option, the variable, the profile or the config file."""

    value: Any
    origin: str
    path: tuple[str, ...] = ()
    """In the file; () for the others."""


class GivenSettings(Struct, frozen=True):
    """Where each setting is given, and what."""

    flags: Flags
    environ: Mapping[str, str]
    file: ConfigFile

    @property
    def profile(self) -> str:
        """The name of the profile in force. Raises SettingsError: there is none of that name."""
        setting = NAMED["profile"]
        given = self.of(setting)
        name = "default" if given is None else str(self.read(setting, given))
        if name not in self.file.profiles and (name != "default" or self.flags.profile is not None):
            names = ", ".join(sorted(self.file.profiles)) or "none"
            raise SettingsError(f"No profile {name!r} in {self.file.name}.", f"Profiles: {names}.")
        return name

    def of(self, setting: Setting) -> Given | None:
        """What is given for a setting; None for nothing. Raises SettingsError: there is no such profile."""
        if setting.option and (flag := getattr(self.flags, setting.member, None)):
            return Given(flag, setting.option)
        if setting.variable and (text := environment_value(self.environ, setting.variable)) is not None:
            return Given(text, setting.variable)
        return self.in_file(setting) if setting.in_file else None

    def key(self) -> KeySource | None:
        """What gives the key; None for nothing. A profile has its own, if any.

        Raises:
            SettingsError
        """
        variable = self.of(NAMED[API_KEY])
        if variable is not None and not variable.path:
            return KeySource(API_KEY, self.read(NAMED[API_KEY], variable), f"in {variable.origin}")
        return self.stored_key()

    def stored_key(self) -> KeySource | None:
        """What the file says of the key, also where a variable is used instead. Raises SettingsError."""
        profile = self.profile
        for path, table in (
            ((PROFILES, profile), self.file.profiles.get(profile, {})),
            ((), self.file.config),
        ):
            for name in _KEY_SETTINGS:
                if table.get(name):
                    given = Given(table[name], "", (*path, name))
                    place = _PLACES.get(name) or f"in {self.file.name}"
                    return KeySource(name, self.read(NAMED[name], given), place, given.path)
        return None

    def in_file(self, setting: Setting) -> Given | None:
        """What the file has for a setting."""
        if setting.in_profile:
            profile = self.profile
            value = self.file.profiles.get(profile, {}).get(setting.name)
            if value is not None:
                return Given(value, f"profile {profile}", (PROFILES, profile, setting.name))
        *tables, name = setting.path
        value = (self.file.table(tables[0]) if tables else self.file.config).get(name)
        return None if value is None else Given(value, "config file", setting.path)

    def read(self, setting: Setting, given: Given) -> Any:
        """The value, as the program uses it; "" in the file means nothing. Raises SettingsError."""
        if given.value == "":
            return None
        try:
            return setting.kind.read(given.value)
        except WrongValue as problem:
            place = self.file.place(given.path) if given.path else given.origin
            raise SettingsError(f"{place}: {problem}", problem.hint) from None

    def value(self, name: str) -> Any:
        """The value of a setting; None where it is given nowhere. Raises SettingsError."""
        given = self.of(NAMED[name])
        return None if given is None else self.read(NAMED[name], given)

    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of the environment, and of the file those with other names. Raises SettingsError."""
        setting = NAMED["headers"]
        pairs: dict[str, tuple[str, str]] = {}
        for given in (self.in_file(setting), self.of(setting)):
            if given is not None:
                pairs.update({name.lower(): (name, value) for name, value in self.read(setting, given)})
        return tuple(pairs.values())


LIMIT_SCOPES: Final = {"attach": Scope.WORKER, "acp": Scope.DAY, "mcp": Scope.DAY}
"""What --max-cost counts where it is not the session, by subcommand."""


def _flag_limits(flags: Flags) -> list[Limit]:
    amounts = ((Unit.USD, flags.max_cost), (Unit.CREDITS, flags.max_credits))
    scope = LIMIT_SCOPES.get(flags.command, Scope.SESSION)
    return [Limit.of_flag(scope, unit, amount) for unit, amount in amounts if amount is not None]
