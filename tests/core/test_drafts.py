"""Drafts: stored and restored, with their pasted texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handinger_tui.core.prompts import (
    Draft,
    chip_text,
    chips_in,
    collapse_pastes,
    draft_as_typed,
    draft_of_request,
    file_mentions,
    history_entry,
    pack_draft,
    renumbered,
    unpack_draft,
    without_mention,
)
from handinger_tui.core.turns.turn import Attachment, Lineage, LineageKind, TurnRequest

FILE = Attachment("/x/my sales.csv", "my sales.csv", 12, "text/csv", "ab")
LONG, LONGER = "x" * 3_000, "y" * 4_000

FILES = st.builds(Attachment, st.text(), st.text(), st.integers(0, 1 << 50), st.text(), st.text())
LINEAGES = st.builds(
    Lineage, st.sampled_from(LineageKind), st.text(), st.text(), st.integers(0, 99), st.text()
)
PLAIN = st.text(st.characters(exclude_characters="\x1e"))


@given(
    PLAIN,
    st.lists(FILES, max_size=3),
    st.lists(st.text(), max_size=3),
    st.none() | LINEAGES,
    st.lists(st.text(), max_size=3),
)
def test_a_draft_is_restored_unchanged(
    text: str, files: list[Attachment], pasted: list[str], lineage: Lineage | None, others: list[str]
) -> None:
    draft = Draft(text, tuple(files), tuple(pasted), lineage, tuple(others))
    assert unpack_draft(pack_draft(draft)) == draft


def test_a_plain_draft_is_stored_as_plain_text() -> None:
    assert pack_draft(Draft("half a thought")) == "half a thought"
    assert unpack_draft("half a thought") == Draft("half a thought")
    assert unpack_draft("") == Draft()


@given(st.text())
def test_any_stored_text_is_read(text: str) -> None:
    assert isinstance(unpack_draft(f"\x1e{text}"), Draft)


def test_a_draft_keeps_only_its_own_folded_texts() -> None:
    text = f"compare {chip_text(LONGER, 2)} and {chip_text(LONGER, 2)}"
    assert draft_as_typed(text, [FILE], [LONG, LONGER]) == Draft(
        f"compare {chip_text(LONGER, 1)} and {chip_text(LONGER, 1)}", (FILE,), (LONGER,)
    )
    assert draft_as_typed("nothing", [], [LONG]) == Draft("nothing")


def test_a_request_becomes_a_draft_again() -> None:
    assert draft_of_request(TurnRequest("t", "sum up", 0, attachments=(FILE,))) == Draft("sum up", (FILE,))


def test_the_history_names_the_files() -> None:
    assert history_entry("sum up", [FILE]) == 'sum up @"/x/my sales.csv"'
    assert history_entry("", [FILE]) == '@"/x/my sales.csv"'
    odd = Attachment("/x/a\nb", "a\nb", 1, "text/plain")
    assert history_entry("sum up", [odd]) == "sum up"


def test_chips_are_renumbered() -> None:
    text = f"a {chip_text(LONG, 1)} b {chip_text(LONGER, 2)} [pasted text 1: 7 characters]"
    first, second = chips_in(text, [LONG, LONGER])
    assert (text[first.start : first.end], second.number) == (chip_text(LONG, 1), 2)
    moved = renumbered(text, [LONG, LONGER], lambda number: number + 5)
    assert moved == f"a {chip_text(LONG, 6)} b {chip_text(LONGER, 7)} [pasted text 1: 7 characters]"
    assert chips_in("no chip", [LONG]) == ()


def test_a_text_is_folded_again_in_place() -> None:
    assert collapse_pastes(f"see {LONG}!", ["short", LONG]) == f"see {chip_text(LONG, 2)}!"
    assert collapse_pastes("short", ["short"]) == "short"


def test_a_name_is_removed_from_a_text() -> None:
    text = r'see @a.csv, \@a.csv and @"a.csv" but @b.csv'
    assert without_mention(text, "a.csv") == r"see a.csv, \@a.csv and a.csv but @b.csv"
    assert file_mentions(without_mention(text, "a.csv")).paths == ("b.csv",)
    assert without_mention('open @"a', "a") == 'open @"a'
