"""Keys as bytes: through the real parser, split at every position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual.events import Key, MouseDown, MouseMove, Paste, Resize
from textual.message import Message
from textual.messages import TerminalSupportsSynchronizedOutput

from handinger_tui.ui.terminal import input as terminal_input
from handinger_tui.ui.terminal.input import (
    BURST_CHARACTERS,
    BURST_S,
    META,
    PASTE_ENDS,
    REPEAT_S,
    TWICE_S,
    InputParser,
    TerminalBackground,
)
from tests.ui.fakes import typed_only

NEWLINE = ("\x1b\r", "\x1b\n", "\x1b[13;2u", "\x1b[13;3u", "\x1b[13;3;13u", "\x1b[13;4u", "\x1b[13;3:1u",
           "\x1b[13;2:2u", "\x1b[13;131u", "\x1b[27;2;13~", "\x1b[27;3;13~", "\x1b[57414;2u", "\x1b[57414;3u",
           "\x1bOM")  # fmt: skip
"""Alt or Shift with Enter: as most terminals, tmux, kitty, xterm with modifyOtherKeys and Konsole send it."""
KEYS = {
    "\x1bd": ["alt+d"],
    "\x1bz": ["alt+z"],
    "\x1bb": ["ctrl+left"],
    "\x1bf": ["ctrl+right"],
    "\x1b\x7f": ["alt+backspace"],
    "\x1b[100;3u": ["alt+d"],
    "\x1b[100;3;100u": ["alt+d"],
    "\x1b[27;3;100~": ["alt+d"],
    "\x1bx": ["escape", "x"],
    "\x1bD": ["escape", "D"],
    "\x1b1": ["escape", "1"],
    "\x1bü": ["escape", "ü"],
    "\x1b\t": ["escape", "tab"],
    "\x1b\x03": ["escape", "ctrl+c"],
    "\x1bhello": ["escape", *"hello"],
    "\x1bOMG": ["shift+enter", "G"],
    "\x1bOpen": ["escape", *"Open"],
    "\x1b\x1b\r": ["escape", "alt+enter"],
    "\x1b\x1b[A": ["escape", "up"],
    "\x1b\x1bx": ["escape", "escape", "x"],
    "\x1b[1;3D": ["alt+left"],
    "\x1b[A": ["up"],
    "\x1bOA": ["up"],
    "\x1b[[A": ["f1"],
    "\x1b[3~": ["delete"],
    "\x1b[13u": ["enter"],
    "\x1b[13;1:3u": [],
    "\x1b[97;;97u": ["a"],
    "\x1b[97:65;2;65u": ["A"],
    "\x1b[27;2;65~": ["A"],
    "\x1b[100;3;8706u": ["partial_differential"],
    # Unrequested reports, and text that only resembles one.
    "\x1b[?62;22c": [],
    "\x1b[99999999u": [],
    "\x1b[1114112;3u": [],
    "\x1b[8;24;80t": [],
    "\x1b[M !!": [],
    "\x1b[1]x": ["escape", "left_square_bracket", "1", "right_square_bracket", "x"],
}


def read(pieces: Iterable[str]) -> Iterator[Message]:
    """The messages of the parser for these reads, followed by no more input; pastes are marked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal_input, "monotonic", lambda: 100.0)
        parser = typed_only()
        messages = [message for piece in pieces for message in parser.feed(piece)]
    assert not parser.is_waiting
    return iter(messages)


def keys_in(messages: Iterable[Message]) -> list[str]:
    others = (one for one in messages if not isinstance(one, TerminalBackground))
    return [one.key if isinstance(one, Key) else repr(one) for one in others]


def cut(data: str, places: Iterable[int]) -> list[str]:
    at = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(at)]


@pytest.mark.parametrize("data", NEWLINE)
def test_enter_with_alt_or_shift_is_a_line_break_for_any_split(data: str) -> None:
    for at in range(1, len(data) + 1):
        (key,) = keys_in(read([data[:at], data[at:]] if at < len(data) else [data]))
        assert key in ("alt+enter", "shift+enter", "alt+shift+enter")


@pytest.mark.parametrize(("data", "keys"), KEYS.items())
def test_nothing_behind_an_escape_is_lost_or_mistaken(data: str, keys: list[str]) -> None:
    assert keys_in(read([data])) == keys
    for at in range(1, len(data)):
        assert keys_in(read([data[:at], data[at:]])) == keys


@given(st.lists(st.sampled_from([*NEWLINE, *KEYS, *"ab \r"]), max_size=8), st.lists(st.integers(0, 99)))
def test_input_is_the_same_for_every_split(pieces: list[str], places: list[int]) -> None:
    data = "".join(pieces)
    assert keys_in(read(cut(data, places))) == keys_in(read([data] if data else []))


@given(st.characters(exclude_characters="[O]P_\x1b\x00"))
def test_a_letter_behind_an_escape_is_typed_or_a_key_with_alt(letter: str) -> None:
    messages = [one for one in read(["\x1b" + letter]) if isinstance(one, Key)]
    typed = "".join(one.character or "" for one in messages if one.is_printable)
    if letter in META:
        assert (len(messages), typed) == (1, "")
    else:
        assert messages[0].key == "escape"
        assert typed == (letter if letter.isprintable() else "")
    assert not any(one.key == "enter" for one in messages)


PASTED = st.text(st.sampled_from("ab\r\x1b[31m;~20"), max_size=60).filter(lambda text: PASTE_ENDS not in text)


@given(PASTED, st.lists(st.integers(0, 99)))
def test_nothing_of_a_paste_is_ever_a_key(text: str, places: list[int]) -> None:
    messages = list(read(cut(f"a\x1b[200~{text}\x1b[201~b", places)))
    assert keys_in([messages[0], messages[-1]]) == ["a", "b"]
    (paste,) = messages[1:-1]
    assert isinstance(paste, Paste)
    assert paste.text == text


REPLIES = (
    "\x1b]11;rgb:1111/2222/3333\x1b\\", "\x1b]10;rgb:dddd/dddd/dddd\x07", "\x1b]4;7;rgb:1/2/3\x9c",
    "\x1b]52;c;QUJD\x1b\\", "\x1bP>|kitty(0.35.2)\x1b\\", "\x1bP1+r544e=787465\x1b\\", "\x1bP1$r0m\x1b\\",
    "\x1b_Gi=31;OK\x1b\\", "\x1b[?62;22c", "\x1b[>41;300;0c", "\x1b[8;24;80t",
)  # fmt: skip


@pytest.mark.parametrize(
    ("color", "is_light"),
    [
        ("rgb:0000/0000/0000", False),
        ("rgb:10/14/1a", False),
        ("rgb:ffff/ffff/ffff", True),
        ("rgb:f/f/d", True),
        ("rgba:fafa/f0f0/e6e6/ffff", True),
    ],
)
def test_the_background_color_of_the_terminal_is_read(color: str, is_light: bool) -> None:
    for end in ("\x1b\\", "\x07"):
        (message,) = read([f"\x1b]11;{color}{end}"])
        assert isinstance(message, TerminalBackground)
        assert message.is_light is is_light
    for other in ("\x1b]10;rgb:ff/ff/ff\x07", "\x1b]11;#ffffff\x07", "\x1b]11;rgb:ff/ff\x07"):
        assert list(read([other])) == []


@pytest.mark.parametrize("reply", REPLIES)
def test_a_late_reply_of_the_terminal_is_never_typed_for_any_split(reply: str) -> None:
    for at in range(1, len(reply)):
        assert keys_in(read(["a" + reply[:at], reply[at:] + "b"])) == ["a", "b"]


@given(st.lists(st.sampled_from([*REPLIES, *KEYS, *"ab \r"]), max_size=6), st.lists(st.integers(0, 99)))
def test_replies_between_keys_are_removed_for_any_split(pieces: list[str], places: list[int]) -> None:
    typed = "".join(piece for piece in pieces if piece not in REPLIES)
    assert keys_in(read(cut("".join(pieces), places))) == keys_in(read([typed]))


def test_reports_are_understood_as_before() -> None:
    data = "\x1b[<0;5;6M\x1b[?2026;2$y\x1b[48;40;120;800;1200t"
    kinds = [MouseDown, TerminalSupportsSynchronizedOutput, Resize]
    for at in range(1, len(data)):
        assert [type(one) for one in read([data[:at], data[at:]])] == kinds


def test_what_may_be_a_key_is_one_after_a_moment_and_half_a_report_is_never_typed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(terminal_input, "monotonic", lambda: now)
    parser = InputParser()
    for data, keys in (
        ("\x1b", ["escape"]),
        ("\x1b[", ["escape", "left_square_bracket"]),
        ("\x1bO", ["escape", "O"]),
        ("\x1b[<0;1", []),
        ("\x1b]", ["escape", "right_square_bracket"]),
        ("\x1bP", ["escape", "P"]),
        ("\x1b]11;rgb:11", []),
        ("\x1b_Gi=31;O", []),
    ):
        assert keys_in(parser.feed(data)) == []
        assert keys_in(parser.tick()) == []
        assert parser.is_waiting
        now += 6.0
        assert keys_in(parser.tick()) == keys
        assert not parser.is_waiting
        assert keys_in(parser.feed("x")) == ["x"]


NEGATIVE = ("\x1b[<35;-3;5M", "\x1b[<35;4;-1M", "\x1b[<35;0;0M", "\x1b[<3;-1;-1m", "\x1b[<35;1.5;2M")
"""Reports of a mouse that has left the window, as Ghostty and kitty send them."""


@pytest.mark.parametrize("report", NEGATIVE)
def test_a_mouse_report_split_anywhere_presses_no_key(report: str) -> None:
    for at in range(1, len(report)):
        assert keys_in(read(["a" + report[:at], report[at:] + "b"])) == ["a", "b"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The one number is the time."""
    now = [100.0]
    monkeypatch.setattr(terminal_input, "monotonic", lambda: now[0])
    return now


def test_an_escape_after_a_report_waits_for_the_remainder_of_the_next_one(clock: list[float]) -> None:
    parser = InputParser()
    assert len(list(parser.feed("\x1b[<35;5;6M\x1b"))) == 1
    clock[0] += 0.9
    assert list(parser.tick()) == []
    assert [type(one) for one in parser.feed("[<35;5;7M")] == [MouseMove]
    # Without a remainder it was a key after all, and a single one becomes a key after a delay.
    assert keys_in(parser.feed("\x1b[<35;5;8M\x1b"))
    clock[0] += 1.1
    assert keys_in(parser.tick()) == ["escape"]
    assert keys_in(parser.feed("\x1b")) == []
    clock[0] += 0.2
    assert keys_in(parser.tick()) == ["escape"]


@pytest.mark.parametrize("interrupt", ["\x03", "\x1b[99;5u"])
def test_ctrl_c_ends_a_paste_whose_end_was_lost(interrupt: str, clock: list[float]) -> None:
    parser = InputParser()
    assert list(parser.feed("\x1b[200~one\rtwo\x1b[20")) == []
    # In one piece with the paste, it is a part of it.
    assert list(parser.feed(interrupt)) == []
    clock[0] += 1.0
    assert list(parser.feed("three")) == []
    clock[0] += 1.0
    (paste,) = parser.feed(interrupt)
    assert isinstance(paste, Paste)
    assert paste.text == f"one\rtwo\x1b[20{interrupt}three"
    assert keys_in(parser.feed(interrupt)) == ["ctrl+c"]


@pytest.mark.parametrize("late", ["[<35;20;5M", "[<0;1;1m", "[<35;-2;5M", "[I", "[O"])
def test_the_late_remainder_of_a_report_is_never_typed(late: str, clock: list[float]) -> None:
    parser = InputParser()
    assert keys_in(parser.feed("\x1b")) == []
    clock[0] += 0.2
    assert keys_in(parser.tick()) == ["escape"]
    clock[0] += 0.5
    assert keys_in(parser.feed(late)) == []
    # Only once, and only then: a person may type such a text.
    assert len(keys_in(parser.feed(late))) == len(late)


@pytest.mark.parametrize("end", ["<35;20;5M", "I", "O", "?1;2c"])
def test_a_report_cut_behind_its_bracket_is_one_also_when_the_line_is_slow(
    end: str, clock: list[float]
) -> None:
    parser = InputParser()
    assert keys_in(parser.feed("\x1b[")) == []
    clock[0] += 0.8
    assert keys_in(parser.tick()) == []
    assert [one.key for one in parser.feed(end + "a") if isinstance(one, Key)] == ["a"]


def test_typed_brackets_behind_an_escape_are_letters(clock: list[float]) -> None:
    parser = InputParser()
    parser_keys = [*keys_in(parser.feed("\x1b"))]
    clock[0] += 0.2
    parser_keys += keys_in(parser.tick())
    for letter in "[O]":
        parser_keys += keys_in(parser.feed(letter))
    assert parser_keys == ["escape", "left_square_bracket", "O", "right_square_bracket"]


# -- pastes that the terminal does not mark -------------------------------------------------------
class Unmarked:
    """Reads of a terminal that does not mark pastes, at times of its own."""

    def __init__(self, clock: list[float]) -> None:
        self._clock = clock
        self._clock[0] += 10.0
        self.parser = InputParser()
        self._clock[0] += 10.0
        self.messages: list[Message] = []

    def reads(self, *pieces: str, wait_s: float = 0.0) -> None:
        """These come one right after the other, and nothing for `wait_s` before each."""
        for piece in pieces:
            self.wait(wait_s)
            self.messages += self.parser.feed(piece)

    def wait(self, seconds: float) -> None:
        self._clock[0] += seconds
        self.messages += self.parser.tick()

    @property
    def seen(self) -> list[str]:
        """The keys, and the text of each paste in brackets."""
        return [
            f"[{one.text}]" if isinstance(one, Paste) else one.key
            for one in self.messages
            if isinstance(one, Key | Paste)
        ]


BROKEN = st.text(st.sampled_from("ab \t\r\n\x0cé"), min_size=1, max_size=20).map("x".__add__)
"""Text that begins with a letter."""
GAPS = st.lists(st.floats(0, 0.9 * BURST_S), min_size=1, max_size=9)


@given(BROKEN, st.just(range(99)) | st.lists(st.integers(0, 99), max_size=8), GAPS)
@example("x\ry", [1, 2], [0.9 * BURST_S])
@example("x\ty", [1, 2], [0.9 * BURST_S])
@example("x\r\r\ny", range(99), [0.9 * BURST_S])
@example("x\r\ny\r", [2], [0.9 * BURST_S])
def test_no_split_of_an_unmarked_paste_makes_an_enter_or_tab_with_text_behind_it(
    text: str, places: Iterable[int], gaps: list[float]
) -> None:
    now = [100.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal_input, "monotonic", lambda: now[0])
        terminal = Unmarked(now)
        for number, piece in enumerate(cut(text, places)):
            terminal.reads(piece, wait_s=gaps[number % len(gaps)])
        terminal.wait(1.0)
        assert not terminal.parser.is_waiting
    typed = [
        one.text if isinstance(one, Paste) else one.character or ""
        for one in terminal.messages
        if isinstance(one, Key | Paste)
    ]
    # Nothing is lost, and nothing comes in another order; of Enters at the end, repeats are dropped.
    assert "".join(typed).rstrip("\r\n\t") == text.rstrip("\r\n\t")
    for at, one in enumerate(terminal.messages):
        if isinstance(one, Key) and one.key in ("enter", "tab"):
            assert not "".join(typed[at:]).strip("\r\n\t")


def test_an_unmarked_paste_is_one_with_its_last_line_break(clock: list[float]) -> None:
    terminal = Unmarked(clock)
    terminal.reads("one\rtwo", "\r", "three", "\r", wait_s=BURST_S)
    assert terminal.seen == []
    terminal.wait(BURST_S * 1.1)
    assert terminal.seen == ["[one\rtwo\rthree\r]"]
    # The next Enter is one that is typed.
    terminal.reads("\r")
    assert terminal.seen[1:] == ["enter"]


def test_an_enter_behind_text_waits_for_what_may_follow_and_one_alone_does_not(clock: list[float]) -> None:
    terminal = Unmarked(clock)
    terminal.reads("ok\r")
    assert terminal.seen == []
    terminal.wait(BURST_S * 1.1)
    assert terminal.seen == ["o", "k", "enter"]
    terminal.reads("x", "\r", wait_s=BURST_S * 1.1)
    assert terminal.seen[3:] == ["x", "enter"]
    assert not terminal.parser.is_waiting


def test_a_tab_behind_text_waits_as_well_and_tabs_alone_are_keys(clock: list[float]) -> None:
    terminal = Unmarked(clock)
    terminal.reads("/exp\t")
    assert terminal.seen == []
    terminal.wait(BURST_S * 1.1)
    assert terminal.seen == [*("slash", *"exp"), "tab"]
    terminal.reads("\t", "\t\t", wait_s=0.01)
    assert terminal.seen[5:] == ["tab"] * 3
    terminal.reads("name\tvalue")
    terminal.wait(BURST_S * 1.1)
    assert terminal.seen[8:] == ["[name\tvalue]"]


def test_reports_do_not_end_a_burst_and_a_key_behind_its_line_break_does(clock: list[float]) -> None:
    terminal = Unmarked(clock)
    terminal.reads("one\r", "\x1b[<35;5;6M\x1b[I", "two\r", wait_s=BURST_S * 0.4)
    # The report of the mouse does not wait.
    assert isinstance(terminal.messages[0], MouseMove)
    terminal.wait(1.0)
    assert terminal.seen == ["[one\rtwo\r]"]
    terminal.reads("three\r\x1b[A", "four\r\x1b[200~five\x1b[201~")
    assert terminal.seen[1:] == ["[three\r]", "up", "[four\r]", "[five]"]


def test_a_lone_escape_behind_the_line_break_of_a_burst_comes_behind_it(clock: list[float]) -> None:
    terminal = Unmarked(clock)
    terminal.reads("one\r\x1b")
    terminal.wait(BURST_S * 1.1)
    assert terminal.seen == []
    terminal.wait(1.0)
    assert terminal.seen == ["[one\r]", "escape"]


def test_what_the_early_prompt_has_read_may_be_the_beginning_of_a_paste(clock: list[float]) -> None:
    parser = InputParser()
    clock[0] += BURST_S * 0.9
    assert [*parser.feed("\r"), *parser.feed("two\r")] == []
    clock[0] += 1.0
    (paste,) = parser.tick()
    assert isinstance(paste, Paste)
    assert paste.text == "\rtwo\r"


def test_a_huge_unmarked_paste_is_passed_on_in_parts(clock: list[float]) -> None:
    terminal = Unmarked(clock)
    for _ in range(600):
        terminal.reads("a line\r" * 585)
    terminal.wait(1.0)
    assert [type(one) for one in terminal.messages] == [Paste] * 3
    assert all(
        isinstance(one, Paste) and len(one.text) < BURST_CHARACTERS + 4096 for one in terminal.messages
    )


@pytest.mark.parametrize("shows", ["\x1b[?2004;1$y", "\x1b[?2004;2$y", "\x1b[200~pasted\x1b[201~"])
def test_where_pastes_are_marked_all_other_text_is_typed(shows: str, clock: list[float]) -> None:
    terminal = Unmarked(clock)
    terminal.reads(shows)
    terminal.messages.clear()
    terminal.reads("a\rb\r")
    assert terminal.seen == ["a", "enter", "b", "enter"]


@pytest.mark.parametrize("shows", ["\x1b[?2004;0$y", "\x1b[?2004;4$y", "\x1b[?2026;1$y"])
def test_a_terminal_that_does_not_know_the_mode_marks_no_pastes(shows: str, clock: list[float]) -> None:
    terminal = Unmarked(clock)
    terminal.reads(shows)
    terminal.messages.clear()
    terminal.reads("a\rb\r")
    terminal.wait(1.0)
    assert terminal.seen == ["[a\rb\r]"]


# -- an Enter that is held down ---------------------------------------------------------------------
ENTERS = ("\r", "\x1b[13u", "\x1b[13;1u", "\x1b[57414u", "\x1b[27;1;13~")


@pytest.mark.parametrize("enter", ENTERS)
@pytest.mark.parametrize(
    ("first_s", "next_s"), [(0.25, 0.033), (0.5, 0.033), (0.66, 0.04), (1.0, 0.09), (0.4, 0.09)]
)
def test_an_enter_that_is_held_down_is_one(
    enter: str, first_s: float, next_s: float, clock: list[float]
) -> None:
    terminal = Unmarked(clock)
    terminal.reads(enter)
    assert terminal.seen == ["enter"]
    terminal.reads(enter, wait_s=first_s)
    for _ in range(30):
        terminal.reads("\x1b[<35;5;6M", wait_s=next_s / 3)
        terminal.wait(next_s / 3)
        terminal.reads(enter, wait_s=next_s / 3)
    terminal.wait(2.0)
    assert terminal.seen == ["enter"]
    # One that is pressed later is another one.
    terminal.reads(enter)
    assert terminal.seen == ["enter"] * 2


@pytest.mark.parametrize("seconds", [0.0, 0.04, 0.1, 0.2, TWICE_S])
def test_an_enter_pressed_twice_by_mistake_is_one(seconds: float, clock: list[float]) -> None:
    terminal = Unmarked(clock)
    terminal.reads("\r", "\r", wait_s=seconds)
    terminal.wait(2.0)
    assert terminal.seen == ["enter"]
    # With another key between them they are two.
    terminal.reads("\r", "x", "\r", wait_s=max(seconds, BURST_S * 1.1))
    assert terminal.seen == ["enter"] * 2 + ["x", "enter"]


def test_enters_pressed_again_and_again_are_not_all_dropped(clock: list[float]) -> None:
    terminal = Unmarked(clock)
    terminal.reads(*"\r" * 9, wait_s=0.25)
    terminal.wait(2.0)
    assert terminal.seen == ["enter"] * 5


def test_an_enter_that_is_pressed_a_second_time_comes_a_moment_later(clock: list[float]) -> None:
    terminal = Unmarked(clock)
    terminal.reads("\r", "\r", wait_s=TWICE_S * 1.1)
    assert terminal.seen == ["enter"]
    assert terminal.parser.is_waiting
    terminal.wait(REPEAT_S * 1.1)
    assert terminal.seen == ["enter"] * 2
    # What comes behind it comes behind it.
    terminal.reads("\r", "x", wait_s=TWICE_S * 1.1)
    terminal.reads("\r", "\x1b[200~y\x1b[201~", wait_s=TWICE_S * 1.1)
    assert terminal.seen[2:] == ["enter", "x", "enter", "[y]"]
    assert not terminal.parser.is_waiting


@pytest.mark.parametrize("repeat", ["\x1b[13;1:2u", "\x1b[13;129:2u", "\x1b[57414;1:2u", "\x1b[13;1:3u"])
def test_an_enter_that_the_terminal_calls_repeated_or_released_is_none(
    repeat: str, clock: list[float]
) -> None:
    terminal = Unmarked(clock)
    terminal.reads("\x1b[13;1:1u", repeat, wait_s=0.5)
    terminal.wait(1.0)
    assert terminal.seen == ["enter"]
