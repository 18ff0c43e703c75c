"""`login` and `key`: a key is stored in one place, once the service accepted it, and is shown nowhere."""

from __future__ import annotations

import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from handinger_tui.cli import stored_key
from handinger_tui.local.server import LocalServer
from tests.e2e.runner import Ran, run

STORE: dict[tuple[str, str], str] = {}


class Unlocked:
    """A key store as the package keyring has them."""

    def get_password(self, service: str, name: str) -> str | None:
        return STORE.get((service, name))

    def set_password(self, service: str, name: str, key: str) -> None:
        STORE[service, name] = key

    def delete_password(self, service: str, name: str) -> None:
        del STORE[service, name]


class Forgetful(Unlocked):
    def set_password(self, service: str, name: str, key: str) -> None:
        pass


class Locked(Unlocked):
    def get_password(self, service: str, name: str) -> str | None:
        raise PermissionError(f"secret text {name}")


class Hanging(Unlocked):
    released = threading.Event()

    def get_password(self, service: str, name: str) -> str | None:
        self.released.wait()
        return None


class PlainFile(Unlocked):
    """Packages of others keep keys in files that everybody can read."""


PlainFile.__module__ = "keyrings.alt.file"


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[object], None]]:
    def use(store: object) -> None:
        keyring: Any = ModuleType("keyring")
        keyring.get_keyring = lambda: store
        monkeypatch.setitem(sys.modules, "keyring", keyring)

    STORE.clear()
    Hanging.released.clear()
    yield use
    Hanging.released.set()


def stored(home: Path, server: LocalServer, *words: str, key: str | None = None) -> Ran:
    address = () if "--base-url" in words else ("--base-url", server.base_url)
    ran = run("login", *address, *words, home=home, stdin=f"{key or server.api_key}\n")
    assert server.api_key not in ran.out + ran.err
    return ran


def config(home: Path) -> dict[str, Any]:
    path = home / "config.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


def test_a_key_goes_into_the_store_and_nowhere_else(
    tmp_path: Path, server: LocalServer, use: Callable[[object], None]
) -> None:
    use(Unlocked())
    (tmp_path / "config.toml").write_text('# mine\napi_key = "hdg_an_old_one"\n', "utf-8")
    assert stored(tmp_path, server).code == 0
    assert config(tmp_path) == {"key_store": True, "base_url": server.base_url}
    assert {("handinger-tui", "default"): server.api_key} == STORE
    shown = run("key", "show", "--json", home=tmp_path).result
    assert (shown["ends_in"], shown["place"]) == (server.api_key[-4:], "in the key store")
    assert run("-p", "Hi", home=tmp_path).code == 0
    checks = {one["name"]: one["found"] for one in run("doctor", "--json", home=tmp_path).result["checks"]}
    assert checks["key"] == f"in the key store, ends in …{server.api_key[-4:]}; accepted"
    report = run("doctor", "--report", home=tmp_path)
    assert "key: key_store" in report.out
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert server.api_key.encode() not in b"".join(written) + report.out.encode()
    assert run("key", "rm", home=tmp_path).code == 2
    assert run("key", "rm", "-y", home=tmp_path).code == 0
    assert (STORE, config(tmp_path)) == ({}, {"base_url": server.base_url})
    assert (tmp_path / "config.toml").read_text("utf-8").startswith("# mine\n")


@pytest.mark.parametrize(
    ("store", "words"),
    [
        (Locked(), "The key store refused (PermissionError)."),
        (Hanging(), "The key store did not answer within"),
        (Forgetful(), "The key store did not keep the key."),
        (PlainFile(), "This computer has no key store"),
        (None, "The package for key stores is not installed"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_store_that_fails_is_named_and_nothing_is_used_instead(
    tmp_path: Path,
    server: LocalServer,
    use: Callable[[object], None],
    monkeypatch: pytest.MonkeyPatch,
    store: object,
    words: str,
) -> None:
    monkeypatch.setattr(stored_key, "STORE_WAIT_S", 60.0 if not isinstance(store, Hanging) else 0.01)
    use(store)
    if store is None:
        monkeypatch.setitem(sys.modules, "keyring", None)
    ran = stored(tmp_path, server)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert "login --file" in ran.err
    assert "secret text" not in ran.err
    assert config(tmp_path) == {}
    (tmp_path / "config.toml").write_text(f'key_store = true\nbase_url = "{server.base_url}"\n', "utf-8")
    sent = run("-p", "Hi", "--json", home=tmp_path)
    assert (sent.code, sent.result["status"], sent.result["posts_sent"]) == (2, "not_sent", 0)


def test_a_key_in_the_file_makes_it_private_first(tmp_path: Path, server: LocalServer) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[profiles.work]\nbudget = "low"\n', "utf-8")
    file.chmod(0o644)
    ran = stored(tmp_path, server, "--file", "--profile", "work")
    assert (ran.code, file.stat().st_mode & 0o777) == (0, 0o600)
    work = {"budget": "low", "api_key": server.api_key, "base_url": server.base_url}
    assert config(tmp_path) == {"profiles": {"work": work}}
    assert run("-p", "Hi", "--profile", "work", home=tmp_path).code == 0


def test_a_stored_key_is_removed_also_where_a_variable_hides_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('api_key = "hdg_test_the_stored_one"\n', "utf-8")
    ran = run("key", "rm", "-y", "--json", home=tmp_path, HANDINGER_API_KEY="hdg_test_the_other_one")
    assert (ran.code, ran.result["ends_in"], ran.result["place"]) == (0, "_one", "in HANDINGER_API_KEY")
    assert config(tmp_path) == {}


def test_the_generation_that_answers_is_set_and_named(tmp_path: Path, server: LocalServer) -> None:
    ran = stored(tmp_path, server, "--file", "--base-url", server.tasks_url, "--json")
    assert (ran.code, ran.result["generation"], config(tmp_path)["generation"]) == (0, "tasks", "tasks")
    assert "answers as the tasks generation" in ran.err


@pytest.mark.parametrize("key", ["hdg_live_a_wrong_one", "a b", "", "x"])
def test_a_key_that_is_not_accepted_is_not_stored(tmp_path: Path, server: LocalServer, key: str) -> None:
    ran = run("login", "--file", "--base-url", server.base_url, home=tmp_path, stdin=f"{key}\n")
    assert ran.code == (4 if "wrong" in key else 2)
    assert "Nothing was stored" in ran.err
    assert config(tmp_path) == {}


def test_the_key_goes_to_no_new_host_for_the_check(tmp_path: Path) -> None:
    address = "https://handinger.com.evil.invalid"
    ran = run("login", "--file", "--base-url", address, home=tmp_path, stdin="hdg_live_0123456789\n")
    assert ran.code == 2
    assert "--trust-host" in ran.err
    assert config(tmp_path) == {}


def test_a_variable_would_hide_the_stored_key(tmp_path: Path, server: LocalServer) -> None:
    ran = run("login", "--file", home=tmp_path, base_url=server.base_url, stdin=f"{server.api_key}\n")
    assert (ran.code, "Unset HANDINGER_API_KEY first." in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("print({key!r}); print('login: me')", ""),
        ("import sys; print({key!r}); sys.exit(3)", "ended with exit code 3"),
        ("pass", "printed nothing"),
        ("print('a b c d e f')", "invalid character"),
    ],
)
def test_a_command_prints_the_key(tmp_path: Path, server: LocalServer, script: str, problem: str) -> None:
    words = [sys.executable, "-c", script.format(key=server.api_key)]
    (tmp_path / "config.toml").write_text(
        f'key_command = {words!r}\nbase_url = "{server.base_url}"\n', "utf-8"
    )
    ran = run("-p", "Hi", home=tmp_path)
    assert ran.code == (2 if problem else 0), ran.err
    assert problem in ran.err
    assert server.api_key not in ran.out + ran.err
    assert run("costs", home=tmp_path).code == 0, "what needs no key does not ask for it"
