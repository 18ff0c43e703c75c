"""What is decided before the command line is parsed is what the parser would have said."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from handinger_tui.cli import args, main
from handinger_tui.cli.fast_args import fast_args


def mixtures() -> list[tuple[str, ...]]:
    """Every choice of the options that show the screen unparsed."""
    options = sorted(main.SCREEN)
    return [*chain.from_iterable(combinations(options, count) for count in range(len(options) + 1))]


def test_options_that_are_not_parsed_show_the_screen_and_say_what_the_parser_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[object] = []
    monkeypatch.setattr(main, "_run_app", shown.append)
    for mixture in mixtures():
        told = args.parse([*mixture, *mixture])
        main.COMMANDS[told.command](told)
        assert shown.pop() is told
        assert vars(fast_args(main.SCREEN[word] for word in mixture)) == vars(told)


def test_the_version_is_told_as_the_parser_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--version"]) == 0
    ours = capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        args.parse(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == ours
