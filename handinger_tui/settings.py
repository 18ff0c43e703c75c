"""Settings: merges flags, environment and config file into one frozen value.

`load` depends only on its arguments; nothing is read at import. The order of precedence is: flag,
environment, profile in the file, top level of the file, default. The key is a
`Secret`: it never appears in repr, str, errors or logs.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct, field
from msgspec.structs import fields

from handinger_tui.core.amounts import Unit
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.limits import Limit, Scope
from handinger_tui.core.safety import Secret, is_loopback
from handinger_tui.core.tags import NO_TAG_RULES, PROJECT_KINDS, TAG_KINDS, TagRules, rules_in

BUDGETS: Final = ("low", "standard", "high", "unlimited")
GENERATIONS: Final = ("workers", "tasks")
DENSITIES: Final = ("normal", "compact")
NOTICES: Final = ("auto", "bell", "off")
FOREVER: Final = "forever"
PRINTED: Final = ("nothing", "answer", "transcript")
NEVER_REPORTED: Final = {"tasks": frozenset({Unit.USD})}
"""The units in which the services of a generation report no amount, not even for a first turn."""
DEFAULT_BASE: Final = {"workers": "https://v3.handinger.com", "tasks": "https://handinger.com"}
LOCAL_BASE: Final = "local"
"""The stored base URL of the local worker, since its port changes at every start."""


class Limits(Struct, frozen=True):
    """Timeouts in seconds, sizes in bytes; each has an environment variable HANDINGER_<NAME>."""

    connect_timeout: float = 10.0
    first_byte_timeout: float = 60.0
    idle_timeout: float = 60.0
    poll_interval: float = 2.0
    recovery_window: float = 120.0
    max_wait: float | None = None
    history_wait: float = 60.0
    """Wait for another process that has locked the history; the app waits 5 s at most."""
    max_event_bytes: int = 8 << 20
    max_turn_bytes: int = 64 << 20
    max_json_bytes: int = 32 << 20
    max_file_bytes: int = 2 << 30
    max_input_bytes: int = 8 << 20
    """Maximum of standard input, which becomes part of a prompt."""


class Settings(Struct, frozen=True):
    """All settings of a run. `local`: serve and use the local worker."""

    base_url: str
    key: Secret
    generation: str = "workers"
    budget: str = "standard"
    profile: str = "default"
    local: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    theme: str | None = None
    density: str = "normal"
    """How much room the screen leaves empty: `normal` or `compact`."""
    notify: str = "auto"
    """How the end of a turn is announced to the terminal: `auto`, `bell` or `off`."""
    on_done: tuple[str, ...] = ()
    """A command, without a shell, that gets the facts of each ended turn as JSON; () for none."""
    on_limit: tuple[str, ...] = ()
    """The same for each limit that is nearly or quite used up."""
    print_on_exit: str = "nothing"
    """What the app leaves in the terminal besides how to resume: `answer`, `transcript` or `nothing`."""
    download_dir: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    limits: Limits = field(default_factory=Limits)
    spending: tuple[Limit, ...] = ()
    """Spending limits, from the configuration or from flags."""
    credit_usd: Decimal | None = None
    """The price of a credit in USD, at which credits count for limits in USD; None: not set."""
    keep_frames: str = FOREVER
    """How long frames are kept as they arrived, "90 days" or `FOREVER`; see `days_of`."""
    tag_rules: TagRules = NO_TAG_RULES
    key_in_file: bool = False
    """Whether the config file has an API key, even if another one is used."""
    local_pace: float = 1.0
    """Factor of all pauses of the local worker; 0 means no pauses."""

    @property
    def never_reported(self) -> frozenset[Unit]:
        """The units that a service of this generation does not have."""
        return NEVER_REPORTED.get(self.generation, frozenset())


class Flags(Struct, frozen=True):
    """The settings given on the command line; None if not given."""

    base_url: str | None = None
    generation: str | None = None
    budget: str | None = None
    profile: str | None = None
    local: bool = False
    max_wait: float | None = None
    max_cost: Decimal | None = None
    """USD; applies to the session, including its earlier costs."""
    max_credits: Decimal | None = None
    of_worker: bool = False
    """Whether these two limits are those of the worker, as for `attach`, not of the session."""


_TOP: Final = (
    "profile", "budget", "theme", "density", "notify", "on_done", "on_limit", "print_on_exit", "keep_frames",
    "download_dir", "base_url", "generation", "api_key", "headers",
)  # fmt: skip
_NOT_TEXT: Final = ("headers", "on_done", "on_limit")
_TABLES: Final = ("profiles", "limits", "keys", "spending", "tags", "projects")
_PROFILE: Final = ("api_key", "base_url", "generation", "budget", "headers", "download_dir")


SPENDING: Final = {f"{scope}_{unit}": (scope, unit) for scope in Scope for unit in Unit}
"""Names in the table [spending]: turn_usd, turn_credits, session_usd … month_credits; each has an
environment variable HANDINGER_LIMIT_<NAME>."""
CREDIT_PRICE: Final = "credit_usd"
"""The other name in [spending]; its environment variable is HANDINGER_CREDIT_USD."""
_PREFIX: Final = "HANDINGER_"
_VARIABLES: Final = (
    *("API_KEY", "BASE_URL", "GENERATION", "BUDGET", "PROFILE", "CUSTOM_HEADERS", "TUI_HOME", "LOCAL_PACE"),
    *(limit.name.upper() for limit in fields(Limits)),
    *(f"LIMIT_{name.upper()}" for name in SPENDING),
    CREDIT_PRICE.upper(),
    "LOG",  # of the official clients
)
"""Behind HANDINGER_. A limit whose name is misspelled must not be no limit."""


def load(
    flags: Flags, environ: Mapping[str, str], file_text: str = "", file_name: str = "config.toml"
) -> Settings:
    """Return the settings from flags, environment and the text of the config file.

    Raises:
        SettingsError: names the wrong flag, variable or line, and what to do.
    """
    _check_variables(environ)
    config = _read_file(file_text, file_name)
    name = (
        flags.profile or environment_value(environ, "HANDINGER_PROFILE") or config.get("profile") or "default"
    )
    profile = _read_profile(config, name, is_requested=flags.profile is not None, file_name=file_name)
    values = {**{k: v for k, v in config.items() if k in _TOP}, **profile}
    look_up = partial(_look_up, environ, config, file_name)

    def value_of(name: str, flag: str | None = None) -> tuple[str, str]:
        """Where a setting comes from that is no flag, and the setting; "" for none."""
        variable = f"{_PREFIX}{name.upper()}"
        text = environment_value(environ, variable)
        return variable if text else f"{file_name}, {name}", str(flag or text or values.get(name) or "")

    generation = _check_choice(GENERATIONS, *value_of("generation", flags.generation))
    budget = _check_choice(BUDGETS, *value_of("budget", flags.budget), "standard")
    base = flags.base_url or environment_value(environ, "HANDINGER_BASE_URL") or values.get("base_url")
    key = Secret(_check_key(*value_of("api_key")))
    local = flags.local or (not key and base is None)
    if not local and not key:
        raise SettingsError(
            "No API key is set for this base URL.",
            "Set HANDINGER_API_KEY, add api_key to a profile in the config file, or use --local.",
        )
    return Settings(
        base_url=LOCAL_BASE if local else check_base_url(str(base or DEFAULT_BASE[generation])),
        key=Secret("") if local else key,
        generation=generation,
        budget=budget,
        profile=str(name),
        local=local,
        headers=_read_headers(environ.get("HANDINGER_CUSTOM_HEADERS", ""), values.get("headers")),
        theme=values.get("theme"),
        density=_check_choice(DENSITIES, *value_of("density")),
        notify=_check_choice(NOTICES, *value_of("notify")),
        on_done=_check_command(file_name, "on_done", values),
        on_limit=_check_command(file_name, "on_limit", values),
        print_on_exit=_check_choice(PRINTED, *value_of("print_on_exit")),
        keep_frames=_check_days(*value_of("keep_frames")),
        download_dir=str(values.get("download_dir") or ""),
        keys=tuple(sorted((name, str(value)) for name, value in _key_ids(config.get("keys", {})))),
        limits=_read_limits(look_up, flags.max_wait),
        spending=(*_flag_limits(flags), *_configured_limits(look_up)),
        credit_usd=_amount(*look_up(CREDIT_PRICE.upper(), "spending", CREDIT_PRICE)),
        key_in_file=any(table.get("api_key") for table in (config, *config.get("profiles", {}).values())),
        local_pace=_read_pace(environ),
        tag_rules=_read_tag_rules(environ, config, file_name),
    )


def _check_variables(environ: Mapping[str, str]) -> None:
    """Refuse an unknown variable that is meant for us. Raises SettingsError."""
    names = {f"{_PREFIX}{name}" for name in _VARIABLES}
    for variable, text in environ.items():
        if variable not in names and text.strip() and (name := _our_name(variable)):
            near = difflib.get_close_matches(name, _VARIABLES, 1, 0.5)
            hint = f"Did you mean {_PREFIX + near[0]!r}?" if near else "docs/configuration.md lists them."
            raise SettingsError(f"The environment: unknown setting {variable!r}.", hint)


def _our_name(variable: str) -> str:
    """What stands behind HANDINGER_, in any case, without its underscore, or misspelled; "" for none."""
    ours = _PREFIX.removesuffix("_")
    word, _, name = variable.upper().partition("_")
    if name and word.startswith(ours):
        return variable.upper().removeprefix(ours).removeprefix("_")
    return name if difflib.get_close_matches(word, (ours,), 1, 0.88) else ""


def _look_up(
    environ: Mapping[str, str],
    config: Mapping[str, Any],
    file_name: str,
    variable: str,
    table: str,
    name: str,
) -> tuple[str, Any]:
    """Where a setting stands, its variable or else a table of the file, and its value; None for none."""
    text = environment_value(environ, f"{_PREFIX}{variable}")
    if text is not None:
        return f"{_PREFIX}{variable}", text
    return f"{file_name}, {table}.{name}", config.get(table, {}).get(name)


def _key_ids(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
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
            "Set HANDINGER_API_KEY, or add api_key to the config file. "
            "To try the local demo worker, add --local.",
        )


def environment_value(environ: Mapping[str, str], name: str) -> str | None:
    """The value of a variable without surrounding spaces; None where it is not set, or empty."""
    return environ.get(name, "").strip() or None


# -- the file ------------------------------------------------------------------------
MAX_FILE_CHARS: Final = 1_000_000
MAX_DOTS: Final = 200
"""Most dots in a line of the file."""


def _read_file(text: str, file_name: str) -> dict[str, Any]:
    if not text:
        return {}
    import tomllib  # 4 ms, needed only with a file

    # The time that a key takes grows with the square of its dots: 20,000 took 5 s and 1.5 GiB.
    if len(text) > MAX_FILE_CHARS or any(line.count(".") > MAX_DOTS for line in text.splitlines()):
        raise SettingsError(
            f"{file_name} is too long, or has a line with too many dots.", "Fix it and restart."
        )
    try:
        # Decimal, since amounts of money must never be binary floats.
        config = tomllib.loads(text, parse_float=Decimal)
    except ValueError as problem:
        # The message is not quoted: it may hold a name, and so the API key.
        line = re.search(r"line \d+", str(problem))
        where = f", {line[0]}" if line else ""
        raise SettingsError(
            f"{file_name}{where}: not valid TOML.", "Fix it and restart. The file was not changed."
        ) from None
    except RecursionError:
        raise SettingsError(f"{file_name} is nested too deeply.", "Fix it and restart.") from None
    _check_names(config, (*_TOP, *_TABLES), file_name)
    for table in _TABLES:
        if not isinstance(config.get(table, {}), dict):
            raise SettingsError(f"{file_name}: {table} must be a table ([{table}]).", "Fix it and restart.")
    for name, profile in config.get("profiles", {}).items():
        if not isinstance(profile, dict):
            raise SettingsError(f"{file_name}: profiles.{name} must be a table.", "Fix it and restart.")
        _check_names(profile, _PROFILE, f"{file_name}, profile {name}")
    _check_names(config.get("limits", {}), tuple(f.name for f in fields(Limits)), f"{file_name}, [limits]")
    _check_names(config.get("spending", {}), (*SPENDING, CREDIT_PRICE), f"{file_name}, [spending]")
    _check_strings(config, file_name)
    return config


def _check_names(table: Iterable[str], names: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in names:
            plain = {one.casefold(): one for one in names}
            near = difflib.get_close_matches(name.casefold(), plain, 1, 0.5)
            hint = f"Did you mean {plain[near[0]]!r}?" if near else f"Use one of: {', '.join(names)}."
            raise SettingsError(f"{where}: unknown setting {name!r}.", hint)


def _check_strings(config: Mapping[str, Any], file_name: str) -> None:
    tables = [("", config), *((f"profiles.{n}.", p) for n, p in config.get("profiles", {}).items())]
    for prefix, table in tables:
        for name, value in table.items():
            if name in _TOP and name not in _NOT_TEXT and not isinstance(value, str):
                raise SettingsError(
                    f"{file_name}: {prefix}{name} must be text in quotes.", "Fix it and restart."
                )


def _read_profile(
    config: Mapping[str, Any], name: str, *, is_requested: bool, file_name: str
) -> dict[str, Any]:
    profiles: dict[str, Any] = config.get("profiles", {})
    if name in profiles:
        return dict(profiles[name])
    if is_requested or (name != "default"):
        names = ", ".join(sorted(profiles)) or "none"
        raise SettingsError(f"No profile {name!r} in {file_name}.", f"Profiles: {names}.")
    return {}


# -- single values ---------------------------------------------------------------------
def _check_choice(allowed: tuple[str, ...], source: str, text: str, usual: str = "") -> str:
    """`text`, if it is allowed; without one `usual`, or else the first that is allowed."""
    text = text or usual or allowed[0]
    if text not in allowed:
        matches = difflib.get_close_matches(text, allowed, 1)
        hint = f"Did you mean {matches[0]}?" if matches else f"Use one of: {', '.join(allowed)}."
        raise SettingsError(f"{source}: {text[:80]!r} is not valid.", hint)
    return text


def _check_command(file_name: str, name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of a command; () for none. There is no shell: one text with spaces would be no program."""
    words = values.get(name, [])
    if not isinstance(words, list) or not all(word and isinstance(word, str) for word in words):
        raise SettingsError(
            f"{file_name}, {name}: not a command.",
            f'Write a list of words: {name} = ["notify-send", "Handinger"].',
        )
    return tuple(words)


_DAYS: Final = re.compile(r"([1-9][0-9]{0,4}) days?")


def days_of(keep_frames: str) -> int | None:
    """The number of days in a setting such as "90 days"; None: forever."""
    match = _DAYS.fullmatch(keep_frames)
    return int(match[1]) if match else None


def _check_days(source: str, value: str) -> str:
    if value not in ("", FOREVER) and days_of(value) is None:
        raise SettingsError(
            f"{source}: {value[:80]!r} is not valid.", 'Use "forever", or a time such as "90 days".'
        )
    return value or FOREVER


def _check_key(source: str, text: str) -> str:
    """Return a valid key, or "" for none. Errors never show the key, not even a wrong one."""
    key = text.strip()
    if not key:
        return ""
    if not all("!" <= char <= "~" and char not in "\"'" for char in key):
        raise SettingsError(
            f"{source}: the API key contains an invalid character (a space, a quote or a line break).",
            "Copy only the key.",
        )
    if not 8 <= len(key) <= 512:
        raise SettingsError(
            f"{source}: the API key is too short or too long.", "Copy it again from the dashboard."
        )
    return key


def check_base_url(url: str) -> str:
    """Check a base URL and return it without trailing slash.

    Raises:
        SettingsError: not http(s), no host, a user part, or plain http to another machine.
    """
    displayed_url = url if url.isprintable() and len(url) < 200 and "@" not in url else "the base URL"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingsError(
            f"{displayed_url} is not a valid address.", "Use a form like https://v3.handinger.com."
        ) from None
    if parts.scheme not in {"http", "https"} or not host or not url.isascii() or any(c <= " " for c in url):
        raise SettingsError(
            f"{displayed_url} is not an http(s) address.", "Use a form like https://v3.handinger.com."
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingsError(
            "The base URL must not contain a user name, a query or a fragment.",
            "Use a form like https://v3.handinger.com.",
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise SettingsError(
            f"Plain http to {host} would send the key unprotected.", "Use https (http is only for loopback)."
        )
    return url.rstrip("/")


def _read_headers(text: str, from_file: object) -> tuple[tuple[str, str], ...]:
    """Return headers from HANDINGER_CUSTOM_HEADERS, and from the file those with other names.

    The variable has one `Name: value` per line, like in the official clients.
    """
    pairs: list[tuple[str, str]] = []
    if isinstance(from_file, dict):
        pairs += [
            _check_header(str(name), str(value), "headers in the file") for name, value in from_file.items()
        ]
    elif from_file is not None:
        raise SettingsError("The setting headers must be a table of names and values.", "Fix it and restart.")
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon:
            name = ""
        pairs.append(_check_header(name, value, "HANDINGER_CUSTOM_HEADERS"))
    return tuple({name.lower(): (name, value) for name, value in pairs}.values())


def _check_header(name: str, value: str, where: str) -> tuple[str, str]:
    """Return a valid header as (name, value)."""
    name, value = name.strip(), value.strip()
    is_token = name.isascii() and all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in name)
    if not name or not is_token or not all(" " <= char <= "~" or char == "\t" for char in value):
        raise SettingsError(f"{where}: a line is not in the form `Name: value`.", "Fix or remove that line.")
    return name, value


def _read_tag_rules(environ: Mapping[str, str], config: Mapping[str, Any], file_name: str) -> TagRules:
    home = environ.get("HOME") or environ.get("USERPROFILE") or "~"
    kinds = (("tags", TAG_KINDS), ("projects", PROJECT_KINDS))
    return TagRules(
        *(rules_in(config.get(name, {}), f"{file_name}, {name}", own, home) for name, own in kinds)
    )


_MAX_LIMIT: Final = 10**15
_MAX_PACE: Final = 100


def _read_limits(look_up: Callable[[str, str, str], tuple[str, Any]], max_wait: float | None) -> Limits:
    values: dict[str, Any] = {}
    for limit in fields(Limits):
        where, value = look_up(limit.name.upper(), "limits", limit.name)
        if value is None:
            continue
        number = _parse_number(where, value)
        is_integer = limit.name.endswith("_bytes")
        if not 0 < number < _MAX_LIMIT or (is_integer and number != number.to_integral_value()):
            kind = "a whole number" if is_integer else "a number"
            raise SettingsError(f"{where} must be {kind} above 0.", "Fix or remove it.")
        values[limit.name] = int(number) if is_integer else float(number)
    if max_wait is not None:
        values["max_wait"] = max_wait
    return Limits(**values)


def _read_pace(environ: Mapping[str, str]) -> float:
    """Return the pace of the local worker from HANDINGER_LOCAL_PACE."""
    number = _parse_number("HANDINGER_LOCAL_PACE", environment_value(environ, "HANDINGER_LOCAL_PACE") or "1")
    if not 0 <= number <= _MAX_PACE:
        raise SettingsError(
            f"HANDINGER_LOCAL_PACE must be a number from 0 to {_MAX_PACE}.", "Fix or unset it."
        )
    return float(number)


def _parse_number(name: str, value: object) -> Decimal:
    """Return a finite number from text or a TOML value, as Decimal, since a float of 1e400 is infinite.

    Raises:
        SettingsError: naming the setting.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise InvalidOperation
        number = Decimal(value)
    except InvalidOperation:
        raise SettingsError(f"{name} is {str(value)[:40]!r}, not a number.", "Fix or unset it.") from None
    # Numbers below 1e-9 are rejected: very small ones would be 0 as a float.
    if not number.is_finite() or (number and number.adjusted() < -9):
        raise SettingsError(f"{name} is {str(value)[:40]!r}, which is out of range.", "Fix or unset it.")
    return number


def _flag_limits(flags: Flags) -> list[Limit]:
    amounts = ((Unit.USD, flags.max_cost), (Unit.CREDITS, flags.max_credits))
    scope = Scope.WORKER if flags.of_worker else Scope.SESSION
    return [Limit.of_flag(scope, unit, amount) for unit, amount in amounts if amount is not None]


def _configured_limits(look_up: Callable[[str, str, str], tuple[str, Any]]) -> list[Limit]:
    """The limits of environment and file."""
    amounts = [
        (*key, _amount(*look_up(f"LIMIT_{name.upper()}", "spending", name))) for name, key in SPENDING.items()
    ]
    return [Limit(scope, unit, amount) for scope, unit, amount in amounts if amount is not None]


def _amount(where: str, value: object) -> Decimal | None:
    """An amount of money; None for None.

    Raises:
        SettingsError: naming the setting.
    """
    try:
        if isinstance(value, bool):
            raise ValueError("it must be an amount")
        return None if value is None else amount_in(value)
    except ValueError as problem:
        raise SettingsError(f"{where}: {problem}.", "Fix or remove it.") from None


def amount_in(value: object) -> Decimal:
    """Return the amount of a limit in a value of the file, or as typed. Raises ValueError, for people."""
    # str() would write 0.0000001 as "1E-7".
    is_small = isinstance(value, Decimal) and value.is_finite() and -30 < value.adjusted() < 0
    return Limit.amount_of(format(value, "f") if is_small else str(value))
