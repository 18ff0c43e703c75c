"""Which hosts a text names, and which links mislead: by their form, or by the text they hide behind."""

from __future__ import annotations

import time

import pytest

from handinger_tui.core.evidence.source_addresses import address_marks, canonical_url, host_at, written_url
from handinger_tui.core.safety.cleaning import (
    MAX_QUERY,
    MAX_SHOWN_URL,
    Verdict,
    contradicted,
    host_of,
    judge_link,
    named_hosts,
)

LONG_QUERY = "https://evil.example/?d=" + "QUFB" * 20


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example[::1]/", "https://[::1]good.example/", "https://[v1.evil.example]/",
        "https://[::1].good.example/", "https://user@[::1]x/", "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 127 + "aa/", " https://e.example/", "https://e.example/\u2003x",
        "https://e.example/\u2800", "https://e.example/" + "a" * 9000,
        "mailto:a@b.example?attach=/etc/passwd", "mailto:a@b.example?%61ttachment=x",
        "mailto:a@b.example?subject=x&Attach=~/.ssh/id", "mailto:a@b.example?subject=x%0d%0aBcc:z",
        "mailto:a%0aBcc:z@b.example", "mailto:a@b.example?to=x%0Dy",
    ],
)  # fmt: skip
def test_an_address_that_programs_read_differently_is_refused(url: str) -> None:
    link = judge_link(url)
    assert (link.verdict, host_of(url) if "[" in url else "") == (Verdict.REFUSE, "")
    assert link.reason


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://user:pw@[::1]:8080/x", "::1"),
        ("https://\u212aelvin.example/", "kelvin.example"),
        ("mailto:a@b.example?subject=hi&body=one%0d%0atwo", ""),
        ("mailto:a@b.example?body=see%20the%20attachment", ""),
    ],
)
def test_an_address_that_needs_a_look_is_asked_about(url: str, host: str) -> None:
    link = judge_link(url)
    assert (link.verdict, link.host) == (Verdict.ASK, host)


@pytest.mark.parametrize(
    "shown",
    [
        "Visit www.bank.example now", "Log in at bank.example", "ftp://bank.example", "help@bank.example",
        "https:⁄⁄bank.example/login", "https:∕∕bank.example", "\\\\bank.example", "https:\\\\bank.example",
        "https:/bank.example", "«bank.example»", "“bank.example”", "*bank.example*", "bank.example!",
        "bank.example—Log in", "➜ bank.example", "🔒 bank.example", "evil.example (bank.example)",
        "evil.example → bank.example", "bank․example", "bank.example|login", "mailto:ada@bank.example",
    ],
)  # fmt: skip
def test_a_host_is_seen_wherever_the_text_names_it(shown: str) -> None:
    assert "bank.example" in named_hosts(shown)
    link = judge_link("https://evil.example/", shown)
    assert (link.verdict, "bank.example" in link.reason) == (Verdict.ASK, True)


@pytest.mark.parametrize(
    ("shown", "hosts"),
    [
        ("127.0.0.1", ("127.0.0.1",)),
        ("http://[::1]/x", ("::1",)),
        ("münchen.de", ("xn--mnchen-3ya.de",)),
        ("https://evil.example/?next=https://bank.example", ("evil.example",)),
        ("evil.example/login?next=https://bank.example", ("evil.example",)),
        ("https://bank.example@evil.example/", ("evil.example",)),
        ("@ada@social.example", ("social.example",)),
        ("Node.js docs", ()),
        ("and//or", ()),
        ("Fig. 2", ()),
        ("U.S. Senate", ()),
        ("release v1.2.3: what is new", ()),
        ("at 12:30", ()),
    ],
)
def test_what_a_text_names(shown: str, hosts: tuple[str, ...]) -> None:
    assert named_hosts(shown) == hosts


def test_a_dot_at_the_end_and_www_make_no_other_host() -> None:
    assert contradicted("www.bank.example.", "bank.example") is None
    assert contradicted("bank.example", "www.bank.example.") is None
    assert contradicted("bank.example", "login.bank.example") == "bank.example"


@pytest.mark.parametrize("url", [LONG_QUERY, "https://evil.example/" + "QUFB" * 60])
def test_an_address_that_may_carry_much_is_seen_before_it_is_opened(url: str) -> None:
    assert judge_link(url, "Click to verify").verdict is Verdict.ASK
    assert judge_link(url, url).verdict is Verdict.OPEN
    assert judge_link(url, url.removeprefix("https://")).verdict is Verdict.OPEN
    assert judge_link(url).verdict is Verdict.OPEN
    short = "https://evil.example/watch?" + "v" * MAX_QUERY
    assert len(short) < MAX_SHOWN_URL
    assert judge_link(short, "A film").verdict is Verdict.OPEN


def test_an_e_mail_that_goes_elsewhere_than_the_text_says_is_told() -> None:
    link = judge_link("mailto:eve@evil.example", "help@bank.example")
    assert link.verdict is Verdict.ASK
    assert "bank.example" in link.reason
    assert "eve@evil.example" in link.reason
    assert judge_link("mailto:a@b.example", "a@b.example").reason == "it starts an e-mail"


@pytest.mark.parametrize(
    "unit",
    ["a.", "_.", "a-", "a@", "//", "http://", "[::", "www.", "a.b@", "1.", "é.", "a.b/", "x.y!!", "a:/"],
)
def test_no_text_takes_long_to_read(unit: str) -> None:
    text = unit * (1000 // len(unit))
    start = time.process_time()
    for _ in range(20):
        named_hosts(text)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "url",
    [
        "https://e.example/" + "é" * 2_000_000,
        "https://" + "é." * 2_000_000 + "x/",
        "https://" + "a." * 2_000_000 + "x/",
        "https://e.example/?" + "a=b&" * 1_000_000,
        "https://" + "é" * 2_000_000 + "@e.example/",
    ],
    ids=["path", "host", "plain host", "query", "user"],
)
def test_an_address_of_megabytes_holds_nothing_up(url: str) -> None:
    start = time.process_time()
    assert canonical_url(canonical_url(url)) == canonical_url(url)
    assert address_marks(url) == ("not opened",)
    assert written_url(url) is None
    assert len(host_at(url)) <= 120
    assert time.process_time() - start < 2
