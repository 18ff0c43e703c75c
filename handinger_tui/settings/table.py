"""The table of settings: one row each, from which loading, `config`, the reference and the page are made.

A value comes as text from the environment, or as TOML from the config file; `Kind.read` takes both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from handinger_tui.core.amounts import Unit
from handinger_tui.core.errors import did_you_mean
from handinger_tui.core.money.limits import Limit, Scope
from handinger_tui.core.safety import Secret, is_loopback

if TYPE_CHECKING:
    from handinger_tui.core.prices import Prices

BUDGETS: Final = ("low", "standard", "high", "unlimited")
GENERATIONS: Final = ("workers", "tasks")
DENSITIES: Final = ("normal", "compact")
CARETS: Final = ("drawn", "terminal")
MOTIONS: Final = ("full", "reduced")
NOTICES: Final = ("auto", "bell", "off")
PRINTED: Final = ("nothing", "answer", "transcript")
PLAIN_READINGS: Final = ("paragraphs", "end")
FOREVER: Final = "forever"
_FIX: Final = "Fix or remove it."


_TEXT: Final[Mapping[str, Any]] = MappingProxyType({"type": "string"})


class WrongValue(Exception):
    """A value that a setting cannot have. What is wrong with it stands behind the place of the value."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


class Kind(Struct, frozen=True):
    """A kind of value. `read` returns it as the program uses it, and raises WrongValue."""

    words: str
    read: Callable[[Any], Any]
    toml: Mapping[str, Any] = _TEXT
    """Its JSON Schema in the config file."""
    choices: tuple[str, ...] = ()
    unit: str = ""
    """Of a number: "seconds", "bytes"."""

    @property
    def is_number(self) -> bool:
        return "number" in self.toml["type"] or "integer" in self.toml["type"]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValue("it must be text in quotes.", _FIX)
    return value.strip()


def choice(*allowed: str) -> Kind:
    """One of some words."""

    def read(value: Any) -> str:
        if (text := _text(value)) not in allowed:
            raise WrongValue(
                f"{text[:80]!r} is not valid.",
                did_you_mean(text, allowed, f"Use one of: {', '.join(allowed)}."),
            )
        return text

    return Kind("one of: " + ", ".join(allowed), read, {"type": "string", "enum": list(allowed)}, allowed)


_ON_OR_OFF: Final = {"1": "on", "true": "on", "yes": "on", "0": "off", "false": "off", "no": "off"}


def _switch(value: Any) -> str:
    """On, off or automatic; variables are often written as 1 and 0."""
    text = _text(value)
    return str(_AUTO.read(_ON_OR_OFF.get(text.lower(), text)))


def _command(value: Any) -> tuple[str, ...]:
    """The words of a command. There is no shell: one text with spaces would be no program."""
    if not isinstance(value, list) or not all(word and isinstance(word, str) for word in value):
        raise WrongValue("not a command.", 'Write a list of words: ["pass", "show", "handinger"].')
    return tuple(value)


_DAYS: Final = re.compile(r"([1-9][0-9]{0,4}) days?")


def days_of(keep_frames: str) -> int | None:
    """The number of days in a setting such as "90 days"; None: forever."""
    match = _DAYS.fullmatch(keep_frames)
    return int(match[1]) if match else None


def _days(value: Any) -> str:
    text = _text(value)
    if text != FOREVER and days_of(text) is None:
        raise WrongValue(f"{text[:80]!r} is not valid.", 'Use "forever", or a time such as "90 days".')
    return text


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongValue("it must be true or false.", _FIX)
    return value


def check_key(value: Any) -> str:
    """Return a valid key. Errors never show the key, not even a wrong one. Raises WrongValue."""
    key = _text(value)
    if not all("!" <= char <= "~" and char not in "\"'" for char in key):
        raise WrongValue(
            "the API key contains an invalid character (a space, a quote or a line break).",
            "Copy only the key.",
        )
    if not 8 <= len(key) <= 512:
        raise WrongValue("the API key is too short or too long.", "Copy it again from the dashboard.")
    return key


_ADDRESS: Final = "Use a form like https://v3.handinger.com."


def check_base_url(value: Any) -> str:
    """Check a base URL and return it without trailing slash.

    Raises:
        WrongValue: not http(s), no host, a user part, or plain http to another machine.
    """
    url = _text(value)
    displayed_url = url if url.isprintable() and len(url) < 200 and "@" not in url else "the base URL"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise WrongValue(f"{displayed_url} is not a valid address.", _ADDRESS) from None
    if parts.scheme not in {"http", "https"} or not host or not url.isascii() or any(c <= " " for c in url):
        raise WrongValue(f"{displayed_url} is not an http(s) address.", _ADDRESS)
    if parts.username is not None or parts.query or parts.fragment:
        raise WrongValue("the base URL must not contain a user name, a query or a fragment.", _ADDRESS)
    if parts.scheme == "http" and not is_loopback(host):
        raise WrongValue(
            f"plain http to {host} would send the key unprotected.", "Use https (http is only for loopback)."
        )
    return url.rstrip("/")


Headers = tuple[tuple[str, str], ...]


def _headers(value: Any) -> Headers:
    """Headers of a table, or of a variable with one `Name: value` per line, like in the official clients."""
    if isinstance(value, dict):
        return tuple(_header(str(name), str(one)) for name, one in value.items())
    if not isinstance(value, str):
        raise WrongValue("it must be a table of names and values.", _FIX)
    lines = [line.partition(":") for line in value.splitlines() if line.strip()]
    return tuple(_header(name if colon else "", one) for name, colon, one in lines)


def _header(name: str, value: str) -> tuple[str, str]:
    """Return a valid header as (name, value)."""
    name, value = name.strip(), value.strip()
    is_token = name.isascii() and all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in name)
    if not name or not is_token or not all(" " <= char <= "~" or char == "\t" for char in value):
        raise WrongValue("a line is not in the form `Name: value`.", "Fix or remove that line.")
    return name, value


_MOST: Final = 10**15
_MOST_PACE: Final = 100


def _number(value: Any) -> Decimal:
    """A finite number of text, TOML or an option, as Decimal, since a float of 1e400 is infinite."""
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise InvalidOperation
        number = Decimal(str(value))
    except InvalidOperation:
        raise WrongValue(f"{str(value)[:40]!r} is not a number.", _FIX) from None
    # Numbers below 1e-9 are rejected: very small ones would be 0 as a float.
    if not number.is_finite() or (number and number.adjusted() < -9):
        raise WrongValue(f"{str(value)[:40]!r} is out of range.", _FIX)
    return number


def _seconds(value: Any) -> float:
    number = _number(value)
    if not 0 < number < _MOST:
        raise WrongValue("it must be a number above 0.", _FIX)
    return float(number)


def _bytes(value: Any) -> int:
    number = _number(value)
    if not 0 < number < _MOST or number != number.to_integral_value():
        raise WrongValue("it must be a whole number above 0.", _FIX)
    return int(number)


def _pace(value: Any) -> float:
    number = _number(value)
    if not 0 <= number <= _MOST_PACE:
        raise WrongValue(f"it must be a number from 0 to {_MOST_PACE}.", _FIX)
    return float(number)


def amount_in(value: object) -> Decimal:
    """Return the amount of a limit in a value of the file, or as typed. Raises ValueError, for people."""
    return Limit.amount_of(_amount_text(value))


def _amount_text(value: object) -> str:
    if isinstance(value, bool):
        raise ValueError("it must be an amount")
    # str() would write 0.0000001 as "1E-7".
    is_small = isinstance(value, Decimal) and value.is_finite() and -30 < value.adjusted() < 0
    return format(value, "f") if is_small else str(value)


def _amount(value: Any) -> Decimal:
    try:
        return amount_in(value)
    except ValueError as problem:
        raise WrongValue(f"{problem}.", _FIX) from None


def _shared_url(value: Any) -> Secret:
    """The address of a database. Errors never show it, since it may have a password."""
    url = _text(value)
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"postgresql", "postgres"} and parts.path not in {"", "/"}
        _port = parts.port
    except ValueError:
        is_valid = False
    if not is_valid or not url.isprintable() or " " in url or "#" in url:
        raise WrongValue(
            "not the address of a PostgreSQL database.", "Use a form like postgresql://user@host/database."
        )
    return Secret(url)


def _prices(value: Any, *, of_dollar: bool = False) -> Prices:
    """One price, or several with the days from which they hold, as a text or a list."""
    from handinger_tui.core.prices import prices_in  # few set one

    try:
        text = ", ".join(map(_amount_text, value if isinstance(value, list) else [value]))
        return prices_in(text, Limit.amount_of, of_dollar=of_dollar)
    except ValueError as problem:
        raise WrongValue(f"{problem}.", _FIX) from None


_AUTO: Final = choice("auto", "on", "off")
SWITCH: Final = replace(_AUTO, read=_switch)
TEXT: Final = Kind("text", _text)
COMMAND: Final = Kind(
    "list of words", _command, {"type": "array", "items": {"type": "string", "minLength": 1}}
)
SECONDS: Final = Kind("seconds", _seconds, {"type": "number", "exclusiveMinimum": 0}, unit="seconds")
BYTES: Final = Kind("bytes", _bytes, {"type": "integer", "minimum": 1}, unit="bytes")
AMOUNT: Final = Kind("amount", _amount, {"type": ["number", "string"]})
PRICES: Final = Kind("price, with days", _prices, {"type": ["number", "string", "array"]})
RATES: Final = Kind(
    "rate with its currency, with days", partial(_prices, of_dollar=True), {"type": ["string", "array"]}
)
KEY: Final = Kind("API key", check_key)
FLAG: Final = Kind("true or false", _flag, {"type": "boolean"})
URL: Final = Kind("address", check_base_url)
SHARED_URL: Final = Kind("address of a database", _shared_url)
HEADERS: Final = Kind("table", _headers, {"type": "object", "additionalProperties": {"type": "string"}})
DAYS: Final = Kind('"forever" or "90 days"', _days)
PACE: Final = Kind("number from 0 to 100", _pace)
YES: Final = Kind("yes or no", bool)


class Setting(Struct, frozen=True):
    """A row. `name`: as in the config file, with its table."""

    name: str
    kind: Kind
    meaning: str
    variable: str = ""
    """Of the environment, "" for none."""
    option: str = ""
    """Of the command line, "" for none."""
    in_profile: bool = False
    """Whether a profile may have one of its own."""
    in_file: bool = True

    @property
    def path(self) -> tuple[str, ...]:
        """Its place in the config file."""
        return tuple(self.name.split("."))

    @property
    def is_text(self) -> bool:
        """Whether TOML has it as text."""
        return bool(self.kind.toml["type"] == "string")

    @property
    def member(self) -> str:
        """The name without its table."""
        return self.path[-1]


PREFIX: Final = "HANDINGER_"
CREDIT_PRICE: Final = "credit_usd"
CURRENCY: Final = "currency"
SPENDING: Final = {f"{scope}_{unit}": (scope, unit) for scope in Scope for unit in Unit}
"""Names in the table [spending]: turn_usd, turn_credits, session_usd … month_credits."""


def _limit(name: str, kind: Kind, meaning: str, option: str = "") -> Setting:
    return Setting(f"limits.{name}", kind, meaning, f"{PREFIX}{name.upper()}", option)


def _spending(name: str) -> Setting:
    scope, unit = SPENDING[name]
    each = "a day" if scope is Scope.DAY else f"a {scope}"
    meaning = f"Most that {each} may cost, in {'USD' if unit is Unit.USD else unit}"
    return Setting(f"spending.{name}", AMOUNT, meaning, f"{PREFIX}LIMIT_{name.upper()}")


_connection: Final = partial(Setting, in_profile=True)
TABLE: Final = (
    Setting(
        "profile", TEXT, "Name of the profile in force", f"{PREFIX}PROFILE", "--profile"
    ),
    _connection("api_key", KEY, "Your API key; anybody who reads the file can use it", f"{PREFIX}API_KEY"),
    _connection("key_command", COMMAND, "A command that prints your API key, without a shell"),
    _connection("key_store", FLAG, "Whether your API key is in the key store of this computer"),
    _connection("base_url", URL, "Another service than Handinger's own", f"{PREFIX}BASE_URL", "--base-url"),
    _connection(
        "generation", choice(*GENERATIONS), "Generation of the API", f"{PREFIX}GENERATION", "--generation"
    ),
    _connection("headers", HEADERS, "More headers of each request", f"{PREFIX}CUSTOM_HEADERS"),
    _connection("budget", choice(*BUDGETS), "Budget of new messages", f"{PREFIX}BUDGET", "--budget"),
    _connection("download_dir", TEXT, "Where files are saved"),
    Setting("theme", TEXT, "Color theme; /theme lists them"),
    Setting("density", choice(*DENSITIES), "compact: fewer empty rows, no boxes"),
    Setting("motion", choice(*MOTIONS), "reduced: nothing turns, blinks or slides", f"{PREFIX}MOTION"),
    Setting("caret", choice(*CARETS), "terminal: its own cursor marks where you type", f"{PREFIX}CARET"),
    Setting("notify", choice(*NOTICES), "How the end of a turn is announced"),
    Setting("on_done", COMMAND, "A command that gets each ended turn as JSON, without a shell"),
    Setting("on_limit", COMMAND, "The same for a limit that is nearly used up, or reached"),
    Setting(
        "print_on_exit", choice(*PRINTED), "What stays in the terminal when the app ends",
        option="--print-on-exit",
    ),
    Setting("plain", SWITCH, "Lines in place of the screen; auto: in a dumb terminal", f"{PREFIX}PLAIN"),
    Setting(
        "plain_reading", choice(*PLAIN_READINGS), "When plain mode reads out an answer",
        f"{PREFIX}PLAIN_READING",
    ),
    Setting("keep_frames", DAYS, "How long `sessions compact` keeps turns as they arrived"),
    *map(_spending, SPENDING),
    Setting(
        f"spending.{CREDIT_PRICE}", PRICES, "Price of a credit in USD: 0.01, 0.012 from 2026-07-01",
        f"{PREFIX}{CREDIT_PRICE.upper()}",
    ),
    Setting(
        f"spending.{CURRENCY}", RATES, "A dollar in your currency: 0.92 EUR, 0.95 EUR from 2026-07-01",
        f"{PREFIX}{CURRENCY.upper()}",
    ),
    Setting("shared.url", SHARED_URL, "PostgreSQL database with the limits of a team", f"{PREFIX}SHARED_URL"),
    Setting("shared.host", TEXT, "Name of this computer there", f"{PREFIX}SHARED_HOST"),
    _limit("connect_timeout", SECONDS, "Longest time for a connection to open"),
    _limit("first_byte_timeout", SECONDS, "Longest time until an answer begins"),
    _limit("idle_timeout", SECONDS, "Longest pause within an answer"),
    _limit("poll_interval", SECONDS, "Time between two readings of a worker"),
    _limit("recovery_window", SECONDS, "How long a broken turn is looked for"),
    _limit("max_wait", SECONDS, "When a run without a screen stops watching", "--timeout"),
    _limit("history_wait", SECONDS, "Wait for a program that locks the history; the app waits 5 s at most"),
    _limit("max_event_bytes", BYTES, "Longest event of a stream"),
    _limit("max_turn_bytes", BYTES, "Longest stream of a turn"),
    _limit("max_json_bytes", BYTES, "Longest JSON answer"),
    _limit("max_file_bytes", BYTES, "Largest file that is downloaded"),
    _limit("max_input_bytes", BYTES, "Most of standard input, which becomes part of a prompt"),
    Setting("local", YES, "Whether the local worker answers", option="--local", in_file=False),
    Setting(
        "home", TEXT, "One folder for the config file and the history", f"{PREFIX}TUI_HOME", in_file=False
    ),
    Setting(
        "local_pace", PACE, "Factor of all pauses of the local worker", f"{PREFIX}LOCAL_PACE", in_file=False
    ),
)  # fmt: skip
NAMED: Final = {setting.name: setting for setting in TABLE}
OPEN_TABLES: Final = {
    "headers": "Headers of each request, by name",
    "keys": "Keys of the app, by the ids in keys.md",
    "tags": "Rules that tag sessions",
    "projects": "Rules that give a session its project",
}
"""Tables whose names are the person's own."""
PROFILES: Final = "profiles"
VARIABLES: Final = (*(setting.variable for setting in TABLE if setting.variable), f"{PREFIX}LOG")
"""A limit whose name is misspelled must not be no limit. The last one is of the official clients."""
