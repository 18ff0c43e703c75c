"""Answers of the terminal: out of what is typed, however they are torn; and what they say."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import Key

from handinger_tui.core.safety.cleaning import PLACEHOLDER, clean
from handinger_tui.ui.terminal.images import (
    CHUNK,
    MOST_CELLS,
    color_of,
    marks,
    placeholder,
    shows_pictures,
    through_tmux,
    transmit,
)
from handinger_tui.ui.terminal.terminal_replies import ReplyListener, ReplyParser, TerminalAnswer
from tests.ui.kitty import DONE, GRAPHICS, KITTY, NAMED, SEQUENCE, Gallery

TYPED = st.lists(
    st.sampled_from(["a", "Gi=31;OK", "\r", "ü", "\x1b[A", "\x1b[?1;2$y", "\x1bb", "c", "\\"]), max_size=6
)


@given(
    typed=TYPED, answers=st.lists(st.sampled_from(KITTY[:2]), max_size=3), cuts=st.sets(st.integers(0, 90))
)
def test_answers_are_taken_out_wherever_they_are_torn(
    typed: list[str], answers: list[str], cuts: set[int]
) -> None:
    pieces = [piece for pair in zip(typed, [*answers, *[""] * len(typed)], strict=False) for piece in pair]
    data, ears = "".join(pieces) + DONE, ReplyListener()
    ears.expect_answers()
    rest, heard, start = "", list[str](), 0
    for end in sorted({*cuts, len(data)}):
        left, found = ears.split(data[start:end], 0.0)
        rest, heard, start = rest + left, heard + found, max(start, end)
    told = [piece for piece in pieces if piece in answers]
    assert (rest, heard) == ("".join(typed), [*told, DONE])
    assert not ears.waiting


def test_a_key_is_held_for_a_moment_only_and_half_an_answer_is_never_typed() -> None:
    ears = ReplyListener()
    ears.expect_answers()
    assert ears.split("x\x1b", 0.0) == ("x", [])
    assert ears.release(0.05) == ""
    assert ears.release(0.2) == "\x1b"
    assert ears.split("\x1b_Gi=31;O", 1.0) == ("", [])
    assert ears.release(3.0) == ""
    assert ears.release(9.0) == ""
    assert ears.split("y", 9.1) == ("y", [])
    assert ears.split(DONE, 9.2) == ("", [DONE])
    # Nothing is expected any more: a key goes at once.
    assert ears.split("\x1b", 9.3) == ("\x1b", [])
    # But what comes late is still no text.
    assert ears.split(GRAPHICS, 99.0) == ("", [GRAPHICS])


def test_the_parser_makes_messages_of_answers_and_keys_of_the_rest() -> None:
    ears = ReplyListener()
    parser = ReplyParser(ears)
    assert [type(one) for one in parser.feed("a")] == [Key]
    ears.expect_answers()
    told = list(parser.feed(f"b{KITTY[0]}c{KITTY[1]}{DONE}\x1b[A"))
    assert [one.key for one in told if isinstance(one, Key)] == ["b", "c", "up"]
    assert [one.text for one in told if isinstance(one, TerminalAnswer)] == [*KITTY[:2], DONE]


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("kitty(0.35.2)", True), ("kitty(0.28.0)", True), ("kitty(0.27.1)", False), ("kitty(1.0.0)", True),
        ("ghostty 1.0.1", True), ("WezTerm 20240203", False), ("Konsole 24.08", False), ("tmux 3.4", False),
    ],
)  # fmt: skip
def test_only_terminals_known_to_draw_placeholders_are_given_pictures(name: str, shows: bool) -> None:
    assert shows_pictures([GRAPHICS, NAMED.format(name), DONE]) is shows
    assert not shows_pictures([NAMED.format(name), DONE])
    assert not shows_pictures([GRAPHICS, DONE])
    assert not shows_pictures(["\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\", NAMED.format(name), DONE])


@given(st.binary(max_size=20_000), st.integers(1, MOST_CELLS), st.integers(1, MOST_CELLS))
def test_a_picture_goes_in_pieces_and_comes_whole(png: bytes, columns: int, rows: int) -> None:
    sequences = list(transmit(77, png + b"!", columns, rows))
    gallery = Gallery()
    assert gallery.read("".join(sequences)) == ""
    assert (gallery.pictures, gallery.places) == ({77: png + b"!"}, {77: (columns, rows)})
    assert all(len(found[2]) <= CHUNK for found in map(SEQUENCE.fullmatch, sequences) if found)


def test_placeholders_say_which_cell_and_whose() -> None:
    assert (len(marks()), len(set(marks())), marks()[:3]) == (
        MOST_CELLS,
        MOST_CELLS,
        ("\u0305", "\u030d", "\u030e"),
    )
    assert marks()[-1] == "\U0001d244"
    assert placeholder(0, 2) == "\U0010eeee\u0305\u030e"
    assert color_of(0x0A0B0C) == "38;2;10;11;12"
    # Nobody else may write one.
    assert PLACEHOLDER not in clean(placeholder(0, 2) + "x")


def test_tmux_passes_a_sequence_on_in_one_of_its_own() -> None:
    wrapped = through_tmux("\x1b_Gq=2,m=0;QQ==\x1b\\")
    assert wrapped == "\x1bPtmux;\x1b\x1b_Gq=2,m=0;QQ==\x1b\x1b\\\x1b\\"
    assert b64decode("QQ==") == b"A"
