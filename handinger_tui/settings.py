"""Settings: from flags, environment and configuration file to one frozen value.

`load` is a function of its inputs; nothing is read at import. Order: flag,
environment, profile of the file, top of the file, default. The key is a
`Secret`: it never shows in repr, str, errors or logs.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import field, fields
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import urlsplit

from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.limits import Limit, Origin, Scope, Unit, amount_of
from handinger_tui.core.record import dataclass
from handinger_tui.core.safety.cleaning import is_loopback
from handinger_tui.core.secret import Secret

BUDGETS: Final = ("low", "standard", "high", "unlimited")
GENERATIONS: Final = ("workers", "tasks")
PICTURES: Final = ("auto", "kitty", "blocks")
"""Ask the terminal whether it shows real pictures; take it for able (kitty's protocol); characters only."""
DEFAULT_BASE: Final = {"workers": "https://v3.handinger.com", "tasks": "https://handinger.com"}
LOCAL_BASE: Final = "local"
"""Stands for the local worker wherever a base URL is stored: its port changes at every start."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Waits in seconds, sizes in bytes; each has an environment twin HANDINGER_<NAME>."""

    connect_timeout: float = 10.0
    first_byte_timeout: float = 60.0
    idle_timeout: float = 60.0
    poll_interval: float = 2.0
    recovery_window: float = 120.0
    max_wait: float | None = None
    history_wait: float = 60.0
    """For another process that holds the history; the app waits for 5 s at most."""
    max_event_bytes: int = 8 << 20
    max_turn_bytes: int = 64 << 20
    max_json_bytes: int = 32 << 20
    max_file_bytes: int = 2 << 30
    max_input_bytes: int = 8 << 20
    """Of standard input, which becomes part of a prompt."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the program was told. `local`: serve and use the local worker."""

    base_url: str
    key: Secret
    generation: str = "workers"
    budget: str = "standard"
    profile: str = "default"
    local: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    theme: str | None = None
    pictures: str = "auto"
    download_dir: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    limits: Limits = field(default_factory=Limits)
    spending: tuple[Limit, ...] = ()
    """Limits of what may be spent, configured or given as flags."""
    key_in_file: bool = False
    """The configuration file holds an API key, whether it is the one in use or not."""
    local_pace: float = 1.0
    """Factor of all pauses of the local worker; 0 is as fast as possible."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line said; None where it said nothing."""

    base_url: str | None = None
    generation: str | None = None
    budget: str | None = None
    profile: str | None = None
    local: bool = False
    max_wait: float | None = None
    max_cost: Decimal | None = None
    """USD; counts for the session, together with what it took before."""
    max_credits: Decimal | None = None
    ceiling: Scope = Scope.SESSION
    """What those two count: whoever attaches to a worker means the worker."""


_TOP: Final = (
    "profile", "budget", "theme", "pictures", "download_dir", "base_url", "generation", "api_key", "headers",
)  # fmt: skip
_TABLES: Final = ("profiles", "limits", "keys", "spending")
_PROFILE: Final = ("api_key", "base_url", "generation", "budget", "headers", "download_dir")


SPENDING: Final = {f"{scope}_{unit}": (scope, unit) for scope in Scope for unit in Unit}
"""Names in the table [spending]: turn_usd, turn_credits, session_usd … day_credits; each has an
environment twin HANDINGER_LIMIT_<NAME>."""


def load(
    flags: Flags, environ: Mapping[str, str], file_text: str = "", file_name: str = "config.toml"
) -> Settings:
    """Settle every setting.

    Raises:
        SettingsError: naming the flag, variable or line at fault, and what to do.
    """
    config = _read_file(file_text, file_name)
    name = flags.profile or _text(environ, "HANDINGER_PROFILE") or config.get("profile") or "default"
    profile = _profile(config, name, asked=flags.profile is not None, file_name=file_name)
    told = {**{k: v for k, v in config.items() if k in _TOP}, **profile}
    generation = _choice(
        flags.generation or _text(environ, "HANDINGER_GENERATION") or told.get("generation") or "workers",
        GENERATIONS,
        "generation",
    )
    budget = _choice(
        flags.budget or _text(environ, "HANDINGER_BUDGET") or told.get("budget") or "standard",
        BUDGETS,
        "budget",
    )
    base = flags.base_url or _text(environ, "HANDINGER_BASE_URL") or told.get("base_url")
    key = Secret(_key(environ.get("HANDINGER_API_KEY") or str(told.get("api_key") or "")))
    local = flags.local or (not key and base is None)
    if not local and not key:
        raise SettingsError(
            "No key is set for this base URL.",
            "Set HANDINGER_API_KEY, or put api_key into a profile of the configuration file, or use --local.",
        )
    return Settings(
        base_url=LOCAL_BASE if local else check_base_url(str(base or DEFAULT_BASE[generation])),
        key=Secret("") if local else key,
        generation="workers" if local else generation,
        budget=budget,
        profile=str(name),
        local=local,
        headers=_headers(environ.get("HANDINGER_CUSTOM_HEADERS", ""), told.get("headers")),
        theme=told.get("theme"),
        pictures=_choice(
            _text(environ, "HANDINGER_PICTURES") or told.get("pictures") or "auto",
            PICTURES,
            "way to show pictures",
        ),
        download_dir=str(told.get("download_dir") or ""),
        keys=tuple(sorted((str(k), str(v)) for k, v in config.get("keys", {}).items())),
        limits=_limits(environ, config.get("limits", {}), file_name, flags.max_wait),
        spending=(*_flagged(flags), *_spending(environ, config.get("spending", {}), file_name)),
        key_in_file=any(table.get("api_key") for table in (config, *config.get("profiles", {}).values())),
        local_pace=_pace(environ),
    )


def require_key(settings: Settings, flags: Flags) -> None:
    """Refuse that the local worker takes the place of a service because a key is missing.

    Raises:
        SettingsError: no key is set, and the local worker was not asked for.
    """
    if settings.local and not flags.local:
        raise SettingsError(
            "No API key is set; nothing was sent.",
            "Set HANDINGER_API_KEY, or put api_key into the configuration file. "
            "To try the local worker, a demonstration, add --local.",
        )


def _text(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name, "").strip()
    return value or None


# -- the file ------------------------------------------------------------------------
def _read_file(text: str, file_name: str) -> dict[str, Any]:
    if not text:
        # Where there is no file, there is nothing to read.
        return {}
    import tomllib  # noqa: PLC0415 - 4 ms of a start, for those who have a file

    try:
        # Amounts of money are never binary floats, not even on their way through a file.
        config = tomllib.loads(text, parse_float=Decimal)
    except ValueError as problem:
        # Not only TOMLDecodeError: Python refuses numbers of thousands of digits with words of its own.
        wrong = isinstance(problem, tomllib.TOMLDecodeError)
        reason = str(problem) if wrong else "a number is too long"
        raise SettingsError(
            f"{file_name} is not valid TOML: {reason}.", "Fix that line; the file was not changed."
        ) from None
    except RecursionError:
        raise SettingsError(f"{file_name} is nested too deeply.", "Fix it and start again.") from None
    _known(config, (*_TOP, *_TABLES), file_name)
    for table in _TABLES:
        if not isinstance(config.get(table, {}), dict):
            raise SettingsError(
                f"{file_name}: {table} must be a table ([{table}]).", "Fix it and start again."
            )
    for name, profile in config.get("profiles", {}).items():
        if not isinstance(profile, dict):
            raise SettingsError(f"{file_name}: profiles.{name} must be a table.", "Fix it and start again.")
        _known(profile, _PROFILE, f"{file_name}, profile {name}")
    _known(config.get("limits", {}), tuple(f.name for f in fields(Limits)), f"{file_name}, [limits]")
    _known(config.get("spending", {}), tuple(SPENDING), f"{file_name}, [spending]")
    _strings(config, file_name)
    return config


def _known(table: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(names)}."
            raise SettingsError(f"{where}: there is no setting {name!r}.", hint)


def _strings(config: Mapping[str, Any], file_name: str) -> None:
    places = [("", config), *((f"profiles.{n}.", p) for n, p in config.get("profiles", {}).items())]
    for prefix, table in places:
        for name, value in table.items():
            if name in _TOP and name != "headers" and not isinstance(value, str):
                raise SettingsError(
                    f"{file_name}: {prefix}{name} must be text in quotes.", "Fix it and start again."
                )


def _profile(config: Mapping[str, Any], name: str, *, asked: bool, file_name: str) -> dict[str, Any]:
    profiles: dict[str, Any] = config.get("profiles", {})
    if name in profiles:
        return dict(profiles[name])
    if asked or (name != "default"):
        known = ", ".join(sorted(profiles)) or "none"
        raise SettingsError(f"There is no profile {name!r} in {file_name}.", f"Known profiles: {known}.")
    return {}


# -- single values ---------------------------------------------------------------------
def _choice(value: object, allowed: tuple[str, ...], what: str) -> str:
    text = str(value)
    if text not in allowed:
        near = difflib.get_close_matches(text, allowed, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(allowed)}."
        raise SettingsError(f"{text!r} is no {what}.", hint)
    return text


def _key(text: str) -> str:
    """A usable key, or "" for none; never shown, not even a wrong one."""
    key = text.strip()
    if not key:
        return ""
    if not all("!" <= sign <= "~" for sign in key):
        raise SettingsError(
            "The key has a character that no key has (a space, a quote, a line break).",
            "Copy it again, without anything around it.",
        )
    if not 8 <= len(key) <= 512:
        raise SettingsError(
            "The key is too short or too long to be one.", "Copy it again from the dashboard."
        )
    return key


def check_base_url(url: str) -> str:
    """A base URL without its trailing slash.

    Raises:
        SettingsError: not http(s), no host, a user part, or plain http to another machine.
    """
    shown = url if url.isprintable() and len(url) < 200 and "@" not in url else "the base URL"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingsError(
            f"{shown} is no valid address.", "Use a form like https://v3.handinger.com."
        ) from None
    if parts.scheme not in {"http", "https"} or not host or not url.isascii() or any(c <= " " for c in url):
        raise SettingsError(f"{shown} is no http(s) address.", "Use a form like https://v3.handinger.com.")
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingsError(
            "The base URL has a user part, a query or a fragment.",
            "Use a form like https://v3.handinger.com.",
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise SettingsError(
            f"Plain http to {host} would send the key unprotected; it is refused.",
            "Use https (http is for loopback).",
        )
    return url.rstrip("/")


def _headers(text: str, from_file: object) -> tuple[tuple[str, str], ...]:
    """`Name: value` a line, as the official clients read HANDINGER_CUSTOM_HEADERS."""
    pairs: list[tuple[str, str]] = []
    if isinstance(from_file, dict):
        pairs += [_header(str(name), str(value), "headers in the file") for name, value in from_file.items()]
    elif from_file is not None:
        raise SettingsError("headers must be a table of names and values.", "Fix it and start again.")
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon:
            name = ""
        pairs.append(_header(name, value, "HANDINGER_CUSTOM_HEADERS"))
    return tuple(pairs)


def _header(name: str, value: str, where: str) -> tuple[str, str]:
    """A pair that HTTP can carry."""
    name, value = name.strip(), value.strip()
    token = name.isascii() and all(sign.isalnum() or sign in "!#$%&'*+-.^_`|~" for sign in name)
    if not name or not token or not all(" " <= sign <= "~" or sign == "\t" for sign in value):
        raise SettingsError(
            f"{where}: a line is not `Name: value` in plain characters.", "Fix or remove that line."
        )
    return name, value


_LARGEST: Final = 10**15
_SLOWEST: Final = 100


def _limits(
    environ: Mapping[str, str], table: Mapping[str, Any], file_name: str, max_wait: float | None
) -> Limits:
    values: dict[str, Any] = {}
    for limit in fields(Limits):
        where, value = f"HANDINGER_{limit.name.upper()}", environ.get(f"HANDINGER_{limit.name.upper()}")
        if value is None:
            where, value = f"{file_name}, limits.{limit.name}", table.get(limit.name)
        if value is None or value == "":
            continue
        number = _number(where, value)
        whole = limit.name.endswith("_bytes")
        if not 0 < number < _LARGEST or (whole and number != number.to_integral_value()):
            kind = "a whole number" if whole else "a number"
            raise SettingsError(f"{where} must be {kind} above 0.", "Fix or remove it.")
        values[limit.name] = int(number) if whole else float(number)
    if max_wait is not None:
        values["max_wait"] = max_wait
    return Limits(**values)


def _pace(environ: Mapping[str, str]) -> float:
    """HANDINGER_LOCAL_PACE."""
    number = _number("HANDINGER_LOCAL_PACE", _text(environ, "HANDINGER_LOCAL_PACE") or "1")
    if not 0 <= number <= _SLOWEST:
        raise SettingsError(
            f"HANDINGER_LOCAL_PACE must be a number from 0 to {_SLOWEST}.", "Fix or unset it."
        )
    return float(number)


def _number(name: str, value: object) -> Decimal:
    """A finite number, however it was written; as a Decimal, since a float of 1e400 is infinite.

    Raises:
        SettingsError: naming the setting.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise InvalidOperation
        number = Decimal(value)
    except InvalidOperation:
        raise SettingsError(f"{name} is {str(value)[:40]!r}, not a number.", "Fix or unset it.") from None
    # Below the second bound a float would be 0.
    if not number.is_finite() or (number and number.adjusted() < -9):
        raise SettingsError(f"{name} is {str(value)[:40]!r}, which cannot be used.", "Fix or unset it.")
    return number


def _flagged(flags: Flags) -> list[Limit]:
    told = ((Unit.USD, flags.max_cost), (Unit.CREDITS, flags.max_credits))
    return [Limit(flags.ceiling, unit, amount, Origin.FLAG) for unit, amount in told if amount is not None]


def _spending(environ: Mapping[str, str], table: Mapping[str, Any], file_name: str) -> list[Limit]:
    found = []
    for name, (scope, unit) in SPENDING.items():
        variable = f"HANDINGER_LIMIT_{name.upper()}"
        typed = _text(environ, variable)
        where, value = (variable, typed) if typed else (f"{file_name}, spending.{name}", table.get(name))
        if value is None:
            continue
        try:
            if isinstance(value, bool):
                raise ValueError("it must be an amount")
            found.append(Limit(scope, unit, amount_of(_digits(value)), Origin.CONFIG))
        except ValueError as problem:
            raise SettingsError(f"{where}: {problem}.", "Fix or remove it.") from None
    return found


def _digits(value: object) -> str:
    """A value of the file as a person would type it: 0.0000001 is "1E-7" to str()."""
    tiny = isinstance(value, Decimal) and value.is_finite() and -30 < value.adjusted() < 0
    return format(value, "f") if tiny else str(value)
