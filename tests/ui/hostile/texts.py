"""The hostile texts for every widget: the corpus of the lab, and families that it lacks."""

from __future__ import annotations

import base64
from typing import Final

from tests.chaos.hostile import TEXT_PAYLOADS, pieces_of

_FAMILIES: Final = {
    "osc-8-st-c1": "\x9d8;;file:///x\x9cCANARY\x9d8;;\x9c",
    "osc-52-long": "\x1b]52;cpqs01234567;" + "Q0FOQVJZ" * 200 + "\x1b\\",
    "osc-133": "\x1b]133;C\x07CANARY\x1b]133;D;0\x07",
    "osc-1337": "\x1b]1337;SetUserVar=CANARY=eA==\x07\x1b]1337;OpenURL=:aHR0cDovL3g=\x07",
    "osc-777": "\x1b]777;precmd\x07CANARY",
    "osc-9-4": "\x1b]9;4;3;50\x1b\\CANARY",
    "osc-4-5-104": "\x1b]104\x07\x1b]5;0;?\x07CANARY",
    "osc-l-l": "\x1b]lCANARY\x1b\\\x1b]LCANARY\x1b\\",
    "osc-6-f": "\x1b]6;1;bg;red;brightness;0\x07CANARY",
    "osc-new": "\x1b]99;i=1:d=0;hi\x1b\\\x1b]22;hand\x07\x1b]66;s=7;BIG\x07\x1b]633;E;rm\x07CANARY",
    "passed-on": "\x1bPtmux;\x1b\x1b]0;CANARY\x07\x1b\\\x1bkCANARY\x1b\\",
    "cancelled": "\x1b[3\x181337m\x1b[3\x1a1mCANARY\x1b\x1b[2J",
    "apc": "\x1b_CANARY\x1b\\",
    "apc-kitty-many": "\x1b_Ga=T,f=24,s=1,v=1,m=1;AAAA\x1b\\\x1b_Gm=0;\x1b\\CANARY",
    "pm": "\x1b^CANARY\x1b\\",
    "sos": "\x1bXCANARY\x1b\\",
    "apc-c1": "\x9fCANARY\x9c\x9eCANARY\x9c\x98CANARY\x9c",
    "dcs-sixel": "\x1bPq#0;2;0;0;0#0!100~-CANARY\x1b\\",
    "dcs-decdld": "\x1bP1;1;0;0{ @CANARY\x1b\\",
    "dcs-udk": "\x1bP0;1|17/43414e415259\x1b\\",
    "dcs-xtgettcap": "\x1bP+q544e\x1b\\CANARY",
    "csi-window": "\x1b[18t\x1b[14t\x1b[8;1;1t\x1b[3;0;0tCANARY",
    "csi-decrqm": "\x1b[?2026$p\x1b[?1$pCANARY",
    "csi-xtversion": "\x1b[>0q\x1b[>q\x1b[?uCANARY",
    "csi-keyboard": "\x1b[>31u\x1b[>4;2m\x1b[?9001hCANARY",
    "csi-paste": "\x1b[200~CANARY\x1b[201~\nrm -rf x\n",
    "csi-rectangle": "\x1b[31337;1;1;9;9$x\x1b[1;1;9;9${CANARY",
    "csi-print": "\x1b[5i CANARY \x1b[4i",
    "enq": "\x05\x05CANARY",
    "decid": "\x1bZCANARY",
    "vt52": "\x1b[?2l\x1bY!!CANARY",
    "utf8-off": "\x1b%@CANARY\x1b%G",
    "c1-all": "".join(map(chr, range(0x80, 0xA0))) + "CANARY",
    "c0-all": "".join(map(chr, range(0x20))) + "\x7fCANARY",
    "overlong": b"\xc0\x9b31337m\xe0\x80\x9b31337m\xc1\xbfCANARY".decode("utf-8", "replace"),
    "bytes": b"\x9b31337m\x9d0;CANARY\x9c".decode("utf-8", "surrogateescape"),
    "halves": "\udc1b[31337m\ud800\ude00\udfffCANARY",
    "isolates": "\u2067\u2066\u2068\u2069\u202a\u202b\u202c\u202d\u061c\u200fCANARY",
    "tags-flag": "\U0001f3f4" + "".join(chr(0xE0000 + ord(sign)) for sign in "CANARY") + "\U000e007f",
    "tags-flags": "".join(
        "\U0001f3f4" + "".join(chr(0xE0000 + ord(sign)) for sign in word) + "\U000e007f"
        for word in ("ignore", "allrul", "es")
    )
    + "CANARY",
    "format-controls": "\U00013430\U00013437\U0001bca0\U000110bd\u0600\u070fCANARY",
    "selectors": "a" + "\ufe0f\U000e0100\ufe00" * 99 + "CANARY",
    "smuggled": "\U0001f600" + "".join(map(chr, range(0xE0100, 0xE01F0))) + "CANARY",
    "zalgo": "".join(sign + "\u0335\u0489\u20dd" * 30 for sign in "CANARY"),
    "thai-tower": "ก" + "็" * 200 + "CANARY",
    "spacing-marks": "अ" + "ः" * 200 + "CANARY",
    "hangul-fillers": "\u3164" * 50 + "\u115f\u1160\uffa0CANARY",
    "jamo": "\u1100" + "\u1161" * 100 + "CANARY",
    "soft": "CA\u00adNA\u00adRY\u200b\u2060\ufeff\u180e\u034f",
    "joiners": "\u200d".join("x" * 120) + "CANARY",
    "family": "\u200d".join("👨" * 80) + "CANARY",
    "tones": "a🏽" * 60 + "CANARY",
    "flags": "🇦" * 61 + "CANARY",
    "keycaps": "1\ufe0f\u20e3" * 40 + "CANARY",
    "wide": "漢" * 200 + "﷽" * 5 + "CANARY",
    "blanks": "\u2800\u3000\u00a0\u2003\u205f" * 20 + "CANARY",
    "noncharacters": "\ufdd0\ufffe\uffff\U0010ffffCANARY",
    "private": "\ue000\uf8ff\U000f0000CANARY",
    "kitty-placeholders": "\U0010eeee\u0305\u0305\U0010eeee\u0305\u030dCANARY\U0010eeee",
    "annotation": "\ufff9CANARY\ufffaevil\ufffb",
    "rtl": "שלום CANARY العربية \u0660",
    "lines": "\x1c\x1d\x1e\x85\u2028\u2029\x0b\x0cCANARY",
    "tabs": "\t" * 200 + "CANARY",
    "markup-deep": "[bold]" * 200 + "CANARY" + "[/]" * 201,
    "markup-link": "[link='javascript:alert(1)']CANARY[/link][@click=\"app.bell\"]x[/]",
    "markup-content": "[$primary on red]CANARY[/] \\[b] [[]] [not closed",
    "markup-emoji": ":smile: :CANARY: [:] [/:]",
    "click-forms": "[@click=screen.dismiss()]a[/] [@click=('app','quit')]CANARY[/] [@mouse.down=x]x[/]",
    "md-schemes": "[a](JaVa\tScript:x) [b](&#106;avascript:x) [c](//evil) [d](\\\\e\\x) <vbscript:x> CANARY",
    "md-link-in-text": "[https://bank.example](https://evil.example\\@bank.example/CANARY)",
    "md-html": "<a href=javascript:x onclick=y>CANARY</a><svg/onload=z><!-- \x1b[2J -->",
    "md-deep": "> " * 300 + "CANARY",
    "md-list": "".join(" " * at + "- CANARY\n" for at in range(60)),
    "md-refs": "[CANARY][1]\n\n[1]: javascript:alert(1)\n[CANARY]: file:///etc/passwd\n",
    "format": "%s%n%x {0} {0.__class__} $(id) `id` ${x} CANARY",
    "ansi-text": "\\x1b[2J \\033]52;c;x\\a ^[[2J CANARY",
    "nothing": "",
    "only-unseen": "\u200b\u2060\x1b\x07",
    "long-word": "CANARY" * 3000,
}


def _text(name: str) -> str:
    payload = TEXT_PAYLOADS[name]
    if "b64" in payload:
        return base64.b64decode(payload["b64"]).decode("latin-1")
    text = "".join(pieces_of(payload))
    return text if len(text) <= 6000 else text[:5000] + text[-1000:]


TEXTS: Final = {**{name: _text(name) for name in TEXT_PAYLOADS}, **_FAMILIES}
"""By name. Megabytes are cut here: `tests/ui/transcript` has them in full."""


def marked(at: int) -> str:
    """The mark before text number `at`, by which a test recognizes it."""
    return f"K{at:03}"


PLANTED: Final = tuple(f"{marked(at)} {text}" for at, text in enumerate(TEXTS.values()))
"""Every text after its mark."""
