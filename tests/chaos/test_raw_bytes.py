"""Every hostile text in every place of a turn, in a real pseudo-terminal: the bytes that reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from handinger_tui.core.safety import ALWAYS_REMOVED
from tests.chaos.hostile import CONTROL
from tests.chaos.rawterm import PATIENCE_S, rawterm, sequences, words
from tests.chaos.steps import CLOSING, opening
from tests.e2e.runner import KEY
from tests.ui.hostile.texts import PLANTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.chaos.server import FaultServer

Event = dict[str, Any]
LENGTH: Final = 100
"""The length of each text: all of them have to fit on one large screen."""
ROWS: Final = 430
"""The rows of the terminal while the answer is shown: it fits, and a note below it."""
USUAL_ROWS: Final = 120
"""Those for all other screens, and for the harmless texts, which are fewer."""
HOSTILE: Final = [text[:LENGTH] for text in PLANTED]
HARMLESS: Final = [f"K{at:03} harmless words, twice: harmless words" for at in range(20)]

SCROLLING: Final = {"CSI r", "CSI C", "ESC M", "control 0A"}
"""Our own sequences as well: whether a frame scrolls or moves depends on when it was painted."""


def answer(texts: list[str]) -> dict[str, Any]:
    """One turn with every text in each of its places."""
    events = [*opening("m1a")[:2], *(event for at, text in enumerate(texts) for event in parts(at, text))]
    events.append(opening("m1a")[2])
    ending = {**CLOSING[-1], "finishReason": texts[0], "messageMetadata": {text: text for text in texts}}
    steps = [{"head": {}}, {"accept": {}}, *({"sse": event} for event in events)]
    steps += [{"deltas": [0, None]}, {"sse": CLOSING[0]}, {"sse": ending}, {"close": 1}]
    worker = {"title": texts[4], "summary": texts[5], "metadata": {text: text for text in texts}}
    return {
        "id": "bytes", "op": "continue", "deltas": [f"{text}\n\n" for text in texts] + ["THE END"],
        "files": [{"filename": text, "mediaType": text, "url": f"/{at}"} for at, text in enumerate(texts)],
        "sources": [{"id": text, "type": "url", "title": text, "url": "https://e/" + text} for text in texts],
        "server": {"continue": [steps], "get": [[{"worker": worker}]]},
    }  # fmt: skip


def parts(at: int, text: str) -> Iterator[Event]:
    """Everything but the answer."""
    yield {"type": "reasoning-start", "id": f"r{at}"}
    yield {"type": "reasoning-delta", "id": f"r{at}", "delta": text}
    yield {"type": "reasoning-end", "id": f"r{at}"}
    yield {"type": "tool-input-available", "toolCallId": f"a{at}", "toolName": text, "input": {text: [text]}}
    yield {"type": "tool-output-available", "toolCallId": f"a{at}", "output": {text: text}}
    yield {"type": "tool-input-available", "toolCallId": f"b{at}", "toolName": "t", "input": text}
    yield {"type": "tool-output-error", "toolCallId": f"b{at}", "errorText": text}
    yield {"type": "source-url", "sourceId": f"s{at}", "url": f"https://s{at}.test/{text}", "title": text}
    members = {"mediaType": text, "filename": text}
    yield {"type": "source-document", "sourceId": f"d{at}", "title": text, **members}
    yield {"type": "file", "url": f"https://f{at}.test/x", **members}
    yield {"type": "data-" + text, "id": f"x{at}", "data": {text: text}}


def walk(server: FaultServer, home: Path, texts: list[str], rows: int) -> bytes:
    """One turn whose every text is shown, then every screen that shows it; the program ends with exit code 0.

    Returns every byte.
    """
    world = server.begin(answer(texts))
    base_url = server.base_of(world)
    argv = ("-w", world.worker_id, texts[7].replace("\0", ""))
    # A turn of more than ten seconds rings the bell, and so would a text: only the text shall.
    home.mkdir()
    (home / "config.toml").write_text('notify = "off"\n')
    with rawterm(
        *argv, home=home, rows=rows, columns=130, HANDINGER_BASE_URL=base_url, HANDINGER_API_KEY=KEY
    ) as terminal:
        # As many rows are painted again for each part of the answer.
        terminal.shows("THE END", 2 * PATIENCE_S)
        terminal.shows("completed")
        terminal.press("")
        # The whole answer: other frames write only differences. A paint comes in pieces, in any order.
        terminal.repaint()
        for name in (*(f"K{at:03}" for at in range(len(texts))), "THE END"):
            terminal.shows(name)
        # Painting as many rows takes a second each time.
        terminal.resize(USUAL_ROWS)
        # Unfolded, only the end of the turn fits.
        last = f"K{len(texts) - 1:03}"
        for keys, text in (
            ("\x0f", last), ("\x14", "Receipt"), ("\x1b", last), ("\x1b[20~", "Spending"),
            ("s", "by session"),
            ("\x1b", last), ("\x13", "Sessions"), ("\x1b", last),
        ):  # fmt: skip
            terminal.reach(keys, text)
        terminal.drain()
        assert terminal.leave("\x04") == 0
    return bytes(terminal.output)


def test_only_our_own_sequences_reach_the_terminal(server: FaultServer, tmp_path: Path) -> None:
    usual = walk(server, tmp_path / "usual", HARMLESS, USUAL_ROWS)
    hostile = walk(server, tmp_path / "hostile", HOSTILE, ROWS)
    assert sequences(hostile) <= sequences(usual) | SCROLLING
    shown = words(hostile)
    assert not CONTROL.search(shown)
    assert not ALWAYS_REMOVED.search(shown)
    assert KEY not in shown
    assert "Traceback" not in shown


def test_sequences_and_words_are_read_from_bytes() -> None:
    data = b"a\x1b[31mb\x1b]52;c;x\x07c\xc2\x9b5n\x1bc\x1b[?2026h\x07\x1bPq\x1b\\"
    kinds = {"CSI m", "] 52;c;x", "control 9B", "ESC c", "CSI ?2026h", "control 07", "P q"}
    assert sequences(data) == kinds
    assert words(data) == "abc5n"
    for more in (data, b"\x1b]8;;x", b"\xc3"):
        assert words(more + b"\x1b[1mz" + data) == words(more) + words(b"\x1b[1mz" + data)
    for bad in (b"\x9b31m", b"\x1b[31337m", b"\xed\xa0\x80"):
        with pytest.raises((UnicodeDecodeError, AssertionError)):
            sequences(bad)
