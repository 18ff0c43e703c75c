"""What is typed, read by the loop: torn, ambiguous, broken, and from a terminal that went."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NoReturn

import pytest
from textual.events import Key, Paste
from textual.message import Message

from handinger_tui.ui.terminal.input_reader import InputReader
from handinger_tui.ui.terminal.terminal_replies import ReplyListener, ReplyParser

pytestmark = pytest.mark.timeout(30)
MOOD: ContextVar[str] = ContextVar("MOOD", default="none")


class Ear:
    """A listener on a pipe, and what it told."""

    def __init__(self) -> None:
        self.heard = asyncio.Queue[Message]()
        self.ended = asyncio.Queue[Exception | None]()
        self.inside, self.outside = os.pipe()
        self.listener = InputReader(
            self.inside,
            ReplyParser(ReplyListener()),
            self.take,
            lambda: self.ended.put_nowait(None),
            self.ended.put_nowait,
        )

    def take(self, message: Message) -> None:
        self.heard.put_nowait(message)

    def type(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.outside, data) :]

    async def keys(self, count: int) -> list[str]:
        told = [await self.heard.get() for _ in range(count)]
        return [one.key for one in told if isinstance(one, Key)]

    def hang_up(self) -> None:
        os.close(self.outside)
        self.outside = -1


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Closed afterwards."""
    one = Ear()
    yield one
    one.listener.stop()
    os.close(one.inside)
    if one.outside >= 0:
        one.hang_up()


async def test_signs_and_sequences_may_be_torn_anywhere(ear: Ear) -> None:
    ear.listener.start(asyncio.get_running_loop())
    for byte in "aü東\x1b[A\r".encode():
        ear.type(bytes([byte]))
    assert await ear.keys(5) == ["a", "ü", "東", "up", "enter"]


async def test_escape_alone_is_a_key_once_nothing_follows(ear: Ear) -> None:
    ear.listener.start(asyncio.get_running_loop())
    ear.type(b"\x1b")
    assert await ear.keys(1) == ["escape"]
    ear.type(b"b")
    assert await ear.keys(1) == ["b"]


async def test_a_paste_is_one_event_however_long(ear: Ear) -> None:
    ear.listener.start(asyncio.get_running_loop())
    text = "many words " * 5_000
    whole = f"\x1b[200~{text}\x1b[201~".encode()
    # More than a pipe holds.
    typing = asyncio.create_task(asyncio.to_thread(ear.type, whole))
    told = await ear.heard.get()
    await typing
    assert isinstance(told, Paste)
    assert told.text == text


async def test_bytes_that_are_no_text_do_not_end_anything(ear: Ear) -> None:
    ear.listener.start(asyncio.get_running_loop())
    ear.type(b"\xff\xfea")
    assert (await ear.keys(3))[-1] == "a"


async def test_the_end_is_told_once_and_nothing_is_read_behind_it(ear: Ear) -> None:
    ear.listener.start(asyncio.get_running_loop())
    ear.type(b"a")
    ear.hang_up()
    assert await ear.keys(1) == ["a"]
    assert await ear.ended.get() is None
    await asyncio.sleep(0)
    assert ear.ended.empty()


async def test_a_fault_is_handed_on_and_ends_the_listening(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_data: str) -> NoReturn:
        raise ValueError("no key")

    monkeypatch.setattr(ear.listener._parser, "feed", fail)
    ear.listener.start(asyncio.get_running_loop())
    ear.type(b"a")
    assert isinstance(await ear.ended.get(), ValueError)
    ear.type(b"b")
    await asyncio.sleep(0)
    assert os.read(ear.inside, 9) == b"b"


async def test_messages_do_not_depend_on_who_was_at_work_when_listening_began(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    moods = asyncio.Queue[str]()
    monkeypatch.setattr(ear.heard, "put_nowait", lambda _message: moods.put_nowait(MOOD.get()))
    MOOD.set("busy")
    ear.listener.start(asyncio.get_running_loop())
    ear.type(b"a")
    assert await moods.get() == "none"
