"""An earlier message edited, tried again, or carried over to a new worker: shown,
and never sent without consent.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import OptionList

from handinger_tui.core.errors import Doubtful, Refused
from handinger_tui.core.figures import Costs, Usage
from handinger_tui.core.money.attribution import TurnMoney
from handinger_tui.core.turns.turn import ErrorKind, Lineage, LineageKind, Turn, TurnRequest, TurnStatus
from handinger_tui.ui.dialogs import Choice, Question
from handinger_tui.ui.widgets.status_text import first_cost
from tests.engine.fakes import FakeApi, says, worker
from tests.ui.disk import desktop_with
from tests.ui.fakes import PRICED, Desktop, answers
from tests.ui.screens.test_sending import held

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def settled(money: TurnMoney) -> TurnMoney:
    """This amount as that of an ended turn, confirmed by a later reading."""
    return replace(money, final=True, ended=True, confirmed=True)


@asynccontextmanager
async def answered(*texts: str, desktop: Desktop | None = None) -> AsyncIterator[tuple[Desktop, Pilot[None]]]:
    """A session with answers to these messages; the service has three more answers."""
    desktop = desktop or Desktop(api=answers(*(f"To {text}" for text in texts), "More", "Still", "Last"))
    async with desktop.running(120, 40) as pilot:
        for text in texts:
            await desktop.send(pilot, text)
            await desktop.shows(pilot, f"To {text}", "✓ completed")
        await desktop.settle(pilot)
        yield desktop, pilot


async def open_retry(desktop: Desktop, pilot: Pilot[None], command: str = "/retry") -> None:
    await desktop.send(pilot, command)
    await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))


# -- edit ---------------------------------------------------------------------------------
async def test_an_earlier_message_is_edited_and_sent_as_a_new_one() -> None:
    async with answered("one", "two") as (desktop, pilot):
        first = desktop.session.turns[0]
        await desktop.send(pilot, "/edit 1")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one")
        assert len(desktop.api.posts) == 2
        await pilot.press(*" more", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 3)
        await desktop.shows(pilot, "❯ one more", "↳ edited from message 1", "✓ completed")
        request = desktop.session.turns[-1].request
        assert request.lineage == Lineage(LineageKind.EDIT, desktop.session.session_id, first.turn_id, 1)
        assert (desktop.session.turns[0].request.prompt, request.prompt) == ("one", "one more")


async def test_a_message_chosen_when_another_session_is_open_leaves_the_prompt_as_it_is() -> None:
    async with answered("one", "two") as (desktop, pilot):
        await desktop.send(pilot, "/edit")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Choice))
        # As a slow /attach does.
        await desktop.work.switcher.begin()
        await desktop.until(pilot, lambda: not desktop.session.turns)
        await pilot.press("enter")
        await desktop.until(pilot, lambda: "The prompt was not changed." in desktop.notices())
        assert desktop.work.prompt.text == ""


@pytest.mark.parametrize("command", ["edit", "retry", "fork"])
async def test_the_messages_are_offered_with_their_numbers(command: str) -> None:
    async with answered("one", "two " * 15 + "two") as (desktop, pilot):
        await pilot.press(*f"/{command} ")
        await desktop.shows(pilot, f"› /{command} 2", "  two two", f"  /{command} 1")
        # The offers of the letters before were more.
        await desktop.until(pilot, lambda: desktop.text_of("#offers").count("\n") == 1)
        _newest, first = desktop.text_of("#offers").split("\n")
        assert first.split() == [f"/{command}", "1", "one"]
        await pilot.press("1")
        await desktop.until(pilot, lambda: f"/{command} 2" not in desktop.text())
        await pilot.press("backspace", "down", "tab")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == f"/{command} 1 ")
        assert len(desktop.api.posts) == 2


async def test_without_a_number_the_message_is_chosen_from_a_list() -> None:
    async with answered("one", "two") as (desktop, pilot):
        await desktop.send(pilot, "/edit")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Choice))
        await pilot.press("down", "enter")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one")


async def test_a_new_text_has_no_lineage() -> None:
    async with answered("one") as (desktop, pilot):
        await desktop.send(pilot, "/edit")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one")
        await pilot.press("ctrl+u", *"new", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        assert desktop.session.turns[-1].request.lineage is None


async def choose(desktop: Desktop, pilot: Pilot[None], act: str) -> None:
    """Open the actions of the message at the cursor, and choose the one that begins like this."""
    await pilot.press("enter")
    await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Choice))
    rows = desktop.app.screen.query_one(OptionList)
    await desktop.until(pilot, lambda: rows.option_count)
    at = next(at for at, option in enumerate(rows.options) if str(option.prompt).startswith(act))
    await pilot.press(*["down"] * at, "enter")


async def test_the_action_edits_the_message_at_the_cursor_and_keeps_what_is_typed() -> None:
    async with answered("one", "two") as (desktop, pilot):
        await pilot.press(*"unsent", "ctrl+up")
        await desktop.shows(pilot, "Browsing: answers", "Enter Actions")
        for _ in range(12):
            await pilot.press("k")
        await choose(desktop, pilot, "Edit")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one")
        assert desktop.work.prompt.has_focus
        await pilot.press("up")
        assert desktop.work.prompt.text == "unsent"


async def test_the_lineage_of_a_draft_survives_another_session() -> None:
    async with answered("one") as (desktop, pilot):
        await desktop.send(pilot, "/edit")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one")
        await pilot.press("ctrl+n")
        await desktop.shows(pilot, "New session")
        await pilot.press("alt+up")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one")
        await pilot.press("!", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        lineage = desktop.session.turns[-1].request.lineage
        assert lineage is not None
        assert lineage.kind is LineageKind.EDIT


# -- retry --------------------------------------------------------------------------------
async def test_a_message_is_tried_again_only_after_its_price_and_a_yes() -> None:
    async with answered("one") as (desktop, pilot):
        desktop.work.prompt.put("half a thought")
        await pilot.press("ctrl+up")
        await desktop.shows(pilot, "Browsing: answers")
        await choose(desktop, pilot, "Retry")
        await desktop.shows(pilot, "Try again?", "The first try cost $0.0123 so far.", "Budget standard:")
        await pilot.press("enter")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        assert len(desktop.api.posts) == 1
        await pilot.press("ctrl+up")
        await desktop.shows(pilot, "Browsing: answers")
        await choose(desktop, pilot, "Retry")
        await desktop.until(pilot, lambda: isinstance(desktop.app.screen, Question))
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        await desktop.shows(pilot, "↳ message 1 again", "✓ completed")
        assert [request.prompt for request in desktop.api.posts] == ["one", "one"]
        assert desktop.work.prompt.text == "half a thought"


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (settled(TurnMoney(Usage(cost_usd=Decimal("0.2")))), "The first try cost $0.20."),
        (
            TurnMoney(Usage(cost_usd=Decimal("0.2")), final=True, ended=True),
            "The first try cost $0.20 so far.",
        ),
        (TurnMoney(Usage(cost_usd=Decimal("0.2"))), "The first try cost $0.20 so far."),
        (
            settled(
                TurnMoney(
                    Usage(cost_usd=Decimal(0)), shared=True, most=(Usage(cost_usd=Decimal("0.2")), Costs())
                )
            ),
            "The first try cost up to $0.20.",
        ),
        (
            settled(TurnMoney(Usage(credits=Decimal(2)), credits_doubtful=True)),
            "The first try cost about 2 credits (about $0.02).",
        ),
        (TurnMoney(), "The cost of the first try is unknown."),
    ],
)
def test_the_question_says_what_the_first_try_cost_and_how_sure_that_is(money: TurnMoney, text: str) -> None:
    turn = Turn(TurnRequest("turn_1", "one", 0), TurnStatus.COMPLETED)
    assert first_cost(turn, money.cost(Decimal("0.01"))) == text


async def test_a_refused_message_is_retried_at_another_budget_and_leaves_the_prompt() -> None:
    no = Refused(ErrorKind.INVALID, "No.", http_status=400)
    desktop = Desktop(api=FakeApi(starts=[no, says("Yes")], workers=[worker("", messages=None, **PRICED)]))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "one")
        await desktop.until(pilot, lambda: desktop.work.prompt.text == "one" and not desktop.session.busy)
        await pilot.press("ctrl+u")
        await open_retry(desktop, pilot, "/retry high")
        assert "Nothing was charged for the first try." in desktop.text()
        assert "Budget high:" in desktop.text()
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "Yes", "✓ completed")
        assert [(request.prompt, request.budget) for request in desktop.api.posts] == [
            ("one", "standard"),
            ("one", "high"),
        ]
        assert desktop.work.prompt.text == ""


async def test_a_retry_of_a_message_of_unknown_delivery_needs_the_typed_word() -> None:
    desktop = Desktop(
        api=FakeApi(starts=[Doubtful(ErrorKind.TIMEOUT, "Lost."), says("Yes")], workers=[worker()])
    )
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "one")
        await desktop.until(
            pilot, lambda: desktop.session.turns and desktop.session.turns[0].status is TurnStatus.UNKNOWN
        )
        await desktop.settle(pilot)
        await pilot.press("ctrl+u")
        await open_retry(desktop, pilot)
        await pilot.press("right", "enter")
        await desktop.shows(pilot, "Send again?")
        await pilot.press("escape")
        await desktop.until(pilot, lambda: desktop.app.screen is desktop.work)
        assert len(desktop.api.posts) == 1


async def test_what_still_runs_is_not_tried_again() -> None:
    script, gate = held("Half")
    desktop = Desktop(api=FakeApi(starts=[script], workers=[worker("", **PRICED)]))
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, "one")
        await desktop.shows(pilot, "Half")
        await desktop.send(pilot, "/retry")
        await desktop.until(pilot, lambda: "still working on this message" in desktop.notices())
        assert desktop.app.screen is desktop.work
        gate.set()
        await desktop.shows(pilot, "✓ completed")
        assert len(desktop.api.posts) == 1


async def test_a_word_that_looks_like_a_file_is_not_attached_by_a_retry(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    desktop = desktop_with("To it", "More")
    async with desktop.running(120, 40) as pilot:
        await desktop.send(pilot, rf"read \@{secret}")
        await desktop.shows(pilot, "To it", "✓ completed")
        await open_retry(desktop, pilot)
        await pilot.press("right", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 2)
        assert [(request.prompt, request.attachments) for request in desktop.api.posts] == [
            (f"read @{secret}", ()),
            (f"read @{secret}", ()),
        ]


# -- fork ---------------------------------------------------------------------------------
async def test_a_fork_carries_the_conversation_to_a_new_worker_once_it_is_sent() -> None:
    async with answered("one", "two", "three") as (desktop, pilot):
        parent = desktop.session
        await desktop.send(pilot, "/fork 2")
        await desktop.shows(pilot, "Fork of one", "conversation so far 1")
        assert len(desktop.api.posts) == 3
        await pilot.press(*"go on", "enter")
        await desktop.until(pilot, lambda: len(desktop.api.posts) == 4)
        await desktop.shows(pilot, "↳ forked from “one”, message 2", "✓ completed")
        request = desktop.api.posts[-1]
        assert request.target_id is None
        assert all(text in request.prompt for text in ("one", "To one", "two", "To two"))
        assert "three" not in request.prompt
        assert request.prompt.endswith("go on")
        assert request.lineage == Lineage(
            LineageKind.FORK, parent.session_id, parent.turns[1].turn_id, 2, title="one"
        )
        assert desktop.session.title == "Fork of one"
        await pilot.press("alt+up")
        await desktop.until(pilot, lambda: desktop.session.session_id == parent.session_id)
        assert desktop.session.turns == parent.turns


async def test_a_fork_keeps_what_is_in_the_prompt_of_new_sessions() -> None:
    async with answered("one") as (desktop, pilot):
        await pilot.press("ctrl+n")
        await desktop.shows(pilot, "New session")
        await pilot.press(*"a fresh thought", "alt+up")
        await desktop.until(pilot, lambda: desktop.session.turns)
        await desktop.send(pilot, "/fork")
        await desktop.shows(pilot, "Fork of one", "a fresh thought")


async def test_commands_without_an_earlier_message_are_refused() -> None:
    desktop = Desktop()
    async with desktop.running(120, 40) as pilot:
        for command in ("/edit", "/retry", "/fork"):
            await desktop.send(pilot, command)
        await desktop.until(pilot, lambda: desktop.notices().count("Nothing was sent in this session") == 3)
    async with answered("one") as (desktop, pilot):
        await desktop.send(pilot, "/retry 7")
        await desktop.until(pilot, lambda: "No message 7" in desktop.notices())
        assert len(desktop.api.posts) == 1
