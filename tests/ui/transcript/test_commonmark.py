"""Every section of CommonMark and of GitHub's extensions: streamed rows equal the rows of the complete text.

The cases are our own (commonmark.txt). `HANDINGER_TEST_TEXTS` mixes more of them than forty.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handinger_tui.core.safety import clean
from handinger_tui.ui.transcript.blocks import RowBuilder, parse
from handinger_tui.ui.transcript.document import render
from tests.ui.transcript.test_markdown import LIMITS, looks, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TEXTS: Final = int(os.environ.get("HANDINGER_TEST_TEXTS", "40"))
CODES: Final = str.maketrans({"→": "\t", "␠": " ", "␍": "\r"})
"""Characters that represent invisible ones in the file."""


def _sections() -> Mapping[str, list[str]]:
    """The cases by section: `%%%` and a name begin one, `%` parts two cases."""
    source = Path(__file__).with_name("commonmark.txt").read_text("utf-8").translate(CODES)
    sections = {}
    for section in source.removeprefix("%%% ").split("\n%%% "):
        name, _, cases = section.partition("\n")
        sections[name] = [case.removesuffix("\n") + "\n" for case in cases.split("\n%\n")]
    return sections


SECTIONS: Final = _sections()
CASES: Final = [case for cases in SECTIONS.values() for case in cases]

SHAPES: Final[Mapping[str, Callable[[str], str]]] = {
    "as it is": lambda text: text,
    "without an end": lambda text: text.removesuffix("\n"),
    "quoted": lambda text: "".join(f"> {line}\n" for line in text.split("\n")),
    "item": lambda text: "- " + text.replace("\n", "\n  ") + "\n",
    "numbered": lambda text: "7. " + text.replace("\n", "\n   ") + "\n",
    "windows": lambda text: text.replace("\n", "\r\n"),
    "old mac": lambda text: text.replace("\n", "\r"),
    "long": lambda text: "a word and " * 600 + text,
    "often": lambda text: text * 40,
}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_streams_alike(name: str) -> None:
    dice = random.Random(name)
    for case in SECTIONS[name]:
        expected = looks(render(case, 60))
        for longest in (1, 4, 15):
            assert looks(stream(case, dice, longest).rows) == expected, case


@pytest.mark.parametrize("name", SECTIONS)
def test_borders_do_not_change_a_section(name: str) -> None:
    for case in SECTIONS[name]:
        text = clean(case)
        tokens, borders = parse(text)
        builder = RowBuilder(text, 60, borders)
        assert looks(render(case, 60)) == looks(builder.rows(builder.units(tokens))), case


PIECES: Final = st.tuples(st.sampled_from(CASES), st.sampled_from(["as it is"] * 8 + list(SHAPES)))


@settings(max_examples=TEXTS, deadline=None)
@given(
    pieces=st.lists(PIECES, min_size=2, max_size=5),
    between=st.sampled_from(["", "\n", "\n\n"]),
    longest=st.sampled_from([1, 3, 9, 40, 400]),
    width=st.sampled_from([20, 60, 104]),
    seed=st.integers(0, 10**6),
)
def test_any_mix_of_cases_streams_alike(
    pieces: list[tuple[str, str]], between: str, longest: int, width: int, seed: int
) -> None:
    text = between.join(SHAPES[shape](case) for case, shape in pieces)
    if len(text) > 3_000:
        longest *= 100
    assert looks(stream(text, random.Random(seed), longest, width).rows) == looks(render(text, width))


@settings(max_examples=TEXTS, deadline=None)
@given(cases=st.lists(st.sampled_from(CASES), min_size=2, max_size=5), seed=st.integers(0, 10**6))
def test_the_limits_for_huge_texts_change_no_stream(cases: list[str], seed: int) -> None:
    text = "".join(cases)
    with pytest.MonkeyPatch.context() as patch:
        for module, limits in LIMITS.items():
            for name, value in limits.items():
                patch.setattr(module, name, value)
        assert looks(stream(text, random.Random(seed), 9, 40).rows) == looks(render(text, 40))


def test_the_cases_are_many() -> None:
    assert len(SECTIONS) >= 25
    assert len(set(CASES)) >= 600
