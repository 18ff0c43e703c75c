"""The files of a session: the turn of each, and replaced files."""

from __future__ import annotations

import pytest

from handinger_tui.core.evidence import listed_files, matching_files
from handinger_tui.core.stream import FilePart
from tests.ui.panels.stage import session, turn

PLACE = "https://files.example/w1/report.csv"


def part(url: str = PLACE, name: str | None = "report.csv", size: int | None = 10) -> FilePart:
    return FilePart(url, "text/csv", name, size)


@pytest.mark.parametrize(
    ("second", "changed"),
    [
        (part(), False),
        (part(f"{PLACE}?sig=2"), False),
        (part(f"{PLACE}?sig=2", size=11), True),
        (part(f"{PLACE}?sig=2", size=None), True),
        (part("https://files.example/w1/other/report.csv"), True),
        (part("https://files.example/w1/other.csv", "other.csv"), False),
        (part("data:text/csv,a", "report.csv"), True),
    ],
)
def test_another_file_of_the_same_name_or_place_is_a_change(second: FilePart, changed: bool) -> None:
    first = part()
    listed = listed_files(session(turn(0, parts=(first,)), turn(1, parts=(second,))))
    assert [file.part for file in listed] == ([second] if second.url == first.url else [first, second])
    assert (listed[-1].turn, listed[-1].changed) == (2, changed)


def test_two_of_a_name_in_one_turn_are_two_files() -> None:
    listed = listed_files(session(turn(0, parts=(part(), part("https://files.example/b/report.csv")))))
    assert [(file.turn, file.changed) for file in listed] == [(1, False), (1, False)]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("1", ["a.csv"]),
        ("0", []),
        ("9", []),
        ("³", []),
        ("a.csv", ["a.csv"]),
        ("b", ["b.csv"]),
        ("", []),
        ("x", []),
        ("3", ["3"]),
        ("c", []),
        ("dgnp.exe", ["d\u202egnp.exe"]),
        ("last", [None]),
    ],
)
def test_a_file_is_named_by_number_name_or_beginning(wanted: str, names: list[str | None]) -> None:
    names_of_files = ("a.csv", "b.csv", "3", "c1", "c2", "d\u202egnp.exe")
    parts = [part(f"https://x.test/{name}", name) for name in names_of_files]
    parts.append(part("https://x.test/last.csv", None))
    listed = listed_files(session(turn(0, parts=tuple(parts))))
    assert [file.part.filename for file in matching_files(listed, wanted)] == names
