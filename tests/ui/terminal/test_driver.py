"""The driver on Unix: early and current keys, slow output, and a closed terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key, MouseMove
from textual.message import Message

from handinger_tui.ui.app import HandingerApp
from handinger_tui.ui.terminal.driver import (
    EXIT_HANGUP,
    NAME_QUERY,
    PAINT_END,
    PAINT_START,
    StopSignals,
    TerminalDriver,
    TerminalFile,
    driver_for,
    for_screen,
)
from handinger_tui.ui.terminal.input import PASTE_QUERY
from tests.ui.fakes import launch


@dataclass
class Wire:
    """Both ends of a pseudo-terminal in raw mode."""

    ours: int
    theirs: int
    open: bool = True

    def hang_up(self) -> None:
        """Act like a window that is closed."""
        os.close(self.ours)
        self.open = False


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Closed afterwards."""
    ends = Wire(*pty.openpty())
    tty.setraw(ends.theirs)
    yield ends
    os.close(ends.theirs)
    if ends.open:
        ends.hang_up()


class Reader(TerminalDriver):
    """Reads from a wire, with earlier input, and records the messages."""

    def __init__(self, app: HandingerApp, wire: Wire, early: bytes = b"") -> None:
        super().__init__(app, mouse=False)
        self.fileno = wire.theirs
        self.loop = asyncio.get_running_loop()
        self.messages = asyncio.Queue[Message]()
        self.early = early

    def early_input(self) -> list[bytes]:
        return [self.early]

    def process_message(self, message: Message) -> None:
        self.loop.call_soon_threadsafe(self.messages.put_nowait, message)

    async def typed(self, count: int) -> str:
        keys = [await self.messages.get() for _ in range(count)]
        return "".join(str(key.character) for key in keys if isinstance(key, Key))


class Ended(HandingerApp):
    """Records the requests from another thread."""

    def __init__(self) -> None:
        super().__init__(launch())
        self.loop = asyncio.get_running_loop()
        self.calls = asyncio.Queue[tuple[object, dict[str, object]]]()

    def call_later(self, callback: object, *args: object, **kwargs: object) -> bool:
        self.loop.call_soon_threadsafe(self.calls.put_nowait, (callback, kwargs))
        return True


@contextmanager
def reading(driver: TerminalDriver) -> Iterator[threading.Thread]:
    """Start and end the thread like Textual."""
    thread = threading.Thread(target=driver.run_input_thread)
    thread.start()
    try:
        yield thread
    finally:
        driver.exit_event.set()
        thread.join()


async def test_a_terminal_that_goes_without_a_signal_ends_the_app(wire: Wire) -> None:
    app = Ended()
    with reading(Reader(app, wire)) as thread:
        wire.hang_up()
        callback, options = await app.calls.get()
        assert (callback, options) == (app.exit, {"return_code": EXIT_HANGUP})
        await asyncio.to_thread(thread.join)


async def test_early_input_comes_first_and_a_split_letter_is_one(wire: Wire) -> None:
    driver = Reader(Ended(), wire, b"vorher f\xc3")
    os.write(wire.ours, b"\xbcr sp\xc3\xa4ter")
    with reading(driver):
        assert await driver.typed(len("vorher für später")) == "vorher für später"
    # The new owner of the terminal is its only reader.
    os.write(wire.ours, b"x")
    assert await asyncio.to_thread(os.read, wire.theirs, 9) == b"x"
    assert driver.messages.empty()


async def test_escape_alone_is_a_key_once_nothing_follows_and_broken_text_ends_nothing(wire: Wire) -> None:
    driver = Reader(Ended(), wire)
    with reading(driver):
        os.write(wire.ours, b"\x1b")
        message = await driver.messages.get()
        assert isinstance(message, Key)
        assert message.key == "escape"
        os.write(wire.ours, b"\xff\xfea")
        assert (await driver.typed(3))[-1] == "a"


async def test_a_fault_in_the_thread_is_raised_in_the_app(wire: Wire) -> None:
    class Broken(Reader):
        def process_message(self, message: Message) -> None:
            raise ValueError("no key")

    app = Ended()
    with reading(Broken(app, wire)):
        os.write(wire.ours, b"a")
        callback, _options = await app.calls.get()
        assert callable(callback)
        with pytest.raises(ValueError, match="no key"):
            callback(ValueError("no key"))


class Written(Reader):
    """A reader that writes to the wire as well."""

    def write(self, data: str) -> None:
        os.write(self.fileno, data.encode())

    def flush(self) -> None:
        """Everything is written."""

    def process_message(self, message: Message) -> None:
        TerminalDriver.process_message(self, message)

    def send_message(self, message: Message) -> None:
        self.loop.call_soon_threadsafe(self.messages.put_nowait, message)


def move_on(wire: Wire, queries: list[bytes]) -> None:
    """A mouse that moves until the terminal reads the output."""
    while NAME_QUERY.encode() not in b"".join(queries):
        queries.append(os.read(wire.ours, 4096))
    for at in range(3):
        os.write(wire.ours, b"\x1b[<35;%d;1M" % (at + 1))
    os.write(wire.ours, b"\x1b[?62;22c")


async def test_late_mouse_reports_do_not_reach_the_shell(wire: Wire) -> None:
    driver = Written(Ended(), wire)
    with reading(driver):
        os.write(wire.ours, b"\x1b[<35;5;5M")
        assert isinstance(await driver.messages.get(), MouseMove)
    queries: list[bytes] = []
    mouse = threading.Thread(target=move_on, args=(wire, queries))
    mouse.start()
    driver.disable_input()
    mouse.join()
    assert not select.select([wire.theirs], [], [], 0)[0]
    # Once is enough, and without a mouse there is no query.
    driver.disable_input()
    assert not select.select([wire.ours], [], [], 0)[0]


@pytest.mark.parametrize("running", [True, False])
async def test_an_ended_app_does_not_take_the_terminal_back(
    monkeypatch: pytest.MonkeyPatch, running: bool
) -> None:
    """An editor may end after the app: a thread that reads keys would then keep the process alive forever."""
    started: list[bool] = []
    monkeypatch.setattr(LinuxDriver, "start_application_mode", lambda _driver: started.append(True))
    monkeypatch.setattr(HandingerApp, "is_running", running)
    monkeypatch.setattr(TerminalDriver, "write", lambda _driver, _data: None)
    TerminalDriver(HandingerApp(launch())).resume_application_mode()
    assert started == [True] * running


async def test_the_screen_is_on_stdout_where_the_errors_go_into_a_file(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with file_on(wire) as file, (tmp_path / "errors.txt").open("w") as errors:
        monkeypatch.setattr(sys, "__stderr__", errors)
        monkeypatch.setattr(sys, "__stdout__", file)
        TerminalDriver(HandingerApp(launch())).write("seen")
        assert read(wire, 4) == b"seen"


class Early:
    """An early prompt in which something was typed."""

    attributes: list[object] = []  # noqa: RUF012 - as a terminal would give them
    lines: list[str] = ["before"]  # noqa: RUF012 - see there

    def finish(self) -> tuple[str, list[bytes]]:
        return "Hel", [b"l\x1b[D", b"o"]

    def note(self, data: bytes) -> None:
        pass


async def test_text_and_keys_of_the_early_prompt_are_received_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    monkeypatch.setattr(LinuxDriver, "write", lambda _driver, data: written.append(data))
    monkeypatch.setattr(LinuxDriver, "start_application_mode", lambda driver: driver.write("\x1b[?1049h"))
    monkeypatch.setenv("TMUX", "asks nothing")
    texts: list[tuple[str, list[str]]] = []
    driver = driver_for(Early(), lambda *text: texts.append(text))(HandingerApp(launch()))
    driver.start_application_mode()
    expected = [("Hel", ["before"])]
    assert (texts, driver.early_input(), driver.early_input()) == (expected, [b"l\x1b[D", b"o"], [])
    # A terminal may clear its alternate screen when it is entered again.
    assert written == []
    driver.start_application_mode()
    assert (texts, written) == (expected, ["\x1b[?1049h"])


@pytest.mark.parametrize(
    ("name", "value", "queries"),
    [
        ("TERM", "xterm-256color", [PASTE_QUERY]),
        ("TERM", "linux", []),
        ("TERM_PROGRAM", "Apple_Terminal", []),
        ("TMUX", "/tmp/tmux", []),
        ("STY", "1.pts-0", []),
    ],
)
async def test_a_terminal_is_asked_whether_it_marks_pastes_unless_another_would_answer_or_show_it(
    name: str, value: str, queries: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(LinuxDriver, "start_application_mode", lambda _driver: None)
    monkeypatch.setattr(LinuxDriver, "write", lambda _driver, data: written.append(data))
    for other in ("TERM", "TERM_PROGRAM", "TMUX", "STY", "ZELLIJ"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    driver = TerminalDriver(HandingerApp(launch()))
    monkeypatch.setattr(driver, "_file", None)
    driver.start_application_mode()
    assert written == queries


def test_the_app_uses_its_own_driver_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert HandingerApp(launch()).driver_class is TerminalDriver
    monkeypatch.setattr("textual.constants.DRIVER", "textual.drivers.web_driver:WebDriver")
    assert not issubclass(HandingerApp(launch()).driver_class, LinuxDriver)


# -- output --------------------------------------------------------------------------------------
def file_on(wire: Wire, encoding: str = "utf-8") -> TextIO:
    return os.fdopen(os.dup(wire.theirs), "w", encoding=encoding, errors="backslashreplace")


def write(output: TerminalFile, *texts: str) -> None:
    """Acts like Textual's writer thread."""
    for text in texts:
        output.write(text)
    output.flush()


def read(wire: Wire, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(wire.ours, size - len(data))
    return data


@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_terminal_gets_everything_in_order(wire: Wire, blocking: bool) -> None:
    with file_on(wire) as file:
        # Another process that shares the description may have made it non-blocking.
        os.set_blocking(file.fileno(), blocking)
        output = TerminalFile(file)
        text = "".join(f"{number} é " for number in range(40_000))
        thread = threading.Thread(target=write, args=(output, text, "end"))
        thread.start()
        assert read(wire, len(f"{text}end".encode())) == f"{text}end".encode()
        thread.join()
        os.set_blocking(file.fileno(), True)


class WriterThread:
    """Replaces Textual's writer thread; writes when `run` is called."""

    def __init__(self, output: TerminalFile) -> None:
        self.output = output
        self.texts: list[str] = []

    def run(self) -> None:
        write(self.output, *self.texts)
        self.texts.clear()


def test_a_ready_terminal_is_written_to_immediately_and_in_order(wire: Wire) -> None:
    with file_on(wire) as file:
        output = TerminalFile(file)
        thread = WriterThread(output)
        assert output.write_now("é") is None
        assert read(wire, 2) == "é".encode()
        # More than the terminal accepts: the remainder and all later output are written by the thread.
        long = "é東" * 100_000
        expected = f"{long}after".encode()
        remainder = output.write_now(long)
        assert remainder is not None
        thread.texts = [remainder, output.write_now("after") or ""]
        running = threading.Thread(target=thread.run)
        running.start()
        assert read(wire, len(expected)) == expected
        running.join()
        assert output.write_now("now") is None
        assert read(wire, 3) == b"now"


async def test_a_paint_is_written_in_one_piece(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Reader(Ended(), wire)
    written: list[str] = []
    monkeypatch.setattr(LinuxDriver, "write", lambda _driver, data: written.append(data))
    for text in ("title", PAINT_START, "paint", PAINT_END, "bell"):
        driver.write(text)
    assert written == ["title", f"{PAINT_START}paint{PAINT_END}", "bell"]


def test_a_character_that_the_encoding_lacks_is_one_sign(
    wire: Wire,
) -> None:
    with file_on(wire, "latin-1") as file:
        output = TerminalFile(file)
        output.write("é東")
        assert not select.select([wire.ours], [], [], 0)[0]
        output.flush()
        assert read(wire, 2) == b"\xe9?"


@pytest.mark.parametrize("is_full", [False, True], ids=["closed before", "closed while it blocks"])
def test_output_to_a_closed_terminal_is_dropped(wire: Wire, is_full: bool) -> None:
    with file_on(wire) as file:
        output = TerminalFile(file)
        thread = threading.Thread(target=write, args=(output, *["x" * 100_000] * 50))
        if is_full:
            thread.start()
            select.select([wire.ours], [], [])
        wire.hang_up()
        if not is_full:
            thread.start()
        thread.join(30)
        assert not thread.is_alive()


class Stops:
    """`StopSignals` with handlers that only record their calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.signals = StopSignals(
            lambda _number, _frame: self.calls.append("stop"),
            lambda _number, _frame: self.calls.append("resume"),
            lambda: self.calls.append("restart"),
        )


async def test_stop_signals_are_one_stop_which_waits_for_the_code_that_they_interrupt() -> None:
    stops = Stops()
    stops.signals.request_stop()
    stops.signals.request_stop()
    assert stops.calls == []
    await asyncio.sleep(0)
    stops.signals.request_stop()
    await asyncio.sleep(0)
    assert stops.calls == ["stop"]
    stops.signals.resume()
    stops.signals.request_stop()
    await asyncio.sleep(0)
    assert stops.calls == ["stop", "resume", "stop"]


async def test_a_stop_that_is_not_done_yet_is_withdrawn_by_sigcont() -> None:
    stops = Stops()
    stops.signals.request_stop()
    stops.signals.resume()
    await asyncio.sleep(0)
    assert stops.calls == []


async def test_sigcont_after_an_external_stop_restarts_the_terminal() -> None:
    stops = Stops()
    stops.signals.resume()
    await asyncio.sleep(0)
    assert stops.calls == ["restart"]


def test_gnu_screen_gets_a_copy_in_pieces_that_it_passes_on() -> None:
    copy = "\x1b]52;c;" + "QUJD" * 400 + "\a"
    wrapped = for_screen(copy)
    pieces = wrapped.removesuffix("\x1b\\").split("\x1b\\")
    assert max(map(len, pieces)) <= 256
    assert "".join(piece.removeprefix("\x1bP") for piece in pieces) == copy


async def test_a_copy_is_wrapped_inside_gnu_screen_only(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Reader(Ended(), wire)
    written: list[str] = []
    monkeypatch.setattr(LinuxDriver, "write", lambda _driver, data: written.append(data))
    for inside in ("", "1.pts-0.host"):
        monkeypatch.setenv("STY", inside)
        driver.write("\x1b]52;c;QUJD\a")
    assert written == ["\x1b]52;c;QUJD\a", "\x1bP\x1b]52;c;QUJD\a\x1b\\"]
