"""Settings: the precedence of their sources, and a clear message for every mistake."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from handinger_tui.core.amounts import Unit
from handinger_tui.core.errors import SettingsError
from handinger_tui.core.money.limits import LimitOrigin, Scope
from handinger_tui.core.prices import Prices
from handinger_tui.core.safety import Secret
from handinger_tui.core.tags import SessionFacts, TagRules
from handinger_tui.settings import (
    LOCAL_BASE,
    ConfigFile,
    Flags,
    GivenSettings,
    Settings,
    load,
    require_key,
    settings_of,
)
from handinger_tui.settings.shown import shown_settings, shown_url
from handinger_tui.settings.table import TABLE, Setting, WrongValue, check_base_url, days_of

KEY = "hdg_live_0123456789"
FILE = """
budget = "low"
[profiles.work]
api_key = "hdg_live_from_the_file"
base_url = "https://work.example"
budget = "high"
[limits]
idle_timeout = 7
"""


def settled(flags: Flags | None = None, file: str = "", **environ: str) -> Settings:
    return load(flags or Flags(), environ, file)


def test_a_price_of_credits_comes_from_the_environment_before_the_file() -> None:
    table = "[spending]\ncredit_usd = 0.01\nweek_usd = 20\nmonth_credits = 500"
    settings = settled(file=table)
    assert settings.prices == Prices((("", Decimal("0.01")),))
    assert [(limit.scope, limit.amount) for limit in settings.spending] == [
        (Scope.WEEK, Decimal(20)),
        (Scope.MONTH, Decimal(500)),
    ]
    assert settled(file=table, HANDINGER_CREDIT_USD="0.02").prices == Prices((("", Decimal("0.02")),))
    assert settled().prices is None
    with pytest.raises(SettingsError, match=r"spending\.credit_usd"):
        settled(file="[spending]\ncredit_usd = true")


def test_invalid_rules_for_tags_and_projects_are_reported() -> None:
    file = '[tags]\nTea = "title:*tea*"\n[projects]\nacme = ["folder:~/acme", "tag:Tea"]\n'
    rules = settled(file=file, HOME="/home/ada").tag_rules
    assert rules.labels(SessionFacts(title="Green TEA")).tags == ("tea",)
    assert rules.labels(SessionFacts(folder="/home/ada/acme/docs")).project == "acme"
    assert settled().tag_rules == TagRules()
    for table, problem in (
        ("[tags]\ntea = 'tea'", r"config\.toml, line 2, tags\.tea"),
        ("[tags]\n'two words' = 'title:x'", "two words"),
        ("[projects]\nacme = 'folder:acme'", r"config\.toml, line 2, projects\.acme"),
        ("tags = 'tea'", "must be a table"),
    ):
        with pytest.raises(SettingsError, match=problem):
            settled(file=table)


def test_without_key_and_address_the_local_worker_answers() -> None:
    settings = settled()
    assert (settings.local, settings.base_url, bool(settings.key)) == (True, LOCAL_BASE, False)


def test_a_key_alone_means_the_published_service() -> None:
    settings = settled(HANDINGER_API_KEY=KEY)
    assert (settings.local, settings.base_url) == (False, "https://v3.handinger.com")
    assert settled(Flags(generation="tasks"), HANDINGER_API_KEY=KEY).base_url == "https://handinger.com"


def test_local_overrides_a_key() -> None:
    settings = settled(Flags(local=True), HANDINGER_API_KEY=KEY, HANDINGER_BASE_URL="https://x.example")
    assert (settings.local, bool(settings.key)) == (True, False)


def test_an_address_without_a_key_is_refused_with_a_hint() -> None:
    with pytest.raises(SettingsError) as caught:
        settled(Flags(base_url="https://x.example"))
    assert "HANDINGER_API_KEY" in caught.value.hint


def test_a_flag_overrides_the_environment_that_the_profile_and_that_the_file() -> None:
    assert settled(file=FILE).budget == "low"
    assert settled(Flags(profile="work"), FILE).budget == "high"
    assert settled(Flags(profile="work"), FILE, HANDINGER_BUDGET="standard").budget == "standard"
    chosen = Flags(profile="work", budget="unlimited", base_url="https://flag.example")
    settings = settled(chosen, FILE, HANDINGER_BUDGET="standard")
    assert (settings.budget, settings.base_url, settings.profile) == (
        "unlimited",
        "https://flag.example",
        "work",
    )
    assert settings.key.reveal() == "hdg_live_from_the_file"


SPENDING = """
[spending]
day_usd = 0.10
session_credits = "20"
"""


def test_limits_of_spending_come_from_flag_environment_or_file_and_are_exact() -> None:
    flags = Flags(max_cost=Decimal("0.5"), max_credits=Decimal(3))
    settings = settled(flags, SPENDING, HANDINGER_LIMIT_DAY_USD="$7.25", HANDINGER_LIMIT_TURN_CREDITS="4")
    assert [(limit.scope, limit.unit, limit.amount, limit.origin) for limit in settings.spending] == [
        (Scope.SESSION, Unit.USD, Decimal("0.5"), LimitOrigin.FLAG),
        (Scope.SESSION, Unit.CREDITS, Decimal(3), LimitOrigin.FLAG),
        (Scope.TURN, Unit.CREDITS, Decimal(4), LimitOrigin.CONFIG),
        (Scope.SESSION, Unit.CREDITS, Decimal(20), LimitOrigin.CONFIG),
        (Scope.DAY, Unit.USD, Decimal("7.25"), LimitOrigin.CONFIG),
    ]


@pytest.mark.parametrize("exact", ["0.100000000001", "0.0000001", "1e-7", '"0.0000001"'])
def test_a_limit_in_the_file_is_exact_and_may_be_tiny(exact: str) -> None:
    amount = settled(file=f"[spending]\nday_usd = {exact}").spending[0].amount
    assert amount == Decimal(exact.strip('"'))


@pytest.mark.parametrize(
    "amount", ["0", "-1", "true", '"5 dollars"', "1e3", "inf", "2000000", "[1]", '"0,5"']
)
def test_an_invalid_limit_is_refused_with_its_name(amount: str) -> None:
    with pytest.raises(SettingsError, match="day_usd"):
        settled(file=f"[spending]\nday_usd = {amount}")


def test_limits_come_from_environment_then_file() -> None:
    settings = settled(file=FILE, HANDINGER_POLL_INTERVAL="0.5", HANDINGER_MAX_EVENT_BYTES="1024").limits
    assert (settings.idle_timeout, settings.poll_interval, settings.max_event_bytes) == (7, 0.5, 1024)
    assert settled(file=FILE, HANDINGER_IDLE_TIMEOUT="3").limits.idle_timeout == 3


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_hides_nothing_of_the_file(empty: str) -> None:
    table = f'api_key = "{KEY}"\n[spending]\nday_usd = 5\n[limits]\nidle_timeout = 7\nmax_wait = 9'
    names = ("API_KEY", "IDLE_TIMEOUT", "MAX_WAIT", "LIMIT_DAY_USD")
    settings = load(Flags(), {f"HANDINGER_{name}": empty for name in names}, table)
    [limit] = settings.spending
    assert (settings.key.reveal(), settings.limits.idle_timeout, settings.limits.max_wait) == (KEY, 7, 9)
    assert (limit.scope, limit.amount) == (Scope.DAY, Decimal(5))


@pytest.mark.parametrize("value", ["soon", "-1", "0", "nan", "inf", "1e99", "1e-400", "1e999999999"])
def test_an_invalid_number_names_its_variable(value: str) -> None:
    with pytest.raises(SettingsError, match="HANDINGER_IDLE_TIMEOUT"):
        settled(HANDINGER_IDLE_TIMEOUT=value)


@pytest.mark.parametrize(
    ("file", "hint"),
    [
        ("budgett = 'low'", "budget"),
        ("[profiles.work]\napikey = 'x'", "api_key"),
        ("[limits]\nidle_timout = 3", "idle_timeout"),
        ("theme = 'x'\nBudget = 'low'", "budget"),
    ],
)
def test_a_typo_in_the_file_is_named_with_its_line_and_a_suggestion(file: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settled(file=file)
    assert hint in caught.value.hint
    assert f"config.toml, line {1 + file.count(chr(10))}: unknown setting" in caught.value.summary


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_every_setting_has_a_value_and_its_origin_from_each_of_its_places(setting: Setting) -> None:
    """Also a wrong value of each names where it stands."""
    texts = {"profile": "work", "keep_frames": "9 days", "headers": "X-A: 1", "base_url": "https://x.example"}
    texts["shared.url"] = "postgresql://x.example/limits"
    texts["spending.currency"] = "0.92 EUR"
    text = texts.get(setting.name) or (setting.kind.choices or ("3",))[-1]
    if setting.name == "api_key":
        text = KEY
    files = [f'[profiles.work]\napi_key = "{KEY}"\n']
    places = (
        [(Flags(local=True), {setting.variable: text}, files[0], setting.variable)]
        if setting.variable
        else []
    )
    if setting.in_file:
        *tables, name = setting.path
        value = {
            "headers": '{"X-A" = "1"}',
            "on_done": '["x"]',
            "on_limit": '["x"]',
            "key_command": '["x"]',
            "key_store": "true",
        }.get(name, f'"{text}"')
        line = f"{name} = {text if setting.kind.unit else value}\n"
        file = f"[{tables[0]}]\n{line}{files[0]}" if tables else line + files[0]
        places.append((Flags(local=True), {}, file, "config file"))
        if setting.in_profile:
            places.append((Flags(local=True, profile="work"), {}, f"[profiles.work]\n{line}", "profile work"))
        wrong = file.replace(line, f"{name} = 2020-01-01\n")
        with pytest.raises(SettingsError, match=rf"config\.toml, line \d+, {re.escape(setting.name)}"):
            load(Flags(local=True), {}, wrong)
    for flags, environ, file, origin in places:
        given = GivenSettings(flags, environ, ConfigFile.read(file, "config.toml"))
        [shown] = [one for one in shown_settings(given, settings_of(given)) if one.name == setting.name]
        assert shown.origin == origin
        assert shown.value not in (None, shown.default) or setting.name in ("api_key", "base_url", "headers")


@pytest.mark.parametrize(
    "file", ["budget = ", "budget = 3", "profiles = 3", "[profiles]\nwork = 1", "limits = []"]
)
def test_a_broken_file_is_refused_and_named(file: str) -> None:
    with pytest.raises(SettingsError, match=r"config\.toml"):
        settled(file=file)


@pytest.mark.parametrize(
    "line",
    [
        "api_key = hdg_live_0123456789",
        "api_key: 'hdg_live_0123456789'",
        "[limits]\n[limits]",
        "hdg_live_0123456789 = 1\nhdg_live_0123456789 = 2",
        r'download_dir = "C:\Users"',
        'theme = "\x07"',
        'theme = "a" "b"',
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settled(file=f'budget = "low"\n\n{line}\n')
    assert f"config.toml, line {3 + line.count(chr(10))}: not valid TOML." in caught.value.summary
    assert "hdg_" not in caught.value.text


@pytest.mark.parametrize("text", ["a" + ".a" * 20_000 + " = 1", "# long\n" * 200_000])
def test_a_file_that_takes_long_to_read_is_refused_unread(text: str) -> None:
    with pytest.raises(SettingsError, match=r"config\.toml is too long"):
        settled(file=text)


@pytest.mark.parametrize("text", ["x = [1, 2", 'api_key = "hdg_live_0123456789', "x = " + "9" * 5000])
def test_what_has_no_end_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="not valid TOML") as caught:
        settled(file=text)
    assert "hdg_" not in caught.value.text


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(SettingsError, match="home"):
        settled(Flags(profile="home"), FILE)


@pytest.mark.parametrize(
    "key", ["hdg live 01234567", "“hdg_live_0123”", "tiny", "x" * 600, "hdg\nlive_0123456", '"hdg_live_0123"']
)
def test_a_wrong_key_is_refused_and_never_shown(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settled(HANDINGER_API_KEY=key)
    assert key not in caught.value.summary + caught.value.hint


@pytest.mark.parametrize(
    ("file", "environ", "source"),
    [
        ("", {"HANDINGER_BUDGET": "hihg"}, "HANDINGER_BUDGET: 'hihg'"),
        ("budget = 'hihg'", {"HANDINGER_GENERATION": "workers"}, "config.toml, line 1, budget: 'hihg'"),
        ("", {"HANDINGER_GENERATION": "task"}, "HANDINGER_GENERATION"),
        ("density = 'x'", {}, "config.toml, line 1, density"),
        ("keep_frames = '0 days'", {}, "config.toml, line 1, keep_frames"),
        ("api_key = 'tiny'", {}, "config.toml, line 1, api_key: the API key"),
        ("api_key = 'hdg_live_0123456'", {"HANDINGER_API_KEY": "tiny"}, "HANDINGER_API_KEY: the API key"),
    ],
)
def test_an_invalid_value_names_where_it_comes_from(file: str, environ: dict[str, str], source: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(Flags(), environ, file)
    assert caught.value.summary.startswith(source)


def test_white_space_around_a_key_is_removed() -> None:
    assert settled(HANDINGER_API_KEY=f"  {KEY}\n").key.reveal() == KEY


def test_a_secret_is_never_printed() -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret!r} {secret} {[secret]}"
    assert secret.tail() == KEY[-4:]
    assert KEY not in repr(settled(HANDINGER_API_KEY=KEY))


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://x.example", "https://", "https://a@b.example", "http://x.example", "https://x.example?a=1",
     "https://[x", "https://x.example:port", "https://x\x1b.example", "file:///etc/passwd",
     "http://127.evil.example"],
)  # fmt: skip
def test_a_bad_address_is_refused(url: str) -> None:
    with pytest.raises(WrongValue) as caught:
        check_base_url(url)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://x.example/", "http://127.0.0.1:80", "http://[::1]:1", "http://localhost/s/1"]
)
def test_a_good_address_loses_its_trailing_slash(url: str) -> None:
    assert check_base_url(url) == url.rstrip("/")


def test_custom_headers_are_read_like_by_the_official_clients() -> None:
    settings = settled(HANDINGER_API_KEY=KEY, HANDINGER_CUSTOM_HEADERS="X-A: 1\n\nX-B:2")
    assert settings.headers == (("X-A", "1"), ("X-B", "2"))
    with pytest.raises(SettingsError, match="HANDINGER_CUSTOM_HEADERS"):
        settled(HANDINGER_API_KEY=KEY, HANDINGER_CUSTOM_HEADERS="nonsense")


def test_a_header_of_the_environment_replaces_that_of_the_file() -> None:
    file = '[headers]\nX-A = "1"\nX-B = "2"'
    settings = settled(file=file, HANDINGER_API_KEY=KEY, HANDINGER_CUSTOM_HEADERS="x-a: 3\nX-C: 4")
    assert sorted(settings.headers) == [("X-B", "2"), ("X-C", "4"), ("x-a", "3")]


@pytest.mark.parametrize("line", ["X-A: 1\x00", "X A: 1", ": 1", "X-A: é", "X-\x1bA: 1", "X-A", "X-A: \x7f"])
def test_a_header_that_http_cannot_carry_is_refused(line: str) -> None:
    with pytest.raises(SettingsError, match="HANDINGER_CUSTOM_HEADERS"):
        settled(HANDINGER_API_KEY=KEY, HANDINGER_CUSTOM_HEADERS=line)


def test_a_missing_key_does_not_select_the_local_worker() -> None:
    with pytest.raises(SettingsError) as caught:
        require_key(settled(), Flags())
    assert "--local" in caught.value.hint
    require_key(settled(Flags(local=True)), Flags(local=True))
    require_key(settled(HANDINGER_API_KEY=KEY), Flags())


def test_the_density_is_normal_or_compact() -> None:
    assert settled().density == "normal"
    assert settled(file='density = "compact"').density == "compact"
    with pytest.raises(SettingsError) as caught:
        settled(file='density = "compat"')
    assert caught.value.hint == "Did you mean compact?"


@pytest.mark.parametrize(("text", "days"), [("forever", None), ("1 day", 1), ("90 days", 90)])
def test_frames_are_kept_for_some_days_or_forever(text: str, days: int | None) -> None:
    assert days_of(settled().keep_frames) is None
    assert days_of(settled(file=f'keep_frames = "{text}"').keep_frames) == days


@pytest.mark.parametrize("text", ["0 days", "-1 days", "90", "soon", "1.5 days", "999999 days"])
def test_a_time_that_cannot_be_read_removes_nothing(text: str) -> None:
    with pytest.raises(SettingsError, match="keep_frames"):
        settled(file=f'keep_frames = "{text}"')


def test_nothing_is_printed_at_the_end_by_default() -> None:
    assert settled().print_on_exit == "nothing"
    assert settled(file='print_on_exit = "answer"').print_on_exit == "answer"
    with pytest.raises(SettingsError, match="print_on_exit"):
        settled(file='print_on_exit = "all"')


def test_ids_of_keys_need_no_quotes_in_the_file() -> None:
    file = '[keys]\nwork.spending = "f12"\n"work.find" = "f9"\n'
    assert settled(Flags(local=True), file).keys == (("work.find", "f9"), ("work.spending", "f12"))


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("HANDINGER_LIMIT_DAYUSD", "HANDINGER_LIMIT_DAY_USD"),
        ("HANDINGER_LIMIT_DAYS_USD", "HANDINGER_LIMIT_DAY_USD"),
        ("HANDINGER_DAY_USD", "HANDINGER_LIMIT_DAY_USD"),
        ("HANDINGER_KEY", "HANDINGER_API_KEY"),
        ("HANDINGER_URL", "HANDINGER_BASE_URL"),
        ("HANDINGER_CREDITS_USD", "HANDINGER_CREDIT_USD"),
        ("handinger_limit_day_usd", "HANDINGER_LIMIT_DAY_USD"),
        ("HANDINGERLIMIT_DAY_USD", "HANDINGER_LIMIT_DAY_USD"),
        ("HANDIGNER_LIMIT_DAY_USD", "HANDINGER_LIMIT_DAY_USD"),
    ],
)
def test_a_misspelled_variable_is_refused_so_that_no_limit_vanishes(name: str, suggestion: str) -> None:
    with pytest.raises(SettingsError, match=f"unknown setting '{name}'") as caught:
        load(Flags(), {name: "0.001"})
    assert suggestion in caught.value.hint


def test_variables_that_are_empty_or_of_others_are_no_settings() -> None:
    settled(
        HANDINGER_SOMETHING="",
        HANDINGER_LOG="debug",
        HANDINGERS="x",
        OTHER="y",
        HANDLER_LIMIT="1",
        HANDING_OVER="1",
    )
    with pytest.raises(SettingsError, match="unknown setting"):
        settled(HANDINGER_SOMETHING="x")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://host/limits",
        "postgresql://host",
        "postgresql://a:secret@host:port/x",
        "postgresql://h/x y",
        "3",
    ],
)
def test_an_address_of_a_database_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settled(file=f'[shared]\nurl = "{url}"')
    assert "shared.url: not the address of a PostgreSQL database." in caught.value.summary
    assert "secret" not in caught.value.text


def test_the_password_of_a_database_is_in_no_text() -> None:
    settings = settled(file='[shared]\nurl = "postgresql://a:secret@host/x?password=hidden"\nhost = "ci-7"')
    assert settings.shared_url.reveal().startswith("postgresql://a:secret@host/x")
    assert settings.shared_host == "ci-7"
    assert "secret" not in repr(settings)
    assert shown_url(settings.shared_url) == "postgresql://a:…@host/x"
