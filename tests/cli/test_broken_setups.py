"""Broken set-ups: no traceback, no silent fall-back, nothing sent, and a word about what to do.

Each case is a run up to the point where a request would leave; the wrong key is one that the service refuses.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.core.errors import SettingsError
from handinger_tui.settings import Flags, load
from handinger_tui.settings.table import PREFIX, TABLE, VARIABLES
from tests.cli.program import PLAIN, environ, start
from tests.cli.test_odd_machines import nothing_fits
from tests.e2e.runner import KEY, Ran, run
from tests.house.project import PACKAGE
from tests.wire.replay import Player, playing

SPENT = '[spending]\nday_usd = "{}"\n'


class Broken(NamedTuple):
    """What is broken, and what the two lines about it must have: the problem, and what to do."""

    problem: str
    remedy: str
    file: str | Callable[[Path], object] = ""
    environ: Mapping[str, str | None] = MappingProxyType({})
    words: tuple[str, ...] = ("-p", "hi", "--json")
    code: int = Exit.USAGE
    limit: Callable[[], None] | None = None
    """What the machine does not allow; such a case is a process of its own."""
    answer: tuple[int, dict[str, str], bytes] | None = None
    """What the service says, where a request may leave."""


def env(name: str, value: str | None) -> dict[str, str | None]:
    return {f"{PREFIX}{name}": value}


def a_file_for_a_folder(home: Path) -> None:
    (home / "history.db").mkdir()


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))


def no_limit() -> None:
    """Only a new process reads the time zone."""


CASES = {
    # The key.
    "no key": Broken("No API key is set", "login", environ=env("API_KEY", None)),
    "no key, no address": Broken(
        "No API key is set", "login", environ={**env("API_KEY", None), **env("BASE_URL", None)}
    ),
    "short key": Broken("too short", "Copy it again", environ=env("API_KEY", "hdg_1")),
    "key in quotes": Broken("invalid character", "Copy only the key", environ=env("API_KEY", f"'{KEY}'")),
    "key of two lines": Broken("invalid character", "Copy only", environ=env("API_KEY", f"{KEY}\n{KEY}")),
    "key that is a number": Broken("line 1, api_key: it must be text", "Fix", "api_key = 5\n"),
    "key as a prompt": Broken("looks like an API key", "login", words=(KEY,)),
    "key as an option": Broken("unrecognized", "--help", words=("-p", "hi", "--keys", "x")),
    "wrong key": Broken(
        "rejected (401)",
        "login",
        code=Exit.KEY,
        answer=(401, {"content-type": "application/json"}, b'{"error": "Invalid key"}'),
    ),
    "command without a key": Broken(
        "printed nothing", "Try the command", 'key_command = ["true"]\n', env("API_KEY", None)
    ),
    "command that fails": Broken(
        "exit code 1", "Try the command", 'key_command = ["false"]\n', env("API_KEY", None)
    ),
    "command that is missing": Broken(
        "cannot be run", "Try the command", 'key_command = ["/no/such"]\n', env("API_KEY", None)
    ),
    "command as one text": Broken("not a command", "list of words", 'key_command = "pass show x"\n'),
    "store that is no flag": Broken("true or false", "Fix", 'key_store = "yes"\n'),
    # Where it goes.
    "address without https": Broken("not an http(s) address", "https://", environ=env("BASE_URL", "x.test")),
    "plain http": Broken("unprotected", "Use https", environ=env("BASE_URL", "http://x.test")),
    "address with a key": Broken(
        "must not contain", "https://", environ=env("BASE_URL", f"https://{KEY}@x.test")
    ),
    "new host": Broken("never sent to x.test", "--trust-host", environ=env("BASE_URL", "https://x.test")),
    "generation": Broken("'task' is not valid", "tasks", environ=env("GENERATION", "task")),
    "header": Broken("Name: value", "Fix or remove", environ=env("CUSTOM_HEADERS", "nonsense")),
    "profile": Broken("No profile 'wrok'", "work", "[profiles.work]\n", env("PROFILE", "wrok")),
    # Limits fail closed.
    "limit that is zero": Broken("day_usd", "Fix or remove", SPENT.format("0")),
    "limit with a comma": Broken("day_usd", "Fix or remove", SPENT.format("0,5")),
    "limit in words": Broken("LIMIT_DAY_USD", "Fix or remove", environ=env("LIMIT_DAY_USD", "five")),
    "limit that is misspelled": Broken("LIMIT_DAYUSD", "LIMIT_DAY_USD", environ=env("LIMIT_DAYUSD", "5")),
    "limit of no amount": Broken("max-cost", "--help", words=("-p", "hi", "--max-cost", "x")),
    # The file.
    "no TOML": Broken("line 2: not valid TOML", "Fix it", "budget = 'low'\nx =\n"),
    "no UTF-8": Broken("not UTF-8", "Fix it", lambda home: (home / "config.toml").write_bytes(b"\xff")),
    "a folder": Broken("config.toml", "Fix it", lambda home: (home / "config.toml").mkdir()),
    "a dangling link": Broken(
        "a link to a missing file", "Fix it", lambda home: (home / "config.toml").symlink_to(home / "no")
    ),
    "table for a value": Broken("must be text", "Fix", "[budget]\nx = 1\n"),
    "value for a table": Broken("must be a table", "Fix", "spending = 5\n"),
    "tag rule": Broken("line 2, tags.tea", "title:", "[tags]\ntea = 'tea'\n"),
    # The machine.
    "folder of nobody": Broken("HANDINGER_TUI_HOME", "Set it", environ=env("TUI_HOME", "~no-such-user/x")),
    "folder for the history": Broken(
        "history", "doctor", a_file_for_a_folder, words=("-p", "hi", "--json"), code=Exit.LOCAL_IO
    ),
    "no terminal": Broken("Not a terminal", "-p", words=()),
    "proxy": Broken("proxy", "HTTPS_PROXY", environ={"HTTPS_PROXY": "nonsense://x"}),
    "clock": Broken("The time zone", "Set TZ", environ={"TZ": "ABC-24"}, limit=no_limit),
    "full disk": Broken("Cannot write the history", "doctor", code=Exit.LOCAL_IO, limit=nothing_fits),
    "few files": Broken("Too few open files", "ulimit -n", code=Exit.LOCAL_IO, limit=few_files),
    "certificates": Broken("certificates", "SSL_CERT_FILE", environ={"SSL_CERT_FILE": "/no/such"}),
    "output in no folder": Broken(
        "folder does not exist", "-o", words=("-p", "hi", "-o", "/no/such/file"), code=Exit.LOCAL_IO
    ),
    "file that is missing": Broken(
        "not found", "Check the path", words=("-p", "hi", "-f", "/no/such"), code=Exit.LOCAL_IO
    ),
    "log that cannot be": Broken(
        "Cannot write", "--debug", words=("-p", "hi", "--debug", "/no/such/log"), code=Exit.LOCAL_IO
    ),
    "command that is misspelled": Broken("looks like a command", "costs", words=("csots",)),
    "option that is misspelled": Broken("unrecognized", "--max-cost", words=("-p", "hi", "--max-costs", "1")),
}


@pytest.mark.parametrize("name", CASES)
def test_a_broken_setup_is_named_with_what_to_do(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    if callable(case.file):
        case.file(tmp_path)
    elif case.file:
        (tmp_path / "config.toml").write_text(case.file, "utf-8")
    player = Player(PLAIN, answer=case.answer)
    with playing(player) as url:
        variables = {**env("BASE_URL", url), **env("API_KEY", KEY), **case.environ}
        if case.limit is None:
            ran = run(*case.words, home=tmp_path, **{key: value or "" for key, value in variables.items()})
        else:
            # A byte code file that is cut would outlive the limit.
            variables["PYTHONDONTWRITEBYTECODE"] = "1"
            process = start(environ(tmp_path, **variables), *case.words, limit=case.limit)
            out, err = process.communicate(timeout=60)
            ran = Ran(process.returncode, out, err)
    posts = int(case.answer is not None)
    assert (ran.code, player.posts) == (case.code, posts), ran.err
    assert posts or player.requests == []
    assert "Traceback" not in ran.err + ran.out
    problem, *more = ran.err.splitlines()
    assert case.problem in problem, ran.err
    assert case.remedy in "\n".join(more) or case.remedy in problem, ran.err
    assert len(more) <= 2 + posts, "one problem, one remedy, and the ids of what was sent"
    assert ran.err.count("Nothing was ") == bool(case.words), "whether money may have been spent, once"
    if "--json" in case.words:
        result: dict[str, Any] = json.loads(ran.out)
        assert (result["status"], result["posts_sent"]) == ("rejected" if posts else "not_sent", posts)


@pytest.mark.parametrize("setting", [one for one in TABLE if one.in_file], ids=lambda one: one.name)
def test_a_typo_in_each_setting_is_refused_with_the_right_name(setting: Any) -> None:
    *tables, name = setting.path
    head = f"[{tables[0]}]\n" if tables else ""
    for typo in (name[:-1], f"{name}s", name.upper(), name.replace("_", "-")):
        if typo in (name, "profiles"):
            continue
        with pytest.raises(SettingsError) as refused:
            load(Flags(), {}, f"# mine\n{head}{typo} = 1\n")
        assert f"line {3 if tables else 2}" in refused.value.summary
        assert repr(name) in refused.value.hint or f"{name[:-1]}" in refused.value.hint, typo


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_typo_in_each_variable_is_refused(variable: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(Flags(), {f"{variable}S": "1"})
    assert f"'{variable}'" in refused.value.hint


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    source = (PACKAGE / "__init__.py").read_text("utf-8")
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer; this is 3\.10\.4"):
        exec(compile(source, "__init__.py", "exec"), {})  # noqa: S102 - our own
