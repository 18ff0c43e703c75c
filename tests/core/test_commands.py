"""Typed text: a prompt, a command or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.prompts import CommandLine, Empty, Prompt, Typed, classify


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", Empty()),
        (" \n\t ", Empty()),
        ("Hello", Prompt("Hello")),
        ("!ls", Prompt("!ls", "!")),
        ("\n # a note\nand more", Prompt(" # a note\nand more", "#")),
        ("Hello\n# a heading", Prompt("Hello\n# a heading")),
        ("//!x", Prompt("/!x")),
        ("\n  indented\n", Prompt("  indented")),
        ("/help", CommandLine("help")),
        ("  /Budget  high ", CommandLine("budget", "high")),
        ("/rename a b\nc", CommandLine("rename", "a b c")),
        ("//etc is a folder", Prompt("/etc is a folder")),
        ("/etc/passwd explain", CommandLine("etc/passwd", "explain")),
        ("exit", CommandLine("quit")),
        (":q", CommandLine("quit")),
        ("exit strategies for founders", Prompt("exit strategies for founders")),
        ("/", CommandLine("")),
    ],
)
def test_prompts_and_commands_are_distinguished(typed: str, expected: Typed) -> None:
    assert classify(typed) == expected


@given(st.text())
def test_text_with_one_leading_slash_is_never_a_prompt(text: str) -> None:
    if not text.startswith("/"):
        assert isinstance(classify(f"/{text}"), CommandLine)


@given(st.text(min_size=1).filter(lambda text: bool(text.strip()) and not text.strip().startswith("/")))
def test_two_slashes_send_one(text: str) -> None:
    assert classify(f"//{text}") == Prompt(f"/{text}".strip())
