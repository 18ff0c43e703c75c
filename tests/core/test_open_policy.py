"""Files that may be opened by the system: documents, never executables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.safety import Verdict, judge_file

ELF = b"\x7fELF\x02\x01\x01"
PE = b"MZ\x90\x00\x03\x00\x00\x00"


@pytest.mark.parametrize(
    ("name", "head", "verdict"),
    [
        ("report.pdf", b"%PDF-1.7", Verdict.OPEN),
        ("data.CSV", b"a,b\n", Verdict.OPEN),
        ("notes.txt", b"MZ is how programs begin", Verdict.OPEN),
        ("chart.png", b"\x89PNG\r\n\x1a\n", Verdict.OPEN),
        ("page.html", b"<html>", Verdict.ASK),
        ("drawing.svg", b"<svg>", Verdict.ASK),
        *(
            (f"report.{one}", b"<?xml", Verdict.ASK)
            for one in ("xml", "XML", "rss", "atom", "xsl", "xslt", "rdf")
        ),
        ("old.xls", b"\xd0\xcf\x11\xe0", Verdict.ASK),
        ("strange.qqq", b"", Verdict.ASK),
        ("README", b"words", Verdict.ASK),
        (".bashrc", b"x", Verdict.ASK),
        ("run.sh", b"echo", Verdict.REFUSE),
        ("setup.exe", PE, Verdict.REFUSE),
        ("report.pdf.exe", b"", Verdict.REFUSE),
        ("report.exe.", b"", Verdict.REFUSE),
        ("report.exe ", b"", Verdict.REFUSE),
        ("link.desktop", b"", Verdict.REFUSE),
        ("find.search-ms", b"<?xml", Verdict.REFUSE),
        ("query.iqy", b"WEB", Verdict.REFUSE),
        ("look.themepack", b"MSCF", Verdict.REFUSE),
        ("report.pdf", ELF, Verdict.REFUSE),
        ("report.pdf", PE, Verdict.REFUSE),
        ("report.txt", b"#!/bin/sh\n", Verdict.REFUSE),
        ("report.txt", b"\xef\xbb\xbf\n  [Desktop Entry]\n", Verdict.REFUSE),
        ("data.csv", b"\xcf\xfa\xed\xfe\x07\x00", Verdict.REFUSE),
    ],
)
def test_the_name_and_the_first_bytes_decide(name: str, head: bytes, verdict: Verdict) -> None:
    judged = judge_file(name, head)
    assert judged.verdict is verdict
    assert bool(judged.reason) is (verdict is not Verdict.OPEN)


@given(st.text(max_size=40), st.sampled_from(["exe", "sh", "desktop", "js", "py", "lnk", "app"]))
def test_an_executable_ending_is_refused_after_any_name(stem: str, extension: str) -> None:
    for written in (extension, extension.upper()):
        assert judge_file(f"x{stem}.{written}", b"words").verdict is Verdict.REFUSE


@given(st.text(max_size=40), st.binary(max_size=64))
def test_it_never_raises(name: str, head: bytes) -> None:
    assert judge_file(name, ELF + head).verdict is Verdict.REFUSE
    judge_file(name, head)
