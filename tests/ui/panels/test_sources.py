"""The panel of sources: groups, marks, mentions, and stable positions while the list grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from handinger_tui.core.evidence import title_of
from handinger_tui.core.stream import SourcePart
from handinger_tui.core.turns.turn import TextPart, Turn, TurnStatus
from handinger_tui.ui.panels.panel import CopyLink, OpenLink, ShowMention, SourcesRequest
from handinger_tui.ui.panels.sources import SourcesPanel, count_words, mention_words, place_of
from tests.ui.golden.stored import check
from tests.ui.panels.stage import Stage, count_drawn, says, session, source, turn
from tests.ui.pilot import running, text_of

if TYPE_CHECKING:
    from handinger_tui.core.turns.session import Session

ALPS = source(
    3, title="Rainfall in the Alps since 1900: a long title", url="https://climate.example.net/alps"
)
KATALOG = source(4, title=None, url="https://bücher.example/katalog")
REPORT = SourcePart("d1", None, "Annual report 2024", "application/pdf", "report-2024.pdf")


def researched() -> Session:
    """Two turns with sources of every kind; the answers name the first three of them."""
    first = says("See [1], https://www.example.org/page/2 and once more [1].")
    second = says("It [rains](https://climate.example.net/alps#top).")
    return session(
        turn(0, parts=(source(1), source(2), first)), turn(1, parts=(ALPS, KATALOG, REPORT, second))
    )


def one_more(shown: Session, *parts: Any) -> Session:
    """The same session with more sources in its last turn."""
    last = shown.turns[-1]
    return replace(shown, turns=(*shown.turns[:-1], replace(last, parts=(*last.parts, *parts))))


def titles(panel: SourcesPanel) -> list[int]:
    return [item.number for item in panel.rows.items]


async def put(panel: SourcesPanel, pilot: Pilot[None], shown: Session) -> None:
    panel.show(shown)
    await pilot.pause()


# -- what it looks like ------------------------------------------------------------------
@pytest.mark.parametrize("columns", [30, 34, 44])
async def test_by_turn_the_newest_comes_first(columns: int) -> None:
    panel = SourcesPanel()
    app = Stage(panel, columns=columns)
    async with running(app, size=(columns, 18)) as pilot:
        await put(panel, pilot, researched())
        await pilot.press("down", "down", "down")
        check(f"panels/sources-{columns}", text_of(app))


async def test_by_host_and_back() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 19)) as pilot:
        await put(panel, pilot, researched())
        await pilot.press("down", "g")
        assert panel.current is not None
        assert panel.current.number == 4, "the cursor stays on its source"
        check("panels/sources-hosts-34", text_of(app))
        assert titles(panel) == [1, 2, 3, 4, 5]
        await pilot.press("g")
        assert titles(panel) == [3, 4, 5, 1, 2]
        assert panel.current.number == 4


ODD = (
    ("https://google.com@evil.example/", "google.com", "evil.example", "title says google.com · user"),
    ("https://аpple.com/", "apple.com", "xn--pple-43d.com", "title says apple.com · punycode"),
    ("https://xn--bcher-kva.example/", "Bücher", "xn--bcher-kva.example", "punycode"),
    ("http://198.51.100.7:8443/a", "A page", "198.51.100.7", "IP address · port 8443 · not encrypted"),
    ("https://example.org/", "www.example.net/login", "example.org", "title says example.net"),
    ("javascript:alert(1)", "Another page", "no web address", "not opened"),
)
"""Address, title, host, and remark."""


async def test_what_is_odd_about_an_address_has_a_line_of_its_own() -> None:
    panel = SourcesPanel()
    app = Stage(panel, columns=70)
    async with running(app, size=(70, 30)) as pilot:
        parts = [source(at, url=url, title=title) for at, (url, title, _, _) in enumerate(ODD)]
        await put(panel, pilot, session(turn(0, parts=(*parts, source(9)))))
        lines = [line.strip("│› ") for line in text_of(app).split("\n")]
        for number, (_, title, host, mark) in enumerate(ODD, 1):
            at = lines.index(f"{number} {title}")
            assert lines[at + 1].startswith(host)
            assert lines[at + 2].startswith(f"▲ {mark}")
        at = lines.index("7 Page number 9")
        assert lines[at + 1].startswith("www.example.org")
        assert not lines[at + 2], "an ordinary address has two lines"


async def test_of_a_long_host_the_end_is_shown() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    url = f"https://www.bank.example.{'login.' * 9}evil.example/"
    async with running(app, size=(34, 12)) as pilot:
        await put(panel, pilot, session(turn(0, parts=(source(1, url=url, title="My bank"),))))
        assert "login.evil.example" in text_of(app)


@pytest.mark.parametrize(
    ("part", "title", "place"),
    [
        (SourcePart("a", "https://Example.ORG/x", " Two\nlines "), "Two lines", "example.org"),
        (SourcePart("a", "https://google.com@evil.example/", "google.com"), "google.com", "evil.example"),
        (SourcePart("a", "https://аpple.com/", "apple.com"), "apple.com", "xn--pple-43d.com"),
        (SourcePart("a", "javascript:alert(1)", None), "javascript:alert(1)", "no web address"),
        (SourcePart("a", "http://[broken", None), "http://[broken", "no web address"),
        (SourcePart("a", None, None, None, None), "a", "document"),
        (SourcePart("", None, "\x1b\u202e", None, None), "untitled", "document"),
        (SourcePart("a", None, "Report", "application/pdf"), "Report", "document · application/pdf"),
    ],
)
def test_title_and_place(part: SourcePart, title: str, place: str) -> None:
    assert (title_of(part), place_of(part)) == (title, place)


def test_words_that_fit() -> None:
    assert count_words(5, 3, 0, 40) == "5 · 3 new"
    assert count_words(5, 3, 2, 40) == "5 · 3 new · 2 not mentioned"
    assert count_words(5, 0, 2, 40) == "5 · 2 not mentioned"
    assert count_words(1000, 30, 999, 30) == "1,000 · 999 unmentioned"
    assert mention_words(0, None) == ("not mentioned", "0×")
    assert mention_words(3, 1)[0] == "2 of 3"


# -- what is new, and what nobody speaks of --------------------------------------------------
async def test_only_the_newest_turn_that_was_sent_has_new_items() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 24)) as pilot:
        shown = researched()
        await put(panel, pilot, shown)
        assert [item.number for item in panel.rows.items if panel.rows.is_new(item)] == [3, 4, 5]
        panel.show(session(*shown.turns, turn(2, status=TurnStatus.QUEUED, seconds=None)))
        assert any(panel.rows.is_new(item) for item in panel.rows.items)
        await put(panel, pilot, session(*shown.turns, turn(2, status=TurnStatus.ACCEPTED, seconds=None)))
        assert "new" not in text_of(app)


async def test_one_address_in_two_spellings_is_one_source() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 12)) as pilot:
        again = source(9, url="HTTP://WWW.example.org:80/page/./1/?utm_source=x#part")
        await put(panel, pilot, session(turn(0, parts=(source(1), again))))
        assert titles(panel) == [1]


async def test_sources_that_no_answer_names_are_counted() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 24)) as pilot:
        shown = researched()
        await put(panel, pilot, shown)
        assert "5 · 3 new · 2 not mentioned" in text_of(app)
        await put(panel, pilot, one_more(shown, says("And [4] and [5].")))
        assert "5 · 3 new ─╯" in text_of(app)


# -- keys -----------------------------------------------------------------------------------
async def test_open_and_copy_hand_over_the_address_as_it_came() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        await put(panel, pilot, researched())
        await pilot.press("down", "enter", "y", "down", "enter", "y")
        opened, copied = app.requests
        assert isinstance(opened, OpenLink)
        assert isinstance(copied, CopyLink)
        assert opened.url == copied.url == "https://bücher.example/katalog"
        assert opened.shown == "https://bücher.example/katalog"
        assert panel.check_action("request", ("open",)) is None, (
            "a document without an address cannot be opened"
        )


async def test_a_click_opens_the_source_under_the_mouse() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        await put(panel, pilot, session(turn(0, parts=(source(1), source(2)))))
        await pilot.click(panel, offset=(8, 1))
        assert not app.requests, "a heading is no source"
        await pilot.click(panel, offset=(8, 5))
        await pilot.click(panel, offset=(8, 8))
        assert [ask.url for ask in app.requests if isinstance(ask, OpenLink)] == [
            "https://www.example.org/page/2"
        ]


async def test_the_same_key_goes_from_mention_to_mention() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        shown = researched()
        await put(panel, pilot, shown)
        await pilot.press("end", "up", "m", "m", "m", "M", "M")
        mentions = [ask for ask in app.requests if isinstance(ask, ShowMention)]
        assert [(ask.source.number, ask.at, len(ask.places)) for ask in mentions] == [
            (1, 0, 2), (1, 1, 2), (1, 0, 2), (1, 1, 2), (1, 0, 2),
        ]  # fmt: skip
        text = "".join(part.text for part in shown.turns[0].parts if isinstance(part, TextPart))
        assert {text[place.start : place.end] for place in mentions[0].places} == {"[1]"}
        assert "1 of 2" in text_of(app)
        app.requests.clear()
        await pilot.press("down", "M", "home", "down", "m")
        mentions = [ask for ask in app.requests if isinstance(ask, ShowMention)]
        assert [(ask.source.number, ask.at, len(ask.places)) for ask in mentions] == [(2, 0, 1), (4, 0, 0)]


async def test_all_of_them_are_copied_and_saved_in_order_of_their_numbers() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        await put(panel, pilot, researched())
        await pilot.press("f", "e")
        requests = [ask for ask in app.requests if isinstance(ask, SourcesRequest)]
        assert [ask.action for ask in requests] == ["footnotes", "export"]
        for request in requests:
            assert [one.number for one in request.sources] == [1, 2, 3, 4, 5]


# -- while it grows -----------------------------------------------------------------------------
def line_with(app: Stage, words: str) -> int:
    return next(at for at, line in enumerate(text_of(app).split("\n")) if words in line)


async def test_the_newest_rows_are_visible_when_the_list_is_idle() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 9)) as pilot:
        app.set_focus(None)
        await put(panel, pilot, session(turn(0, parts=tuple(map(source, range(20))))))
        assert "Page number 0" in text_of(app)
        grown = session(*panel_turns(panel), turn(1, parts=(ALPS,)))
        await put(panel, pilot, grown)
        assert "Rainfall in the Alps" in text_of(app)
        assert panel.cursor == 0


def panel_turns(panel: SourcesPanel) -> tuple[Turn, ...]:
    """The turns of the panel's last update."""
    return (turn(0, parts=tuple(item.part for item in panel.sources)),)


@pytest.mark.parametrize("focused", [True, False])
async def test_what_is_in_sight_stays_while_sources_come_above_it(focused: bool) -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    old = turn(0, parts=tuple(map(source, range(30))))
    shown = session(old, turn(1, parts=(source(50),)))
    async with running(app, size=(34, 12)) as pilot:
        await put(panel, pilot, shown)
        await pilot.press(*["down"] * 12)
        held = panel.current
        assert held is not None
        if not focused:
            app.set_focus(None)
        line = line_with(app, held.part.title or "")
        for number in range(60, 75):
            shown = one_more(shown, source(number), says("And [3]. "))
            await put(panel, pilot, shown)
            assert panel.current is not None
            assert panel.current.number == held.number
            assert line_with(app, held.part.title or "") == line


async def test_below_what_is_in_sight_nothing_moves_it() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    shown = session(turn(0, parts=tuple(map(source, range(12)))))
    async with running(app, size=(34, 12)) as pilot:
        await put(panel, pilot, shown)
        await pilot.press("end")
        before = text_of(app)
        await put(panel, pilot, one_more(shown, source(90)))
        assert line_with(app, "Page number 11") == before.split("\n").index(
            next(line for line in before.split("\n") if "Page number 11" in line)
        )


async def test_another_session_starts_at_the_top() -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    async with running(app, size=(34, 20)) as pilot:
        await put(panel, pilot, researched())
        await pilot.press("end", "m")
        await put(panel, pilot, session(turn(7, parts=(source(1), says("[1]"))), name="other"))
        assert panel.cursor == 0
        assert "1×" in text_of(app)


async def test_ten_thousand_sources_draw_only_visible_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = SourcesPanel()
    app = Stage(panel)
    many = session(turn(0, parts=tuple(map(source, range(10_000)))))
    async with running(app, size=(34, 20)) as pilot:
        drawn = count_drawn(panel, monkeypatch)
        await put(panel, pilot, many)
        assert len(panel.rows.items) == 10_000
        assert len(drawn) <= 60
        for key in ("end", "pageup", "up", "home", "pagedown", "g", "g"):
            drawn.clear()
            await pilot.press(key)
            assert len(drawn) <= 60
        await pilot.press("end")
        assert "10000 Page number 9999" in text_of(app)
        items = panel.rows.items
        panel.show(one_more(many, TextPart()))
        assert panel.rows.items is items, "text that streams lays nothing out again"
