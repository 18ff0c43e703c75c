"""Remote text, file names and links are made safe, and misleading links are named."""

from __future__ import annotations

import shlex
import time
import unicodedata
from collections.abc import Iterable
from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from handinger_tui.core.evidence import address_marks, cached_host, canonical_url, document_url
from handinger_tui.core.jsontext import dump
from handinger_tui.core.safety import (
    ALWAYS_REMOVED,
    MARKS,
    MAX_QUERY,
    MAX_SHOWN_URL,
    Verdict,
    clean,
    clean_json,
    clean_line,
    clean_slice,
    cleanable_length,
    contradicted,
    host_of,
    judge_link,
    named_hosts,
    one_word,
    safe_file_name,
)
from tests.chaos.hostile import CONTROL, TEXT_PAYLOADS, dangers, dangers_in_lines, pieces_of, wrong_name

# -- text and file names ---------------------------------------------------------------
ZWJ, SELECTOR, FAMILY = "\u200d", "\ufe0f", "👨\u200d👩\u200d👧"
ENGLAND: Final = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"

SEQUENCES: Final = st.sampled_from(
    [
        "\x1b]8;;file:///x\x1b\\", "\x1b]52;c;eA==\x07", "\x1b]133;A\x07", "\x1b]1337;x=y\x07",
        "\x1b]777;n;a\x07", "\x1b_Gx\x1b\\", "\x1b^x\x1b\\", "\x1bXx\x1b\\", "\x1bPq#0~\x1b\\", "\x1b[31337m",
        "\x9b31337m", "\x9d0;x\x9c", "\x90q\x9c", "\x05", "\x1bc", "\x1b[c", "\r", "\r\n", "\x85", "\u2028",
        "\u202e", "\u2066", "\u061c", "\ud83d", "\ude00", "\udc9b", "\0", ZWJ, "\u200c", SELECTOR, "\ufe0e",
        "\U000e0100", "\u0301", "\u0e47", "\u0903", "\u20e3", "\u3164", "\u1160", "\u00ad", "\ufeff",
        "\u2060", "\u034f", "🏽", "👍", "👩", "❤", "1", "🏴", "\U000e0067", "\U000e007f", ENGLAND, FAMILY,
        "[@click=app.quit]x[/]", "[/]", "می", "漢", "e\u0301", " ", "\n", "\t", "x", "\ufffe", "\ufdd0",
    ]
)  # fmt: skip
TEXTS: Final = st.one_of(
    st.text(st.characters(), max_size=60),
    st.lists(SEQUENCES | st.text(max_size=2), max_size=24).map("".join),
    st.tuples(SEQUENCES, st.integers(1, 80), SEQUENCES).map(
        lambda sequence: sequence[0] * sequence[1] + sequence[2]
    ),
)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
@example(text="x🏽\ufe0e")
@example(text=f"x🏽{SELECTOR}{ZWJ}👩")
@example(text=f"👩{ZWJ}🏽")
def test_every_dangerous_character_is_removed(text: str) -> None:
    cleaned = clean(text)
    assert not CONTROL.search(cleaned)
    assert not ALWAYS_REMOVED.search(cleaned)
    assert clean(cleaned) == cleaned
    cleaned.encode()
    assert "\n" not in clean_line(text)
    marks = 0
    for sign in cleaned:
        marks = marks + 1 if unicodedata.category(sign).startswith("M") else 0
        assert marks <= MARKS


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_readable_text_stays(text: str) -> None:
    kept = [sign for sign in text if sign.isalnum() and ord(sign) < 0x1100]
    assert kept == [sign for sign in clean(text) if sign.isalnum() and ord(sign) < 0x1100]


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, more=TEXTS)
def test_the_cells_of_a_text_are_the_sum_of_its_characters(text: str, more: str) -> None:
    # Misplaced joiners, tones and selectors have width zero, but are drawn.
    words = clean_line(text) + "|" + clean_line(more)
    assert cell_len(words) == sum(map(cell_len, (clean_line(text), "|", clean_line(more))))


def cleaned_as_it_grows(pieces: Iterable[str]) -> str:
    """The text as it is shown, piece by piece."""
    text, shown, at = "", "", 0
    for piece in pieces:
        text += piece
        if (end := cleanable_length(text)) > at:
            shown, at = shown + clean_slice(text, at, end), end
    return shown + clean_slice(text, at, len(text))


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(TEXTS, max_size=6))
@example(pieces=["\u0301" * MARKS + ZWJ, "\u200c" * 100, "\u0301\x1b]8;;file:///x\x1b\\"])
def test_a_growing_text_is_cleaned_like_the_complete_one(pieces: list[str]) -> None:
    shown = cleaned_as_it_grows(pieces)
    assert shown == clean("".join(pieces))


@pytest.mark.parametrize("removed", ["\x07", "\u200b", "\x1b\u202e"])
def test_a_flood_in_pieces_is_removed(removed: str) -> None:
    pieces = ["Z", *["\u0335" * MARKS + removed * 500] * 20, "\n👩", "\u200d" + removed * 300, "👧!"]
    shown = cleaned_as_it_grows(pieces)
    assert shown == "Z" + "\u0335" * MARKS + "\n👩\u200d👧!"


@pytest.mark.parametrize("name", [name for name, payload in TEXT_PAYLOADS.items() if "b64" not in payload])
def test_a_hostile_text_is_harmless_and_can_be_read(name: str) -> None:
    """Every text of the lab; the program prints a few of them in `tests/chaos/test_payloads.py`."""
    payload = TEXT_PAYLOADS[name]
    pieces = pieces_of(payload)
    shown = cleaned_as_it_grows(pieces)
    assert not dangers(shown)
    assert all(visible in shown for visible in payload["must"].get("visible", ()))
    text = "".join(pieces)[:50_000]
    assert not dangers_in_lines(dump(clean_json({text: [text]})))


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_json_keeps_pairs_that_a_delta_cannot_check(text: str) -> None:
    value = clean_json(text)
    assert isinstance(value, str)
    assert clean_json({text: [text]}) == {value: [value]}
    assert not CONTROL.search(value)
    assert clean(value) == clean(text)


@pytest.mark.parametrize(
    "text",
    [
        FAMILY, "❤️\u200d🔥", "👩🏽\u200d🚀", "👍🏽", ENGLAND, "🇩🇪", "1\ufe0f\u20e3",
        "☎\ufe0e", "می\u200cخواهم", "é", "e\u0301",
        "ก็ดี", "नमस्ते", "한국어", "a\tb\nc", "שלום", "Tiếng Việt", "Z\u0300\u0301\u0302", "🐻\u200d❄️",
        "👩\u200d❤️\u200d💋\u200d👨",
    ],
)  # fmt: skip
def test_harmless_text_is_unchanged(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "remaining"),
    [
        (f"a{ZWJ}b{ZWJ}c", "abc"),
        ("a🏽b", "ab"),
        (f"x{SELECTOR}{SELECTOR}", "x"),
        ("pass\u00adword\u2060\ufeff\u3164\uffa0", "password"),
        ("🏴\U000e0068\U000e0069", "🏴"),
        # Invisible tag characters, disguised as the region of a flag.
        ("🏴\U000e0073\U000e0065\U000e006e\U000e0064\U000e007f", "🏴"),
        ("hi\U000e0100\U000e01ef", "hi"),
        ("Z" + "\u0335" * 99 + "!", "Z" + "\u0335" * MARKS + "!"),
        ("अ" + "\u0903" * 99, "अ" + "\u0903" * MARKS),
        ("👨" + "\u200d👨" * 4, FAMILY[:2] * 3 + "👨👨"),
        ("a\ufffeb\ufdd0", "a\ufffdb\ufffd"),
        ("\x1b\x1b[0m[31337;1H", "[0m[31337;1H"),
    ],
)
def test_characters_of_ambiguous_width_are_removed(text: str, remaining: str) -> None:
    assert clean(text) == remaining


# -- links -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "verdict", "host"),
    [
        ("https://evil.example\\.good.example/", Verdict.REFUSE, ""),
        ("https://good.example\\@evil.example/", Verdict.REFUSE, ""),
        ("https://%65vil.example/", Verdict.REFUSE, ""),
        ("https://bank.example%2f.evil.example/", Verdict.REFUSE, ""),
        ("https://a b.example/", Verdict.REFUSE, ""),
        ("https://e..example/", Verdict.REFUSE, ""),
        ("https://e.example/\u3164", Verdict.REFUSE, ""),
        ("https://e.example/\U000e0041", Verdict.REFUSE, ""),
        ("https://exa\u00admple.com/", Verdict.REFUSE, ""),
        ("https://[fe80::1%25eth0]/", Verdict.REFUSE, ""),
        ("https:/e.example/", Verdict.REFUSE, ""),
        ("//e.example/", Verdict.REFUSE, ""),
        ("http://0x7f.1/", Verdict.ASK, "0x7f.1"),
        ("http://2130706433/", Verdict.ASK, "2130706433"),
        ("http://127.1/", Verdict.ASK, "127.1"),
        ("https://faß.de/", Verdict.ASK, "xn--fa-hia.de"),
        ("https://bücher。example/", Verdict.ASK, "xn--bcher-kva.example"),
        ("https://e.example/?q=a\\b", Verdict.OPEN, "e.example"),
        ("http://127.0.0.1:8000/", Verdict.OPEN, "127.0.0.1"),
        ("https://[::1]/", Verdict.OPEN, "::1"),
        ("https://a_b.example./x", Verdict.OPEN, "a_b.example."),
    ],
)  # fmt: skip
def test_a_link_leads_where_a_browser_would_go(url: str, verdict: Verdict, host: str) -> None:
    link = judge_link(url)
    assert (link.verdict, link.host) == (verdict, host)
    assert bool(link.reason) == (verdict is not Verdict.OPEN)


@pytest.mark.parametrize(
    "shown",
    [
        "bank.example", "bank.example.", "www.bank.example/login", "Visit https://bank.example now",
        "bank\u200b.example",
        "https://user@bank.example/", "//bank.example", "ｂank.example", "(bank.example)", "HTTPS://BANK.EXAMPLE",
        "b\u0430nk.example", "bank。example",
    ],
)  # fmt: skip
def test_a_link_text_that_names_another_host_needs_a_confirmation(shown: str) -> None:
    link = judge_link("https://evil.example/", shown)
    assert link.verdict is Verdict.ASK
    assert "evil.example" in link.reason


@pytest.mark.parametrize(
    "shown", ["here", "evil.example", "www.evil.example/x", "3.5", "v1.2.3", "Fig. 2", ""]
)
def test_a_link_text_that_names_no_other_host_needs_none(shown: str) -> None:
    assert judge_link("https://evil.example/", shown).verdict is Verdict.OPEN


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, tail=TEXTS)
def test_any_address_is_judged_with_clean_texts(text: str, tail: str) -> None:
    for url in (
        text,
        f"https://{text}/{tail}",
        f"https://e.example/{text}",
        f"{text}://e.example",
        f"mailto:{text}",
    ):
        link = judge_link(url, tail)
        if link.verdict is not Verdict.REFUSE:
            assert url.lower().startswith(("http://", "https://", "mailto:"))
            assert not CONTROL.search(link.url)
            assert not ALWAYS_REMOVED.search(link.url)
        for described in (link.host, link.reason):
            assert clean(described) == described
        assert link.host.isascii()
        assert host_of(url).rstrip("…").isascii()
        named_hosts(url)


def test_an_id_in_a_copied_command_is_one_quoted_word() -> None:
    assert one_word("wrk_01.a-b") == "wrk_01.a-b"
    assert one_word("wrk~2") == "wrk~2"
    assert one_word("~root") == "'~root'"
    for text in ("x; rm -rf ~", "a\nb", "$(touch x)", "`x`", "it's", "\x1b]0;x\x07", "", "*", "漢"):
        assert shlex.split(f"handinger-tui attach {one_word(text)}")[2:] == [clean_line(text)]


# -- names -------------------------------------------------------------------------
@settings(max_examples=300, deadline=None)
@given(name=TEXTS)
def test_any_name_becomes_visible(name: str) -> None:
    safe = safe_file_name(name)
    assert not wrong_name(safe)
    assert safe.isprintable()
    assert clean(safe) == safe
    assert safe_file_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("\u0301x.txt", "x.txt"), ("-\u0301", "file"), ("\u20e3.txt", "txt"), ("clock$", "_clock$"),
        ("ｃｏｎ.txt", "_ｃｏｎ.txt"), ("con\u3000.txt", "_con .txt"), ("console.txt", "console.txt"),
        ("x" * 300 + ".tar.gz", "x" * 173 + ".tar.gz"), ("漢" * 90 + ".TAR.bz2", "漢" * 57 + ".TAR.bz2"),
        ("~" * 2_000_000 + "x.pdf", "x.pdf"), ("\u0301" * 1_000_000, "file"),
        ("x" * 1_000_000 + ".csv", "x" * 176 + ".csv"),
    ],
)  # fmt: skip
def test_a_name_is_saved_as(name: str, saved: str) -> None:
    start = time.process_time()
    assert safe_file_name(name) == saved
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "name", ["\u3164", "\u2800", "\u115f.txt", "\ufe0f", "\u034f\u00ad", "\u2800 \u3164.pdf"]
)
def test_a_name_without_visible_characters_is_none(name: str) -> None:
    assert safe_file_name(name) in ("file", "txt", "pdf")


@pytest.mark.parametrize("unit", [ZWJ, "👨\u200d", "\u0301", "A", "é ", "x\u202e"])
def test_a_line_of_a_megabyte_is_cleaned_quickly(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    clean_line(text)
    start = time.process_time()
    for _ in range(20):
        clean_line(text)
    assert time.process_time() - start < 1


# -- links and the hosts that texts name -----------------------------------------------
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
def test_an_ambiguous_address_is_refused(url: str) -> None:
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
def test_a_suspicious_address_needs_a_confirmation(url: str, host: str) -> None:
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
def test_a_host_is_detected_anywhere_in_the_text(shown: str) -> None:
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
def test_the_hosts_that_a_text_names(shown: str, hosts: tuple[str, ...]) -> None:
    assert named_hosts(shown) == hosts


def test_a_trailing_dot_and_www_do_not_change_the_host() -> None:
    assert contradicted("www.bank.example.", "bank.example") is None
    assert contradicted("bank.example", "www.bank.example.") is None
    assert contradicted("bank.example", "login.bank.example") == "bank.example"


@pytest.mark.parametrize("url", [LONG_QUERY, "https://evil.example/" + "QUFB" * 60])
def test_an_address_with_much_data_needs_a_confirmation(url: str) -> None:
    assert judge_link(url, "Click to verify").verdict is Verdict.ASK
    assert judge_link(url, url).verdict is Verdict.OPEN
    assert judge_link(url, url.removeprefix("https://")).verdict is Verdict.OPEN
    assert judge_link(url).verdict is Verdict.OPEN
    short = "https://evil.example/watch?" + "v" * MAX_QUERY
    assert len(short) < MAX_SHOWN_URL
    assert judge_link(short, "A film").verdict is Verdict.OPEN


def test_an_email_link_to_another_address_than_its_text_is_reported() -> None:
    link = judge_link("mailto:eve@evil.example", "help@bank.example")
    assert link.verdict is Verdict.ASK
    assert "bank.example" in link.reason
    assert "eve@evil.example" in link.reason
    assert judge_link("mailto:a@b.example", "a@b.example").reason == "it starts an email"


@pytest.mark.parametrize(
    "unit",
    ["a.", "_.", "a-", "a@", "//", "http://", "[::", "www.", "a.b@", "1.", "é.", "a.b/", "x.y!!", "a:/"],
)
def test_any_text_is_read_quickly(unit: str) -> None:
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
def test_an_address_of_megabytes_is_judged_quickly(url: str) -> None:
    start = time.process_time()
    assert canonical_url(canonical_url(url)) == canonical_url(url)
    assert address_marks(url) == ("not opened",)
    assert document_url(url) is None
    assert len(cached_host(url)) <= 120
    assert time.process_time() - start < 2
