"""Words on the screen: plain American English, checked where they are written."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterable, Iterator

import pytest

from handinger_tui.cli.args import command_parser, main_parser
from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.core.formatting import percent_text, plural
from handinger_tui.ui.commands import COMMANDS
from handinger_tui.ui.keys import KEYS, Where
from tests.house import words
from tests.house.project import ROOT, TESTS, python_files, tree, where
from tests.house.words import Text


def test_every_text_of_the_program_is_plain_english() -> None:
    texts = words.all_texts()
    assert len(texts) > 700, "the collection lost its texts"
    assert not list(_report((one, words.problems(one.text)) for one in texts))


def test_messages_are_sentences() -> None:
    sentences = words.sentences()
    assert len(sentences) > 150
    assert not list(_report((one, words.sentence_problems(one.text)) for one in sentences))


def test_labels_have_sentence_case_and_no_full_stop() -> None:
    texts = [*words.labels(), *_tables()]
    assert len(texts) > 200
    assert not list(_report((one, words.label_problems(one.text)) for one in texts))


def test_numbers_and_nouns_agree() -> None:
    assert not [f"{one.place}: {one.text!r}" for one in words.uncounted()]
    assert [plural(1, "turn"), plural(0, "turn"), plural(2, "match", "matches")] == [
        "1 turn",
        "0 turns",
        "2 matches",
    ]
    assert percent_text(None) == "unknown"


def test_the_help_of_the_command_line_is_plain_english() -> None:
    texts = [*_help(main_parser(), "handinger-tui")]
    for name in SUBCOMMANDS:
        texts += _help(command_parser(name), name)
    assert len(texts) > 80
    assert not list(_report((one, words.problems(one.text)) for one in texts))
    assert not [one for one in texts if one.text.endswith(".") and one.text[0].islower()]


@pytest.mark.parametrize(
    "bad",
    [
        "Receivers get nothing any longer.",
        "Runs start by themselves, also while it is closed.",
        "Really do it",
        "Enter begins a task",
        "What goes along",
        "Nobody knows what it may cost",
        "Mend it and start",
        "Send an e-mail now",
        "The dearest turn",
        "to the message before",
        "It has 80 % used",
        "colour of the text",
        "The run was cancelled",
        "too  many spaces",
        "1 turns in all",
        "x is no plain file",
        "summarise this text",
    ],
)
def test_a_bad_text_is_reported(bad: str) -> None:
    module = ast.parse(f"def f():\n    '''{bad}'''\n    return {bad!r}\n")
    (text,) = [text for text, _ in words.texts_in(module)]
    assert words.problems(text)


def test_bad_labels_sentences_and_plurals_are_reported() -> None:
    assert words.label_problems("Open it.")
    assert words.label_problems("open")
    assert words.label_problems("Open The Session List")
    assert not words.label_problems("Save as JSON")
    assert words.sentence_problems("nothing was sent.")
    assert words.sentence_problems("Nothing was sent")
    (bad_plural,) = words.uncounted_plurals(ast.parse("f'{count} turns of {MOST} days'"))
    assert bad_plural[0] == "{} turns of {} days"
    assert not list(words.uncounted_plurals(ast.parse("f'{ENOUGH} turns'")))


def test_names_are_plain_english() -> None:
    tops = (ROOT / "benchmarks", ROOT / "handinger_tui", ROOT / "screenshots", TESTS)
    paths = [path for top in tops for path in python_files(top)]
    assert len(paths) > 600
    assert not [path for path in paths if set(path.stem.split("_")) & words.UNCLEAR_NAMES]
    suspects = [path for path in paths if words.may_have_unclear_names(path.read_text("utf-8"))]
    assert len(suspects) > 50
    unclear = [(name, path, node) for path in suspects for name, node in words.unclear_names(tree(path))]
    assert not [f"{where(path, node)}: {name}" for name, path, node in unclear]


def test_an_unclear_name_is_reported() -> None:
    bad = "class Told:\n    def test_it_is_told(self, asked): found = made_of = asked.found\ndef whole(): ..."
    names = sorted(name for name, _ in words.unclear_names(ast.parse(bad)))
    assert names == ["Told", "asked", "found", "made_of", "test_it_is_told", "whole"]
    assert all(words.may_have_unclear_names(name) for name in (*names, "isFound", "_TillHere"))
    assert not words.may_have_unclear_names("method, restore, unfounded")
    good = "def test_a_known_word(answer, restore): match = answer.found"
    assert not list(words.unclear_names(ast.parse(good)))


def _tables() -> Iterator[Text]:
    """The texts of the tables of keys and commands."""
    for place in Where:
        yield Text(place.value, "keys.Where")
    for key in KEYS:
        yield Text(key.label, key.id)
        yield Text(key.tooltip, key.id)
    for command in COMMANDS:
        yield Text(command.summary, command.name)


def _help(parser: argparse.ArgumentParser, place: str) -> Iterator[Text]:
    yield Text(parser.description or "", place)
    # argparse has no public list of its options.
    for option in parser._actions:
        if option.help and option.help != argparse.SUPPRESS:
            yield Text(option.help, f"{place} {option.dest}")


def _report(checked: Iterable[tuple[Text, list[str]]]) -> Iterator[str]:
    return (f"{one.place}: {one.text!r}: {', '.join(wrong)}" for one, wrong in checked if wrong)
