"""A pattern that is compiled late does what one does that is compiled at once."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import handinger_tui.core
from handinger_tui.core.patterns import late


def test_it_answers_as_the_pattern_does() -> None:
    mine, model = late(r"(?P<word>[a-z]+)\d", re.IGNORECASE), re.compile(r"(?P<word>[a-z]+)\d", re.IGNORECASE)
    for _ in range(2):
        assert [found.group("word") for found in mine.finditer("ab1 CD2")] == ["ab", "CD"]
        assert mine.sub(r"\g<word>", "ab1") == "ab"
        assert (mine.pattern, mine.flags, mine.groupindex) == (model.pattern, model.flags, model.groupindex)
    assert late(b"a+").fullmatch(b"aaa")


def test_a_wrong_pattern_is_refused_when_it_is_used() -> None:
    wrong = late("(")
    with pytest.raises(re.error):
        wrong.search("")


def test_no_pattern_of_the_program_is_wrong() -> None:
    told = 0
    for module in pkgutil.walk_packages(handinger_tui.core.__path__, "handinger_tui.core."):
        for value in vars(importlib.import_module(module.name)).values():
            if type(value) is type(late("")):
                assert value.pattern is not None
                told += 1
    assert told > 30
