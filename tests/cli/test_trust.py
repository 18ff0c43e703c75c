"""The API key goes to no host for the first time without the person's word."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from handinger_tui.cli.exit_codes import Exit
from handinger_tui.cli.trust import new_host
from handinger_tui.settings import DEFAULT_BASE, Flags, load
from tests.e2e.runner import KEY, run
from tests.ledger.test_imports import exported_file

STRANGER = "https://handinger.com.evil.invalid"
"""A name that no resolver knows: what gets as far as the network fails there."""


def is_refused(ran_err: str) -> bool:
    return "The API key was never sent to handinger.com.evil.invalid before. Nothing was sent." in ran_err


@pytest.mark.parametrize(
    "argv",
    [("-p", "hello"), ("attach", "wrk_1", "-p"), ("workers", "list"), ("doctor",)],
)
def test_a_command_asks_once_before_the_key_goes_to_a_new_host(own_home: Path, argv: tuple[str, ...]) -> None:
    def tried(*more: str) -> bool:
        ran = run(*argv, *more, home=own_home, base_url=STRANGER, key=KEY)
        text = " ".join((ran.err + ran.out).split())
        assert (ran.code == Exit.USAGE) or not is_refused(text)
        return is_refused(text)

    assert tried()
    assert tried(), "a refusal is not remembered as a yes"
    assert not tried("--trust-host")
    assert not tried(), "a yes is remembered"
    kept = own_home / "known_hosts"
    assert kept.read_text() == "handinger.com.evil.invalid\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_nothing_is_stored_of_a_message_that_was_not_sent(own_home: Path) -> None:
    ran = run("-p", "hello", "--json", home=own_home, base_url=STRANGER, key=KEY)
    assert (ran.code, ran.result["error"]["may_have_been_charged"]) == (Exit.USAGE, False)
    assert "--trust-host" in ran.err
    assert json.loads(run("sessions", "--json", home=own_home).out)["sessions"] == []


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        *((url, "") for url in DEFAULT_BASE.values()),
        ("https://HANDINGER.com", ""),
        ("http://127.0.0.1:8080", ""),
        ("https://[::1]:1", ""),
        ("https://handinger.com:8443", "handinger.com:8443"),
        ("https://handinger.com.", "handinger.com."),
        ("https://handinger.com.evil.example/api", "handinger.com.evil.example"),
        ("https://127.0.0.1.evil.example", "127.0.0.1.evil.example"),
    ],
)
def test_only_the_services_of_handinger_and_this_computer_are_known(
    own_home: Path, base_url: str, host: str
) -> None:
    settings = load(Flags(base_url=base_url), {"HANDINGER_API_KEY": KEY}, "", "config.toml")
    assert new_host(settings) == host


@pytest.fixture
async def forged(tmp_path: Path) -> Path:
    path = tmp_path / "session.json"
    path.write_text(await exported_file(1, name="ses_forged", base_url=STRANGER))
    return path


def test_an_imported_session_gives_no_address_for_the_key(own_home: Path, forged: Path) -> None:
    assert run("import", str(forged), home=own_home).code == 0
    base_url = "https://also.invalid"
    named = run("-r", "ses_forged", "-p", "go on", "--trust-host", home=own_home, base_url=base_url, key=KEY)
    assert (named.code, "--base-url" in named.err) == (Exit.USAGE, False)
    assert "This session was imported, and its file names another service" in " ".join(named.err.split())
    last = run("-c", "-p", "go on", home=own_home, base_url=base_url, key=KEY)
    assert last.code == Exit.USAGE
    assert "No session to continue yet; imported ones are left out." in last.err
